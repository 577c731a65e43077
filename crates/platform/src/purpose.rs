//! What a code from a message is for.

/// What a code is for. A code for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Proving that a new person has this address.
    SignUp,
    /// Signing in without the app.
    SignIn,
    /// A way in for somebody who forgot their password or lost their phone.
    Recovery,
}

impl Purpose {
    /// The word in the store and in figures: `sign_up`, `sign_in`, `recovery`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::SignUp => "sign_up",
            Purpose::SignIn => "sign_in",
            Purpose::Recovery => "recovery",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Purpose> {
        [Purpose::SignUp, Purpose::SignIn, Purpose::Recovery]
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }
}
