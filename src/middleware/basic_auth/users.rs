//! The users, and the check of a user name and a password against theirs.

use std::sync::{Mutex, PoisonError, RwLock};

use blake2::Blake2bMac512;
use blake2::digest::{KeyInit as _, Mac as _};
use rand::Rng as _;

use super::error::CredentialsError;
use super::password_hash::{Hash, Scratch, Secret};
use crate::http::authorization::Credentials;
use crate::lock::lock;

/// The users. Plain passwords are not kept, only their tags.
pub(super) struct Users {
    key: [u8; 64],
    users: Vec<User>,
    /// Memory for Argon2, one block for each computation that ever ran at the same time. The semaphore bounds their number.
    scratches: Mutex<Vec<Scratch>>,
}

/// A user.
pub(super) struct User {
    pub(super) name: String,
    pub(super) writer: bool,
    /// `None` when the password was given in plain text.
    hash: Option<Hash>,
    /// The tag of the right credentials. With a hash it is known once the right password has been verified.
    known: RwLock<Option<Tag>>,
}

/// A keyed hash of a user name and a password: equal only if both are equal, and useless outside this process, which has the key.
type Tag = [u8; 64];

impl Users {
    pub(super) fn new() -> Self {
        let mut key = [0; 64];
        rand::rng().fill_bytes(&mut key);
        Self { key, users: Vec::new(), scratches: Mutex::default() }
    }

    pub(super) fn add(&mut self, name: &str, password: &str, writer: bool) -> Result<(), CredentialsError> {
        if name.contains(':') {
            return Err(CredentialsError::Colon);
        }
        if name.chars().any(char::is_control) {
            return Err(CredentialsError::ControlCharacter);
        }
        if self.users.iter().any(|user| user.name == name) {
            return Err(CredentialsError::Duplicate);
        }
        let (hash, known) = match Secret::parse(password)? {
            Secret::Hash(hash) => (Some(hash), None),
            Secret::Plain(password) => (None, Some(self.tag(&Credentials { user: name.into(), password }))),
        };
        self.users.push(User { name: name.to_owned(), writer, hash, known: RwLock::new(known) });
        Ok(())
    }

    pub(super) fn readers(&self) -> usize {
        self.users.iter().filter(|user| !user.writer).count()
    }

    pub(super) fn writers(&self) -> usize {
        self.users.iter().filter(|user| user.writer).count()
    }

    /// Whether any user has a hash, which is slow to compute.
    pub(super) fn have_hashes(&self) -> bool {
        self.users.iter().any(|user| user.hash.is_some())
    }

    /// The user whose known tag these credentials match. Takes equally long if there is none.
    pub(super) fn recognize(&self, credentials: &Credentials) -> Option<&User> {
        let mac = self.mac(credentials);
        let mut found = None;
        for user in &self.users {
            let known = *user.known.read().unwrap_or_else(PoisonError::into_inner);
            // Compares in constant time, and with all users.
            if known.is_some_and(|tag| mac.clone().verify_slice(&tag).is_ok()) {
                found = Some(user);
            }
        }
        found
    }

    /// The user whose hash these credentials match. Takes equally long for an unknown name.
    pub(super) fn verify(&self, credentials: &Credentials) -> Option<&User> {
        let user = self.users.iter().find(|user| user.name.as_bytes() == credentials.user);
        if let Some(user) = user
            && let Some(hash) = &user.hash
        {
            if !self.compute(hash, credentials) {
                return None;
            }
            *user.known.write().unwrap_or_else(PoisonError::into_inner) = Some(self.tag(credentials));
            return Some(user);
        }
        if let Some(hash) = self.users.iter().find_map(|user| user.hash.as_ref()) {
            self.compute(hash, credentials);
        }
        None
    }

    fn compute(&self, hash: &Hash, credentials: &Credentials) -> bool {
        let scratches = || lock(&self.scratches);
        let mut scratch = scratches().pop().unwrap_or_default();
        let matches = hash.matches(&credentials.password, &mut scratch);
        scratches().push(scratch);
        matches
    }

    fn tag(&self, credentials: &Credentials) -> Tag {
        self.mac(credentials).finalize().into_bytes().into()
    }

    fn mac(&self, credentials: &Credentials) -> Blake2bMac512 {
        let mut mac = Blake2bMac512::new_from_slice(&self.key).expect("a key of BLAKE2b has up to 64 bytes");
        // A user name holds no colon.
        mac.update(&credentials.user);
        mac.update(b":");
        mac.update(&credentials.password);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::super::password_hash::tests::{cheap_argon2, cheap_bcrypt};
    use super::*;

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }

    #[test]
    fn plain_passwords_are_recognized_at_once_and_hashed_ones_after_they_were_verified() {
        let mut users = Users::new();
        users.add("ada", "plain", false).unwrap();
        assert!(!users.have_hashes());
        users.add("bob", &cheap_argon2("argon"), false).unwrap();
        users.add("cyd", &cheap_bcrypt("bcrypt"), true).unwrap();
        users.add("", "no name", false).unwrap();
        assert!(users.have_hashes());

        let recognized = |user, password| users.recognize(&credentials(user, password)).map(|user| user.name.as_str());
        let verified = |user, password| users.verify(&credentials(user, password)).map(|user| user.name.as_str());
        assert_eq!(recognized("ada", "plain"), Some("ada"));
        assert_eq!(recognized("", "no name"), Some(""));
        for (user, password) in [("bob", "argon"), ("cyd", "bcrypt")] {
            assert_eq!(recognized(user, password), None);
            assert_eq!(verified(user, "wrong"), None);
            assert_eq!(recognized(user, "wrong"), None);
            assert_eq!(verified(user, password), Some(user));
            assert_eq!(recognized(user, password), Some(user), "verified before");
        }
        for (user, password) in [
            ("ada", "Plain"),
            ("ada", ""),
            ("ada", "argon"),
            ("bob", "plain"),
            ("Ada", "plain"),
            ("", ""),
            ("", "plain"),
            ("eve", "plain"),
        ] {
            assert_eq!((recognized(user, password), verified(user, password)), (None, None), "{user} {password}");
        }
    }

    #[test]
    fn invalid_and_duplicate_users_are_refused() {
        let mut users = Users::new();
        users.add("ada", "secret", false).unwrap();
        for (name, password, reason) in [
            ("a:b", "x", "colon"),
            ("a\n", "x", "control"),
            ("ada", "x", "already"),
            ("ada", "secret", "already"),
            ("bob", "", "empty"),
        ] {
            let error = users.add(name, password, true).unwrap_err();
            assert!(error.to_string().contains(reason), "{name}: {error}");
        }
    }
}
