//! How much a keyring takes in one entry: a little where its system says so, more where it does not, and vaults that go
//! from one to the other.

use couchkey_vault::{Edit, Note, Vault, format};

use crate::store::*;

/// What a keyring takes that has no limit of its own.
const LARGE: usize = format::MAX_ENTRY;

#[test]
fn where_the_keyring_has_room_thousands_of_accounts_take_few_entries() {
    let (store, vault) = saved(1_000, LARGE);
    let longest = store.keyring.values().map(Vec::len).max();
    assert!(
        longest.is_some_and(|bytes| (LARGE - 512..=LARGE).contains(&bytes)),
        "an entry is filled, and not past its end: {longest:?}"
    );
    assert!(
        store.keyring.len() < 9,
        "{} entries and not 90",
        store.keyring.len()
    );
    let opened = store.without_files().opened();
    assert!(opened.notes.contains(&Note::Complete), "{:?}", opened.notes);
    assert_eq!(
        accounts(&opened.vault),
        accounts(&vault),
        "the entries alone have them all"
    );
}

#[test]
fn a_keyring_that_takes_less_gets_it_in_smaller_entries_and_a_crash_loses_nothing() {
    let (mut store, mut vault) = saved(80, LARGE);
    store.longest = 0;
    let old = accounts(&vault);
    rename(&mut vault, 40);
    let new = accounts(&vault);
    let save = vault.save(&mut rng(7)).expect("a vault of this version");
    assert!(
        save.bundles.len() > 5,
        "what was in one entry goes into many: {}",
        save.bundles.len()
    );
    let writes = writes(&save);
    for done in 0..=writes.len() {
        let mut crashed = store.clone();
        writes[..done].iter().for_each(|write| crashed.write(write));
        for left in [crashed.without_files(), crashed.without_keyring(), crashed] {
            let opened = left.opened();
            let found = accounts(&opened.vault);
            let what = format!("{done} of {} writes", writes.len());
            assert!(found == old || found == new, "{what}: old or new");
            assert!(opened.vault.damaged().is_empty(), "{what}: all are whole");
        }
    }
    writes.iter().for_each(|write| store.write(write));
    vault.saved(save);
    all_is_well(&store);
}

#[test]
fn a_keyring_that_takes_more_keeps_its_small_entries_and_fills_them_up() {
    let (mut store, mut vault) = saved(300, 0);
    let before = store.keyring.len();
    store.longest = LARGE;
    rename(&mut vault, 150);
    let save = vault.save_in_entries(LARGE, &mut rng(7));
    let save = save.expect("a vault of this version");
    assert_eq!(save.bundles.len(), 1, "one change is one entry, as ever");
    for n in 300..400 {
        vault
            .add(enrolment(n), NOW, &mut rng(9 + u64::from(n)))
            .expect("room");
    }
    store.save(&mut vault, &mut rng(8));
    // Each of the two that changed has a second half now.
    assert!(
        store.keyring.len() <= before + 2,
        "a hundred more found room in an entry that was there"
    );
    all_is_well(&store);
}

/// A vault of so many accounts in a keyring of such entries.
fn saved(count: u32, longest: usize) -> (Store, Vault) {
    let (_, mut vault, mut rng) = saved_vault(0);
    let mut store = Store {
        longest,
        ..Store::default()
    };
    for n in 0..count {
        vault.add(enrolment(n), NOW, &mut rng).expect("room");
    }
    // Both halves of everything.
    store.save(&mut vault, &mut rng);
    rename(&mut vault, 0);
    store.save(&mut vault, &mut rng);
    (store, vault)
}

fn rename(vault: &mut Vault, nth: usize) {
    let id = vault.accounts().nth(nth).expect("there are as many").0.id;
    let edit = Edit {
        account: Some("a new name".into()),
        ..Edit::default()
    };
    vault.edit(id, edit).expect("a good name");
}

/// Every entry has what the list says, and each of the two places is enough.
fn all_is_well(store: &Store) {
    let mut opened = store.opened();
    let notes = opened
        .vault
        .check_bundles(|number, half| store.fetch(number, half))
        .expect("the keyring can be read");
    assert!(notes.is_empty(), "nothing to mend: {notes:?}");
    for left in [store.without_files(), store.without_keyring()] {
        assert_eq!(
            accounts(&left.opened().vault),
            accounts(&opened.vault),
            "either place is enough"
        );
    }
}
