//! Whom a code is sent to: an e-mail address or a phone number.
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// How a code travels, apart from the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// An e-mail.
    Email,
    /// A text message.
    Sms,
}

impl Channel {
    /// The word in figures and in the store: `email`, `sms`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Channel> {
        [Channel::Email, Channel::Sms]
            .into_iter()
            .find(|channel| channel.as_str() == word)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An e-mail address that can be written to (RFC 5321). No `Debug`: addresses stay out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as it is written to: its domain in lower case and in its own script (IDNA), all of it in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it ends up: before the @ without what stands after a `+`, in lower case.
    pub(crate) fn mailbox(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let local = local.split('+').next().unwrap_or(local);
        format!("{local}@{domain}").to_lowercase()
    }

    pub(crate) fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A phone number that a text message can be sent to. No `Debug`: numbers stay out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    e164: String,
    country: String,
}

impl PhoneNumber {
    /// In E.164: `+491701234567`.
    pub fn as_e164(&self) -> &str {
        &self.e164
    }

    /// The country's two letters (ISO 3166-1): `DE`.
    pub fn country(&self) -> &str {
        &self.country
    }
}

/// Where a code is sent.
///
/// ```
/// use couchkey_platform::{Channel, Recipient};
///
/// assert_eq!(Recipient::email("ana@EXAMPLE.tv")?.address(), "ana@example.tv");
/// assert_eq!(Recipient::phone("+49 170 1234567")?.address(), "+491701234567");
/// assert_eq!(Recipient::phone("+49 170 1234567")?.channel(), Channel::Sms);
/// assert!(Recipient::email("nobody").is_err());
/// # Ok::<(), couchkey_platform::RecipientError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Recipient {
    /// By e-mail.
    Email(EmailAddress),
    /// By text message.
    Phone(PhoneNumber),
}

impl Recipient {
    /// Reads an e-mail address. White space around it is dropped.
    ///
    /// # Errors
    ///
    /// [`RecipientError::Email`] when it cannot be one.
    pub fn email(text: &str) -> Result<Recipient, RecipientError> {
        use email_address::{EmailAddress as Grammar, Options};
        let text = text.trim();
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed =
            Grammar::parse_with_options(text, options).map_err(|_| RecipientError::Email)?;
        // One mailbox has many spellings: composed and decomposed letters, a domain as it is read and as the DNS has it.
        let local: String = parsed.local_part().nfc().collect();
        let ascii = idna::domain_to_ascii(parsed.domain()).map_err(|_| RecipientError::Email)?;
        let (domain, read) = idna::domain_to_unicode(&ascii);
        read.map_err(|_| RecipientError::Email)?;
        Ok(Recipient::Email(EmailAddress(format!("{local}@{domain}"))))
    }

    /// Reads a phone number in the international spelling, `+` first.
    ///
    /// # Errors
    ///
    /// [`RecipientError::Phone`] when no country has such a number.
    pub fn phone(text: &str) -> Result<Recipient, RecipientError> {
        let number = phonenumber::parse(None, text.trim()).map_err(|_| RecipientError::Phone)?;
        if !phonenumber::is_valid(&number) {
            return Err(RecipientError::Phone);
        }
        let country = number.country().id().ok_or(RecipientError::Phone)?;
        Ok(Recipient::Phone(PhoneNumber {
            e164: number.format().mode(phonenumber::Mode::E164).to_string(),
            country: country.as_ref().to_owned(),
        }))
    }

    /// How it travels.
    pub const fn channel(&self) -> Channel {
        match self {
            Recipient::Email(_) => Channel::Email,
            Recipient::Phone(_) => Channel::Sms,
        }
    }

    /// The address or number as it is written to.
    pub fn address(&self) -> &str {
        match self {
            Recipient::Email(email) => email.as_str(),
            Recipient::Phone(phone) => phone.as_e164(),
        }
    }
}

/// Nothing can be sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientError {
    /// No e-mail address has this form.
    #[error("this is not an e-mail address")]
    Email,
    /// No country has such a number, or it lacks `+` and the country's code.
    #[error("this is not a phone number")]
    Phone,
}

impl RecipientError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            RecipientError::Email => "Check the address. It looks like name@example.com.",
            RecipientError::Phone => {
                "Enter the number with + and the country code first, as in +49 170 1234567."
            }
        }
    }
}
