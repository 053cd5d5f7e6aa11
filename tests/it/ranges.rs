//! Parts of files over real sockets: beyond 4 GiB, several at a time, of files that change meanwhile, and as the programs
//! that resume and seek ask for them.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::browser::webdriver::{self, Browser};
use crate::support::{Program, Reply, Run as _, Wire, ask, hearken, on_path, read_until_closed, skip, until};

const GIB: u64 = 1 << 30;

/// A file of this length, without anything in it but what is at these positions; old enough to have a strong entity tag.
fn sparse(path: &Path, length: u64, content: &[(u64, &[u8])]) {
    let file = File::create(path).unwrap();
    file.set_len(length).unwrap();
    for (position, bytes) in content {
        file.write_all_at(bytes, *position).unwrap();
    }
    age(&file);
}

fn age(file: &File) {
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

fn range(address: SocketAddr, target: &str, range: &str) -> Reply {
    ask(address, "GET", target, &[("Range", range)], b"")
}

/// The parts of a `multipart/byteranges` body: each one's `Content-Range` and bytes.
fn parts(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    let boundary = reply.header("Content-Type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let text: Vec<char> = reply.body.iter().map(|byte| char::from(*byte)).collect();
    let text: String = text.into_iter().collect();
    let (inside, after) = text.split_once(&format!("\r\n--{boundary}--\r\n")).unwrap();
    assert_eq!(after, "");
    let inside = format!("\r\n{inside}");
    let delimiter = format!("\r\n--{boundary}\r\n");
    let mut found = inside.split(&delimiter);
    assert_eq!(found.next(), Some(""), "nothing stands before the first part");
    let part = |part: &str| {
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let content_range = head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).unwrap();
        assert!(head.contains("Content-Type: application/octet-stream"), "{head}");
        (content_range.to_owned(), body.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect())
    };
    found.map(part).collect()
}

#[test]
fn files_beyond_4_gib_are_served_at_any_position() {
    let directory = tempfile::tempdir().unwrap();
    let length = 5 * GIB + 3;
    let content: [(u64, &[u8]); 4] = [(0, b"first"), (4 * GIB - 2, b"2^32"), (5 * GIB, b"end"), (3 * GIB, b"three")];
    sparse(&directory.path().join("large"), length, &content);
    let server = Program::hearken(&[directory.path().to_str().unwrap()]);
    let address = server.address();

    let head = ask(address, "HEAD", "/large", &[("Range", "bytes=0-0")], b"");
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("5368709123")), "a range is for GET only");
    let table: [(&str, u16, &[u8], &str); 6] = [
        ("bytes=0-4", 206, b"first", "bytes 0-4/5368709123"),
        ("bytes=4294967294-4294967297", 206, b"2^32", "bytes 4294967294-4294967297/5368709123"),
        ("bytes=4294967296-4294967297", 206, b"32", "bytes 4294967296-4294967297/5368709123"),
        ("bytes=5368709120-", 206, b"end", "bytes 5368709120-5368709122/5368709123"),
        ("bytes=-4", 206, b"\0end", "bytes 5368709119-5368709122/5368709123"),
        (
            "bytes=5368709123-",
            416,
            b"The range lies outside the 5368709123 bytes of the content.",
            "bytes */5368709123",
        ),
    ];
    for (field, status, body, content_range) in table {
        let reply = range(address, "/large", field);
        assert_eq!((reply.status, reply.header("Content-Range")), (status, Some(content_range)), "{field}");
        assert_eq!(reply.body, body, "{field}");
    }
    let several = range(address, "/large", "bytes=5368709120-,4294967294-4294967297, 0-4");
    assert_eq!((several.status, several.header("Content-Range")), (206, None));
    let expected: [(&str, &[u8]); 3] = [
        ("bytes 5368709120-5368709122/5368709123", b"end"),
        ("bytes 4294967294-4294967297/5368709123", b"2^32"),
        ("bytes 0-4/5368709123", b"first"),
    ];
    assert_eq!(parts(&several), expected.map(|(range, bytes)| (range.to_owned(), bytes.to_vec())));

    // The whole is announced, and its beginning comes; nobody waits for the rest.
    let mut wire = Wire::connect(address);
    wire.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(wire.head().header("Content-Length"), Some("5368709123"));
    let mut first = [0; 5];
    wire.stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first");
}

#[test]
fn too_many_ranges_give_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    sparse(&directory.path().join("f"), 20_000, &[(19_999, b"!")]);
    let server = Program::hearken(&[directory.path().to_str().unwrap()]);
    let field = |count: u64| {
        let ranges: Vec<_> = (0..count).map(|number| format!("{0}-{0}", number * 1000)).collect();
        format!("bytes={}", ranges.join(","))
    };
    let most = range(server.address(), "/f", &field(16));
    assert_eq!((most.status, parts(&most).len()), (206, 16));
    for field in [field(17), "bytes=0-,0-,0-".into(), "bytes=0-99,50-149,100-199".into()] {
        let whole = range(server.address(), "/f", &field);
        assert_eq!((whole.status, whole.body.len()), (200, 20_000), "{field}");
    }
}

/// More than the buffers of a connection hold, so that the server has to wait for a client that does not read.
const LONG: usize = 24 << 20;

/// How a file is changed while it is sent.
type Change = fn(&File);

/// Asks for a file, changes it while it is on its way, and gives the connection, what was announced, and what came.
fn changed_under_way(server: &Program, path: &Path, field: &str, change: Change) -> (Wire, Reply, Vec<u8>) {
    fs::write(path, vec![b'x'; LONG]).unwrap();
    age(&File::open(path).unwrap());
    let mut wire = Wire::connect(server.address());
    let name = path.file_name().unwrap().to_str().unwrap();
    wire.send(format!("GET /{name} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n"));
    let head = wire.head();
    change(&OpenOptions::new().write(true).open(path).unwrap());
    let announced: u64 = head.header("Content-Length").unwrap().parse().unwrap();
    // The connection may be reset: that is the point.
    let (body, _) = read_until_closed(&mut (&mut wire.stream).take(announced));
    (wire, head, body)
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_not_padded_and_its_connection_ends() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    let mut command = hearken();
    command.args(["--port", "0", "--access-log", "off", root.to_str().unwrap()]);
    let server = Program::start(command.stderr(File::create(&log).unwrap()), 1);
    // Not at the end of a page: what is left of that page is filled with zeros, which are nobody's bytes.
    let cut: Change = |file| file.set_len((1 << 20) + 100).unwrap();
    let table: [(&str, Change, Option<&str>); 5] = [
        ("cut", cut, Some("the file became shorter while it was sent")),
        ("emptied", |file| file.set_len(0).unwrap(), Some("the file became shorter while it was sent")),
        ("over", |file| file.write_all_at(&vec![0; LONG], 0).unwrap(), Some("the file was changed while it was sent")),
        (
            "touched",
            |file| file.set_modified(SystemTime::now()).unwrap(),
            Some("the file was changed while it was sent"),
        ),
        ("grown", |file| file.set_len(LONG as u64 + 1).unwrap(), None),
    ];
    for (way, field) in [("one", "Range: bytes=1-\r\n"), ("several", "Range: bytes=0-0,1000-\r\n"), ("whole", "")] {
        for (what, change, logged) in table {
            let name = format!("{what}-{way}");
            let (mut wire, head, body) = changed_under_way(&server, &root.join(&name), field, change);
            let announced = head.header("Content-Length").unwrap().parse::<usize>().unwrap();
            assert_eq!(body.len() == announced, logged.is_none(), "{name}: {} of {announced}", body.len());
            assert!(!body.contains(&0), "{name}: only what was in the file at the beginning");
            assert!(wire.is_closed(), "{name}");
            if let Some(reason) = logged {
                let line = format!("hearken: error: GET /{name}: cut short: {reason}");
                until(&line, || fs::read_to_string(&log).unwrap().contains(&line).then_some(()));
            }
            fs::remove_file(root.join(&name)).unwrap();
        }
    }
    // A file that does not change is sent whole.
    sparse(&root.join("still"), LONG as u64, &[]);
    let mut wire = Wire::connect(server.address());
    for _ in 0..2 {
        wire.send("GET /still HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(wire.reply().body.len(), LONG);
    }
}

#[test]
fn odd_times_do_not_break_a_header() {
    // Not every file system keeps such times; this one does.
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let path = directory.path().join("f");
    fs::write(&path, "x").unwrap();
    let server = Program::hearken(&[directory.path().to_str().unwrap()]);
    let day = Duration::from_secs(24 * 60 * 60);
    let (epoch, now) = (SystemTime::UNIX_EPOCH, SystemTime::now());
    let table = [
        (epoch + Duration::from_secs(784_111_777), Some("Sun, 06 Nov 1994 08:49:37 GMT"), "like any other"),
        (epoch, Some("Thu, 01 Jan 1970 00:00:00 GMT"), "the first second"),
        (epoch - day, Some("Thu, 01 Jan 1970 00:00:00 GMT"), "before it"),
        (epoch - Duration::from_nanos(1), Some("Thu, 01 Jan 1970 00:00:00 GMT"), "just before it"),
        (epoch - 365 * 200 * day, Some("Thu, 01 Jan 1970 00:00:00 GMT"), "long before it"),
        (now + 365 * day, None, "to come"),
        (epoch + 365 * 9000 * day, None, "beyond the year 9999"),
        (epoch + Duration::from_secs(i64::MAX as u64 / 2), None, "beyond all years"),
    ];
    let mut etags = Vec::new();
    for (time, last_modified, why) in table {
        if File::open(&path).unwrap().set_modified(time).is_err() {
            continue;
        }
        let reply = ask(server.address(), "GET", "/f", &[], b"");
        assert_eq!((reply.status, reply.text().as_str()), (200, "x"), "{why}");
        let said = reply.header("Last-Modified").unwrap();
        match last_modified {
            Some(expected) => assert_eq!(said, expected, "{why}"),
            // RFC 9110 §8.8.2.1: a time to come is not sent.
            None => {
                let date = |text| httpdate::parse_http_date(text).unwrap();
                assert!(date(said) <= date(reply.header("Date").unwrap()), "{why}: {said}");
            }
        }
        let etag = reply.header("ETag").unwrap().to_owned();
        let again = ask(server.address(), "GET", "/f", &[("If-None-Match", &etag)], b"");
        assert_eq!(again.status, 304, "{why}");
        etags.push(etag);
    }
    let count = etags.len();
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), count, "each has an entity tag of its own: {etags:?}");
}

/// A server whose access log can be read.
struct Logged {
    server: Program,
    log: PathBuf,
}

impl Logged {
    fn start(root: &Path, log: PathBuf) -> Self {
        let mut command = hearken();
        command.args(["--port", "0", "--access-log", "common", root.to_str().unwrap()]);
        Self { server: Program::start(command.stderr(File::create(&log).unwrap()), 1), log }
    }

    fn url(&self, name: &str) -> String {
        format!("{}{name}", self.server.url())
    }

    /// The status and the length of each answer for this name, once there are as many.
    fn answers(&self, name: &str, count: usize) -> Vec<(u16, u64)> {
        until(&format!("{count} answers for {name} in the log"), || {
            let text = fs::read_to_string(&self.log).unwrap();
            let lines = text.lines().filter(|line| line.contains(&format!(" /{name} HTTP/")));
            let numbers = lines.map(|line| line.rsplit_once("\" ").unwrap().1.split_once(' ').unwrap());
            let found: Vec<_> = numbers.map(|(status, length)| (number(status), number(length))).collect();
            (found.len() >= count)
                .then(|| found.into_iter().map(|(status, length)| (status.try_into().unwrap(), length)).collect())
        })
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

#[test]
fn curl_and_wget_resume_where_they_left_off() {
    const TEST: &str = "curl_and_wget_resume_where_they_left_off";
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let server = Logged::start(&root, directory.path().join("log"));
    let commands: [(&str, &[&str]); 2] = [
        ("curl", &["--silent", "--show-error", "--fail", "-C", "-", "-O"]),
        ("wget", &["--quiet", "--no-config", "-c"]),
    ];
    for (program, arguments) in commands {
        if on_path(program).is_none() {
            skip(TEST, program);
            continue;
        }
        let name = format!("{program}.bin");
        fs::write(root.join(&name), &content).unwrap();
        let here = directory.path().join(program);
        fs::create_dir(&here).unwrap();
        let run = || {
            let mut command = Command::new(program);
            command.args(arguments).arg(server.url(&name)).current_dir(&here).env("NO_PROXY", "*").env("HOME", &here);
            command.run()
        };
        // As if it had been interrupted, once in the middle and once before the last byte.
        for (round, had) in [300_001, content.len() - 1].into_iter().enumerate() {
            fs::write(here.join(&name), &content[..had]).unwrap();
            let output = run();
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(fs::read(here.join(&name)).unwrap() == content, "{program} from {had}");
            let answers = server.answers(&name, round + 1);
            assert_eq!(answers[round], (206, (content.len() - had) as u64), "{program}");
        }
        // Nothing is left to get, which is 416; wget takes that for success, and curl for what it is.
        run();
        assert_eq!(server.answers(&name, 3)[2].0, 416, "{program}");
        assert!(fs::read(here.join(&name)).unwrap() == content, "{program} with nothing left to get");
    }
}

/// The bytes of a second of sound: 16-bit samples, mono.
const SECOND: u32 = 2 * RATE;
const RATE: u32 = 44_100;

/// Writes so many seconds of silence (RIFF WAVE), which take no room on the disk. Returns the length of the file.
fn write_silence(path: &Path, seconds: u32) -> u64 {
    let data = seconds * SECOND;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(36 + data).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&16_u32.to_le_bytes());
    head.extend_from_slice(&[1, 0, 1, 0]);
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&SECOND.to_le_bytes());
    head.extend_from_slice(&[2, 0, 16, 0]);
    head.extend_from_slice(b"data");
    head.extend_from_slice(&data.to_le_bytes());
    fs::write(path, &head).unwrap();
    let length = head.len() as u64 + u64::from(data);
    File::options().write(true).open(path).unwrap().set_len(length).unwrap();
    length
}

#[test]
fn a_browser_seeks_in_a_sound() {
    const TEST: &str = "a_browser_seeks_in_a_sound";
    if !webdriver::available() {
        skip(TEST, "chromedriver or chromium");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    // Two hours, about 600 MiB: more than a browser fetches before it has the length, even if it is slow to stop.
    let length = write_silence(&root.join("long.wav"), 7200);
    fs::write(root.join("index.html"), "<!doctype html><audio src=long.wav preload=metadata></audio>").unwrap();
    let server = Logged::start(&root, directory.path().join("log"));
    let browser = Browser::start();
    browser.navigate(&server.url(""));
    let property = |name: &str| browser.execute(&format!("return document.querySelector('audio').{name}"));
    until("the length of the sound", || {
        property("duration").as_f64().filter(|duration| (duration - 7200.0).abs() < 0.1)
    });
    assert_eq!(property("seekable.end(0)").as_f64(), Some(7200.0));
    // With `preload=metadata` it may give up the part for the end once it has enough, and the log would not tell the length.
    browser.execute("const audio = document.querySelector('audio'); audio.preload = 'auto'; audio.currentTime = 7190;");
    // There is sound to be played at the new place, and the place is what was asked for.
    until("the sound at the new place", || {
        let ready = property("readyState").as_u64()? >= 2 && !property("seeking").as_bool()?;
        ready.then_some(())
    });
    assert_eq!(property("currentTime").as_f64(), Some(7190.0));
    assert!(property("error").is_null());
    // A browser begins at a block of its cache.
    let near_the_end = length - 7190 * u64::from(SECOND) + 64 * 1024;
    let answers = until("a part for the end alone", || {
        let answers = server.answers("long.wav", 2);
        let found = answers.iter().any(|(status, length)| *status == 206 && (1..=near_the_end).contains(length));
        found.then_some(answers)
    });
    // Between parts the browser may ask whether what it has is still good.
    assert!(answers.iter().all(|(status, _)| matches!(status, 206 | 304)), "{answers:?}");
}
