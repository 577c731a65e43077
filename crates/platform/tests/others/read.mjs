// What the npm package otpauth makes of a link: the time as an argument, the link on standard input, JSON on standard output.
import { readFileSync } from "node:fs";
import { URI } from "otpauth";

const totp = URI.parse(readFileSync(0, "utf8").trim());
const { issuer, label: account, algorithm, digits, period } = totp;
const code = totp.generate({ timestamp: Number(process.argv.at(-1)) * 1000 });
process.stdout.write(JSON.stringify({ otpauth: { issuer, account, algorithm, digits, period, code } }));
