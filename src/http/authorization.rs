//! The Basic authentication scheme (RFC 7617): the credentials in an `Authorization` field, and the challenge for them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The user name and password that a client sent. The bytes are UTF-8 if the client follows the challenge (RFC 7617
/// §2.1).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

/// Why the value of an `Authorization` field is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizationError {
    /// The scheme is not Basic.
    Scheme,
    /// The credentials are not Base64.
    Encoding,
    /// No colon separates user name and password.
    Colon,
    /// The credentials contain a control character, which RFC 7617 §2 forbids.
    Control,
}

/// The standard alphabet. Padding is optional, because some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Credentials {
    /// Parses the value of an `Authorization` field (RFC 9110 §11.6.2). The scheme is case-insensitive; the first colon
    /// ends the user name.
    pub(crate) fn parse(value: &str) -> Result<Self, AuthorizationError> {
        let (scheme, encoded) = value.split_once(' ').ok_or(AuthorizationError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(AuthorizationError::Scheme);
        }
        let mut user = BASE64.decode(encoded.trim_matches(' ')).map_err(|_| AuthorizationError::Encoding)?;
        if user.iter().any(u8::is_ascii_control) {
            return Err(AuthorizationError::Control);
        }
        let colon = user.iter().position(|byte| *byte == b':').ok_or(AuthorizationError::Colon)?;
        let password = user.split_off(colon + 1);
        user.truncate(colon);
        Ok(Self { user, password })
    }
}

/// The value of a `WWW-Authenticate` field that asks for a user name and password for this realm.
pub(crate) fn challenge(realm: &str) -> String {
    let mut value = String::from("Basic realm=\"");
    for c in realm.chars() {
        // RFC 9110 §5.6.4: these two are escaped in a quoted string.
        if matches!(c, '"' | '\\') {
            value.push('\\');
        }
        value.push(c);
    }
    write!(value, "\", charset=\"UTF-8\"").expect("writing to a String does not fail");
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_parsed_as_in_rfc_7617() {
        let table: [(&str, Result<(&str, &str), AuthorizationError>); 22] = [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Ok(("Aladdin", "open sesame"))), // RFC 7617 §2
            ("Basic dGVzdDoxMjPCow==", Ok(("test", "123£"))),                       // RFC 7617 §2.1
            ("basic YTpi", Ok(("a", "b"))),
            ("BASIC   YTpi  ", Ok(("a", "b"))),
            ("Basic YTpiOmM=", Ok(("a", "b:c"))),
            ("Basic YTpiOmM", Ok(("a", "b:c"))),
            ("Basic YTo=", Ok(("a", ""))),
            ("Basic OmI=", Ok(("", "b"))),
            ("Basic Og==", Ok(("", ""))),
            ("Basic YTog", Ok(("a", " "))),
            ("Basic YWI=", Err(AuthorizationError::Colon)),
            ("Basic ", Err(AuthorizationError::Colon)),
            ("Basic", Err(AuthorizationError::Scheme)),
            ("", Err(AuthorizationError::Scheme)),
            ("Bearer YTpi", Err(AuthorizationError::Scheme)),
            ("BasicYTpi", Err(AuthorizationError::Scheme)),
            ("Basic a:b", Err(AuthorizationError::Encoding)),
            ("Basic YTp\t", Err(AuthorizationError::Encoding)),
            ("Basic YTpi YTpi", Err(AuthorizationError::Encoding)),
            ("Basic YTpiAA==", Err(AuthorizationError::Control)),
            ("Basic YTpiCg==", Err(AuthorizationError::Control)),
            ("Basic YTp/", Err(AuthorizationError::Control)),
        ];
        for (value, expected) in table {
            let seen = Credentials::parse(value)
                .map(|c| (String::from_utf8(c.user).unwrap(), String::from_utf8(c.password).unwrap()));
            assert_eq!(seen, expected.map(|(user, password)| (user.to_owned(), password.to_owned())), "{value:?}");
        }
        let latin = Credentials::parse("Basic YTr8").unwrap();
        assert_eq!(latin.password, b"\xfc", "bytes that are not UTF-8 are kept, and match no password");
    }

    #[test]
    fn the_challenge_names_realm_and_charset() {
        assert_eq!(challenge("hearken"), r#"Basic realm="hearken", charset="UTF-8""#);
        assert_eq!(challenge(r#"a"b\c"#), r#"Basic realm="a\"b\\c", charset="UTF-8""#);
    }
}
