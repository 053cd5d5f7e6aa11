//! Content codings (RFC 9110 §8.4.1), and which of them a request wants its answer in (§12.5.3).

use super::field_value::{self, ValueParser};

/// A content coding that a representation can be in, beside none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// RFC 7932
    Brotli,
    /// RFC 8878
    Zstandard,
    /// RFC 1952
    Gzip,
}

/// What to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    /// The content as it is.
    Identity,
    /// The content in this coding.
    Coded(ContentCoding),
    /// The client accepts nothing that there is.
    NotAcceptable,
}

impl ContentCoding {
    /// All of them, those that make less of most content first.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// The name in header fields.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What the names of files in this coding end with.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }

    fn has_name(self, name: &str) -> bool {
        // RFC 9110 §8.4.1.3: x-gzip is the same.
        name.eq_ignore_ascii_case(self.name()) || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }
}

/// Chooses among the content as it is and in these codings, by the request's `Accept-Encoding`.
///
/// A coding that the field does not name is for nobody, be it that the field is not there, or is no list of codings to its
/// end. Of those with the greatest weight the first in [`ContentCoding::ALL`] is taken; the content as it is comes last, unless it
/// has a greater weight than the others.
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

/// The weights that a field gives, in thousandths; of several for one name the first.
#[derive(Default)]
struct Weights {
    /// In the order of [`ContentCoding::ALL`].
    codings: [Option<u16>; ContentCoding::ALL.len()],
    identity: Option<u16>,
    /// Of `*`: whatever is not named.
    any: Option<u16>,
}

impl Weights {
    /// `None` where the field does not parse.
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
    fn the_choice_of_section_12_5_3() {
        use ContentCoding::{Brotli, Gzip, Zstandard};
        use Negotiated::{Coded, Identity, NotAcceptable};
        let all = &ContentCoding::ALL[..];
        let table: &[(Option<&str>, &[ContentCoding], Negotiated, &str)] = &[
            (None, all, Identity, "who does not ask gets it as it is"),
            (Some(""), all, Identity, "an empty field wants none"),
            (Some("gzip"), all, Coded(Gzip), "the one that is asked for"),
            (Some("GZIP"), all, Coded(Gzip), "codings compare without case"),
            (Some("x-gzip"), all, Coded(Gzip), "the old name (§8.4.1.3)"),
            (Some("gzip"), &[Brotli], Identity, "there is no such variant"),
            (Some("gzip"), &[], Identity, "there is none at all"),
            (Some("gzip, deflate, br, zstd"), all, Coded(Brotli), "ours to order where weights are equal"),
            (Some("gzip, deflate, br, zstd"), &[Gzip, Zstandard], Coded(Zstandard), "of those that there are"),
            (Some("gzip, br;q=0.9"), all, Coded(Gzip), "the greater weight"),
            (Some("gzip;q=0.001, br;q=0"), all, Coded(Gzip), "little is more than nothing"),
            (Some("gzip, br;q=0.9;x=y"), all, Identity, "something behind a weight: no list"),
            (Some("gzip, br zstd"), all, Identity, "no comma"),
            (Some("gzip, \"br\""), all, Identity, "no token"),
            (Some("gzip, *;q=0.5x"), all, Identity, "no weight"),
            (Some("identity;q=0, gzip;"), &[], Identity, "what does not parse refuses nothing"),
            (Some("gzip;q=0.5, gzip;q=0"), all, Coded(Gzip), "the first of two weights"),
            (Some("br ; q=0.5 , gzip ;\tQ=0.6"), all, Coded(Gzip), "white space, and Q for q"),
            (Some("gzip;q=0"), all, Identity, "refused"),
            (Some("gzip;q=0.000"), all, Identity, "refused"),
            (Some("*"), all, Coded(Brotli), "anything"),
            (Some("*, br;q=0"), all, Coded(Zstandard), "anything but"),
            (Some("*;q=0.5, gzip"), all, Coded(Gzip), "rather this than others"),
            (Some("identity"), all, Identity, "as it is"),
            (Some("identity, gzip;q=0.5"), all, Identity, "rather as it is"),
            (Some("identity;q=0.5, gzip;q=0.5"), all, Coded(Gzip), "as much the one as the other"),
            (Some("identity;q=0.5, gzip;q=0.8"), all, Coded(Gzip), "rather not as it is"),
            (Some("identity;q=0, gzip"), all, Coded(Gzip), "only this"),
            (Some("identity;q=0, gzip"), &[], NotAcceptable, "only what there is not"),
            (Some("identity;q=0"), all, NotAcceptable, "nothing is named"),
            (Some("*;q=0"), all, NotAcceptable, "nothing at all"),
            (Some("*;q=0, gzip"), &[Gzip], Coded(Gzip), "only this"),
            (Some("*;q=0, gzip"), &[], NotAcceptable, "only this, and it is not there"),
            (Some("*;q=0, identity"), all, Identity, "only as it is"),
            (Some("identity;q=0, *"), all, Coded(Brotli), "anything but as it is"),
            (Some("gzip;q=2, br;q=x, zstd;q=0.1234"), all, Identity, "no weights"),
            (Some("gzip;q=1.001"), all, Identity, "more than one"),
            (Some("gzip;q=1.000"), all, Coded(Gzip), "one"),
            (Some("gzip;level=9"), all, Identity, "no weight"),
            (Some("gzip;q"), all, Identity, "no weight"),
            (Some(",, gzip,"), all, Coded(Gzip), "empty members"),
            (Some("deflate, compress"), all, Identity, "codings that nobody has here"),
        ];
        for (field, available, expected, why) in table {
            assert_eq!(negotiate(*field, available), *expected, "{field:?} of {available:?}: {why}");
        }
    }
}
