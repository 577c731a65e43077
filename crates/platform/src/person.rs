//! Whose code it is.

/// The service's own name for a person: a customer number, a UUID. 1 to 128 bytes of printable ASCII, without blanks.
///
/// It is compared byte by byte, and it is not a secret; still it never enters an error, a figure or a log line.
///
/// ```
/// use couchkey_platform::PersonId;
///
/// assert_eq!(PersonId::new("fam-0042")?.as_str(), "fam-0042");
/// assert!(PersonId::new("").is_err());
/// # Ok::<(), couchkey_platform::PersonIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(String);

impl PersonId {
    /// The longest that is accepted, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// # Errors
    ///
    /// [`PersonIdError`] unless it is 1 to 128 bytes of printable ASCII without blanks.
    pub fn new(id: impl Into<String>) -> Result<PersonId, PersonIdError> {
        let id = id.into();
        if id.is_empty() || id.len() > Self::MAX_BYTES || !id.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(PersonIdError);
        }
        Ok(PersonId(id))
    }

    /// Who has no app, and never will: no id that [`PersonId::new`] takes has a blank.
    pub(crate) fn nobody() -> PersonId {
        PersonId("no body".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// This names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a person's id is 1 to 128 printable ASCII characters without blanks")]
pub struct PersonIdError;
