//! The figures that a service may choose.
use couchkey_otp::{Algorithm, Digits, Period};

/// What a service chooses. [`Settings::new`] has the figures of the standards.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who issues the codes: the brand, as the app shows it.
    pub issuer: String,
    /// The HMAC of new enrolments. SHA-1, because some apps know no other.
    pub algorithm: Algorithm,
    /// The digits of new enrolments.
    pub digits: Digits,
    /// The period of new enrolments.
    pub period: Period,
    /// The digits of mail and SMS codes: 6 to 8.
    pub challenge_digits: Digits,
    /// Where people type a television's user code, without a query: `https://example.tv/link`.
    pub verification_uri: String,
    /// How many mails may be sent.
    pub mail: MailPolicy,
    /// Where text messages go, and what they may cost.
    pub sms: SmsPolicy,
    /// How much is too much.
    pub limits: Limits,
}

impl Settings {
    /// The settings of a service with this brand, whose televisions are signed in at `verification_uri`.
    pub fn new(issuer: impl Into<String>, verification_uri: impl Into<String>) -> Settings {
        Settings {
            issuer: issuer.into(),
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            period: Period::THIRTY,
            challenge_digits: Digits::SIX,
            verification_uri: verification_uri.into(),
            mail: MailPolicy::default(),
            sms: SmsPolicy::default(),
            limits: Limits::default(),
        }
    }
}

/// How many mails may be sent: what a mail server takes before it calls us a sender of spam. Without figures, as many as are asked
/// for; one mailbox gets one in five minutes at most, whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailPolicy {
    /// The most mails a day (UTC) in all.
    pub per_day: Option<u64>,
    /// The most mails a day (UTC) to one domain.
    pub per_domain: Option<u64>,
}

/// Where text messages go, and what they may cost. Without countries, none is sent: premium numbers abroad are what
/// SMS fraud lives from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsPolicy {
    /// The countries that are served.
    pub countries: Vec<SmsCountry>,
    /// The most units a day (UTC) in all; nothing is sent after that.
    pub units_per_day: u64,
}

/// How much of a budget new sign-ups may use, in hundredths: the rest is kept for those who are customers.
pub(crate) const NEW_SHARE: u64 = 50;

impl SmsPolicy {
    pub(crate) fn country(&self, letters: &str) -> Option<&SmsCountry> {
        self.countries.iter().find(|c| c.country == letters)
    }
}

impl SmsCountry {
    /// Whether there is such a country: two capital letters that telephone numbers are known of.
    pub fn is_known(&self) -> bool {
        self.country.parse::<phonenumber::country::Id>().is_ok()
    }
}

/// One country that text messages go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsCountry {
    /// Its two letters (ISO 3166-1): `DE`.
    pub country: String,
    /// What one message costs, in units of the service's choice.
    pub units: u64,
    /// The most units a day (UTC) to this country.
    pub units_per_day: u64,
}

/// How often somebody may ask or try from one place. The figures for one account and one challenge are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures of one IP address (IPv6: its /64) at once; they drain at this many an hour.
    pub failures_per_address: u32,
    /// Failures of one network (IPv4 /24, IPv6 /48) at once; they drain at this many an hour.
    pub failures_per_network: u32,
    /// Requests for a code or a television's sign-in from one address at once; they drain at this many an hour.
    pub requests_per_address: u32,
    /// The same from one network.
    pub requests_per_network: u32,
    /// Messages a day (UTC) to one recipient that one address may ask for; and as many again for each browser or app that has
    /// signed this person in ([`Platform::known`]). Text messages: also the most to one recipient that strangers can cause.
    pub messages_per_recipient: u32,
    /// Text messages a day (UTC) that one address may ask for, to whomever.
    pub texts_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            failures_per_address: 50,
            failures_per_network: 500,
            requests_per_address: 60,
            requests_per_network: 600,
            messages_per_recipient: 10,
            texts_per_address: 5,
        }
    }
}
