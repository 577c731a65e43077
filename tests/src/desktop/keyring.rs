//! The Secret Service, asked over D-Bus by its specification alone: nothing here is shared with Couchkey's own adapter.
//!
//! Source: the freedesktop.org Secret Service API, draft 0.2. `InternalUnsupportedGuiltRiddenInterface` is
//! gnome-keyring's own and named by its authors.

use std::collections::BTreeMap;
use std::collections::HashMap;
use zbus::blocking::{Connection, Proxy, connection};
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";

/// `org.freedesktop.Secret`'s struct: session, parameters, value, content type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// One entry of the keyring, as anybody with the session's bus can read it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What a person sees in their keyring program.
    pub label: String,
    /// The attributes it is found by; they are not encrypted in the keyring's file.
    pub attributes: BTreeMap<String, String>,
    /// What it keeps.
    pub bytes: Vec<u8>,
}

pub(super) fn connect(address: &str) -> Connection {
    connection::Builder::address(address)
        .and_then(connection::Builder::build)
        .expect("the session's bus answers")
}

/// Is there a program that keeps secrets? Asks the bus only, so that it starts none.
pub(super) fn is_running(bus: &Connection) -> bool {
    let answer = bus.call_method(
        Some("org.freedesktop.DBus"),
        "/org/freedesktop/DBus",
        Some("org.freedesktop.DBus"),
        "NameHasOwner",
        &SERVICE,
    );
    answer.is_ok_and(|answer| answer.body().deserialize::<bool>().unwrap_or(false))
}

/// No default collection counts as locked: nothing can be kept there.
pub(super) fn is_locked(bus: &Connection) -> bool {
    let Some(collection) = default_collection(bus) else {
        return true;
    };
    let collection = proxy(bus, &collection, "org.freedesktop.Secret.Collection");
    collection.get_property("Locked").unwrap_or(true)
}

pub(super) fn lock(bus: &Connection) {
    let collections = [default_collection(bus).expect("the keyring has a default collection")];
    let (_locked, _prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = service(bus)
        .call("Lock", &(&collections[..],))
        .expect("the keyring can be locked");
    assert!(is_locked(bus), "gnome-keyring locks without a prompt");
}

pub(super) fn unlock(bus: &Connection, password: &str) {
    let collection = default_collection(bus).expect("the keyring has a default collection");
    let session = open_session(bus);
    let secret = (
        &*session,
        Vec::<u8>::new(),
        password.as_bytes(),
        "text/plain",
    );
    let guilty = proxy(
        bus,
        &ObjectPath::from_static_str_unchecked(ROOT),
        "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
    );
    let () = guilty
        .call("UnlockWithMasterPassword", &(&*collection, secret))
        .expect("the keyring takes its password");
}

pub(super) fn every_secret(bus: &Connection) -> Vec<Entry> {
    let session = open_session(bus);
    let collections: Vec<OwnedObjectPath> = service(bus)
        .get_property("Collections")
        .expect("a Secret Service has a list of collections");
    let mut entries = Vec::new();
    for collection in &collections {
        let collection = proxy(bus, collection, "org.freedesktop.Secret.Collection");
        let items: Vec<OwnedObjectPath> = collection
            .get_property("Items")
            .expect("a collection has a list of items");
        for item in &items {
            let item = proxy(bus, item, "org.freedesktop.Secret.Item");
            let (secret,): (Secret,) = item
                .call("GetSecret", &(&*session,))
                .expect("an item of an open collection can be read");
            let attributes: HashMap<String, String> = item
                .get_property("Attributes")
                .expect("an item has attributes");
            entries.push(Entry {
                label: item.get_property("Label").expect("an item has a label"),
                attributes: attributes.into_iter().collect(),
                bytes: secret.2,
            });
        }
    }
    entries
}

pub(super) fn default_collection(bus: &Connection) -> Option<OwnedObjectPath> {
    let path: OwnedObjectPath = service(bus).call("ReadAlias", &("default",)).ok()?;
    (path.as_str() != "/").then_some(path)
}

/// A session that sends secrets as they are: the bus is ours alone.
fn open_session(bus: &Connection) -> OwnedObjectPath {
    let (_, session): (OwnedValue, OwnedObjectPath) = service(bus)
        .call("OpenSession", &("plain", Value::from("")))
        .expect("every Secret Service speaks plain");
    session
}

fn service(bus: &Connection) -> Proxy<'_> {
    proxy(
        bus,
        &ObjectPath::from_static_str_unchecked(ROOT),
        "org.freedesktop.Secret.Service",
    )
}

fn proxy<'a>(bus: &Connection, path: &ObjectPath<'_>, interface: &'static str) -> Proxy<'a> {
    zbus::blocking::proxy::Builder::new(bus)
        .destination(SERVICE)
        .and_then(|builder| builder.path(path.to_owned()))
        .and_then(|builder| builder.interface(interface))
        .map(|builder| builder.cache_properties(zbus::proxy::CacheProperties::No))
        .and_then(|builder| builder.build())
        .expect("the names are well-formed")
}
