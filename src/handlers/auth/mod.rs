//! Who may: asks for a user name and a password before the handler inside sees the request.

mod gate;
mod password;
mod throttle;
mod users;

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::handlers::Handler;
use crate::http::authorization::{Credentials, challenge};
use crate::http::error::HttpError;
use crate::http::peer::Client;
use crate::http::request::Request;
use crate::http::response::Response;

use gate::Gate;
pub use password::hash_password;
use throttle::{Throttle, TooOften, subscriber};
use users::{User, Users};

/// Basic authentication (RFC 7617), wrapped around a handler.
///
/// With users, everything needs a password. With writers, changing something (all methods but `GET`, `HEAD` and `OPTIONS`)
/// needs a password of theirs; they may read as well, and users may then read only. A request without a password is answered
/// 401, before its body is read; one that may only read, 403.
///
/// Wrong passwords are answered late. After ten from one address it is answered 429 whatever it sends, and may try again once
/// every six seconds. IPv6 addresses are counted by their first 64 bits. Behind a reverse proxy all requests come from one
/// address: let the proxy ask for the password there.
///
/// ```
/// use hearken::{Auth, Handler, Request, Response};
///
/// let app = Auth::new().user("ada", "secret")?.around(|_: &mut Request| Response::text("hello"));
/// assert!(app.handle(&mut Request::get("/")).is_err());
/// assert!(app.handle(&mut Request::get("/").with_header("Authorization", "Basic YWRhOnNlY3JldA==")).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Auth {
    users: Users,
    realm: String,
    throttle: Throttle,
    gate: Gate,
    /// How many failures are being answered late.
    late: AtomicUsize,
    /// How late a failure is answered, for each of the address's last ones.
    lateness: Duration,
}

/// Why a user cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
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

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read,
    Write,
}

impl Auth {
    /// Asks for no password, as long as there are no users.
    pub fn new() -> Self {
        Self {
            users: Users::new(),
            realm: "hearken".into(),
            throttle: Throttle::new(),
            gate: Gate::new(),
            late: AtomicUsize::new(0),
            lateness: LATENESS,
        }
    }

    /// Adds a user who may read, and write where there are no writers. In place of the password there may be a hash of it, of
    /// Argon2 (`$argon2id$...`, see [`hash_password`]) or bcrypt (`$2b$...`); it is computed once for the right password and
    /// for each wrong one, for no more than half of the processors at a time.
    ///
    /// # Errors
    ///
    /// [`AuthError`] when name or password cannot be.
    pub fn user(mut self, name: &str, password: &str) -> Result<Self, AuthError> {
        self.users.add(name, password, false)?;
        Ok(self)
    }

    /// Adds a user who may read and write.
    ///
    /// # Errors
    ///
    /// As [`Auth::user`].
    pub fn writer(mut self, name: &str, password: &str) -> Result<Self, AuthError> {
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
        Guarded { auth: self, handler }
    }

    fn asks_before(&self, act: Act) -> bool {
        self.users.readers() > 0 || (act == Act::Write && self.users.writers() > 0)
    }

    fn allows(&self, user: &User, act: Act) -> bool {
        act == Act::Read || user.writer || self.users.writers() == 0
    }

    /// The user who sent the request.
    fn identify(&self, request: &Request) -> Result<&User, HttpError> {
        let Some(Ok(credentials)) = request.header("Authorization").map(Credentials::parse) else {
            return Err(self.unauthorized("this needs a user name and a password"));
        };
        let address = subscriber(request.client());
        let recognized = self.users.recognize(&credentials);
        // Even who is right is not told so after too many failures: it may be the same one who guesses on.
        self.throttle.check(address, Instant::now())?;
        if let Some(user) = recognized {
            return Ok(user);
        }
        let failures = if self.users.have_hashes() {
            let Ok(inside) = self.gate.enter() else { return Err(HttpError::TooManyRequests(1)) };
            // Whoever was inside before may have found the same.
            if let Some(user) = self.users.recognize(&credentials) {
                self.throttle.check(address, Instant::now())?;
                return Ok(user);
            }
            // Counted before it is known, so that no more are tried at the same time than may fail.
            let failures = self.throttle.fail(address, Instant::now())?;
            if let Some(user) = self.users.verify(&credentials) {
                self.throttle.forgive(address, Instant::now());
                return Ok(user);
            }
            drop(inside);
            failures
        } else {
            self.throttle.fail(address, Instant::now())?
        };
        self.answer_late(failures, request.client());
        Err(self.unauthorized("the user name or the password is wrong"))
    }

    /// Waits for longer with each failure, unless too many wait already: each holds a connection and its thread.
    fn answer_late(&self, failures: u32, client: Client) {
        log::warn!("{client}: a wrong user name or password, {failures} lately");
        if self.late.fetch_add(1, Ordering::Relaxed) < MOST_LATE {
            thread::sleep((self.lateness * failures).min(MOST_LATENESS));
        }
        self.late.fetch_sub(1, Ordering::Relaxed);
    }

    fn unauthorized(&self, reason: &'static str) -> HttpError {
        HttpError::Unauthorized { challenge: challenge(&self.realm), reason: reason.into() }
    }
}

const LATENESS: Duration = Duration::from_millis(100);
const MOST_LATENESS: Duration = Duration::from_secs(1);

/// The most failures that are answered late at the same time.
const MOST_LATE: usize = 32;

impl Default for Auth {
    fn default() -> Self {
        Self::new()
    }
}

struct Guarded<H> {
    auth: Auth,
    handler: H,
}

impl<H: Handler> Handler for Guarded<H> {
    fn handle(&self, request: &mut Request) -> Result<Response, HttpError> {
        let act = if request.method().is_safe() { Act::Read } else { Act::Write };
        if self.auth.asks_before(act) {
            let user = self.auth.identify(request)?;
            if !self.auth.allows(user, act) {
                return Err(HttpError::Denied(format!("{} may read here and not write", user.name).into()));
            }
            request.set_user(&user.name);
        }
        self.handler.handle(request)
    }
}

impl From<TooOften> for HttpError {
    fn from(TooOften(wait): TooOften) -> Self {
        Self::TooManyRequests(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }
}

impl fmt::Display for AuthError {
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

impl Error for AuthError {}

#[cfg(test)]
mod tests;
