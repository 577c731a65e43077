//! Codes written to the terminal: for trying things out, without a mail server and without an SMS account.
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{DeliveryError, Mailer, Message, SmsGateway};

/// Writes codes where the one who runs the server sees them, instead of sending them.
///
/// # Security
///
/// It shows codes and addresses. It is for a demonstration on one's own machine and for nothing else.
///
/// ```
/// use std::sync::Arc;
/// use couchkey_platform::{Mailer, SmsGateway, Terminal};
///
/// let terminal = Arc::new(Terminal::stderr());
/// let (mailer, sms): (Arc<dyn Mailer>, Arc<dyn SmsGateway>) = (terminal.clone(), terminal);
/// ```
pub struct Terminal(Mutex<Box<dyn Write + Send>>);

impl Terminal {
    /// Writes to standard error, beside the log.
    pub fn stderr() -> Terminal {
        Terminal::new(std::io::stderr())
    }

    /// Writes somewhere else.
    pub fn new(to: impl Write + Send + 'static) -> Terminal {
        Terminal(Mutex::new(Box::new(to)))
    }

    fn write(&self, message: &Message) -> Result<(), DeliveryError> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (how, to) = (message.recipient.channel(), message.recipient.address());
        let line = writeln!(out, "[{how}] to {to}: {}", message.code.expose());
        line.and_then(|()| out.flush())
            .map_err(|_| DeliveryError::Temporary {
                reason: "terminal_closed",
            })
    }
}

#[async_trait]
impl Mailer for Terminal {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        self.write(message)
    }
}

#[async_trait]
impl SmsGateway for Terminal {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        self.write(message)
    }
}
