//! The native store of each system, behind one small type: entries, labels, and what each error means.

use std::collections::HashMap;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::{Failure, KeyringState, Store};
use crate::ports::KeyringError;

#[cfg(any(target_os = "macos", target_os = "ios"))]
use apple as system;
#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
use secret_service as system;
#[cfg(any(windows, target_os = "android"))]
use simple as system;

pub(super) use system::{LONGEST, PROVIDER};

const SERVICE: &str = "couchkey";

/// A connection to the system's keyring. The crates' global default store is not used: this one is ours.
pub(super) struct Native {
    system: system::System,
}

impl Native {
    pub(super) fn open() -> Result<Self, Failure> {
        Ok(Self {
            system: system::System::open()?,
        })
    }

    fn entry(&self, name: &str) -> Result<Entry, Failure> {
        let label = format!("Couchkey: {name}");
        let modifiers = system::modifiers(&label);
        self.system
            .store()
            .build(SERVICE, name, Some(&modifiers))
            .map_err(|error| system::explain(&error))
    }
}

impl Store for Native {
    fn get(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let entry = self.entry(name)?;
        let read = || match entry.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(system::explain(&error)),
        };
        match read()? {
            // Some services hide what is locked, and "hidden" must not read as "no entry".
            None if self.system.unlocked_something()? => read(),
            found => Ok(found),
        }
    }

    fn set(&mut self, name: &str, text: &[u8]) -> Result<(), Failure> {
        let entry = self.entry(name)?;
        match entry.set_secret(text) {
            Err(error) if self.system.made_a_keyring(&error)? => entry.set_secret(text),
            result => result,
        }
        .map_err(|error| system::explain(&error))
    }

    fn delete(&mut self, name: &str) -> Result<(), Failure> {
        let entry = self.entry(name)?;
        let delete = || match entry.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(system::explain(&error)),
        };
        if !delete()? && self.system.unlocked_something()? {
            delete()?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<KeyringState, Failure> {
        self.system.state()
    }
}

/// What all systems say alike; `None` where only the platform's own error tells.
fn explain_common(error: &Error) -> Option<Failure> {
    match error {
        Error::Ambiguous(_) => Some(KeyringError::Ambiguous.into()),
        Error::TooLong(..) => Some(KeyringError::TooLong.into()),
        Error::PlatformFailure(_) | Error::NoStorageAccess(_) => None,
        _ => Some(KeyringError::Failed.into()),
    }
}

/// Linux and the BSDs: GNOME Keyring, KDE Wallet, KeePassXC … by way of D-Bus.
#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
mod secret_service {
    use std::env;
    use std::sync::Arc;

    use ::secret_service::blocking::SecretService;
    use ::secret_service::{EncryptionType, Error as ServiceError};
    use zbus_secret_service_keyring_store::Store;

    use super::{Error, Failure, HashMap, KeyringError, KeyringState, explain_common};

    pub(in super::super) const PROVIDER: &str = "Secret Service";
    /// The specification sets no limit, and services that rewrite one file at every call are quicker with fewer entries.
    pub(in super::super) const LONGEST: usize = super::super::LONGEST_ENTRY;

    pub(super) struct System {
        store: Arc<Store>,
        /// A second connection, for what the store does not tell; made when first asked. No secret passes through it.
        side: Option<SecretService<'static>>,
    }

    impl System {
        pub(super) fn open() -> Result<Self, Failure> {
            let store = Store::new().map_err(|error| match explain(&error) {
                // Whatever kept us from opening a session: there is nothing to talk to.
                Failure {
                    error: KeyringError::Failed,
                    stale,
                } => Failure {
                    error: KeyringError::Unavailable,
                    stale,
                },
                failure => failure,
            })?;
            Ok(Self { store, side: None })
        }

        pub(super) fn store(&self) -> &Store {
            &self.store
        }

        fn side(&mut self) -> Result<&SecretService<'static>, Failure> {
            if self.side.is_none() {
                let service = SecretService::connect(EncryptionType::Plain)
                    .map_err(|error| explain_service(&error))?;
                self.side = Some(service);
            }
            Ok(self.side.as_ref().expect("it was made just above"))
        }

        /// `true` when the default collection was locked and somebody unlocked it.
        pub(super) fn unlocked_something(&mut self) -> Result<bool, Failure> {
            let side = self.side()?;
            let collection = match side.get_default_collection() {
                Ok(collection) => collection,
                // No keyring was ever made: it holds no entry, truly.
                Err(ServiceError::NoResult) => return Ok(false),
                Err(error) => return Err(explain_service(&error)),
            };
            if !collection.is_locked().map_err(|e| explain_service(&e))? {
                return Ok(false);
            }
            collection.unlock().map_err(|e| explain_service(&e))?;
            Ok(true)
        }

        /// `true` when a write failed only because there was no keyring yet, and there is one now.
        ///
        /// As libsecret does it: a collection "Default keyring" with the alias `default`; the service asks the person
        /// for its password. Without a display nobody can be asked.
        pub(super) fn made_a_keyring(&mut self, error: &Error) -> Result<bool, Failure> {
            if !matches!(service_error(error), Some(ServiceError::NoResult)) || !has_display() {
                return Ok(false);
            }
            let side = self.side()?;
            side.create_collection("Default keyring", "default")
                .map_err(|error| explain_service(&error))?;
            Ok(true)
        }

        pub(super) fn state(&mut self) -> Result<KeyringState, Failure> {
            let side = self.side()?;
            match side.get_default_collection() {
                Ok(collection) => match collection.is_locked() {
                    Ok(true) => Ok(KeyringState::Locked),
                    Ok(false) => Ok(KeyringState::Ready),
                    Err(error) => Err(explain_service(&error)),
                },
                Err(ServiceError::NoResult) => Ok(KeyringState::NoneYet),
                Err(error) => Err(explain_service(&error)),
            }
        }
    }

    pub(super) fn modifiers(label: &str) -> HashMap<&str, &str> {
        HashMap::from([("label", label)])
    }

    pub(super) fn explain(error: &Error) -> Failure {
        explain_common(error).unwrap_or_else(|| {
            service_error(error).map_or_else(|| KeyringError::Failed.into(), explain_service)
        })
    }

    fn service_error(error: &Error) -> Option<&ServiceError> {
        match error {
            Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) => inner.downcast_ref(),
            _ => None,
        }
    }

    fn explain_service(error: &ServiceError) -> Failure {
        match error {
            ServiceError::Locked => KeyringError::Locked.into(),
            // Without a display the service dismisses its own prompt: nobody said no.
            ServiceError::Prompt if !has_display() => KeyringError::Locked.into(),
            ServiceError::Prompt => KeyringError::Denied.into(),
            ServiceError::NoResult => KeyringError::Unavailable.into(),
            ServiceError::Unavailable | ServiceError::PromptDisconnected => gone(),
            ServiceError::Zbus(error) => explain_bus(error),
            ServiceError::ZbusFdo(error) => match error {
                zbus::fdo::Error::ZBus(error) => explain_bus(error),
                error => explain_name(zbus::DBusError::name(error).as_str()),
            },
            // The answer does not fit the session's key: another service answers now.
            ServiceError::Crypto(_) => stale(KeyringError::Failed),
            _ => KeyringError::Failed.into(),
        }
    }

    fn explain_bus(error: &zbus::Error) -> Failure {
        match error {
            zbus::Error::MethodError(name, ..) => explain_name(name.as_str()),
            zbus::Error::FDO(error) => explain_name(zbus::DBusError::name(&**error).as_str()),
            zbus::Error::InputOutput(_) | zbus::Error::Address(_) | zbus::Error::Handshake(_) => {
                gone()
            }
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
            "NoSession" | "NoSuchObject" | "UnknownObject" | "UnknownMethod"
            | "UnknownInterface" => stale(KeyringError::Failed),
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
}

/// macOS: the login keychain; with the feature `macos-protected` (signed builds only) and on iOS the data protection
/// keychain, for this device only.
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod apple {
    use std::sync::Arc;

    #[cfg(all(target_os = "macos", not(feature = "macos-protected")))]
    use apple_native_keyring_store::keychain::Store;
    #[cfg(any(target_os = "ios", feature = "macos-protected"))]
    use apple_native_keyring_store::protected::Store;

    use super::{Error, Failure, HashMap, KeyringError, KeyringState, explain_common};

    pub(in super::super) const PROVIDER: &str = "Keychain";
    pub(in super::super) const LONGEST: usize = super::super::LONGEST_EVERYWHERE;

    pub(super) struct System(Arc<Store>);

    impl System {
        pub(super) fn open() -> Result<Self, Failure> {
            Store::new().map(Self).map_err(|error| explain(&error))
        }

        pub(super) fn store(&self) -> &Store {
            &self.0
        }

        /// A locked keychain answers with an error of its own, never with "no entry".
        pub(super) fn unlocked_something(&mut self) -> Result<bool, Failure> {
            Ok(false)
        }

        pub(super) fn made_a_keyring(&mut self, _error: &Error) -> Result<bool, Failure> {
            Ok(false)
        }

        pub(super) fn state(&mut self) -> Result<KeyringState, Failure> {
            Ok(KeyringState::Ready)
        }
    }

    pub(super) fn modifiers(_label: &str) -> HashMap<&str, &str> {
        #[cfg(any(target_os = "ios", feature = "macos-protected"))]
        return HashMap::from([("access-policy", "after-first-unlock-this-device-only")]);
        #[cfg(all(target_os = "macos", not(feature = "macos-protected")))]
        HashMap::new()
    }

    pub(super) fn explain(error: &Error) -> Failure {
        if let Some(failure) = explain_common(error) {
            return failure;
        }
        let (Error::PlatformFailure(inner) | Error::NoStorageAccess(inner)) = error else {
            return KeyringError::Failed.into();
        };
        // SecBase.h.
        let code = inner
            .downcast_ref::<security_framework::base::Error>()
            .map(|error| error.code());
        match code {
            // errSecInteractionNotAllowed: locked, and nobody may be asked.
            Some(-25308) => KeyringError::Locked,
            // errSecUserCanceled, errSecAuthFailed, errSecMissingEntitlement, errSecInvalidOwnerEdit.
            Some(-128 | -25293 | -34018 | -25244) => KeyringError::Denied,
            // errSecNotAvailable, errSecNoSuchKeychain, errSecInvalidKeychain.
            Some(-25291 | -25294 | -25295) => KeyringError::Unavailable,
            // errSecReadOnly, wrPermErr, errSecDiskFull.
            Some(-25292 | -61 | -34) => KeyringError::Storage,
            _ => KeyringError::Failed,
        }
        .into()
    }
}

/// Windows' Credential Manager and the Android Keystore: they have no lock of their own while somebody is signed in.
#[cfg(any(windows, target_os = "android"))]
mod simple {
    use std::sync::Arc;

    #[cfg(target_os = "android")]
    use android_native_keyring_store::Store;
    #[cfg(windows)]
    use windows_native_keyring_store::Store;

    use super::{Error, Failure, HashMap, KeyringError, KeyringState, explain_common};

    #[cfg(windows)]
    pub(in super::super) const PROVIDER: &str = "Credential Manager";
    #[cfg(target_os = "android")]
    pub(in super::super) const PROVIDER: &str = "Android Keystore";
    pub(in super::super) const LONGEST: usize = super::super::LONGEST_EVERYWHERE;

    pub(super) struct System(Arc<Store>);

    impl System {
        pub(super) fn open() -> Result<Self, Failure> {
            Store::new().map(Self).map_err(|error| explain(&error))
        }

        pub(super) fn store(&self) -> &Store {
            &self.0
        }

        pub(super) fn unlocked_something(&mut self) -> Result<bool, Failure> {
            Ok(false)
        }

        pub(super) fn made_a_keyring(&mut self, _error: &Error) -> Result<bool, Failure> {
            Ok(false)
        }

        pub(super) fn state(&mut self) -> Result<KeyringState, Failure> {
            Ok(KeyringState::Ready)
        }
    }

    /// Windows: stay on this machine; the default would roam to others.
    #[cfg(windows)]
    pub(super) fn modifiers(label: &str) -> HashMap<&str, &str> {
        HashMap::from([("persistence", "Local"), ("target", label)])
    }

    #[cfg(target_os = "android")]
    pub(super) fn modifiers(_label: &str) -> HashMap<&str, &str> {
        HashMap::new()
    }

    pub(super) fn explain(error: &Error) -> Failure {
        explain_common(error).unwrap_or_else(|| match error {
            // ERROR_NO_SUCH_LOGON_SESSION: a service or a network log-on has no credentials.
            Error::NoStorageAccess(_) => KeyringError::Unavailable.into(),
            _ => KeyringError::Failed.into(),
        })
    }
}
