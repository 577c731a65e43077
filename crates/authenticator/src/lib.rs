//! What an authenticator does: the use cases that every shell calls, and the ports to the outside that they need.

pub mod ports;
pub mod qr;
