#!/usr/bin/env python3
# Writes the files in this folder: exports in the formats of other apps, sealed without any of our own code.
# pip install cryptography pynacl argon2-cffi pyzipper pykeepass segno; then ./make.py. The same bytes come out each time.

import base64, csv, hashlib, hmac, io, json, pathlib, struct, urllib.parse, zipfile

import nacl.bindings as sodium
import segno
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.padding import PKCS7

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


def google():
    """Google's protobuf, by hand: a field is its number and wire type, then a number or a length and bytes."""
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    def field(number, value):
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        return varint(number << 3 | 2) + varint(len(value)) + value

    def entry(account):
        kind, issuer, name, algorithm, digits, moving, key = account
        parts = [key, name.encode(), issuer.encode(), ["SHA1", "SHA256", "SHA512"].index(algorithm) + 1,
                 {6: 1, 8: 2}[digits], 1 if kind == "hotp" else 2]
        parts += [moving] if kind == "hotp" else []
        return b"".join(field(n + 1, part) for n, part in enumerate(parts))

    def batch(index, of, entries, version=2):
        message = b"".join(field(1, entry(e)) for e in entries)
        message += field(2, version) + field(3, of) + field(4, index) + field(5, 77)
        return "otpauth-migration://offline?data=" + urllib.parse.quote(b64(message), safe="")

    one, two, three = [ACCOUNTS[0]], [ACCOUNTS[3]], [ACCOUNTS[4], ACCOUNTS[6]]  # all that it can carry
    parts = [batch(0, 3, one), batch(1, 3, two), batch(2, 3, three)]
    write("google.txt", "\n".join(parts))
    write("google-any-order.txt", "\n".join([parts[2], parts[0], parts[2], parts[1]]))
    write("google-two-of-three.txt", "\n".join([parts[2], parts[0]]))
    write("google-newer.txt", batch(0, 1, one, version=3))
    write("google-cut.txt", parts[0] + "\n" + parts[1][:-30] + "\n" + parts[2])


def scrypt(salt, n=1024, password=PASSWORD):
    return hashlib.scrypt(password, salt=salt, n=n, r=8, p=1, dklen=32)


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

    def encrypted(db, password=PASSWORD, **changed):
        master, nonce = salt("aegis master", 32), salt("aegis db", 12)
        key, key_params = hexed(gcm(scrypt(salt("aegis", 32), password=password), salt("aegis slot", 12), master),
                                salt("aegis slot", 12))
        slot = {"type": 1, "uuid": uuid(900), "key": key, "key_params": key_params, "n": 1024, "r": 8, "p": 1,
                "salt": salt("aegis", 32).hex(), "repaired": True, "is_backup": False} | changed
        finger = {"type": 2, "uuid": uuid(901), "key": key, "key_params": key_params}
        sealed = gcm(master, nonce, dump(db).encode())
        _, params = hexed(sealed, nonce)
        return {"version": 1, "header": {"slots": [finger, slot], "params": params}, "db": b64(sealed[:-16])}

    write("aegis-plain.json", dump(plain(database(3)), indent=4))
    write("aegis-plain-v2.json", dump(plain(database(2))))
    write("aegis-plain-v1.json", dump(plain(database(1))))
    # Android's JSON writes "/" as "\\/".
    write("aegis-encrypted.json", dump(encrypted(database(3))).replace("/", "\\/"))
    # Old versions: a long password with the zeros of an encoder's buffer behind it.
    write("aegis-unrepaired.json", dump(encrypted(database(3), password=b"x" * 70 + bytes(7), repaired=False)))
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


def pbkdf2(hash, salt, rounds):
    return hashlib.pbkdf2_hmac(hash, PASSWORD, salt, rounds, 32)


def argon2id(salt, kib, passes, lanes):
    return hash_secret_raw(PASSWORD, salt, passes, kib, lanes, 32, Type.ID)


def cbc(key, iv, plain):
    pad = PKCS7(128).padder()
    seal = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return seal.update(pad.update(plain) + pad.finalize()) + seal.finalize()


def two_fas():
    def service(at, account, version):
        kind, issuer, name, algorithm, digits, moving, key = account
        otp = {"label": f"{issuer}:{name}", "account": name, "issuer": issuer}
        if version > 1:
            otp |= {"digits": digits, "algorithm": algorithm}
            otp["counter" if kind == "hotp" else "period"] = moving
        if version > 2:
            otp |= {"tokenType": kind.upper(), "source": "Link"}
        return {"name": issuer, "secret": b32(key), "updatedAt": 1700000000000, "otp": otp,
                "order": {"position": at}, "groupId": f"group-{at}" if at < 2 else None}

    def backup(version, services):
        groups = [{"id": f"group-{at}", "name": name, "isExpanded": True} for at, name in enumerate(GROUPS)]
        return {"services": services, "groups": groups, "updatedAt": 1700000000000, "schemaVersion": version,
                "appVersionCode": 5000012, "appVersionName": "5.0.0", "appOrigin": "android"}

    def encrypted(version, services):
        iv, long_salt = salt("2fas iv", 12), salt("2fas", 256)
        seal = lambda text: ":".join([b64(gcm(pbkdf2("sha256", long_salt, 10000), iv, text.encode())),
                                      b64(long_salt), b64(iv)])
        return backup(version, []) | {"servicesEncrypted": seal(dump(services)), "reference": seal("a word of theirs")}

    services = lambda version, of: [service(at, account, version) for at, account in enumerate(of)]
    first = [ACCOUNTS[0], ACCOUNTS[3]]  # all that schema 1 can say
    shuffled = services(4, ACCOUNTS)
    write("2fas-v1.2fas", dump(backup(1, services(1, first)) | {"groups": []}))
    write("2fas-v2.2fas", dump(backup(2, services(2, ACCOUNTS[:7]))))
    write("2fas-v3.2fas", dump(backup(3, services(3, ACCOUNTS))))
    write("2fas-v4.2fas", dump(backup(4, shuffled[::-1])))
    write("2fas-v4-encrypted.2fas", dump(encrypted(4, services(4, ACCOUNTS))))
    write("2fas-newer.2fas", dump(backup(5, services(4, ACCOUNTS))))
    write("2fas-two-parts.2fas", dump(backup(4, []) | {"servicesEncrypted": "AAAA:AAAA"}))
    odd = services(4, ACCOUNTS)
    odd[1]["otp"]["period"] = 0
    odd[2]["otp"]["tokenType"] = "PUSH"
    odd[3]["otp"] = None
    odd[4].pop("secret")
    odd[5]["otp"]["counter"] = -2
    write("2fas-odd.2fas", dump(backup(4, odd)))


def ente():
    def line(at, account):
        display = {"pinned": at == 0, "trashed": False, "lastUsedAt": 0, "tapCount": 0,
                   "tags": [GROUPS[at]] if at < 2 else [], "note": NOTE if at == 0 else ""}
        link = uri(account).replace("algorithm=SHA", "algorithm=sha")
        return link + "&codeDisplay=" + urllib.parse.quote(dump(display))

    lines = [line(at, account) for at, account in enumerate(ACCOUNTS)]

    def encrypted(passes=2, kib=64, length=None, **changed):
        # A stream's header is random in every library: its first 24 bytes are the nonce, put in after the fact.
        header = salt("ente header", 24)
        key = argon2id(salt("ente", 16), kib, passes, 1) if kib < 1 << 20 and passes < 20 else bytes(32)
        state = sodium.crypto_secretstream_xchacha20poly1305_state()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
        sealed = sodium.crypto_secretstream_xchacha20poly1305_push(state, "\n".join(lines).encode(), None, 3)
        return {"version": 1, "kdfParams": {"memLimit": kib * 1024, "opsLimit": passes, "salt": b64(salt("ente", 16))},
                "encryptedData": b64(sealed[:length]), "encryptionNonce": b64(header)} | changed

    write("ente.txt", "\n".join(lines))
    write("ente-commas.txt", ",".join(lines))
    write("ente-encrypted.json", dump(encrypted()))
    write("ente-short.json", dump(encrypted(length=12)))
    write("ente-newer.json", dump(encrypted(version=2)))
    write("ente-memory.json", dump(encrypted(kib=(1 << 20) + 1)))
    write("ente-passes.json", dump(encrypted(passes=21)))
    write("ente-no-memory.json", dump(encrypted()).replace('"memLimit": 65536', '"memLimit": 7'))


def proton():
    def entry(account):
        kind, issuer, name, *_, key = account
        link = "steam://" + b32(key) if kind == "steam" else uri(account)
        return {"id": "5d1c8a02", "content": {"uri": link, "entry_type": "Steam" if kind == "steam" else "Totp",
                "name": name}, "note": NOTE if account is ACCOUNTS[0] else None}

    def encrypted(plain, **changed):
        nonce, key = salt("proton nonce", 12), argon2id(salt("proton", 16), 19456, 2, 1)
        sealed = nonce + gcm(key, nonce, dump(plain).encode(), b"proton.authenticator.export.v1")
        return {"version": 1, "salt": b64(salt("proton", 16)), "content": b64(sealed)} | changed

    carried = [a for a in ACCOUNTS if a[0] != "hotp"]
    plain = {"version": 1, "entries": [entry(account) for account in carried]}
    odd = plain["entries"][:1] + [{"content": {"uri": "https://example.tv"}}, {"note": ""}] + plain["entries"][2:]
    write("proton-plain.json", dump(plain))
    write("proton-encrypted.json", dump(encrypted(plain)))
    write("proton-short.json", dump(encrypted(plain, content="AAAA")))
    write("proton-newer.json", dump(plain | {"version": 2}))
    write("proton-encrypted-newer.json", dump(encrypted(plain, version=2)))
    write("proton-odd.json", dump({"version": 1, "entries": odd}))

    def item(at, account, extra=False):
        _, issuer, name, *_ = account
        login = {"itemEmail": "", "itemUsername": name, "password": "", "urls": [], "totpUri": uri(account)}
        login |= {"totpUri": ""} if extra else {}
        fields = [{"fieldName": "TOTP", "type": "totp", "data": {"totpUri": uri(account)}}] if extra else []
        return {"itemId": str(at), "data": {"metadata": {"name": issuer, "note": NOTE if at == 0 else ""},
                "extraFields": fields, "type": "login", "content": login}, "state": 1, "pinned": at == 0}

    note = {"itemId": "9", "data": {"metadata": {"name": "A note", "note": "x"}, "extraFields": [], "type": "note",
            "content": {}}, "state": 1, "pinned": False}
    items = [item(at, account, at == 2) for at, account in enumerate(ACCOUNTS)]
    vaults = {"a": {"name": "TV", "items": [items[0]]}, "b": {"name": "Family", "items": [items[1], note]}}
    one = {"version": "1.31.5", "encrypted": False, "userId": "u", "vaults": {"a": {"name": "Personal", "items": items}}}

    def packed(name, inside):
        where = zipfile.ZipInfo(inside, (2024, 1, 1, 0, 0, 0))
        where.compress_type = zipfile.ZIP_DEFLATED
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(where, dump(one) if inside.endswith("json") else "sealed")
        write(name, out.getvalue())

    packed("proton-pass.zip", "Proton Pass/data.json")
    packed("proton-pass-pgp.zip", "Proton Pass/data.pgp")
    packed("other.zip", "readme.json")
    write("proton-pass.json", dump(one))
    write("proton-pass-two-vaults.json", dump(one | {"vaults": vaults}))


def stratum():
    def entry(account):
        kind, issuer, name, algorithm, digits, moving, key = account
        return {"Type": {"hotp": 1, "totp": 2, "steam": 4}[kind], "Icon": None, "Issuer": issuer, "Username": name,
                "Secret": b32(key), "Pin": None, "Algorithm": ["SHA1", "SHA256", "SHA512"].index(algorithm),
                "Digits": digits, "Period": 30 if kind == "hotp" else moving, "Counter": moving if kind == "hotp" else 0,
                "CopyCount": 0, "Ranking": 0}

    ident = lambda name: hashlib.sha1(name.encode()).hexdigest()[:8]
    plain = {"Authenticators": [entry(account) for account in ACCOUNTS],
             "Categories": [{"Id": ident(name), "Name": name, "Ranking": 0} for name in GROUPS],
             "AuthenticatorCategories": [{"CategoryId": ident(name), "AuthenticatorSecret": b32(ACCOUNTS[at][6]),
                                          "Ranking": 0} for at, name in enumerate(GROUPS)],
             "CustomIcons": []}
    text = dump(plain).encode()
    nonce, long_iv = salt("stratum nonce", 12), salt("stratum iv", 16)
    strong = salt("stratum", 16) + nonce + gcm(argon2id(salt("stratum", 16), 65536, 3, 4), nonce, text)
    legacy_salt = salt("stratum legacy", 20)
    legacy = legacy_salt + long_iv + cbc(pbkdf2("sha1", legacy_salt, 64000), long_iv, text)
    write("stratum-plain.json", text)
    write("stratum-strong.authpro", b"AUTHENTICATORPRO" + strong)
    write("stratum-legacy.authpro", b"AuthenticatorPro" + legacy)
    odd = json.loads(text)
    for at, change in enumerate([{"Type": 3}, {"Type": 5}, {"Type": 9}, {"Algorithm": 3}, {"Counter": -1},
                                 {"Digits": 10}, {"Secret": None}]):
        odd["Authenticators"][at] |= change
    write("stratum-odd.json", dump(odd))


def andotp():
    def entry(at, account):
        kind, issuer, name, algorithm, digits, moving, key = account
        value = {"secret": b32(key), "issuer": issuer, "label": name, "digits": digits, "type": kind.upper(),
                 "algorithm": algorithm, "thumbnail": "Default", "last_used": 0, "used_frequency": 0,
                 "tags": [GROUPS[at]] if at < 2 else []}
        return value | ({"counter": moving} if kind == "hotp" else {"period": moving})

    entries = [entry(at, account) for at, account in enumerate(ACCOUNTS)]
    old = [dict(e) for e in entries[:4]]
    for e, between in zip(old, [" - ", ":", " - ", ""]):
        e["label"] = e.pop("issuer") + between + e["label"]
    text, nonce = dump(entries).encode(), salt("andotp nonce", 12)
    sealed = gcm(pbkdf2("sha1", salt("andotp", 12), 145776), nonce, text)
    write("andotp-plain.json", text)
    write("andotp-plain-old.json", dump(old))
    write("andotp-encrypted.bin", struct.pack(">i", 145776) + salt("andotp", 12) + nonce + sealed)
    # Early versions drew few rounds.
    few = gcm(pbkdf2("sha1", salt("andotp", 12), 2840), nonce, text)
    write("andotp-encrypted-few.bin", struct.pack(">i", 2840) + salt("andotp", 12) + nonce + few)
    # Of the old layout, with a nonce that reads as 2,840 rounds of the new one.
    low = struct.pack(">i", 2840) + salt("andotp low", 8)
    write("andotp-encrypted-old-low.bin", low + gcm(hashlib.sha256(PASSWORD).digest(), low, text))
    write("andotp-encrypted-old.bin", nonce + gcm(hashlib.sha256(PASSWORD).digest(), nonce, text))
    odd = [entries[0], entries[1] | {"type": "MOTP"}, entries[2] | {"digits": "eight"}, {}, entries[4] | {"counter": None}]
    write("andotp-odd.json", dump(odd))
    write("noise.bin", salt("noise", 20) + bytes(300) + salt("more noise", 20))


def bitwarden():
    def item(at, account):
        kind, issuer, name, *_, key = account
        totp = "steam://" + b32(key) if kind == "steam" else b32(key) if at == 3 else uri(account)
        return {"id": str(at), "organizationId": None, "folderId": f"folder-{at}" if at < 2 else None, "type": 1,
                "name": issuer, "notes": NOTE if at == 0 else None, "favorite": at == 0, "deletedDate": None,
                "login": {"uris": None, "username": name, "password": "not ours", "totp": totp}}

    carried = [a for a in ACCOUNTS if a[0] != "hotp"]
    folders = [{"id": f"folder-{at}", "name": name} for at, name in enumerate(GROUPS)]
    plain = {"encrypted": False, "folders": folders, "items": [item(at, a) for at, a in enumerate(carried)]}
    write("bitwarden.json", dump(plain, indent=2))
    write("bitwarden-authenticator.json", dump({"encrypted": False, "items": [
        {"favorite": at == 0, "name": a[1], "type": 1, "login": {"totp": uri(a)}} for at, a in enumerate(carried)]}))
    odd = plain["items"][:1] + [
        {"type": 2, "name": "A note", "notes": "x"}, {"type": 1, "name": "No code", "login": {"username": "me", "totp": None}},
        {"type": 1, "name": "Bad", "login": {"totp": "018!"}}, {"type": 1, "name": 7}, plain["items"][1]]
    write("bitwarden-odd.json", dump({"encrypted": False, "items": odd, "folders": folders}))
    write("bitwarden-restricted.json", dump({"encrypted": True, "encKeyValidation_DO_NOT_EDIT": "2.AA==|AA==|AA==",
                                             "folders": [], "items": [{"name": "2.AA==|AA==|AA=="}]}))

    def protected(kdf, key, **changed):
        expand = lambda info: HKDFExpand(SHA256(), 32, info).derive(key)

        def sealed(name, text):
            iv = salt(name, 16)
            body = cbc(expand(b"enc"), iv, text.encode())
            return "2." + "|".join(map(b64, [iv, body, hmac.digest(expand(b"mac"), iv + body, "sha256")]))

        return {"encrypted": True, "passwordProtected": True, "salt": SALT} | kdf | {
            "encKeyValidation_DO_NOT_EDIT": sealed("bw check", "00000000"), "data": sealed("bw data", dump(plain))} | changed

    SALT = b64(salt("bitwarden", 16))
    kdf = {"kdfType": 0, "kdfIterations": 5000, "kdfMemory": None, "kdfParallelism": None}
    key = pbkdf2("sha256", SALT.encode(), 5000)
    write("bitwarden-pbkdf2.json", dump(protected(kdf, key)))
    write("bitwarden-costly.json", dump(protected(kdf, key, kdfIterations=10_000_001)))
    write("bitwarden-no-cost.json", dump(protected(kdf, key, kdfIterations=0)))
    write("bitwarden-newer.json", dump(protected(kdf, key, kdfType=2)))
    spoilt = protected(kdf, key)
    spoilt["data"] = spoilt["data"][:-8] + "AAAAAAA="
    write("bitwarden-spoilt.json", dump(spoilt))
    memory = {"kdfType": 1, "kdfIterations": 2, "kdfMemory": 1, "kdfParallelism": 2}
    key = argon2id(hashlib.sha256(SALT.encode()).digest(), 1024, 2, 2)
    write("bitwarden-argon2id.json", dump(protected(memory, key)))
    write("bitwarden-memory.json", dump(protected(memory, key, kdfMemory=1025)))

    out = io.StringIO()
    table = csv.writer(out)
    table.writerow("folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp".split(","))
    for at, e in enumerate(plain["items"]):
        login = e["login"]
        table.writerow([GROUPS[at] if at < 2 else "", 1 if at == 0 else "", "login", e["name"], e["notes"] or "", "", 0, "",
                        login["username"], login["password"], login["totp"]])
    write("bitwarden.csv", out.getvalue())
    write("bitwarden-odd.csv", out.getvalue() + ',,note,"A ""note""",x,,,,,,\r\nshort,row\r\n,,login,Bad,,,,,me,,018!\r\n')


def png(text):
    """A QR code as other apps draw it: four pixels a module, and a border."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=4)
    return out.getvalue()


def html():
    page = lambda body: f"<!DOCTYPE html>\n<html><head><title>Export</title></head><body><table>{body}</table></body></html>"
    escaped = lambda account: uri(account).replace("&", "&amp;")
    image = lambda data: f'<img src="data:image/png;base64,{b64(data)}">'
    picture = lambda text: image(png(text))
    rows = "".join(f"<tr><td><code>{escaped(a)}</code><td>{picture(uri(a))}" for a in ACCOUNTS[:4])
    rows += "".join(f'<tr><td><a href="{escaped(a)}">link</a>' for a in ACCOUNTS[4:6])
    rows += "".join(f"<tr><td>{picture(uri(a))}" for a in ACCOUNTS[6:])
    write("page.html", page(image(b"a logo") + rows))
    write("page-pictures.html", page(picture(uri(ACCOUNTS[0])) + image(b"nothing to read") + picture(uri(ACCOUNTS[1]))))
    write("page-without.html", page("Nothing here but <b>words</b>"))
    write("page-deep.html", page("<div>" * 20000 + f"<p>{escaped(ACCOUNTS[0])}"))


def preferences(values):
    """Android's shared preferences."""
    escape = lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    lines = "".join(f'    <string name="{escape(name)}">{escape(text)}</string>\n' for name, text in values)
    return f"<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<map>\n{lines}</map>\n"


def signed(data):
    return [byte - 256 if byte > 127 else byte for byte in data]


def freeotp_plus():
    def token(account):
        kind, issuer, name, algorithm, digits, moving, key = account
        return {"algo": algorithm, "counter": moving - 1 if kind == "hotp" else 0, "digits": digits, "issuerExt": issuer,
                "issuerInt": issuer, "label": name, "period": 30 if kind == "hotp" else moving, "secret": signed(key),
                "type": kind.upper()}

    carried = ACCOUNTS[:7]
    names = [f"{a[1]}:{a[2]}" for a in carried]
    tokens = [token(account) for account in carried]
    write("freeotp-plus.json", dump({"tokenOrder": names, "tokens": tokens}))
    odd = [tokens[0], tokens[1] | {"secret": [1, 300]}, tokens[2] | {"type": "PUSH"}, 5, tokens[4] | {"counter": -7},
           tokens[5], tokens[6] | {"algo": "MD5"}]
    write("freeotp-plus-odd.json", dump({"tokenOrder": names, "tokens": odd}))
    values = [(name, dump(t)) for name, t in zip(names, tokens)][::-1] + [("tokenOrder", dump(names))]
    write("freeotp.xml", preferences(values))
    write("freeotp-odd.xml", preferences([("bad", "{\"issuerExt\": 5}")] + values))
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 30))
    write("freeotp-bomb.xml", f'<?xml version="1.0"?><!DOCTYPE map [<!ENTITY e0 "issuerExt">{bomb}]><map>&e29;</map>')


def freeotp():
    def sealed(key, name, plain, token, old):
        nonce = salt("freeotp " + name, 12)
        der = b"\x04\x0c" + nonce
        der = der if old else b"\x30\x11" + der + b"\x02\x01\x10"
        return {"mCipher": "AES/GCM/NoPadding", "mCipherText": signed(gcm(key, nonce, plain, token.encode())),
                "mParameters": signed(der), "mToken": token}

    def backup(hash, jca, rounds=1000, spoil=lambda values: None, fields=2):
        long_salt, master = salt("freeotp", 32), salt("freeotp master", 32)
        kek = pbkdf2(hash, long_salt, rounds if rounds < 1 << 23 else 1)
        values = {"masterKey": {"mAlgorithm": jca, "mEncryptedKey": sealed(kek, "master key", master, "AES", fields == 1),
                                "mIterations": rounds, "mSalt": signed(long_salt)}}
        for at, (kind, issuer, name, algorithm, digits, moving, key) in enumerate(ACCOUNTS[:7]):
            token = {"algo": algorithm, "digits": digits, "issuerExt": issuer, "label": name, "type": kind.upper()}
            token["counter" if kind == "hotp" else "period"] = moving
            if at == 1:
                token.pop("algo")
            values[f"id-{at}-token"] = token
            values[f"id-{at}"] = {"key": dump(sealed(master, str(at), key, "Hmac" + algorithm, fields == 1))}
        spoil(values)
        # Java writes characters beyond the first plane as two surrogates of three bytes each.
        units = lambda text: struct.iter_unpack("<H", text.encode("utf-16-le"))
        java = lambda text: b"".join(chr(unit).encode("utf-8", "surrogatepass") for unit, in units(text))
        string = lambda text: b"t" + struct.pack(">H", len(java(text))) + java(text)
        out = b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03"
        out += {2: b"\x00\x02F\x00\nloadFactorI\x00\tthresholdxp?@\x00\x00\x00\x00\x00\x18",
                1: b"\x00\x01F\x00\nloadFactorxp?@\x00\x00"}[fields]
        out += b"w\x08" + struct.pack(">II", 32, len(values))
        return out + b"".join(string(name) + string(dump(value)) for name, value in values.items()) + b"x"

    def spoil(values):
        values.pop("id-6-token")
        values["id-5"]["key"] = values["id-4"]["key"].replace("HmacSHA1", "HmacSHA9")
        values["id-3"] = 7
        values.pop("id-2")

    write("freeotp-2.xml", backup("sha512", "PBKDF2withHmacSHA512"))
    write("freeotp-2-old.xml", backup("sha1", "PBKDF2withHmacSHA1", fields=1))
    write("freeotp-2-newer.xml", backup("sha512", "Argon2id"))
    write("freeotp-2-costly.xml", backup("sha512", "PBKDF2withHmacSHA512", rounds=10_000_001))
    write("freeotp-2-odd.xml", backup("sha512", "PBKDF2withHmacSHA512", spoil=spoil))


def lastpass():
    def entry(at, account):
        _, issuer, name, algorithm, digits, moving, key = account
        return {"accountID": str(at), "issuerName": issuer, "originalIssuerName": issuer, "userName": name,
                "originalUserName": name, "pushNotification": False, "secret": b32(key), "timeStep": moving,
                "digits": digits, "creationTimestamp": 1700000000000, "isFavorite": at == 0, "algorithm": algorithm,
                "folderData": {"folderId": at + 1 if at < 2 else 0, "position": at}}

    accounts = [entry(at, account) for at, account in enumerate(ACCOUNTS[:4])]
    folders = [{"id": at + 1, "name": name, "isOpened": True} for at, name in enumerate(GROUPS)]
    export = {"deviceId": "", "version": 3, "accounts": accounts, "folders": folders}
    write("lastpass.json", dump(export))
    write("lastpass-newer.json", dump(export | {"version": 4}))
    few = [{k: a[k] for k in ("issuerName", "userName", "secret", "timeStep", "digits", "algorithm")} for a in accounts]
    odd = [few[0], few[1] | {"digits": "seven"}, few[2] | {"timeStep": 0}, few[3] | {"secret": ""}, None]
    write("lastpass-odd.json", dump({"version": 3, "accounts": odd}))


def steam():
    _, _, name, _, _, _, key = ACCOUNTS[7]
    entry = {"steamid": "1", "shared_secret": b64(key), "serial_number": "12", "account_name": name, "status": 1,
             "identity_secret": "AAAA"}
    write("steam.json", dump({"accounts": {"a": entry, "b": entry | {"shared_secret": "!"}}}))
    write("steam.maFile", dump(entry))

    def folder(name, encrypted, listed, files, changed=None):
        """The folder of Steam Desktop Authenticator, zipped: a list, and the files that it names."""
        files = {f"maFiles/{file}": dump(inside).encode() for file, inside in files.items()}
        entries = []
        for number, file in enumerate(listed):
            iv, short = salt(f"{name} iv {number}", 16), salt(f"{name} {number}", 8)
            entries.append({"encryption_iv": b64(iv) if encrypted else None, "filename": file, "steamid": number,
                            "encryption_salt": b64(short) if encrypted else None})
            at = f"maFiles/{file}"
            if encrypted and at in files:
                password = b"another" if file == "other.maFile" else PASSWORD
                key = hashlib.pbkdf2_hmac("sha1", password, short, 50000, 32)
                files[at] = b64(cbc(key, iv, files[at])).encode()
        files |= {f"maFiles/{file}": inside for file, inside in (changed or {}).items()}
        manifest = {"encrypted": encrypted, "first_run": False, "entries": entries, "periodic_checking": False}
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for at, inside in {"maFiles/manifest.json": dump(manifest).encode(), **files}.items():
                archive.writestr(zipfile.ZipInfo(at, (2024, 1, 1, 0, 0, 0)), inside)
        write(name, out.getvalue())
        return manifest

    write("steam-manifest.json", dump(folder("steam-folder.zip", True, ["1.maFile"], {"1.maFile": entry})))
    folder("steam-folder-plain.zip", False, ["1.maFile"], {"1.maFile": entry})
    files = {name: entry for name in ("1.maFile", "2.maFile", "3.maFile", "other.maFile")}
    folder("steam-folder-odd.zip", True, [*files, "gone.maFile"], files,
           {"2.maFile": b"what is this", "3.maFile": b"AAAA", "unlisted.maFile": b"{"})
    many = [f"{number}.maFile" for number in range(201)]
    folder("steam-folder-many.zip", True, many, {})


def duo():
    def entry(account):
        kind, _, name, _, _, moving, key = account
        generator = {"otpSecret": b32(key)} | ({"counter": moving} if kind == "hotp" else {})
        return {"version": 1.0, "accountType": "OtpAccount", "name": name, "otpGenerator": generator, "pkey": "9a01"}

    push = {"version": 1.0, "accountType": "DuoAccount", "name": "work", "pkey": "9a02"}
    write("duo.json", dump([entry(a) for a in (ACCOUNTS[0], ACCOUNTS[3], ACCOUNTS[4])]))
    write("duo-odd.json", dump([push, entry(ACCOUNTS[0]), entry(ACCOUNTS[3]) | {"otpGenerator": {}}, "?"]))


def two_f_auth():
    def entry(account):
        kind, issuer, name, algorithm, digits, moving, key = account
        hotp = kind == "hotp"
        return {"otp_type": "steamtotp" if kind == "steam" else kind, "account": name, "service": issuer, "icon": None,
                "secret": b32(key), "digits": digits, "algorithm": algorithm.lower(),
                "period": None if hotp else moving, "counter": moving if hotp else None, "legacy_uri": uri(account)}

    export = {"app": "2fauth_v5.4.3", "schema": 1, "datetime": "2024-01-01T00:00:00Z", "data": [entry(a) for a in ACCOUNTS]}
    write("2fauth.json", dump(export))
    write("2fauth-newer.json", dump(export | {"schema": 2}))
    odd = [entry(ACCOUNTS[0]) | {"otp_type": "other"}, entry(ACCOUNTS[1]), {"service": "x"}, 1]
    write("2fauth-odd.json", dump(export | {"data": odd}))


def authy():
    def entry(account, sealed):
        _, issuer, name, _, digits, _, key = account
        full = f"{issuer}:{name}" if issuer else name
        value = {"accountType": "authenticator", "digits": digits, "originalIssuer": issuer, "originalName": full,
                 "name": full}
        if not sealed:
            return value | {"decryptedSecret": b32(key)}
        text = salt("authy", 12).hex()
        key = cbc(hashlib.pbkdf2_hmac("sha1", PASSWORD, text.encode(), 1000, 32), bytes(16), b32(key).encode())
        return value | {"encryptedSecret": b64(key), "salt": text}

    carried = (ACCOUNTS[0], ACCOUNTS[3])
    name = "com.authy.storage.tokens.authenticator.key"
    lists = {sealed: [entry(a, sealed) for a in carried] for sealed in (False, True)}
    write("authy.xml", preferences([("x", "y"), (name, dump(lists[False]))]))
    write("authy-encrypted.xml", preferences([(name, dump(lists[True]))]))
    write("authy.json", dump(lists[True]))
    write("authy-odd.json", dump([lists[True][0], lists[True][1] | {"encryptedSecret": "AAAA"},
                                  {"name": "own", "secretSeed": "xyz"}, 3]))


def totp_authenticator():
    def entry(at, account):
        _, issuer, name, _, digits, moving, key = account
        base = (16, 32, 64)[at % 3]
        text = {16: key.hex().upper(), 32: b32(key), 64: b64(key)}[base]
        return {"issuer": issuer, "name": name, "key": text, "base": base, "digits": str(digits), "period": str(moving),
                "isFavorite": at == 0}

    entries = [entry(at, a) for at, a in enumerate((ACCOUNTS[0], ACCOUNTS[3]))]
    odd = [entries[0], entries[1] | {"base": 7}, entries[1] | {"digits": "x"}, 0]

    def sealed(password, entries):
        return b64(cbc(hashlib.sha256(password).digest(), bytes(16), dump({dump(entries): ""}).encode()))

    write("totp-authenticator.bin", sealed(PASSWORD, entries))
    write("totp-authenticator-default.bin", sealed(b"TotpAuthenticator", entries))
    write("totp-authenticator-odd.bin", sealed(PASSWORD, odd))
    empty = [entries[0] | {"digits": "", "period": ""}, entries[1] | {"digits": " ", "period": None}]
    write("totp-authenticator-empty.bin", sealed(PASSWORD, empty))
    write("totp-authenticator.xml", preferences([("STATIC_TOTP_CODES_LIST", dump(entries))]))


def zipped():
    import pyzipper

    def packed(name, files, password=PASSWORD):
        # The salt of each entry is random in the library; a fixture is written once and kept.
        if (HERE / name).exists():
            return
        out = io.BytesIO()
        how = {"encryption": pyzipper.WZ_AES} if password else {}
        with pyzipper.AESZipFile(out, "w", compression=pyzipper.ZIP_DEFLATED, **how) as archive:
            archive.setpassword(password)
            for inside, text in files.items():
                archive.writestr(inside, text)
        write(name, out.getvalue())

    def raivo(at, account):
        kind, issuer, name, algorithm, digits, moving, key = account
        hotp = kind == "hotp"
        return {"issuer": issuer, "account": name, "secret": b32(key), "algorithm": algorithm, "digits": str(digits),
                "kind": kind.upper(), "timer": "0" if hotp else str(moving), "counter": str(moving if hotp else 0),
                "pinned": "true" if at == 0 else "false", "iconType": "", "iconValue": ""}

    entries = [raivo(at, a) for at, a in enumerate(ACCOUNTS[:7])]
    odd = [entries[0] | {"digits": "six"}, entries[1], entries[4] | {"counter": ""}, []]
    lines = "\n".join(uri(account) for account in ACCOUNTS)
    packed("raivo.zip", {"raivo-otp-export.json": dump(entries), "raivo-otp-export.html": "<html></html>"})
    packed("raivo-odd.zip", {"raivo-otp-export.json": dump(odd)})
    packed("raivo-bomb.zip", {"raivo-otp-export.json": bytes(65 << 20)})
    packed("authenticator-plus.zip", {"Accounts.txt": lines})
    packed("authenticator-plus-nothing.zip", {"Accounts.txt": "nothing"})
    packed("authenticator-plus-database.zip", {"authplus.db": "sealed"})
    packed("winauth.zip", {"my codes.txt": lines})
    packed("winauth-plain.zip", {"codes.txt": lines}, None)
    write("winauth.xml", '<?xml version="1.0"?>\n<WinAuth version="3.6"><data encrypted="y">00</data></WinAuth>\n')


def extension():
    def entry(at, account):
        kind, issuer, name, algorithm, digits, moving, key = account
        value = {"dataType": "OTPStorage", "encrypted": False, "hash": f"h{at}", "index": at, "type": kind,
                 "secret": b32(key), "issuer": issuer, "account": name, "digits": digits, "algorithm": algorithm}
        value["counter" if kind == "hotp" else "period"] = moving
        return value | ({"pinned": True} if at == 0 else {})

    entries = {f"h{9 - at}": entry(at, account) for at, account in enumerate(ACCOUNTS)}
    write("extension.json", dump(entries))
    odd = [entry(0, ACCOUNTS[0]) | {"type": "hex", "secret": ACCOUNTS[0][6].hex()}, entry(1, ACCOUNTS[1]) | {"type": "x"},
           entry(4, ACCOUNTS[4]) | {"counter": None}, 5, entry(7, ACCOUNTS[7]) | {"type": "totp"}]
    odd[-1]["secret"] = "stm-" + odd[-1]["secret"]  # as it once was written
    write("extension-odd.json", dump({f"h{at}": e for at, e in enumerate(odd)}))

    def sealed(name, passphrase, plain):
        """As CryptoJS does it, after OpenSSL's enc -aes-256-cbc -md md5."""
        short, made = salt(f"extension {name}", 8), [b""]
        while len(made) < 4:
            made.append(hashlib.md5(made[-1] + passphrase + short).digest())
        made = b"".join(made)
        return b64(b"Salted__" + short + cbc(made[:32], made[32:48], plain))

    def secrets_sealed(passphrase):
        return {name: e | {"encrypted": True, "secret": sealed(name, passphrase, e["secret"].encode())}
                for name, e in entries.items()}

    # First: the person's own passphrase.
    write("extension-secrets.json", dump(secrets_sealed(PASSWORD)))
    # Then: a random one, sealed under theirs.
    random = salt("extension random", 120)
    key = {"enc": sealed("key", PASSWORD, random), "hash": "$argon2id$v=19$m=16384,t=1,p=1$AAAA$AAAA"}
    wrapped = {"key": key} | secrets_sealed(random.hex().encode())
    write("extension-wrapped.json", dump(wrapped))
    write("extension-wrapped-cut.json", dump(wrapped | {"key": key | {"enc": "AAAA"}}))

    # Today: the hash of theirs, and whole entries.
    def hashed(name, password=PASSWORD):
        raw = hash_secret_raw(password, salt(name, 16).hex().encode(), 2, 19456, 1, 32, Type.ID)
        return base64.b64encode(raw).rstrip(b"=")

    def key_of(name):
        return {"dataType": "Key", "id": name, "salt": salt(name, 16).hex(), "hash": key["hash"], "version": 3}

    def whole(name, e, key_id="k", password=PASSWORD):
        inside = dump(e | {"encrypted": True, "keyId": key_id}).encode()
        return {"dataType": "EncOTPStorage", "data": sealed(name, hashed(key_id, password), inside), "keyId": key_id,
                "index": e["index"]}

    encrypted = {name: whole(name, e) for name, e in entries.items()} | {"k": key_of("k")}
    write("extension-encrypted.json", dump(encrypted))
    one, two, three, four = (entry(at, ACCOUNTS[at]) for at in range(4))
    odd = {"h0": whole("h0", one), "h1": two, "h2": whole("h2", three, "other", b"another"), "k": key_of("k"),
           "other": key_of("other"), "h3": whole("h3", four, "gone"), "h4": whole("h4", four) | {"data": "U2FsdGVkX1+AAAA"}}
    write("extension-encrypted-odd.json", dump(odd))
    write("extension-encrypted-newer.json", dump(encrypted | {"h9": encrypted["h9"] | {"data": "v4:AAAA"}}))
    ids = [f"k{number}" for number in range(11)]
    many = {f"h{at}": encrypted["h9"] | {"keyId": id} for at, id in enumerate(ids)} | {id: key_of(id) for id in ids}
    write("extension-encrypted-many.json", dump(many))


def sqlite():
    import sqlite3

    def database(name, script, table=None, rows=()):
        # The library writes its version into the file; a fixture is written once and kept.
        if (HERE / name).exists():
            return
        made = sqlite3.connect(":memory:")
        made.executescript("PRAGMA page_size = 1024;" + script)
        for row in rows:
            made.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        made.commit()
        data = bytearray(made.serialize())
        data[18:20] = b"\2\2"  # as phones have it: with a log beside it
        write(name, bytes(data))

    table = ("CREATE TABLE accounts (_id INTEGER PRIMARY KEY, email TEXT, secret, counter INTEGER, type INTEGER, "
             "provider INTEGER, issuer TEXT, original_name TEXT);")

    def google(at, account):
        kind, issuer, name, _, _, moving, key = account
        hotp = kind == "hotp"
        full = f"{issuer}:{name}" if issuer else name
        return at, full, b32(key), moving if hotp else 0, int(hotp), 0, issuer or None, full

    good = [google(at, account) for at, account in enumerate((ACCOUNTS[0], ACCOUNTS[3], ACCOUNTS[4]))]
    database("google.sqlite", table, "accounts", good)
    odd = [(1, "a", "!!", 0, 0, 0, "", ""), good[0][:4] + (7,) + good[0][5:], (3, "c", b"blob", 0, 0, 0, "C", ""),
           (4, "d", "GEZDGNBV", "x", 1, 0, "D", ""), (5, "e", "GEZDGNBV", -2, 1, 0, "E", ""), good[2]]
    database("google-odd.sqlite", table, "accounts", odd)
    database("google-long.sqlite", table, "accounts", [good[0], (9, "a" * 70000, "GEZDGNBV", 0, 0, 0, "", "")])
    database("google-many.sqlite", table + "WITH RECURSIVE n(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM n LIMIT 10001) "
             "INSERT INTO accounts(_id) SELECT n FROM n;")
    database("google-without.sqlite", table.replace("accounts", "others"))

    table = ("CREATE TABLE accounts (_id INTEGER PRIMARY KEY, name TEXT, username TEXT, oath_secret_key TEXT, "
             "account_type INTEGER);")

    def microsoft(at, account):
        _, issuer, name, _, _, _, key = account
        return at, issuer, name, b32(key), 0

    good = [microsoft(at, account) for at, account in enumerate((ACCOUNTS[0], ACCOUNTS[3]))]
    database("microsoft.sqlite", table, "accounts", good)
    odd = [good[0], (7, "Work", "tap", "", 2), (8, "Own", "me", "!", 1), (9, "x", "y", "GEZDGNBV", 9)]
    database("microsoft-odd.sqlite", table, "accounts", odd)
    # Schemas that compute: without end, and something else than what is stored.
    columns = "n AS name, n AS username, n AS oath_secret_key, n AS account_type"
    database("microsoft-view.sqlite", "CREATE VIEW accounts AS WITH RECURSIVE n(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM n) "
             f"SELECT {columns} FROM n WHERE n < 0;")
    database("microsoft-computed.sqlite", "CREATE TABLE accounts (name TEXT, username TEXT, account_type INTEGER, "
             "oath_secret_key TEXT AS (hex(zeroblob(30000))));")

    table = ("CREATE TABLE authenticator (type integer, icon varchar, issuer varchar(32), username varchar(40), "
             "secret varchar primary key not null, pin varchar, algorithm integer, digits integer, period integer, "
             "counter integer, ranking integer);")
    groups = ("CREATE TABLE category (id varchar(8) primary key not null, name varchar(32), ranking integer);"
              "CREATE TABLE authenticatorcategory (categoryId varchar, authenticatorSecret varchar, ranking integer);"
              + "".join(f"INSERT INTO category VALUES ('c{at}', '{name}', {at});"
                        f"INSERT INTO authenticatorcategory VALUES ('c{at}', '{b32(ACCOUNTS[at][6])}', 0);"
                        for at, name in enumerate(GROUPS)))

    def stratum(account):
        kind, issuer, name, algorithm, digits, moving, key = account
        hotp = kind == "hotp"
        return ({"hotp": 1, "totp": 2, "steam": 4}[kind], None, issuer, name, b32(key), None,
                ["SHA1", "SHA256", "SHA512"].index(algorithm), digits, 30 if hotp else moving, moving if hotp else 0, 0)

    good = [stratum(account) for account in ACCOUNTS]
    database("stratum.sqlite", table + groups, "authenticator", good)
    odd = [(3,) + good[0][1:4] + ("A",) + good[0][5:], good[1], (None,) + good[2][1:]]
    database("stratum-without-groups.sqlite", table + "CREATE TABLE x (authenticatorcategory);", "authenticator", odd)


def keepass():
    import gzip, html

    def fields(number):
        """The same account in the ways of KeePassXC, KeePass 2, KeeOtp and KeeTrayTOTP."""
        kind, issuer, name, algorithm, digits, moving, key = account = ACCOUNTS[number - 1]
        if number == 2:
            return {"TimeOtp-Secret-Base32": b32(key), "TimeOtp-Algorithm": "HMAC-SHA-256", "TimeOtp-Length": "7",
                    "TimeOtp-Period": "20"}
        if number == 3:
            return {"otp": f"key={b32(key)}&size=8&step=50&otpHashMode=Sha512"}
        if number == 4:
            return {"TOTP Seed": b32(key), "TOTP Settings": "30;6"}
        if number == 5:
            return {"HmacOtp-Secret-Hex": key.hex(), "HmacOtp-Counter": "1"}
        if number == 8:
            return {"otp": uri(account).replace("://steam", "://totp") + "&encoder=steam"}
        return {"otp": uri(account)}

    def again(number):
        """Ways that are left."""
        key = ACCOUNTS[number - 1][6]
        return {1: {"TimeOtp-Secret-Base64": b64(key), "TOTP Seed": b32(key), "otp": b32(key)},
                2: {"TOTP Seed": b32(key), "TOTP Settings": "20;7;SHA-256"},
                8: {"TOTP Seed": b32(key), "TOTP Settings": "30;S"}}[number]

    odd = [("a", {}), ("b", {"otp": "key=!!"}), ("c", {"otp": "key=GEZDGNBV&size=x"}),
           ("d", {"TOTP Seed": "GEZDGNBV", "TOTP Settings": "x;6"}), ("e", {"HmacOtp-Secret": "text"}),
           ("f", {"TimeOtp-Secret-Hex": "xyz"}), ("g", {"otp": "key=GEZDGNBV&encoding=morse"}), ("h", again(1))]

    # Version 4 by pykeepass, with its random salts: written once and kept.
    def four(name, make, cost=None):
        import pykeepass

        path = HERE / name
        if path.exists():
            return
        base = pykeepass.create_database(path, password=PASSWORD.decode())
        costs = base.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
        costs.M.value, costs.I.value, costs.P.value = cost or (8 << 20, 1, 1)
        make(base)
        base.save()

    def put(base, group, title, name, texts, note=""):
        entry = base.add_entry(group, title, name, "", notes=note)
        for key, value in texts.items():
            if key == "otp":
                entry.otp = value
            else:
                entry.set_custom_property(key, value, protect=True)
        return entry

    def all_of_them(base):
        for number in (3, 4, 5, 6, 7, 8):
            put(base, base.root_group, *ACCOUNTS[number - 1][1:3], fields(number))
        base.entries[0].save_history()
        for number, group in zip((1, 2), GROUPS):
            put(base, base.add_group(base.root_group, group), *ACCOUNTS[number - 1][1:3], fields(number), NOTE * (number == 1))
        base.trash_entry(put(base, base.root_group, "old", "thrown away", fields(1)))

    def odd_ones(base):
        for title, texts in odd:
            put(base, base.root_group, title, "", texts)

    four("keepass.kdbx", all_of_them)
    four("keepass-odd.kdbx", odd_ones)

    def only_thrown_away(base):
        for number in range(1, 8):
            base.trash_entry(put(base, base.root_group, *ACCOUNTS[number - 1][1:3], fields(number)))

    four("keepass-bin.kdbx", only_thrown_away)
    good = (HERE / "keepass.kdbx").read_bytes()
    memory, passes, lanes = (struct.pack("<I", len(v)) + v for v in
                             ((8 << 20).to_bytes(8, "little"), (1).to_bytes(8, "little"), (1).to_bytes(4, "little")))
    for name, letter, was, now in [("memory", b"M", memory, 1 << 41), ("passes", b"I", passes, 1 << 33), ("lanes", b"P", lanes, 4096)]:
        changed = good.replace(letter + was, letter + was[:4] + now.to_bytes(len(was) - 4, "little"), 1)
        assert changed != good, name
        write(f"keepass-{name}.kdbx", changed)
    write("keepass-newer.kdbx", good[:10] + b"\5" + good[11:])
    write("keepass-1.kdb", good[:4] + b"\x65" + good[5:])

    def document(name, entries, deep=0, meta=""):
        def entry(at, title, user, texts):
            texts = {"Title": title, "UserName": user} | texts
            strings = "".join(f"<String><Key>{k}</Key><Value>{html.escape(v)}</Value></String>" for k, v in texts.items())
            return f"<Entry><UUID>{b64(salt(f'{name} {at}', 16))}</UUID>{strings}</Entry>"

        inside = "".join(entry(at, *e) for at, e in enumerate(entries))
        group = f"<Group><UUID>{b64(salt(name, 16))}</UUID><Name>Root</Name>"
        xml = (f'<?xml version="1.0" encoding="utf-8"?><KeePassFile><Meta><Generator>make.py</Generator>{meta}</Meta><Root>'
               + group + inside + group * deep + "</Group>" * (deep + 1) + "</Root></KeePassFile>")
        return xml.encode()

    pack = lambda data: gzip.compress(data, mtime=0)

    def composite(*parts):
        return hashlib.sha256(b"".join(parts)).digest()

    by_password = hashlib.sha256(PASSWORD).digest()

    def by_aes(turn, rounds, key):
        ecb = Cipher(algorithms.AES(turn), modes.ECB()).encryptor()
        for _ in range(rounds):
            key = ecb.update(key)
        return hashlib.sha256(key).digest()

    # Version 3 by hand: a header, AES-CBC over blocks with their hashes, gzip.
    def three(name, xml, rounds=60, packed=True, opens=composite(by_password)):
        def field(number, data):
            return struct.pack("<BH", number, len(data)) + data

        body = pack(xml) if packed else xml
        seed, turn, iv, start, inner = (salt(f"{name} {part}", 16 if part == "iv" else 32)
                                        for part in ("seed", "turn", "iv", "start", "inner"))
        header = bytes.fromhex("03d9a29a67fb4bb501000300") + b"".join([
            field(2, bytes.fromhex("31c1f2e6bf714350be5805216afc5aff")), field(3, struct.pack("<I", packed)),
            field(4, seed), field(5, turn), field(6, struct.pack("<Q", rounds)), field(7, iv), field(8, inner), field(9, start),
            field(10, struct.pack("<I", 2)), field(0, b"\r\n\r\n")])
        key = hashlib.sha256(seed + by_aes(turn, min(rounds, 60), opens)).digest()
        blocks = struct.pack("<I", 0) + hashlib.sha256(body).digest() + struct.pack("<I", len(body)) + body
        blocks += struct.pack("<I", 1) + bytes(32) + struct.pack("<I", 0)
        write(name, header + cbc(key, iv, start + blocks))

    # Version 4 by hand: a header with its hash and seal, sealed blocks with theirs, a second header inside.
    def four_by_hand(name, xml, cipher="AES", kdf="AES", packed=True, spoil=lambda file: file, opens=composite(by_password)):
        def field(number, data):
            return struct.pack("<BI", number, len(data)) + data

        def value(kind, key, data):
            return struct.pack("<BI", kind, len(key)) + key + struct.pack("<I", len(data)) + data

        seed, turn, inner = (salt(f"{name} {part}", 64 if part == "inner" else 32) for part in ("seed", "turn", "inner"))
        iv = salt(f"{name} iv", 12 if cipher == "ChaCha20" else 16)
        if kdf == "AES":
            id, key = "c9d9f39a628a4460bf740d08c18a4fea", by_aes(turn, 60, opens)
            costs = value(5, b"R", struct.pack("<Q", 60))
        else:
            id, kind = {"Argon2d": ("ef636ddf8c29444b91f7a9a403e30a0c", Type.D),
                        "Argon2id": ("9e298b1956db4773b23dfc3ec6f0a1e6", Type.ID)}[kdf]
            key = hash_secret_raw(opens, turn, 2, 64, 2, 32, kind)
            costs = value(5, b"M", struct.pack("<Q", 64 << 10)) + value(5, b"I", struct.pack("<Q", 2))
            costs += value(4, b"P", struct.pack("<I", 2)) + value(4, b"V", struct.pack("<I", 0x13))
        costs = struct.pack("<H", 0x100) + value(0x42, b"$UUID", bytes.fromhex(id)) + value(0x42, b"S", turn) + costs + b"\0"
        ciphers = {"AES": "31c1f2e6bf714350be5805216afc5aff", "Twofish": "ad68f29f576f4bb9a36ad47af965346c",
                   "ChaCha20": "d6038a2b8b6f4cb5a524339a31dbb59a"}
        header = bytes.fromhex("03d9a29a67fb4bb500000400") + b"".join([
            field(2, bytes.fromhex(ciphers[cipher])), field(3, struct.pack("<I", packed)), field(4, seed), field(7, iv),
            field(11, costs), field(0, b"\r\n\r\n")])
        plain = field(1, struct.pack("<I", 3)) + field(2, inner) + field(3, b"\0an attachment") + field(0, b"") + xml
        plain = pack(plain) if packed else plain
        master = hashlib.sha256(seed + key).digest()
        if cipher == "AES":
            body = cbc(master, iv, plain)
        elif cipher == "ChaCha20":
            body = Cipher(algorithms.ChaCha20(master, bytes(4) + iv), None).encryptor().update(plain)
        else:
            from pykeepass.kdbx_parsing.pytwofish import Twofish

            rest = 16 - len(plain) % 16
            block, body, twofish = iv, b"", Twofish(master)
            for at in range(0, len(plain) + rest, 16):
                part = (plain + bytes([rest]) * rest)[at:at + 16]
                block = twofish.encrypt(bytes(a ^ b for a, b in zip(part, block)))
                body += block
        long = hashlib.sha512(seed + key + b"\1").digest()
        mac_key = lambda number: hashlib.sha512(struct.pack("<Q", number) + long).digest()
        out = header + hashlib.sha256(header).digest() + hmac.digest(mac_key((1 << 64) - 1), header, "sha256")
        for number, block in enumerate([body[:1000], body[1000:], b""]):
            size = struct.pack("<I", len(block))
            out += hmac.digest(mac_key(number), struct.pack("<Q", number) + size + block, "sha256") + size + block
        write(name, spoil(out))

    numbers = (1, 2, 8)
    entries = [(*ACCOUNTS[n - 1][1:3], again(n)) for n in numbers]
    three("keepass-3.kdbx", document("keepass-3.kdbx", entries))
    three("keepass-3-plain.kdbx", document("keepass-3.kdbx", entries), packed=False)
    three("keepass-3-rounds.kdbx", document("keepass-3-rounds.kdbx", []), rounds=1 << 60)
    three("keepass-3-deep.kdbx", document("keepass-3-deep.kdbx", [], deep=20_000))
    xml = document("keepass-4", entries)
    four_by_hand("keepass-4-chacha20.kdbx", xml, "ChaCha20", "Argon2id")
    four_by_hand("keepass-4-twofish.kdbx", xml, "Twofish", "Argon2d")
    four_by_hand("keepass-4-plain.kdbx", xml, packed=False)
    four_by_hand("keepass-4-spoilt.kdbx", xml, packed=False, spoil=lambda file: file[:-100] + bytes([file[-100] ^ 1]) + file[-99:])
    # Key files: the same key in four forms, and a file that is none of them and counts by its hash.
    key = salt("keepass key file", 32)
    digits = key.hex().upper()
    groups = " ".join(digits[at:at + 8] for at in range(0, 64, 8))
    check = hashlib.sha256(key).hexdigest()[:8].upper()
    newer = (f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<KeyFile>\n\t<Meta>\n\t\t<Version>2.0</Version>\n\t</Meta>\n\t<Key>\n'
             f'\t\t<Data Hash="{check}">\n\t\t\t{groups[:35]}\n\t\t\t{groups[36:]}\n\t\t</Data>\n\t</Key>\n</KeyFile>\n')
    write("keepass-key-32.key", key)
    write("keepass-key-64.key", digits.lower().encode())
    write("keepass-key-1.key", (f'<?xml version="1.0" encoding="utf-8"?>\n<KeyFile><Meta><Version>1.00</Version></Meta>'
                                f'<Key><Data>{b64(key)}</Data></Key></KeyFile>').encode())
    write("keepass-key-2.keyx", newer.encode())
    write("keepass-key-2-spoilt.keyx", newer.replace(groups[:8], groups[:7] + ("0" if groups[7] != "0" else "1")).encode())
    write("keepass-key-any.txt", b"a picture of the cat, for example")
    both = composite(by_password, key)
    three("keepass-3-key-file.kdbx", document("keepass-3-key-file.kdbx", entries), opens=both)
    four_by_hand("keepass-4-key-file.kdbx", document("keepass-4-key-file", entries), "ChaCha20", "Argon2id", opens=both)
    four_by_hand("keepass-4-key-alone.kdbx", document("keepass-4-key-alone", entries), opens=composite(key))
    by_any = hashlib.sha256(b"a picture of the cat, for example").digest()
    four_by_hand("keepass-4-key-any.kdbx", document("keepass-4-key-any", entries), opens=composite(by_password, by_any))

    # The same as XML, as both programs export it; one of them marks what it hides in memory.
    def exported(name, inside, bin="AAAAAAAAAAAAAAAAAAAAAA=="):
        return write(name, (f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<KeePassFile>\n\t<Meta>'
                     f'<RecycleBinEnabled>True</RecycleBinEnabled><RecycleBinUUID>{bin}</RecycleBinUUID></Meta>\n\t<Root>\n'
                     f'<Group><UUID>{b64(salt(name, 16))}</UUID><Name>Root</Name>{inside}</Group>'
                     '<DeletedObjects/></Root>\n</KeePassFile>\n').encode())

    def as_xml(at, title, user, texts, more="", how='ProtectInMemory="True"'):
        strings = f"<String><Key>Title</Key><Value>{title}</Value></String><String><Key>UserName</Key><Value>{user}</Value></String>"
        strings += "".join(f"<String><Key>{k}</Key><Value {how}>{html.escape(v)}</Value></String>" for k, v in texts.items())
        return f"<Entry><UUID>{b64(salt(f'xml {at}', 16))}</UUID>{strings}{more}</Entry>"

    def group(name, inside, at):
        return f"<Group><UUID>{at}</UUID><Name>{name}</Name>{inside}</Group>"

    bin = b64(salt("xml bin", 16))
    note = f"<String><Key>Notes</Key><Value>{NOTE}</Value></String>"
    history = "<History>" + as_xml("h", "old", "", fields(1)) + "</History>"
    inside = "".join(as_xml(n, *ACCOUNTS[n - 1][1:3], fields(n), history * (n == 3)) for n in (3, 4, 5, 6, 7, 8))
    inside += group(GROUPS[0], as_xml(1, *ACCOUNTS[0][1:3], fields(1), note), b64(salt("xml g1", 16)))
    inside += group(GROUPS[1], as_xml(2, *ACCOUNTS[1][1:3], fields(2)), b64(salt("xml g2", 16)))
    inside += group("Recycle Bin", as_xml("thrown", "old", "thrown away", fields(1)), bin)
    exported("keepass.xml", inside, bin)
    inside = "".join(as_xml(at, title, "", texts) for at, (title, texts) in enumerate(odd))
    exported("keepass-odd.xml", inside + as_xml("sealed", "sealed", "", {"otp": "c2VhbGVk"}, how='Protected="True"'))
    exported("keepass-deep.xml", "<Group>" * 200 + "</Group>" * 200)
    write("keepass-entities.xml", b'<?xml version="1.0"?><!DOCTYPE KeePassFile [<!ENTITY a "aaaa">]><KeePassFile><Root><Group><Name>&a;</Name></Group></Root></KeePassFile>')
    write("keepass-nothing.xml", b'<?xml version="1.0"?>\n<KeePassFile><Meta/></KeePassFile>')
    # What unpacks to more than a file may have: all of it, or one attachment.
    three("keepass-3-bomb.kdbx", bytes(65 << 20))
    four_by_hand("keepass-4-bomb.kdbx", bytes(65 << 20))
    attachment = lambda data, how: f'<Binaries><Binary ID="0" {how}>{b64(data)}</Binary></Binaries>'
    bomb, packed = pack(bytes(65 << 20)), pack(b"a picture" * 1000)
    for name, meta in [("bomb", attachment(bomb, 'Compressed="True"')), ("good", attachment(packed, 'Compressed="True"')),
                       ("hidden", attachment(bomb, 'Protected="True" Compressed="1"')),
                       ("spelled", attachment(bomb, 'Compressed="&#84;rue"'))]:
        three(f"keepass-3-attachment-{name}.kdbx", document("keepass-3", entries, meta=meta))


def cotp():
    def element(account):
        kind, issuer, name, algorithm, digits, moving, key = account
        hotp = kind == "hotp"
        return {"secret": b32(key), "issuer": issuer, "label": name, "digits": digits, "type": kind.upper(),
                "algorithm": algorithm, "period": 30 if hotp else moving, "counter": moving if hotp else None, "pin": None}

    def database(inside, **changed):
        key, nonce = argon2id(salt("cotp", 16), 32768, 4, 4), salt("cotp nonce", 24)
        sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(dump(inside).encode(), None, nonce, key)
        return {"version": 1, "nonce": b64(nonce), "salt": b64(salt("cotp", 16)), "cipher": b64(sealed)} | changed

    elements = [element(account) for account in ACCOUNTS]
    plain = {"version": 2, "elements": elements}
    write("cotp.json", dump(plain))
    write("cotp-newer.json", dump(plain | {"version": 3}))
    write("cotp-database.json", dump(database(plain)))
    write("cotp-database-first.json", dump(database(elements)))  # before lists had a version
    write("cotp-database-newer.json", dump(database(plain, version=2)))
    write("cotp-database-nonce.json", dump(database(plain, nonce=b64(salt("cotp nonce", 12)))))
    write("cotp-database-short.json", dump(database(plain, cipher="AAAA")))
    odd = [elements[0] | {"type": "YANDEX", "pin": "1234"}, elements[1] | {"type": "MOTP", "secret": "e3152afee62599c8"},
           elements[2] | {"algorithm": "MD5"}, elements[4] | {"counter": None}, elements[5] | {"secret": "018"}, 4, elements[3]]
    write("cotp-odd.json", dump({"version": 2, "elements": odd}))


def otp_client():
    def token(at, account):
        kind, issuer, name, algorithm, digits, moving, key = account
        value = {"type": "HOTP" if kind == "hotp" else "TOTP", "label": name, "issuer": issuer, "digits": digits,
                 "algo": algorithm, "secret": b32(key), "counter" if kind == "hotp" else "period": moving}
        return value | ({"group": GROUPS[at]} if at < 2 else {})

    tokens = [token(at, account) for at, account in enumerate(ACCOUNTS)]
    iv, long_salt = salt("otpclient iv", 16), salt("otpclient", 32)
    numbers = lambda order, cost: struct.pack(order + "3I", *cost)  # passes, KiB, lanes

    def database(header, cost, inside, password=PASSWORD):
        passes, kib, lanes = cost
        key = hash_secret_raw(password, long_salt, passes, kib, lanes, 32, Type.ID)
        return header + gcm(key, iv, inside, header)

    def three(inside, cost=(1, 8192, 1), pays=(1, 8192, 1), version=3):
        header = b"OTPClient" + struct.pack(">I", version) + iv + long_salt + numbers(">", cost)
        return database(header, pays, inside)

    text = dump(tokens, separators=(",", ":")).encode()
    two = b"OTPClient" + bytes(3) + struct.pack("<I", 2) + iv + long_salt
    later = two + numbers("<", (1, 8192, 1))
    write("otpclient.bin", three(text))
    write("otpclient-2.bin", database(later, (1, 8192, 1), text + b"\0"))
    write("otpclient-2-first.bin", database(two, (4, 131072, 4), text + b"\0"))  # before costs were in the file
    cheap = two + numbers("<", (1, 64, 1))
    write("otpclient-2-cheap.bin", database(cheap, (1, 64, 1), text + b"\0"))
    # The password is "pässword", of which the app took eight bytes for eight characters.
    write("otpclient-2-length.bin", database(later, (1, 8192, 1), text, "pässword".encode()[:8]))
    write("otpclient-newer.bin", three(text, version=4))
    write("otpclient-older.bin", three(text, version=1))
    write("otpclient-memory.bin", three(text, (1, (1 << 20) + 1, 1)))
    write("otpclient-passes.bin", three(text, (21, 8192, 1)))
    write("otpclient-no-cost.bin", three(text, (0, 8192, 1)))
    odd = [tokens[0] | {"type": "PUSH"}, tokens[1] | {"algo": "MD5"}, {"type": "HOTP", "label": "x", "secret": "GEZDGNBV"},
           tokens[3] | {"period": 0}, "?", tokens[7] | {"issuer": "STEAM"}]
    write("otpclient-odd.bin", three(dump(odd).encode()))
    write("otpclient-list.bin", three(b'{"tokens": []}'))


def authme():
    def lines(name, key, issuer, kind="OTP_TOTP"):
        return f"\nName:   {name} \nSecret: {b32(key)} \nIssuer: {issuer} \nType:   {kind}\n"

    def export(text, **changed):
        value = {"role": "codes", "encrypted": False, "codes": b64(text.encode()), "date": "2024.01.01-000000", "version": 3}
        return dump(value | changed, indent="\t")

    def from_link(account):
        """A link of a QR code, cut as the app does it: at its secret, and all that follows is the issuer."""
        start, rest = uri(account).removeprefix("otpauth://totp/").split("?secret=")
        _, issuer = rest.split("&issuer=")
        return lines(start, account[6], issuer)

    first, second, third, fourth = ACCOUNTS[:4]
    text = lines(f"{first[1]}:{first[2]}", first[6], first[1]) + from_link(second) + from_link(third)
    text += lines(fourth[2], fourth[6], fourth[2])
    write("authme.authme", export(text))
    inside = [lines(a[2], a[6], a[1]) for a in (first, fourth)]
    write("authme-two-imports.authme", export('"' + '","'.join(inside) + '"'))
    write("authme-newer.authme", export(text, version=4))
    write("authme-own.authme", export("sealed", encrypted=True))
    odd = lines("a", b"", "A") + lines("b", b"12345678", "B", "OTP_HOTP") + "Name: c\nIssuer: C\nType: OTP_TOTP\n"
    odd += "Name: d\nwith a second line\nSecret: GEZDGNBV\nSecret: GEZDGNBV\n" + lines(fourth[2], fourth[6], "")
    write("authme-odd.authme", export(odd))
    write("authme-nothing.authme", export("what is this"))


def main():
    uri_list()
    google()
    html()
    aegis()
    two_fas()
    ente()
    proton()
    stratum()
    andotp()
    bitwarden()
    freeotp_plus()
    freeotp()
    lastpass()
    steam()
    duo()
    two_f_auth()
    authy()
    totp_authenticator()
    zipped()
    extension()
    sqlite()
    keepass()
    cotp()
    otp_client()
    authme()


main()
