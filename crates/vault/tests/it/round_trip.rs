//! Any vault, saved and opened: from the file, from the keyring, with every key.

use couchkey_otp::{Algorithm, Counter, Digits, Enrolment, Kind, Period, Secret, UnixTime};
use couchkey_vault::{Edit, Note, VaultId};
use proptest::prelude::*;

use crate::store::*;

prop_compose! {
    fn any_kind()(which in 0..3, period in 1..=86_400u32, counter in 0..=i64::MAX as u64) -> Kind {
        match which {
            0 => Kind::Totp { period: Period::new(period).expect("in range") },
            1 => Kind::Hotp { counter: Counter::new(counter).expect("in range") },
            _ => Kind::Steam,
        }
    }
}

#[derive(Clone, Debug)]
struct Any {
    kind: Kind,
    secret: Vec<u8>,
    algorithm: Algorithm,
    digits: u8,
    issuer: Option<String>,
    account: String,
    note: String,
    group: String,
    trashed: bool,
    pinned: bool,
}

prop_compose! {
    fn any_account()(
        kind in any_kind(),
        secret in prop::collection::vec(any::<u8>(), 1..=512),
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits in 6..=8u8,
        issuer in prop::option::of("\\PC{0,40}"),
        account in "\\PC{0,40}",
        note in "[a-zé🔑\n ]{0,150}",
        group in "[A-Za-z]{0,12}",
        trashed in any::<bool>(),
        pinned in any::<bool>(),
    ) -> Any {
        Any { kind, secret, algorithm, digits, issuer, account, note, group, trashed, pinned }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_vault_is_the_same_after_saving_and_opening(
        all in prop::collection::vec(any_account(), 0..25),
        saves in prop::collection::vec(any::<bool>(), 25),
    ) {
        let (mut store, mut vault, mut rng) = saved_vault(0);
        for (any, save) in all.into_iter().zip(saves) {
            let enrolment = Enrolment {
                kind: any.kind,
                secret: Secret::from_bytes(&any.secret).expect("1 to 512 bytes"),
                algorithm: any.algorithm,
                digits: Digits::new(any.digits).expect("6 to 8"),
                issuer: any.issuer,
                account: any.account,
                label_issuer: None,
            };
            let id = vault.add(enrolment, NOW, &mut rng).expect("room");
            let edit = Edit {
                note: Some(any.note),
                pinned: Some(any.pinned),
                groups: Some(vec![any.group]),
                ..Edit::default()
            };
            vault.edit(id, edit).expect("within the limits");
            if any.trashed {
                vault.remove(id, UnixTime::from_secs(5)).expect("listed");
            }
            if save {
                store.save(&mut vault, &mut rng);
            }
        }
        store.save(&mut vault, &mut rng);

        let opened = store.opened();
        prop_assert_eq!(opened.notes, []);
        prop_assert_eq!(picture(&opened.vault), picture(&vault));
        let opened = store.without_files().opened();
        prop_assert_eq!(opened.notes, [Note::ListLost, Note::Complete]);
        prop_assert_eq!(accounts(&opened.vault), accounts(&vault));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        a in prop::option::of(prop::collection::vec(any::<u8>(), 0..400)),
        b in prop::option::of(prop::collection::vec(any::<u8>(), 0..400)),
        head in prop::option::of("[A-Za-z0-9+/]{0,400}"),
        frame in any::<bool>(),
    ) {
        let framed = |bytes: Vec<u8>| {
            if frame { [b"\x89CKV\r\n\x1A\n\0\x01\0\0".as_slice(), &bytes].concat() } else { bytes }
        };
        let found = couchkey_vault::Found {
            file_a: a.map(framed),
            file_b: b,
            head: head.map(String::into_bytes),
        };
        let seen = couchkey_vault::survey(&found);
        prop_assert_eq!(seen.vault, None::<VaultId>);
        let opened = couchkey_vault::open(
            &found,
            &couchkey_vault::Unlock::Device(&device()),
            |_, _| Ok(None),
        );
        prop_assert!(opened.is_err());
    }
}
