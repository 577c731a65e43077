#!/usr/bin/env python3
"""What two other projects make of an otpauth link: read.py TIME, the link on standard input, JSON on standard output."""

import json
import sys

import passlib.totp
import pyotp


def main() -> None:
    link, time = sys.stdin.read().strip(), int(sys.argv[1])
    json.dump({"pyotp": by_pyotp(link, time), "passlib": by_passlib(link, time)}, sys.stdout)


def by_pyotp(link: str, time: int) -> dict:
    totp = pyotp.parse_uri(link)
    return {
        "issuer": totp.issuer,
        "account": totp.name,
        "algorithm": totp.digest().name.upper(),
        "digits": totp.digits,
        "period": totp.interval,
        "code": totp.at(time),
    }


def by_passlib(link: str, time: int) -> dict:
    totp = passlib.totp.TOTP.from_uri(link)
    return {
        "issuer": totp.issuer,
        "account": totp.label,
        "algorithm": totp.alg.upper(),
        "digits": totp.digits,
        "period": totp.period,
        "code": totp.generate(time).token,
    }


main()
