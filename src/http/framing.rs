//! What the head of a request says of its body and of its connection (RFC 9112 §3.2, §6 and §9.3), read strictly: a
//! head that two readers could take in two ways is refused, for that is how requests are smuggled.

use super::body::BodyLength;
use super::error::HttpError;
use super::headers::list;
use super::method::{Method, Version};
use super::target::{Form, Target};

/// The fields that frame a request, each with all its values.
#[derive(Debug, Default)]
pub(crate) struct FramingFields<'a> {
    pub(crate) host: Vec<&'a str>,
    pub(crate) content_length: Vec<&'a str>,
    pub(crate) transfer_encoding: Vec<&'a str>,
    pub(crate) connection: Vec<&'a str>,
}

/// How a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) body: BodyLength,
    /// Whether the client wants to send another request on the connection.
    pub(crate) persistent: bool,
}

/// Reads the framing of a request, or says why what follows on its connection cannot be trusted.
pub(crate) fn read(
    method: &Method,
    version: Version,
    target: &Target,
    fields: &FramingFields<'_>,
) -> Result<Framing, HttpError> {
    check_target(method, target)?;
    check_host(version, &fields.host)?;
    let body = body_length(version, fields)?;
    // A request that asks for another protocol is answered in HTTP/1.1 (RFC 9110 §7.8), and is then the last one.
    let tokens = || fields.connection.iter().flat_map(|value| list(value));
    let has = |name: &str| tokens().any(|token| token.eq_ignore_ascii_case(name));
    let upgrade = has("upgrade");
    if upgrade && body == BodyLength::Chunked {
        return Err(HttpError::NotImplemented("a chunked body with Connection: upgrade".into()));
    }
    let persistent = match version {
        Version::Http11 => !has("close"),
        Version::Http10 => has("keep-alive") && !has("close"),
    };
    Ok(Framing { body, persistent: persistent && !upgrade })
}

/// RFC 9112 §3.2.4: the asterisk-form is for OPTIONS only.
fn check_target(method: &Method, target: &Target) -> Result<(), HttpError> {
    if target.form == Form::Asterisk && *method != Method::Options {
        return Err(HttpError::bad_request("the target * goes with OPTIONS only"));
    }
    Ok(())
}

fn check_host(version: Version, host: &[&str]) -> Result<(), HttpError> {
    match host {
        [] if version == Version::Http10 => Ok(()),
        [] => Err(HttpError::bad_request("there is no Host field")),
        [host] if is_host(host) => Ok(()),
        [_] => Err(HttpError::bad_request("the Host field is not a host")),
        _ => Err(HttpError::bad_request("there is more than one Host field")),
    }
}

/// The characters of RFC 3986 §3.2.2 and §3.2.3, not their grammar; the empty host is allowed (RFC 9112 §3.2).
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte))
}

fn body_length(version: Version, fields: &FramingFields<'_>) -> Result<BodyLength, HttpError> {
    match (fields.transfer_encoding.as_slice(), fields.content_length.as_slice()) {
        ([], []) => Ok(BodyLength::Absent),
        ([], lengths) => content_length(lengths).map(BodyLength::Known),
        (_, [_, ..]) => Err(HttpError::bad_request("there are both Transfer-Encoding and Content-Length")),
        (_, []) if version == Version::Http10 => Err(HttpError::bad_request("HTTP/1.0 has no Transfer-Encoding")),
        (["chunked"], []) => Ok(BodyLength::Chunked),
        _ => Err(HttpError::NotImplemented("a Transfer-Encoding other than chunked".into())),
    }
}

/// RFC 9110 §8.6: digits only. The same length given several times is one length; a list in one field, which RFC 9112
/// §6.3 lets a server refuse, is refused, because tiny_http takes it for no length at all.
fn content_length(values: &[&str]) -> Result<u64, HttpError> {
    let refused = || HttpError::bad_request("the Content-Length is not one number of bytes");
    let mut lengths = values.iter().map(|value| {
        let all_digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| value.parse::<u64>().ok()).flatten().ok_or_else(refused)
    });
    let first = lengths.next().ok_or_else(refused)??;
    for length in lengths {
        if length? != first {
            return Err(refused());
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(version: Version, fields: FramingFields<'_>) -> Result<Framing, u16> {
        let target = Target::parse("/").unwrap();
        read(&Method::Post, version, &target, &fields).map_err(|error| error.status().code())
    }

    #[test]
    fn bodies_are_framed_one_way_or_refused() {
        use BodyLength::{Absent, Chunked, Known};
        let table: &[(&[&str], &[&str], Result<BodyLength, u16>, &str)] = &[
            (&[], &[], Ok(Absent), "no body"),
            (&["0"], &[], Ok(Known(0)), "an empty body"),
            (&["5"], &[], Ok(Known(5)), "a length"),
            (&["5", "5"], &[], Ok(Known(5)), "the same length twice"),
            (&["5", "6"], &[], Err(400), "two lengths"),
            (&["5, 5"], &[], Err(400), "a list"),
            (&["+5"], &[], Err(400), "a sign"),
            (&["-5"], &[], Err(400), "a sign"),
            (&["5 "], &[], Err(400), "white space"),
            (&["0x5"], &[], Err(400), "not decimal"),
            (&[""], &[], Err(400), "empty"),
            (&["18446744073709551616"], &[], Err(400), "beyond 64 bits"),
            (&[], &["chunked"], Ok(Chunked), "chunked"),
            (&["5"], &["chunked"], Err(400), "both"),
            (&[], &["gzip, chunked"], Err(501), "another coding"),
            (&[], &["identity"], Err(501), "another coding"),
            (&[], &["chunked", "chunked"], Err(501), "chunked twice"),
            (&[], &["xchunked"], Err(501), "not chunked"),
            (&[], &[""], Err(501), "empty"),
        ];
        for (content_length, transfer_encoding, expected, why) in table {
            let fields = FramingFields {
                host: vec!["h"],
                content_length: content_length.to_vec(),
                transfer_encoding: transfer_encoding.to_vec(),
                connection: vec![],
            };
            assert_eq!(framing(Version::Http11, fields).map(|framing| framing.body), *expected, "{why}");
        }
        let fields = FramingFields { transfer_encoding: vec!["chunked"], ..FramingFields::default() };
        assert_eq!(framing(Version::Http10, fields), Err(400), "HTTP/1.0 has no chunks");
    }

    #[test]
    fn one_host_is_needed_in_http_1_1() {
        let table: &[(Version, &[&str], bool, &str)] = &[
            (Version::Http11, &["localhost:4040"], true, "a host"),
            (Version::Http11, &["[::1]:4040"], true, "an IPv6 address"),
            (Version::Http11, &[""], true, "an empty host"),
            (Version::Http11, &[], false, "missing"),
            (Version::Http11, &["a", "a"], false, "twice"),
            (Version::Http11, &["a b"], false, "a space"),
            (Version::Http11, &["a/b"], false, "a slash"),
            (Version::Http11, &["me@h"], false, "user information"),
            (Version::Http10, &[], true, "HTTP/1.0 needs none"),
            (Version::Http10, &["a", "b"], false, "twice"),
        ];
        for (version, host, accepted, why) in table {
            let fields = FramingFields { host: host.to_vec(), ..FramingFields::default() };
            assert_eq!(framing(*version, fields).is_ok(), *accepted, "{why}");
        }
    }

    #[test]
    fn connections_persist_as_all_their_tokens_say() {
        let table: &[(Version, &[&str], bool)] = &[
            (Version::Http11, &[], true),
            (Version::Http11, &["keep-alive"], true),
            (Version::Http11, &["close"], false),
            (Version::Http11, &["Close"], false),
            (Version::Http11, &["keep-alive", "close"], false),
            (Version::Http11, &["te, close"], false),
            (Version::Http11, &["xclose"], true),
            (Version::Http11, &["upgrade"], false),
            (Version::Http10, &[], false),
            (Version::Http10, &["Keep-Alive"], true),
            (Version::Http10, &["keep-alive, close"], false),
        ];
        for (version, connection, persistent) in table {
            let fields = FramingFields { host: vec!["h"], connection: connection.to_vec(), ..FramingFields::default() };
            assert_eq!(framing(*version, fields).unwrap().persistent, *persistent, "{version:?} {connection:?}");
        }
    }

    #[test]
    fn the_asterisk_is_for_options() {
        let target = Target::parse("*").unwrap();
        let fields = FramingFields { host: vec!["h"], ..FramingFields::default() };
        assert!(read(&Method::Options, Version::Http11, &target, &fields).is_ok());
        assert!(read(&Method::Get, Version::Http11, &target, &fields).is_err());
    }
}
