//! A platform with a clock that tests move, and the people who use it.
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime, otpauth, totp};
use couchkey_platform::store::{MemoryStore, PostgresStore, SqliteStore};
use couchkey_platform::testing::{TestClock, TestPostgres};
use couchkey_platform::{
    ConfirmRequest, EnrolRequest, Enrolled, KeyRing, Message, PersonId, Platform, Settings,
    SmsCountry, SmsPolicy, Store, Verified, VerifyError, VerifyRequest,
};

/// 2027-01-15 08:00:00 UTC.
pub const NOW: u64 = 1_800_000_000;
/// A living room.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// The name of SQLite's file.
pub const SQLITE: &str = "platform.sqlite";

/// One database, one clock, one key ring, and one platform on them.
pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: Arc<TestClock>,
    pub keys: String,
    pub settings: Settings,
    pub platform: Platform,
    /// Where SQLite's file is.
    pub folder: Option<tempfile::TempDir>,
}

/// A phone that has enrolled.
pub struct Phone {
    secret: Secret,
}

impl World {
    pub async fn memory() -> World {
        World::on(Arc::new(MemoryStore::new()), None).await
    }

    pub async fn sqlite() -> World {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(SQLITE);
        let store = SqliteStore::open(&file).await.unwrap();
        World::on(Arc::new(store), Some(folder)).await
    }

    /// A database of its own in one PostgreSQL that all tests of this program share.
    pub async fn postgres() -> World {
        static SERVER: OnceLock<TestPostgres> = OnceLock::new();
        let server = SERVER.get_or_init(|| TestPostgres::start(false).unwrap());
        let url = server.database().unwrap();
        let store = PostgresStore::connect(&url, 8).await.unwrap();
        World::on(Arc::new(store), None).await
    }

    pub async fn on(store: Arc<dyn Store>, folder: Option<tempfile::TempDir>) -> World {
        let clock = Arc::new(TestClock::at(NOW));
        let keys = KeyRing::generate().to_text().to_string();
        let mut settings = Settings::new("StreamTV", "https://example.tv/link");
        settings.sms = SmsPolicy {
            countries: vec![
                SmsCountry {
                    country: "DE".to_owned(),
                    units: 7,
                    units_per_day: 42,
                },
                SmsCountry {
                    country: "PT".to_owned(),
                    units: 5,
                    units_per_day: 100,
                },
            ],
            units_per_day: 60,
        };
        let ring = KeyRing::from_text(&keys).unwrap();
        let platform = Platform::start(store.clone(), clock.clone(), ring, settings.clone());
        World {
            platform: platform.await.unwrap(),
            store,
            clock,
            keys,
            settings,
            folder,
        }
    }

    /// Another instance on the same store.
    pub async fn start(
        &self,
        keys: &str,
        settings: Settings,
    ) -> Result<Platform, couchkey_platform::StoreError> {
        let ring = KeyRing::from_text(keys).unwrap();
        Platform::start(self.store.clone(), self.clock.clone(), ring, settings).await
    }

    pub fn now(&self) -> UnixTime {
        self.platform.now()
    }

    /// Enrols a person with an app, and lets the next step come, so that its code is fresh.
    pub async fn enrolled(&self, person: &str) -> Phone {
        let enrolled = self.platform.enrol(&enrol(person)).await.unwrap();
        let phone = Phone::of(&enrolled);
        self.confirm(person, &enrolled, &phone.code(self.now()))
            .await
            .unwrap();
        self.clock.advance(60);
        phone
    }

    pub async fn confirm(
        &self,
        person: &str,
        enrolled: &Enrolled,
        code: &str,
    ) -> Result<(), couchkey_platform::ConfirmError> {
        let request = ConfirmRequest {
            person: id(person),
            id: enrolled.id.clone(),
            code,
            from: HOME,
        };
        self.platform.confirm(&request).await
    }

    pub async fn verify(&self, person: &str, code: &str) -> Result<Verified, VerifyError> {
        self.verify_from(person, code, HOME).await
    }

    pub async fn verify_from(
        &self,
        person: &str,
        code: &str,
        from: IpAddr,
    ) -> Result<Verified, VerifyError> {
        let request = VerifyRequest {
            person: id(person),
            code,
            from,
        };
        self.platform.verify(&request).await
    }

    /// Everything that waits to be sent.
    pub async fn messages(&self) -> Vec<Message> {
        self.platform.claim(60, 100).await.unwrap()
    }
}

impl Phone {
    pub fn with(secret: Secret) -> Phone {
        Phone { secret }
    }

    /// Reads the QR code's content, as an app does.
    pub fn of(enrolled: &Enrolled) -> Phone {
        let parsed = otpauth::read(&enrolled.uri).unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        assert_eq!(parsed.enrolment.issuer.as_deref(), Some("StreamTV"));
        Phone {
            secret: parsed.enrolment.secret,
        }
    }

    pub fn code(&self, at: UnixTime) -> String {
        let code = totp::code(
            &self.secret,
            at,
            Period::THIRTY,
            Algorithm::Sha1,
            Digits::SIX,
        );
        code.as_str().to_owned()
    }

    /// The code of `steps` steps later or earlier.
    pub fn code_at(&self, now: UnixTime, steps: i64) -> String {
        self.code(UnixTime::from_secs(
            now.as_secs().checked_add_signed(steps * 30).unwrap(),
        ))
    }

    /// Six digits that are no code of this phone for minutes around `now`.
    pub fn wrong(&self, now: UnixTime) -> String {
        let right: Vec<String> = (-20..=20).map(|steps| self.code_at(now, steps)).collect();
        let digits = (0..1_000_000).map(|n| format!("{n:06}"));
        digits
            .into_iter()
            .find(|code| !right.contains(code))
            .unwrap()
    }
}

pub fn id(person: &str) -> PersonId {
    PersonId::new(person).unwrap()
}

pub fn enrol(person: &str) -> EnrolRequest {
    EnrolRequest {
        person: id(person),
        account: format!("{person}@example.tv"),
    }
}

/// The number of a house on a street, as it were: address `n` of network 198.51.`net`.0/24.
pub fn ip(net: u8, n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 51, net, n))
}
