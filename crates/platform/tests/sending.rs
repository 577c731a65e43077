//! Sending codes: through real servers, and through servers that fail in every way we know. For every one of them: no
//! code lost in silence, no two different codes sent.
mod sending {
    pub mod harness;
    mod http;
    mod outbox;
    mod real_smtp;
    mod smpp;
    mod smtp;
}
