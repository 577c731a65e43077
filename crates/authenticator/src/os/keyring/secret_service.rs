//! Linux and the BSDs: GNOME Keyring, KDE Wallet, KeePassXC … by way of D-Bus, as the freedesktop.org Secret Service API
//! (draft 0.2) has it.
//!
//! Nothing here changes what other programs find: no alias is set, and a keyring that somebody else has made is neither
//! renamed nor made the default. Whoever has to be asked is asked once, for everything that is ours (docs/decisions/0242).

use std::collections::HashMap;
use std::env;
use std::time::{Duration, Instant};

use ::secret_service::blocking::SecretService;
use ::secret_service::{EncryptionType, Error};
use zbus::blocking::{Connection, fdo::DBusProxy};
use zbus::proxy::CacheProperties;
use zbus::zvariant::OwnedObjectPath;
use zeroize::Zeroizing;

use super::{Failure, KeyringState, Store};
use crate::ports::KeyringError;

pub(super) const PROVIDER: &str = "Secret Service";
/// The specification sets no limit, and services that rewrite one file at every call are quicker with fewer entries.
pub(super) const LONGEST: usize = super::LONGEST_ENTRY;

/// The attribute that all our entries have; the other one is `username`, the entry's name.
const SERVICE: (&str, &str) = ("service", "couchkey");
const CONTENT: &str = "application/octet-stream";

/// The collection that is made where there is none.
const COLLECTION: &str = "Couchkey";

/// How long a "no" holds: the steps of one command, or of one screen, come right after each other, and the second is not
/// to ask what the first was refused. Whoever presses "try again" is asked again: [`Store::try_again`].
const REFUSAL_HOLDS: Duration = Duration::from_secs(5);

/// A connection to the Secret Service.
pub(super) struct Native {
    bus: Connection,
    service: SecretService<'static>,
    /// Whether everything of ours that was locked was asked for, with one question.
    asked_for_all: bool,
    /// When that question was answered, if there was one to ask.
    answered: Option<Instant>,
    /// When somebody last said no, or nobody could be asked, and what that is called.
    refused: Option<(Instant, KeyringError)>,
}

impl Native {
    /// Connects. Where there is no collection and nobody who could be asked for the password of a new one, nothing can
    /// ever be kept: that is no keyring.
    pub(super) fn open() -> Result<Self, Failure> {
        let unavailable = |failure: Failure| Failure {
            // Whatever kept us from opening a session: there is nothing to talk to.
            error: match failure.error {
                KeyringError::Failed => KeyringError::Unavailable,
                error => error,
            },
            ..failure
        };
        let connect = || -> Result<Self, Error> {
            let bus = Connection::session()?;
            let service = SecretService::connect_with_existing(EncryptionType::Dh, bus.clone())?;
            Ok(Self {
                bus,
                service,
                asked_for_all: false,
                answered: None,
                refused: None,
            })
        };
        let native = connect().map_err(|error| unavailable(explain(&error)))?;
        if native.home()?.is_none() && !native.somebody_can_be_asked() {
            return Err(KeyringError::Unavailable.into());
        }
        Ok(native)
    }

    /// The collection in which new entries belong: the default one; else ours; else the only one that there is. The one
    /// that ends with the session is none.
    fn home(&self) -> Result<Option<OwnedObjectPath>, Failure> {
        let alias = |name| match self.service.get_collection_by_alias(name) {
            Ok(collection) => Ok(Some(collection.collection_path)),
            Err(Error::NoResult) => Ok(None),
            Err(error) => Err(explain(&error)),
        };
        if let Some(default) = alias("default")? {
            return Ok(Some(default));
        }
        let session = alias("session").unwrap_or_default();
        let mut others = self.collections()?;
        others.retain(|other| Some(other) != session.as_ref());
        let is_ours = |other: &OwnedObjectPath| {
            let collection = self.service.get_collection_by_path(other.clone());
            let label = collection.and_then(|collection| collection.get_label());
            label.is_ok_and(|label| label == COLLECTION)
        };
        Ok(match others.iter().position(is_ours) {
            Some(ours) => Some(others.swap_remove(ours)),
            None if others.len() == 1 => others.pop(),
            None => None,
        })
    }

    /// All collections that there are now. The library's own call remembers its first answer, where a service does not
    /// say that it has changed.
    fn collections(&self) -> Result<Vec<OwnedObjectPath>, Failure> {
        let ask = || {
            zbus::blocking::proxy::Builder::<zbus::blocking::Proxy<'_>>::new(&self.bus)
                .destination("org.freedesktop.secrets")?
                .path("/org/freedesktop/secrets")?
                .interface("org.freedesktop.Secret.Service")?
                .cache_properties(CacheProperties::No)
                .build()?
                .get_property("Collections")
        };
        ask().map_err(|error| explain_bus(&error))
    }

    /// Whether `home` is locked; a service may hide what is in it then.
    fn is_locked(&self, home: &OwnedObjectPath) -> Result<bool, Failure> {
        let collection = self.service.get_collection_by_path(home.clone());
        collection
            .and_then(|collection| collection.is_locked())
            .map_err(explained)
    }

    /// Does what may put a question to a person; not right after a "no".
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&SecretService<'static>) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        if let Some((at, error)) = self.refused
            && just_now(Some(at))
        {
            return Err(error.into());
        }
        let answer = question(&self.service).map_err(explained);
        if let Err(failure) = &answer
            && matches!(failure.error, KeyringError::Locked | KeyringError::Denied)
        {
            self.refused = Some((Instant::now(), failure.error));
        }
        answer
    }

    /// Asks for everything of ours that is locked, with one question for all: KeePassXC asks for each entry by itself,
    /// as long as it is not asked for several.
    fn ask_for_all(&mut self) -> Result<(), Failure> {
        if self.asked_for_all {
            return Ok(());
        }
        let ours = HashMap::from([SERVICE]);
        let found = self.service.search_items(ours.clone());
        let some_are_locked = !found.map_err(explained)?.locked.is_empty();
        if some_are_locked {
            self.ask(|service| {
                let found = service.search_items(ours)?;
                service.unlock_all(&found.locked.iter().collect::<Vec<_>>())
            })?;
            self.answered = Some(Instant::now());
        }
        self.asked_for_all = true;
        Ok(())
    }

    /// The entry of this name, unlocked; `None` where there is none, truly.
    fn find(&mut self, name: &str) -> Result<Option<OwnedObjectPath>, Failure> {
        self.ask_for_all()?;
        if let Some(found) = self.find_in_sight(name)? {
            return Ok(Some(found));
        }
        // Some services hide what is locked, and "hidden" must not read as "no entry".
        let Some(home) = self.home()? else {
            return Ok(None);
        };
        if !self.is_locked(&home)? {
            return Ok(None);
        }
        self.ask(|service| service.get_collection_by_path(home)?.unlock())?;
        self.find_in_sight(name)
    }

    fn find_in_sight(&mut self, name: &str) -> Result<Option<OwnedObjectPath>, Failure> {
        let attributes = attributes(name);
        let search = |service: &SecretService<'static>| {
            let found = service.search_items(attributes.clone())?;
            let path = |item: ::secret_service::blocking::Item<'_>| item.item_path;
            let open: Vec<_> = found.unlocked.into_iter().map(path).collect();
            let locked: Vec<_> = found.locked.into_iter().map(path).collect();
            Ok::<_, Error>((open, locked))
        };
        let (open, locked) = search(&self.service).map_err(explained)?;
        match (open.as_slice(), locked.as_slice()) {
            ([], []) => return Ok(None),
            ([item], []) => return Ok(Some(item.clone())),
            ([], [_]) => {}
            _ => return Err(KeyringError::Ambiguous.into()),
        }
        // Locked again since all of them were asked for; or not among those that a person has allowed a moment ago.
        if !just_now(self.answered) {
            let (open, _) = self.ask(|service| {
                let item = service.get_item_by_path(locked[0].clone())?;
                item.unlock()?;
                search(service)
            })?;
            if let Some(item) = open.into_iter().next() {
                return Ok(Some(item));
            }
        }
        self.refused = Some((Instant::now(), KeyringError::Denied));
        Err(KeyringError::Denied.into())
    }

    /// A new collection, which the service asks a person to name a password for. It is made nobody's default: what
    /// other programs write goes where it went before.
    fn make_home(&mut self) -> Result<OwnedObjectPath, Failure> {
        if !self.somebody_can_be_asked() {
            return Err(KeyringError::Unavailable.into());
        }
        self.ask(|service| Ok(service.create_collection(COLLECTION, "")?.collection_path))
    }

    /// Whether a question of the service's can reach a person: there is a display, and, for GNOME Keyring, the program
    /// that shows its questions. Without that it dismisses them by itself.
    fn somebody_can_be_asked(&self) -> bool {
        const PROMPTER: &str = "org.gnome.keyring.SystemPrompter";
        if !has_display() {
            return false;
        }
        let Ok(bus) = DBusProxy::new(&self.bus) else {
            return true;
        };
        let owner = |name: &'static str| bus.get_name_owner(name.try_into().ok()?).ok();
        let gnome = owner("org.gnome.keyring");
        if gnome.is_none() || gnome != owner("org.freedesktop.secrets") {
            return true;
        }
        let can_start = bus.list_activatable_names().unwrap_or_default();
        owner(PROMPTER).is_some() || can_start.iter().any(|name| name.as_str() == PROMPTER)
    }
}

impl Store for Native {
    fn try_again(&mut self) {
        self.refused = None;
    }

    fn get(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(item) = self.find(name)? else {
            return Ok(None);
        };
        let item = self.service.get_item_by_path(item);
        let secret = item.and_then(|item| item.get_secret());
        Ok(Some(Zeroizing::new(secret.map_err(explained)?)))
    }

    fn set(&mut self, name: &str, text: &[u8]) -> Result<(), Failure> {
        if let Some(item) = self.find(name)? {
            let item = self.service.get_item_by_path(item);
            return item
                .and_then(|item| item.set_secret(text, CONTENT))
                .map_err(explained);
        }
        let home = match self.home()? {
            Some(home) => home,
            None => self.make_home()?,
        };
        let label = format!("Couchkey: {name}");
        self.ask(|service| {
            let home = service.get_collection_by_path(home)?;
            home.create_item(&label, attributes(name), text, true, CONTENT)
                .map(drop)
        })
    }

    fn delete(&mut self, name: &str) -> Result<(), Failure> {
        let Some(item) = self.find(name)? else {
            return Ok(());
        };
        self.ask(|service| service.get_item_by_path(item)?.delete())
    }

    fn state(&mut self) -> Result<KeyringState, Failure> {
        Ok(match self.home()? {
            None => KeyringState::NoneYet,
            Some(home) if self.is_locked(&home)? => KeyringState::Locked,
            Some(_) => KeyringState::Ready,
        })
    }
}

fn just_now(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at.elapsed() < REFUSAL_HOLDS)
}

fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([SERVICE, ("username", name)])
}

fn explained(error: Error) -> Failure {
    explain(&error)
}

fn explain(error: &Error) -> Failure {
    match error {
        Error::Locked => KeyringError::Locked.into(),
        // Without a display the service dismisses its own prompt: nobody said no.
        Error::Prompt if !has_display() => KeyringError::Locked.into(),
        Error::Prompt => KeyringError::Denied.into(),
        Error::NoResult => KeyringError::Unavailable.into(),
        Error::Unavailable | Error::PromptDisconnected => gone(),
        Error::Zbus(error) => explain_bus(error),
        Error::ZbusFdo(error) => match error {
            zbus::fdo::Error::ZBus(error) => explain_bus(error),
            error => explain_name(zbus::DBusError::name(error).as_str()),
        },
        // The answer does not fit the session's key: another service answers now.
        Error::Crypto(_) => stale(KeyringError::Failed),
        _ => KeyringError::Failed.into(),
    }
}

fn explain_bus(error: &zbus::Error) -> Failure {
    match error {
        zbus::Error::MethodError(name, ..) => explain_name(name.as_str()),
        zbus::Error::FDO(error) => explain_name(zbus::DBusError::name(&**error).as_str()),
        zbus::Error::InputOutput(_) | zbus::Error::Address(_) | zbus::Error::Handshake(_) => gone(),
        zbus::Error::InterfaceNotFound => gone(),
        _ => KeyringError::Failed.into(),
    }
}

/// The names that services answer with: Secret Service specification, "Errors"; D-Bus, `dbus-protocol.h`.
fn explain_name(name: &str) -> Failure {
    let (_, word) = name.rsplit_once('.').unwrap_or(("", name));
    match word {
        "IsLocked" => KeyringError::Locked.into(),
        "AccessDenied" | "AuthFailed" => KeyringError::Denied.into(),
        "NoSession" | "NoSuchObject" | "UnknownObject" | "UnknownMethod" | "UnknownInterface" => {
            stale(KeyringError::Failed)
        }
        "ServiceUnknown" | "NameHasNoOwner" | "NoServer" | "NoReply" | "Disconnected"
        | "NoNetwork" | "ExecFailed" | "ForkFailed" | "ChildExited" | "ChildSignaled" => gone(),
        "NoMemory" | "LimitsExceeded" => KeyringError::Storage.into(),
        _ => KeyringError::Failed.into(),
    }
}

fn gone() -> Failure {
    stale(KeyringError::Unavailable)
}

fn stale(error: KeyringError) -> Failure {
    Failure { error, stale: true }
}

fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}
