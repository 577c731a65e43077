//! Google Authenticator's exports: messages put together by hand, field by field, and what becomes of them.
use couchkey_otp::migration::{self, Batch, MAX_BYTES};
use couchkey_otp::{
    Algorithm, Counter, Digits, Enrolment, Kind, MigrationError, Period, Secret, Warning,
};
use data_encoding::BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A message that nobody can read a name, number or key out of twice: protobuf by its own rules, without a library.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u8, value: i64) -> Message {
        self.0.push(field << 3);
        self.varint(value as u64)
    }

    fn bytes(mut self, field: u8, value: &[u8]) -> Message {
        self.0.push(field << 3 | 2);
        let mut message = self.varint(value.len() as u64);
        message.0.extend(value);
        message
    }

    fn varint(mut self, mut value: u64) -> Message {
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn uri(&self) -> String {
        let base64 = BASE64.encode(&self.0);
        format!(
            "otpauth-migration://offline?data={}",
            utf8_percent_encode(&base64, NON_ALPHANUMERIC)
        )
    }
}

const KEY: &[u8] = b"12345678901234567890";

/// Secret, name and issuer: what every entry has.
fn entry(key: &[u8], name: &str, issuer: &str) -> Message {
    Message::default()
        .bytes(1, key)
        .bytes(2, name.as_bytes())
        .bytes(3, issuer.as_bytes())
}

/// In a batch as the app writes it, alone.
fn batch(entries: &[Message]) -> Message {
    let message = entries.iter().fold(Message::default(), |message, entry| {
        message.bytes(1, &entry.0)
    });
    message.number(2, 1).number(3, 1).number(4, 0).number(5, 77)
}

fn read(message: &Message) -> Batch {
    migration::read(&message.uri()).unwrap_or_else(|error| panic!("{error}"))
}

fn only(message: &Message) -> couchkey_otp::Parsed {
    let mut entries = read(&batch(std::slice::from_ref(message))).entries;
    assert_eq!(entries.len(), 1, "one went in");
    entries
        .remove(0)
        .unwrap_or_else(|skipped| panic!("{skipped}"))
}

fn skipped(message: &Message) -> (String, &'static str) {
    let mut entries = read(&batch(std::slice::from_ref(message))).entries;
    let skipped = entries
        .remove(0)
        .err()
        .expect("no codes can be made from it");
    (skipped.label, skipped.reason.code())
}

fn refused(uri: &str) -> MigrationError {
    migration::read(uri).err().expect("not a batch")
}

#[test]
fn an_entry_of_each_kind_reads_as_its_account() {
    let totp = entry(KEY, "Example:alice@example.com", "Example")
        .number(4, 2)
        .number(5, 2)
        .number(6, 2);
    let hotp = entry(KEY, "bob", "Bank")
        .number(4, 3)
        .number(5, 1)
        .number(6, 1)
        .number(7, 42);
    let batch = read(&batch(&[totp, hotp]));
    assert_eq!(
        (batch.part, batch.of, batch.batch_id),
        (1, 1, 77),
        "a batch of its own"
    );
    let [Ok(totp), Ok(hotp)] = batch.entries.as_slice() else {
        panic!("both can be read")
    };

    assert_eq!(
        totp.enrolment.kind,
        Kind::Totp {
            period: Period::THIRTY
        },
        "the period is always 30"
    );
    assert_eq!(
        (totp.enrolment.algorithm, totp.enrolment.digits),
        (Algorithm::Sha256, Digits::EIGHT),
        "2 and 2"
    );
    assert_eq!(
        totp.enrolment.issuer.as_deref(),
        Some("Example"),
        "its own field"
    );
    assert_eq!(
        totp.enrolment.account, "alice@example.com",
        "without the issuer in front"
    );
    assert_eq!(totp.enrolment.secret.expose(), KEY, "bytes, not base32");
    assert_eq!(totp.warnings, [], "nothing is odd about it");

    assert_eq!(
        hotp.enrolment.kind,
        Kind::Hotp {
            counter: Counter::new(42).unwrap()
        },
        "1, with its counter"
    );
    assert_eq!(
        (hotp.enrolment.algorithm, hotp.enrolment.digits),
        (Algorithm::Sha512, Digits::SIX),
        "3 and 1"
    );
}

#[test]
fn absent_and_zero_fields_are_the_defaults() {
    let absent = entry(KEY, "a", "I");
    let zero = entry(KEY, "a", "I")
        .number(4, 0)
        .number(5, 0)
        .number(6, 0)
        .number(7, 0);
    for message in [absent, zero] {
        let Enrolment {
            kind,
            algorithm,
            digits,
            ..
        } = only(&message).enrolment;
        assert_eq!(
            kind,
            Kind::Totp {
                period: Period::THIRTY
            },
            "some exports have type 0"
        );
        assert_eq!(
            (algorithm, digits),
            (Algorithm::Sha1, Digits::SIX),
            "and algorithm and digits 0"
        );
    }
    let hotp = entry(KEY, "a", "I").number(6, 1);
    assert_eq!(
        only(&hotp).enrolment.kind,
        Kind::Hotp {
            counter: Counter::default()
        },
        "protobuf leaves out a zero"
    );
    let bare = Message::default().bytes(1, &entry(KEY, "a", "I").0);
    let bare = read(&bare);
    assert_eq!(
        (bare.part, bare.of),
        (1, 1),
        "a batch that counts nothing is the only one"
    );
}

#[test]
fn an_unknown_field_changes_nothing() {
    // Field 8 is a unique id that exports have had since 2025.
    let message = entry(KEY, "a", "I").number(6, 2).bytes(8, b"5c1f");
    assert_eq!(
        only(&message).enrolment.account,
        "a",
        "the id is nobody's business"
    );
    let message = batch(&[message]).number(2, 2).bytes(9, b"?");
    assert_eq!(
        read(&message).entries.len(),
        1,
        "version 2, and a field to come"
    );
}

#[test]
fn names_without_an_issuer_are_split_and_odd_ones_warned_about() {
    let parsed = only(&entry(KEY, "Example: alice", ""));
    assert_eq!(
        parsed.enrolment.issuer.as_deref(),
        Some("Example"),
        "as Google Authenticator shows it"
    );
    assert_eq!(
        parsed.enrolment.account, "alice",
        "as Google Authenticator shows it"
    );
    let parsed = only(&entry(b"1234567890", "100%3Aalice", ""));
    assert_eq!(
        parsed.enrolment.account, "100%3Aalice",
        "this is plain text, not a URI"
    );
    assert_eq!(
        parsed.warnings,
        [Warning::NoIssuer, Warning::ShortSecret],
        "80 bits are few"
    );
    let parsed = only(&entry(KEY, "Old:alice", "New"));
    assert_eq!(
        parsed.enrolment.label_issuer.as_deref(),
        Some("Old"),
        "kept for display"
    );
    assert_eq!(parsed.warnings, [Warning::IssuerMismatch], "and said");
}

#[test]
fn one_bad_entry_never_stops_the_others_and_is_skipped_by_name() {
    let good = entry(KEY, "good", "I");
    for (bad, code) in [
        (entry(KEY, "bad", "I").number(4, 4), "unsupported_algorithm"), // MD5
        (entry(KEY, "bad", "I").number(4, 5), "unsupported_algorithm"),
        (entry(KEY, "bad", "I").number(5, 3), "unsupported_digits"),
        (entry(KEY, "bad", "I").number(6, 3), "unsupported_type"),
        (
            entry(KEY, "bad", "I").number(6, 1).number(7, -1),
            "bad_counter",
        ),
        (entry(b"", "bad", "I"), "empty_secret"),
        (entry(&[1; 513], "bad", "I"), "too_long_secret"),
        (entry(KEY, "bad\n", "I"), "bad_label"),
    ] {
        assert_eq!(
            skipped(&bad),
            ("I:bad".to_owned(), code),
            "nothing is dropped silently"
        );
        let entries = read(&batch(&[good.clone(), bad, good.clone()])).entries;
        let read: Vec<bool> = entries.iter().map(Result::is_ok).collect();
        assert_eq!(
            read,
            [true, false, true],
            "{code}: the others are there, in order"
        );
    }
    assert_eq!(skipped(&entry(b"", "I:bad", "I")).0, "I:bad", "not I:I:bad");
}

#[test]
fn a_name_that_is_not_utf_8_does_not_stop_its_entry() {
    let message = Message::default().bytes(1, KEY).bytes(2, b"caf\xe9");
    assert_eq!(
        only(&message).enrolment.account,
        "caf\u{FFFD}",
        "the codes are right all the same"
    );
}

#[test]
fn base64_reads_the_same_however_it_travelled() {
    // Six-bit groups of 62 and 63, whatever the key's place in the message: base64 of `+` and `/`.
    let plus = [0xfb, 0xef, 0xbe, 0xfb, 0xef, 0xbe];
    let key = [&plus[..], &[0], &plus, &[0], &plus, &[0xff; 6]].concat();
    let message = batch(&[entry(&key, "a", "I")]);
    let base64 = BASE64.encode(&message.0);
    assert!(
        base64.contains('+') && base64.contains('/'),
        "or this test shows nothing"
    );
    let (escaped, bare) = (message.uri(), base64.trim_end_matches('=').to_owned());
    let with = |data: &str| format!("otpauth-migration://offline?data={data}");
    for uri in [
        escaped.clone(),
        escaped.replace("%2B", "%2b").replace("%2F", "%2f"),
        with(&base64),
        with(&bare),
        with(&base64.replace('+', " ")),
        with(&base64.replace('+', "%20")),
        with(&bare.replace('+', "-").replace('/', "_")),
        format!("\u{FEFF} {}\n", with(&base64)),
        with(&base64).replace(
            "otpauth-migration://offline",
            "OTPAUTH-MIGRATION://offline/",
        ),
        with(&base64).replace("?data", "?x=1&data"),
    ] {
        let batch = migration::read(&uri).unwrap_or_else(|error| panic!("{error}"));
        let parsed = batch.entries[0]
            .as_ref()
            .unwrap_or_else(|skipped| panic!("{skipped}"));
        assert_eq!(
            parsed.enrolment.secret.expose(),
            key,
            "the same bytes each time"
        );
    }
}

#[test]
fn parts_are_counted_from_one_and_must_agree() {
    let part = |index, size| {
        Message::default()
            .bytes(1, &entry(KEY, "a", "I").0)
            .number(3, size)
            .number(4, index)
    };
    let read = read(&part(2, 3).number(5, -5));
    assert_eq!(
        (read.part, read.of, read.batch_id),
        (3, 3, -5),
        "the third of three"
    );
    for (index, size) in [(3, 3), (-1, 3), (0, -1), (1, 0), (0, 10_001)] {
        let error = refused(&part(index, size).uri());
        assert_eq!(
            error,
            MigrationError::BadPart,
            "there is no part {index} of {size}"
        );
    }
}

#[test]
fn what_is_no_batch_is_refused_for_its_reason() {
    let good = batch(&[entry(KEY, "a", "I")]);
    for (uri, code) in [
        (
            "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP".to_owned(),
            "not_migration",
        ),
        (
            "otpauth-migration://online?data=CgA".to_owned(),
            "not_migration",
        ),
        (
            "otpauth-migration:offline?data=CgA".to_owned(),
            "not_migration",
        ),
        ("ö".repeat(30), "not_migration"),
        (String::new(), "not_migration"),
        ("otpauth-migration://offline".to_owned(), "missing_data"),
        (
            "otpauth-migration://offline?data=".to_owned(),
            "missing_data",
        ),
        (
            "otpauth-migration://offline?date=CgA".to_owned(),
            "missing_data",
        ),
        (
            "otpauth-migration://offline?data=C".to_owned(),
            "bad_migration",
        ), // no whole byte
        (
            "otpauth-migration://offline?data=Cg!A".to_owned(),
            "bad_migration",
        ),
        (
            "otpauth-migration://offline?data=CjEKCkhello".to_owned(),
            "bad_migration",
        ), // cut short
        (good.clone().number(2, 3).uri(), "newer_version"),
        (good.clone().number(2, -1).uri(), "newer_version"),
    ] {
        let error = refused(&uri);
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.hint().is_empty(), "every message has a cure");
    }
}

#[test]
fn an_export_cut_short_anywhere_never_passes_for_a_whole_one() {
    let good = batch(&[entry(KEY, "alice", "Example").number(6, 2)]);
    let whole = good.0.len() - 8; // the four numbers of the batch may be absent
    for length in 1..whole {
        let cut = Message(good.0[..length].to_vec());
        assert_eq!(
            refused(&cut.uri()),
            MigrationError::BadData,
            "{length} of {whole} bytes"
        );
    }
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let empty = Message::default().bytes(1, b"");
    let many = Message(empty.0.repeat(10_001));
    assert_eq!(
        refused(&many.uri()),
        MigrationError::TooManyEntries { entries: 10_001 },
        "10,000 are enough"
    );
    let most = Message(empty.0.repeat(10_000));
    assert_eq!(read(&most).entries.len(), 10_000, "and allowed");
    let long = format!("otpauth-migration://offline?data={}", "A".repeat(MAX_BYTES));
    assert_eq!(
        refused(&long),
        MigrationError::TooLong { bytes: long.len() },
        "64 KiB are enough"
    );
}

// Writing.

fn account(issuer: &str, name: &str) -> Enrolment {
    Enrolment {
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret: Secret::from_bytes(KEY).expect("20 bytes"),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        issuer: Some(issuer.to_owned()),
        account: name.to_owned(),
        label_issuer: None,
    }
}

#[test]
fn what_is_written_is_the_message_that_the_app_writes() {
    let written = migration::write(&[&account("Example", "alice@example.com")], 5);
    let entry = entry(KEY, "alice@example.com", "Example")
        .number(4, 1)
        .number(5, 1)
        .number(6, 2);
    // protobuf leaves out the batch index, which is 0
    let message = Message::default()
        .bytes(1, &entry.0)
        .number(2, 2)
        .number(3, 1)
        .number(5, 5);
    assert_eq!(written.uris.len(), 1, "one account, one code");
    assert_eq!(
        *written.uris[0],
        message.uri(),
        "byte for byte, `+`, `/` and `=` escaped"
    );
}

#[test]
fn ten_accounts_go_into_a_batch_and_all_come_back_in_order() {
    let accounts: Vec<Enrolment> = (0..25)
        .map(|n| Enrolment {
            kind: if n % 2 == 0 {
                Kind::Totp {
                    period: Period::THIRTY,
                }
            } else {
                Kind::Hotp {
                    counter: Counter::new(n).unwrap(),
                }
            },
            algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][n as usize % 3],
            digits: [Digits::SIX, Digits::EIGHT][n as usize % 2],
            ..account("Canal×TV", &format!("José {n}"))
        })
        .collect();
    let written = migration::write(&accounts.iter().collect::<Vec<_>>(), -9);
    assert!(
        written.refused.is_empty(),
        "nothing here is beyond the format"
    );
    let batches: Vec<Batch> = written
        .uris
        .iter()
        .map(|uri| migration::read(uri).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    let shape: Vec<_> = batches
        .iter()
        .map(|b| (b.part, b.of, b.batch_id, b.entries.len()))
        .collect();
    assert_eq!(
        shape,
        [(1, 3, -9, 10), (2, 3, -9, 10), (3, 3, -9, 5)],
        "at most ten to a QR code"
    );
    let read = batches.into_iter().flat_map(|batch| batch.entries);
    for (parsed, account) in read.zip(&accounts) {
        let read = parsed
            .unwrap_or_else(|skipped| panic!("{skipped}"))
            .enrolment;
        assert_eq!(read.kind, account.kind, "the kind decides the codes");
        assert_eq!(
            (read.algorithm, read.digits),
            (account.algorithm, account.digits),
            "both decide the codes"
        );
        assert_eq!(
            (read.issuer, read.account),
            (account.issuer.clone(), account.account.clone()),
            "the names"
        );
        assert!(
            read.secret.same_as(&account.secret),
            "the secret decides the codes"
        );
    }
}

#[test]
fn long_accounts_make_smaller_batches_not_unreadable_codes() {
    let name = "a".repeat(200);
    let accounts: Vec<Enrolment> = (0..10).map(|_| account(&name, &name)).collect();
    let written = migration::write(&accounts.iter().collect::<Vec<_>>(), 1);
    assert_eq!(written.uris.len(), 5, "two of some 430 bytes to each");
    for uri in &written.uris {
        assert!(
            uri.len() < 2953,
            "a QR code holds at most 2,953 bytes, and this has {}",
            uri.len()
        );
        let of = migration::read(uri)
            .unwrap_or_else(|error| panic!("{error}"))
            .of;
        assert_eq!(of, 5, "each knows how many there are");
    }
}

#[test]
fn what_the_format_cannot_say_is_refused_by_name() {
    let good = account("Example", "alice");
    let steam = Enrolment {
        kind: Kind::Steam,
        ..account("Steam", "bob")
    };
    let slow = Enrolment {
        kind: Kind::Totp {
            period: Period::new(60).unwrap(),
        },
        ..account("Slow", "carol")
    };
    let seven = Enrolment {
        digits: Digits::new(7).unwrap(),
        issuer: None,
        ..account("", "dave")
    };
    let written = migration::write(&[&steam, &good, &slow, &seven], 1);
    let refused: Vec<_> = written
        .refused
        .iter()
        .map(|refused| {
            (
                refused.position,
                refused.label.as_str(),
                refused.reason.code(),
            )
        })
        .collect();
    assert_eq!(
        refused,
        [
            (0, "Steam:bob", "unsupported_type"),
            (2, "Slow:carol", "unsupported_period"),
            (3, "dave", "unsupported_digits"),
        ],
        "an app that read them would make wrong codes"
    );
    assert_eq!(written.uris.len(), 1, "the good one is written");
    assert!(
        migration::write(&[&steam], 1).uris.is_empty(),
        "an empty batch is no export"
    );
}

#[test]
fn names_are_written_without_what_a_reader_would_split_at() {
    let written = migration::write(&[&account("Text: More", "a:b\u{202E}\n")], 1);
    let batch = migration::read(&written.uris[0]).unwrap_or_else(|error| panic!("{error}"));
    let parsed = batch
        .entries
        .into_iter()
        .next()
        .unwrap()
        .unwrap_or_else(|skipped| panic!("{skipped}"));
    assert_eq!(
        parsed.enrolment.issuer.as_deref(),
        Some("Text More"),
        "no colon"
    );
    assert_eq!(
        parsed.enrolment.account, "ab",
        "no colon, no marks, no line end"
    );
    assert_eq!(parsed.warnings, [], "and nothing odd is left");
}
