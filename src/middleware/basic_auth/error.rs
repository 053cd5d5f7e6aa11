//! Why a user name or a password cannot be used.

use std::error::Error;
use std::fmt;

/// Why a user name or a password cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The user name holds a colon, which no client can send.
    Colon,
    /// The user name or the password holds a control character.
    ControlCharacter,
    /// The password is empty.
    EmptyPassword,
    /// There is already a user of this name.
    Duplicate,
    /// The password begins like a hash but is not a valid one.
    InvalidHash(String),
    /// There is no hash where one is needed, but some other text or nothing.
    NoHash,
    /// Computing the hash takes too long or too much memory.
    CostlyHash,
    /// A hash cannot be made, for this reason.
    Hashing(String),
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Colon => f.write_str("the user name holds a colon"),
            Self::ControlCharacter => f.write_str("the user name or the password holds a control character"),
            Self::EmptyPassword => f.write_str("the password is empty"),
            Self::Duplicate => f.write_str("there is already a user of this name"),
            Self::InvalidHash(reason) => write!(f, "the password looks like a hash but is not a valid one: {reason}"),
            Self::NoHash => f.write_str("there is no Argon2 or bcrypt hash"),
            Self::CostlyHash => f.write_str("computing the password's hash takes too long or too much memory"),
            Self::Hashing(reason) => write!(f, "cannot hash the password: {reason}"),
        }
    }
}

impl Error for CredentialsError {}
