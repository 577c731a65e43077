#!/usr/bin/env python3
# Writes the files in this folder: exports in the formats of other apps, sealed without any of our own code.
# pip install cryptography pynacl argon2-cffi; then ./make.py. The same bytes come out each time.

import base64, hashlib, json, pathlib, struct, urllib.parse

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = pathlib.Path(__file__).parent
PASSWORD = b"test"


def secret(number, length):
    return hashlib.sha512(b"couchkey import account %d" % number).digest()[:length]


def b32(data):
    return base64.b32encode(data).decode().rstrip("=")


def b64(data):
    return base64.b64encode(data).decode()


# kind, issuer, account, algorithm, digits, period or counter, secret: the table of README.md
ACCOUNTS = [
    ("totp", "StreamTV", "fam-0042@example.tv", "SHA1", 6, 30, secret(1, 20)),
    ("totp", "Bücherei", "Jürgen", "SHA256", 7, 20, secret(2, 32)),
    ("totp", "Kino 🎬", "anna", "SHA512", 8, 50, secret(3, 64)),
    ("totp", "", "router", "SHA1", 6, 30, secret(4, 10)),
    ("hotp", "Bank", "card 1", "SHA1", 6, 1, secret(5, 20)),
    ("hotp", "Air Example", "ben", "SHA256", 7, 50, secret(6, 20)),
    ("hotp", "Werk", "gate", "SHA512", 8, 10300, secret(7, 20)),
    ("steam", "Steam", "gamer", "SHA1", 5, 30, secret(8, 20)),
]
NOTE, GROUPS = "Living room", ["TV", "Family"]


def salt(name, length):
    """Random-looking, and the same each time."""
    return hashlib.shake_256(name.encode()).digest(length)


def write(name, data):
    (HERE / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def dump(value, **how):
    return json.dumps(value, ensure_ascii=False, **how)


def gcm(key, nonce, plain, aad=None):
    return AESGCM(key).encrypt(nonce, plain, aad)


def uri(account):
    kind, issuer, name, algorithm, digits, moving, key = account
    quote = lambda text: urllib.parse.quote(text, safe="@")
    label = quote(issuer) + ":" + quote(name) if issuer else quote(name)
    moves = f"counter={moving}" if kind == "hotp" else f"period={moving}"
    issued = f"&issuer={quote(issuer)}" if issuer else ""
    return f"otpauth://{kind}/{label}?secret={b32(key)}{issued}&algorithm={algorithm}&digits={digits}&{moves}"


def uri_list():
    uris = [uri(account) for account in ACCOUNTS]
    write("uris.txt", "".join(line + "\n" for line in uris))
    remarks = ["# my accounts", "", uris[0], "  # more", "TV: " + uris[1], "\t" + uris[2] + "  "]
    write("uris-crlf-bom.txt", "\ufeff" + "\r\n".join(remarks + uris[3:]))
    odd = [
        "motp://Work:me?secret=e3152afee62599c8", "otpauth://yaotp/Ya:me?secret=GEZDGNBVGY3TQOJQ&pin=4",
        uris[0], "what is this", "otpauth://totp/bad?secret=!!", uris[0].replace("digits=6", "digits=12"),
        "steam://" + b32(ACCOUNTS[7][6]), uris[4].replace("&counter=1", ""), uris[1],
    ]
    write("uris-odd.txt", "\n".join(odd))
    write("nothing.txt", "Dear diary,\nno link today. https://example.tv\n")
    write("empty.txt", "")


def scrypt(salt, n=1024):
    return hashlib.scrypt(PASSWORD, salt=salt, n=n, r=8, p=1, dklen=32)


def aegis():
    def entry(at, account, version):
        kind, issuer, name, algorithm, digits, moving, key = account
        info = {"secret": b32(key), "algo": algorithm, "digits": digits}
        info["counter" if kind == "hotp" else "period"] = moving
        entry = {"type": kind, "uuid": uuid(at), "name": name, "issuer": issuer, "note": NOTE if at == 0 else "",
                 "icon": None, "favorite": at == 0, "info": info}
        if version < 3:
            entry["group"] = GROUPS[at] if at < 2 else None
        else:
            entry["groups"] = [uuid(100 + at)] if at < 2 else []
        return entry

    uuid = lambda n: f"3ae6f1ad-2e65-4ed2-a953-1ec0dff{n:05d}"

    def database(version):
        db = {"version": version, "entries": [entry(at, a, version) for at, a in enumerate(ACCOUNTS)]}
        if version == 3:
            db |= {"groups": [{"uuid": uuid(100 + at), "name": name} for at, name in enumerate(GROUPS)],
                   "icons_optimized": True}
        return db

    def plain(db):
        return {"version": 1, "header": {"slots": None, "params": None}, "db": db}

    def hexed(sealed, nonce):
        return sealed[:-16].hex(), {"nonce": nonce.hex(), "tag": sealed[-16:].hex()}

    def encrypted(db, **changed):
        master, nonce = salt("aegis master", 32), salt("aegis db", 12)
        key, key_params = hexed(gcm(scrypt(salt("aegis", 32)), salt("aegis slot", 12), master), salt("aegis slot", 12))
        slot = {"type": 1, "uuid": uuid(900), "key": key, "key_params": key_params, "n": 1024, "r": 8, "p": 1,
                "salt": salt("aegis", 32).hex(), "repaired": True, "is_backup": False} | changed
        finger = {"type": 2, "uuid": uuid(901), "key": key, "key_params": key_params}
        sealed = gcm(master, nonce, dump(db).encode())
        _, params = hexed(sealed, nonce)
        return {"version": 1, "header": {"slots": [finger, slot], "params": params}, "db": b64(sealed[:-16])}

    write("aegis-plain.json", dump(plain(database(3)), indent=4))
    write("aegis-plain-v2.json", dump(plain(database(2))))
    write("aegis-plain-v1.json", dump(plain(database(1))))
    write("aegis-encrypted.json", dump(encrypted(database(3))))
    write("aegis-costly.json", dump(encrypted(database(3), n=1 << 21)))
    write("aegis-no-cost.json", dump(encrypted(database(3), n=0)))
    write("aegis-odd-cost.json", dump(encrypted(database(3), n=1000)))
    write("aegis-newer.json", dump(plain(database(3)) | {"version": 2}))
    write("aegis-newer-db.json", dump(plain(database(3) | {"version": 4})))
    finger = encrypted(database(3))
    finger["header"]["slots"].pop()
    write("aegis-fingerprint.json", dump(finger))
    spoilt = encrypted(database(3))
    spoilt["db"] = "AAAA" + spoilt["db"][4:]
    write("aegis-spoilt.json", dump(spoilt))
    bad = database(3)
    e = bad["entries"]
    e[1] = {"type": "totp", "name": "no info"}
    e[2]["info"]["secret"] = ""
    e[3]["info"]["secret"] = "018"
    e[4]["info"].pop("counter")
    e[5]["info"]["algo"] = "MD5"
    e[6]["type"] = "motp"
    e[7]["type"] = "yandex"
    e += [entry(0, ACCOUNTS[0], 3) | {"type": "sms"}, 7, None, entry(1, ACCOUNTS[1], 3)]
    write("aegis-odd.json", dump(plain(bad)))
    write("aegis-twice.json", dump(plain(database(3))).replace('"version": 3', '"version": 3, "version": 2'))
    write("aegis-deep.json", dump(plain({"version": 3, "entries": []}))[:-2] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}}")


def main():
    uri_list()
    aegis()


main()
