//! The ids of vaults and accounts: sixteen random bytes, written as lower-case hex.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use rand_core::CryptoRng;
use thiserror::Error;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// A new random id.
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// The sixteen bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let bytes = HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .map_err(|_| NotAnId)?;
                bytes.try_into().map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

id! {
    /// Names one vault, in its file, in its keyring entries and in everything that is sealed for it.
    VaultId
}
id! {
    /// Names one account for as long as it exists; never shown to a person.
    AccountId
}

/// The text is not an id: 32 hexadecimal digits were expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct NotAnId;

/// One of the two places that a thing kept in two generations is written to in turn:
/// `vault.a` and `vault.b`, `bundle-7.a` and `bundle-7.b`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Half {
    /// The first of the two.
    A,
    /// The second of the two.
    B,
}

impl Half {
    /// Both, in order.
    pub const BOTH: [Half; 2] = [Half::A, Half::B];

    /// The other of the two.
    pub fn other(self) -> Half {
        match self {
            Half::A => Half::B,
            Half::B => Half::A,
        }
    }

    /// The last letter of the name it is kept under: `"a"` or `"b"`.
    pub fn letter(self) -> &'static str {
        match self {
            Half::A => "a",
            Half::B => "b",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_from_its_own_text() {
        let id = AccountId([0xA5; 16]);
        assert_eq!(id.to_string(), "a5".repeat(16), "lower-case hex, no dashes");
        assert_eq!(id.to_string().parse(), Ok(id), "text and id are the same");
        assert_eq!("A5".repeat(16).parse(), Ok(id), "capitals are read too");
    }

    #[test]
    fn what_is_not_32_hex_digits_is_no_id() {
        for text in ["", "a5", "zz", &"a5".repeat(17), &"g5".repeat(16)] {
            assert_eq!(
                text.parse::<VaultId>(),
                Err(NotAnId),
                "{text:?} has no 16 bytes"
            );
        }
    }
}
