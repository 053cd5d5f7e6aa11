//! What a person sees on the terminal when the server has started.

use std::fmt::Write as _;
use std::path::PathBuf;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::configuration::{Content, Site};
use crate::reachable::Reachable;
use crate::users::Passwords;

/// What the server does, in words.
pub(crate) struct Greeting {
    root: PathBuf,
    uploads: Uploads,
    reading: &'static str,
    writing: &'static str,
}

/// Where uploads go.
enum Uploads {
    /// To this directory.
    To(PathBuf),
    /// Nowhere, unless `--write` is given.
    Off,
    /// Nowhere: ROOT is one file, which `--write` cannot be used with.
    Impossible,
}

impl Greeting {
    pub(crate) fn of(site: &Site) -> Self {
        let (reading, writing) = match site.access.passwords {
            Passwords::NotAsked => ("", ""),
            Passwords::ForWriting(_) => ("", ", with a password"),
            Passwords::ForEverything(_) => (", with a password", ", with a password"),
        };
        let uploads = match (&site.write, &site.content) {
            (Some(write), _) => Uploads::To(write.directory.clone()),
            (None, Content::Directory(_)) => Uploads::Off,
            (None, Content::File(_)) => Uploads::Impossible,
        };
        Self { root: site.root.clone(), uploads, reading, writing }
    }

    /// The lines to print.
    pub(crate) fn text(&self, reachable: &Reachable) -> String {
        let absolute = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string();
        let mut text = format!("\n  Serving  {}{}\n", absolute(&self.root), self.reading);
        let uploads = match &self.uploads {
            Uploads::To(directory) => format!("to {}{}", absolute(directory), self.writing),
            Uploads::Off => "off; --write DIR turns them on".to_owned(),
            Uploads::Impossible => "off; they need a directory to serve".to_owned(),
        };
        text += &format!("  Uploads  {uploads}\n");
        let here = reachable.here.iter().map(|url| (url, "on this machine"));
        let elsewhere = reachable.elsewhere.iter().map(|url| (url, "on other devices in the network"));
        let urls: Vec<_> = here.chain(elsewhere).collect();
        let width = urls.iter().map(|(url, _)| url.len()).max().unwrap_or_default();
        for (index, (url, place)) in urls.iter().enumerate() {
            let label = if index == 0 { "Open" } else { "" };
            let _ = writeln!(text, "  {label:<7}  {url:<width$}  {place}");
        }
        if reachable.elsewhere.is_empty() && !reachable.here.is_empty() {
            text += "           --bind 0.0.0.0 lets other devices in the network connect\n";
        }
        text += "  Stop     Ctrl-C\n\n";
        text
    }
}

/// The URL as a QR code for a terminal, black on white whatever the terminal's own colours are; `None` if it is too long for one.
pub(crate) fn qr_code(url: &str) -> Option<String> {
    let code = QrCode::new(url).ok()?.render::<Dense1x2>().build();
    Some(code.lines().map(|line| format!("  \x1b[30;107m{line}\x1b[0m\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        Greeting { root: "/srv/none".into(), uploads: Uploads::Off, reading: "", writing: "" }
    }

    #[test]
    fn it_says_what_is_served_and_where_to_open_it() {
        let here = vec!["http://127.0.0.1:80/".to_owned()];
        let elsewhere = vec!["http://192.168.1.7:80/".to_owned()];
        let text = greeting().text(&Reachable { here: here.clone(), elsewhere });
        assert_eq!(
            text,
            "\n  Serving  /srv/none\n\
             \x20 Uploads  off; --write DIR turns them on\n\
             \x20 Open     http://127.0.0.1:80/    on this machine\n\
             \x20          http://192.168.1.7:80/  on other devices in the network\n\
             \x20 Stop     Ctrl-C\n\n"
        );
        let writing = Greeting { uploads: Uploads::To("/srv/in".into()), writing: ", with a password", ..greeting() };
        let text = writing.text(&Reachable { here, elsewhere: Vec::new() });
        assert!(text.contains("  Uploads  to /srv/in, with a password\n"), "{text}");
        assert!(text.contains("--bind 0.0.0.0 lets other devices"), "{text}");
        let file = Greeting { uploads: Uploads::Impossible, ..greeting() };
        let text = file.text(&Reachable::default());
        assert!(
            text.contains("  Uploads  off; ") && !text.contains("--write"),
            "it cannot be used with a file: {text}"
        );
        let text = greeting().text(&Reachable::default());
        assert!(!text.contains("Open") && !text.contains("--bind"), "only a Unix socket: {text}");
    }

    #[test]
    fn a_qr_code_has_lines_of_one_width() {
        let code = qr_code("http://192.168.1.7:4040/").unwrap();
        let widths: Vec<_> = code.lines().map(|line| line.chars().count()).collect();
        assert!(widths.len() > 12 && widths.iter().all(|width| *width == widths[0]), "{widths:?}");
        assert_eq!(qr_code(&"x".repeat(5000)), None);
    }
}
