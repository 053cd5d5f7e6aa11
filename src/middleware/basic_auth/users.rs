//! The users and how a user name and a password are compared with them.

use std::sync::{Mutex, PoisonError, RwLock};

use blake2::Blake2bMac512;
use blake2::digest::{KeyInit as _, Mac as _};
use rand::Rng as _;

use super::error::CredentialsError;
use super::password_hash::{Hash, Scratch, Secret};
use crate::http::authorization::Credentials;

/// The users. No plain password is kept.
pub(super) struct Users {
    key: [u8; 64],
    users: Vec<User>,
    /// As many as were ever in use at the same time, which the semaphore bounds.
    scratches: Mutex<Vec<Scratch>>,
}

/// One of them.
pub(super) struct User {
    pub(super) name: String,
    pub(super) writer: bool,
    /// `None` where the password was given plainly.
    hash: Option<Hash>,
    /// The tag of the credentials that are known to be right. For a hash they are known from when they came first.
    known: RwLock<Option<Tag>>,
}

/// What becomes of a user name and a password under a key of this process: equal only if they are, and good for nothing else.
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

    /// Whether there is anything that takes long to compare with.
    pub(super) fn have_hashes(&self) -> bool {
        self.users.iter().any(|user| user.hash.is_some())
    }

    /// The user of these credentials, where they are known to be right. Takes as long whether they are or not.
    pub(super) fn recognize(&self, credentials: &Credentials) -> Option<&User> {
        let mac = self.mac(credentials);
        let mut found = None;
        for user in &self.users {
            let known = *user.known.read().unwrap_or_else(PoisonError::into_inner);
            // The comparison is in constant time, and all users are compared.
            if known.is_some_and(|tag| mac.clone().verify_slice(&tag).is_ok()) {
                found = Some(user);
            }
        }
        found
    }

    /// The user of these credentials, by the hash of the password. Takes as long for a name that is nobody's.
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
        let lock = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let matches = hash.matches(&credentials.password, &mut scratch);
        lock().push(scratch);
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
    fn plain_passwords_are_known_and_hashed_ones_become_so() {
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
            assert_eq!(recognized(user, password), Some(user), "from now on it is quick");
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
    fn names_that_cannot_be_are_refused() {
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
