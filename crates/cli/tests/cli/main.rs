//! The built `couchkey` command from outside, with a vault of its own for every test.

mod backup;
mod inspect;
mod run;
mod terminal;
mod transfer;
mod vault;
