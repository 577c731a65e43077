//! What must hold for any bytes at all. One function each; the targets beside this file hand libFuzzer's bytes to them,
//! and `tests/tests/fuzz.rs` hands them the vectors and mutations of those on a stable compiler.

pub mod sealed;

use std::ops::ControlFlow;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherEncrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use couchkey_formats::import::{self, Step, caps};
use couchkey_otp::{UnixTime, code_of, migration, otpauth};
use couchkey_qr::{self as qr, Effort};
use couchkey_vault::{DeviceKey, Found, RecoveryKey, Unlock, Vault, open, survey};
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

/// A name, and what must hold for any bytes.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const PROPERTIES: &[Property] = &[
    ("otpauth", otpauth_uri),
    ("migration", migration_batch),
    ("vault", vault_file),
    ("head", keyring_head),
    ("vault_sealed", vault_behind_its_seals),
    ("recovery_key", recovery_key),
    ("import", import_file),
    ("keepass", keepass_xml),
    ("keepass_4", keepass_4),
    ("picture", picture),
];

/// Whatever is read makes a code, and is read alike again after it was written.
pub fn otpauth_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(parsed) = otpauth::read(text) else {
        return;
    };
    let enrolment = parsed.enrolment;
    let at = UnixTime::from_secs(1_111_111_109);
    let code = |of: &couchkey_otp::Enrolment| {
        let code = code_of(&of.kind, &of.secret, of.algorithm, of.digits, at);
        code.as_str().to_owned()
    };
    let again = otpauth::read(&otpauth::write(&enrolment));
    let again = again.unwrap_or_else(|error| panic!("what we write we read: {error}"));
    assert_eq!(code(&again.enrolment), code(&enrolment), "the same codes");
}

/// A batch has as many entries as it says, each read or skipped with a reason; what is read can be written and read.
pub fn migration_batch(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(batch) = migration::read(text) else {
        return;
    };
    assert!((1..=batch.of).contains(&batch.part), "a part of the whole");
    let read: Vec<_> = batch
        .entries
        .iter()
        .filter_map(|entry| entry.as_ref().ok())
        .collect();
    let accounts: Vec<_> = read.iter().map(|parsed| &parsed.enrolment).collect();
    for uri in migration::write(&accounts, 1).uris {
        let again = migration::read(&uri);
        let again = again.unwrap_or_else(|error| panic!("what we write we read: {error}"));
        assert!(again.entries.iter().all(Result::is_ok), "all of it");
    }
}

/// Either half of the vault's file, with the key of the golden vault and nothing else to fall back on.
pub fn vault_file(data: &[u8]) {
    let found = Found {
        file_a: Some(data.to_vec()),
        file_b: None,
        head: None,
    };
    look(&found);
}

/// The keyring's head beside no file.
pub fn keyring_head(data: &[u8]) {
    let found = Found {
        file_a: None,
        file_b: None,
        head: Some(data.to_vec()),
    };
    look(&found);
}

fn look(found: &Found) {
    let seen = survey(found);
    let key = DeviceKey::from_bytes(&std::array::from_fn::<u8, 32, _>(|n| n as u8));
    let key = key.expect("32 bytes");
    if let Ok(opened) = open(found, &Unlock::Device(&key), |_, _| Ok(None)) {
        assert_eq!(
            Some(opened.vault.id()),
            seen.vault,
            "the vault that the survey saw"
        );
    }
}

/// What is inside a vault, sealed with the right keys: index, items, bundle and head are the fuzzer's. Whatever opens makes
/// codes, can be saved, and opens again with no less in it.
pub fn vault_behind_its_seals(data: &[u8]) {
    let places = sealed::vault(data);
    let found = Found {
        file_a: places.file_a,
        file_b: places.file_b,
        head: places.head,
    };
    survey(&found);
    let key = DeviceKey::from_bytes(&sealed::device_key()).expect("32 bytes");
    let unlock = Unlock::Device(&key);
    // A head may name thousands of bundles; two are enough to look at.
    let fetch = |number, _| Ok(places.bundle.clone().filter(|_| number < 2));
    let Ok(opened) = open(&found, &unlock, fetch) else {
        return;
    };
    let vault = opened.vault;
    let at = UnixTime::from_secs(1_111_111_109);
    for (_, account) in vault.accounts().chain(vault.trash()) {
        code_of(
            &account.kind,
            &account.secret,
            account.algorithm,
            account.digits,
            at,
        );
    }
    let Ok(save) = vault.save(&mut StdRng::seed_from_u64(7)) else {
        return;
    };
    let saved = Found {
        file_a: Some(save.file.clone()),
        file_b: None,
        head: Some(save.head.clone().into_bytes()),
    };
    let again = open(&saved, &unlock, |number, half| {
        let mut written = save.bundles.iter();
        let bundle = written.find(|bundle| (bundle.number, bundle.half) == (number, half));
        Ok(bundle.map(|bundle| bundle.entry.clone().into_bytes()))
    });
    let again = again.unwrap_or_else(|error| panic!("what was opened and saved opens: {error}"));
    let count = |vault: &Vault| vault.accounts().count() + vault.trash().count();
    assert!(
        count(&again.vault) >= count(&vault),
        "nothing is lost by a save"
    );
}

/// What is taken for a key is spelled in one way only.
pub fn recovery_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(key) = RecoveryKey::parse(text) {
        let again = RecoveryKey::parse(&key.to_text());
        let again = again.unwrap_or_else(|error| panic!("what we show can be typed: {error}"));
        assert_eq!(*again.to_text(), *key.to_text(), "the same key");
    }
}

/// Every importer, without a password and with one; no key is derived, because that costs what the file asks for.
pub fn import_file(data: &[u8]) {
    for password in [None, Some("test")] {
        let mut go_on = |step| match step {
            Step::Deriving => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        check_import(data, password, &mut go_on);
    }
}

/// What is inside a database of KeePass, where no mutation of a file gets: the bytes are its XML.
pub fn keepass_xml(data: &[u8]) {
    let mut go_on = |_| ControlFlow::Continue(());
    check_import(&keepass_file(data), Some("test"), &mut go_on);
}

/// A database of version 4 whose headers and XML are the fuzzer's, sealed with the right key.
pub fn keepass_4(data: &[u8]) {
    let mut go_on = |_| ControlFlow::Continue(());
    check_import(&sealed::kdbx(data), Some("test"), &mut go_on);
}

fn check_import(data: &[u8], password: Option<&str>, watch: import::Watch<'_>) {
    let Ok(read) = import::read(data, password, watch) else {
        return;
    };
    let entries = read.accounts.len() + read.skipped.len();
    assert!(
        entries <= caps::ENTRIES,
        "no more than a vault holds: {entries}"
    );
    for account in &read.accounts {
        assert!(
            account.parsed.enrolment.secret.bits() > 0,
            "an account has a secret"
        );
    }
}

/// A database of version 3 with this XML, sealed under "test" as cheaply as the format can.
fn keepass_file(xml: &[u8]) -> Vec<u8> {
    const AES: [u8; 16] = [
        0x31, 0xc1, 0xf2, 0xe6, 0xbf, 0x71, 0x43, 0x50, 0xbe, 0x58, 0x05, 0x21, 0x6a, 0xfc, 0x5a,
        0xff,
    ];
    let seed = [0; 32];
    let fields: [(u8, &[u8]); 10] = [
        (2, &AES),
        (3, &[0; 4]),
        (4, &seed),
        (5, &seed),
        (6, &1_u64.to_le_bytes()),
        (7, &[0; 16]),
        (8, &seed),
        (9, &seed),
        (10, &2_u32.to_le_bytes()),
        (0, &[]),
    ];
    let mut file = vec![0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5, 1, 0, 3, 0];
    for (number, value) in fields {
        file.push(number);
        file.extend((value.len() as u16).to_le_bytes());
        file.extend(value);
    }
    let mut blocks = seed.to_vec();
    for (number, block) in [(0_u32, xml), (1, &[][..])] {
        let hash = match block.is_empty() {
            true => [0; 32],
            false => Sha256::digest(block).into(),
        };
        blocks.extend(number.to_le_bytes());
        blocks.extend(hash);
        blocks.extend((block.len() as u32).to_le_bytes());
        blocks.extend(block);
    }
    let mut key: [u8; 32] = Sha256::digest(Sha256::digest(b"test")).into();
    let round = Aes256::new(&seed.into());
    for half in key.chunks_exact_mut(16) {
        round.encrypt_block(half.try_into().expect("16 bytes"));
    }
    let key = Sha256::new()
        .chain_update(seed)
        .chain_update(Sha256::digest(key));
    let seal = cbc::Encryptor::<Aes256>::new(&key.finalize(), &[0; 16].into());
    file.extend(seal.encrypt_padded_vec::<Pkcs7>(&blocks));
    file
}

/// Picture files; of small ones the QR codes too.
pub fn picture(data: &[u8]) {
    let Ok(grey) = qr::read_picture(data) else {
        return;
    };
    if grey.width() * grey.height() <= 1 << 16 {
        qr::decode(&grey, Effort::Frame);
    }
}
