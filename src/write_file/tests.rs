use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::{Stored, WriteFile};
use crate::handler::respond;
use crate::http::method::Method;
use crate::http::path::RelativePath;
use crate::http::request::Request;
use crate::http::status::Status;
use crate::http::validators::file_validators;
use crate::storage::FileId;

const JSON: &str = "application/json";

fn post(writer: &WriteFile, target: &str, body: &[u8]) -> (u16, String) {
    let request = Request::new(Method::Post, target).with_header("Content-Type", JSON).with_body(body);
    send(writer, request)
}

fn put(target: &str, body: &str) -> Request {
    Request::new(Method::Put, target).with_body(body)
}

fn send(writer: &WriteFile, mut request: Request) -> (u16, String) {
    let mut response = respond(writer, &mut request);
    (response.status().code(), response.read_text().unwrap())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn json_is_stored_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path());
    let table: [(&[u8], &str); 10] = [
        (b"{ \"name\": \"Han Solo\",\r\n\t\"ship\": [1.0e5] }\n", "Wrote data for Han Solo."),
        (b"{\"a\": {\"name\": \"inner\"}, \"name\": \"outer\"}", "Wrote data for outer."),
        ("{\"name\": \"Gr\\u00f6\u{df}e\"}".as_bytes(), "Wrote data for Größe."),
        (b"{\"name\": \"first\", \"name\": \"last\"}", "Wrote data for last."),
        (b"{\"name\": 5}", "Wrote data for a b.json."),
        (b"{}", "Wrote data for a b.json."),
        (b"[1, 2]", "Wrote data for a b.json."),
        (b"null", "Wrote data for a b.json."),
        (b"\"name\"", "Wrote data for a b.json."),
        (b" 7 ", "Wrote data for a b.json."),
    ];
    for (body, answer) in table {
        assert_eq!(post(&writer, "/a%20b.json", body), (200, answer.into()));
        assert_eq!(fs::read(directory.path().join("a b.json")).unwrap(), body);
    }
    assert_eq!(names(directory.path()), ["a b.json"]);
}

#[test]
fn invalid_json_is_refused_and_leaves_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path());
    post(&writer, "/f", b"{}");
    let table: [(&[u8], &str); 9] = [
        (b"", "line 1 column 0"),
        (b"{", "line 1 column 1"),
        (b"{\n \"a\": nope }", "line 2 column"),
        (b"{} {}", "line 1 column 4"),
        (b"{'a': 1}", "line 1 column 2"),
        (b"{\"a\": \"\xff\"}", "not valid UTF-8 at line 1 column 8"),
        (b"{\n\n\xc3}", "not valid UTF-8 at line 3 column 1"),
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
        (b"\"a\nb\"", "line"),
    ];
    for (body, reason) in table {
        let (status, text) = post(&writer, "/f", body);
        assert_eq!(status, 400, "{body:?}");
        assert!(text.contains(reason), "{body:?}: {text}");
    }
    assert_eq!(fs::read(directory.path().join("f")).unwrap(), b"{}");
    assert_eq!(names(directory.path()), ["f"]);
}

#[test]
fn unsupported_requests_are_refused_each_with_its_status() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("dir")).unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let writer = WriteFile::new(directory.path()).except(|path| path.segments()[0] == b"taken");
    let json = |target: &str| Request::new(Method::Post, target).with_header("Content-Type", JSON);
    let table = [
        (Request::get("/f"), 405, "Unsupported request: GET."),
        (put("/f", "x"), 405, "Unsupported request: PUT."),
        (Request::new(Method::Post, "/f").with_body("{}"), 415, "Unsupported request: POST"),
        (json("/f"), 411, "Content-Length"),
        (json("/taken/f").with_body("{}"), 409, "served there"),
        (json("/").with_body("{}"), 409, "directory"),
        (json("/dir").with_body("{}"), 409, "directory"),
        (json("/file/f").with_body("{}"), 409, "file stands"),
        (json("/../f").with_body("{}"), 400, "dot segment"),
        (json("/%2e%2e%2ff").with_body("{}"), 400, "encoded slash"),
        (json("/.profile").with_body("{}"), 400, "dot"),
        (json("/f").with_body("[".repeat(129)), 400, "more than 128 levels at line 1 column 129"),
    ];
    for (request, status, text) in table {
        let target = request.target().to_owned();
        let (seen, body) = send(&writer, request);
        assert_eq!(seen, status, "{target}: {body}");
        assert!(body.contains(text), "{target}: {body}");
    }
    assert_eq!(names(directory.path()), ["dir", "file"]);
}

#[test]
fn put_creates_and_replaces_files() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path()).put(true);
    let created = respond(&writer, &mut put("/a/b%20c", "1"));
    assert_eq!((created.status(), created.header("Location")), (Status::CREATED, Some("/a/b%20c")));
    // The validators that a GET will show once the file is a minute old.
    let later = SystemTime::now() + Duration::from_secs(60);
    let etag = |name: &str| {
        let file = FileId::of(&rustix::fs::stat(directory.path().join(name)).unwrap());
        file_validators(file.size(), file.modified(), file.inode(), later).etag
    };
    assert_eq!(created.header("ETag").map(str::to_owned), etag("a/b c"));
    let replaced = respond(&writer, &mut put("/a/b%20c", "longer"));
    assert_eq!((replaced.status(), replaced.header("Location")), (Status::NO_CONTENT, None));
    assert_eq!(replaced.header("ETag").map(str::to_owned), etag("a/b c"));
    assert_eq!(send(&writer, put("/a/b%20c", "2")), (204, String::new()));
    assert_eq!(fs::read_to_string(directory.path().join("a/b c")).unwrap(), "2");
    let part = put("/a/b%20c", "3").with_header("Content-Range", "bytes 0-0/1");
    assert_eq!(send(&writer, part).0, 400);
    assert_eq!(send(&writer, Request::new(Method::Put, "/a/d")).0, 411);
    assert_eq!(names(&directory.path().join("a")), ["b c"]);
}

#[test]
fn preconditions_are_checked_against_the_existing_file() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path()).put(true);
    assert_eq!(send(&writer, put("/f", "1").with_header("If-Match", "*")).0, 412);
    assert_eq!(send(&writer, put("/f", "1").with_header("If-None-Match", "*")).0, 201);
    assert_eq!(send(&writer, put("/f", "2").with_header("If-None-Match", "*")).0, 412);
    let written = respond(&writer, &mut put("/f", "2"));
    let old = written.header("ETag").unwrap().to_owned();
    assert!(!old.starts_with("W/"), "If-Match matches no weak tags");
    let malformed = put("/f", "3").with_header("If-Match", &format!("{old}1234"));
    assert_eq!(send(&writer, malformed).0, 412, "a malformed list matches no tag");
    let several = put("/f", "3").with_header("If-Match", "\"other\"").with_header("If-Match", &old);
    assert_eq!(send(&writer, several).0, 204, "several fields are one list");
    assert_eq!(send(&writer, put("/f", "4").with_header("If-Match", &old)).0, 412);
    assert_eq!(fs::read_to_string(directory.path().join("f")).unwrap(), "3");
    assert_eq!(names(directory.path()), ["f"]);
}

#[test]
fn delete_removes_files_and_empty_directories() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["dir", "full"] {
        fs::create_dir(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join("f"), "").unwrap();
    }
    let writer = WriteFile::new(directory.path()).delete(true).except(|path| path.segments()[0] == b"taken");
    let table = [
        ("/dir/f", Some(("If-Match", "\"other\"")), 412),
        ("/dir/f", Some(("If-None-Match", "*")), 412),
        ("/dir/f", Some(("If-Match", "*")), 204),
        ("/dir/f", Some(("If-Match", "*")), 412),
        ("/dir/f", None, 404),
        ("/none/f", None, 404),
        ("/dir", None, 409),
        ("/full", None, 409),
        ("/full/", None, 409),
        ("/full/f/", None, 404),
        ("/none/", None, 404),
        ("/dir/", Some(("If-Match", "\"other\"")), 412),
        ("/dir/", Some(("If-Match", "*")), 204),
        ("/dir/", None, 404),
        ("/", None, 409),
        ("//", None, 400),
        ("/taken/", None, 409),
        ("/taken", None, 409),
        ("/dir/%2e%2e/x", None, 400),
    ];
    for (target, field, status) in table {
        let request = Request::new(Method::Delete, target);
        let request = field.into_iter().fold(request, |request, (name, value)| request.with_header(name, value));
        assert_eq!(send(&writer, request).0, status, "{target} {field:?}");
    }
    assert_eq!(names(directory.path()), ["full"]);
    assert_eq!(send(&WriteFile::new(directory.path()), Request::new(Method::Delete, "/full/f")).0, 405);
    let told = |target: &str| send(&writer, Request::new(Method::Delete, target)).1;
    assert_eq!(told("/full/"), "Conflict: the folder is not empty.");
    assert_eq!(told("/full"), "Conflict: a directory stands there, whose path ends with a slash.");
    assert_eq!(told("/"), "Conflict: the root folder cannot be deleted.");
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, directory.path().join("fifo"), fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert_eq!(send(&writer, Request::new(Method::Delete, "/fifo")).0, 403, "no client put it there");
    assert_eq!(names(directory.path()), ["fifo", "full"]);
}

#[test]
fn hidden_files_are_deleted_with_delete_hidden_only() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(".git")).unwrap();
    let files = [".env", ".git/config", ".hearken-0123456789abcdef", ".hearken-other", "f"];
    for name in files {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let closed = WriteFile::new(directory.path()).delete(true).put(true);
    let open = WriteFile::new(directory.path()).delete(true).put(true).delete_hidden(true);
    assert_eq!(send(&closed, Request::new(Method::Delete, "/.git/")).0, 400);
    for name in &files[..4] {
        assert_eq!(send(&closed, Request::new(Method::Delete, &format!("/{name}"))).0, 400, "{name}");
        assert_eq!(send(&open, put(&format!("/{name}"), "x")).0, 400, "{name} is not written to");
    }
    let table = [
        ("/.env", 204),
        ("/.env", 404),
        ("/.git/config", 204),
        ("/.git", 409),
        ("/.git/../f", 400),
        ("/.git/", 204),
        ("/.hearken-0123456789abcdef", 400),
        ("/.hearken-other", 400),
        ("/.hearken-0123456789abcdef/x", 400),
        ("/.%68earken-0123456789abcdef", 400),
        ("/f", 204),
    ];
    for (target, status) in table {
        assert_eq!(send(&open, Request::new(Method::Delete, target)).0, status, "{target}");
    }
    assert_eq!(names(directory.path()), [".hearken-0123456789abcdef", ".hearken-other"]);
}

#[test]
fn max_total_limits_the_bytes_in_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("there"), [0; 50]).unwrap();
    let writer = WriteFile::new(directory.path()).put(true).delete(true).max_total(100);
    let delete = |target: &str| Request::new(Method::Delete, target);
    let table = [
        (put("/a", &"x".repeat(51)), 507),
        (put("/a", &"x".repeat(50)), 201),
        (put("/b", "x"), 507),
        (put("/b", ""), 201),
        (put("/a", &"y".repeat(50)), 204),
        (put("/a", &"y".repeat(51)), 507),
        (put("/there", &"y".repeat(20)), 204),
        (put("/b", &"x".repeat(30)), 204),
        (delete("/a"), 204),
        (put("/c", &"x".repeat(50)), 201),
        (put("/d", "x"), 507),
    ];
    for (request, status) in table {
        let target = request.target().to_owned();
        assert_eq!(send(&writer, request).0, status, "{target}");
    }
    assert_eq!(names(directory.path()), ["b", "c", "there"]);
}

/// Yields a piece after an interruption, and then an error.
struct Failing(u8);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1 => Err(io::ErrorKind::Interrupted.into()),
            2 => {
                buffer[0] = b'x';
                Ok(1)
            }
            _ => Err(io::Error::other("unplugged")),
        }
    }
}

#[test]
fn a_program_stores_content_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path()).max_total(100);
    let path = RelativePath::parse("/a/b c").unwrap();
    let stored = |content: &mut dyn Read| writer.store(&path, content).map_err(|error| error.status().code());
    let long = [b'x'; 101];
    assert_eq!(stored(&mut &b"1"[..]), Ok(Stored::Created));
    assert_eq!(stored(&mut &b"22"[..]), Ok(Stored::Replaced));
    assert_eq!(stored(&mut &long[..]), Err(507));
    assert_eq!(stored(&mut Failing(0)), Err(500));
    assert_eq!(stored(&mut (&b"3"[..]).chain(Failing(1)).take(2)), Ok(Stored::Replaced));
    assert_eq!(stored(&mut io::empty()), Ok(Stored::Replaced));
    assert_eq!(stored(&mut &long[1..]), Ok(Stored::Replaced), "what is replaced makes room");
    assert_eq!(fs::read(directory.path().join("a/b c")).unwrap(), long[1..]);
    assert_eq!(names(directory.path()), ["a"]);
}

#[test]
fn a_program_stores_nothing_at_a_path_that_clients_may_not_write_to() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("dir")).unwrap();
    fs::write(directory.path().join("file"), "old").unwrap();
    let writer = WriteFile::new(directory.path()).except(|path| path.segments()[0] == b"taken");
    let long = "/a".repeat(33);
    let table = [
        ("", 409),
        ("/", 409),
        ("/a/", 409),
        ("/dir", 409),
        ("/file/f", 409),
        ("/taken", 409),
        ("/.profile", 400),
        ("/a/.b/c", 400),
        ("/.hearken-0123456789abcdef", 400),
        ("/a%0Ab", 400),
        ("/a%5Cb", 400),
        ("/%FF", 400),
        (&long, 400),
    ];
    for (path, status) in table {
        let parsed = RelativePath::parse(path).unwrap();
        let error = writer.store(&parsed, &b"new"[..]).unwrap_err();
        assert_eq!(error.status().code(), status, "{path}: {error}");
    }
    assert_eq!(names(directory.path()), ["dir", "file"]);
    assert_eq!(fs::read_to_string(directory.path().join("file")).unwrap(), "old");
}

const FORM_TYPE: &str = "multipart/form-data; boundary=B";

fn form(target: &str, files: &[(&str, &str)]) -> Request {
    let mut body = String::from("--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nno file\r\n");
    for (name, content) in files {
        body += &format!("--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n{content}\r\n");
    }
    Request::new(Method::Post, target).with_header("Content-Type", FORM_TYPE).with_body(body + "--B--\r\n")
}

#[test]
fn the_files_of_a_form_are_stored_under_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let taken = |path: &RelativePath| path.segments() == [b"ours.txt"];
    let writer = WriteFile::new(directory.path()).forms(true).except(taken);
    let table: [(&str, &[(&str, &str)], &str); 5] = [
        ("/", &[("a.txt", "1"), ("b.txt", "2")], "Stored a.txt.\nStored b.txt.\n"),
        ("/", &[("a.txt", "3"), ("a.txt", "4"), ("", "")], "Stored a (1).txt.\nStored a (2).txt.\n"),
        ("/", &[("ours.txt", "5")], "Stored ours (1).txt.\n"),
        ("/new/dir", &[("../..\\x/.y.txt", "6")], "Stored y.txt.\n"),
        ("/new/dir/", &[("größe", "7\r\n--b")], "Stored größe.\n"),
    ];
    for (target, files, text) in table {
        assert_eq!(send(&writer, form(target, files)), (201, text.into()));
    }
    let one = respond(&writer, &mut form("/new", &[("c d", "8")]));
    assert_eq!(one.header("Location"), Some("/new/c%20d"));
    let browser = respond(&writer, &mut form("/new", &[("e", "9")]).with_header("Accept", "text/html,*/*;q=0.8"));
    assert_eq!((browser.status(), browser.header("Location")), (Status::SEE_OTHER, Some("/new/")));
    let expected = [
        ("a.txt", "1"),
        ("b.txt", "2"),
        ("a (1).txt", "3"),
        ("a (2).txt", "4"),
        ("ours (1).txt", "5"),
        ("new/dir/y.txt", "6"),
        ("new/dir/größe", "7\r\n--b"),
        ("new/c d", "8"),
        ("new/e", "9"),
    ];
    for (name, content) in expected {
        assert_eq!(fs::read_to_string(directory.path().join(name)).unwrap(), content, "{name}");
    }
    assert_eq!(names(directory.path()).len(), 6);
    assert_eq!(names(&directory.path().join("new")), ["c d", "dir", "e"]);

    let writer = WriteFile::new(directory.path()).forms(true).overwrite(true).except(taken);
    let answered = send(&writer, form("/", &[("a.txt", "new"), ("ours.txt", "new")]));
    assert_eq!(answered, (201, "Stored a.txt.\nStored ours (2).txt.\n".into()));
    assert_eq!(fs::read_to_string(directory.path().join("a.txt")).unwrap(), "new");
}

/// Each of them once tried all numbers again: 10,000 files of one name, in a form of 750 KB, kept a worker busy for minutes.
#[test]
fn many_files_of_one_name_try_each_number_once() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a (7).txt"), "there").unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let writer = WriteFile::new(directory.path()).forms(true).except(move |path| {
        counted.fetch_add(1, Ordering::Relaxed);
        path.segments()[0] == b"a (3).txt"
    });
    let (status, text) = send(&writer, form("/", &[[("a.txt", "1"); 20], [("b.txt", "2"); 20]].concat()));
    assert_eq!(status, 201);
    let numbered =
        |name: &str, number: u32| format!("Stored {}.\n", crate::http::upload_filename::numbered(name, number));
    let expected = (0..22).filter(|number| ![3, 7].contains(number)).map(|number| numbered("a.txt", number));
    assert_eq!(text, expected.chain((0..20).map(|number| numbered("b.txt", number))).collect::<String>());
    assert_eq!(fs::read_to_string(directory.path().join("a (7).txt")).unwrap(), "there");
    assert!(tries.load(Ordering::Relaxed) < 100, "{tries:?}");
}

#[test]
fn a_form_may_have_as_many_parts_as_fit_into_the_body() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path()).forms(true);
    let mut files = vec![("", ""); 2000];
    files.push(("a", "1"));
    assert_eq!(send(&writer, form("/", &files)), (201, "Stored a.\n".into()));
}

#[test]
fn incomplete_or_misdirected_forms_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let writer = WriteFile::new(directory.path()).forms(true);
    let file = || form("/", &[("a", "1")]);
    let raw = |content_type: &str, body: &str| {
        Request::new(Method::Post, "/").with_header("Content-Type", content_type).with_body(body)
    };
    let begun = "--B\r\nContent-Disposition: form-data; filename=cut\r\n\r\nbegun";
    let table = [
        (raw("multipart/form-data", ""), 400, "no boundary"),
        (raw(FORM_TYPE, ""), 400, "ends before"),
        (raw(FORM_TYPE, begun), 400, "ends before"),
        (form("/", &[]), 400, "no file"),
        (form("/", &[("", "")]), 400, "no file"),
        (form("/file", &[("a", "1")]), 409, "file stands"),
        (form("/.hidden", &[("a", "1")]), 400, "dot"),
        (form("/..%2f", &[("a", "1")]), 400, "encoded slash"),
        (form(&"/a".repeat(32), &[("a", "1")]), 400, "too long"),
        (Request::new(Method::Post, "/").with_header("Content-Type", FORM_TYPE), 411, "Content-Length"),
        (
            raw("text/plain", ""),
            415,
            "POST of text/plain; application/json or application/x-www-form-urlencoded or multipart/form-data is accepted",
        ),
    ];
    for (request, status, text) in table {
        let shown = format!("{request:?} {:?}", request.header("Content-Type"));
        let (seen, body) = send(&writer, request);
        assert_eq!(seen, status, "{shown}: {body}");
        assert!(body.contains(text), "{shown}: {body}");
    }
    assert_eq!(names(directory.path()), ["file"]);
    assert_eq!(send(&WriteFile::new(directory.path()), file()).0, 415, "forms are off");
}

/// A form without files.
fn fields(target: &str, body: &str) -> Request {
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    Request::new(Method::Post, target).with_header("Content-Type", form).with_body(body)
}

#[test]
fn a_form_creates_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let writer = WriteFile::new(directory.path()).forms(true).except(|path| path.segments()[0] == b"taken");
    let (long, deep) = ("x".repeat(256), "/d".repeat(32));
    let table = [
        ("/", "new-directory=gr%C3%B6%C3%9Fe+1", 201, "Created größe 1/.\n"),
        ("/a/b", "new-directory=c", 201, "Created c/.\n"),
        ("/a/b/", "new-directory=c", 409, "Conflict: something of this name is there already."),
        ("/", "new-directory=file", 409, "Conflict: something of this name is there already."),
        ("/", "new-directory=taken", 409, "Conflict: something of this name is there already."),
        ("/file/", "new-directory=x", 409, "Conflict: a file stands where a directory is needed."),
        ("/", "new-directory=", 422, "Unprocessable content: the name is empty."),
        ("/", "new-directory=+", 422, "Unprocessable content: the name is empty."),
        ("/", "new-directory=..", 422, "Unprocessable content: the name starts with a dot."),
        ("/", "new-directory=.git", 422, "Unprocessable content: the name starts with a dot."),
        ("/", "new-directory=x/y", 422, "Unprocessable content: the name holds a slash or a NUL byte."),
        ("/", "new-directory=..%2fx", 422, "Unprocessable content: the name holds a slash or a NUL byte."),
        ("/", "new-directory=x%00", 422, "Unprocessable content: the name holds a slash or a NUL byte."),
        ("/", "new-directory=x%0Ay", 422, "control character"),
        ("/", "new-directory=x%5Cy", 422, "backslash"),
        ("/", &format!("new-directory={long}"), 422, "too long"),
        (&deep, "new-directory=x", 400, "too long"),
        ("/.git/", "new-directory=x", 400, "dot"),
        ("/%2e%2e/", "new-directory=x", 400, "dot segment"),
        ("/", "delete=file", 403, "Forbidden: nothing may be deleted here."),
        ("/", "name=x", 422, "the field new-directory, or delete"),
        ("/", "new-directory=%ff", 400, "not UTF-8"),
        ("/", &"x".repeat(64 * 1024 + 1), 413, "The form is longer than 64 KiB."),
    ];
    for (target, body, status, text) in table {
        let (seen, told) = send(&writer, fields(target, body));
        assert_eq!(seen, status, "{target} {body}: {told}");
        assert!(told.contains(text), "{target} {body}: {told}");
    }
    let made = respond(&writer, &mut fields("/a/b", "new-directory=d+e%25"));
    assert_eq!((made.status(), made.header("Location")), (Status::CREATED, Some("/a/b/d%20e%25/")));
    let browser = respond(&writer, &mut fields("/a/b", "new-directory=f").with_header("Accept", "text/html,*/*;q=0.8"));
    assert_eq!((browser.status(), browser.header("Location")), (Status::SEE_OTHER, Some("/a/b/")));
    assert_eq!(names(directory.path()), ["a", "file", "größe 1"]);
    assert_eq!(names(&directory.path().join("a/b")), ["c", "d e%", "f"]);
    assert_eq!(send(&WriteFile::new(directory.path()), fields("/", "new-directory=x")).0, 415, "forms are off");
    let empty = Request::new(Method::Post, "/").with_header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(send(&writer, empty).0, 411);
}

#[test]
fn a_form_deletes_what_was_clicked() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for name in ["empty", "full", "other", ".git"] {
        fs::create_dir(at(name)).unwrap();
    }
    // Names that look alike.
    let files =
        ["a\u{202e}gpj.exe", "a\u{fffd}gpj.exe", "a%2fb", "b c", "b+c", "full/f", "ours", "notes.txt", ".git/x", "z"];
    for name in files {
        fs::write(at(name), "").unwrap();
    }
    std::os::unix::fs::symlink("z", at("link")).unwrap();
    let except = |path: &RelativePath| path.segments() == [b"notes.txt"];
    let writer = WriteFile::new(directory.path()).forms(true).delete(true).except(except);
    let table = [
        ("/", "delete=a%E2%80%AEgpj.exe", 200, "Deleted a\u{202e}gpj.exe.\n"),
        ("/", "delete=a%252fb", 200, "Deleted a%2fb.\n"),
        ("/", "delete=b%2Bc", 200, "Deleted b+c.\n"),
        ("/", "delete=b%2Bc", 404, "b+c is not there any more."),
        ("/", "delete=link", 200, "Deleted link.\n"),
        ("/", "delete=full", 409, "Conflict: the folder is not empty."),
        ("/", "delete=full/", 409, "Conflict: the folder is not empty."),
        ("/", "delete=empty/", 200, "Deleted empty/.\n"),
        ("/", "delete=other", 200, "Deleted other.\n"),
        ("/", "delete=ours/", 404, "ours/ is not there any more."),
        ("/", "delete=notes.txt", 409, "something that cannot be written is served there"),
        ("/", "delete=", 422, "the name is empty"),
        ("/", "delete=/", 422, "the name is empty"),
        ("/", "delete=.", 422, "dot"),
        ("/full/", "delete=..", 422, "dot"),
        ("/full/", "delete=../", 422, "dot"),
        ("/full/", "delete=../z", 422, "slash"),
        ("/", "delete=full/f", 422, "slash"),
        ("/", "delete=full%2Ff", 422, "slash"),
        ("/", "delete=full//", 422, "slash"),
        ("/", "delete=z%00", 422, "NUL"),
        ("/", "delete=.git/", 422, "dot"),
        ("/.git/", "delete=x", 422, "dot"),
        ("/full/..", "delete=z", 400, "dot segment"),
        ("/z/", "delete=z", 409, "a file stands where"),
        ("/full", "delete=f", 200, "Deleted f.\n"),
    ];
    for (target, body, status, text) in table {
        let (seen, told) = send(&writer, fields(target, body));
        assert_eq!(seen, status, "{target} {body}: {told}");
        assert!(told.contains(text), "{target} {body}: {told}");
    }
    assert_eq!(names(directory.path()), [".git", "a\u{fffd}gpj.exe", "b c", "full", "notes.txt", "ours", "z"]);
    let browser = respond(&writer, &mut fields("/full", "delete=../").with_header("Accept", "text/html"));
    assert_eq!(browser.status().code(), 422);
    let browser = respond(&writer, &mut fields("/", "delete=full/").with_header("Accept", "text/html"));
    assert_eq!((browser.status(), browser.header("Location")), (Status::SEE_OTHER, Some("/")));
    let writer = WriteFile::new(directory.path()).forms(true).delete(true).delete_hidden(true);
    assert_eq!(send(&writer, fields("/.git", "delete=x")).0, 200);
    assert_eq!(send(&writer, fields("/", "delete=.git")).0, 200);
    assert_eq!(send(&writer, fields("/", "delete=.hearken-x")).0, 422);
}

#[test]
fn a_form_deletes_no_file_that_has_changed_since_it_was_shown() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path()).put(true).forms(true).delete(true);
    let etag = |body: &str| respond(&writer, &mut put("/f", body)).header("ETag").unwrap().replace('"', "%22");
    let old = etag("1");
    let new = etag("2");
    let changed = (412, "f has changed in the meantime. It was not deleted.".to_owned());
    assert_eq!(send(&writer, fields("/", &format!("delete=f&if-match={old}"))), changed);
    assert_eq!(send(&writer, fields("/", "delete=f&if-match=")), changed);
    assert_eq!(send(&writer, fields("/", &format!("delete=f/&if-match={new}"))).0, 412);
    assert_eq!(names(directory.path()), ["f"]);
    assert_eq!(send(&writer, fields("/", &format!("delete=f&if-match={new}"))).0, 200);
    assert_eq!(send(&writer, fields("/", &format!("delete=f&if-match={new}"))).0, 412);
    // A directory that has taken the place of the file is another thing too.
    fs::create_dir(directory.path().join("f")).unwrap();
    assert_eq!(send(&writer, fields("/", &format!("delete=f&if-match={new}"))), changed);
    assert_eq!(names(directory.path()), ["f"]);
}

/// Whoever deletes a directory while another one stores a file in it gets one or the other, never half of both.
#[test]
fn a_directory_that_is_being_filled_is_not_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let writer = WriteFile::new(directory.path()).put(true).forms(true).delete(true);
    for round in 0..200 {
        std::thread::scope(|scope| {
            fs::create_dir(directory.path().join("d")).unwrap();
            let filled = scope.spawn(|| send(&writer, put("/d/f", "x")));
            let deleted = scope.spawn(|| send(&writer, fields("/", "delete=d/")));
            let deleted_too = scope.spawn(|| send(&writer, Request::new(Method::Delete, "/d/")));
            let made = scope.spawn(|| send(&writer, fields("/d", "new-directory=e")));
            let uploaded = scope.spawn(|| send(&writer, form("/d", &[("g", "x")])));
            assert_eq!(filled.join().unwrap(), (201, String::new()), "round {round}");
            assert_eq!(made.join().unwrap().0, 201, "round {round}");
            assert_eq!(uploaded.join().unwrap().0, 201, "round {round}");
            for status in [deleted.join().unwrap().0, deleted_too.join().unwrap().0] {
                assert!(matches!(status, 200 | 204 | 404 | 409), "round {round}: {status}");
            }
        });
        assert_eq!(names(&directory.path().join("d")), ["e", "f", "g"], "round {round}");
        fs::remove_dir_all(directory.path().join("d")).unwrap();
    }
}
