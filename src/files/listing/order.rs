//! The order of the entries in a listing.

use std::cmp::Ordering;

use super::entry::{Details, Kind};
use crate::http::request::Request;

/// What entries are sorted by. Directories always come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Column {
    #[default]
    Name,
    Size,
    Type,
    Time,
}

impl Column {
    /// All columns, as the page shows them from left to right.
    pub(crate) const ALL: [Self; 4] = [Self::Name, Self::Size, Self::Type, Self::Time];

    /// Its name in the query.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Type => "type",
            Self::Time => "time",
        }
    }

    /// Whether entries are compared by their details.
    pub(super) fn needs_details(self) -> bool {
        match self {
            Self::Name | Self::Type => false,
            Self::Size | Self::Time => true,
        }
    }

    /// Whether the page first offers to sort it in descending order: people look for the largest and the newest.
    pub(super) fn descends_first(self) -> bool {
        match self {
            Self::Name | Self::Type => false,
            Self::Size | Self::Time => true,
        }
    }
}

/// A column, and whether the largest value comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) column: Column,
    pub(crate) descending: bool,
}

/// The sort key of an entry. `T` is what the names of types are compared as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a, T> {
    pub(crate) kind: Kind,
    pub(crate) details: Details,
    pub(crate) type_name: T,
    pub(crate) name: &'a [u8],
}

impl Order {
    /// The order that the query asks for. Defaults to the order by name, also for an unknown column.
    pub(super) fn of(request: &Request) -> Self {
        let query = request.query();
        let sort = query.value("sort");
        let column = Column::ALL.into_iter().find(|column| sort.as_deref() == Some(column.name()));
        Self { column: column.unwrap_or_default(), descending: query.value("order").as_deref() == Some("desc") }
    }

    /// The query of a link to another directory that keeps this order; empty for the default one.
    pub(super) fn query(self) -> String {
        if self == Self::default() {
            return String::new();
        }
        format!("?sort={}&amp;order={}", self.column.name(), if self.descending { "desc" } else { "asc" })
    }

    /// Which of two entries comes first. No two names are equal.
    pub(crate) fn compare<T: Ord>(self, a: &Key<'_, T>, b: &Key<'_, T>) -> Ordering {
        let directed = |ordering: Ordering| if self.descending { ordering.reverse() } else { ordering };
        let directories_first = (a.kind == Kind::File).cmp(&(b.kind == Kind::File));
        if directories_first.is_ne() {
            return directories_first;
        }
        let by_column = match (self.column, a.kind) {
            (Column::Name, _) => return directed(compare_names(a.name, b.name)),
            (Column::Time, _) => a.details.modified.cmp(&b.details.modified),
            // The size of a directory file means nothing to people: directories stay sorted by name.
            (Column::Size | Column::Type, Kind::Directory) => Ordering::Equal,
            (Column::Size, Kind::File) => a.details.size.cmp(&b.details.size),
            (Column::Type, Kind::File) => a.type_name.cmp(&b.type_name),
        };
        directed(by_column).then_with(|| compare_names(a.name, b.name))
    }
}

/// Compares names as people sort them: ignoring case, numbers by their value; `a2` before `B` before `c10`.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ordering = match (left, right) {
            // Names that people take for the same are ordered by their bytes.
            ([], []) => return a.cmp(b),
            ([], _) => Ordering::Less,
            (_, []) => Ordering::Greater,
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (number(&mut left), number(&mut right));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            ([x, rest_left @ ..], [y, rest_right @ ..]) => {
                (left, right) = (rest_left, rest_right);
                x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Takes the number at the beginning of the text, and returns it without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_do() {
        let sorted = [
            "",
            "-",
            "0",
            "00",
            "01",
            "1",
            "A",
            "a",
            "a1",
            "A2",
            "a2",
            "a2b",
            "a10",
            "a18446744073709551616",
            "aa",
            "B",
            "c",
            "ä",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare_names(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
