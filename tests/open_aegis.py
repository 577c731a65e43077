#!/usr/bin/env python3
"""Open an Aegis export, plain or encrypted, without Couchkey and without Aegis, and print what it holds as JSON.

    python3 -m pip install -r requirements-open-aegis.txt
    python3 open_aegis.py export.json < password

The password is one line of standard input, never an argument. Written from Aegis' description of its format
(docs/vault.md in its repository), by which the tests know that what Couchkey exports is what Aegis reads.
"""

import base64
import binascii
import json
import sys

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
except ImportError as missing:
    sys.exit(f"open_aegis.py: {missing}. First: python3 -m pip install -r requirements-open-aegis.txt")

PASSWORD_SLOT = 1


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: open_aegis.py EXPORT")
    with open(sys.argv[1], encoding="utf-8") as file:
        vault = json.load(file)
    if vault["version"] != 1:
        sys.exit(f"open_aegis.py: version {vault['version']} is not known")
    header = vault["header"]
    if header["params"] is None:
        database = vault["db"]
        if header["slots"] is not None:
            sys.exit("open_aegis.py: slots without anything sealed")
    else:
        key = master_key(header["slots"], sys.stdin.readline().rstrip("\n"))
        sealed = base64.b64decode(vault["db"], validate=True)
        database = json.loads(open_sealed(key, header["params"], sealed))
    check(database)
    json.dump(database, sys.stdout, ensure_ascii=False)


def master_key(slots, password):
    for slot in slots:
        if slot["type"] != PASSWORD_SLOT:
            continue
        if slot["repaired"] is not True:
            sys.exit("open_aegis.py: the slot spells passwords in the old way")
        salt = bytes.fromhex(slot["salt"])
        derived = Scrypt(salt=salt, length=32, n=slot["n"], r=slot["r"], p=slot["p"]).derive(password.encode("utf-8"))
        try:
            return open_sealed(derived, slot["key_params"], bytes.fromhex(slot["key"]))
        except InvalidTag:
            continue
    sys.exit("open_aegis.py: the password opens no slot")


def open_sealed(key, params, sealed):
    return AESGCM(key).decrypt(bytes.fromhex(params["nonce"]), sealed + bytes.fromhex(params["tag"]), None)


def check(database):
    """What Aegis would refuse: other versions, unknown groups, fields of another kind."""
    assert database["version"] == 3, database["version"]
    groups = {group["uuid"] for group in database["groups"]}
    for entry in database["entries"]:
        assert entry["type"] in ("totp", "hotp", "steam"), entry["type"]
        for field in ("uuid", "name", "issuer", "note"):
            assert isinstance(entry[field], str), field
        assert isinstance(entry["favorite"], bool)
        assert set(entry["groups"]) <= groups, "every group is listed"
        info = entry["info"]
        assert info["algo"] in ("SHA1", "SHA256", "SHA512"), info["algo"]
        assert isinstance(info["digits"], int)
        assert isinstance(info["counter" if entry["type"] == "hotp" else "period"], int)
        secret = info["secret"]
        try:
            base64.b32decode(secret + "=" * (-len(secret) % 8))
        except binascii.Error:
            sys.exit("open_aegis.py: a secret is not base32")


if __name__ == "__main__":
    main()
