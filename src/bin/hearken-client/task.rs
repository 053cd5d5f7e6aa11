//! The second step: the checked task. The files that the command line names are read or opened here, but nothing is sent.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hearken::client::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::args::{Args, CommandArgs, NoteArgs};
use crate::generate::Generated;
use crate::outcome::Failure;

/// What the program is to do, and with which client.
pub(crate) struct Task {
    pub(crate) client: Client,
    pub(crate) command: Command,
    pub(crate) told: Told,
}

/// What the user is told of a response besides its body.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    /// Its status and header fields.
    pub(crate) head: bool,
    /// After a 401, how to give a user name and a password: none were given.
    pub(crate) how_to_log_in: bool,
}

/// What to exchange with the server.
pub(crate) enum Command {
    Get { url: String, output: Option<PathBuf> },
    Post { url: String, json: Json },
    Put { url: String, source: Source },
    Guess { url: String, interval: Duration },
    Note { url: String, note: Note },
    Generate(Generated),
}

/// What to do with a note.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Add(String),
    Get(u32),
}

/// The JSON to post.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Bytes(Vec<u8>),
    /// Everything from stdin.
    Stdin,
}

/// The bytes to put.
#[derive(Debug)]
pub(crate) enum Source {
    File {
        path: PathBuf,
        file: File,
        /// If it is known.
        length: Option<u64>,
    },
    Stdin,
}

impl Task {
    /// Checks the arguments.
    ///
    /// # Errors
    ///
    /// When a file that they name cannot be used, or a user name or a password cannot be sent.
    pub(crate) fn from_args(args: Args) -> Result<Self, Failure> {
        let told = Told { head: args.verbose, how_to_log_in: args.auth.is_none() };
        let client = client(&args)?;
        Ok(Self { client, command: Command::from_args(args.command)?, told })
    }
}

fn client(args: &Args) -> Result<Client, Failure> {
    let mut builder = Client::builder().retries(args.retry);
    if let Some(timeout) = args.timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(path) = &args.cacert {
        builder = builder.trust(path)?;
    }
    if let Some(credentials) = &args.auth {
        builder = builder.basic_auth(&credentials.user, &credentials.password.read(&credentials.user)?)?;
    }
    Ok(builder.build())
}

impl Command {
    fn from_args(args: CommandArgs) -> Result<Self, Failure> {
        Ok(match args {
            CommandArgs::Get { url, output } => Self::Get { url: full_url(url), output },
            CommandArgs::Post { url, json } => Self::Post { url: full_url(url), json: Json::parse(json)? },
            CommandArgs::Put { url, file } => {
                let source = Source::open(file)?;
                Self::Put { url: url_of_file(full_url(url), &source), source }
            }
            CommandArgs::Guess { url, interval } => Self::Guess { url: full_url(url), interval },
            CommandArgs::Note { command, url } => {
                let note = match command {
                    NoteArgs::Add { text } => Note::Add(text),
                    NoteArgs::Get { number } => Note::Get(number),
                };
                Self::Note { url: full_url(url), note }
            }
            CommandArgs::Generate { kind } => Self::Generate(kind),
        })
    }
}

/// Adds `http://` to a URL without a scheme.
fn full_url(url: String) -> String {
    if url.contains("://") { url } else { format!("http://{url}") }
}

/// Adds the name of the file to a URL that ends with a slash, which names a directory.
fn url_of_file(mut url: String, source: &Source) -> String {
    let Source::File { path, .. } = source else { return url };
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(name) = name.filter(|_| url.ends_with('/') && !url.contains(['?', '#'])) {
        url.extend(utf8_percent_encode(name, IN_NAMES));
    }
    url
}

/// All but what RFC 3986 §2.3 calls unreserved.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Json {
    fn parse(text: String) -> Result<Self, Failure> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        match text.strip_prefix('@') {
            Some(path) => match fs::read(path) {
                Ok(bytes) => Ok(Self::Bytes(bytes)),
                Err(source) => Err(Failure::File { path: path.into(), source }),
            },
            None => Ok(Self::Bytes(text.into())),
        }
    }
}

impl Source {
    fn open(path: PathBuf) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdin);
        }
        let open = || {
            let file = File::open(&path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            // Only of a regular file do the metadata give the length of the content. Those of /proc claim to be empty.
            let length = Some(metadata.len()).filter(|length| metadata.is_file() && *length > 0);
            Ok(Self::File { path: path.clone(), file, length })
        };
        open().map_err(|source| Failure::File { path: path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_may_lack_their_scheme() {
        assert_eq!(full_url("localhost:4040/x".into()), "http://localhost:4040/x");
        assert_eq!(full_url("https://localhost/".into()), "https://localhost/");
    }

    #[test]
    fn json_is_given_or_read_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        fs::write(&path, "{}").unwrap();
        assert_eq!(Json::parse("[1]".into()).unwrap(), Json::Bytes(b"[1]".into()));
        assert_eq!(Json::parse("-".into()).unwrap(), Json::Stdin);
        assert_eq!(Json::parse(format!("@{}", path.display())).unwrap(), Json::Bytes(b"{}".into()));
        let failure = Json::parse("@/no/such/file".into()).unwrap_err().to_string();
        assert_eq!(failure, "cannot read /no/such/file: no such file or directory");
    }

    #[test]
    fn only_the_length_of_a_regular_file_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "abc").unwrap();
        assert!(matches!(Source::open(path), Ok(Source::File { length: Some(3), .. })));
        assert!(matches!(Source::open("/dev/null".into()), Ok(Source::File { length: None, .. })));
        assert!(matches!(Source::open("-".into()), Ok(Source::Stdin)));
        let failure = Source::open("/no/such/file".into()).unwrap_err().to_string();
        assert_eq!(failure, "cannot read /no/such/file: no such file or directory");
        assert_eq!(Source::open("/".into()).unwrap_err().to_string(), "cannot read /: is a directory");
    }

    #[test]
    fn a_file_put_to_a_directory_keeps_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a b+ä?.txt");
        fs::write(&path, "abc").unwrap();
        let url = |url: &str, path: PathBuf| url_of_file(url.into(), &Source::open(path).unwrap());
        let table = [
            ("http://a/", "http://a/a%20b%2B%C3%A4%3F.txt"),
            ("http://a/b/", "http://a/b/a%20b%2B%C3%A4%3F.txt"),
            ("http://a/b", "http://a/b"),
            ("http://a/b?c=/", "http://a/b?c=/"),
        ];
        for (given, expected) in table {
            assert_eq!(url(given, path.clone()), expected);
        }
        assert_eq!(url("http://a/", "-".into()), "http://a/");
    }
}
