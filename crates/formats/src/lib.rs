//! Other apps' files: what they export becomes accounts ([`import`]), and accounts become what they read ([`export`]).
//!
//! Hostile files are read here, and nowhere beside the vault's keys: `couchkey-vault` does not know this crate, and
//! takes a [`NewAccount`](couchkey_vault::NewAccount) from whoever called it. The crate is pure: no files, no network,
//! no clock, no logging. Bytes and a password go in, values come out.
//!
//! # Adding an app
//!
//! One file in `import/` with a function `read` that answers `None` at once for a file of another app; a line in the two
//! tables of `import.rs`, `formats!` and `READERS`; files and a table in `tests/vectors/import`, whose README says how.
#![forbid(unsafe_code)]

pub mod export;
pub mod import;
