//! The audit log: who did what to whom, and when. No code, no secret, no address.
use couchkey_platform::{PersonId, StoreError, UnixTime, store::Record};
use serde::{Deserialize, Serialize};

use super::{Records, read, record};

const AUDIT: &str = "audit";

/// For how many days it is kept.
pub const AUDIT_DAYS: u64 = 400;

/// Who did it.
#[derive(Clone)]
pub enum Who {
    /// A service, by the name of its API key.
    Key(String),
    /// The person themself, on our pages.
    Person,
    /// Whoever runs the program on the server's machine.
    CommandLine,
}

/// What was done. A word is never renamed and never used for something else.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    AppSetUp,
    AppReplaced,
    AddressAdded,
    PersonForgotten,
    DeviceApproved,
    DeviceDenied,
    DeviceNamed,
    DeviceSignedOut,
    SignedOutEverywhere,
    ApiKeyMade,
    ApiKeysRevoked,
}

/// A line of the log.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    /// In seconds since 1970.
    pub at: u64,
    /// `key:` and a name, `person`, `command_line`.
    pub who: String,
    pub what: Act,
    /// The person, or the name of an API key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whom: Option<String>,
}

impl Records {
    /// Writes down what was done to a person. It has been done by then: where this cannot be written, the server's log says so.
    pub async fn note(&self, who: &Who, what: Act, whom: Option<&PersonId>) {
        self.note_of(who, what, whom.map(PersonId::as_str)).await;
    }

    /// The same of what is no person.
    pub async fn note_of(&self, who: &Who, what: Act, whom: Option<&str>) {
        let now = self.now();
        let entry = Entry {
            at: now.as_secs(),
            who: match who {
                Who::Key(name) => format!("key:{name}"),
                Who::Person => "person".to_owned(),
                Who::CommandLine => "command_line".to_owned(),
            },
            what,
            whom: whom.map(str::to_owned),
        };
        // By day and second, so that it is listed in this order; and no two are one.
        let mut key = day(now).to_vec();
        key.extend(now.as_secs().to_be_bytes());
        key.extend(rand::random::<[u8; 8]>());
        let seconds = Some(AUDIT_DAYS * 86_400);
        let kept = record(AUDIT, &key, &entry, now, seconds);
        if let Err(error) = self.platform.store().put(&kept).await {
            tracing::error!(%error, "something was done and is not in the audit log");
        }
    }

    /// The lines of one day (UTC), in their order: so many days ago.
    pub async fn audit(&self, days_ago: u64) -> Result<Vec<Entry>, StoreError> {
        let then = self.now().as_secs().saturating_sub(days_ago * 86_400);
        let there: Vec<Record> = self.list(AUDIT, &day(UnixTime::from_secs(then))).await?;
        // A line that cannot be read is said, not left out.
        let entries = there
            .iter()
            .map(|one| read(&one.value).ok_or(StoreError::Unreadable));
        entries.collect()
    }
}

fn day(time: UnixTime) -> [u8; 4] {
    let day = time.as_secs() / 86_400;
    u32::try_from(day).unwrap_or(u32::MAX).to_be_bytes()
}
