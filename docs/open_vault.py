#!/usr/bin/env python3
"""Open a Couchkey vault file or backup without Couchkey, and print its accounts as otpauth URIs.

    python3 -m pip install -r requirements-open-vault.txt
    python3 open_vault.py vault.a
    python3 open_vault.py couchkey-9f3a12bc-20270115T080005Z.couchkey

It asks for the recovery key or the passphrase; where that is not a terminal, it reads one line of standard input.
Neither is ever an argument: arguments can be read by every program on the computer. Nothing is written and
nothing is sent anywhere. The format is described in vault-format.md, whose names this program uses.
"""

import argparse
import base64
import getpass
import hashlib
import hmac
import struct
import sys
import unicodedata
from urllib.parse import quote

try:
    import argon2.low_level
    import cbor2
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_decrypt
    from nacl.exceptions import CryptoError
except ImportError as missing:
    sys.exit(f"open_vault.py: {missing}. First: python3 -m pip install -r requirements-open-vault.txt")

# What the list is sealed for starts with the kind of file, so that neither kind can be put in the other's place.
KINDS = {b"\x89CKV\r\n\x1a\n": b"couchkey/v1/index", b"\x89CKB\r\n\x1a\n": b"couchkey/v1/backup"}
DEVICE, PASSPHRASE, STRONG, RECOVERY = 1, 2, 3, 4
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Unreadable(Exception):
    """What is wrong, in words for a person."""


def main():
    options = argparse.ArgumentParser(description="Print the accounts of a Couchkey vault or backup as otpauth URIs.")
    options.add_argument("file", help="vault.a or vault.b (the other one may be newer), or a backup")
    options.add_argument("--device-key", action="store_true", help="ask for the device key instead")
    options.add_argument("--trash", action="store_true", help="print the accounts in the trash as well, last")
    options = options.parse_args()
    with open(options.file, "rb") as file:
        content = file.read()
    try:
        vault = File(content)
        if not vault.intact:
            complain("the file is damaged; trying anyway")
        key = vault.unlock_with_device_key(ask_device_key()) if options.device_key else ask_and_unlock(vault)
        index, items = vault.open(key)
    except Unreadable as error:
        sys.exit(f"open_vault.py: {error}")

    complain("Each of these lines makes codes for one account. Whoever has them can sign in as you.")
    damaged = 0
    for trashed in [False, True] if options.trash else [False]:
        for row, account in zip(index["accounts"], items):
            if ("trashed" in row) == trashed:
                if account is None:
                    damaged += 1
                else:
                    print(otpauth_uri(account))
    if damaged:
        sys.exit(f"open_vault.py: {damaged} accounts are damaged in this file; try the other one")


class File:
    """The parts of a vault file or a backup."""

    def __init__(self, content):
        self.label = KINDS.get(content[:8])
        if self.label is None:
            raise Unreadable("this is not a Couchkey vault")
        try:
            major, _minor, header, index, mirror = struct.unpack_from(">HHIII", content, 8)
        except struct.error:
            raise Unreadable("the file is cut off") from None
        self.intact = hashlib.sha256(content[:-32]).digest() == content[-32:]
        if major != 1:
            raise Unreadable(f"this vault is of version {major}; this program reads version 1")
        if 24 + header + index + mirror + 32 != len(content):
            raise Unreadable("the file is cut off or too long")
        self.sealed_for = content[:24 + header]
        self.index = content[24 + header:][:index]
        self.mirror = content[24 + header + index:][:mirror]
        try:
            parsed = cbor2.loads(content[24:24 + header])
            self.vault_id = parsed["vault"]
            # One of each kind, but of those that need a device key one for each device.
            self.slots = {}
            for slot in parsed["slots"]:
                self.slots.setdefault(slot["kind"], []).append(slot)
        except (cbor2.CBORDecodeError, KeyError, TypeError):
            raise Unreadable("the header is damaged") from None

    def unlock_with_recovery_key(self, key):
        return self.unwrap(RECOVERY, lambda slot: hkdf(key, self.vault_id, b"couchkey/v1/recovery"))

    def unlock_with_passphrase(self, passphrase):
        return self.unwrap(PASSPHRASE, lambda slot: self.stretch(slot, passphrase))

    def unlock_with_both(self, passphrase, device_key):
        mark = hkdf(device_key, self.vault_id, b"couchkey/v1/device")[:8]
        mine = lambda slot: slot.get("device", mark) == mark
        both = lambda slot: self.stretch(slot, passphrase) + device_key
        return self.unwrap(STRONG, lambda slot: hkdf(both(slot), self.vault_id, b"couchkey/v1/strong"), mine)

    def unlock_with_device_key(self, device_key):
        return self.unwrap(DEVICE, lambda slot: device_key)

    def stretch(self, slot, passphrase):
        if slot["memory"] > 1024 * 1024 or slot["passes"] > 20 or slot["lanes"] > 64:
            raise Unreadable("the file asks for more work than Couchkey ever does")
        return argon2.low_level.hash_secret_raw(
            spelling(passphrase).encode(), slot["salt"], time_cost=slot["passes"], memory_cost=slot["memory"],
            parallelism=slot["lanes"], hash_len=32, type=argon2.low_level.Type.ID, version=19)

    def unwrap(self, kind, key_of, mine=lambda slot: True):
        slots = self.slots.get(kind)
        if slots is None:
            raise Unreadable("this vault cannot be unlocked in this way")
        for slot in filter(mine, slots):
            place = b"couchkey/v1/slot" + self.vault_id + slot["id"] + bytes([kind])
            if "salt" in slot:
                place += struct.pack(">III", slot["memory"], slot["passes"], slot["lanes"]) + slot["salt"]
            vault_key = unseal(key_of(slot), place, slot["wrapped"])
            if vault_key is not None:
                return vault_key
        raise Unreadable("this does not unlock the vault")

    def open(self, vault_key):
        """The list, and for each of its rows the account, or None where it is damaged."""
        index_key = hkdf(vault_key, self.vault_id, b"couchkey/v1/index")
        item_key = hkdf(vault_key, self.vault_id, b"couchkey/v1/item")
        plain = unseal(index_key, self.label + self.sealed_for, self.index)
        if plain is None:
            raise Unreadable("the list is damaged; try the other file")
        index, items, at = cbor2.loads(plain), [], 0
        for row in index["accounts"]:
            item = self.mirror[at + 2:at + 2 + row["len"]]
            at += 2 + row["len"]
            items.append(self.open_item(item_key, row, item))
        return index, items

    def open_item(self, item_key, row, item):
        if hashlib.sha256(item).digest() != row["hash"]:
            return None
        fixed, sealed = item[:25], item[25:]
        plain = unseal(item_key, b"couchkey/v1/item" + self.vault_id + fixed, sealed)
        if plain is None or fixed[:16] != row["id"]:
            return None
        return cbor2.loads(plain)


def unseal(key, place, sealed):
    """XChaCha20-Poly1305: nonce, ciphertext, tag. None when key, place or a single bit differs."""
    try:
        return xchacha_decrypt(sealed[24:], place, sealed[:24], key)
    except (CryptoError, TypeError, ValueError):
        return None


def hkdf(key, salt, info):
    """HKDF-SHA256 (RFC 5869) for 32 bytes."""
    extracted = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def spelling(passphrase):
    """RFC 8265, section 4.2: every blank is U+0020, and the text is in NFC."""
    blanks = "".join(" " if unicodedata.category(c) == "Zs" else c for c in passphrase)
    return unicodedata.normalize("NFC", blanks)


def recovery_key(text):
    """The twenty bytes, or None where the text is no recovery key."""
    text = "".join(c for c in text.upper() if not c.isspace() and unicodedata.category(c) not in ("Pd", "Cf"))
    text = text.replace("\u2212", "").translate(str.maketrans("ILO", "110"))
    if len(text) != 40 or any(c not in CROCKFORD for c in text):
        return None
    bits = 0
    for group in range(8):
        values = [CROCKFORD.index(c) for c in text[5 * group:5 * group + 5]]
        check = group
        for value in values[:4]:
            check = times_a(check) ^ value
            bits = bits << 5 | value
        if times_a(check) != values[4]:
            return None
    return bits.to_bytes(20, "big")


def times_a(value):
    """Multiplication by a in GF(32) with the polynomial x^5 + x^2 + 1."""
    return (value << 1 ^ 0x25) if value & 0x10 else value << 1


def ask_and_unlock(vault):
    text = ask("Recovery key or passphrase: ")
    key = recovery_key(text)
    if key is not None and RECOVERY in vault.slots:
        return vault.unlock_with_recovery_key(key)
    if PASSPHRASE in vault.slots:
        return vault.unlock_with_passphrase(text)
    if STRONG in vault.slots:
        return vault.unlock_with_both(text, ask_device_key())
    raise Unreadable("that is not a whole recovery key, and this vault has no passphrase")


def ask_device_key():
    """As the keyring keeps it, base64, or as hexadecimal digits."""
    text = ask("Device key from the keyring: ").strip()
    try:
        key = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Unreadable("a device key is 32 bytes, in base64 or hexadecimal digits")
    return key


def ask(prompt):
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.buffer.readline().decode().rstrip("\r\n")


def otpauth_uri(account):
    kind = {1: "totp", 2: "hotp", 3: "steam"}[account["k"]]
    algorithm = {1: "SHA1", 2: "SHA256", 3: "SHA512"}[account["a"]]
    issuer = name(account.get("i", ""))
    secret = base64.b32encode(account["s"]).decode().rstrip("=")
    uri = f"otpauth://{kind}/" + (f"{issuer}:" if issuer else "") + name(account["n"]) + f"?secret={secret}"
    if issuer:
        uri += f"&issuer={issuer}"
    if kind == "steam":
        return uri + "&algorithm=SHA1&digits=5&period=30"
    last = f"period={account['p']}" if kind == "totp" else f"counter={account['c']}"
    return uri + f"&algorithm={algorithm}&digits={account['d']}&{last}"


def name(text):
    """No colon inside a name: it is what other programs split issuer and account name at."""
    return quote(text.replace(":", ""), safe="")


def complain(words):
    print(f"open_vault.py: {words}", file=sys.stderr)


if __name__ == "__main__":
    main()
