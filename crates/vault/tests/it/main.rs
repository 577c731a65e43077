//! The vault from outside: saved into a pretended disk and keyring, and opened from whatever is left of them.

mod backup;
mod changes;
mod crash_points;
mod damage;
mod entries;
mod golden;
mod lineage;
mod opening;
mod rotation;
mod round_trip;
mod store;
