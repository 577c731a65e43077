// What openid-client (npm) and jose make of the server: its whole life with a television's tokens. On standard input where the server is,
// a key of a service and a person; on standard output what came of it.
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";

const { url, key, person } = JSON.parse(readFileSync(0, "utf8"));
const plainHttp = [oidc.allowInsecureRequests]; // on the loopback
const config = await oidc.discovery(new URL(url), "example-tv-app", undefined, oidc.None(), { execute: plainHttp });
oidc.enableNonRepudiationChecks(config); // signatures are checked, and not only where the token came from

async function signedIn() {
    const asked = await oidc.initiateDeviceAuthorization(config, { scope: "openid offline_access" });
    const decided = await fetch(`${url}/v1/devices/decide`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ user_code: asked.user_code, approve: true, person, from: "203.0.113.7" }),
    });
    if (decided.status !== 204) throw new Error(await decided.text());
    return oidc.pollDeviceAuthorizationGrant(config, { ...asked, interval: 1 });
}

const refusal = (promise) => promise.then(() => "accepted", (error) => error.error ?? String(error));
const renew = (tokens) => oidc.refreshTokenGrant(config, tokens.refresh_token);

const first = await signedIn();
const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
const rules = { issuer: url, audience: url, typ: "at+jwt", algorithms: ["ES256"] };
const { payload } = await jwtVerify(first.access_token, keys, rules);
const second = await renew(first);
const third = await renew(second);
const reused = await refusal(renew(first));
const afterwards = await refusal(renew(third));

const other = await signedIn();
await oidc.tokenRevocation(config, other.access_token);
const revoked = await refusal(renew(other));

process.stdout.write(
    JSON.stringify({
        identity: first.claims().sub,
        access: payload.sub,
        client: payload.client_id,
        renewed: third.claims().sub,
        reused,
        afterwards,
        revoked,
    }),
);
