//! The layer: asks for a user name and a password before the inner handler sees the request (RFC 7617).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::error::CredentialsError;
use super::known_clients::KnownClients;
use super::throttle::{Claim, RetryAfter, Throttle};
use super::users::{User, Users};
use crate::handler::{IntoResponse as _, Layer, Next};
use crate::http::authorization::{Credentials, challenge};
use crate::http::error::HttpError;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::semaphore::{Semaphore, processors};

/// A layer for Basic authentication (RFC 7617). Needs the feature `auth`.
///
/// Once a user is added, every request needs a password. Once a writer is added, requests with methods other than `GET`, `HEAD`
/// and `OPTIONS` need a writer's password; writers may read too, and users may then only read. A request without a password gets
/// 401 before its body is read; a user who may only read and tries to write gets 403.
///
/// Responses to wrong passwords are delayed. After ten failures for one user name from one address, further passwords for that
/// name get 429 without being checked, except one every six seconds. Unknown names are counted too; beyond 16 names from one
/// address, all other names share one count. IPv6 addresses are counted by their first 64 bits, link-local ones in full. Behind a
/// reverse proxy the client's own address counts if the proxy is [trusted](crate::Settings::trusted_proxies).
///
/// So that one client's guesses do not lock others out, a password that was right from the same address within the last 12 hours
/// still passes. This makes guessing no faster in the long run: each wrong password for that name and address also counts
/// against this exception. After a burst of 100, and then one every six seconds, the right password has to wait as well.
///
/// ```
/// use hearken::{BasicAuth, Request, Router};
///
/// let app = Router::new()
///     .layer(BasicAuth::new().user("ada", "secret")?)
///     .get("/", |request| format!("hello, {}", request.user().unwrap_or("stranger")));
/// assert_eq!(app.respond(&mut Request::get("/")).status().code(), 401);
/// let mut request = Request::get("/").with_header("Authorization", "Basic YWRhOnNlY3JldA==");
/// assert_eq!(app.respond(&mut request).read_text().unwrap(), "hello, ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BasicAuth {
    users: Users,
    realm: String,
    throttle: Throttle,
    known_clients: KnownClients,
    hashing: Semaphore,
    /// How many responses to failures are being delayed.
    delayed: AtomicUsize,
    /// Waits before a failure is answered. Tests wait for nothing.
    pause: fn(&Request, Duration),
    /// Returns the time. In tests it stands still.
    clock: fn() -> Instant,
}

/// What a request needs permission for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl BasicAuth {
    /// Asks for no password until a user is added.
    pub fn new() -> Self {
        Self {
            users: Users::new(),
            realm: "hearken".into(),
            throttle: Throttle::new(),
            known_clients: KnownClients::new(),
            hashing: Semaphore::new((processors() / 2).max(1)),
            delayed: AtomicUsize::new(0),
            // Ends early when the server stops.
            pause: |request, time| {
                request.connection().wait(time);
            },
            clock: Instant::now,
        }
    }

    /// Adds a user who may read, and who may write as long as there are no writers. The password may be given as its hash, by
    /// Argon2 (`$argon2id$...`, see [`hash_password`](crate::hash_password)) or bcrypt (`$2b$...`). A hash is computed once for
    /// the right password and once for each wrong one, on no more than half of the processors at a time.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] says why the name or the password cannot be used.
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

    /// Sets the realm, which a browser shows when it asks for name and password. Defaults to `hearken`.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    fn needs_password(&self, access: Access) -> bool {
        self.users.readers() > 0 || (access == Access::Write && self.users.writers() > 0)
    }

    /// Finds the user who sent the request, and who may do what it asks for.
    fn permitted_user(&self, access: Access, request: &Request) -> Result<&User, HttpError> {
        let user = self.authenticate(request)?;
        if access == Access::Read || user.writer || self.users.writers() == 0 {
            return Ok(user);
        }
        Err(HttpError::forbidden(format!("{} may read here and not write", user.name)))
    }

    /// Finds the user who sent the request.
    fn authenticate(&self, request: &Request) -> Result<&User, HttpError> {
        let Some(Ok(credentials)) = request.header("Authorization").map(Credentials::parse) else {
            return Err(self.unauthorized("this needs a user name and a password"));
        };
        let claim = self.throttle.claim(request.client(), &credentials.user);
        if let Some(user) = self.admit(claim, self.users.recognize(&credentials))? {
            return Ok(user);
        }
        let failures = if self.users.have_hashes() {
            let Ok(permit) = self.hashing.acquire(MAX_WAITING) else { return Err(HttpError::TooManyRequests(1)) };
            // Another thread may have verified the same password in the meantime.
            if let Some(user) = self.admit(claim, self.users.recognize(&credentials))? {
                return Ok(user);
            }
            // Counted as a failure before the hash is computed, so that parallel guesses cannot exceed the burst.
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

    /// Decides without computing a hash: the user whose password was recognized, `None` when the hash has to be computed, or
    /// an error when there were too many failures.
    fn admit<'a>(&self, claim: Claim, recognized: Option<&'a User>) -> Result<Option<&'a User>, RetryAfter> {
        let now = (self.clock)();
        match self.throttle.check(claim, now) {
            Ok(()) => {
                if recognized.is_some() {
                    self.known_clients.record_success(claim, now);
                }
                Ok(recognized)
            }
            // After too many failures even a right password is refused, because it may be a lucky guess, unless it was right
            // from this address before.
            Err(_) if self.known_clients.admits(claim, recognized.is_some(), now) => Ok(recognized),
            Err(retry_after) => Err(retry_after),
        }
    }

    /// Waits longer with each failure, but not when too many responses are delayed already: each holds a connection and a thread.
    fn delay_response(&self, failures: u32, request: &Request) {
        log::warn!("{}: a wrong user name or password, {failures} recently", request.client());
        if self.delayed.fetch_add(1, Ordering::Relaxed) < MAX_DELAYED {
            (self.pause)(request, (DELAY_PER_FAILURE * failures).min(MAX_DELAY));
        }
        self.delayed.fetch_sub(1, Ordering::Relaxed);
    }

    fn unauthorized(&self, reason: &'static str) -> HttpError {
        HttpError::Unauthorized { challenge: challenge(&self.realm), reason: reason.into() }
    }
}

/// The most requests that wait for a hash to be computed.
const MAX_WAITING: usize = 64;

/// How long the response to a failure is delayed, for each recent failure of its claim.
const DELAY_PER_FAILURE: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The most responses that are delayed at the same time.
const MAX_DELAYED: usize = 32;

impl Default for BasicAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for BasicAuth {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        let access = if request.method().is_safe() { Access::Read } else { Access::Write };
        if self.needs_password(access) {
            match self.permitted_user(access, request) {
                Ok(user) => request.set_user(&user.name),
                Err(error) => return error.into_response(request),
            }
        }
        next.respond(request)
    }
}

impl From<RetryAfter> for HttpError {
    fn from(RetryAfter(wait): RetryAfter) -> Self {
        Self::TooManyRequests(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
