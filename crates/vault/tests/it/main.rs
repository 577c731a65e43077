//! The vault from outside: saved into a pretended disk and keyring, and opened from whatever is left of them.

mod changes;
mod crash_points;
mod damage;
mod golden;
mod opening;
mod round_trip;
mod store;
