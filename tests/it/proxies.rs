//! hearken behind nginx and HAProxy, which keep their connections to it: both sides must see the same requests begin and end
//! at the same bytes (RFC 9112 §11.2). A server that took a byte more or less would give one client's answer to another.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hearken::{Event, HttpError, Request, Response, Router, Server, Settings, Status, Tls, TrustedProxies};

use crate::support::{Dialer, Gate, PATIENCE, Reply, client_config, on_path, skip, until, unused_address};

/// The serial number of the request that an answer of a handler is for.
const SERIAL: &str = "X-Serial";
/// More than is read of a body that nobody wants.
const LARGE: usize = 200_000;
const MAX_BODY: u64 = 300_000;
/// Asks for the end of the connection, so that nobody waits for more.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// What handlers were asked, in this order.
type Log = Arc<Mutex<Vec<Seen>>>;

#[derive(Debug)]
struct Seen {
    method: String,
    target: String,
    /// Whether its body was read to its end and answered. What is not was refused, and has no serial number.
    is_answered: bool,
}

/// A proxy before a server, ended with the test.
struct Proxy {
    child: Option<Child>,
    /// What it is called, and where it takes clients.
    doors: Vec<(&'static str, Dialer)>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sees requests, and answers with the number under which it has seen each.
fn app(log: &Log) -> Router {
    let note = |log: &Log, request: &Request, is_answered| {
        let mut log = log.lock().unwrap();
        let (method, target) = (request.method().to_string(), request.target().to_owned());
        log.push(Seen { method, target, is_answered });
        (log.len() - 1).to_string()
    };
    let reading = move |log: &Log, answer: fn(&Request, Vec<u8>) -> Response| {
        let log = Arc::clone(log);
        move |request: &mut Request| -> Result<Response, HttpError> {
            let body = if request.has_body() { request.read_body() } else { Ok(Vec::new()) };
            let body = body.inspect_err(|_| drop(note(&log, request, false)))?;
            let serial = note(&log, request, true);
            Ok(answer(request, body).with_header(SERIAL, serial))
        }
    };
    let unread = {
        let log = Arc::clone(log);
        move |request: &mut Request| {
            let serial = note(&log, request, true);
            Response::text("unread").with_header(SERIAL, serial)
        }
    };
    Router::new()
        .post("/echo", reading(log, |_, body| Response::bytes(body)))
        .post("/unread", unread)
        .any("/204", reading(log, |_, _| Response::new(Status::NO_CONTENT)))
        .any("/304", reading(log, |_, _| Response::new(Status::NOT_MODIFIED)))
        .any("/stream", reading(log, |_, _| Response::reader(&b"streamed"[..], None)))
        .fallback(reading(log, |request, body| {
            let field = request.header("X").map_or(0, str::len);
            Response::text(format!("{} {} {field} {}", request.method(), request.target(), body.len()))
        }))
}

fn serve(log: &Log) -> Server {
    let short = Duration::from_millis(500);
    let settings = Settings::default().max_body(MAX_BODY).head_timeout(short).rate_grace(short);
    Server::bind("127.0.0.1:0").unwrap().settings(settings).serve(app(log)).unwrap()
}

/// nginx, which reads a body to its end before it asks, and another that passes on what it has.
fn nginx(directory: &Path, server: &Server) -> Option<Proxy> {
    let (buffering, streaming) = (directory.join("buffering"), directory.join("streaming"));
    let sites = format!(
        "client_header_timeout 500ms; client_body_timeout 500ms; client_max_body_size 0;
         large_client_header_buffers 4 32k; underscores_in_headers on; ignore_invalid_headers off;
         upstream hearken {{ server {}; keepalive 8; }}
         proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host;
         server {{ listen unix:{}; location / {{ proxy_pass http://hearken; }} }}
         server {{ listen unix:{}; location / {{ proxy_pass http://hearken; proxy_request_buffering off; }} }}",
        server.address(),
        buffering.display(),
        streaming.display(),
    );
    let doors = vec![("nginx", Dialer::unix(buffering)), ("nginx without buffers", Dialer::unix(streaming))];
    start_nginx(directory, &sites, doors)
}

/// nginx with these sites, which keeps its files in this directory.
fn start_nginx(directory: &Path, sites: &str, doors: Vec<(&'static str, Dialer)>) -> Option<Proxy> {
    let program = on_path("nginx")?;
    let place = directory.display();
    let configuration = format!(
        "daemon off; master_process off; pid {place}/nginx.pid; error_log {place}/nginx.log;
         events {{ worker_connections 200; }}
         http {{
             access_log off;
             client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
             uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
             {sites}
         }}"
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-e").arg(directory.join("nginx.log")).arg("-p").arg(directory).arg("-c").arg(file);
    Some(Proxy::start(command, directory, doors))
}

fn directly(_: &Path, server: &Server) -> Option<Proxy> {
    Some(Proxy { child: None, doors: vec![("no proxy", Dialer::tcp(server.address(), None))] })
}

fn haproxy(directory: &Path, server: &Server) -> Option<Proxy> {
    let socket = directory.join("haproxy.sock");
    let configuration = format!(
        "global
    maxconn 200
defaults
    mode http
    timeout connect 20s
    timeout server 20s
    timeout client 500ms
    timeout http-request 500ms
    http-reuse always
frontend clients
    bind {}
    default_backend hearken
backend hearken
    server hearken {}
",
        socket.display(),
        server.address(),
    );
    start_haproxy(directory, &configuration, vec![("HAProxy", Dialer::unix(socket))])
}

fn start_haproxy(directory: &Path, configuration: &str, doors: Vec<(&'static str, Dialer)>) -> Option<Proxy> {
    let program = on_path("haproxy")?;
    let file = directory.join("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(file);
    Some(Proxy::start(command, directory, doors))
}

impl Proxy {
    /// Starts a proxy, and waits until it takes connections.
    fn start(mut command: Command, directory: &Path, doors: Vec<(&'static str, Dialer)>) -> Self {
        let errors = directory.join("errors");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors).unwrap());
        let mut proxy = Self { child: Some(command.spawn().unwrap()), doors };
        until("the proxy to start", || {
            if let Some(status) = proxy.child.as_mut()?.try_wait().unwrap() {
                panic!("{command:?}: {status}: {}", fs::read_to_string(&errors).unwrap());
            }
            proxy.doors.iter().all(|(_, door)| door.connect_raw().is_ok()).then_some(())
        });
        proxy
    }
}

/// Checks a server of its own behind each proxy that is installed, and without one. The log is that of the server.
fn behind_each(test: &str, check: impl Fn(&str, &Dialer, &Log) + Sync) {
    type Start = fn(&Path, &Server) -> Option<Proxy>;
    let starts: [(&str, Start); 3] = [("nginx", nginx), ("haproxy", haproxy), ("none", directly)];
    thread::scope(|scope| {
        for (program, start) in starts {
            let check = &check;
            scope.spawn(move || {
                let directory = tempfile::tempdir().unwrap();
                let log = Log::default();
                let server = serve(&log);
                let Some(proxy) = start(directory.path(), &server) else { return skip(test, program) };
                for (name, door) in &proxy.doors {
                    check(name, door, &log);
                }
                let counted = length_of(&log);
                drop(proxy);
                assert_eq!(server.shutdown(PATIENCE).cut, 0);
                // A handler whose body a proxy cut off may notice that late. No other request has come since.
                account(&format!("after the last answer behind {program}"), &log, counted, &[]);
            });
        }
    });
}

/// The final answers on a connection over which these bytes are sent, until it ends. The methods are those of the requests.
fn exchange(door: &Dialer, bytes: &[u8], methods: &[&str]) -> Vec<Reply> {
    let mut wire = door.connect().unwrap();
    wire.send(bytes);
    let mut replies = Vec::new();
    while let Some(reply) = wire.try_reply_to(methods.get(replies.len()).unwrap_or(&"GET")) {
        if reply.status != 100 {
            replies.push(reply);
        }
    }
    replies
}

/// Checks that the handlers have seen, from this number on, what these answers are for and nothing else.
fn account(what: &str, log: &Log, from: usize, replies: &[Reply]) {
    let log = log.lock().unwrap();
    let seen: Vec<_> = (from..log.len()).filter(|number| log[*number].is_answered).collect();
    let answered: Vec<usize> =
        replies.iter().filter_map(|reply| reply.header(SERIAL)).map(|serial| serial.parse().unwrap()).collect();
    assert_eq!(answered, seen, "{what}: {:?} seen, and answered {replies:?}", &log[from..]);
    // One that was refused in its body has no number, but is the client's own.
    for seen in log[from..].iter().filter(|seen| !seen.is_answered) {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/echo"), "{what}");
    }
}

fn length_of(log: &Log) -> usize {
    log.lock().unwrap().len()
}

#[test]
fn proxies_change_no_answer() {
    let post = |target: &str, body: &str| {
        let length = body.len();
        ("POST", format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"))
    };
    let chunked = |target: &str, chunks: &str| {
        ("POST", format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"))
    };
    let plain = |method, target: &str| (method, format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let http_1_0 = |target: &str, fields: &str| ("GET", format!("GET {target} HTTP/1.0\r\nHost: a\r\n{fields}\r\n"));
    let get = || plain("GET", "/a?b=c");
    let expecting =
        ("POST", "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nfour".into());
    let long_field = ("GET", format!("GET /long HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(12_000)));
    let chunks = "5;a=b\r\nhello\r\n2 ; c=\"d;\\\"\"\r\nab\r\n0\r\n\r\n";
    let trailers = "3\r\nabc\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n";
    let large = "x".repeat(LARGE);
    let too_large = "x".repeat(usize::try_from(MAX_BODY).unwrap() + 1);
    let request_in_body = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let table: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("pipelined", (0..20).map(|number| plain("GET", &format!("/{number}"))).collect()),
        ("bodies between", vec![post("/echo", "four"), get(), post("/echo", ""), get(), post("/x", "four"), get()]),
        ("a request for a body", vec![post("/echo", request_in_body), get(), post("/unread", request_in_body), get()]),
        ("chunks with extensions", vec![chunked("/echo", chunks), get()]),
        ("chunks with trailers", vec![chunked("/echo", trailers), get(), chunked("/echo", trailers), get()]),
        ("no chunks", vec![chunked("/echo", "0\r\n\r\n"), get()]),
        (
            "large",
            vec![post("/echo", &large), get(), chunked("/echo", &format!("{LARGE:x}\r\n{large}\r\n0\r\n\r\n")), get()],
        ),
        ("no body after HEAD", vec![plain("HEAD", "/a"), get(), plain("HEAD", "/stream"), get()]),
        ("no content", vec![plain("GET", "/204"), get(), post("/204", "four"), get(), plain("GET", "/304"), get()]),
        ("HEAD of no content", vec![plain("HEAD", "/204"), get(), plain("HEAD", "/304"), get()]),
        ("streams", vec![plain("GET", "/stream"), get(), post("/stream", "four"), get()]),
        ("expecting", vec![expecting, get()]),
        ("HTTP/1.0", vec![http_1_0("/a", "")]),
        ("HTTP/1.0 and a stream", vec![http_1_0("/stream", "")]),
        ("HTTP/1.0 kept", vec![http_1_0("/a", "Connection: keep-alive\r\n"), get()]),
        ("a long field", vec![long_field, get()]),
        ("other methods", vec![plain("OPTIONS", "/a"), plain("DELETE", "/a"), plain("BREW", "/tea"), get()]),
        ("a little that is not read", vec![post("/unread", "four"), get(), chunked("/unread", chunks), get()]),
        ("not found", vec![plain("PUT", "/echo"), get(), post("/echo", "a"), get()]),
    ];
    // After these the connection ends, unless a proxy keeps its own.
    let last = [
        ("too large a body", post("/echo", &too_large), 413),
        ("much that is not read", post("/unread", &large), 200),
        (
            "too large a body in chunks",
            chunked("/echo", &format!("{:x}\r\n{too_large}\r\n0\r\n\r\n", too_large.len())),
            413,
        ),
    ];
    let expected = Mutex::new(HashMap::new());
    behind_each("proxies_change_no_answer", |name, door, log| {
        for (what, requests) in &table {
            let from = length_of(log);
            let methods: Vec<_> = requests.iter().map(|(method, _)| *method).collect();
            let bytes: String = requests.iter().map(|(_, request)| request.as_str()).chain([LAST]).collect();
            let replies = exchange(door, bytes.as_bytes(), &methods);
            account(&format!("{what} over {name}"), log, from, &replies);
            let answers: Vec<_> = replies.into_iter().map(|reply| (reply.status, reply.body)).collect();
            let (first_name, first) =
                expected.lock().unwrap().entry(*what).or_insert_with(|| (name.to_owned(), answers.clone())).clone();
            assert!(
                answers == first,
                "{what} over {name}: {}, and over {first_name}: {}",
                show(&answers),
                show(&first)
            );
        }
        for (what, (method, request), status) in &last {
            for _ in 0..3 {
                let from = length_of(log);
                let replies = exchange(door, format!("{request}{LAST}").as_bytes(), &[method]);
                assert_eq!(replies.first().map(|reply| reply.status), Some(*status), "{what} over {name}");
                account(&format!("{what} over {name}"), log, from, &replies);
            }
        }
    });
}

fn show(answers: &[(u16, Vec<u8>)]) -> String {
    let beginning = |body: &[u8]| body[..body.len().min(40)].escape_ascii().to_string();
    answers.iter().map(|(status, body)| format!("{status} {:?} ({}); ", beginning(body), body.len())).collect()
}

#[test]
fn nothing_is_smuggled_past_proxies() {
    const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = |fields: &str, body: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
    let chunked = |chunks: &str| post("Transfer-Encoding: chunked\r\n", chunks);
    // A body that is a request to a reader that does not see the chunks, and one to a reader that sees nothing else.
    let hidden = format!("0\r\n\r\n{SMUGGLED}");
    let length = format!("Content-Length: {}\r\n", hidden.len());
    let in_chunk = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    let mut inputs = Vec::new();
    for codings in [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\tchunked\r\n",
        "Transfer-Encoding: chunked\t\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;a=b\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer_Encoding: chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\0\r\nTransfer-Encoding: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
    ] {
        for body in [&hidden, &in_chunk] {
            inputs.push(post(codings, body));
            inputs.push(post(&format!("{length}{codings}"), body));
            inputs.push(post(&format!("{codings}{length}"), body));
            inputs.push(post(&format!("{codings}Content-Length: 4\r\n"), body));
        }
    }
    for length in [
        "4, 4",
        "4,5",
        "4,",
        "+4",
        "-4",
        "4 ",
        "4\t",
        "\x0b4",
        "4\x0b",
        "0x4",
        "04",
        "4;",
        "4.0",
        "1e1",
        "",
        "four",
        "4 4",
        "18446744073709551620",
        "99999999999999999999999",
        "4\r\nContent-Length: 5",
        "5\r\nContent-Length: 4",
        "4\r\nContent-Length: 4",
        "\r\n 4",
        "4\nX: y",
        "4\r\nConnection: Content-Length",
        "4\0",
        "0\r\nContent-Length: 40",
    ] {
        inputs.push(post(&format!("Content-Length: {length}\r\n"), &format!("four{SMUGGLED}")));
    }
    inputs.push(post("Content-Length : 4\r\n", &format!("four{SMUGGLED}")));
    for size in [
        "0x5",
        "+5",
        "-5",
        "5 ",
        " 5",
        "5\t",
        "\t5",
        "5;",
        "5;a",
        "5;a=\"",
        "5;a=\"b\"",
        "5;a\n",
        "5\n",
        "05",
        "5g",
        "5_0",
        "",
        "100000000",
        "FFFFFFFFFFFFFFFF",
        "FFFFFFFFFFFFFFFF5",
        "10000000000000005",
        "7FFFFFFFFFFFFFFF",
        "5\0",
        "5\x0b",
        "000000000000000000000000000000005",
        "5;\r",
        "5\r",
    ] {
        inputs.push(chunked(&format!("{size}\r\nhello\r\n0\r\n\r\n{SMUGGLED}")));
        inputs.push(chunked(&format!("1\r\nx\r\n{size}\r\nhello\r\n0\r\n\r\n{SMUGGLED}")));
    }
    for chunks in [
        "5\nhello\n0\n\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhellothere\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0;a\r\n\r\n",
        "5\r\nhello\r\n00000\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "5\r\nhello\r\n0\r\n folded: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        "5\r\nhello\r\n0\r\n",
        "5\r\nhello\r\n",
    ] {
        inputs.push(chunked(&format!("{chunks}{SMUGGLED}")));
    }
    let heads = [
        "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET /a HTTP/1.1\r\n\r\n",
        "GET http://b/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://b/a HTTP/1.1\r\n\r\n",
        "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET //b/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\nHost: a\n\n",
        "GET /a HTTP/1.1\r\nHost: a\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nX: y\n\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
        "GET  /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "\n\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "G\x0bT /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close, Host\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfour",
        "POST /echo HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nfour",
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 4\r\n\r\nfour",
        "POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nfour",
        "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfour",
        "GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n",
    ];
    inputs.extend(heads.iter().map(|head| format!("{head}{SMUGGLED}")));

    behind_each("nothing_is_smuggled_past_proxies", |name, door, log| {
        for input in &inputs {
            let what = format!("{input:?} over {name}");
            let from = length_of(log);
            let mut replies = exchange(door, format!("{input}{LAST}").as_bytes(), &[]);
            // Others on the connections that it may have spoilt get their own answers.
            for _ in 0..2 {
                let probe = exchange(door, b"GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &[]);
                assert_eq!(probe.len(), 1, "{what}: {probe:?}");
                assert_eq!((probe[0].status, probe[0].text().as_str()), (200, "GET /probe 0 0"), "{what}");
                replies.extend(probe);
            }
            account(&what, log, from, &replies);
        }
    });
}

/// A configuration that the guide shows, with some of its parts replaced.
fn configuration_of_the_guide(language: &str, replacements: &[(&str, String)]) -> String {
    let chapter = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/behind_a_proxy.md")).unwrap();
    let (_, configuration) = chapter.split_once(&format!("\n```{language}\n")).unwrap();
    let (configuration, _) = configuration.split_once("\n```\n").unwrap();
    let replaced = replacements.iter().fold(configuration.to_owned(), |text, (part, replacement)| {
        assert!(text.contains(part), "there is no {part} in {text}");
        text.replace(part, replacement)
    });
    replaced + "\n"
}

#[test]
fn the_configurations_of_the_guide_do_what_it_says() {
    for program in ["nginx", "haproxy"] {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let (certificate, key, both) =
            (place.join("localhost.pem"), place.join("localhost-key.pem"), place.join("both.pem"));
        Tls::development(place).unwrap();
        fs::write(&both, [fs::read(&certificate).unwrap(), fs::read(&key).unwrap()].concat()).unwrap();

        let gate = Gate::default();
        let app = {
            let gate = gate.clone();
            Router::new()
                .get("/", |request| {
                    let host = request.host().unwrap_or("-");
                    format!("{:?} {} {host}", request.client_address(), request.is_secure())
                })
                .post("/", |request| request.read_body().map(|body| body.len().to_string()))
                .get("/events", move |_| {
                    let gate = gate.clone();
                    Response::events(move |events| {
                        events.send(&Event::data("first"))?;
                        gate.pass();
                        events.send(&Event::data("second"))
                    })
                })
        };
        let socket = place.join("http.sock");
        let settings = Settings::default().trusted_proxies(TrustedProxies::none().trust("unix").unwrap());
        let server = Server::bind_unix(&socket).unwrap().settings(settings).serve(app).unwrap();

        let address = unused_address();
        let path = |path: &Path| path.display().to_string();
        // Older versions of nginx speak no other one unless they are told to.
        let tls = client_config(place, &rustls::version::TLS12);
        let (the_socket, doors) = ("/run/example/http.sock", vec![("guide", Dialer::tcp(address, Some(tls)))]);
        let proxy = match program {
            "nginx" => {
                let replacements = [
                    (the_socket, path(&socket)),
                    ("listen 443", format!("listen {address}")),
                    ("/etc/ssl/example.pem", path(&certificate)),
                    ("/etc/ssl/example-key.pem", path(&key)),
                ];
                start_nginx(place, &configuration_of_the_guide("nginx", &replacements), doors)
            }
            _ => {
                let replacements = [
                    (the_socket, path(&socket)),
                    ("bind :443", format!("bind {address}")),
                    ("/etc/ssl/example-both.pem", path(&both)),
                ];
                start_haproxy(place, &configuration_of_the_guide("haproxy", &replacements), doors)
            }
        };
        let Some(proxy) = proxy else {
            skip("the_configurations_of_the_guide_do_what_it_says", program);
            continue;
        };
        let ask = |request: &str| {
            let mut wire = proxy.doors[0].1.connect().unwrap();
            wire.send(request);
            wire
        };

        let claims = "Forwarded: for=203.0.113.9;proto=http;host=evil\r\nX-Forwarded-For: 203.0.113.9\r\n\
                      X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil\r\n";
        for claims in ["", claims] {
            let reply = ask(&format!("GET / HTTP/1.1\r\nHost: example.org\r\n{claims}\r\n")).reply();
            assert_eq!(reply.text(), "Some(127.0.0.1) true example.org", "{program}: {claims}");
        }
        // nginx alone would refuse it at 1 MiB.
        let body = "x".repeat(3_000_000);
        let head = format!("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: {}\r\n\r\n", body.len());
        assert_eq!(ask(&(head + &body)).reply().text(), "3000000", "{program}");

        let mut events = ask("GET /events HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n");
        assert_eq!(events.head().status, 200, "{program}");
        let mut wait_for = |expected: &str| {
            let mut line = String::new();
            while line != expected {
                line.clear();
                assert_ne!(events.stream.read_line(&mut line).unwrap(), 0, "{program}: there is no {expected:?}");
            }
        };
        wait_for("data: first\n");
        gate.open();
        wait_for("data: second\n");
        drop(proxy);
        assert_eq!(server.shutdown(PATIENCE).cut, 0, "{program}");
    }
}
