//! Warnings for the person who starts the server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::configuration::{Configuration, Encryption};

/// What other machines can do to a server that they reach.
pub(crate) struct Exposure {
    asks_for_passwords: bool,
    is_encrypted: bool,
    writes_to: Option<PathBuf>,
    keeps_notes: bool,
}

impl Exposure {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let site = &configuration.site;
        Self {
            asks_for_passwords: site.access.passwords.are_asked(),
            is_encrypted: !matches!(configuration.encryption, Encryption::None),
            writes_to: site.write.as_ref().map(|write| write.directory.clone()),
            keeps_notes: site.demo,
        }
    }

    /// The warnings for a server with these TCP addresses and their URLs. Only this machine reaches Unix sockets.
    pub(crate) fn warnings(&self, addresses: &[SocketAddr], urls: &[String]) -> Vec<String> {
        let exposed = addresses.iter().zip(urls).find(|(address, _)| !address.ip().is_loopback());
        let Some((_, url)) = exposed else { return Vec::new() };
        let mut warnings = Vec::new();
        if self.asks_for_passwords && !self.is_encrypted {
            warnings.push(format!(
                "passwords go to {url} unencrypted, and anyone on the network path can read them: use --tls-cert and \
                 --tls-key, or --tls to try it"
            ));
        }
        let advice = "ask for a password with --write-auth USER:@FILE, or listen on 127.0.0.1 only";
        match &self.writes_to {
            _ if self.asks_for_passwords => {}
            Some(directory) => {
                warnings.push(format!("anyone who reaches {url} can write to {}: {advice}", directory.display()));
            }
            None if self.keeps_notes => warnings.push(format!("anyone who reaches {url} can add notes: {advice}")),
            None => {}
        }
        warnings
    }
}

/// Warns if one of ROOT and the `--write` directory lies in the other.
pub(crate) fn nesting(root: &Path, directory: &Path) -> Option<String> {
    let (Ok(root), Ok(directory)) = (root.canonicalize(), directory.canonicalize()) else { return None };
    let (shown_root, shown_directory) = (root.display(), directory.display());
    if root == directory {
        None
    } else if directory.starts_with(&root) {
        Some(format!(
            "{shown_directory} lies in {shown_root}, so uploads are also served as a part of the site, where an uploaded \
             page can do all that the site's own pages can; write to a directory beside it instead"
        ))
    } else if root.starts_with(&directory) {
        Some(format!(
            "{shown_root} lies in {shown_directory}, so anyone who may write can change what is served from it; write to a \
             directory beside it instead"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn warnings_are_for_what_others_can_reach() {
        const PASSWORD: &str = "unencrypted";
        const WRITE: &str = "can write to data";
        const NOTES: &str = "can add notes";
        let open = || Exposure { asks_for_passwords: false, is_encrypted: false, writes_to: None, keeps_notes: false };
        let writes = || Exposure { writes_to: Some("data".into()), ..open() };
        let table: [(Exposure, &str, &[&str]); 14] = [
            (open(), "127.0.0.1:1", &[]),
            (writes(), "127.0.0.1:1", &[]),
            (writes(), "[::1]:1", &[]),
            (Exposure { asks_for_passwords: true, ..open() }, "127.0.0.9:1", &[]),
            (open(), "0.0.0.0:1", &[]),
            (Exposure { asks_for_passwords: true, ..open() }, "0.0.0.0:1", &[PASSWORD]),
            (Exposure { asks_for_passwords: true, is_encrypted: true, ..open() }, "0.0.0.0:1", &[]),
            (Exposure { asks_for_passwords: true, is_encrypted: true, ..open() }, "[::]:1", &[]),
            (writes(), "0.0.0.0:1", &[WRITE]),
            (Exposure { is_encrypted: true, ..writes() }, "192.0.2.1:1", &[WRITE]),
            (Exposure { asks_for_passwords: true, ..writes() }, "192.0.2.1:1", &[PASSWORD]),
            (Exposure { asks_for_passwords: true, is_encrypted: true, ..writes() }, "192.0.2.1:1", &[]),
            (Exposure { keeps_notes: true, ..open() }, "0.0.0.0:1", &[NOTES]),
            (Exposure { keeps_notes: true, ..writes() }, "0.0.0.0:1", &[WRITE]),
        ];
        for (row, (exposure, address, expected)) in table.into_iter().enumerate() {
            let urls = ["http://127.0.0.1:1/".to_owned(), format!("http://{address}/")];
            let seen = exposure.warnings(&["127.0.0.1:1".parse().unwrap(), address.parse().unwrap()], &urls);
            assert_eq!(seen.len(), expected.len(), "row {row}: {seen:?}");
            for (warning, part) in seen.iter().zip(expected) {
                assert!(warning.contains(part) && warning.contains(&urls[1]) && warning.contains("--"), "{warning}");
            }
        }
    }

    #[test]
    fn directories_that_lie_in_each_other_are_warned_of() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir_all(path("a/b")).unwrap();
        fs::create_dir(path("ab")).unwrap();
        std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
        let table = [
            ("a", "a", None),
            ("a", "link", None),
            ("a", "a/b", Some("an uploaded page can do")),
            ("link", "a/b", Some("an uploaded page can do")),
            ("a/b", "a", Some("anyone who may write can change")),
            ("a", "ab", None),
            ("ab", "a", None),
            ("a", "missing", None),
        ];
        for (root, directory, expected) in table {
            let warning = nesting(&path(root), &path(directory));
            let fits = match (&warning, expected) {
                (Some(warning), Some(part)) => warning.contains(part),
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{root} {directory}: {warning:?}");
        }
    }
}
