//! The second step: the checked task. The files that the command line names are read or opened here, but nothing is sent.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use hearken::client::Client;
use serde_json::json;

use crate::args::{Args, CommandArgs, NoteArgs};
use crate::outcome::Failure;

/// What the program is to do, and with which client.
pub(crate) struct Task {
    pub(crate) client: Client,
    pub(crate) command: Command,
    /// Whether the head of the response is shown.
    pub(crate) verbose: bool,
    /// Whether a user name and a password are sent.
    pub(crate) has_credentials: bool,
}

/// What to exchange with the server.
pub(crate) enum Command {
    Get { url: String, output: Option<PathBuf> },
    Post { url: String, json: Json },
    Put { url: String, source: Source },
    Guess { url: String, interval: Duration },
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
    /// A file, and its length if that is known.
    File(File, Option<u64>),
    Stdin,
}

impl Task {
    /// Checks the arguments.
    ///
    /// # Errors
    ///
    /// When a file that they name cannot be used, or a user name or a password cannot be sent.
    pub(crate) fn from_args(args: Args) -> Result<Self, Failure> {
        let has_credentials = args.auth.is_some();
        let client = client(&args)?;
        Ok(Self { client, command: Command::from_args(args.command)?, verbose: args.verbose, has_credentials })
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
            CommandArgs::Put { url, file } => Self::Put { url: full_url(url), source: Source::open(file)? },
            CommandArgs::Guess { url, interval } => Self::Guess { url: full_url(url), interval },
            CommandArgs::Note { command, url } => {
                let json = match command {
                    NoteArgs::Add { text } => json!({ "myNote": text }),
                    NoteArgs::Get { number } => json!({ "getNote": number.to_string() }),
                };
                Self::Post { url: full_url(url), json: Json::Bytes(json.to_string().into()) }
            }
        })
    }
}

/// Adds `http://` to a URL without a scheme.
fn full_url(url: String) -> String {
    if url.contains("://") { url } else { format!("http://{url}") }
}

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
            // Only of a regular file do the metadata give the length of the content.
            Ok(Self::File(file, metadata.is_file().then_some(metadata.len())))
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
        assert!(matches!(Source::open(path), Ok(Source::File(_, Some(3)))));
        assert!(matches!(Source::open("/dev/null".into()), Ok(Source::File(_, None))));
        assert!(matches!(Source::open("-".into()), Ok(Source::Stdin)));
        let failure = Source::open("/no/such/file".into()).unwrap_err().to_string();
        assert_eq!(failure, "cannot read /no/such/file: no such file or directory");
    }

    #[test]
    fn notes_are_posted_as_the_tutorial_has_it() {
        let url = || "127.0.0.1:4040/notes".to_owned();
        let table = [
            (NoteArgs::Add { text: "say \"hi\"".into() }, r#"{"myNote":"say \"hi\""}"#),
            (NoteArgs::Get { number: 7 }, r#"{"getNote":"7"}"#),
        ];
        for (command, expected) in table {
            let command = Command::from_args(CommandArgs::Note { command, url: url() }).unwrap();
            let Command::Post { url, json } = command else { panic!("a note is posted") };
            assert_eq!((url.as_str(), json), ("http://127.0.0.1:4040/notes", Json::Bytes(expected.into())));
        }
    }
}
