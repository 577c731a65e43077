//! The addresses that people have: verified, looked up by a hash, sealed.
use data_encoding::HEXLOWER;

use crate::platform::contact_place;
use crate::store::{Contact, Hash};
use crate::{Channel, PersonId, Platform, Recipient, StoreError};

impl Platform {
    /// Says that a person has an address, which the caller has verified by other means.
    ///
    /// Returns whose it is: another person's if they had it before.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{PersonId, Recipient};
    ///
    /// let ana = PersonId::new("fam-0042")?;
    /// let address = Recipient::email("ana@example.tv")?;
    /// assert!(platform.add_contact(&ana, &address).await? == ana);
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_contact(
        &self,
        person: &PersonId,
        recipient: &Recipient,
    ) -> Result<PersonId, StoreError> {
        self.store
            .add_contact(&self.contact(person, recipient))
            .await
    }

    /// A person's verified addresses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn contacts(&self, person: &PersonId) -> Result<Vec<Recipient>, StoreError> {
        let contacts = self.store.contacts(person).await?;
        let opened = contacts.iter().map(|contact| {
            let hash = HEXLOWER.encode(&contact.hash);
            let place = contact_place(&hash, contact.person.as_str());
            let address = self.keys.open(&place, &contact.sealed)?;
            let address = std::str::from_utf8(&address).map_err(|_| StoreError::Unreadable)?;
            read_recipient(contact.channel, address)
        });
        opened.collect()
    }

    pub(crate) fn contact(&self, person: &PersonId, recipient: &Recipient) -> Contact {
        let hash = self.contact_hash(recipient);
        let hex = HEXLOWER.encode(&hash);
        let place = contact_place(&hex, person.as_str());
        Contact {
            hash,
            person: person.clone(),
            channel: recipient.channel(),
            sealed: self.keys.seal(&place, recipient.address().as_bytes()),
            key: self.keys.sealing(),
        }
    }

    /// Whether an address is found under our pepper, as it was sealed.
    pub(crate) fn is_looked_up_here(&self, contact: &Contact) -> bool {
        let hash = HEXLOWER.encode(&contact.hash);
        let place = contact_place(&hash, contact.person.as_str());
        let opened = self.keys.open(&place, &contact.sealed);
        opened.is_ok_and(|address| {
            let address = String::from_utf8_lossy(&address).to_lowercase();
            let channel = contact.channel.as_str();
            let parts = [channel.as_bytes(), address.as_bytes()];
            self.keys.hash("contact", &parts) == contact.hash
        })
    }

    /// Addresses that differ in case only are one: no provider of any size gives them to two people.
    pub(crate) fn contact_hash(&self, recipient: &Recipient) -> Hash {
        let address = recipient.address().to_lowercase();
        let channel = recipient.channel().as_str();
        self.keys
            .hash("contact", &[channel.as_bytes(), address.as_bytes()])
    }
}

pub(crate) fn read_recipient(channel: Channel, address: &str) -> Result<Recipient, StoreError> {
    let read = match channel {
        Channel::Email => Recipient::email(address),
        Channel::Sms => Recipient::phone(address),
    };
    read.map_err(|_| StoreError::Unreadable)
}
