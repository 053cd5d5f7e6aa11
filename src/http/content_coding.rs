//! Content codings (RFC 9110 §8.4.1) and their negotiation by `Accept-Encoding` (§12.5.3).

use super::field_value::{self, ValueParser};

/// A content coding of a representation, other than identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// RFC 7932
    Brotli,
    /// RFC 8878
    Zstandard,
    /// RFC 1952
    Gzip,
}

/// What negotiation decides to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    /// The content without a coding.
    Identity,
    /// The content in this coding.
    Coded(ContentCoding),
    /// Nothing: the client accepts no available coding, nor identity.
    NotAcceptable,
}

impl ContentCoding {
    /// All codings, from the best compression of most content to the least.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// The coding's name in header fields.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The extension of files in this coding, with its dot.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }

    fn has_name(self, name: &str) -> bool {
        // RFC 9110 §8.4.1.3: x-gzip is equivalent to gzip.
        name.eq_ignore_ascii_case(self.name()) || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }
}

/// Chooses among identity and the available codings, by the request's `Accept-Encoding`.
///
/// Only codings that the field accepts, by name or by `*`, are chosen; without the field, or with a malformed one, that
/// is identity. The greatest weight wins; at equal weight the first in [`ContentCoding::ALL`], and identity last.
pub(crate) fn negotiate(accept_encoding: Option<&str>, available: &[ContentCoding]) -> Negotiated {
    let Some(weights) = accept_encoding.and_then(Weights::parse) else { return Negotiated::Identity };
    let identity = weights.identity.or(weights.any);
    let mut best: Option<(ContentCoding, u16)> = None;
    for (coding, weight) in ContentCoding::ALL.into_iter().zip(weights.codings) {
        let weight = weight.or(weights.any).unwrap_or(0);
        if available.contains(&coding) && weight > best.map_or(0, |(_, most)| most) {
            best = Some((coding, weight));
        }
    }
    match (best, identity) {
        (Some((coding, weight)), identity) if weight >= identity.unwrap_or(0) => Negotiated::Coded(coding),
        (_, Some(0)) => Negotiated::NotAcceptable,
        _ => Negotiated::Identity,
    }
}

/// The weights in an `Accept-Encoding` field, in thousandths. If a coding is named twice, the first weight counts.
#[derive(Default)]
struct Weights {
    /// In the order of [`ContentCoding::ALL`].
    codings: [Option<u16>; ContentCoding::ALL.len()],
    identity: Option<u16>,
    /// The weight of `*`, for codings that are not named.
    any: Option<u16>,
}

impl Weights {
    /// `None` if the field is malformed.
    fn parse(field: &str) -> Option<Self> {
        let mut weights = Self::default();
        let is_list = field_value::parse_list(field, |parser| {
            let (name, weight) = weighted(parser)?;
            let coding = ContentCoding::ALL.into_iter().position(|coding| coding.has_name(name));
            let place = match (coding, name) {
                (Some(index), _) => &mut weights.codings[index],
                (None, "*") => &mut weights.any,
                (None, name) if name.eq_ignore_ascii_case("identity") => &mut weights.identity,
                (None, _) => return Some(()),
            };
            place.get_or_insert(weight);
            Some(())
        });
        is_list.then_some(weights)
    }
}

/// `codings [ weight ]`
fn weighted<'a>(parser: &mut ValueParser<'a>) -> Option<(&'a str, u16)> {
    let name = parser.token()?;
    if !parser.skip_semicolon() {
        return Some((name, 1000));
    }
    let is_weight = parser.token()?.eq_ignore_ascii_case("q") && parser.skip(b'=');
    Some((name, is_weight.then(|| parser.weight())??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_negotiated_as_in_section_12_5_3() {
        use ContentCoding::{Brotli, Gzip, Zstandard};
        use Negotiated::{Coded, Identity, NotAcceptable};
        let all = &ContentCoding::ALL[..];
        let table: &[(Option<&str>, &[ContentCoding], Negotiated, &str)] = &[
            (None, all, Identity, "no field"),
            (Some(""), all, Identity, "an empty field accepts no coding"),
            (Some("gzip"), all, Coded(Gzip), "the coding that is named"),
            (Some("GZIP"), all, Coded(Gzip), "codings are case-insensitive"),
            (Some("x-gzip"), all, Coded(Gzip), "the old name (§8.4.1.3)"),
            (Some("gzip"), &[Brotli], Identity, "the coding is not available"),
            (Some("gzip"), &[], Identity, "no coding is available"),
            (Some("gzip, deflate, br, zstd"), all, Coded(Brotli), "at equal weight the server's order decides"),
            (Some("gzip, deflate, br, zstd"), &[Gzip, Zstandard], Coded(Zstandard), "the best available"),
            (Some("gzip, br;q=0.9"), all, Coded(Gzip), "the greater weight"),
            (Some("gzip;q=0.001, br;q=0"), all, Coded(Gzip), "the smallest weight still accepts"),
            (Some("gzip, br;q=0.9;x=y"), all, Identity, "malformed: a parameter after the weight"),
            (Some("gzip, br zstd"), all, Identity, "malformed: no comma"),
            (Some("gzip, \"br\""), all, Identity, "malformed: not a token"),
            (Some("gzip, *;q=0.5x"), all, Identity, "malformed: not a weight"),
            (Some("identity;q=0, gzip;"), &[], Identity, "a malformed field refuses nothing"),
            (Some("gzip;q=0.5, gzip;q=0"), all, Coded(Gzip), "the first of two weights"),
            (Some("br ; q=0.5 , gzip ;\tQ=0.6"), all, Coded(Gzip), "white space, and Q for q"),
            (Some("gzip;q=0"), all, Identity, "refused"),
            (Some("gzip;q=0.000"), all, Identity, "refused"),
            (Some("*"), all, Coded(Brotli), "anything"),
            (Some("*, br;q=0"), all, Coded(Zstandard), "anything but br"),
            (Some("*;q=0.5, gzip"), all, Coded(Gzip), "gzip rather than others"),
            (Some("identity"), all, Identity, "identity by name"),
            (Some("identity, gzip;q=0.5"), all, Identity, "identity preferred"),
            (Some("identity;q=0.5, gzip;q=0.5"), all, Coded(Gzip), "at equal weight a coding wins over identity"),
            (Some("identity;q=0.5, gzip;q=0.8"), all, Coded(Gzip), "gzip preferred"),
            (Some("identity;q=0, gzip"), all, Coded(Gzip), "identity refused"),
            (Some("identity;q=0, gzip"), &[], NotAcceptable, "identity refused, gzip not available"),
            (Some("identity;q=0"), all, NotAcceptable, "identity refused, no coding named"),
            (Some("*;q=0"), all, NotAcceptable, "everything refused"),
            (Some("*;q=0, gzip"), &[Gzip], Coded(Gzip), "everything refused but gzip"),
            (Some("*;q=0, gzip"), &[], NotAcceptable, "everything refused but gzip, which is not available"),
            (Some("*;q=0, identity"), all, Identity, "everything refused but identity"),
            (Some("identity;q=0, *"), all, Coded(Brotli), "anything but identity"),
            (Some("gzip;q=2, br;q=x, zstd;q=0.1234"), all, Identity, "malformed: not weights"),
            (Some("gzip;q=1.001"), all, Identity, "malformed: a weight above 1"),
            (Some("gzip;q=1.000"), all, Coded(Gzip), "a weight of 1"),
            (Some("gzip;level=9"), all, Identity, "malformed: a parameter that is not a weight"),
            (Some("gzip;q"), all, Identity, "malformed: a weight without a value"),
            (Some(",, gzip,"), all, Coded(Gzip), "empty members"),
            (Some("deflate, compress"), all, Identity, "codings that are not supported"),
        ];
        for (field, available, expected, why) in table {
            assert_eq!(negotiate(*field, available), *expected, "{field:?} of {available:?}: {why}");
        }
    }
}
