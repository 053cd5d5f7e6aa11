//! What the client says when there is no response: one line that tells a person what to do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use hearken::{Server, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::run;
use crate::support::client;

/// A server that sends these bytes to each client and closes the connection. Returns its address.
fn server_of(bytes: impl Into<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let bytes = bytes.into();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&bytes);
        }
    });
    address
}

#[track_caller]
fn assert_fails(arguments: &[&str], code: i32, line: &str) {
    let (seen, _, error) = run(arguments, b"");
    assert_eq!((error, seen), (format!("hearken-client: {line}\n"), Some(code)), "{arguments:?}");
}

#[test]
fn a_response_that_is_none_is_told_in_words() {
    let table = [
        ("", "the exchange with {url} failed: the server closed the connection without a response"),
        (
            "\x15\x03\x01\0\x02\x02\x28",
            "the exchange with {url} failed: the response is not HTTP; if the server speaks HTTPS, use {secure}",
        ),
        (
            // Without the last field, the client may send the next request on a connection that is being closed.
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "the exchange with {url} failed: it redirects too often",
        ),
        ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "the exchange with {url} failed: it redirects to nowhere"),
        (
            "HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nContent-Length: 0\r\n\r\n",
            "the exchange with {url} failed: it redirects to what is not an http or https URL",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "the response broke off: the server closed the connection before its end",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "the response broke off: chunk length cannot be read as a number",
        ),
    ];
    for (response, line) in table {
        let url = format!("http://{}/a", server_of(response));
        assert_fails(
            &["get", &url],
            3,
            &line.replace("{secure}", &url.replace("http", "https")).replace("{url}", &url),
        );
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: a\r\n".repeat(500));
    for (response, line) in
        [(long, "the head of the response is too large"), (many, "the response has too many header fields")]
    {
        let url = format!("http://{}/a", server_of(response));
        assert_fails(&["get", &url], 3, &format!("the exchange with {url} failed: {line}"));
    }
}

#[test]
fn a_body_that_takes_too_long_is_not_called_complete() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    assert_fails(&["get", &url, "--timeout", "0.2"], 3, "the response broke off: it takes longer than the timeout");
}

#[test]
fn https_to_a_server_of_plain_http_says_so() {
    let server = Server::bind("127.0.0.1:0").unwrap().serve(hearken::demo::hello).unwrap();
    let address = server.address();
    let line = format!(
        "no secure connection to https://{address}/x: the server seems to speak plain HTTP, not HTTPS: use http://{address}/x"
    );
    assert_fails(&["get", &format!("https://{address}/x")], 3, &line);
}

#[test]
fn a_url_that_cannot_be_used_is_told_with_the_reason() {
    let table = [
        (
            "ftp://localhost/",
            "ftp://localhost/ is not an http or https URL: it does not begin with http:// or https://",
        ),
        ("http://", "http:// is not an http or https URL: it names no host"),
        (
            "localhost:99999/",
            "http://localhost:99999/ is not an http or https URL: its port is not a number from 1 to 65535",
        ),
        ("http://a b/", "http://a b/ is not an http or https URL: it holds a character that no URL may hold there"),
    ];
    for (url, line) in table {
        assert_fails(&["get", url], 2, line);
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let authority = Issuer::new(authority, authority_key);
    let cacert = path.to_str().unwrap();

    let serve = |names: &[&str], years: [i32; 2]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        [parameters.not_before, parameters.not_after] = years.map(|year| rcgen::date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().unwrap();
        let write = |name: &str, text: String| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let certificate = write("cert.pem", parameters.signed_by(&key, &authority).unwrap().pem());
        let tls = Tls::from_files(&certificate, write("key.pem", key.serialize_pem())).unwrap();
        Server::bind("127.0.0.1:0").unwrap().tls(tls).serve(hearken::demo::hello).unwrap()
    };
    let table: [(&[&str], [i32; 2], &str); 3] = [
        (&["127.0.0.1"], [2001, 2002], "its certificate expired on Tue, 01 Jan 2002 00:00:00 GMT"),
        (&["127.0.0.1"], [4001, 4002], "its certificate is not valid before Mon, 01 Jan 4001 00:00:00 GMT"),
        (&["localhost"], [2001, 4001], "its certificate is not for 127.0.0.1"),
    ];
    for (names, years, reason) in table {
        let server = serve(names, years);
        let url = format!("https://{}/", server.address());
        assert_fails(&["get", &url, "--cacert", cacert], 3, &format!("no secure connection to {url}: {reason}"));
    }
    let server = serve(&["127.0.0.1"], [2001, 4001]);
    let url = format!("https://{}/", server.address());
    assert_eq!(run(&["get", &url, "--cacert", cacert], b"").1, b"Hello, world!");
    let line = format!(
        "no secure connection to {url}: its certificate is signed by no authority that is trusted; --cacert FILE trusts another one"
    );
    assert_fails(&["get", &url], 3, &line);
}

#[test]
fn a_server_cannot_steer_the_terminal() {
    // U+009B begins the same sequences as escape and a bracket.
    let field =
        format!("http://{}/a", server_of("HTTP/1.1 404 Not Found\r\nX-A: \u{9b}2J\r\nContent-Length: 0\r\n\r\n"));
    let (code, _, error) = run(&["-v", "get", &field], b"");
    assert_eq!(code, Some(1));
    assert!(error.contains("x-a: \u{fffd}2J\n") && !error.contains('\u{9b}'), "{error:?}");
    let location = server_of("HTTP/1.1 302 Found\r\nLocation: http://a\u{9b}2J/\r\nContent-Length: 0\r\n\r\n");
    let (code, _, error) = run(&["get", &format!("http://{location}/a")], b"");
    assert_eq!(code, Some(3));
    assert!(error.contains('\u{fffd}') && !error.contains('\u{9b}'), "{error:?}");
}

/// It ended with 101, and the body was lost.
#[cfg(target_os = "linux")]
#[test]
fn lines_that_cannot_be_printed_are_no_failure_of_their_own() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let url = format!("http://{}/a", server_of("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody"));
    let output = client().args(["-v", "get", &url]).stderr(full()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b"body"[..]));
    let url = format!("http://{}/guess", server_of("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfalse\n"));
    let output = client().args(["guess", &url]).stdout(full()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.contains("cannot write to stdout")), (Some(1), true), "{error}");
}
