//! Request targets (RFC 9112 §3.2).

use std::ops::Range;

use super::host;
use super::method::Method;
use super::path;

/// The form of a request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://authority/path?query`
    Absolute,
    /// `*`, for `OPTIONS`
    Asterisk,
    /// `host:port`, for `CONNECT`
    Authority,
}

/// The form of a request target, and the positions of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) form: TargetForm,
    /// The path as sent: it starts with `/`, is `*`, or is empty. In authority form it is the whole target.
    pub(crate) path: Range<usize>,
    /// The query as sent, without its `?`.
    pub(crate) query: Option<Range<usize>>,
    /// The authority, in absolute and authority form.
    pub(crate) authority: Option<Range<usize>>,
}

/// Why a request target was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetError {
    /// None of the four forms.
    Form,
    /// `*` with another method than `OPTIONS` (RFC 9112 §3.2.4).
    Asterisk,
    /// `CONNECT` with another target than a host and a port (RFC 9112 §3.2.3).
    Connect,
    /// A control character, a space, a `#`, or a byte beyond ASCII.
    Character,
    /// A `%` in the path without two hexadecimal digits after it.
    Percent,
}

impl TargetError {
    /// The reason, as the client reads it.
    pub(crate) fn explain(self) -> &'static str {
        match self {
            Self::Form => "the request target is neither a path nor an http URL",
            Self::Asterisk => "the request target * is for OPTIONS only",
            Self::Connect => "the target of CONNECT is not a host and a port",
            Self::Character => "the request target contains a character that must be percent-encoded",
            Self::Percent => "the path contains a % without two hexadecimal digits after it",
        }
    }
}

impl Target {
    /// Parses the target of a request with this method.
    pub(crate) fn parse(method: &Method, target: &str) -> Result<Self, TargetError> {
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(TargetError::Character);
        }
        if *method == Method::Connect {
            if !host::is_host_with_port(target) {
                return Err(TargetError::Connect);
            }
            let all = 0..target.len();
            return Ok(Self { form: TargetForm::Authority, path: all.clone(), query: None, authority: Some(all) });
        }
        if target == "*" {
            if *method != Method::Options {
                return Err(TargetError::Asterisk);
            }
            return Ok(Self { form: TargetForm::Asterisk, path: 0..1, query: None, authority: None });
        }
        let (form, path_start, authority) =
            if target.starts_with('/') { (TargetForm::Origin, 0, None) } else { parse_absolute(target)? };
        let path_end = target[path_start..].find('?').map_or(target.len(), |at| path_start + at);
        if !path::has_valid_percent_encoding(&target[path_start..path_end]) {
            return Err(TargetError::Percent);
        }
        Ok(Self {
            form,
            path: path_start..path_end,
            query: (path_end < target.len()).then(|| path_end + 1..target.len()),
            authority,
        })
    }
}

/// The form, the start of the path and the authority of a target in absolute form.
fn parse_absolute(target: &str) -> Result<(TargetForm, usize, Option<Range<usize>>), TargetError> {
    let scheme_end = target.find("://").ok_or(TargetError::Form)?;
    let scheme = &target[..scheme_end];
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(TargetError::Form);
    }
    let start = scheme_end + 3;
    let end = target[start..].find(['/', '?']).map_or(target.len(), |at| start + at);
    // RFC 9110 §4.2: an http URL with an empty host, or with user information, is not valid.
    if !host::is_host(&target[start..end]) {
        return Err(TargetError::Form);
    }
    Ok((TargetForm::Absolute, end, Some(start..end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_parsed_into_path_query_and_authority() {
        let table: [(&str, Result<(&str, Option<&str>, Option<&str>), TargetError>); 23] = [
            ("/", Ok(("/", None, None))),
            ("/a/b?q=1", Ok(("/a/b", Some("q=1"), None))),
            ("/a?", Ok(("/a", Some(""), None))),
            ("/a?b?c", Ok(("/a", Some("b?c"), None))),
            ("//evil/", Ok(("//evil/", None, None))),
            ("/%41?%zz", Ok(("/%41", Some("%zz"), None))),
            ("http://h/p?q", Ok(("/p", Some("q"), Some("h")))),
            ("HTTPS://h:1/p", Ok(("/p", None, Some("h:1")))),
            ("http://h", Ok(("", None, Some("h")))),
            ("http://h?q", Ok(("", Some("q"), Some("h")))),
            ("http://[::1]:80/p", Ok(("/p", None, Some("[::1]:80")))),
            ("", Err(TargetError::Form)),
            ("*", Err(TargetError::Asterisk)),
            ("http://a,b/", Err(TargetError::Form)),
            ("a", Err(TargetError::Form)),
            ("http:///p", Err(TargetError::Form)),
            ("http://me@h/", Err(TargetError::Form)),
            ("ftp://h/", Err(TargetError::Form)),
            ("h:443", Err(TargetError::Form)),
            ("/a#b", Err(TargetError::Character)),
            ("/a\tb", Err(TargetError::Character)),
            ("/é", Err(TargetError::Character)),
            ("/%4", Err(TargetError::Percent)),
        ];
        for (target, expected) in table {
            let parsed = Target::parse(&Method::Get, target);
            let seen = parsed.as_ref().map(|t| {
                (&target[t.path.clone()], t.query.clone().map(|q| &target[q]), t.authority.clone().map(|a| &target[a]))
            });
            assert_eq!(seen.map_err(|&error| error), expected, "{target:?}");
        }
    }

    #[test]
    fn asterisk_and_authority_form_are_for_one_method_each() {
        let table = [
            (Method::Options, "*", Ok(TargetForm::Asterisk)),
            (Method::Options, "/", Ok(TargetForm::Origin)),
            (Method::Post, "*", Err(TargetError::Asterisk)),
            (Method::Connect, "a:443", Ok(TargetForm::Authority)),
            (Method::Connect, "[::1]:443", Ok(TargetForm::Authority)),
            (Method::Connect, "a", Err(TargetError::Connect)),
            (Method::Connect, "/", Err(TargetError::Connect)),
            (Method::Connect, "*", Err(TargetError::Connect)),
            (Method::Get, "a:443", Err(TargetError::Form)),
        ];
        for (method, target, expected) in table {
            assert_eq!(Target::parse(&method, target).map(|target| target.form), expected, "{method} {target}");
        }
    }
}
