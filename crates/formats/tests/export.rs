//! Whatever a vault holds leaves in every format as it was, and comes in again as it left.

use std::ops::ControlFlow;

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
use couchkey_formats::{
    export,
    import::{self, ImportError},
};
use couchkey_otp::{Algorithm, Counter, Digits, Enrolment, Kind, Parsed, Period, Secret, UnixTime};
use couchkey_vault::NewAccount;
use proptest::prelude::*;

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => (1_u32..=86_400).prop_map(|secs| Kind::Totp { period: Period::new(secs).expect("in range") }),
        4 => Just(Kind::Totp { period: Period::THIRTY }),
        2 => (0..=i64::MAX as u64).prop_map(|at| Kind::Hotp { counter: Counter::new(at).expect("in range") }),
        1 => Just(Kind::Steam),
    ]
}

/// Names as a vault keeps them: in NFC, without control characters, without blanks around them; and without the colon,
/// which no format of links can carry.
fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9@.%&=?#+/\"'<>é電視шя🏠]{1,12}( [A-Za-z0-9+]{1,8})?"
}

/// What proptest may print; the account itself has no `Debug`.
#[derive(Clone, Debug)]
struct Recipe {
    kind: Kind,
    secret: Vec<u8>,
    algorithm: Algorithm,
    digits: u8,
    issuer: Option<String>,
    account: String,
    note: String,
    groups: Vec<String>,
    pinned: bool,
}

prop_compose! {
    fn recipe()(
        kind in kind(),
        secret in proptest::collection::vec(any::<u8>(), 10..=64),
        algorithm in prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)],
        digits in 6_u8..=8,
        issuer in proptest::option::of(name()),
        account in name(),
        note in "[a-zé電\n\t\"\\\\]{0,40}",
        groups in proptest::collection::btree_set("[A-Za-zé]{1,10}", 0..4),
        pinned in any::<bool>(),
    ) -> Recipe {
        let groups = groups.into_iter().collect();
        Recipe { kind, secret, algorithm, digits, issuer, account, note, groups, pinned }
    }
}

fn made(recipes: &[Recipe]) -> Vec<NewAccount> {
    let make = |recipe: &Recipe| {
        let steam = recipe.kind == Kind::Steam;
        let digits = Digits::new(recipe.digits).expect("in range");
        NewAccount {
            note: recipe.note.clone(),
            groups: recipe.groups.clone(),
            pinned: recipe.pinned,
            ..NewAccount::plain(Parsed {
                enrolment: Enrolment {
                    kind: recipe.kind,
                    secret: Secret::from_bytes(&recipe.secret).expect("not empty"),
                    algorithm: if steam {
                        Algorithm::Sha1
                    } else {
                        recipe.algorithm
                    },
                    digits: if steam { Digits::SIX } else { digits },
                    issuer: recipe.issuer.clone(),
                    account: recipe.account.clone(),
                    label_issuer: None,
                },
                warnings: Vec::new(),
                image: None,
            })
        }
    };
    recipes.iter().map(make).collect()
}

fn read(bytes: &[u8], password: Option<&str>) -> Result<Vec<NewAccount>, ImportError> {
    let read = import::read(bytes, password, &mut |_| ControlFlow::Continue(()))?;
    assert!(read.skipped.is_empty(), "{:?}", read.skipped);
    Ok(read.accounts)
}

fn times() -> Vec<UnixTime> {
    [0, 59, 1_111_111_109, 20_000_000_000]
        .map(UnixTime::from_secs)
        .to_vec()
}

#[track_caller]
fn same_names(one: &[NewAccount], other: &[NewAccount]) {
    for (one, other) in one.iter().zip(other) {
        let names = |a: &NewAccount| {
            let enrolment = &a.parsed.enrolment;
            (enrolment.issuer.clone(), enrolment.account.clone())
        };
        assert_eq!(names(one), names(other), "the names");
    }
}

#[track_caller]
fn same_words(one: &[NewAccount], other: &[NewAccount]) {
    for (one, other) in one.iter().zip(other) {
        let words = |a: &NewAccount| (a.note.clone(), a.groups.clone(), a.pinned);
        assert_eq!(words(one), words(other), "note, groups, pin");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn links_read_back(recipes in proptest::collection::vec(recipe(), 1..12)) {
        let accounts = made(&recipes);
        let found = read(export::uri_list(&accounts).as_bytes(), None).expect("our own");
        prop_assert_eq!(export::compare(&accounts, &found, &times()), Ok(()));
        same_names(&accounts, &found);
    }

    #[test]
    fn aegis_reads_back_with_everything(recipes in proptest::collection::vec(recipe(), 1..12), seed in any::<u64>()) {
        let accounts = made(&recipes);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let found = read(&export::aegis(&accounts, &mut rng), None).expect("our own");
        prop_assert_eq!(export::compare(&accounts, &found, &times()), Ok(()));
        same_names(&accounts, &found);
        same_words(&accounts, &found);
    }

    #[test]
    fn batches_read_back_and_say_what_they_refuse(recipes in proptest::collection::vec(recipe(), 1..30), id in any::<i32>()) {
        let accounts = made(&recipes);
        let written = export::migration_batches(&accounts, id);
        let refused: Vec<usize> = written.refused.iter().map(|refused| refused.position).collect();
        let going: Vec<NewAccount> = accounts
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !refused.contains(at))
            .map(|(_, account)| account)
            .collect();
        for account in &going {
            let fits = matches!(account.parsed.enrolment.kind, Kind::Hotp { .. } | Kind::Totp { period: Period::THIRTY });
            prop_assert!(fits, "what a batch has no room for is refused by name");
        }
        let found = export::read_migration(written.uris.iter().map(|uri| uri.as_str())).expect("our own");
        prop_assert_eq!(export::compare(&going, &found, &times()), Ok(()));
    }
}

proptest! {
    // Each of these pays for scrypt, twice or three times.
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn sealed_aegis_opens_with_its_password_alone(
        recipes in proptest::collection::vec(recipe(), 1..5),
        password in "[ -~é電]{1,24}",
        seed in any::<u64>(),
    ) {
        let accounts = made(&recipes);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let sealed = export::aegis_encrypted(&accounts, &password, &mut rng).expect("a password");
        let found = read(&sealed, Some(&password)).expect("our own");
        prop_assert_eq!(export::compare(&accounts, &found, &times()), Ok(()));
        same_words(&accounts, &found);
        let unasked = matches!(read(&sealed, None), Err(ImportError::NeedsPassword { .. }));
        prop_assert!(unasked, "it needs its password");
        let wrong = format!("{password}x");
        let refused = matches!(read(&sealed, Some(&wrong)), Err(ImportError::WrongPassword { .. }));
        prop_assert!(refused, "and no other");
    }
}

#[test]
fn an_empty_password_seals_nothing() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let refused = export::aegis_encrypted(&[], "", &mut rng);
    assert_eq!(refused.err(), Some(export::SealError::EmptyPassword));
}

#[test]
fn a_difference_is_seen() {
    let account =
        |uri: &str| NewAccount::plain(couchkey_otp::otpauth::read(uri).expect("it enrols"));
    let one = || account("otpauth://totp/A:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A");
    let others = [
        "otpauth://totp/A:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR&issuer=A",
        "otpauth://totp/A:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&period=60",
        "otpauth://totp/A:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&digits=8",
        "otpauth://totp/A:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&algorithm=SHA256",
        "otpauth://hotp/A:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&counter=0",
    ];
    assert_eq!(export::compare(&[one()], &[one()], &times()), Ok(()));
    for other in others {
        assert_eq!(
            export::compare(&[one()], &[account(other)], &times()),
            Err(export::Difference::Codes { position: 0 }),
            "{other}"
        );
    }
    assert_eq!(
        export::compare(&[one(), one()], &[one()], &times()),
        Err(export::Difference::Count {
            written: 2,
            found: 1
        }),
        "nobody is missing"
    );
}
