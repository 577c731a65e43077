// What the examples in the documentation share, each of which includes this: a platform in memory, a clock to move, and
// somebody's app. It uses what the library gives to everybody.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use couchkey_otp::{code_of, otpauth};
use couchkey_platform::store::MemoryStore;
use couchkey_platform::{Clock, KeyRing, Platform, Settings, UnixTime};

/// A clock that stands still until it is moved.
pub struct Standing(AtomicU64);

impl Standing {
    pub fn advance(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for Standing {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A platform in 2027, and its clock.
pub async fn platform() -> (Platform, Arc<Standing>) {
    let clock = Arc::new(Standing(AtomicU64::new(1_800_000_000)));
    let settings = Settings::new("StreamTV", "https://example.tv/link");
    let store = Arc::new(MemoryStore::new());
    let platform = Platform::start(store, clock.clone(), KeyRing::generate(), settings).await;
    (platform.expect("memory does not fail"), clock)
}

/// The code that an app shows now which has scanned this.
pub fn app_code(platform: &Platform, uri: &str) -> String {
    let app = otpauth::read(uri).expect("it is ours").enrolment;
    let code = code_of(&app.kind, &app.secret, app.algorithm, app.digits, platform.now());
    code.as_str().to_owned()
}
