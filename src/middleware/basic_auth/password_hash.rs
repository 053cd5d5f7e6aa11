//! Configured passwords, plain or as a slow hash, and the making of such hashes.

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use bcrypt::HashParts;

use super::error::CredentialsError;

/// What a password is compared with.
pub(super) enum Secret {
    Plain(Vec<u8>),
    Hash(Hash),
}

/// A hash of a password, checked when it was configured.
pub(super) enum Hash {
    Argon2(Box<Argon2Hash>),
    Bcrypt(String),
}

/// A hash with what it was computed with.
pub(super) struct Argon2Hash {
    argon2: Argon2<'static>,
    salt: Salt,
    output: Output,
}

/// The memory that Argon2 computes in: megabytes. Later computations reuse it, because the allocator would otherwise keep as much
/// for every thread that ever allocated it.
pub(super) type Scratch = Vec<Block>;

/// The most that computing a hash may cost, since every wrong password costs that much.
const MOST_ARGON2_KIB: u32 = 256 * 1024;
const MOST_ARGON2_PASSES: u32 = 32;
const MAX_BCRYPT_COST: u32 = 15;

impl Secret {
    /// A text that begins like a hash must be a valid one; any other text is the password itself.
    pub(super) fn parse(text: &str) -> Result<Self, CredentialsError> {
        if text.is_empty() {
            return Err(CredentialsError::EmptyPassword);
        }
        if text.chars().any(char::is_control) {
            return Err(CredentialsError::ControlCharacter);
        }
        if text.starts_with("$argon2") {
            return argon2(text).map(Self::Hash);
        }
        if ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|version| text.starts_with(version)) {
            return bcrypt(text).map(Self::Hash);
        }
        Ok(Self::Plain(text.into()))
    }
}

fn argon2(text: &str) -> Result<Hash, CredentialsError> {
    let invalid = |error: &dyn std::fmt::Display| CredentialsError::InvalidHash(error.to_string());
    let hash = PasswordHash::new(text).map_err(|error| invalid(&error))?;
    let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
        return Err(invalid(&"salt or hash is missing"));
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|error| invalid(&error))?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).map_err(|error| invalid(&error))?;
    let params = Params::try_from(&hash).map_err(|error| invalid(&error))?;
    if params.m_cost() > MOST_ARGON2_KIB || params.t_cost() > MOST_ARGON2_PASSES {
        return Err(CredentialsError::CostlyHash);
    }
    Ok(Hash::Argon2(Box::new(Argon2Hash { argon2: Argon2::new(algorithm, version, params), salt, output })))
}

fn bcrypt(text: &str) -> Result<Hash, CredentialsError> {
    let parts: HashParts = text.parse().map_err(|error| CredentialsError::InvalidHash(format!("{error}")))?;
    if parts.get_cost() > MAX_BCRYPT_COST {
        return Err(CredentialsError::CostlyHash);
    }
    // Fails now, and not at the first request, if the hash cannot be verified.
    bcrypt::verify("", text).map_err(|error| CredentialsError::InvalidHash(format!("{error}")))?;
    Ok(Hash::Bcrypt(text.to_owned()))
}

impl Hash {
    /// Whether this is the hash of the password. Takes milliseconds of processor time, whatever the password.
    pub(super) fn matches(&self, password: &[u8], scratch: &mut Scratch) -> bool {
        match self {
            Self::Argon2(hash) => hash.matches(password, scratch),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
        }
    }
}

impl Argon2Hash {
    fn matches(&self, password: &[u8], scratch: &mut Scratch) -> bool {
        let blocks = self.argon2.params().block_count();
        if scratch.len() < blocks {
            scratch.resize(blocks, Block::default());
        }
        let mut buffer = [0; Output::MAX_LENGTH];
        let Some(computed) = buffer.get_mut(..self.output.as_bytes().len()) else { return false };
        let result = self.argon2.hash_password_into_with_memory(password, &self.salt, computed, &mut scratch[..blocks]);
        // Outputs compare in constant time.
        result.is_ok() && Output::new(computed).is_ok_and(|computed| computed == self.output)
    }
}

/// Makes the Argon2id hash of a password, which [`BasicAuth::user`](crate::BasicAuth::user) takes in place of the password and
/// from which nobody can read the password. Needs the feature `auth`.
///
/// # Errors
///
/// [`CredentialsError`] when no client can send the password, or when the system has no random numbers.
pub fn hash_password(password: &str) -> Result<String, CredentialsError> {
    if password.is_empty() {
        return Err(CredentialsError::EmptyPassword);
    }
    if password.chars().any(char::is_control) {
        return Err(CredentialsError::ControlCharacter);
    }
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| CredentialsError::Hashing(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether the hash is that of the password, for a login form of a program's own. [`hash_password`] makes such hashes; those of
/// bcrypt are understood too. Needs the feature `auth`.
///
/// It takes tens of milliseconds of processor time and about 20 MiB of memory, whatever the password: bound how many run at a time. For
/// a user who does not exist, verify against some other hash, so that the time does not tell who exists.
///
/// ```
/// let hash = hearken::hash_password("open sesame")?; // kept in place of the password
/// assert!(hearken::verify_password("open sesame", &hash)?);
/// assert!(!hearken::verify_password("open barley", &hash)?);
/// # Ok::<(), hearken::CredentialsError>(())
/// ```
///
/// # Errors
///
/// [`CredentialsError::NoHash`], [`CredentialsError::InvalidHash`] or [`CredentialsError::CostlyHash`] when the hash is none that can be
/// verified. A password that is wrong in any way is no error.
pub fn verify_password(password: &str, hash: &str) -> Result<bool, CredentialsError> {
    match Secret::parse(hash) {
        Ok(Secret::Hash(hash)) => Ok(hash.matches(password.as_bytes(), &mut Scratch::new())),
        Ok(Secret::Plain(_)) | Err(CredentialsError::EmptyPassword | CredentialsError::ControlCharacter) => {
            Err(CredentialsError::NoHash)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;

    /// An Argon2 hash without the hash itself.
    pub(crate) const ARGON2: &str = "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$";

    pub(crate) fn cheap_argon2(password: &str) -> String {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(16, 1, 1, None).unwrap());
        let hash: PasswordHash = argon2.hash_password(password.as_bytes()).unwrap();
        hash.to_string()
    }

    pub(crate) fn cheap_bcrypt(password: &str) -> String {
        bcrypt::hash(password, 4).unwrap()
    }

    thread_local! {
        /// Reused for one hash after another, as in the server.
        static SCRATCH: RefCell<Scratch> = const { RefCell::new(Vec::new()) };
    }

    fn matches(text: &str, password: &str) -> Option<bool> {
        match Secret::parse(text).unwrap() {
            Secret::Plain(_) => None,
            Secret::Hash(hash) => Some(SCRATCH.with_borrow_mut(|scratch| hash.matches(password.as_bytes(), scratch))),
        }
    }

    #[test]
    fn a_hash_matches_its_password_only_and_plain_text_is_no_hash() {
        let bcrypt_y = cheap_bcrypt("secret").replacen("$2b$", "$2y$", 1);
        for hash in [cheap_argon2("secret"), cheap_bcrypt("secret"), bcrypt_y, hash_password("secret").unwrap()] {
            assert_eq!(matches(&hash, "secret"), Some(true), "{hash}");
            assert_eq!(matches(&hash, "Secret"), Some(false), "{hash}");
            assert_eq!(matches(&hash, ""), Some(false), "{hash}");
            assert_eq!(matches(&hash, &hash), Some(false), "the hash is not the password");
        }
        for plain in ["secret", "$", "$1", "$argon", "2b$", "größer", "a b"] {
            assert_eq!(matches(plain, ""), None, "{plain}");
        }
        // From the documentation of the reference program.
        let other = "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG";
        assert_eq!((matches(other, "password"), matches(other, "passwort")), (Some(true), Some(false)));
    }

    #[test]
    fn a_password_is_verified_by_a_hash_and_nothing_else() {
        for hash in [cheap_argon2("secret"), cheap_bcrypt("secret")] {
            assert!(verify_password("secret", &hash).unwrap(), "{hash}");
            for wrong in ["Secret", "", "secret\n", &hash] {
                assert!(!verify_password(wrong, &hash).unwrap(), "{wrong:?} {hash}");
            }
        }
        for none in ["secret", "", "$1$salt$hash", "a\nb"] {
            assert!(matches!(verify_password(none, none), Err(CredentialsError::NoHash)), "{none:?}");
        }
        assert!(matches!(verify_password("", ARGON2), Err(CredentialsError::InvalidHash(_))));
    }

    #[test]
    fn invalid_passwords_and_hashes_are_refused() {
        let short = &cheap_argon2("secret")[..40];
        let table = [
            ("", "empty"),
            ("a\nb", "control character"),
            ("$argon2id$v=19$m=16", "not a valid one"),
            (ARGON2, "not a valid one"),
            (short, "not a valid one"),
            ("$argon2x$v=19$m=16,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA", "not a valid one"),
            ("$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA", "takes too long"),
            ("$argon2id$v=19$m=16,t=9999,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA", "takes too long"),
            ("$2b$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "takes too long"),
            ("$2b$04$short", "not a valid one"),
            ("$2b$xx$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "not a valid one"),
            ("$2b$99$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "takes too long"),
        ];
        for (text, reason) in table {
            let Err(error) = Secret::parse(text) else { panic!("{text:?} is accepted") };
            assert!(error.to_string().contains(reason), "{text:?}: {error}");
        }
    }
}
