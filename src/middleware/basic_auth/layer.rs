//! Asks for a user name and a password before the inner handler sees the request (RFC 7617).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::error::CredentialsError;
use super::known_clients::KnownClients;
use super::throttle::{Claim, RetryAfter, Throttle};
use super::users::{User, Users};
use crate::handler::Handler;
use crate::http::authorization::{Credentials, challenge};
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::semaphore::{Semaphore, processors};

/// Basic authentication (RFC 7617), wrapped around a handler.
///
/// With users, everything needs a password. With writers, changing something (all methods but `GET`, `HEAD` and `OPTIONS`)
/// needs a password of theirs; they may read as well, and users may then read only. A request without a password is answered
/// 401, before its body is read; one that may only read, 403.
///
/// Wrong passwords are answered late. After ten for one user name from one address, passwords for that name are answered 429 and
/// not looked at, and one may be tried every six seconds. Names that nobody has are counted alike; beyond 16 names from one
/// address all others are counted as one. IPv6 addresses are counted by their first 64 bits, link-local ones as a whole. Where
/// clients come through a reverse proxy, it is their own address that counts if the proxy is
/// [trusted](crate::Settings::trusted_proxies).
///
/// So that one client's guesses do not keep others out, a password that was right from the same address within the last 12 hours
/// still passes meanwhile. Guessing becomes no faster in the long run: each wrong password for that name and address is counted
/// again for this, and beyond 100 in a burst, and then one every six seconds, the right one has to wait like any other.
///
/// ```
/// use hearken::{BasicAuth, Handler, Request, Response};
///
/// let app = BasicAuth::new().user("ada", "secret")?.around(|_: &mut Request| Response::text("hello"));
/// assert!(app.handle(&mut Request::get("/")).is_err());
/// assert!(app.handle(&mut Request::get("/").with_header("Authorization", "Basic YWRhOnNlY3JldA==")).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BasicAuth {
    users: Users,
    realm: String,
    throttle: Throttle,
    known_clients: KnownClients,
    hashing: Semaphore,
    /// How many failures are being answered late.
    delayed: AtomicUsize,
    /// Waits before a failure is answered.
    pause: fn(&Request, Duration),
    /// What time it is.
    clock: fn() -> Instant,
}

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl BasicAuth {
    /// Asks for no password, as long as there are no users.
    pub fn new() -> Self {
        Self {
            users: Users::new(),
            realm: "hearken".into(),
            throttle: Throttle::new(),
            known_clients: KnownClients::new(),
            hashing: Semaphore::new((processors() / 2).max(1)),
            delayed: AtomicUsize::new(0),
            // A server that stops waits for none of it.
            pause: |request, time| {
                request.connection().wait(time);
            },
            clock: Instant::now,
        }
    }

    /// Adds a user who may read, and write where there are no writers. In place of the password there may be a hash of it, of
    /// Argon2 (`$argon2id$...`, see [`hash_password`](crate::hash_password)) or bcrypt (`$2b$...`); it is computed once for the right password and
    /// for each wrong one, for no more than half of the processors at a time.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] when name or password cannot be.
    pub fn user(mut self, name: &str, password: &str) -> Result<Self, CredentialsError> {
        self.users.add(name, password, false)?;
        Ok(self)
    }

    /// Adds a user who may read and write.
    ///
    /// # Errors
    ///
    /// As [`BasicAuth::user`].
    pub fn writer(mut self, name: &str, password: &str) -> Result<Self, CredentialsError> {
        self.users.add(name, password, true)?;
        Ok(self)
    }

    /// What a browser shows beside the fields for name and password. Defaults to `hearken`.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// The handler with this around it.
    pub fn around(self, handler: impl Handler) -> impl Handler {
        Wrapped { auth: self, handler }
    }

    fn needs_password(&self, access: Access) -> bool {
        self.users.readers() > 0 || (access == Access::Write && self.users.writers() > 0)
    }

    fn allows(&self, user: &User, access: Access) -> bool {
        access == Access::Read || user.writer || self.users.writers() == 0
    }

    /// The user who sent the request.
    fn authenticate(&self, request: &Request) -> Result<&User, HttpError> {
        let Some(Ok(credentials)) = request.header("Authorization").map(Credentials::parse) else {
            return Err(self.unauthorized("this needs a user name and a password"));
        };
        let claim = self.throttle.claim(request.client(), &credentials.user);
        if let Some(user) = self.admit(claim, self.users.recognize(&credentials))? {
            return Ok(user);
        }
        let failures = if self.users.have_hashes() {
            let Ok(permit) = self.hashing.acquire(MOST_WAITING) else { return Err(HttpError::TooManyRequests(1)) };
            // Another thread may have verified the same password while this one waited.
            if let Some(user) = self.admit(claim, self.users.recognize(&credentials))? {
                return Ok(user);
            }
            // Counted before it is known, so that no more are tried at the same time than may fail.
            let failures = self.throttle.record_failure(claim, (self.clock)())?;
            if let Some(user) = self.users.verify(&credentials) {
                self.throttle.forgive(claim, (self.clock)());
                self.known_clients.record_success(claim, (self.clock)());
                return Ok(user);
            }
            drop(permit);
            failures
        } else {
            self.throttle.record_failure(claim, (self.clock)())?
        };
        self.known_clients.record_failure(claim, (self.clock)());
        self.delay_response(failures, request);
        Err(self.unauthorized("the user name or the password is wrong"))
    }

    /// Whether the claim is admitted by what is known already. `None` where its password is still to be verified.
    fn admit<'a>(&self, claim: Claim, recognized: Option<&'a User>) -> Result<Option<&'a User>, RetryAfter> {
        let now = (self.clock)();
        match self.throttle.check(claim, now) {
            Ok(()) => {
                if recognized.is_some() {
                    self.known_clients.record_success(claim, now);
                }
                Ok(recognized)
            }
            // Who is right is not told so after too many failures, unless it was so before: it may be the one who guesses.
            Err(_) if self.known_clients.admits(claim, recognized.is_some(), now) => Ok(recognized),
            Err(retry_after) => Err(retry_after),
        }
    }

    /// Waits for longer with each failure, unless too many wait already: each holds a connection and its thread.
    fn delay_response(&self, failures: u32, request: &Request) {
        log::warn!("{}: a wrong user name or password, {failures} lately", request.client());
        if self.delayed.fetch_add(1, Ordering::Relaxed) < MOST_DELAYED {
            (self.pause)(request, (DELAY_PER_FAILURE * failures).min(MOST_DELAY));
        }
        self.delayed.fetch_sub(1, Ordering::Relaxed);
    }

    fn unauthorized(&self, reason: &'static str) -> HttpError {
        HttpError::Unauthorized { challenge: challenge(&self.realm), reason: reason.into() }
    }
}

/// How late a failure is answered, for each of the last ones of its claim.
/// The most requests that wait for a hash to be computed, which is done for half of the processors at a time.
const MOST_WAITING: usize = 64;

const DELAY_PER_FAILURE: Duration = Duration::from_millis(100);
const MOST_DELAY: Duration = Duration::from_secs(1);

/// The most failures that are answered late at the same time.
const MOST_DELAYED: usize = 32;

impl Default for BasicAuth {
    fn default() -> Self {
        Self::new()
    }
}

struct Wrapped<H> {
    auth: BasicAuth,
    handler: H,
}

impl<H: Handler> Handler for Wrapped<H> {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        let access = if request.method().is_safe() { Access::Read } else { Access::Write };
        if self.auth.needs_password(access) {
            let user = self.auth.authenticate(request)?;
            if !self.auth.allows(user, access) {
                return Err(HttpError::Denied(format!("{} may read here and not write", user.name).into()));
            }
            request.set_user(&user.name);
        }
        self.handler.handle(request)
    }
}

impl From<RetryAfter> for HttpError {
    fn from(RetryAfter(wait): RetryAfter) -> Self {
        Self::TooManyRequests(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
