//! The operating system's random generator, the one source of keys and nonces.

use rand::{CryptoRng, rand_core::UnwrapErr, rngs::SysRng};

/// The operating system's generator, read at every use: nothing of it stays in our memory.
pub(crate) type OsRandom = UnwrapErr<SysRng>;

pub(crate) fn os_random() -> OsRandom {
    fn is_for_keys(_: &impl CryptoRng) {}
    let rng = UnwrapErr(SysRng);
    is_for_keys(&rng);
    rng
}
