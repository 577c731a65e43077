//! otpauth URIs beyond the table: the order of defects, Steam, what we write, and the words of errors.
use couchkey_otp::{
    Algorithm, Counter, Digits, Enrolment, Kind, OtpauthError, Parsed, Period, Secret, UnixTime,
    Warning, code_of, otpauth,
};
use proptest::prelude::*;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn read(uri: &str) -> Parsed {
    otpauth::read(uri).unwrap_or_else(|error| panic!("{error}"))
}

fn class(uri: &str) -> &'static str {
    otpauth::read(uri).err().map_or("", |error| error.class())
}

#[test]
fn of_several_defects_the_first_in_order_is_named() {
    // From a URI with every defect at once, one is mended at a time.
    let long = "A".repeat(5000);
    let steps = [
        (format!("http://x/{long}"), "TooLong"),
        (
            "http://potp/a%00?secret=0&secret=1".to_owned(),
            "NotOtpauth",
        ),
        (
            "otpauth-migration://potp/?secret=0&secret=1".to_owned(),
            "MigrationUri",
        ),
        (
            "otpauth://potp/%00?encoder=x&secret=0&secret=1".to_owned(),
            "BadType",
        ),
        (
            "otpauth://yaotp/%00?encoder=x&secret=0&secret=1".to_owned(),
            "UnsupportedType",
        ),
        (
            "otpauth://hotp/%00?encoder=x&secret=0&secret=1&algorithm=x&digits=x".to_owned(),
            "DuplicateParameter",
        ),
        (
            "otpauth://hotp/%00?encoder=steam&algorithm=x&digits=x".to_owned(),
            "UnsupportedType",
        ),
        (
            "otpauth://hotp/%00?algorithm=x&digits=x".to_owned(),
            "MissingSecret",
        ),
        (
            "otpauth://hotp/%00?secret=&algorithm=x&digits=x".to_owned(),
            "EmptySecret",
        ),
        (
            format!(
                "otpauth://hotp/%00?secret=0{}&algorithm=x&digits=x",
                "A".repeat(900)
            ),
            "BadSecret",
        ),
        (
            format!(
                "otpauth://hotp/%00?secret={}&algorithm=x&digits=x",
                "A".repeat(900)
            ),
            "TooLongSecret",
        ),
        (
            format!("otpauth://hotp/%00?secret={SECRET}&algorithm=x&digits=x"),
            "UnsupportedAlgorithm",
        ),
        (
            format!("otpauth://hotp/%00?secret={SECRET}&digits=x"),
            "BadDigits",
        ),
        (
            format!("otpauth://hotp/%00?secret={SECRET}&digits=9"),
            "UnsupportedDigits",
        ),
        (
            format!("otpauth://hotp/%00?secret={SECRET}"),
            "MissingCounter",
        ),
        (
            format!("otpauth://hotp/%00?secret={SECRET}&counter=x"),
            "BadCounter",
        ),
        (
            format!("otpauth://totp/%00?secret={SECRET}&period=x"),
            "BadPeriod",
        ),
        (
            format!("otpauth://totp/%00?secret={SECRET}&period=86401"),
            "UnsupportedPeriod",
        ),
        (format!("otpauth://totp/%00?secret={SECRET}"), "BadLabel"),
        (format!("otpauth://totp/?secret={SECRET}"), ""),
    ];
    for (uri, expected) in steps {
        assert_eq!(
            class(&uri),
            expected,
            "what stands first is what the person is told"
        );
    }
}

#[test]
fn a_uri_may_have_4096_bytes_and_blanks_around_them() {
    let head = format!("otpauth://totp/x?secret={SECRET}&icon=");
    let longest = format!("{head}{}", "x".repeat(4096 - head.len()));
    assert_eq!(
        class(&format!("  {longest}\r\n")),
        "",
        "blanks are no part of a URI"
    );
    assert_eq!(class(&format!("{longest}x")), "TooLong", "4,097 bytes");
}

#[test]
fn control_characters_in_the_issuer_are_an_error_too() {
    assert_eq!(
        class(&format!("otpauth://totp/x?secret={SECRET}&issuer=a%0Ab")),
        "BadLabel",
        "it is half of the label"
    );
    assert_eq!(
        class(&format!("otpauth://totp/x?secret={SECRET}&issuer=a\u{9f}b")),
        "BadLabel",
        "C1 controls as well"
    );
    assert_eq!(
        class(&format!("otpauth://totp/x?secret={SECRET}&icon=a%0Ab")),
        "",
        "others are nobody's business"
    );
}

#[test]
fn a_parameter_of_the_other_kind_is_ignored() {
    let parsed = read(&format!(
        "otpauth://hotp/I:x?secret={SECRET}&counter=1&period=never"
    ));
    assert_eq!(
        parsed.enrolment.kind,
        Kind::Hotp {
            counter: Counter::new(1).unwrap()
        },
        "HOTP has no period"
    );
    let parsed = read(&format!("otpauth://totp/I:x?secret={SECRET}&counter=never"));
    assert_eq!(
        parsed.enrolment.kind,
        Kind::Totp {
            period: Period::THIRTY
        },
        "TOTP has no counter"
    );
}

#[test]
fn every_spelling_of_an_algorithm_in_use_is_read() {
    for (text, algorithm, alias) in [
        ("SHA1", Algorithm::Sha1, false),
        ("sha512", Algorithm::Sha512, false),
        ("SHA-256", Algorithm::Sha256, true),
        ("sha_512", Algorithm::Sha512, true),
        ("HmacSHA1", Algorithm::Sha1, true),
        ("HMAC-SHA256", Algorithm::Sha256, true),
        ("HMAC+SHA1", Algorithm::Sha1, true),
    ] {
        let parsed = read(&format!(
            "otpauth://totp/I:x?secret={SECRET}&algorithm={text}"
        ));
        assert_eq!(parsed.enrolment.algorithm, algorithm, "{text}");
        assert_eq!(
            parsed.warnings.contains(&Warning::AlgorithmAlias),
            alias,
            "{text}"
        );
    }
    for text in [
        "SHA",
        "SHA3-256",
        "SHA224",
        "SHA384",
        "HMAC",
        "SHA1SHA1",
        "SHA%2B1",
        "ＳＨＡ1",
    ] {
        let uri = format!("otpauth://totp/I:x?secret={SECRET}&algorithm={text}");
        assert_eq!(
            class(&uri),
            "UnsupportedAlgorithm",
            "{text}: never SHA1 by default"
        );
    }
}

#[test]
fn an_image_is_kept_as_text() {
    let parsed = read(&format!(
        "otpauth://totp/I:x?secret={SECRET}&image=https%3A%2F%2Fa.example%2Fb.png"
    ));
    assert_eq!(
        parsed.image.as_deref(),
        Some("https://a.example/b.png"),
        "for whoever wants to show the address"
    );
    assert_eq!(
        read(&format!("otpauth://totp/I:x?secret={SECRET}&image=")).image,
        None,
        "nothing is nothing"
    );
}

#[test]
fn every_bidi_mark_is_stripped_and_no_joiner_is() {
    let marks = "\u{61C}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}";
    for mark in marks.chars() {
        let parsed = read(&format!("otpauth://totp/I:a{mark}b?secret={SECRET}"));
        assert_eq!(
            parsed.enrolment.account,
            "ab",
            "U+{:04X} could turn a name around",
            u32::from(mark)
        );
        assert_eq!(parsed.warnings, [Warning::BidiStripped], "and it is said");
    }
    let family = "👩\u{200D}👧";
    let parsed = read(&format!("otpauth://totp/I:{family}?secret={SECRET}"));
    assert_eq!(
        parsed.enrolment.account, family,
        "scripts and emoji need joiners"
    );
    assert_eq!(parsed.warnings, [], "so they are nothing odd");
}

#[test]
fn names_are_compared_and_kept_in_nfc() {
    let decomposed = "Cafe\u{301}";
    let parsed = read(&format!(
        "otpauth://totp/{decomposed}:x?secret={SECRET}&issuer=Caf%C3%A9"
    ));
    assert_eq!(
        parsed.enrolment.issuer.as_deref(),
        Some("Café"),
        "one spelling in the app"
    );
    assert_eq!(
        parsed.warnings,
        [],
        "the same name in two spellings is no mismatch"
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_shown_as_such() {
    let parsed = read(&format!("otpauth://totp/I:caf%E9?secret={SECRET}"));
    assert_eq!(
        parsed.enrolment.account, "caf\u{FFFD}",
        "only the looks suffer"
    );
    assert_eq!(parsed.warnings, [Warning::BadPercent], "and it is said");
    assert_eq!(
        class("otpauth://totp/I:x?secret=JBSWY3DPEHPK3P%E9"),
        "BadSecret",
        "in a secret it is an error"
    );
}

#[test]
fn only_an_issuer_that_differs_is_kept_beside() {
    let parsed = read(&format!(
        "otpauth://totp/I%20:%20x?secret={SECRET}&issuer=%20I%20"
    ));
    assert_eq!(
        parsed.enrolment.issuer.as_deref(),
        Some("I"),
        "blanks around a name are not part of it"
    );
    assert_eq!(
        (parsed.enrolment.label_issuer, parsed.warnings),
        (None, vec![]),
        "so these two agree"
    );
}

// Steam: docs/decisions/0010-steam-enrolments.md.

#[test]
fn steam_is_read_where_the_uri_says_steam() {
    for (uri, issuer, account) in [
        (
            "otpauth://steam/Steam:me?secret=JRZCL47CMXVOQMNPZR2F7J4RGI&issuer=Steam",
            "Steam",
            "me",
        ),
        (
            "otpauth://steam/Boeing:Sophia?secret=JRZCL47CMXVOQMNPZR2F7J4RGI&algorithm=SHA1&digits=5&period=30",
            "Boeing",
            "Sophia",
        ),
        (
            "otpauth://Steam/Steam:me?secret=JRZCL47CMXVOQMNPZR2F7J4RGI&encoder=steam",
            "Steam",
            "me",
        ),
        (
            "otpauth://totp/Steam:me?secret=JRZCL47CMXVOQMNPZR2F7J4RGI&steam",
            "Steam",
            "me",
        ),
        ("steam://JRZCL47CMXVOQMNPZR2F7J4RGI", "Steam", ""),
        ("STEAM://jrzc l47c mxvo qmnp zr2f 7j4r gi\n", "Steam", ""),
    ] {
        let enrolment = read(uri).enrolment;
        assert_eq!(enrolment.kind, Kind::Steam, "{uri} is Steam's");
        assert_eq!(
            (enrolment.issuer.as_deref(), enrolment.account.as_str()),
            (Some(issuer), account),
            "{uri}"
        );
        assert_eq!(enrolment.algorithm, Algorithm::Sha1, "Steam has no other");
        let at = UnixTime::from_secs(1_111_111_109);
        let code = code_of(
            &enrolment.kind,
            &enrolment.secret,
            enrolment.algorithm,
            enrolment.digits,
            at,
        );
        assert_eq!(code.as_str().len(), 5, "a Steam code has five characters");
    }
    assert_eq!(
        read("steam://JRZCL47CMXVOQMNPZR2F7J4RGI").warnings,
        [Warning::NoAccount],
        "it carries no name"
    );
}

#[test]
fn steam_with_another_number_or_algorithm_is_an_error() {
    for (query, expected) in [
        ("&digits=6", "UnsupportedDigits"),
        ("&digits=five", "BadDigits"),
        ("&period=60", "UnsupportedPeriod"),
        ("&period=", "BadPeriod"),
        ("&algorithm=SHA256", "UnsupportedAlgorithm"),
        ("&encoder=other", "UnsupportedType"),
    ] {
        let uri = format!("otpauth://steam/Steam:me?secret={SECRET}{query}");
        assert_eq!(
            class(&uri),
            expected,
            "it is no Steam account, or a damaged one"
        );
    }
    assert_eq!(
        class("steam://"),
        "EmptySecret",
        "nothing to make codes with"
    );
    assert_eq!(
        class("steam://JRZC,Name,30,6"),
        "BadSecret",
        "a row of somebody's table, not a key"
    );
}

#[test]
fn kinds_that_we_do_not_make_are_refused_by_name() {
    for (uri, name) in [
        ("motp://MOTP:me?secret=7ac61d4736f51a2b".to_owned(), "mOTP"),
        (format!("otpauth://motp/me?secret={SECRET}"), "mOTP"),
        (format!("otpauth://yaotp/me?secret={SECRET}"), "Yandex"),
        (
            format!("otpauth://totp/me?secret={SECRET}&encoder=Steam"),
            "Steam",
        ),
    ] {
        let error = otpauth::read(&uri).err().expect("codes of another kind");
        assert_eq!(
            error,
            OtpauthError::UnsupportedType { name },
            "the person learns whose codes they are"
        );
    }
}

// Errors.

#[test]
fn every_class_has_its_code_its_message_and_its_cure() {
    let all = [
        OtpauthError::TooLong { bytes: 5000 },
        OtpauthError::NotOtpauth,
        OtpauthError::MigrationUri,
        OtpauthError::BadType,
        OtpauthError::UnsupportedType { name: "Yandex" },
        OtpauthError::DuplicateParameter,
        OtpauthError::MissingSecret,
        OtpauthError::EmptySecret,
        OtpauthError::BadSecret,
        OtpauthError::TooLongSecret { bytes: 513 },
        OtpauthError::UnsupportedAlgorithm,
        OtpauthError::BadDigits,
        OtpauthError::UnsupportedDigits { digits: 9 },
        OtpauthError::BadPeriod,
        OtpauthError::UnsupportedPeriod { period: 0 },
        OtpauthError::MissingCounter,
        OtpauthError::BadCounter,
        OtpauthError::BadLabel,
    ];
    for error in all {
        let mut snake = String::new();
        for c in error.class().chars() {
            if c.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        assert_eq!(error.code(), snake, "one name in two spellings");
        assert!(
            error.hint().ends_with('.'),
            "{snake}: every message has a cure, in a sentence"
        );
        assert!(
            !error.to_string().is_empty(),
            "{snake}: every error says what happened"
        );
    }
}

// Writing.

fn enrolment(kind: Kind, issuer: Option<&str>, account: &str) -> Enrolment {
    Enrolment {
        kind,
        secret: Secret::from_base32(SECRET).expect("base32").0,
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        issuer: issuer.map(str::to_owned),
        account: account.to_owned(),
        label_issuer: Some("something else".to_owned()),
    }
}

/// Found by fuzzing: what stands on both sides of the colon, or is left where one is taken out, read as a link in the name,
/// and our own export was refused.
#[test]
fn no_name_makes_a_link_of_what_we_write() {
    for (issuer, account) in [
        (Some("Acmotpauth"), "/:/e Inc:test"),
        (Some("otpauth"), "//totp/x"),
        (Some("otpauth-migration"), "x"),
        (Some("otp:auth%3a"), "x"),
        (None, "otp:auth%3Ax"),
        (Some("TV"), "OTP:AUTH%3A"),
    ] {
        let written = otpauth::write(&enrolment(
            Kind::Totp {
                period: Period::THIRTY,
            },
            issuer,
            account,
        ));
        let again = otpauth::read(&written)
            .unwrap_or_else(|error| panic!("{issuer:?} {account:?}: {error}"));
        let colons_gone = |name: &str| name.replace([':', '%'], "");
        assert_eq!(
            again.enrolment.issuer.as_deref().map(colons_gone),
            issuer.map(colons_gone)
        );
        assert_eq!(colons_gone(&again.enrolment.account), colons_gone(account));
    }
}

#[test]
fn what_we_write_obeys_the_profile() {
    let totp = Kind::Totp {
        period: Period::THIRTY,
    };
    let hotp = Kind::Hotp {
        counter: Counter::new(7).unwrap(),
    };
    let tail = "&algorithm=SHA1&digits=6&period=30";
    for (enrolment, expected) in [
        (
            enrolment(totp, Some("StreamTV"), "fam-0042@example.tv"),
            format!(
                "otpauth://totp/StreamTV:fam-0042%40example.tv?secret={SECRET}&issuer=StreamTV{tail}"
            ),
        ),
        (
            enrolment(totp, Some("Canal×TV Première"), "josé+tv"),
            format!(
                "otpauth://totp/Canal%C3%97TV%20Premi%C3%A8re:jos%C3%A9%2Btv?secret={SECRET}\
                 &issuer=Canal%C3%97TV%20Premi%C3%A8re{tail}"
            ),
        ),
        (
            enrolment(totp, Some("Text: More"), "a:b"),
            format!("otpauth://totp/Text%20More:ab?secret={SECRET}&issuer=Text%20More{tail}"),
        ),
        (
            enrolment(totp, Some("Cafe\u{301}\u{202E}"), "x\u{0}\ny"),
            format!("otpauth://totp/Caf%C3%A9:xy?secret={SECRET}&issuer=Caf%C3%A9{tail}"),
        ),
        (
            enrolment(totp, None, "50% & more?"),
            format!("otpauth://totp/50%25%20%26%20more%3F?secret={SECRET}{tail}"),
        ),
        (
            enrolment(totp, Some(" : "), ""),
            format!("otpauth://totp/?secret={SECRET}{tail}"),
        ),
        (
            enrolment(hotp, Some("Bank"), "me"),
            format!(
                "otpauth://hotp/Bank:me?secret={SECRET}&issuer=Bank&algorithm=SHA1&digits=6&counter=7"
            ),
        ),
        (
            enrolment(Kind::Steam, Some("Steam"), "me"),
            format!(
                "otpauth://steam/Steam:me?secret={SECRET}&issuer=Steam&algorithm=SHA1&digits=5&period=30"
            ),
        ),
    ] {
        assert_eq!(
            *otpauth::write(&enrolment),
            expected,
            "each rule is there because an app reads it wrongly"
        );
    }
}

#[test]
fn the_longest_names_and_secret_still_make_a_uri_that_we_read() {
    let name = "喵".repeat(300);
    let mut longest = enrolment(
        Kind::Hotp {
            counter: Counter::MAX,
        },
        Some(&name),
        &name,
    );
    longest.secret = Secret::from_bytes(&[0xff; 512]).expect("512 bytes");
    longest.algorithm = Algorithm::Sha512;
    let uri = otpauth::write(&longest);
    let read = read(&uri).enrolment;
    assert!(
        read.secret.same_as(&longest.secret),
        "names may be cut, the secret never"
    );
    assert!(
        name.starts_with(&read.account) && read.account.chars().count() >= 100,
        "and not by more than must be"
    );
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1..=86_400u32).prop_map(|secs| Kind::Totp {
            period: Period::new(secs).unwrap()
        }),
        (0..=i64::MAX as u64).prop_map(|counter| Kind::Hotp {
            counter: Counter::new(counter).unwrap()
        }),
        Just(Kind::Steam),
    ]
}

/// Names as people have them, and names as nobody should.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9 .@+_-]{0,40}",
        "\\PC{0,60}",
        any::<String>(),
        "[:%&?#=+ \u{301}\u{202E}é]{0,20}"
    ]
}

proptest! {
    #[test]
    fn what_we_write_we_read_as_the_same_account(
        kind in any_kind(),
        secret in prop::collection::vec(any::<u8>(), 1..=512),
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits in 6..=8u8,
        issuer in prop::option::of(any_name()),
        account in any_name(),
    ) {
        let steam = kind == Kind::Steam;
        let first = Enrolment {
            kind,
            secret: Secret::from_bytes(&secret).expect("1 to 512 bytes"),
            algorithm: if steam { Algorithm::Sha1 } else { algorithm },
            digits: if steam { Digits::SIX } else { Digits::new(digits).unwrap() },
            issuer,
            account,
            label_issuer: None,
        };
        let uri = otpauth::write(&first);
        let parsed = otpauth::read(&uri).map_err(|error| TestCaseError::fail(error.code()))?;
        let second = parsed.enrolment;
        prop_assert_eq!(second.kind, first.kind);
        prop_assert!(second.secret.same_as(&first.secret));
        prop_assert_eq!((second.algorithm, second.digits), (first.algorithm, first.digits));
        prop_assert_eq!(&second.label_issuer, &None);
        for odd in parsed.warnings {
            prop_assert!(
                matches!(odd, Warning::NoAccount | Warning::NoIssuer | Warning::ShortSecret),
                "what we write has nothing odd about it: {}", odd.as_str()
            );
        }
        // The names are those that were written, less what the profile takes out; a second writing changes nothing.
        let kept = |name: &str| name.chars().all(|c| c.is_ascii_graphic() && c != ':');
        if kept(&first.account) && first.account.len() <= 256 {
            prop_assert_eq!(&second.account, &first.account);
        }
        let issuer = first.issuer.as_deref().filter(|issuer| !issuer.is_empty());
        if issuer.is_none_or(|issuer| kept(issuer) && issuer.len() <= 256) {
            prop_assert_eq!(second.issuer.as_deref(), issuer);
        }
        prop_assert_eq!(&*otpauth::write(&second), &*uri);
    }
}

// Finding.

/// A link, or what stands around links in the texts of people and programs.
fn scrap() -> impl Strategy<Value = String> {
    let words = [
        "otpauth://totp/A:a?secret=GEZDGNBV",
        "otpauth://",
        "apple-otpauth://",
        "otpauth-migration://offline?data=",
        "steam://",
        "&issuer=A",
        "&amp;digits=8",
        "?",
        "&",
        ";",
        ",",
        " ",
        "\n",
        "\"",
        "'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "“",
        "”",
        "|",
        "+",
        "#",
        "=",
        "\\",
        "secret",
        "GEZDGNBVGY3TQOJQ",
        "word",
        "ü",
        "%20",
        "\u{0}",
    ];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

proptest! {
    /// Row 29 of issue 11: every link is a piece of its own, so none shows another one's secret as a name.
    #[test]
    fn every_link_of_any_text_is_a_piece_and_none_holds_another(scraps in prop::collection::vec(scrap(), 0..40)) {
        let text = scraps.concat();
        let pieces = otpauth::find(&text);
        let links = pieces.iter().filter(|piece| piece.is_link);
        let mut count = 0;
        for piece in links.clone() {
            let lower = piece.text.to_ascii_lowercase();
            count += lower.matches("otpauth://").count();
            let behind = lower.strip_prefix("apple-").unwrap_or(&lower);
            prop_assert!(!behind[1..].contains("otpauth://"), "{:?} swallowed the next one", piece.text);
            prop_assert!(!piece.text.contains('\n'), "a link ends with its line");
        }
        prop_assert_eq!(count, text.to_ascii_lowercase().matches("otpauth://").count(), "none is lost");
        for piece in pieces {
            prop_assert!(text.contains(piece.text), "nothing is made up");
            if let Ok(parsed) = otpauth::read(piece.text) {
                let enrolment = parsed.enrolment;
                let issuer = enrolment.issuer.unwrap_or_default();
                prop_assert!(!issuer.contains("otpauth://") && !enrolment.account.contains("otpauth://"), "no name is a link");
            }
        }
    }
}
