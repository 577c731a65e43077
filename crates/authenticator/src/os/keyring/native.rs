//! The native stores of macOS, iOS, Windows and Android, behind one small type: entries, labels, and what each error means.

use std::collections::HashMap;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::{Failure, KeyringState, Store};
use crate::ports::KeyringError;

#[cfg(any(target_os = "macos", target_os = "ios"))]
use apple as system;
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
        match entry.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(system::explain(&error)),
        }
    }

    fn set(&mut self, name: &str, text: &[u8]) -> Result<(), Failure> {
        self.entry(name)?
            .set_secret(text)
            .map_err(|error| system::explain(&error))
    }

    fn delete(&mut self, name: &str) -> Result<(), Failure> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(system::explain(&error)),
        }
    }

    /// None of them has a lock that can be told without asking.
    fn state(&mut self) -> Result<KeyringState, Failure> {
        Ok(KeyringState::Ready)
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

/// macOS: the login keychain; with the feature `macos-protected` (signed builds only) and on iOS the data protection
/// keychain, for this device only.
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod apple {
    use std::sync::Arc;

    #[cfg(all(target_os = "macos", not(feature = "macos-protected")))]
    use apple_native_keyring_store::keychain::Store;
    #[cfg(any(target_os = "ios", feature = "macos-protected"))]
    use apple_native_keyring_store::protected::Store;

    use super::{Error, Failure, HashMap, KeyringError, explain_common};

    pub(in crate::os::keyring) const PROVIDER: &str = "Keychain";
    pub(in crate::os::keyring) const LONGEST: usize = crate::ports::LONGEST_EVERYWHERE;

    pub(super) struct System(Arc<Store>);

    impl System {
        pub(super) fn open() -> Result<Self, Failure> {
            Store::new().map(Self).map_err(|error| explain(&error))
        }

        pub(super) fn store(&self) -> &Store {
            &self.0
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

    use super::{Error, Failure, HashMap, KeyringError, explain_common};

    #[cfg(windows)]
    pub(in crate::os::keyring) const PROVIDER: &str = "Credential Manager";
    #[cfg(target_os = "android")]
    pub(in crate::os::keyring) const PROVIDER: &str = "Android Keystore";
    pub(in crate::os::keyring) const LONGEST: usize = crate::ports::LONGEST_EVERYWHERE;

    pub(super) struct System(Arc<Store>);

    impl System {
        pub(super) fn open() -> Result<Self, Failure> {
            Store::new().map(Self).map_err(|error| explain(&error))
        }

        pub(super) fn store(&self) -> &Store {
            &self.0
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
