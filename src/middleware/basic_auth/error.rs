//! Why a user name or a password cannot be used.

use std::error::Error;
use std::fmt;

/// Why a user cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// There is a colon in the user name, which no client could send.
    Colon,
    /// There is a control character in the user name or in the password.
    ControlCharacter,
    /// The password is empty.
    EmptyPassword,
    /// The user is there already.
    Twice,
    /// The password begins as a hash does and is none.
    DamagedHash(String),
    /// Computing the hash takes too long, or too much memory.
    CostlyHash,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Colon => f.write_str("there is a colon in the user name"),
            Self::ControlCharacter => f.write_str("there is a control character in the user name or the password"),
            Self::EmptyPassword => f.write_str("the password is empty"),
            Self::Twice => f.write_str("the user is there twice"),
            Self::DamagedHash(reason) => write!(f, "the password is not a hash that it looks like: {reason}"),
            Self::CostlyHash => f.write_str("computing the password's hash takes too long or too much memory"),
        }
    }
}

impl Error for CredentialsError {}
