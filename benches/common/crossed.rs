//! Files that say of each line where it belongs, and questions with one right answer: for finding answers that went astray.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::Path;

use hearken::{BasicAuth, Files, Layer as _, Request, Response, Router};

/// How long each line of a file is, its line feed included.
pub(crate) const LINE: usize = 32;
/// `ada:secret`, as Basic authentication sends it.
const CREDENTIALS: &str = "Basic YWRhOnNlY3JldA==";
const SECRET: &[u8] = b"only for those who have the password\n";
/// What the descriptors that are opened all around give.
const FOREIGN: &[u8] = b"foreign\n";

/// Makes files of this size, in which each line names the file and its offset, one that needs a password, and one that is
/// not served. The contents of the first ones.
pub(crate) fn make_files(directory: &Path, files: usize, size: usize) -> Vec<Vec<u8>> {
    let content = |file: usize| -> Vec<u8> {
        (0..size / LINE).flat_map(|line| format!("file {file:02} at {:020}\n", line * LINE).into_bytes()).collect()
    };
    let contents: Vec<Vec<u8>> = (0..files).map(content).collect();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.join(name), bytes).expect("the directory is ours");
    fs::create_dir_all(directory.join("www/protected")).expect("the directory is ours");
    for (file, content) in contents.iter().enumerate() {
        write(&format!("www/{file}.txt"), content);
    }
    write("www/protected/secret.txt", SECRET);
    write("foreign", FOREIGN);
    contents
}

/// Serves these files, and tells each client its own address.
pub(crate) fn app(directory: &Path) -> Router {
    let auth = BasicAuth::new().user("ada", "secret").expect("the name and the password are good");
    let peer =
        |request: &mut Request| Response::text(request.peer().map_or_else(|| "none".into(), |peer| peer.to_string()));
    Router::new()
        .get("/peer", peer)
        .any("/protected/{*path}", auth.around(Files::new(directory.join("www"))))
        .fallback(Files::new(directory.join("www")))
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    File(usize),
    Peer,
    SecretWithPassword,
    SecretWithout,
}

impl Question {
    /// A question for each number, of all kinds in turn.
    pub(crate) fn of(number: usize, files: usize) -> Self {
        match number % 10 {
            0 => Self::SecretWithPassword,
            1 => Self::SecretWithout,
            2 | 3 => Self::Peer,
            _ => Self::File(number / 10 % files),
        }
    }

    pub(crate) fn request(self, close: bool) -> String {
        let path = match self {
            Self::File(file) => format!("/{file}.txt"),
            Self::Peer => "/peer".into(),
            Self::SecretWithPassword | Self::SecretWithout => "/protected/secret.txt".into(),
        };
        let authorization = match self {
            Self::SecretWithPassword => format!("Authorization: {CREDENTIALS}\r\n"),
            _ => String::new(),
        };
        let connection = if close { "Connection: close\r\n" } else { "" };
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{connection}\r\n")
    }

    /// How this answer to the question is, for a client with this address.
    pub(crate) fn judge(self, status: u16, body: &[u8], peer: &str, contents: &[Vec<u8>]) -> Verdict {
        let is = |expected: &[u8]| status == 200 && body == expected;
        let holds_secret = || body.windows(SECRET.len()).any(|window| window == SECRET);
        let is_right = match self {
            Self::File(file) => is(&contents[file]),
            Self::Peer => is(peer.as_bytes()),
            Self::SecretWithPassword => is(SECRET),
            Self::SecretWithout => status == 401 && !holds_secret(),
        };
        match self {
            _ if is_right => Verdict::Right,
            Self::File(_) | Self::Peer | Self::SecretWithout if holds_secret() => Verdict::Leak,
            Self::Peer if status == 200 => Verdict::WrongPeer,
            _ => Verdict::Foreign,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Foreign,
    WrongPeer,
    /// The secret, given to a client without the password.
    Leak,
}

/// Opens and closes descriptors, so that their numbers change hands all the time.
pub(crate) fn churn(directory: &Path, is_over: impl Fn() -> bool) {
    while !is_over() {
        let file = File::open(directory.join("foreign"));
        let sockets = UnixStream::pair();
        if let Ok((near, _)) = &sockets {
            let _ = (&*near).write_all(FOREIGN);
        }
        drop((UdpSocket::bind("127.0.0.1:0"), file, sockets));
    }
}
