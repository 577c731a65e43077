//! How many requests one network address may make; the limits on guessing codes are the library's and in the store.
use std::{net::IpAddr, num::NonZeroU32};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DefaultKeyedStateStore,
};

use super::{
    App,
    extract::address,
    problem::{Code, Problem},
};

/// A bucket for every address (IPv6: every /64), in this process alone: it keeps one machine from being kept busy.
pub struct Limits {
    limiter: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
}

impl Limits {
    /// So many requests a minute, and as many at once.
    pub fn new(per_minute: u32) -> Limits {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Limits {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request.
    pub fn count(&self, from: IpAddr) -> Result<(), Problem> {
        self.limiter.check_key(&network(from)).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now()).as_secs() + 1;
            Problem::new(Code::RateLimited).retry_after(wait)
        })
    }

    /// Forgets the addresses whose buckets are full again.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
    }
}

/// One customer has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

/// Around what needs no API key.
pub async fn per_address(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let from = address(&parts, &app);
    match app.limits.count(from) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}
