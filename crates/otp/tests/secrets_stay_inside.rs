//! Whatever comes in: no panic, and no error that gives the secret away.
use std::collections::HashSet;
use std::sync::LazyLock;

use couchkey_otp::{Algorithm, Secret, SecretError, migration, otpauth};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, HEXLOWER};
use proptest::prelude::*;

/// The planted secret, as base32 spells it, and long enough that no part of it is found by chance.
const PLANTED: &str = "KRSXG5DTMVRXEZLUPFXXKY3BNZZWKZJB";

/// No eight characters of the planted secret, in any spelling that it could come out in.
fn keeps_it(said: &str) -> bool {
    static PARTS: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
        let bytes = BASE32_NOPAD.decode(PLANTED.as_bytes()).expect("base32");
        let spellings = [
            PLANTED.to_owned(),
            PLANTED.to_lowercase(),
            HEXLOWER.encode(&bytes),
            BASE64.encode(&bytes),
            String::from_utf8(bytes.clone()).expect("planted as text"),
            format!("{bytes:?}").replace(['[', ']'], ""),
        ];
        spellings
            .iter()
            .flat_map(|spelled| spelled.as_bytes().windows(8).map(<[u8]>::to_vec))
            .collect()
    });
    !said.as_bytes().windows(8).any(|part| PARTS.contains(part))
}

/// Everything that comes out of reading a text that is not the secret itself.
fn said_of(text: &str) -> String {
    let mut said = String::new();
    if let Err(error) = otpauth::read(text) {
        said += &format!(
            "{error} {error:?} {error:#?} {} {} {}",
            error.hint(),
            error.code(),
            error.class()
        );
    }
    match migration::read(text) {
        Err(error) => {
            said += &format!(
                "{error} {error:?} {error:#?} {} {}",
                error.hint(),
                error.code()
            )
        }
        Ok(batch) => {
            for skipped in batch
                .entries
                .iter()
                .filter_map(|entry| entry.as_ref().err())
            {
                said += &format!(
                    "{skipped} {skipped:?} {} {}",
                    skipped.reason.hint(),
                    skipped.reason.code()
                );
            }
        }
    }
    if let Err(error) = Secret::from_base32(text) {
        said += &format!("{error} {error:?} {} {}", error.hint(), error.code());
    }
    if let Err(error) = text.parse::<Algorithm>() {
        said += &format!("{error} {error:?} {} {}", error.hint(), error.code());
    }
    said
}

#[test]
fn this_test_would_notice_a_quoted_secret() {
    for leak in [
        format!("invalid URI: otpauth://totp/x?secret={PLANTED}"),
        format!("at {:?}", &PLANTED[10..20]),
        "OTk5VGVzdHNlY3JldHlvdWNhbnNlZSE=".to_owned() + &BASE64.encode(b"Testsecretyoucansee!"),
        format!("{:?}", b"Testsecret"),
    ] {
        assert!(
            !keeps_it(&leak),
            "a test that cannot fail shows nothing: {leak}"
        );
    }
    assert!(
        keeps_it("the secret key in this set-up code is damaged"),
        "and one that always fails neither"
    );
}

/// URIs that each reader takes, with the planted secret in them.
fn good() -> Vec<String> {
    let key = Secret::from_base32(PLANTED)
        .unwrap_or_else(|error| panic!("{error}"))
        .0;
    let entry = [
        &[0x0a, 20][..],
        key.expose(),
        &[0x12, 1, b'a', 0x20, 4, 0x30, 2],
    ]
    .concat();
    let message = [&[0x0a, entry.len() as u8][..], &entry, &[0x10, 1, 0x18, 1]].concat();
    vec![
        format!(
            "otpauth://totp/Example:alice?secret={PLANTED}&issuer=Example&algorithm=SHA1&digits=6&period=30"
        ),
        format!("otpauth://hotp/Example:alice?counter=3&secret={PLANTED}"),
        format!("otpauth://steam/Steam:alice?secret={PLANTED}&digits=5"),
        format!("steam://{PLANTED}"),
        format!(
            "otpauth-migration://offline?data={}",
            BASE64_NOPAD.encode(&message)
        ),
    ]
}

#[test]
fn the_secret_in_the_place_of_any_other_parameter_is_not_quoted() {
    for name in [
        "secret",
        "algorithm",
        "digits",
        "period",
        "counter",
        "issuer",
        "encoder",
        "steam",
        "image",
        "data",
    ] {
        for head in [
            "otpauth://totp/x?",
            "otpauth://hotp/x?counter=1&",
            "otpauth-migration://offline?",
        ] {
            for key in ["", "&secret=MFRGGZDFMZTWQ2LK", "&secret="] {
                let uri = format!("{head}{name}={PLANTED}{key}");
                assert!(keeps_it(&said_of(&uri)), "{name} after {head}");
            }
        }
    }
    for head in [
        "",
        "http://",
        "otpauth://",
        "otpauth://totp/\u{0}",
        "motp://",
        "otpauth:",
        "steam://0",
    ] {
        assert!(
            keeps_it(&said_of(&format!("{head}{PLANTED}"))),
            "after {head}"
        );
    }
}

#[test]
fn an_entry_that_is_skipped_does_not_show_its_secret() {
    // MD5 in the URI of `good`.
    let batch = migration::read(&good()[4]).unwrap_or_else(|error| panic!("{error}"));
    let skipped = batch.entries[0].as_ref().err().expect("MD5 is skipped");
    assert_eq!(skipped.label, "a", "it is skipped by name");
    assert!(
        keeps_it(&format!("{skipped} {skipped:?}")),
        "and by nothing else"
    );
}

#[derive(Clone, Debug)]
enum Mutation {
    Insert(String),
    Delete(usize),
    Replace(char),
    Repeat(usize),
    Cut,
}

fn mutation() -> impl Strategy<Value = (prop::sample::Index, Mutation)> {
    let mutation = prop_oneof![
        "[%&?#=:/+ 0189\u{0}\u{7f}\u{202E}é]{1,4}".prop_map(Mutation::Insert),
        prop::sample::select(vec![
            "%",
            "%3",
            "%00",
            "%FF",
            "&secret=",
            "&digits=9",
            "\u{FEFF}",
            "-9"
        ])
        .prop_map(|text| Mutation::Insert(text.to_owned())),
        (1..20usize).prop_map(Mutation::Delete),
        any::<char>().prop_map(Mutation::Replace),
        (1..200usize).prop_map(Mutation::Repeat),
        Just(Mutation::Cut),
    ];
    (any::<prop::sample::Index>(), mutation)
}

fn mutate(text: &str, mutations: &[(prop::sample::Index, Mutation)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for (at, mutation) in mutations {
        let at = at.index(text.len() + 1);
        let end = |count: usize| (at + count).min(text.len());
        match mutation {
            Mutation::Insert(new) => drop(text.splice(at..at, new.chars())),
            Mutation::Delete(count) => drop(text.drain(at..end(*count))),
            Mutation::Replace(new) => drop(text.splice(at..end(1), [*new])),
            Mutation::Repeat(count) => {
                let part = text[at..end(*count)].to_vec();
                text.splice(at..at, part);
            }
            Mutation::Cut => text.truncate(at),
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), head in 0..=6usize) {
        let heads = ["", "otpauth://", "otpauth://totp/", "otpauth://hotp/x?counter=1&secret=", "steam://",
            "otpauth://totp/x?", "otpauth-migration://offline?data="];
        said_of(&format!("{}{text}", heads[head]));
    }

    #[test]
    fn arbitrary_messages_never_panic(message in prop::collection::vec(any::<u8>(), 0..200)) {
        said_of(&format!("otpauth-migration://offline?data={}", BASE64_NOPAD.encode(&message)));
    }

    #[test]
    fn a_mutated_uri_never_panics_and_no_error_quotes_its_secret(
        uri in prop::sample::select(good()),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let uri = mutate(&uri, &mutations);
        prop_assert!(keeps_it(&said_of(&uri)), "an error quotes the secret of {:?}", uri);
    }
}

#[test]
fn a_secret_that_is_too_long_is_measured_and_not_shown() {
    let error = Secret::from_base32(&PLANTED.repeat(30))
        .err()
        .expect("600 bytes");
    assert_eq!(
        error,
        SecretError::TooLong { bytes: 600 },
        "its length is a fact"
    );
    assert!(
        keeps_it(&format!("{error} {error:?}")),
        "its characters are not for showing"
    );
}
