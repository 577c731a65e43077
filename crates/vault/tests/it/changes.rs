//! What can be done to an open vault, and what is refused.

use couchkey_otp::{Counter, Digits, Enrolment, Kind, Period, Secret, UnixTime};
use couchkey_vault::{
    AccountId, Appearance, Argon2Cost, ChangeError, DeviceKey, Edit, NewAccount, NewSlot,
    RecoveryKey, Settings, SlotError, SlotKind, Television, Vault, limits,
};

use crate::store::*;

fn vault(count: u32) -> Vault {
    saved_vault(count).1
}

fn ids(vault: &Vault) -> Vec<AccountId> {
    vault.accounts().map(|(place, _)| place.id).collect()
}

fn totp(secret: &[u8], issuer: Option<&str>, account: &str) -> Enrolment {
    let Ok(secret) = Secret::from_bytes(secret) else {
        panic!("1 to 512 bytes")
    };
    Enrolment {
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret,
        algorithm: couchkey_otp::Algorithm::Sha1,
        digits: Digits::SIX,
        issuer: issuer.map(Into::into),
        account: account.into(),
        label_issuer: None,
    }
}

#[test]
fn an_added_account_is_the_last_of_the_list() {
    let mut vault = vault(3);
    let id = vault.add(enrolment(9), NOW, &mut rng(1)).expect("room");
    assert_eq!(ids(&vault).last(), Some(&id), "at the end");
    assert!(vault.needs_save(), "it is only in memory");
}

#[test]
fn names_of_an_enrolment_that_are_too_long_are_cut_at_a_character() {
    let mut vault = vault(0);
    let long = "ü".repeat(300);
    let id = vault
        .add(totp(&[1; 20], Some(&long), &long), NOW, &mut rng(1))
        .expect("an account is not lost over its name");
    let account = vault.account(id).expect("just added");
    assert_eq!(account.account, "ü".repeat(128), "256 bytes");
    assert_eq!(
        account.issuer.as_deref(),
        Some("ü".repeat(128).as_str()),
        "256 bytes"
    );
}

#[test]
fn names_with_marks_or_tabs_come_in_by_no_door() {
    let mut vault = vault(0);
    let hostile = totp(
        &[1; 20],
        Some(" TV\u{202e}knaB\u{2066}"),
        "\u{200f}me\u{61c}",
    );
    let id = vault.add(hostile, NOW, &mut rng(1)).expect("room");
    let account = vault.account(id).expect("just added");
    assert_eq!(
        (account.issuer.as_deref(), account.account.as_str()),
        (Some("TVknaB"), "me"),
        "as names in links are read"
    );
    for (issuer, name, what) in [
        (Some("TV\tBank"), "me", "issuer"),
        (Some("TV"), "me\u{1b}[2J", "account name"),
        (None, "me\nyou", "account name"),
    ] {
        let refused = Err(ChangeError::ControlCharacter { what });
        assert_eq!(
            vault
                .add(totp(&[2; 20], issuer, name), NOW, &mut rng(1))
                .map(drop),
            refused,
            "{issuer:?} {name:?} is no name"
        );
        let parsed = |issuer: Option<&str>, name: &str| couchkey_otp::Parsed {
            enrolment: totp(&[3; 20], issuer, name),
            warnings: Vec::new(),
            image: None,
        };
        let both = [parsed(Some("good"), "name"), parsed(issuer, name)];
        let both = both.into_iter().map(NewAccount::plain);
        let added = vault.add_new(both.collect(), NOW, &mut rng(1));
        assert_eq!(added.map(drop), refused, "all of them, or none");
    }
    let link = "me otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ";
    let rename = Edit {
        account: Some(link.into()),
        ..Edit::default()
    };
    let what = "account name";
    let refused = Err(ChangeError::LinkInName { what });
    assert_eq!(
        vault.edit(id, rename),
        refused,
        "a name would show the secret"
    );
    let added = vault.add(totp(&[4; 20], None, link), NOW, &mut rng(1));
    assert_eq!(added.map(drop), refused, "however it comes in");
    assert_eq!(vault.accounts().count(), 1, "nothing else came in");
    let note = Edit {
        note: Some("a\tline\n\u{202e}turned".into()),
        ..Edit::default()
    };
    vault.edit(id, note).expect("lines and tabs are welcome");
    assert_eq!(
        vault.account(id).expect("it is there").note,
        "a\tline\nturned",
        "and nothing in it turns writing around"
    );
}

#[test]
fn a_full_vault_takes_no_more() {
    let mut vault = vault(0);
    let mut rng = rng(1);
    for _ in 0..limits::ACCOUNTS {
        vault
            .add(totp(b"s", None, "a"), NOW, &mut rng)
            .expect("room");
    }
    let max = limits::ACCOUNTS;
    assert_eq!(
        vault.add(totp(b"s", None, "a"), NOW, &mut rng),
        Err(ChangeError::TooManyAccounts { max }),
        "ten thousand are enough"
    );
    // And a full one is saved and opened.
    let mut store = Store::default();
    store.save(&mut vault, &mut rng);
    assert_eq!(
        store.opened().vault.accounts().count(),
        max,
        "from the file"
    );
    let opened = store.without_files().opened();
    assert_eq!(opened.vault.accounts().count(), max, "from the keyring");
}

#[test]
fn the_same_secret_and_kind_is_the_same_account() {
    let mut vault = vault(3);
    for n in 0..3 {
        assert_eq!(
            vault.find_same(&enrolment(n)),
            Some(ids(&vault)[n as usize]),
            "{n}"
        );
    }
    assert_eq!(vault.find_same(&enrolment(9)), None, "another secret");
    let mut renamed = enrolment(0);
    renamed.issuer = None;
    renamed.account = "somebody else".into();
    assert!(vault.find_same(&renamed).is_some(), "names do not matter");
    let mut later = enrolment(1);
    later.kind = Kind::Hotp {
        counter: Counter::MAX,
    };
    assert!(
        vault.find_same(&later).is_some(),
        "nor where the counter stands"
    );
    let mut slower = enrolment(0);
    slower.kind = Kind::Totp {
        period: Period::new(60).expect("a minute"),
    };
    assert_eq!(vault.find_same(&slower), None, "it makes other codes");
    vault.remove(ids(&vault)[0], NOW).expect("it is listed");
    assert_eq!(
        vault.find_same(&enrolment(0)),
        None,
        "the trash is not looked at"
    );
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let mut vault = vault(3);
    let id = ids(&vault)[1];
    let before = vault.account(id).map(seen).expect("there");
    vault
        .edit(
            id,
            Edit {
                account: Some("  cafe\u{301} \u{202E}".into()),
                groups: Some(vec!["Family".into(), " ".into(), "Family".into()]),
                pinned: Some(true),
                ..Edit::default()
            },
        )
        .expect("a good name");
    let after = vault.account(id).map(seen).expect("there");
    assert_eq!(after.account, "caf\u{E9}", "NFC, trimmed, no bidi marks");
    assert_eq!(after.rev, before.rev + 1, "one change");
    let unchanged = Seen {
        account: before.account.clone(),
        rev: before.rev,
        ..after
    };
    assert_eq!(unchanged, before, "everything else is as it was");
    let place = vault.place(id).expect("there");
    assert_eq!(place.groups, ["Family"], "none empty, none twice");
    assert!(place.pinned, "as asked");
}

#[test]
fn the_place_of_an_account_is_no_change_of_the_account() {
    let mut vault = vault(3);
    let id = ids(&vault)[1];
    let edit = Edit {
        pinned: Some(true),
        groups: Some(vec!["Family".into()]),
        note: Some(String::new()),
        ..Edit::default()
    };
    vault.edit(id, edit).expect("good");
    let save = vault.save(&mut rng(1)).expect("a vault of this version");
    assert!(
        save.bundles.is_empty(),
        "no keyring entry is written but the head"
    );
}

#[test]
fn a_rename_to_nothing_is_refused() {
    let mut vault = vault(3);
    let id = ids(&vault)[0];
    for nothing in ["", "  ", "\u{200F}"] {
        let edit = Edit {
            issuer: Some(Some(nothing.into())),
            account: Some(nothing.into()),
            ..Edit::default()
        };
        assert_eq!(
            vault.edit(id, edit),
            Err(ChangeError::NoName),
            "{nothing:?}"
        );
    }
    let issuer_only = Edit {
        account: Some(String::new()),
        ..Edit::default()
    };
    assert_eq!(vault.edit(id, issuer_only), Ok(()), "the issuer is a name");
    // An account that came without any name is still an account, and its note can be changed.
    let id = vault
        .add(totp(b"s", None, ""), NOW, &mut rng(1))
        .expect("room");
    let note = Edit {
        note: Some("which one was this?".into()),
        ..Edit::default()
    };
    assert_eq!(vault.edit(id, note), Ok(()), "the names stay as they are");
}

#[test]
fn a_refused_edit_changes_nothing() {
    let mut vault = vault(3);
    let id = ids(&vault)[0];
    let before = picture(&vault);
    let long = |bytes| Some("x".repeat(bytes));
    let cases = [
        (
            Edit {
                issuer: Some(long(limits::ISSUER_BYTES + 1)),
                ..Edit::default()
            },
            ChangeError::TooLong {
                what: "issuer",
                bytes: 257,
                max: 256,
            },
        ),
        (
            Edit {
                account: long(limits::ACCOUNT_BYTES + 1),
                ..Edit::default()
            },
            ChangeError::TooLong {
                what: "account name",
                bytes: 257,
                max: 256,
            },
        ),
        (
            Edit {
                account: Some("good".into()),
                note: long(limits::NOTE_BYTES + 1),
                ..Edit::default()
            },
            ChangeError::TooLong {
                what: "note",
                bytes: 601,
                max: 600,
            },
        ),
        (
            Edit {
                account: Some("two\nlines".into()),
                ..Edit::default()
            },
            ChangeError::ControlCharacter {
                what: "account name",
            },
        ),
        (
            Edit {
                note: Some("bell\u{7}".into()),
                ..Edit::default()
            },
            ChangeError::ControlCharacter { what: "note" },
        ),
        (
            Edit {
                groups: Some((0..9).map(|n| n.to_string()).collect()),
                pinned: Some(true),
                ..Edit::default()
            },
            ChangeError::TooManyGroups { max: 8 },
        ),
    ];
    for (edit, error) in cases {
        assert_eq!(vault.edit(id, edit), Err(error), "{error}");
        assert_eq!(picture(&vault), before, "{error}: not even half of it");
    }
    assert!(!vault.needs_save(), "there is nothing to save");
    let lines = Edit {
        note: Some("two\n\tlines".into()),
        ..Edit::default()
    };
    assert_eq!(vault.edit(id, lines), Ok(()), "a note may have lines");
}

#[test]
fn an_account_is_moved_to_where_the_list_shows_it() {
    let mut vault = vault(5);
    let before = ids(&vault);
    vault.remove(before[1], NOW).expect("it is listed");
    // The list now shows 0 2 3 4.
    vault.move_to(before[4], 1).expect("it is listed");
    assert_eq!(
        ids(&vault),
        [before[0], before[4], before[2], before[3]],
        "second"
    );
    vault.move_to(before[0], 99).expect("it is listed");
    assert_eq!(
        ids(&vault),
        [before[4], before[2], before[3], before[0]],
        "last"
    );
    vault.move_to(before[0], 0).expect("it is listed");
    assert_eq!(
        ids(&vault),
        [before[0], before[4], before[2], before[3]],
        "first"
    );
    assert_eq!(
        vault.move_to(before[1], 0),
        Err(ChangeError::NoSuchAccount),
        "it is in the trash"
    );
}

#[test]
fn nothing_is_deleted_at_once() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let id = ids(&vault)[1];
    vault.remove(id, NOW).expect("it is listed");
    assert_eq!(
        vault.remove(id, NOW),
        Err(ChangeError::NoSuchAccount),
        "once"
    );
    store.save(&mut vault, &mut rng);
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    assert_eq!(vault.purge(day(30)), 0, "thirty days to the second");
    assert_eq!(
        vault.purge(UnixTime::from_secs(0)),
        0,
        "a clock that went backwards"
    );
    vault.restore(id).expect("it rests");
    assert_eq!(vault.restore(id), Err(ChangeError::NoSuchAccount), "once");
    assert_eq!(ids(&vault)[1], id, "it is where it was");
    vault.remove(id, NOW).expect("it is listed");
    let later = UnixTime::from_secs(day(30).as_secs() + 1);
    assert_eq!(vault.purge(later), 0, "not at the first look");
    let place = vault.place(id).expect("it rests").clone();
    assert_eq!(
        vault.rests_until(&place, later),
        Some(UnixTime::from_secs(day(60).as_secs() + 1)),
        "thirty days more"
    );
    store.save(&mut vault, &mut rng);
    let mut vault = store.opened().vault;
    assert_eq!(vault.purge(day(60)), 0, "thirty days to the second");
    assert_eq!(vault.purge(day(61)), 1, "at the second look");
    assert!(vault.place(id).is_none(), "now it is gone");
    store.save(&mut vault, &mut rng);
    let opened = store.without_files().opened();
    assert_eq!(opened.vault.accounts().count(), 2, "from the keyring too");
}

/// Decades ahead, and back; ahead twice, by different times; a battery that is empty. The trash outlives all of it.
#[test]
fn a_clock_that_is_wrong_by_decades_does_not_empty_the_trash() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let (id, other) = (ids(&vault)[1], ids(&vault)[2]);
    vault.remove(id, NOW).expect("it is listed");
    let looks = [
        (1, "it rests"),
        (40 * 366, "forty years ahead"),
        (40 * 366 + 1, "and the next day"),
        (2, "the clock is set right"),
        (20 * 366, "twenty years ahead"),
        (40 * 366, "and forty: longer than a year after"),
        (3, "the clock is set right"),
        (40 * 366, "again"),
        (20 * 366, "and back, but not all the way"),
        (4, "the clock is set right"),
    ];
    for (days, what) in looks {
        assert_eq!(vault.purge(day(days)), 0, "{what}");
        store.save(&mut vault, &mut rng);
        vault = store.opened().vault;
    }
    assert_eq!(vault.purge(UnixTime::from_secs(0)), 0, "1970");

    // One was over at the first look; the other is only by a clock that jumped in between.
    assert_eq!(vault.purge(day(60)), 0, "seen");
    vault.remove(other, day(60)).expect("it is listed");
    assert_eq!(vault.purge(day(60 + 300)), 1, "what was over then");
    assert!(vault.place(id).is_none(), "gone, after sixty days");
    assert!(vault.place(other).is_some(), "it was not seen to be over");
    assert_eq!(vault.purge(day(61)), 0, "and rests");
}

/// 2020-09-13, seven years before [`NOW`]; and 2036-07-18.
const IN_2020: UnixTime = UnixTime::from_secs(1_600_000_000);
const IN_2036: UnixTime = UnixTime::from_secs(2_100_000_000);

#[test]
fn an_account_removed_by_a_clock_in_2020_rests_thirty_days_from_when_it_is_first_seen_in_the_trash()
{
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let id = ids(&vault)[1];
    vault.remove(id, IN_2020).expect("it is listed");
    for days in [0, 1, 8, 20, 29] {
        assert_eq!(vault.purge(day(days)), 0, "day {days}");
        store.save(&mut vault, &mut rng);
        vault = store.opened().vault;
    }
    let place = vault.place(id).expect("it rests").clone();
    assert_eq!(
        vault.rests_until(&place, day(20)),
        Some(day(30)),
        "thirty days from when it was seen"
    );
    assert_eq!(vault.purge(day(31)), 1, "then it is gone");
}

#[test]
fn a_clock_that_jumps_forward_and_stays_there_takes_nothing_of_the_thirty_days() {
    for jump in [31, 60, 200, 5_000] {
        let mut vault = vault(3);
        let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
        let id = ids(&vault)[1];
        vault.remove(id, NOW).expect("it is listed");
        // What the clock says is right again in what it counts, and wrong by as much as it jumped.
        for days in 1..=30 {
            assert_eq!(vault.purge(day(jump + days)), 0, "{jump}, day {days}");
        }
        assert_eq!(vault.purge(day(jump + 32)), 1, "{jump}: after thirty days");
    }
}

#[test]
fn what_a_clock_of_2036_removed_rests_from_when_it_is_seen_and_not_until_2036() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let id = ids(&vault)[1];
    vault.remove(id, IN_2036).expect("it is listed");
    assert!(vault.wants_purge(NOW), "its date is put right");
    assert_eq!(vault.purge(NOW), 0, "and nothing else is done");
    store.save(&mut vault, &mut rng);
    let mut vault = store.opened().vault;
    let place = vault.place(id).expect("it rests").clone();
    assert_eq!(place.trashed, Some(NOW), "seen there");
    assert_eq!(vault.rests_until(&place, NOW), Some(day(30)), "from now on");
    assert!(!vault.wants_purge(day(1)), "once");
    assert_eq!(vault.purge(day(31)), 0, "seen to be over");
    assert_eq!(vault.purge(day(62)), 1, "gone, and not in 2036");
}

/// Something else was seen to be over already: that look is none at what came later with an old date.
#[test]
fn what_comes_into_the_trash_with_an_old_date_was_not_seen_there_before() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let (old, late) = (ids(&vault)[1], ids(&vault)[2]);
    vault.remove(old, NOW).expect("it is listed");
    assert_eq!(vault.purge(day(31)), 0, "seen to be over");
    store.save(&mut vault, &mut rng);
    vault.remove(late, IN_2020).expect("it is listed");
    assert_eq!(vault.purge(day(62)), 0, "the other one is seen now");
    assert!(vault.place(late).is_some(), "and rests");
    assert_eq!(vault.purge(day(93)), 2, "thirty days after that");

    let mut vault = store.opened().vault;
    vault.remove(late, day(32)).expect("it is listed");
    assert_eq!(
        vault.purge(day(62)),
        1,
        "a right date leaves what was seen as it is"
    );
}

#[test]
fn the_trash_is_looked_at_only_when_something_is_over() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let id = ids(&vault)[1];
    assert!(!vault.wants_purge(day(1000)), "nothing is in it");
    vault.remove(id, NOW).expect("it is listed");
    assert!(!vault.wants_purge(day(30)), "it rests");
    assert!(vault.wants_purge(day(31)), "to be noted");
    assert_eq!(vault.purge(day(31)), 0, "noted");
    store.save(&mut vault, &mut rng);
    assert!(
        !vault.wants_purge(day(32)),
        "for thirty days there is nothing to do"
    );
    assert!(vault.wants_purge(day(62)), "to be deleted");
    vault.restore(id).expect("it rests");
    assert!(vault.wants_purge(day(39)), "to be forgotten");
    assert_eq!(vault.purge(day(39)), 0, "forgotten");
    vault.remove(id, day(39)).expect("it is listed");
    assert_eq!(vault.purge(day(70)), 0, "noted anew");
}

#[test]
fn a_counter_moves_on_by_one_and_never_over_its_end() {
    let mut vault = vault(3);
    let hotp = ids(&vault)[1];
    let moved = vault.advance_counter(hotp).map(Counter::get);
    assert_eq!(moved, Ok(8), "it was 7");
    assert_eq!(vault.account(hotp).map(|a| a.rev), Some(2), "a change");
    let moved = vault.advance_counter(hotp).map(Counter::get);
    assert_eq!(moved, Ok(9), "and again");
    assert_eq!(vault.account(hotp).map(|a| a.rev), Some(2), "saved as one");
    let totp = ids(&vault)[0];
    assert_eq!(
        vault.advance_counter(totp).err(),
        Some(ChangeError::NoCounter),
        "time"
    );
    let mut last = enrolment(1);
    last.kind = Kind::Hotp {
        counter: Counter::MAX,
    };
    let last = vault.add(last, NOW, &mut rng(1)).expect("room");
    assert_eq!(
        vault.advance_counter(last).err(),
        Some(ChangeError::CounterUsedUp),
        "end"
    );
    assert_eq!(
        vault.advance_counter(AccountId([0; 16])).err(),
        Some(ChangeError::NoSuchAccount),
        "nobody"
    );
}

#[test]
fn strong_takes_the_place_of_what_would_open_it_alone() {
    let mut vault = vault(0);
    let (device, mut rng) = (device(), rng(1));
    let recovery = RecoveryKey::generate(&mut rng);
    let cost = Argon2Cost::FLOOR;
    let kinds = |vault: &Vault| vault.slots().iter().map(|s| s.kind).collect::<Vec<_>>();
    let mut put = |vault: &mut Vault, slot| vault.put_slot(slot, NOW, &mut rng).expect("a slot");

    put(&mut vault, NewSlot::Recovery { key: &recovery });
    put(
        &mut vault,
        NewSlot::Passphrase {
            passphrase: "sofa",
            cost,
        },
    );
    use SlotKind::{Device, Passphrase, Recovery, Strong};
    assert_eq!(
        kinds(&vault),
        [Device, Recovery, Passphrase],
        "beside each other"
    );
    put(
        &mut vault,
        NewSlot::Strong {
            passphrase: "sofa",
            key: &device,
            cost,
        },
    );
    assert_eq!(
        kinds(&vault),
        [Recovery, Strong],
        "neither half opens it alone"
    );
    put(&mut vault, NewSlot::Device { key: &device });
    assert_eq!(kinds(&vault), [Recovery, Device], "the lock was taken off");
    put(&mut vault, NewSlot::Device { key: &device });
    assert_eq!(kinds(&vault), [Recovery, Device], "one of each kind");
}

#[test]
fn the_last_way_in_cannot_be_taken_away() {
    let mut vault = vault(0);
    assert_eq!(
        vault.drop_slot(SlotKind::Strong),
        Err(ChangeError::NoSuchSlot),
        "none"
    );
    assert_eq!(
        vault.drop_slot(SlotKind::Device),
        Err(ChangeError::LastSlot),
        "only"
    );
    assert_eq!(vault.slots().len(), 1, "it is still there");
}

#[test]
fn a_slot_that_cannot_be_made_changes_nothing() {
    let mut vault = vault(0);
    let slots = vault.slots();
    let empty = NewSlot::Passphrase {
        passphrase: "",
        cost: Argon2Cost::default(),
    };
    let refused = vault.put_slot(empty, NOW, &mut rng(1));
    assert_eq!(
        refused,
        Err(ChangeError::Slot(SlotError::EmptyPassphrase)),
        "empty"
    );
    assert_eq!(vault.slots(), slots, "as before");
    assert!(!vault.needs_save(), "there is nothing to save");
}

#[test]
fn settings_are_kept_in_the_file() {
    let (mut store, mut vault, mut rng) = saved_vault(1);
    let settings = Settings {
        grouping: 2,
        tap_to_reveal: true,
        hide_again_seconds: 30,
        show_next: false,
        auto_lock_minutes: 0,
        lock_on_sleep: false,
        clear_clipboard: false,
        appearance: Appearance::Contrast,
        language: Some("pt-BR".into()),
        recovery_made: Some(1_700_000_001),
        recovery_saved: true,
        recovery_proven: Some(1_700_000_002),
        backups_off: true,
        backup_folder: Some("/media/somebody/stick".into()),
        trash_seen_over: Some(1_700_000_003),
        televisions: vec![Television {
            name: "Living room".into(),
            keypad: "a keypad of a later version".into(),
            marks: vec![640, 702],
            accounts: vec!["00".repeat(16)],
        }],
    };
    vault.set_settings(settings.clone());
    store.save(&mut vault, &mut rng);
    assert_eq!(store.opened().vault.settings(), &settings, "all of them");
    vault.set_settings(settings);
    assert!(!vault.needs_save(), "nothing changed");
}

#[test]
fn a_change_writes_the_bundle_it_is_in_and_no_other() {
    let (mut store, mut vault, mut rng) = saved_vault(40);
    let counter = vault.accounts().nth(1).expect("forty").0.id;
    vault.advance_counter(counter).expect("a HOTP account");
    let save = vault.save(&mut rng).expect("a vault of this version");
    assert_eq!(save.bundles.len(), 1, "one entry of one bundle");
    let first = (save.bundles[0].number, save.bundles[0].half);
    store.save(&mut vault, &mut rng);
    vault.advance_counter(counter).expect("a HOTP account");
    let save = vault.save(&mut rng).expect("a vault of this version");
    let second = (save.bundles[0].number, save.bundles[0].half);
    assert_eq!(
        second,
        (first.0, first.1.other()),
        "in turn, the older half"
    );
}

#[test]
fn forty_accounts_take_four_bundles() {
    let (store, _, _) = saved_vault(40);
    let bundles = store.keyring.len() - 1;
    assert!(
        (3..=5).contains(&bundles),
        "{bundles} bundles: about a dozen in each"
    );
}

#[test]
fn a_device_key_is_told_from_its_copy_by_nobody() {
    let copy = DeviceKey::from_bytes(device().expose()).expect("32 bytes");
    assert_eq!(
        copy.expose(),
        device().expose(),
        "what the keyring keeps is enough"
    );
}
