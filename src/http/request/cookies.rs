//! The cookies of a request.

use super::request::Request;
use crate::http::cookie;

impl Request {
    /// The value of the first cookie with this name, as the client sent it (RFC 6265 §4.2). Names are case-sensitive.
    ///
    /// The first one is the one with the longest path. A value is whatever the client chooses: a session needs one that cannot be
    /// guessed, and what it stands for stays on the server. Needs the feature `cookies`.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(sent, _)| *sent == name).map(|(_, value)| value)
    }

    /// All cookies as (name, value), in the order in which they were sent. What is no cookie in the field is left out. Needs the
    /// feature `cookies`.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Cookie"))
            .flat_map(|(_, field)| cookie::parse(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_of_all_fields_are_found() {
        let request = Request::get("/").with_header("Cookie", "a=1; b=2").with_header("cookie", "b=3; c=4");
        assert_eq!(request.cookies().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("b", "3"), ("c", "4")]);
        assert_eq!((request.cookie("b"), request.cookie("c"), request.cookie("C")), (Some("2"), Some("4"), None));
        assert_eq!(Request::get("/").with_cookie("a", "b").cookie("a"), Some("b"));
        assert_eq!(Request::get("/").cookie("a"), None);
    }
}
