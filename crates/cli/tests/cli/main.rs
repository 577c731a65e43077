//! The built `couchkey` command from outside, with a vault of its own for every test.

mod backup;
mod inspect;
mod places;
mod run;
mod television;
mod terminal;
mod transfer;
mod vault;
