//! The codes against the tables of the standards, and base32 against its own.
use couchkey_otp::{Algorithm, Counter, Digits, Period, Secret, UnixTime, hotp, steam, totp};

fn secret(bytes: &[u8]) -> Secret {
    Secret::from_bytes(bytes).expect("1 to 512 bytes")
}

/// The ASCII seed of RFC 6238, appendix A, in the length of each algorithm's hash (erratum 2866).
fn seed(algorithm: Algorithm) -> &'static [u8] {
    const SEED: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";
    match algorithm {
        Algorithm::Sha1 => &SEED[..20],
        Algorithm::Sha256 => &SEED[..32],
        Algorithm::Sha512 => SEED,
    }
}

#[test]
fn hotp_gives_the_codes_of_rfc_4226_appendix_d() {
    let codes = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    let secret = secret(b"12345678901234567890");
    for (counter, expected) in (0..).zip(codes) {
        let counter = Counter::new(counter).unwrap();
        let code = hotp::code(&secret, counter, Algorithm::Sha1, Digits::SIX);
        assert_eq!(
            code.as_str(),
            expected,
            "RFC 4226, appendix D, count {}",
            counter.get()
        );
    }
}

#[test]
fn totp_gives_the_codes_of_rfc_6238_appendix_b() {
    const TABLE: [(u64, [&str; 3]); 6] = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];
    for (at, codes) in TABLE {
        for (algorithm, expected) in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .zip(codes)
        {
            let secret = secret(seed(algorithm));
            let code = totp::code(
                &secret,
                UnixTime::from_secs(at),
                Period::THIRTY,
                algorithm,
                Digits::EIGHT,
            );
            assert_eq!(
                code.as_str(),
                expected,
                "RFC 6238, appendix B, T = {at}, {algorithm}"
            );
        }
    }
}

#[test]
fn the_twenty_byte_seed_gives_other_codes_than_the_tables_of_sha256_and_sha512() {
    // The RFC's text names one seed and its table was made with three. Who uses one gets these.
    let secret = secret(seed(Algorithm::Sha1));
    let code = |algorithm| {
        totp::code(
            &secret,
            UnixTime::from_secs(59),
            Period::THIRTY,
            algorithm,
            Digits::EIGHT,
        )
    };
    assert_eq!(
        code(Algorithm::Sha256).as_str(),
        "32247374",
        "the known wrong code, not 46119246"
    );
    assert_eq!(
        code(Algorithm::Sha512).as_str(),
        "69342147",
        "the known wrong code, not 90693936"
    );
}

#[test]
fn a_code_lasts_from_the_first_second_of_its_step_to_the_last() {
    let secret = secret(seed(Algorithm::Sha1));
    let code = |at| {
        totp::code(
            &secret,
            UnixTime::from_secs(at),
            Period::THIRTY,
            Algorithm::Sha1,
            Digits::EIGHT,
        )
    };
    assert_eq!(
        code(30).as_str(),
        code(59).as_str(),
        "seconds 30 to 59 are time step 1"
    );
    assert_ne!(
        code(29).as_str(),
        code(30).as_str(),
        "second 30 begins another step"
    );
    assert_ne!(
        code(59).as_str(),
        code(60).as_str(),
        "second 60 begins another step"
    );
    assert_eq!(
        UnixTime::from_secs(59).step(Period::THIRTY),
        1,
        "RFC 6238, appendix B, T = 0000000000000001"
    );
}

#[test]
fn the_last_counter_and_the_last_second_have_codes() {
    let secret = secret(b"0123456789012345");
    let code = hotp::code(&secret, Counter::MAX, Algorithm::Sha1, Digits::SIX);
    assert_eq!(code.as_str(), "385059", "the table of URIs has this row");
    let day = Period::new(86_400).unwrap();
    let code = totp::code(
        &secret,
        UnixTime::from_secs(u64::MAX),
        day,
        Algorithm::Sha512,
        Digits::EIGHT,
    );
    assert_eq!(code.as_str().len(), 8, "leading zeros are digits too");
    assert_eq!(
        Counter::MAX.next(),
        None,
        "there is no counter after the last"
    );
}

#[test]
fn steam_codes_are_what_other_apps_show() {
    // Bitwarden's own test: bitwarden/sdk-internal, crates/bitwarden-vault/src/totp.rs.
    let (secret, _) =
        Secret::from_base32("HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ").unwrap_or_else(|e| panic!("{e}"));
    let code = steam::code(&secret, UnixTime::from_secs(1_672_531_200));
    assert_eq!(code.as_str(), "7W6CJ", "2023-01-01T00:00:00Z");
}

#[test]
fn base32_is_that_of_rfc_4648_section_10() {
    let table = [
        ("f", "MY======"),
        ("fo", "MZXQ===="),
        ("foo", "MZXW6==="),
        ("foob", "MZXW6YQ="),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI======"),
    ];
    for (bytes, text) in table {
        let unpadded = text.trim_end_matches('=');
        assert_eq!(
            secret(bytes.as_bytes()).to_base32().as_str(),
            unpadded,
            "the RFC's vector without its padding"
        );
        for spelled in [text, unpadded, &text.to_lowercase()] {
            let (read, noncanonical) = Secret::from_base32(spelled).expect("the RFC's own vector");
            assert_eq!(read.expose(), bytes.as_bytes(), "{spelled} is {bytes}");
            assert!(!noncanonical, "{spelled} is how an encoder spells it");
        }
    }
    let empty = Secret::from_base32("")
        .err()
        .expect("the RFC's first vector is no secret");
    assert_eq!(
        empty.code(),
        "empty_secret",
        "an HMAC with an empty key is no proof of anything"
    );
}

#[test]
fn left_over_bits_are_dropped_with_a_flag() {
    // (spelling, bytes): a bit set behind the last byte; a character that completes no byte; both.
    let cases: [(&str, &[u8]); 5] = [
        ("MZ", b"f"),
        ("MZXW7", b"foo"),
        ("MYA", b"f"),
        ("MZXW6A", b"foo"),
        ("MZXW7B", b"foo"),
    ];
    for (spelled, bytes) in cases {
        let (secret, noncanonical) =
            Secret::from_base32(spelled).expect("services issue such secrets");
        assert_eq!(secret.expose(), bytes, "{spelled}: whole bytes only");
        assert!(noncanonical, "{spelled}: no encoder spells it so");
    }
}

#[test]
fn what_is_not_base32_is_refused_and_not_folded() {
    for (text, code) in [
        ("JBSW0", "bad_secret"),            // a zero
        ("JBSW1", "bad_secret"),            // a one
        ("JBSW8", "bad_secret"),            // an eight
        ("JB=SW", "bad_secret"),            // padding in the middle
        ("ＪＢＳＷＹ３ＤＰ", "bad_secret"), // full-width
        ("JBSW\u{0}", "bad_secret"),
        ("JBſW", "bad_secret"), // a long s, whose upper case is S
        ("A", "bad_secret"),    // five bits
        (" - = ", "empty_secret"),
        ("====", "empty_secret"),
    ] {
        let error = Secret::from_base32(text).err().expect("not a secret");
        assert_eq!(error.code(), code, "a guess here would make wrong codes");
    }
}

#[test]
fn a_secret_has_at_most_512_bytes() {
    let longest = secret(&[7; 512]);
    assert_eq!(longest.bits(), 4096, "512 bytes are in");
    let spelled = longest.to_base32();
    assert!(Secret::from_base32(&spelled).is_ok(), "in base32 too");
    let error = Secret::from_base32(&format!("{}AA", *spelled))
        .err()
        .expect("513 bytes");
    assert_eq!(error.code(), "too_long_secret", "513 bytes are out");
    let error = Secret::from_bytes(&[7; 513]).err().expect("513 bytes");
    assert_eq!(error.code(), "too_long_secret", "513 bytes are out");
}

#[test]
fn digits_period_and_counter_have_their_ranges() {
    let digits: Vec<u8> = (0..=u8::MAX)
        .filter(|digits| Digits::new(*digits).is_ok())
        .collect();
    assert_eq!(digits, [6, 7, 8], "RFC 4226, section 5.3");
    let period = |secs| Period::new(secs).is_ok();
    assert_eq!(
        [0, 1, 86_400, 86_401].map(period),
        [false, true, true, false],
        "a second to a day"
    );
    let counter = |counter| Counter::new(counter).is_ok();
    assert_eq!(
        [0, (1 << 63) - 1, 1 << 63, u64::MAX].map(counter),
        [true, true, false, false],
        "63 bits"
    );
}
