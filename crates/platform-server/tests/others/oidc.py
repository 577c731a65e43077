"""The same as oidc.mjs beside this with authlib and joserfc, which is authlib's JOSE."""

import json
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet
import requests

told = json.load(sys.stdin)
url, person = told["url"], told["person"]
service = {"Authorization": f"Bearer {told['key']}"}
metadata = requests.get(f"{url}/.well-known/oauth-authorization-server", timeout=60).json()
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=60).json())
CLIENT = "example-tv-app"


def session() -> OAuth2Session:
    return OAuth2Session(
        CLIENT,
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method="none",
        revocation_endpoint_auth_method="none",
    )


def signed_in(client: OAuth2Session) -> dict:
    asked = requests.post(
        metadata["device_authorization_endpoint"],
        data={"client_id": CLIENT, "scope": "openid offline_access"},
        timeout=60,
    ).json()
    decision = {"user_code": asked["user_code"], "approve": True, "person": person, "from": "203.0.113.7"}
    decided = requests.post(f"{url}/v1/devices/decide", json=decision, headers=service, timeout=60)
    decided.raise_for_status()
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    return client.fetch_token(metadata["token_endpoint"], grant_type=grant, device_code=asked["device_code"])


def claims(token: str, audience: str) -> dict:
    read = jwt.decode(token, keys, algorithms=["ES256"])
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
    )
    rules.validate(read.claims)
    return read.claims


def renewed(client: OAuth2Session, token: dict) -> dict:
    return client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])


def refusal(client: OAuth2Session, token: dict) -> str:
    try:
        renewed(client, token)
    except OAuthError as error:
        return error.error
    return "accepted"


client = session()
first = signed_in(client)
access = claims(first["access_token"], url)
second = renewed(client, first)
third = renewed(client, second)
reused = refusal(client, first)
afterwards = refusal(client, third)

other_client = session()
other = signed_in(other_client)
other_client.revoke_token(metadata["revocation_endpoint"], token=other["refresh_token"]).raise_for_status()
json.dump(
    {
        "identity": claims(first["id_token"], CLIENT)["sub"],
        "access": access["sub"],
        "client": access["client_id"],
        "renewed": claims(third["id_token"], CLIENT)["sub"],
        "reused": reused,
        "afterwards": afterwards,
        "revoked": refusal(other_client, other),
    },
    sys.stdout,
)
