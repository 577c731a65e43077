//! Imports accounts on the session's real keyring and a real disk, for the benchmark that says how long that takes.
//!
//! `importer DIR COUNT long|short`: says how many milliseconds it took from the file's bytes to the preview, from the yes to
//! all of them kept, and for one change after that. `short`: in keyring entries no longer than what Windows takes.

use std::{path::Path, sync::Arc, time::Instant};

use couchkey_authenticator::{
    Authenticator, Parts, Source,
    os::{DiskBackups, DiskFile, FileKeyring, SystemClock, SystemKeyring, SystemScreen},
    ports::{Keyring, KeyringError, LONGEST_EVERYWHERE},
    view::Selection,
};
use couchkey_tests::machine::uri;
use couchkey_vault::Argon2Cost;
use zeroize::Zeroizing;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, count, entries] = arguments.as_slice() else {
        panic!("DIR COUNT long|short");
    };
    let count: usize = count.parse().expect("a number");
    let app = on(Path::new(dir), entries == "short");
    app.create_vault(None).expect("a fresh machine takes one");
    let links: Vec<String> = (0..count).map(uri).collect();
    let file = Zeroizing::new(links.join("\n").into_bytes());

    let mut all = None;
    let preview = millis(|| {
        let preview = app.preview(Source::File(file), &mut |_| ()).expect("links");
        assert_eq!(preview.rows.len(), count, "all of them");
        all = Some(Selection {
            duplicates: true,
            ..Selection::of(&preview)
        });
    });
    let all = all.expect("it was just made");
    let adding = millis(|| {
        let added = app.add(&all, &mut |_| ()).expect("there is room");
        assert_eq!(added.added as usize, count, "all of them");
    });
    let change = millis(|| {
        let accounts = app.accounts(None).expect("it is open");
        let id = accounts[count / 2].id.as_deref().expect("it is saved");
        app.remove(id).expect("it is on the list");
    });
    println!("{preview} {adding} {change}");
}

fn on(dir: &Path, short: bool) -> Authenticator {
    Authenticator::new(Parts {
        clock: Box::new(SystemClock),
        system_keyring: Box::new(move || {
            let system = Arc::new(SystemKeyring::connect()?);
            Ok(match short {
                true => Arc::new(Short(system)),
                false => system,
            })
        }),
        file_keyring: Arc::new(FileKeyring::new(dir)),
        file: Box::new(DiskFile::new(dir)),
        backups: Box::new(DiskBackups::new(dir)),
        screen: Box::new(SystemScreen),
        passphrase_cost: Box::new(Argon2Cost::default),
        place: dir.to_string_lossy().into_owned(),
    })
}

/// The same keyring as if its entries could be no longer than everywhere.
struct Short(Arc<SystemKeyring>);

impl Keyring for Short {
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        self.0.get(entry)
    }

    fn longest_entry(&self) -> usize {
        LONGEST_EVERYWHERE
    }

    fn set(&self, entry: &str, text: &[u8]) -> Result<(), KeyringError> {
        self.0.set(entry, text)
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        self.0.delete(entry)
    }
}

fn millis(work: impl FnOnce()) -> u128 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_millis()
}
