//! The entries that a listing holds in memory: all of them, or the next ones that its share of the budget has room for.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::budget::Share;
use super::entry::{Details, Kind};
use super::order::{Column, Key, Order};

/// The first entries, in order, of those that are added.
///
/// Entries are added in any order. When there is no room for another one, the second half is dropped, and from then on every entry
/// that sorts behind the first half.
pub(crate) struct Window {
    order: Order,
    share: Share,
    /// All names, one after the other, and the details that are known.
    names: Vec<u8>,
    details: Vec<Details>,
    rows: Vec<Row>,
    /// The names of types, which rows refer to by index, where entries are sorted by them.
    types: Vec<&'static str>,
    type_indexes: HashMap<&'static str, u16>,
    /// The last entry that was kept when others were dropped.
    bound: Option<Cursor>,
}

/// What a scan finds out about an entry, without its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned {
    pub(crate) kind: Kind,
    pub(crate) is_link: bool,
    pub(crate) layer: u8,
    /// Known if the entry is a link, or if the order needs them.
    pub(crate) details: Option<Details>,
}

/// One entry in a few bytes. Rows that were added later have later names and details.
#[derive(Clone, Copy)]
struct Row {
    start: u32,
    /// An index, or [`NO_DETAILS`].
    details: u32,
    /// The index of the type's name; the two highest bits say whether it is a file, and whether it is a link.
    type_index: u16,
    length: u8,
    layer: u8,
}

const NO_DETAILS: u32 = u32::MAX;
const IS_FILE: u16 = 1 << 15;
const IS_LINK: u16 = 1 << 14;
/// The last index of a type's name. Further ones would share it, but there are not that many.
const LAST_TYPE: u16 = IS_LINK - 1;

/// A position in the order: directly behind an entry, even if that has been removed.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    kind: Kind,
    details: Details,
    type_name: &'static str,
    name: Vec<u8>,
}

/// The first capacity of a window: a few names of any length.
const FIRST_NAMES: usize = 1024;
const FIRST_ROWS: usize = 32;

impl Window {
    pub(crate) fn new(order: Order, share: Share) -> Self {
        Self {
            order,
            share,
            names: Vec::new(),
            details: Vec::new(),
            rows: Vec::new(),
            types: Vec::new(),
            type_indexes: HashMap::new(),
            bound: None,
        }
    }

    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// How many entries the window holds.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether entries were dropped. All of them come behind those that are held.
    pub(crate) fn is_partial(&self) -> bool {
        self.bound.is_some()
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.details.clear();
        self.rows.clear();
        self.types.clear();
        self.type_indexes.clear();
        self.bound = None;
    }

    /// Adds an entry, unless there is only room for those before it. The name of its type matters only if entries are sorted by it.
    pub(crate) fn add(&mut self, name: &[u8], scanned: Scanned, type_name: &'static str) {
        let key = scanned.key(name, type_name);
        if self.is_beyond_bound(&key) {
            return;
        }
        while !self.make_room(name.len(), scanned.details.is_some()) {
            self.drop_half();
            if self.is_beyond_bound(&key) {
                return;
            }
        }
        let type_index = if self.order.column == Column::Type { self.index_of_type(type_name) } else { 0 };
        let length = u8::try_from(name.len()).expect("names have 255 bytes at most");
        let details = if scanned.details.is_some() { position(self.details.len()) } else { NO_DETAILS };
        let start = position(self.names.len());
        self.rows.push(Row { start, details, type_index: type_index | scanned.bits(), length, layer: scanned.layer });
        self.names.extend_from_slice(name);
        self.details.extend(scanned.details);
    }

    fn is_beyond_bound(&self, key: &Key<'_, &str>) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.is_before(self.order, key))
    }

    /// Sorts the entries. If none was dropped, gives spare capacity back.
    pub(crate) fn finish(&mut self) {
        if self.order.column == Column::Type {
            self.rank_types();
        }
        let Self { order, names, details, rows, .. } = self;
        rows.sort_unstable_by(|a, b| order.compare(&a.ranked(names, details), &b.ranked(names, details)));
        if !self.is_partial() {
            self.names.shrink_to_fit();
            self.details.shrink_to_fit();
            self.rows.shrink_to_fit();
            let capacities = self.capacities();
            self.share.resize(size(capacities));
        }
    }

    /// The name of the entry at this index, and what the scan found out about it.
    pub(crate) fn entry(&self, index: usize) -> (&[u8], Scanned) {
        let row = &self.rows[index];
        (row.name(&self.names), row.scanned(&self.details))
    }

    /// The position behind the last entry.
    pub(crate) fn end(&self) -> Option<Cursor> {
        self.rows.last().map(|row| self.cursor(row))
    }

    fn cursor(&self, row: &Row) -> Cursor {
        let Key { kind, details, type_name, name } = row.key(&self.names, &self.details, &self.types);
        Cursor { kind, details, type_name, name: name.to_vec() }
    }

    /// Makes room for one more name of this length; false if the budget does not allow it.
    fn make_room(&mut self, length: usize, has_details: bool) -> bool {
        let before = self.capacities();
        let wanted = |capacity: usize, needed: usize, first: usize| {
            if needed <= capacity { capacity } else { (capacity + capacity / 4).max(needed).max(first) }
        };
        let after = [
            wanted(before[0], self.names.len() + length, FIRST_NAMES),
            wanted(before[1], self.details.len() + usize::from(has_details), FIRST_ROWS),
            wanted(before[2], self.rows.len() + 1, FIRST_ROWS),
        ];
        if after == before {
            return true;
        }
        if !self.share.resize(size(after)) {
            return false;
        }
        self.names.reserve_exact(after[0] - self.names.len());
        self.details.reserve_exact(after[1] - self.details.len());
        self.rows.reserve_exact(after[2] - self.rows.len());
        true
    }

    /// The capacities for bytes of names, for details and for rows.
    fn capacities(&self) -> [usize; 3] {
        [self.names.capacity(), self.details.capacity(), self.rows.capacity()]
    }

    /// Drops the second half of the entries.
    fn drop_half(&mut self) {
        let kept = self.rows.len().div_ceil(2);
        let Self { order, names, details, rows, types, .. } = self;
        let key = |row: &Row| row.key(names, details, types);
        let (_, last, _) = rows.select_nth_unstable_by(kept - 1, |a, b| order.compare(&key(a), &key(b)));
        let last = *last;
        self.bound = Some(self.cursor(&last));
        self.rows.truncate(kept);
        // The remaining names move together, in the order they are stored in.
        self.rows.sort_unstable_by_key(|row| row.start);
        let (mut end_of_names, mut end_of_details) = (0, 0);
        for row in &mut self.rows {
            let start = row.start as usize;
            self.names.copy_within(start..start + usize::from(row.length), end_of_names);
            row.start = position(end_of_names);
            end_of_names += usize::from(row.length);
            if row.details != NO_DETAILS {
                self.details[end_of_details] = self.details[row.details as usize];
                row.details = position(end_of_details);
                end_of_details += 1;
            }
        }
        self.names.truncate(end_of_names);
        self.details.truncate(end_of_details);
    }

    /// The index of a type's name, which is added if it is new.
    fn index_of_type(&mut self, type_name: &'static str) -> u16 {
        if let Some(index) = self.type_indexes.get(type_name) {
            return *index;
        }
        let index = match u16::try_from(self.types.len()) {
            Ok(index) if index < LAST_TYPE => index,
            _ => return LAST_TYPE,
        };
        self.types.push(type_name);
        self.type_indexes.insert(type_name, index);
        index
    }

    /// Sorts the names of types, so that rows can be compared by index.
    fn rank_types(&mut self) {
        let mut sorted: Vec<_> = self.types.drain(..).zip(0_u16..).collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len()];
        for ((_, index), rank) in sorted.iter().zip(0_u16..) {
            ranks[usize::from(*index)] = rank;
        }
        for row in &mut self.rows {
            let rank = ranks.get(usize::from(row.type_index())).copied().unwrap_or(LAST_TYPE);
            row.type_index = rank | (row.type_index & (IS_FILE | IS_LINK));
        }
        self.types.extend(sorted.into_iter().map(|(type_name, _)| type_name));
        self.type_indexes.clear();
    }
}

/// When a large block is freed, glibc keeps blocks of up to that size for later, in each of its arenas, instead of returning them to
/// the system. Shrinking the blocks first returns the memory.
impl Drop for Window {
    fn drop(&mut self) {
        self.clear();
        self.names.shrink_to(1);
        self.details.shrink_to(1);
        self.rows.shrink_to(1);
    }
}

impl Scanned {
    fn bits(&self) -> u16 {
        (if self.kind == Kind::File { IS_FILE } else { 0 }) | (if self.is_link { IS_LINK } else { 0 })
    }

    pub(crate) fn key<'a>(&self, name: &'a [u8], type_name: &'static str) -> Key<'a, &'static str> {
        Key { kind: self.kind, details: self.details.unwrap_or(Details::UNKNOWN), type_name, name }
    }
}

/// The bytes of these capacities.
fn size([names, details, rows]: [usize; 3]) -> usize {
    names + details * size_of::<Details>() + rows * size_of::<Row>()
}

fn position(index: usize) -> u32 {
    u32::try_from(index).expect("the budget is far less than 4 GiB")
}

impl Row {
    fn name<'a>(&self, names: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        &names[start..start + usize::from(self.length)]
    }

    fn kind(&self) -> Kind {
        if self.type_index & IS_FILE == 0 { Kind::Directory } else { Kind::File }
    }

    fn type_index(&self) -> u16 {
        self.type_index & LAST_TYPE
    }

    fn scanned(&self, details: &[Details]) -> Scanned {
        let is_link = self.type_index & IS_LINK != 0;
        Scanned { kind: self.kind(), is_link, layer: self.layer, details: details.get(self.details as usize).copied() }
    }

    fn key<'a>(&self, names: &'a [u8], details: &[Details], types: &[&'static str]) -> Key<'a, &'static str> {
        let Key { kind, details, type_name, name } = self.ranked(names, details);
        let type_name = types.get(usize::from(type_name)).copied().unwrap_or_default();
        Key { kind, details, type_name, name }
    }

    /// The same, for rows whose names of types are sorted.
    fn ranked<'a>(&self, names: &'a [u8], details: &[Details]) -> Key<'a, u16> {
        let details = details.get(self.details as usize).copied().unwrap_or(Details::UNKNOWN);
        Key { kind: self.kind(), details, type_name: self.type_index(), name: self.name(names) }
    }
}

impl Cursor {
    /// Whether the entry comes behind it.
    pub(crate) fn is_before(&self, order: Order, key: &Key<'_, &str>) -> bool {
        let Self { kind, details, type_name, name } = self;
        order.compare(&Key { kind: *kind, details: *details, type_name: *type_name, name }, key) == Ordering::Less
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::files::listing::budget::{Budget, Limits};

    const TIGHT: Limits = Limits { least: 4 << 10, window: 4 << 10, all: 0, ample: 0 };

    #[test]
    fn an_entry_takes_little_memory() {
        assert_eq!(size_of::<Row>(), 12);
    }

    fn entries() -> impl Strategy<Value = Vec<(Vec<u8>, Scanned, &'static str)>> {
        let name = prop_oneof![prop::collection::vec(any::<u8>(), 1..40), prop::collection::vec(b'0'..=b'9', 200..256)];
        let kind = prop::sample::select(vec![Kind::Directory, Kind::File]);
        let details = prop::option::of((0_u64..20, -5_i64..20).prop_map(|(size, modified)| Details { size, modified }));
        let scanned = (kind, any::<bool>(), any::<u8>(), details).prop_map(|(kind, is_link, layer, details)| Scanned {
            kind,
            is_link,
            layer,
            details,
        });
        let type_name = prop::sample::select(vec!["", "Image", "Images", "Text"]);
        prop::collection::btree_map(name, (scanned, type_name), 0..600).prop_map(|entries| {
            entries.into_iter().map(|(name, (scanned, type_name))| (name, scanned, type_name)).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn windows_one_after_the_other_are_all_entries_in_their_order(
            entries in entries().prop_shuffle(),
            column in prop::sample::select(vec![Column::Name, Column::Size, Column::Type, Column::Time]),
            descending in any::<bool>(),
        ) {
            let order = Order { column, descending };
            let budget = Budget::new(TIGHT);
            let mut window = Window::new(order, budget.share());
            let mut seen = Vec::new();
            let mut after: Option<Cursor> = None;
            loop {
                window.clear();
                for (name, scanned, type_name) in &entries {
                    if after.as_ref().is_none_or(|cursor| cursor.is_before(order, &scanned.key(name, type_name))) {
                        window.add(name, *scanned, type_name);
                    }
                }
                window.finish();
                prop_assert!(size(window.capacities()) <= budget.held() && budget.held() <= TIGHT.least);
                for index in 0..window.len() {
                    let (name, scanned) = window.entry(index);
                    seen.push((name.to_vec(), format!("{scanned:?}")));
                }
                after = window.end();
                if !window.is_partial() {
                    break;
                }
                prop_assert!(window.len() > 0, "each look gets on");
            }
            let mut sorted = entries.clone();
            sorted.sort_by(|(a, found_a, type_a), (b, found_b, type_b)| {
                order.compare(&found_a.key(a, type_a), &found_b.key(b, type_b))
            });
            let expected: Vec<_> = sorted.into_iter().map(|(name, scanned, _)| (name, format!("{scanned:?}"))).collect();
            prop_assert_eq!(seen, expected);
            drop(window);
            prop_assert_eq!(budget.held(), 0);
        }
    }
}
