//! What the tests of more than one crate share.
pub mod desktop;
pub mod machine;
pub mod pictures;
pub mod proof;
pub mod recorder;
pub mod spelling;
pub mod uses;
