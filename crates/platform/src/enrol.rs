//! Enrolment and rotation: how a person and the platform come to share a secret.
use std::net::IpAddr;

use couchkey_otp::verify::{self, Memory, Refused, Verdict};
use couchkey_otp::{Algorithm, Digits, Enrolment, Kind, Period, Secret, UnixTime, otpauth};
use rand::Rng as _;
use zeroize::Zeroizing;

use crate::device::is_plain;
use crate::platform::{Throttled, later};
use crate::store::{Accept, AttemptKeys, Counted, Record, Which};
use crate::{PersonId, Platform, Scope, StoreError};

/// Who wants codes from an app.
pub struct EnrolRequest {
    /// The person, whom the caller has authenticated.
    pub person: PersonId,
    /// What the app shows under the issuer: an e-mail address, a customer number.
    pub account: String,
}

/// The id of an enrolment: 32 hexadecimal figures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnrolmentId(pub(crate) String);

impl EnrolmentId {
    /// Takes the text of an id that [`Platform::enrol`] gave.
    pub fn new(id: impl Into<String>) -> EnrolmentId {
        EnrolmentId(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret that waits for its first code. No `Debug`: it holds the secret.
pub struct Enrolled {
    /// What [`Platform::confirm`] asks for.
    pub id: EnrolmentId,
    /// The `otpauth://` URI: the content of the QR code.
    ///
    /// # Security
    /// Whoever sees it makes every code of this person. Show it to them once, over TLS, and keep it nowhere.
    pub uri: Zeroizing<String>,
    /// The secret in base32, for people who type it.
    pub secret: Zeroizing<String>,
    /// The HMAC.
    pub algorithm: Algorithm,
    /// How many digits.
    pub digits: Digits,
    /// How long each code is valid.
    pub period: Period,
    /// Until when the first code has to come.
    pub expires_at: UnixTime,
}

/// The first code of an enrolment.
pub struct ConfirmRequest<'a> {
    /// Whose enrolment it is.
    pub person: PersonId,
    /// Which one.
    pub id: EnrolmentId,
    /// The code as it was typed.
    pub code: &'a str,
    /// Where the request came from.
    pub from: IpAddr,
}

/// Why there is no new secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The person has an active one: rotate it.
    #[error("this person has an app already")]
    AlreadyEnrolled,
    /// There is nothing to rotate: enrol.
    #[error("this person has no app yet")]
    NotEnrolled,
    /// The account name does not fit into an otpauth URI.
    #[error(
        "the account name is empty, longer than 256 characters, or has something in it that cannot be shown"
    )]
    BadAccountName,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an enrolment is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// Not a code of this secret at this time.
    #[error("this is not the code")]
    Wrong,
    /// Too many tries.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// It waited too long for its first code, was confirmed, gave way to a newer one, or never was; start again.
    #[error("this enrolment has ended")]
    Expired,
    /// The database has another history than a moment ago: see [`VerifyError::ChangedOver`](crate::VerifyError::ChangedOver).
    #[error("the database was changed over a moment ago, and codes of before that are refused")]
    ChangedOver {
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Platform {
    /// How long a secret waits for its first code, in seconds: an hour, for people who first have to get the app.
    pub const ENROLMENT_SECS: u64 = 3_600;

    /// Makes a secret for a person who has none. It counts once [`confirm`](Platform::confirm) has seen one code; a
    /// second enrolment takes the place of one that waits.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{EnrolRequest, PersonId};
    ///
    /// let person = PersonId::new("fam-0042")?;
    /// let request = EnrolRequest { person: person.clone(), account: "ana@example.tv".into() };
    /// let enrolled = platform.enrol(&request).await?;
    /// assert!(enrolled.uri.starts_with("otpauth://totp/StreamTV:ana%40example.tv?secret="));
    /// assert!(!platform.is_enrolled(&person).await?, "not before its first code");
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`EnrolError::AlreadyEnrolled`] when there is an active one.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<Enrolled, EnrolError> {
        self.add_pending(request, false)
            .await?
            .ok_or(EnrolError::AlreadyEnrolled)
    }

    /// Makes a new secret for a person who has one, for a lost phone or a family member who left. The old one works
    /// until the new one is confirmed.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// # use example::app_code;
    /// use couchkey_platform::{ConfirmRequest, EnrolRequest, PersonId};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let person = PersonId::new("fam-0042")?;
    /// let request = EnrolRequest { person: person.clone(), account: "ana@example.tv".into() };
    /// let enrolled = platform.enrol(&request).await?;
    /// assert!(enrolled.uri.starts_with("otpauth://totp/StreamTV:ana%40example.tv?secret="));
    ///
    /// // The person scans the QR code and types what their app shows.
    /// let code = app_code(&platform, &enrolled.uri);
    /// let request = ConfirmRequest { person: person.clone(), id: enrolled.id, code: &code, from };
    /// platform.confirm(&request).await?;
    /// assert!(platform.is_enrolled(&person).await?);
    ///
    /// let new = platform.begin_rotation(&EnrolRequest { person: person.clone(), account: "ana@example.tv".into() }).await?;
    /// let code = app_code(&platform, &new.uri);
    /// let request = ConfirmRequest { person: person.clone(), id: new.id, code: &code, from };
    /// platform.confirm_rotation(&request).await?; // from here on the old secret is dead
    /// assert!(platform.revoke(&person).await?, "and this ends the new one too");
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Security
    /// Authenticate the person afresh, by the old app or by [`redeem`](Platform::redeem): whoever rotates has the
    /// account.
    ///
    /// # Errors
    /// [`EnrolError::NotEnrolled`] when there is nothing to rotate.
    pub async fn begin_rotation(&self, request: &EnrolRequest) -> Result<Enrolled, EnrolError> {
        self.add_pending(request, true)
            .await?
            .ok_or(EnrolError::NotEnrolled)
    }

    async fn add_pending(
        &self,
        request: &EnrolRequest,
        rotates: bool,
    ) -> Result<Option<Enrolled>, EnrolError> {
        let length = request.account.chars().count();
        if !(1..=256).contains(&length) || !is_plain(&request.account) {
            return Err(EnrolError::BadAccountName);
        }
        let expires_at = later(self.clock.now(), Self::ENROLMENT_SECS);
        let secret = new_secret(self.settings.algorithm);
        let person = request.person.as_str();
        let credential = self.new_credential(person, false, &secret, expires_at);
        if !self.store.add_credential(&credential, rotates).await? {
            return Ok(None);
        }
        let base32 = secret.to_base32();
        let uri = otpauth::write(&Enrolment {
            kind: Kind::Totp {
                period: credential.period,
            },
            secret,
            algorithm: credential.algorithm,
            digits: credential.digits,
            issuer: Some(self.settings.issuer.clone()),
            account: request.account.clone(),
            label_issuer: None,
        });
        Ok(Some(Enrolled {
            id: EnrolmentId(credential.id),
            uri,
            secret: base32,
            algorithm: credential.algorithm,
            digits: credential.digits,
            period: credential.period,
            expires_at,
        }))
    }

    /// Takes the first code of an enrolment and uses it up.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// # use example::app_code;
    /// use couchkey_platform::{ConfirmRequest, EnrolRequest, PersonId};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let person = PersonId::new("fam-0042")?;
    /// let request = EnrolRequest { person: person.clone(), account: "ana@example.tv".into() };
    /// let enrolled = platform.enrol(&request).await?;
    /// assert!(enrolled.uri.starts_with("otpauth://totp/StreamTV:ana%40example.tv?secret="));
    ///
    /// // The person scans the QR code and types what their app shows.
    /// let code = app_code(&platform, &enrolled.uri);
    /// let request = ConfirmRequest { person: person.clone(), id: enrolled.id, code: &code, from };
    /// platform.confirm(&request).await?;
    /// assert!(platform.is_enrolled(&person).await?);
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn confirm(&self, request: &ConfirmRequest<'_>) -> Result<(), ConfirmError> {
        self.confirm_and_keep(request, None).await
    }

    /// As [`confirm`](Platform::confirm), and keeps a record in the same transaction: see
    /// [`verify_and_keep`](Platform::verify_and_keep).
    ///
    /// # Errors
    /// [`ConfirmError`]. Nothing was kept.
    pub async fn confirm_and_keep(
        &self,
        request: &ConfirmRequest<'_>,
        keep: Option<Record>,
    ) -> Result<(), ConfirmError> {
        let now = self.clock.now();
        let here = self.here(now).await?;
        if let Some(retry_after) = here.holds(self.settings.period, now) {
            return Err(ConfirmError::ChangedOver { retry_after });
        }
        let [address, network] = self.failures(request.from);
        // Counted by itself, for a rotation is the way out of an account that has been stopped.
        let account = self.keys.hash("enrolment", &[request.id.0.as_bytes()]);
        let buckets = [address, network];
        let theirs = self.theirs(&account, request.from);
        let which = Which::Id(request.id.0.clone());
        let counted = self
            .store
            .count_attempt(&account, &buckets, &theirs, &which, now);
        let pending = match counted.await? {
            Counted::Yes(pending) => pending,
            Counted::Full(full) => return Err(Throttled::by(full, now).into()),
            Counted::Refused(Refused::Wait { until }) => {
                return Err(Throttled::new(Scope::Account, until, now).into());
            }
            Counted::Refused(Refused::Stopped) => return Err(ConfirmError::Expired),
        };
        let pending = pending.filter(|c| c.person == request.person.as_str() && !c.active);
        let credential = *pending.ok_or(ConfirmError::Expired)?;
        if credential.expires_at <= now {
            return Err(ConfirmError::Expired);
        }
        let verdict = verify::totp(
            &self.secret_of(&credential)?,
            credential.period,
            credential.algorithm,
            credential.digits,
            here.raised(Memory::default(), credential.period),
            request.code,
            now,
        );
        let Verdict::Accepted(memory) = verdict else {
            return Err(ConfirmError::Wrong);
        };
        let accept = Accept {
            id: credential.id,
            person: request.person.clone(),
            memory,
            attempt: AttemptKeys {
                accounts: [Some(account), Some(self.account(&request.person))],
                address,
                theirs,
                network,
                timeline: here.timeline,
            },
            keep,
            now,
        };
        if !self.store.activate(&accept).await? {
            return Err(ConfirmError::Expired);
        }
        Ok(())
    }

    /// Takes the first code of the new secret; the old one stops at once.
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn confirm_rotation(&self, request: &ConfirmRequest<'_>) -> Result<(), ConfirmError> {
        self.confirm(request).await
    }

    /// Whether the person has an active secret.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_enrolled(&self, person: &PersonId) -> Result<bool, StoreError> {
        let which = Which::ActiveOrNobodys(person.clone());
        let found = self.store.credential(&which).await?;
        Ok(found.is_some_and(|c| c.person == person.as_str()))
    }

    /// Ends every secret of a person, pending ones too. True if there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError> {
        self.store.revoke(person).await
    }

    /// Removes a person: their secrets, their verified addresses, the codes that are under way to those, and the televisions that
    /// wait to be signed in for them. Whoever has such an address signs up as somebody new.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{PersonId, Recipient};
    ///
    /// let ana = PersonId::new("fam-0042")?;
    /// platform.add_contact(&ana, &Recipient::email("ana@example.tv")?).await?;
    /// platform.forget(&ana).await?;
    /// assert!(platform.contacts(&ana).await?.is_empty());
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was removed.
    pub async fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        self.store.forget(person, self.clock.now()).await
    }
}

/// As long as the hash's output (RFC 4226, section 4 recommends 160 bits; RFC 6238, section 5.1 the hash's length).
pub(crate) fn new_secret(algorithm: Algorithm) -> Secret {
    let mut bytes = Zeroizing::new([0; 64]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    let length = match algorithm {
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    };
    Secret::from_bytes(&bytes[..length]).expect("20 to 64 bytes")
}

impl From<Throttled> for ConfirmError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        ConfirmError::Throttled { scope, retry_after }
    }
}
