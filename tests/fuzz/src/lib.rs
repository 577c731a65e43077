//! What must hold for any bytes at all. One function each; the targets beside this file hand libFuzzer's bytes to them,
//! and `tests/tests/fuzz.rs` hands them the vectors and mutations of those on a stable compiler.

use std::ops::ControlFlow;

use couchkey_authenticator::qr::{self, Effort};
use couchkey_otp::{UnixTime, code_of, migration, otpauth};
use couchkey_vault::{
    DeviceKey, Found, RecoveryKey, Unlock,
    import::{self, Step, caps},
    open, survey,
};

/// A name, and what must hold for any bytes.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const PROPERTIES: &[Property] = &[
    ("otpauth", otpauth_uri),
    ("migration", migration_batch),
    ("vault", vault_file),
    ("head", keyring_head),
    ("recovery_key", recovery_key),
    ("import", import_file),
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
        if let Ok(read) = import::read(data, password, &|_| Vec::new(), &mut go_on) {
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
    }
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
