//! HTTPS: certificates and keys of every kind that is taken, every kind that is refused, and the exchanges over them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hearken::client::Client;
use hearken::{HttpError, Request, Response, Router, Server, Tls};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Encode as _;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Parameters;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use crate::support::{PATIENCE, Program, Run as _, client, client_config, hearken, read_until_closed};

/// A directory with a certificate for localhost in `cert.pem` and its key in `key.pem`.
struct Certificate {
    directory: tempfile::TempDir,
    key: KeyPair,
}

impl Certificate {
    fn new(algorithm: &'static SignatureAlgorithm) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        fs::write(directory.path().join("cert.pem"), certificate.pem()).unwrap();
        fs::write(directory.path().join("key.pem"), key.serialize_pem()).unwrap();
        Self { directory, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Writes the key, encrypted with this password (PBES2: PBKDF2 and AES).
    fn write_encrypted(&self, name: &str, password: &str) -> PathBuf {
        let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(2048, b"saltsalt", [7; 16]).unwrap();
        let data = parameters.encrypt(password, &self.key.serialize_der()).unwrap();
        let encryption_algorithm = EncryptionScheme::Pbes2(parameters);
        let encrypted_data = OctetStringRef::new(&data).unwrap();
        let document = EncryptedPrivateKeyInfoRef { encryption_algorithm, encrypted_data }.to_der().unwrap();
        self.write(name, &pem("ENCRYPTED PRIVATE KEY", &document))
    }
}

/// The elements of a DER sequence that starts here, each with its header.
fn elements(der: &[u8]) -> Vec<&[u8]> {
    let mut rest = content(der);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (element, after) = rest.split_at(header_length(rest) + content_length(rest));
        found.push(element);
        rest = after;
    }
    found
}

fn content(der: &[u8]) -> &[u8] {
    &der[header_length(der)..header_length(der) + content_length(der)]
}

fn header_length(der: &[u8]) -> usize {
    if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) }
}

fn content_length(der: &[u8]) -> usize {
    if der[1] < 0x80 {
        return usize::from(der[1]);
    }
    der[2..header_length(der)].iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The key that a PKCS#8 document wraps (RFC 5208 §5): PKCS#1 for RSA, SEC1 for EC.
fn unwrapped(key: &KeyPair) -> Vec<u8> {
    let document = key.serialize_der();
    content(elements(&document)[2]).to_vec()
}

/// A SEC1 key names its curve itself where nothing around it does (RFC 5915 §3).
fn with_curve(sec1: &[u8]) -> Vec<u8> {
    const P256: &[u8] = &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let parts = elements(sec1);
    let mut inside = [parts[0], parts[1], P256].concat();
    inside.extend(parts.iter().skip(2).filter(|part| part[0] == 0xa1).copied().flatten());
    let length = u8::try_from(inside.len()).unwrap();
    assert!(length < 0x80);
    [&[0x30, length], inside.as_slice()].concat()
}

fn serve(certificate: &Path, key: &Path) -> Server {
    let app = Router::new()
        .get("/hello", hearken::demo::hello)
        .get("/secure", |request: &mut Request| Response::text(request.is_secure().to_string()))
        .post("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)));
    Server::bind("127.0.0.1:0").unwrap().tls(Tls::from_files(certificate, key).unwrap()).serve(app).unwrap()
}

#[test]
fn keys_of_all_kinds_serve() {
    let rsa = Certificate::new(&PKCS_RSA_SHA256);
    let ec = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let ed = Certificate::new(&PKCS_ED25519);
    let pkcs1 = rsa.write("pkcs1.pem", &pem("RSA PRIVATE KEY", &unwrapped(&rsa.key)));
    let sec1 = ec.write("sec1.pem", &pem("EC PRIVATE KEY", &with_curve(&unwrapped(&ec.key))));
    let with_parameters = ec.write(
        "parameters.pem",
        &format!(
            "{}{}",
            pem("EC PARAMETERS", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
            fs::read_to_string(&sec1).unwrap()
        ),
    );
    let remark = "It was in BEGIN ENCRYPTED PRIVATE KEY lines before.";
    let with_a_remark =
        ed.write("remark.pem", &format!("{remark}\n{}", fs::read_to_string(ed.path("key.pem")).unwrap()));
    let table = [
        ("RSA in PKCS#8", &rsa, rsa.path("key.pem")),
        ("RSA in PKCS#1", &rsa, pkcs1),
        ("EC in PKCS#8", &ec, ec.path("key.pem")),
        ("EC in SEC1", &ec, sec1),
        ("EC in SEC1 after its parameters", &ec, with_parameters),
        ("Ed25519 in PKCS#8", &ed, ed.path("key.pem")),
        ("Ed25519 after a remark", &ed, with_a_remark),
    ];
    for (kind, certificate, key) in table {
        let server = serve(&certificate.path("cert.pem"), &key);
        let client = Client::builder().trust(certificate.path("cert.pem")).unwrap().build();
        let answer = client.get(&format!("{}hello", server.url())).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(answer.text().unwrap(), "Hello, world!", "{kind}");
    }
}

#[test]
fn an_unusable_certificate_or_key_is_one_line() {
    let ec = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let other = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let (cert, key) = (ec.path("cert.pem"), ec.path("key.pem"));
    let key_text = fs::read_to_string(&key).unwrap();
    let missing = ec.path("missing.pem");
    let empty = ec.write("empty.pem", "");
    let garbage = ec.write("garbage.pem", &pem("PRIVATE KEY", b"not a key"));
    let bad_cert = ec.write("bad-cert.pem", &pem("CERTIFICATE", b"not a certificate"));
    let torn = ec.write("torn.pem", &key_text[..key_text.len() / 2]);
    let encrypted = ec.write_encrypted("encrypted.pem", "open sesame");
    let not_encrypted = ec.write("not-encrypted.pem", &pem("ENCRYPTED PRIVATE KEY", b"secret"));
    let old_encrypted = ec.write(
        "old-encrypted.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let table = [
        (&missing, &key, "no such file or directory"),
        (&cert, &missing, "no such file or directory"),
        (&empty, &key, "there is no PEM certificate in"),
        (&key, &key, "there is no PEM certificate in"),
        (&bad_cert, &key, "cannot use"),
        (&cert, &empty, "there is no PEM private key in"),
        (&cert, &cert, "there is no PEM private key in"),
        (&cert, &garbage, "the private key is not valid"),
        (&cert, &torn, "PEM"),
        (&cert, &encrypted, "is encrypted: give its password with --tls-key-password @FILE"),
        (&cert, &not_encrypted, "the encrypted private key is not valid"),
        (&cert, &old_encrypted, "convert it with: openssl pkcs8 -topk8 -in "),
        (&cert, &other.path("key.pem"), "does not belong to"),
    ];
    for (certificate, key, reason) in table {
        let mut command = hearken();
        command.args(["-p", "0", "--tls-cert"]).arg(certificate).arg("--tls-key").arg(key).arg(".");
        let output = command.run();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{certificate:?} {key:?}: {error}");
        assert!(error.contains(reason), "{certificate:?} {key:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_key_with_a_password_serves() {
    let certificate = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let (cert, client) = (certificate.path("cert.pem"), || Client::builder().trust(certificate.path("cert.pem")));
    let key = certificate.write_encrypted("encrypted.pem", "open sesame");
    let key_without = certificate.write_encrypted("empty.pem", "");
    let tls = Tls::from_files_with_password(&cert, &key, "open sesame").unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().tls(tls).serve(hearken::demo::hello).unwrap();
    assert_eq!(client().unwrap().build().get(&server.url()).unwrap().text().unwrap(), "Hello, world!");

    let file = |name: &str, text: &str| format!("@{}", certificate.write(name, text).display());
    let table = [
        (&key, "--tls-key-password", file("password", "open sesame")),
        (&key, "--tls-key-password", file("with-newline", "open sesame\n")),
        (&key, "--tls-key-password", file("with-more", "open sesame\r\nand more\n")),
        (&key, "--tls-key-password", "open sesame".into()),
        (&key, "HEARKEN_TLS_KEY_PASSWORD", "open sesame".into()),
        (&key, "HEARKEN_TLS_KEY_PASSWORD", file("for-the-environment", "open sesame\n")),
        (&key_without, "--tls-key-password", file("empty", "")),
        (&key_without, "--tls-key-password", file("empty-with-newline", "\n")),
    ];
    for (key, option, password) in table {
        let mut command = hearken();
        command.args(["-q", "-p", "0", "--demo", "--tls-cert"]).arg(&cert).arg("--tls-key").arg(key);
        match option {
            "HEARKEN_TLS_KEY_PASSWORD" => command.env(option, &password),
            _ => command.args([option, &password]),
        };
        let server = Program::start(command.arg(certificate.directory.path()), 1);
        let answer = client().unwrap().build().get(&format!("{}hello", server.url())).unwrap();
        assert_eq!(answer.text().unwrap(), "Hello, world!", "{option} {password}");
    }
}

#[test]
fn a_password_that_does_not_fit_its_key_is_one_line_without_it() {
    let certificate = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let (cert, plain) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let key = certificate.write_encrypted("encrypted.pem", "open sesame");
    let key_without = certificate.write_encrypted("empty.pem", "");
    let old = certificate.write(
        "old.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let file = |name: &str, text: &str| format!("@{}", certificate.write(name, text).display());
    let wrong = "hearken: the password does not decrypt the private key in ";
    let table = [
        (&key, "open barley".into(), wrong),
        (&key, "open sesame\n".into(), wrong),
        (&key, String::new(), wrong),
        (&key, file("empty", ""), wrong),
        (&key, file("another-line", "\nopen sesame\n"), wrong),
        (&key_without, "open sesame".into(), wrong),
        (
            &key,
            "@no/such/file".into(),
            "hearken: cannot read the password of the private key from no/such/file: no such",
        ),
        (&old, "open sesame".into(), "hearken: cannot decrypt the private key in "),
    ];
    let unneeded = [(&plain, "open sesame".into(), "hearken: the private key in ")];
    for (key, password, reason) in table.into_iter().chain(unneeded) {
        let mut command = hearken();
        command.args(["-p", "0", "--tls-cert"]).arg(&cert).arg("--tls-key").arg(key);
        let output = command.args(["--tls-key-password", &password, "."]).run();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{key:?} {password:?}: {error}");
        assert!(error.starts_with(reason), "{key:?} {password:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!error.contains("sesame") && !error.contains("barley"), "{error}");
        assert_eq!(error.ends_with("is not encrypted: it needs no password\n"), *key == plain, "{error}");
    }
    let help = hearken().arg("--help").env("HEARKEN_TLS_KEY_PASSWORD", "open sesame").run();
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(text.contains("--tls-key-password") && !text.contains("sesame"), "{text}");
}

#[test]
fn the_development_certificate_is_made_and_can_be_trusted() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("index.html"), "secure page").unwrap();
    let start = || {
        let mut command = hearken();
        command.args(["-p", "0", "-b", "127.0.0.1", "-b", "::1", "--tls", "-q", "."]).current_dir(&directory);
        Program::start(&mut command, 2)
    };
    let server = start();
    let authority = directory.path().join("certs/ca.pem");
    let port = server.address().port();
    let mut urls = server.urls.clone();
    urls.push(format!("https://localhost:{port}/"));
    for url in urls {
        let output = client().args(["get", &url, "--cacert"]).arg(&authority).run();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "secure page", "{url}: {output:?}");
    }
    let untrusting = client().args(["get", server.url()]).run();
    assert_eq!(untrusting.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&untrusting.stderr).contains("no secure connection to"), "{untrusting:?}");

    let before = fs::read(directory.path().join("certs/localhost.pem")).unwrap();
    drop(server);
    drop(start());
    assert_eq!(fs::read(directory.path().join("certs/localhost.pem")).unwrap(), before, "made once");
}

#[test]
fn certificates_can_be_made_beforehand() {
    let directory = tempfile::tempdir().unwrap();
    let output = hearken().arg("--make-certs").current_dir(&directory).run();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--cacert certs/ca.pem"), "{output:?}");
    assert!(directory.path().join("certs/ca.pem").exists());
}

#[test]
fn starting_with_tls_says_how_to_trust_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut command = hearken();
    command.args(["-p", "0", "--tls", "."]).current_dir(&directory).stderr(fs::File::create(&log).unwrap());
    let mut server = Program::start(&mut command, 1);
    server.signal("TERM");
    server.wait();
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("hearken-client --cacert certs/ca.pem get https://127.0.0.1:"), "{text}");
    assert!(text.contains("curl --cacert certs/ca.pem https://127.0.0.1:"), "{text}");
}

#[test]
fn exchanges_work_over_tls() {
    let certificate = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let server = serve(&certificate.path("cert.pem"), &certificate.path("key.pem"));
    let client = Client::builder().trust(certificate.path("cert.pem")).unwrap().build();
    let url = |path: &str| format!("{}{path}", server.url());
    assert_eq!(client.get(&url("secure")).unwrap().text().unwrap(), "true");
    let json = format!("[\"{}\"]", "x".repeat(1_000_000));
    for _ in 0..3 {
        assert!(client.post_json(&url("echo"), &json).unwrap().text().unwrap() == json);
    }
    let too_long = vec![0_u8; 11 << 20];
    let refused = client.put(&url("hello"), &mut too_long.as_slice(), Some(11 << 20)).unwrap();
    assert_eq!(refused.status(), 405);
    let missing = client.get(&url("nothing")).unwrap();
    assert_eq!(missing.status(), 404);
}

#[test]
fn plain_http_on_a_tls_port_is_told_so() {
    let certificate = Certificate::new(&PKCS_ECDSA_P256_SHA256);
    let server = serve(&certificate.path("cert.pem"), &certificate.path("key.pem"));
    let plain = Client::new().get(&format!("http://{}/hello", server.address())).unwrap();
    assert_eq!(plain.status(), 400);
    assert!(plain.text().unwrap().contains("this port speaks HTTPS"));
    let client = Client::builder().trust(certificate.path("cert.pem")).unwrap().build();
    assert_eq!(client.get(&format!("{}hello", server.url())).unwrap().text().unwrap(), "Hello, world!");
}

#[test]
fn curl_trusts_the_authority() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: curl_trusts_the_authority: curl is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let tls = Tls::development(directory.path()).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().tls(tls).serve(hearken::demo::hello).unwrap();
    let authority = Tls::development_authority(directory.path());
    let url = format!("https://localhost:{}/", server.address().port());
    let output = Command::new("curl").args(["-s", "--noproxy", "*", "--cacert"]).arg(&authority).arg(&url).run();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello, world!", "{output:?}");
}

/// A server and how its clients trust it, in each version of TLS.
fn each_version(check: impl Fn(&Server, Arc<ClientConfig>, &str)) {
    let directory = tempfile::tempdir().unwrap();
    let app = Router::new()
        .get("/hello", hearken::demo::hello)
        .post("/echo", |request: &mut Request| Ok::<_, HttpError>(Response::bytes(request.read_body()?)));
    let tls = Tls::development(directory.path()).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().tls(tls).serve(app).unwrap();
    for (version, name) in [(&TLS12, "TLS 1.2"), (&TLS13, "TLS 1.3")] {
        check(&server, client_config(directory.path(), version), name);
    }
}

fn connect(server: &Server, config: Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap(), stream)
}

const LAST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn http_1_1_is_negotiated() {
    let table: [(&[&str], Result<Option<&str>, ()>); 5] = [
        (&["http/1.1"], Ok(Some("http/1.1"))),
        (&["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (&[], Ok(None)),
        (&["h2"], Err(())),
        (&["h3", "http/1.0"], Err(())),
    ];
    each_version(|server, config, version| {
        for (offered, expected) in table {
            let mut config = ClientConfig::clone(&config);
            config.alpn_protocols = offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
            let mut stream = connect(server, config.into());
            let mut said = String::new();
            let end = stream.write_all(LAST).and_then(|()| stream.read_to_string(&mut said));
            match expected {
                Ok(protocol) => {
                    assert!(
                        end.is_ok() && said.ends_with("Hello, world!"),
                        "{offered:?} in {version}: {end:?}, {said}"
                    );
                    assert_eq!(stream.conn.alpn_protocol(), protocol.map(str::as_bytes), "{offered:?} in {version}");
                }
                Err(()) => {
                    let error = end.unwrap_err();
                    let alert = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
                    let expected = rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
                    assert_eq!(alert, Some(&expected), "{offered:?} in {version}: {error}");
                }
            }
        }
    });
}

#[test]
fn sessions_are_resumed() {
    each_version(|server, config, version| {
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut stream = connect(server, Arc::clone(&config));
            stream.write_all(LAST).unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            assert!(said.ends_with("Hello, world!"), "{version}: {said}");
            assert_eq!(stream.conn.handshake_kind(), Some(expected), "{version}");
        }
    });
}

/// A client cannot tell an answer that has no length from one that was cut, unless the end is said (RFC 8446 §6.1).
#[test]
fn the_end_is_said_after_the_last_answer() {
    let requests: [&[u8]; 4] = [
        LAST,
        b"GET /hello HTTP/1.0\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nsome of it",
    ];
    each_version(|server, config, version| {
        for request in requests {
            let mut stream = connect(server, Arc::clone(&config));
            stream.write_all(request).unwrap();
            let (said, end) = read_until_closed(&mut stream);
            assert!(end.is_ok(), "{:?} in {version}: {end:?}", request.escape_ascii().to_string());
            assert!(said.starts_with(b"HTTP/1.1 "), "{version}");
        }
    });
}

/// An attacker on the way can end the TCP connection, which must not end a body.
#[test]
fn a_body_that_ends_without_the_end_of_tls_is_refused() {
    let requests = [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfour",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\n",
    ];
    each_version(|server, config, version| {
        for request in requests {
            for is_said in [false, true] {
                let mut stream = connect(server, Arc::clone(&config));
                stream.write_all(request.as_bytes()).unwrap();
                if is_said {
                    stream.conn.send_close_notify();
                    stream.flush().unwrap();
                }
                stream.sock.shutdown(Shutdown::Write).unwrap();
                let (said, _) = read_until_closed(&mut stream);
                let said = String::from_utf8(said).unwrap();
                let is_refused = said.is_empty() || said.starts_with("HTTP/1.1 400 ");
                assert!(is_refused, "{request:?} in {version}, close_notify sent: {is_said}: {said}");
            }
        }
    });
}
