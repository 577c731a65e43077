//! How many messages may go out: for who asks, to whom, and what they may cost.
use data_encoding::HEXLOWER;
use metrics::counter;

use super::{Asker, ChallengeError};
use crate::platform::places;
use crate::recipient::PhoneNumber;
use crate::settings::{MailPolicy, NEW_SHARE};
use crate::store::{Conversion, Quota, Spend, Turn};
use crate::{Platform, Purpose, Recipient};

impl Platform {
    pub(super) fn check_country(&self, recipient: &Recipient) -> Result<(), ChallengeError> {
        match recipient {
            Recipient::Phone(phone) if self.settings.sms.country(phone.country()).is_none() => {
                Err(ChallengeError::CountryNotServed)
            }
            _ => Ok(()),
        }
    }

    /// Whoever asks has a turn of their own for each recipient, and so has a browser or app that knows the person. What goes out
    /// for all the others together has one for each purpose, so that asking for one keeps nobody from another.
    fn turns(
        &self,
        recipient: &Recipient,
        purpose: Purpose,
        asker: &Asker,
    ) -> (Turn, Option<Turn>) {
        let hash = self.contact_hash(recipient);
        let of = |parts: &[&[u8]], per_day| Turn {
            key: self.keys.hash("turn", parts),
            per_day,
        };
        let few = self.settings.limits.messages_per_recipient;
        if let Some(id) = &asker.known {
            return (of(&[&hash, b"known", id.as_bytes()], few), None);
        }
        let (address, _) = places(asker.from);
        let (all, whose) = match recipient {
            // Its cooldown is limit enough. What is written to one mailbox under other names has one of its own, or asking for
            // those would keep the owner of the plain one waiting.
            Recipient::Email(email) if email.mailbox() != email.as_str().to_lowercase() => (
                u32::MAX,
                self.keys.hash("mailbox", &[email.mailbox().as_bytes()]),
            ),
            Recipient::Email(_) => (u32::MAX, hash),
            Recipient::Phone(_) => (few, hash), // each costs
        };
        (
            of(&[&hash, b"asker", &address], few),
            Some(of(&[&whose, b"all", purpose.as_str().as_bytes()], all)),
        )
    }

    pub(super) fn quota(
        &self,
        recipient: &Recipient,
        purpose: Purpose,
        asker: &Asker,
        real: bool,
    ) -> Quota {
        let mut spend = Vec::new();
        // Of each budget new people have a share, so that they cannot use up what customers need.
        let mut of = |budget: String, units, per_day: u64| {
            if purpose == Purpose::SignUp {
                spend.push(Spend {
                    budget: format!("{budget}/new"),
                    units,
                    per_day: (u128::from(per_day) * u128::from(NEW_SHARE) / 100) as u64,
                    real,
                });
            }
            spend.push(Spend {
                budget,
                units,
                per_day,
                real,
            });
        };
        let mut conversion = None;
        match recipient {
            Recipient::Phone(phone) => {
                let sms = &self.settings.sms;
                if let Some(country) = sms.country(phone.country()) {
                    of(
                        country.country.clone(),
                        country.units,
                        country.units_per_day,
                    );
                    of("total".to_owned(), country.units, sms.units_per_day);
                }
                if asker.known.is_none() {
                    conversion = Some(self.conversion(phone));
                    let (address, _) = places(asker.from);
                    let from = self.keys.hash("texts from", &[&address]);
                    spend.push(Spend {
                        budget: format!("from/{}", HEXLOWER.encode(&from)),
                        units: 1,
                        per_day: self.settings.limits.texts_per_address.into(),
                        real: true, // or it would say who is known
                    });
                }
            }
            Recipient::Email(email) => {
                let MailPolicy {
                    per_day,
                    per_domain,
                } = self.settings.mail;
                if let Some(per_domain) = per_domain {
                    let domain = self.keys.hash("domain", &[email.domain().as_bytes()]);
                    of(format!("mail/{}", HEXLOWER.encode(&domain)), 1, per_domain);
                }
                if let Some(per_day) = per_day {
                    of("mail".to_owned(), 1, per_day);
                }
            }
        }
        let (asker, all) = self.turns(recipient, purpose, asker);
        Quota {
            asker,
            all,
            conversion,
            spend,
        }
    }

    /// How many of the codes to numbers like this one are redeemed: whoever earns by messages to a block of numbers redeems none.
    pub(super) fn conversion(&self, phone: &PhoneNumber) -> Conversion {
        let block: String = phone.as_e164().chars().take(8).collect();
        let block = HEXLOWER.encode(&self.keys.hash("block", &[block.as_bytes()]));
        Conversion {
            sent: format!("sent/{block}"),
            redeemed: format!("redeemed/{block}"),
        }
    }

    pub(super) fn count_cost(&self, recipient: &Recipient, real: bool) {
        if let Recipient::Phone(phone) = recipient
            && let Some(country) = self.settings.sms.country(phone.country())
        {
            let units = if real { country.units } else { 0 };
            counter!("sms_cost_units_total", "country" => country.country.clone()).increment(units);
        }
    }
}
