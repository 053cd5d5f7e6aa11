//! The fields of a request's head, all of them: tiny_http gives the first of a name and no other.

use tiny_http::{Header, Headers};

/// All fields in the order in which they were sent.
///
/// Without this, a repeated field could be seen only in a copy of the whole head, and the head's size only in what its
/// `Debug` shows: a seventh of the instructions that a small answer takes.
#[expect(unsafe_code, reason = "tiny_http's own list of fields is private to it")]
pub(super) fn fields(headers: &Headers) -> &[Header] {
    const { assert!(size_of::<Headers>() == size_of::<Vec<Header>>()) };
    // SAFETY: `Headers` is declared as `#[repr(transparent)] struct Headers(Vec<Header>)`, so a reference to the one is a
    // reference to the other, and only to read. The crate's version is pinned exactly; whoever changes it looks there first.
    unsafe { &*std::ptr::from_ref(headers).cast::<Vec<Header>>() }
}

/// The name and the value of a field.
pub(super) fn text(field: &Header) -> (&str, &str) {
    (field.field.as_str().as_str(), field.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_seen_in_order() {
        let mut headers = Headers::new();
        assert!(fields(&headers).is_empty());
        let table = [("Host", "a"), ("Accept", "b"), ("host", "c"), ("X", "")];
        for (name, value) in table {
            headers.push(Header::from_str(name, value).unwrap());
        }
        let seen: Vec<_> = fields(&headers).iter().map(text).collect();
        assert_eq!(seen, table);
    }
}
