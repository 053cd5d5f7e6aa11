//! Cookies as a server sets them (RFC 6265 §4.1), and the rules that browsers drop them by.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cookie::Expiration;
use cookie::time::OffsetDateTime;

use super::headers::is_token;

/// A cookie to set, with [`Response::with_cookie`](crate::Response::with_cookie).
///
/// By default it is sent back with requests for all paths of the host (`Path=/`), is hidden from scripts (`HttpOnly`), is not sent with
/// requests that other sites make, except for links to this one (`SameSite=Lax`), and is forgotten when the browser ends. A cookie of
/// a site with HTTPS should also be [`secure`](Cookie::secure). Needs the feature `cookies`.
///
/// ```
/// use std::time::Duration;
/// use hearken::{Cookie, Request, Response, Router, Status};
///
/// let app = Router::new()
///     .post("/login", |_| Response::new(Status::NO_CONTENT).with_cookie(Cookie::new("session", "3f9a").max_age(Duration::from_secs(3600))))
///     .get("/", |request| request.cookie("session").map(|session| format!("session {session}")))
///     .post("/logout", |_| Response::new(Status::NO_CONTENT).without_cookie("session"));
///
/// let response = app.respond(&mut Request::post("/login"));
/// assert_eq!(response.header("Set-Cookie"), Some("session=3f9a; HttpOnly; SameSite=Lax; Path=/; Max-Age=3600"));
/// let mut response = app.respond(&mut Request::get("/").with_cookie("session", "3f9a"));
/// assert_eq!(response.read_text()?, "session 3f9a");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// `Debug` does not show the value.
#[derive(Clone, PartialEq)]
pub struct Cookie(cookie::Cookie<'static>);

/// Whether requests that pages of other sites make have the cookie (RFC 6265bis §5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// None of them.
    Strict,
    /// Those that follow a link to this site, by a safe method.
    Lax,
    /// All. The cookie must be [`secure`](Cookie::secure).
    None,
}

impl Cookie {
    /// A cookie with this name and value.
    ///
    /// The name is a token, and the value is of visible ASCII characters without quotes, commas, semicolons and backslashes. If it may
    /// have others, it has to be encoded, for example in base64 or with percent signs.
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        let cookie = cookie::Cookie::build((name, value));
        Self(cookie.path("/").http_only(true).same_site(cookie::SameSite::Lax).build())
    }

    /// The paths with which the cookie is sent: this one and all below it. Defaults to `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.0.set_path(path);
        self
    }

    /// The domain to whose hosts the cookie is sent. Defaults to none: it is sent only to the host that has set it.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Self {
        self.0.set_domain(domain);
        self
    }

    /// How long the browser keeps it, in whole seconds; zero removes it. Defaults to until the browser ends.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.0.set_max_age(cookie::time::Duration::seconds(i64::try_from(age.as_secs()).unwrap_or(i64::MAX)));
        self
    }

    /// Until when the browser keeps it, for those that do not know [`max_age`](Cookie::max_age), which takes precedence. Defaults to
    /// until the browser ends. A time before 1970 or after 9999 is replaced by the nearest one in between.
    #[must_use]
    pub fn expires(mut self, time: SystemTime) -> Self {
        self.0.set_expires(OffsetDateTime::from(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LATEST)));
        self
    }

    /// Whether it is sent by HTTPS only. Defaults to false.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.0.set_secure(secure);
        self
    }

    /// Whether it is hidden from scripts. Defaults to true.
    #[must_use]
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.0.set_http_only(http_only);
        self
    }

    /// Whether requests that pages of other sites make have the cookie. Defaults to [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.0.set_same_site(match same_site {
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::None => cookie::SameSite::None,
        });
        self
    }

    /// Whether a site that is embedded in others has a cookie of its own in each of them. The cookie must be
    /// [`secure`](Cookie::secure). Defaults to false.
    #[must_use]
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.0.set_partitioned(partitioned);
        self
    }

    /// The same, to be removed: without a value, and expired.
    pub(crate) fn removal(mut self) -> Self {
        self.0.set_value("");
        self.0.set_expires(Expiration::from(OffsetDateTime::UNIX_EPOCH));
        self.0.set_max_age(cookie::time::Duration::ZERO);
        self
    }

    /// Why it cannot be sent, or why every browser would drop it; `None` if it is fine.
    pub(crate) fn fault(&self) -> Option<String> {
        let cookie = &self.0;
        let refused = |reason: &str| Some(format!("the cookie {:?} {reason}", cookie.name()));
        if !is_token(cookie.name()) {
            return refused("has a name that is not a token");
        }
        if !cookie.value().bytes().all(is_cookie_octet) {
            return refused("has a value with a character that it cannot have: encode it");
        }
        let is_attribute = |value: &str| value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';');
        if !cookie.path().is_none_or(|path| path.starts_with('/') && is_attribute(path)) {
            return refused("has a path that does not begin with a slash, or holds a character that it cannot have");
        }
        // A leading dot is not printed.
        if !cookie.domain().is_none_or(|domain| !domain.is_empty() && domain.bytes().all(is_host_byte)) {
            return refused("has a domain that is no host name");
        }
        let (is_secure, has_same_site_none) =
            (cookie.secure() == Some(true), cookie.same_site() == Some(cookie::SameSite::None));
        if has_same_site_none && !is_secure {
            return refused("is SameSite=None, and browsers drop it unless it is secure too");
        }
        if cookie.partitioned() == Some(true) && !is_secure {
            return refused("is partitioned, and browsers drop it unless it is secure too");
        }
        // RFC 6265bis §4.1.3: browsers compare the prefix without regard to case.
        let has_prefix =
            |prefix: &str| cookie.name().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if has_prefix("__Secure-") && !is_secure {
            return refused("must be secure, as its name says");
        }
        if has_prefix("__Host-") && (!is_secure || cookie.domain().is_some() || cookie.path() != Some("/")) {
            return refused("must be secure, have the path / and no domain, as its name says");
        }
        None
    }
}

/// The last second of 9999, since 1970.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// A cookie with this name and no value, as [`Response::without_cookie`](crate::Response::without_cookie) takes it.
impl From<&'static str> for Cookie {
    fn from(name: &'static str) -> Self {
        Self::new(name, "")
    }
}

/// The value of its `Set-Cookie` field.
impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_value("...");
        f.debug_tuple("Cookie").field(&shown.to_string()).finish()
    }
}

/// The cookies in the value of a `Cookie` field, by name and value, in order. What is no pair is left out (RFC 6265 §5.4).
pub(crate) fn parse(field: &str) -> impl Iterator<Item = (&str, &str)> {
    cookie::Cookie::split_parse(field).flatten().filter_map(|cookie| Some((cookie.name_raw()?, cookie.value_raw()?)))
}

/// RFC 6265 §4.1.1.
fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_printed() {
        let day = Duration::from_secs(24 * 60 * 60);
        let full = Cookie::new("a", "b")
            .path("/sub")
            .domain("example.com")
            .max_age(day)
            .expires(UNIX_EPOCH + day)
            .secure(true)
            .http_only(false)
            .same_site(SameSite::Strict)
            .partitioned(true);
        let table = [
            (Cookie::new("a", "b"), "a=b; HttpOnly; SameSite=Lax; Path=/"),
            (
                full.clone(),
                "a=b; SameSite=Strict; Partitioned; Secure; Path=/sub; Domain=example.com; Max-Age=86400; \
                 Expires=Fri, 02 Jan 1970 00:00:00 GMT",
            ),
            (
                full.removal(),
                "a=; SameSite=Strict; Partitioned; Secure; Path=/sub; Domain=example.com; Max-Age=0; \
                 Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                Cookie::new("a", "").max_age(Duration::MAX),
                "a=; HttpOnly; SameSite=Lax; Path=/; Max-Age=9223372036854775807",
            ),
        ];
        for (cookie, expected) in table {
            assert_eq!(cookie.to_string(), expected);
            assert_eq!(cookie.fault(), None);
        }
    }

    #[test]
    fn any_time_is_a_date() {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let table = [
            (UNIX_EPOCH - 2000 * year, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + LATEST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (UNIX_EPOCH + LATEST + Duration::from_secs(1), "Fri, 31 Dec 9999 23:59:59 GMT"),
            (UNIX_EPOCH + 1_000_000 * year, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (time, date) in table {
            let cookie = Cookie::new("a", "b").expires(time).to_string();
            assert!(cookie.ends_with(&format!("; Expires={date}")), "{cookie}");
        }
    }

    #[test]
    fn what_cannot_be_sent_or_would_be_dropped_is_a_fault() {
        let cookie = || Cookie::new("a", "b");
        let host = || Cookie::new("__host-a", "b");
        let table = [
            (Cookie::new("", "b"), "name"),
            (Cookie::new("a b", "b"), "name"),
            (Cookie::new("a=b", "b"), "name"),
            (Cookie::new("größe", "b"), "name"),
            (Cookie::new("a", "b; Path=/x"), "value"),
            (Cookie::new("a", "b c"), "value"),
            (Cookie::new("a", "\"b\""), "value"),
            (Cookie::new("a", "b,c"), "value"),
            (Cookie::new("a", "b\\c"), "value"),
            (Cookie::new("a", "b\r\nX: y"), "value"),
            (Cookie::new("a", "ö"), "value"),
            (cookie().path("x"), "path"),
            (cookie().path("/x; Domain=y"), "path"),
            (cookie().path("/x\r\n"), "path"),
            (cookie().domain(""), "domain"),
            (cookie().domain("a;b"), "domain"),
            (cookie().same_site(SameSite::None), "SameSite=None"),
            (cookie().partitioned(true), "partitioned"),
            (Cookie::new("__Secure-a", "b"), "secure"),
            (host(), "as its name says"),
            (host().secure(true).path("/x"), "as its name says"),
            (host().secure(true).domain("example.com"), "as its name says"),
        ];
        for (cookie, reason) in table {
            assert!(cookie.fault().is_some_and(|fault| fault.contains(reason)), "{cookie:?}");
        }
        let fine = [
            cookie(),
            cookie().same_site(SameSite::None).secure(true),
            Cookie::new("__Secure-a", "b").secure(true),
            host().secure(true),
            Cookie::new("a", "!#$%&'()*+-./:<=>?@[]^_`{|}~"),
        ];
        for cookie in fine {
            assert_eq!(cookie.fault(), None, "{cookie:?}");
        }
    }

    #[test]
    fn debug_does_not_show_the_value() {
        let shown = format!("{:?}", Cookie::new("session", "3f9a"));
        assert_eq!(shown, "Cookie(\"session=...; HttpOnly; SameSite=Lax; Path=/\")");
    }

    #[test]
    fn what_is_no_cookie_is_left_out() {
        let table: [(&str, &[(&str, &str)]); 7] = [
            ("a=b", &[("a", "b")]),
            ("a=b; c=d;e=f ;", &[("a", "b"), ("c", "d"), ("e", "f")]),
            ("A=1; a=2; a=3", &[("A", "1"), ("a", "2"), ("a", "3")]),
            ("a=b=c; d=", &[("a", "b=c"), ("d", "")]),
            ("nonsense; =x; a=b", &[("a", "b")]),
            ("", &[]),
            ("a=größe%20", &[("a", "größe%20")]),
        ];
        for (field, cookies) in table {
            assert_eq!(parse(field).collect::<Vec<_>>(), cookies, "{field:?}");
        }
    }
}
