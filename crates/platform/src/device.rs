//! Signing a television in from a phone that is signed in: the OAuth 2.0 device authorization grant (RFC 8628).
use std::net::IpAddr;

use couchkey_otp::UnixTime;
use data_encoding::HEXLOWER;
use metrics::counter;
use rand::Rng as _;
use zeroize::Zeroizing;

use crate::platform::{Throttled, later, places};
use crate::seal::{LETTERS, new_letters};
use crate::store::{Device, Hash, Keep, Polled};
use crate::{PersonId, Platform, Scope, StoreError};

/// A television asks to be signed in.
pub struct DeviceRequest {
    /// The app on it (`client_id`).
    pub client: String,
    /// What the person knows it by: "Living room, LG webOS".
    pub device: String,
    /// Where the request comes from, in words, if the service knows: "Lisbon, Portugal".
    pub place: Option<String>,
    /// Where the request came from.
    pub from: IpAddr,
}

/// What the television shows and keeps (RFC 8628, section 3.2). No `Debug`: it holds the device code.
pub struct DeviceAnswer {
    /// What the television polls with. It never shows it.
    pub device_code: Zeroizing<String>,
    /// What the person types: eight letters, `WDJB-MJHT`.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// The same with the code in it: the content of the QR code.
    pub verification_uri_complete: String,
    /// Seconds until both codes end.
    pub expires_in: u64,
    /// Seconds between two polls, at least.
    pub interval: u64,
}

/// What the confirm screen has to name (RFC 8628, section 5.4: remote phishing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceShown {
    /// The app on the television.
    pub client: String,
    /// What the person knows it by.
    pub device: String,
    /// Where it is, if known.
    pub place: Option<String>,
    /// Whether it asked from the same address (IPv6: the same /64) as whoever looks at it now: the line of one household.
    pub same_line: bool,
    /// Seconds since the television asked.
    pub age: u64,
    /// When its codes end.
    pub expires_at: UnixTime,
}

/// Why a television gets no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A name is empty, longer than 128 characters, or has something in it that cannot be shown.
    #[error("a device's name has 1 to 128 characters that can be shown")]
    BadName,
    /// Too many requests from there.
    #[error("too many requests")]
    Throttled {
        /// Whose requests.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// No television shows this code (any more), or it has been decided.
    #[error("no television shows this code")]
    Unknown,
    /// Too many wrong codes from there.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a text can be shown to somebody who decides by it: nothing invisible, and nothing that turns the direction of what
/// stands around it (Unicode's controls, formats, private and unassigned characters, line and paragraph separators).
pub fn is_plain(text: &str) -> bool {
    use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};
    text.chars().all(|c| {
        let group = c.general_category_group();
        let separator = group == GeneralCategoryGroup::Separator;
        group != GeneralCategoryGroup::Other && (!separator || c == ' ' || c == '\u{a0}')
    })
}

/// What a poll says until somebody has approved (RFC 8628, section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// Nobody has decided yet.
    #[error("nobody has decided yet")]
    AuthorizationPending,
    /// As before, and it polls too fast.
    #[error("the television asks too often")]
    SlowDown {
        /// Seconds between two polls, from now on.
        interval: u64,
    },
    /// The person said no.
    #[error("the person said no")]
    AccessDenied,
    /// Another app asked for this code (RFC 6749, section 5.2). Nothing was changed.
    #[error("this code was given to another app")]
    InvalidGrant,
    /// Its 15 minutes are over, it was given out, or there is no such code.
    #[error("this code has ended")]
    ExpiredToken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PollError {
    /// The `error` of RFC 8628, section 3.5, and RFC 6749, section 5.2; `None` when the store failed.
    pub const fn code(self) -> Option<&'static str> {
        match self {
            PollError::AuthorizationPending => Some("authorization_pending"),
            PollError::SlowDown { .. } => Some("slow_down"),
            PollError::AccessDenied => Some("access_denied"),
            PollError::InvalidGrant => Some("invalid_grant"),
            PollError::ExpiredToken => Some("expired_token"),
            PollError::Store(_) => None,
        }
    }
}

impl Platform {
    /// How long a television's codes last, in seconds.
    pub const DEVICE_SECS: u64 = crate::store::DEVICE_SECS;
    /// Seconds between two polls, to begin with (RFC 8628, section 3.2).
    pub const POLL_SECS: u64 = 5;

    /// Gives a television its codes.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{DeviceRequest};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let tv = platform.authorize_device(&DeviceRequest {
    ///     client: "StreamTV for webOS".into(),
    ///     device: "Living room, LG C3".into(),
    ///     place: Some("Lisbon, Portugal".into()),
    ///     from,
    /// }).await?;
    /// assert!(tv.verification_uri_complete.starts_with("https://example.tv/link?user_code="));
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn authorize_device(
        &self,
        request: &DeviceRequest,
    ) -> Result<DeviceAnswer, DeviceError> {
        let names = [
            Some(&request.client),
            Some(&request.device),
            request.place.as_ref(),
        ];
        for name in names.into_iter().flatten() {
            let length = name.chars().count();
            if !(1..=128).contains(&length) || !is_plain(name) {
                return Err(DeviceError::BadName);
            }
        }
        let now = self.clock.now();
        if let Err(throttled) = self.take(&self.requests(request.from), now).await? {
            let Throttled { scope, retry_after } = throttled;
            return Err(DeviceError::Throttled { scope, retry_after });
        }
        let mut code = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(code.as_mut_slice());
        let device_code = Zeroizing::new(HEXLOWER.encode(code.as_slice()));
        // One of 2.56 × 10¹⁰ is taken now and then; ten in a row are not.
        for _ in 0..10 {
            let letters = new_letters();
            let device = Device {
                user_code: self.user_code(&letters),
                device_code: self.device_code(&device_code),
                client: request.client.clone(),
                device: request.device.clone(),
                place: request.place.clone(),
                asked_from: self.line(request.from),
                interval: Self::POLL_SECS,
                created_at: now,
                expires_at: later(now, Self::DEVICE_SECS),
            };
            if self.store.add_device(&device).await? {
                let user_code = format!("{}-{}", &letters[..4], &letters[4..]);
                let uri = &self.settings.verification_uri;
                return Ok(DeviceAnswer {
                    device_code,
                    verification_uri: uri.clone(),
                    verification_uri_complete: format!("{uri}?user_code={user_code}"),
                    user_code,
                    expires_in: Self::DEVICE_SECS,
                    interval: Self::POLL_SECS,
                });
            }
        }
        Err(DeviceError::Store(StoreError::Failed))
    }

    /// What the confirm screen shows for a user code; case, blanks and dashes do not count.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn device(&self, user_code: &str, from: IpAddr) -> Result<DeviceShown, DecideError> {
        let now = self.clock.now();
        let buckets = self.failures(from);
        self.take(&buckets, now).await??;
        let code = read_user_code(user_code).ok_or(DecideError::Unknown)?;
        let found = self.store.device(&self.user_code(&code), now).await?;
        let device = found.ok_or(DecideError::Unknown)?;
        self.store.refund(&buckets, now).await?;
        Ok(DeviceShown {
            client: device.client,
            device: device.device,
            place: device.place,
            same_line: device.asked_from == self.line(from),
            age: now.as_secs().saturating_sub(device.created_at.as_secs()),
            expires_at: device.expires_at,
        })
    }

    /// Signs the television in as `person`, whom the caller has authenticated and who has seen [`DeviceShown`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{DeviceRequest, PersonId};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let tv = platform.authorize_device(&DeviceRequest {
    ///     client: "StreamTV for webOS".into(),
    ///     device: "Living room, LG C3".into(),
    ///     place: Some("Lisbon, Portugal".into()),
    ///     from,
    /// }).await?;
    /// assert!(tv.verification_uri_complete.starts_with("https://example.tv/link?user_code="));
    ///
    /// let shown = platform.device(&tv.user_code, from).await?;
    /// assert_eq!(shown.place.as_deref(), Some("Lisbon, Portugal")); // the person reads this, and says yes
    /// let ana = PersonId::new("fam-0042")?;
    /// platform.approve_device(&tv.user_code, &ana, from).await?;
    /// assert!(platform.poll_device("StreamTV for webOS", &tv.device_code).await? == ana);
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn approve_device(
        &self,
        user_code: &str,
        person: &PersonId,
        from: IpAddr,
    ) -> Result<(), DecideError> {
        self.decide(user_code, Some(person), from).await
    }

    /// Ends what was approved for this person and is not given out yet: whoever signs out everywhere means those, too. A
    /// television that asked before has to ask again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_approvals(&self, person: &PersonId) -> Result<(), StoreError> {
        let ended = crate::store::forgotten(person, self.clock.now());
        self.store.put(&ended).await
    }

    /// Refuses the television.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn deny_device(&self, user_code: &str, from: IpAddr) -> Result<(), DecideError> {
        self.decide(user_code, None, from).await
    }

    async fn decide(
        &self,
        user_code: &str,
        person: Option<&PersonId>,
        from: IpAddr,
    ) -> Result<(), DecideError> {
        let now = self.clock.now();
        let buckets = self.failures(from);
        self.take(&buckets, now).await??;
        let code = read_user_code(user_code).ok_or(DecideError::Unknown)?;
        let user_code = self.user_code(&code);
        if !self.store.decide_device(&user_code, person, now).await? {
            return Err(DecideError::Unknown);
        }
        Ok(self.store.refund(&buckets, now).await?)
    }

    /// What the television asks every `interval` seconds. The person comes out exactly once, to the app that asked: `client` is what
    /// [`DeviceRequest::client`] was.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{DeviceRequest, PollError};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let tv = platform.authorize_device(&DeviceRequest {
    ///     client: "StreamTV for webOS".into(),
    ///     device: "Living room, LG C3".into(),
    ///     place: Some("Lisbon, Portugal".into()),
    ///     from,
    /// }).await?;
    /// assert!(tv.verification_uri_complete.starts_with("https://example.tv/link?user_code="));
    ///
    /// let answer = platform.poll_device("StreamTV for webOS", &tv.device_code).await;
    /// assert_eq!(answer.err(), Some(PollError::AuthorizationPending));
    /// clock.advance(5);
    /// platform.deny_device(&tv.user_code, from).await?;
    /// let answer = platform.poll_device("StreamTV for webOS", &tv.device_code).await;
    /// assert_eq!(answer.err(), Some(PollError::AccessDenied));
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`PollError`].
    pub async fn poll_device(
        &self,
        client: &str,
        device_code: &str,
    ) -> Result<PersonId, PollError> {
        self.poll_device_and_keep(client, device_code, None).await
    }

    /// As [`poll_device`](Platform::poll_device), and keeps a record in the transaction in which the person comes out: the
    /// television's session, so that it is there exactly if the person was not forgotten before.
    ///
    /// # Errors
    /// [`PollError`]. Nothing was kept.
    pub async fn poll_device_and_keep(
        &self,
        client: &str,
        device_code: &str,
        keep: Option<Keep>,
    ) -> Result<PersonId, PollError> {
        let now = self.clock.now();
        self.here(now).await?;
        let device_code = self.device_code(device_code);
        match self
            .store
            .poll_device(&device_code, client, keep, now)
            .await?
        {
            Polled::Approved(person) => {
                counter!("login_total", "channel" => "tv", "result" => "accepted").increment(1);
                Ok(person)
            }
            Polled::Pending => Err(PollError::AuthorizationPending),
            Polled::SlowDown(interval) => Err(PollError::SlowDown { interval }),
            Polled::Denied => Err(PollError::AccessDenied),
            Polled::OtherClient => Err(PollError::InvalidGrant),
            Polled::Ended => Err(PollError::ExpiredToken),
        }
    }

    fn line(&self, from: IpAddr) -> Hash {
        let (address, _) = places(from);
        self.keys.hash("line", &[&address])
    }

    fn user_code(&self, letters: &str) -> Hash {
        self.keys.hash("user code", &[letters.as_bytes()])
    }

    fn device_code(&self, code: &str) -> Hash {
        self.keys.hash("device code", &[code.as_bytes()])
    }
}

/// The eight letters of a user code as somebody typed it (RFC 8628, section 6.1).
fn read_user_code(typed: &str) -> Option<String> {
    let letters: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(9)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let all_known = letters
        .chars()
        .all(|c| LETTERS.iter().any(|l| char::from(*l) == c));
    (letters.chars().count() == 8 && all_known).then_some(letters)
}

impl From<Throttled> for DecideError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        DecideError::Throttled { scope, retry_after }
    }
}
