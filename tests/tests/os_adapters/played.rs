//! A Secret Service played by the test: the ways of KeePassXC and of KDE's wallet that GNOME Keyring has not. Written from
//! the freedesktop.org Secret Service API, draft 0.2, alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use couchkey_tests::desktop::Session;
use hkdf::Hkdf;
use sha2::Sha256;
use zbus::blocking::{Connection, connection};
use zbus::message::Header;
use zbus::object_server::{ObjectServer, SignalEmitter};
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

const ROOT: &str = "/org/freedesktop/secrets";

/// What the person does when a window of the keyring's opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Does not see it.
    IsAway,
    Allows,
    Refuses,
    /// Closes it by the button that allows nothing: the question counts as answered.
    AllowsNothing,
}

/// The keyring's program, on a session's bus until it is dropped.
pub struct Played {
    stage: Arc<Mutex<Stage>>,
    _bus: Connection,
}

/// Everything that it has and has done.
#[derive(Debug, Default)]
pub struct Stage {
    /// Labels of its collections.
    pub collections: Vec<String>,
    /// Which one of them is the default, if one is.
    pub default: Option<usize>,
    /// Each of its entries has to be allowed to each program.
    pub confirms: bool,
    pub entries: Vec<Entry>,
    pub person: Option<Person>,
    pub allowed: HashSet<(String, usize)>,
    pub keys: HashMap<OwnedObjectPath, [u8; 16]>,
    /// How many windows it has opened.
    pub windows: usize,
    /// The aliases that somebody asked for, with a new collection or by themselves.
    pub aliases: Vec<String>,
}

/// One entry.
#[derive(Debug)]
pub struct Entry {
    collection: usize,
    attributes: HashMap<String, String>,
    secret: Vec<u8>,
}

type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

impl Played {
    pub fn start(session: &Session, person: Person, stage: Stage) -> Played {
        let address = session.bus_address().expect("the session has a bus");
        let entries = stage.entries.len();
        let collections = stage.collections.len();
        let stage = Arc::new(Mutex::new(Stage {
            person: Some(person),
            ..stage
        }));
        let mut builder = connection::Builder::address(address)
            .and_then(|builder| builder.serve_at(ROOT, Service(stage.clone())))
            .unwrap();
        for n in 0..collections {
            builder = builder
                .serve_at(collection(n), Collection(stage.clone(), n))
                .unwrap();
        }
        for n in 0..entries {
            builder = builder.serve_at(entry(n), Item(stage.clone(), n)).unwrap();
        }
        let bus = builder
            .name("org.freedesktop.secrets")
            .and_then(|builder| builder.build())
            .expect("no other keyring is on this bus");
        Played { stage, _bus: bus }
    }

    pub fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap()
    }
}

impl Stage {
    /// With an entry of Couchkey's in the first collection.
    pub fn with_entry(mut self, name: &str, secret: &str) -> Stage {
        self.entries.push(Entry {
            collection: 0,
            attributes: [("service", "couchkey"), ("username", name)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            secret: secret.into(),
        });
        self
    }

    /// In which collection the entry of this name is.
    pub fn collection_of(&self, name: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| {
            entry
                .attributes
                .get("username")
                .is_some_and(|own| own == name)
        })?;
        Some(&self.collections[entry.collection])
    }

    fn is_locked_to(&self, program: &str, entry: usize) -> bool {
        self.confirms && !self.allowed.contains(&(program.to_owned(), entry))
    }

    /// What a session's key has sealed.
    fn open(&self, secret: &Secret) -> Vec<u8> {
        let iv: &[u8; 16] = secret.1.as_slice().try_into().expect("an IV");
        cbc::Decryptor::<Aes128>::new((&self.keys[&secret.0]).into(), iv.into())
            .decrypt_padded_vec::<Pkcs7>(&secret.2)
            .expect("sealed for this session")
    }

    fn seal(&self, session: OwnedObjectPath, bytes: &[u8]) -> Secret {
        let iv = [7; 16];
        let sealed = cbc::Encryptor::<Aes128>::new((&self.keys[&session]).into(), (&iv).into())
            .encrypt_padded_vec::<Pkcs7>(bytes);
        (session, iv.to_vec(), sealed, "text/plain".to_owned())
    }
}

fn path(text: String) -> OwnedObjectPath {
    ObjectPath::try_from(text).unwrap().into()
}

fn nothing() -> OwnedObjectPath {
    path("/".to_owned())
}

fn collection(n: usize) -> OwnedObjectPath {
    path(format!("{ROOT}/collection/c{n}"))
}

fn entry(n: usize) -> OwnedObjectPath {
    path(format!("{ROOT}/collection/all/e{n}"))
}

fn number(path: &ObjectPath<'_>) -> Option<usize> {
    path.as_str().rsplit_once("/e")?.1.parse().ok()
}

fn program(header: &Header<'_>) -> String {
    header.sender().expect("the bus says who").to_string()
}

struct Service(Arc<Mutex<Stage>>);

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    /// Diffie and Hellman's exchange, with the private number one on this side.
    fn open_session(&self, algorithm: &str, input: OwnedValue) -> (OwnedValue, OwnedObjectPath) {
        assert_eq!(
            algorithm, "dh-ietf1024-sha256-aes128-cbc-pkcs7",
            "secrets cross the bus sealed"
        );
        let theirs = Vec::<u8>::try_from(input).unwrap();
        let mut shared = vec![0; 128 - theirs.len()];
        shared.extend(theirs);
        let mut key = [0; 16];
        Hkdf::<Sha256>::new(None, &shared)
            .expand(&[], &mut key)
            .unwrap();
        let mut stage = self.0.lock().unwrap();
        let session = path(format!("{ROOT}/session/s{}", stage.keys.len()));
        stage.keys.insert(session.clone(), key);
        (Value::from(vec![2_u8]).try_into().unwrap(), session)
    }

    async fn create_collection(
        &self,
        properties: HashMap<String, OwnedValue>,
        alias: &str,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        if !alias.is_empty() {
            self.0.lock().unwrap().aliases.push(alias.to_owned());
        }
        let label = properties["org.freedesktop.Secret.Collection.Label"].clone();
        let what = Asks::Collection(String::try_from(label).unwrap());
        (nothing(), Prompt::serve(&self.0, server, what).await)
    }

    fn search_items(
        &self,
        attributes: HashMap<String, String>,
        #[zbus(header)] header: Header<'_>,
    ) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let stage = self.0.lock().unwrap();
        let found = (0..stage.entries.len()).filter(|n| {
            let has = &stage.entries[*n].attributes;
            attributes
                .iter()
                .all(|(name, value)| has.get(name) == Some(value))
        });
        let (locked, open): (Vec<_>, Vec<_>) =
            found.partition(|n| stage.is_locked_to(&program(&header), *n));
        let paths = |found: Vec<usize>| found.into_iter().map(entry).collect();
        (paths(open), paths(locked))
    }

    async fn unlock(
        &self,
        objects: Vec<OwnedObjectPath>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (Vec<OwnedObjectPath>, OwnedObjectPath) {
        let who = program(&header);
        let locked: Vec<usize> = {
            let stage = self.0.lock().unwrap();
            let entries = objects.iter().filter_map(|object| number(object));
            entries.filter(|n| stage.is_locked_to(&who, *n)).collect()
        };
        if locked.is_empty() {
            return (objects, nothing());
        }
        let what = Asks::Entries(locked, who);
        (Vec::new(), Prompt::serve(&self.0, server, what).await)
    }

    fn read_alias(&self, name: &str) -> OwnedObjectPath {
        let default = self.0.lock().unwrap().default;
        match default {
            Some(n) if name == "default" => collection(n),
            _ => nothing(),
        }
    }

    fn set_alias(&self, name: String, _collection: OwnedObjectPath) {
        self.0.lock().unwrap().aliases.push(name);
    }

    #[zbus(property)]
    fn collections(&self) -> Vec<OwnedObjectPath> {
        let count = self.0.lock().unwrap().collections.len();
        (0..count).map(collection).collect()
    }
}

struct Collection(Arc<Mutex<Stage>>, usize);

#[zbus::interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    async fn create_item(
        &self,
        properties: HashMap<String, OwnedValue>,
        secret: Secret,
        _replace: bool,
        #[zbus(header)] header: Header<'_>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        let attributes = properties["org.freedesktop.Secret.Item.Attributes"].clone();
        let n = {
            let mut stage = self.0.lock().unwrap();
            let (secret, n) = (stage.open(&secret), stage.entries.len());
            stage.entries.push(Entry {
                collection: self.1,
                attributes: attributes.try_into().unwrap(),
                secret,
            });
            stage.allowed.insert((program(&header), n));
            n
        };
        server.at(entry(n), Item(self.0.clone(), n)).await.unwrap();
        (entry(n), nothing())
    }

    #[zbus(property)]
    fn label(&self) -> String {
        self.0.lock().unwrap().collections[self.1].clone()
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}

struct Item(Arc<Mutex<Stage>>, usize);

#[zbus::interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    fn get_secret(
        &self,
        session: OwnedObjectPath,
        #[zbus(header)] header: Header<'_>,
    ) -> zbus::fdo::Result<(Secret,)> {
        let stage = self.0.lock().unwrap();
        if stage.is_locked_to(&program(&header), self.1) {
            return Err(zbus::fdo::Error::AccessDenied("not allowed".to_owned()));
        }
        Ok((stage.seal(session, &stage.entries[self.1].secret),))
    }

    fn set_secret(&self, secret: Secret) {
        let mut stage = self.0.lock().unwrap();
        let secret = stage.open(&secret);
        stage.entries[self.1].secret = secret;
    }

    /// It has no attributes any more, so nothing finds it.
    fn delete(&self) -> OwnedObjectPath {
        self.0.lock().unwrap().entries[self.1].attributes.clear();
        nothing()
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        false
    }
}

/// What a window of the keyring's asks for.
#[derive(Clone)]
enum Asks {
    /// These entries, for the program of this name on the bus.
    Entries(Vec<usize>, String),
    /// A password for a new collection with this label.
    Collection(String),
}

struct Prompt(Arc<Mutex<Stage>>, Asks);

impl Prompt {
    async fn serve(
        stage: &Arc<Mutex<Stage>>,
        server: &ObjectServer,
        what: Asks,
    ) -> OwnedObjectPath {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let at = path(format!("{ROOT}/prompt/p{n}"));
        server.at(&at, Prompt(stage.clone(), what)).await.unwrap();
        at
    }
}

#[zbus::interface(name = "org.freedesktop.Secret.Prompt")]
impl Prompt {
    async fn prompt(
        &self,
        _window: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        #[zbus(object_server)] server: &ObjectServer,
    ) {
        let person = {
            let mut stage = self.0.lock().unwrap();
            stage.windows += 1;
            stage.person.expect("said at the start")
        };
        let (dismissed, result) = match (person, self.1.clone()) {
            (Person::IsAway, _) => return,
            (Person::Refuses, _) => (true, Value::from("")),
            (Person::AllowsNothing, _) => (false, Value::from(Vec::<ObjectPath<'_>>::new())),
            (Person::Allows, Asks::Entries(entries, who)) => {
                let mut stage = self.0.lock().unwrap();
                let allowed = entries.iter().map(|n| (who.clone(), *n));
                stage.allowed.extend(allowed);
                let paths: Vec<_> = entries.into_iter().map(|n| entry(n).into_inner()).collect();
                (false, Value::from(paths))
            }
            (Person::Allows, Asks::Collection(label)) => {
                let n = {
                    let mut stage = self.0.lock().unwrap();
                    stage.collections.push(label);
                    stage.collections.len() - 1
                };
                let made = Collection(self.0.clone(), n);
                server.at(collection(n), made).await.unwrap();
                (false, Value::from(collection(n).into_inner()))
            }
        };
        Self::completed(&emitter, dismissed, result).await.unwrap();
    }

    #[zbus(signal)]
    async fn completed(
        emitter: &SignalEmitter<'_>,
        dismissed: bool,
        result: Value<'_>,
    ) -> zbus::Result<()>;
}
