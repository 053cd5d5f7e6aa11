//! The rooms of the source, as docs/architecture.md has them in its table: which files each has, and which rooms it may name.

use std::collections::BTreeSet;

use crate::cycles::{cycles, edges_of};
use crate::resolve::Edges;

/// The columns of the table.
const COLUMNS: [&str; 4] = ["room", "owns", "leaves to others", "may name"];

/// The room through which programs name the library: whoever may name it may name all that it re-exports.
const LIBRARY_ROOM: &str = "lib.rs";

/// The rooms of programs begin with this.
const PROGRAMS: &str = "bin/";

/// A file, or all files of a directory that are in no room of their own.
pub(crate) struct Room {
    /// The path below `src/`; that of a directory ends with a slash.
    path: String,
    /// The rooms that its code may name. A directory stands for the rooms below it too.
    may_name: Vec<String>,
}

pub(crate) struct Rooms(Vec<Room>);

impl Rooms {
    /// Reads the one table of a page that begins with the columns above.
    pub(crate) fn read(page: &str) -> Result<Self, String> {
        let mut rows = page.lines().map(cells).skip_while(|cells| *cells != COLUMNS).skip(2);
        let mut rooms: Vec<Room> = Vec::new();
        for row in rows.by_ref().take_while(|cells| !cells.is_empty()) {
            let [room, _, _, may_name] = row[..] else {
                return Err(format!("a row of the table of rooms has {} cells instead of 4: {row:?}", row.len()));
            };
            let [path] = &quoted(room)[..] else {
                return Err(format!("{room} is not one path in backticks"));
            };
            if rooms.iter().any(|room| room.path == *path) {
                return Err(format!("the room {path} is in the table twice"));
            }
            rooms.push(Room { path: path.clone(), may_name: quoted(may_name) });
        }
        if rooms.is_empty() {
            return Err(format!("there is no table with the columns {COLUMNS:?}"));
        }
        if rows.any(|cells| cells == COLUMNS) {
            return Err("there are two tables of rooms".into());
        }
        for room in &rooms {
            if let Some(unknown) = room.may_name.iter().find(|name| !rooms.iter().any(|room| room.path == **name)) {
                return Err(format!("{} may name {unknown}, which is no room of the table", room.path));
            }
        }
        Ok(Self(rooms))
    }

    /// The room of a source file: the most specific one.
    fn of(&self, file: &str) -> Option<&Room> {
        let path = file.strip_prefix("src/")?;
        self.0.iter().filter(|room| room.has(path)).max_by_key(|room| room.path.len())
    }

    /// Files that are in no room.
    pub(crate) fn files_without_room<'a>(&self, files: impl Iterator<Item = &'a String>) -> Vec<String> {
        files.filter(|file| self.of(file).is_none()).map(|file| format!("{file} is in no room")).collect()
    }

    /// Rooms without a file.
    pub(crate) fn rooms_without_file<'a>(&self, files: impl Iterator<Item = &'a String>) -> Vec<String> {
        let with_file: BTreeSet<_> = files.filter_map(|file| self.of(file)).map(|room| &room.path).collect();
        let without_file = self.0.iter().filter(|room| !with_file.contains(&room.path));
        without_file.map(|room| format!("the room {} has no file", room.path)).collect()
    }

    /// What code names without being permitted to.
    pub(crate) fn forbidden_edges(&self, edges: &Edges) -> Vec<String> {
        let mut forbidden_edges = Vec::new();
        for ((file, target), names) in edges {
            let (Some(from), Some(to)) = (self.of(file), self.of(target)) else { continue };
            if from.path != to.path && self.permission(from, to).is_none() {
                for (name, line) in names {
                    let (from, to) = (&from.path, &to.path);
                    forbidden_edges.push(format!("{file}:{line} names {name} (room {to}), which {from} may not name"));
                }
            }
        }
        forbidden_edges
    }

    /// Permissions of the table that no code uses.
    pub(crate) fn unused_permissions(&self, edges: &Edges) -> Vec<String> {
        let rooms = edges.keys().filter_map(|(file, target)| Some((self.of(file)?, self.of(target)?)));
        let used: BTreeSet<_> =
            rooms.filter_map(|(from, to)| Some((from.path.as_str(), self.permission(from, to)?))).collect();
        let mut unused = Vec::new();
        for Room { path, may_name } in &self.0 {
            for name in may_name.iter().filter(|name| !used.contains(&(path.as_str(), name.as_str()))) {
                unused.push(format!("{path} may name {name}, but does not"));
            }
        }
        unused
    }

    /// Cycles among the permissions.
    pub(crate) fn permission_cycles(&self) -> Vec<String> {
        let mut permitted = BTreeSet::new();
        for from in &self.0 {
            for to in self.0.iter().filter(|to| to.path != from.path && self.permission(from, to).is_some()) {
                permitted.insert((&from.path, &to.path));
            }
        }
        let describe = |cycle: Vec<&&String>| {
            let steps: Vec<_> = edges_of(&cycle).iter().map(|(from, to)| format!("{from} may name {to}")).collect();
            steps.join(", ")
        };
        cycles(&permitted).into_iter().map(describe).collect()
    }

    /// The most specific entry in the `may name` of a room that permits to name another one.
    fn permission<'a>(&self, from: &'a Room, to: &Room) -> Option<&'a str> {
        let is_program = |room: &Room| room.path.starts_with(PROGRAMS);
        let through_library = is_program(from) && !is_program(to);
        let permits = |name: &&String| to.path == **name || is_below(&to.path, name);
        let direct = from.may_name.iter().filter(permits).max_by_key(|name| name.len());
        let library = from.may_name.iter().find(|name| through_library && *name == LIBRARY_ROOM);
        direct.or(library).map(String::as_str)
    }
}

impl Room {
    fn has(&self, path: &str) -> bool {
        self.path == path || is_below(path, &self.path)
    }
}

fn is_below(path: &str, directory: &str) -> bool {
    directory.ends_with('/') && path != directory && path.starts_with(directory)
}

/// The cells of a row of a table; none if the line is not one.
fn cells(line: &str) -> Vec<&str> {
    let inside = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inside.map_or(Vec::new(), |inside| inside.split('|').map(str::trim).collect())
}

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PAGE: &str = "
# A page

| room | owns | leaves to others | may name |
|---|---|---|---|
| `bin/tool/` | the program | | `lib.rs` |
| `lib.rs` | re-exports | | nothing |
| `server/` | sockets | rules | `http/`, `log.rs` |
| `server/poller/` | waiting | | |
| `log.rs` | the log | | `http/path.rs` |
| `http/` | rules | | `http/path.rs` |
| `http/path.rs` | paths | | |

| another | table |
|---|---|
";

    fn rooms(page: &str) -> Rooms {
        Rooms::read(page).unwrap()
    }

    /// Edges between files below `src/`, each with one name on line 7.
    fn edges(between: &[(&str, &str)]) -> Edges {
        let names = BTreeMap::from([("a::B".to_owned(), 7)]);
        between.iter().map(|(from, to)| ((format!("src/{from}"), format!("src/{to}")), names.clone())).collect()
    }

    #[test]
    fn the_table_is_read_or_the_fault_is_named() {
        let row = |row| format!("| room | owns | leaves to others | may name |\n|---|---|---|---|\n{row}\n");
        let twice = format!("{}\n{}", row("| `a.rs` | | | |"), row("| `b.rs` | | | |"));
        let cases = [
            (String::new(), "there is no table"),
            (row(""), "there is no table"),
            (row("| a.rs | | | |"), "a.rs is not one path in backticks"),
            (row("| `a.rs`, `b.rs` | | | |"), "is not one path in backticks"),
            (row("| `a.rs` | | |"), "has 3 cells"),
            (row("| `a.rs` | | | |\n| `a.rs` | | | |"), "the room a.rs is in the table twice"),
            (row("| `a.rs` | | | `b.rs` |"), "a.rs may name b.rs, which is no room"),
            (twice, "two tables"),
        ];
        for (page, expected) in cases {
            let error = Rooms::read(&page).err().unwrap_or_default();
            assert!(error.contains(expected), "{page}: {error:?}, not {expected:?}");
        }
    }

    #[test]
    fn a_file_is_in_the_most_specific_room() {
        let cases = [
            ("src/http/path.rs", Some("http/path.rs")),
            ("src/http/mod.rs", Some("http/")),
            ("src/http/json/mod.rs", Some("http/")),
            ("src/server/poller/mod.rs", Some("server/poller/")),
            ("src/server/mod.rs", Some("server/")),
            ("src/log.rs", Some("log.rs")),
            ("src/log.rs.rs", None),
            ("src/httpd.rs", None),
        ];
        for (file, room) in cases {
            assert_eq!(rooms(PAGE).of(file).map(|room| room.path.as_str()), room, "{file}");
        }
    }

    #[test]
    fn files_without_room_and_rooms_without_file_are_found() {
        let files = ["src/bin/tool/main.rs", "src/lib.rs", "src/http/path.rs", "src/log.rs", "src/x/y.rs"];
        let files = files.map(String::from);
        assert_eq!(rooms(PAGE).files_without_room(files.iter()), ["src/x/y.rs is in no room"]);
        let empty = ["server/", "server/poller/", "http/"].map(|room| format!("the room {room} has no file"));
        assert_eq!(rooms(PAGE).rooms_without_file(files.iter()), empty);
    }

    #[test]
    fn a_room_names_only_what_it_may() {
        let cases = [
            ("server/mod.rs", "server/worker.rs", true, "the same room"),
            ("server/mod.rs", "http/head.rs", true, "in the table"),
            ("server/mod.rs", "http/path.rs", true, "a directory stands for the rooms below it"),
            ("server/mod.rs", "server/poller/mod.rs", false, "a room below is another room"),
            ("server/poller/mod.rs", "server/mod.rs", false, "so is the one above"),
            ("log.rs", "http/path.rs", true, "in the table"),
            ("log.rs", "http/head.rs", false, "a room does not stand for the one above it"),
            ("http/head.rs", "server/mod.rs", false, "the wrong way"),
            ("bin/tool/main.rs", "server/mod.rs", true, "programs name the library's rooms through lib.rs"),
            ("log.rs", "lib.rs", false, "not in the table"),
        ];
        for (from, to, may, why) in cases {
            let forbidden_edges = rooms(PAGE).forbidden_edges(&edges(&[(from, to)]));
            assert_eq!(forbidden_edges.is_empty(), may, "{from} -> {to}: {why}: {forbidden_edges:?}");
        }
        let page = PAGE.replace("| the log | | `http/path.rs` |", "| the log | | `lib.rs` |");
        let forbidden = rooms(&page).forbidden_edges(&edges(&[("log.rs", "server/mod.rs")]));
        assert_eq!(forbidden.len(), 1, "lib.rs stands for other rooms in programs only");
        let page = PAGE.replace("| `lib.rs` | re-exports", "| `bin/common/` | | | |\n| `lib.rs` | re-exports");
        let forbidden = rooms(&page).forbidden_edges(&edges(&[("bin/tool/main.rs", "bin/common/x.rs")]));
        assert_eq!(forbidden.len(), 1, "lib.rs stands for rooms of the library only");
        assert_eq!(
            rooms(PAGE).forbidden_edges(&edges(&[("http/head.rs", "server/mod.rs")])),
            ["src/http/head.rs:7 names a::B (room server/), which http/ may not name"]
        );
    }

    #[test]
    fn permissions_that_no_code_uses_are_found() {
        let used = [
            ("bin/tool/main.rs", "http/path.rs"),
            ("server/mod.rs", "http/head.rs"),
            ("log.rs", "http/path.rs"),
            ("http/head.rs", "http/path.rs"),
        ];
        assert_eq!(rooms(PAGE).unused_permissions(&edges(&used)), ["server/ may name log.rs, but does not"]);
        assert_eq!(rooms(PAGE).unused_permissions(&edges(&used[..3])).len(), 2);
        assert_eq!(rooms(PAGE).unused_permissions(&Edges::new()).len(), 5);
        let page = PAGE.replace("`http/`, `log.rs`", "`http/`, `http/path.rs`");
        let used = [used[0], used[2], used[3], ("server/mod.rs", "http/path.rs")];
        let unused = rooms(&page).unused_permissions(&edges(&used));
        assert_eq!(
            unused,
            ["server/ may name http/, but does not"],
            "the most specific permission is the one that is used"
        );
    }

    #[test]
    fn cycles_of_permissions_are_found() {
        assert!(rooms(PAGE).permission_cycles().is_empty());
        let page = PAGE.replace("| paths | | |", "| paths | | `log.rs` |");
        assert_eq!(rooms(&page).permission_cycles(), ["http/path.rs may name log.rs, log.rs may name http/path.rs"]);
        let page = PAGE.replace("| waiting | | |", "| waiting | | `server/` |");
        assert!(rooms(&page).permission_cycles().is_empty(), "one way is no cycle");
    }
}
