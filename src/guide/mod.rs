//! A guide, from the first server to what lies beyond: each chapter is a page, and the programs on it are tests: all are compiled, and
//! all but four, which would run for ever or need a certificate, are run.
//!
//! The first chapters follow a [tutorial] on HTTP servers and clients step by step. Its programs are the examples of this crate,
//! `cargo run --example NAME`; a chapter shows the part that it is about.
//!
//! 1. [`hello_world`]: a server in ten lines, and a glance at the code
//! 2. [`binding`]: addresses and ports
//! 3. [`forms_and_get`]: a form that sends a number, and a server that thinks of one
//! 4. [`the_request`]: what a handler can ask
//! 5. [`the_response`]: what a handler can answer
//! 6. [`routing`]: which handler answers what
//! 7. [`client`]: POST from a program
//! 8. [`handling_post`]: the body of a request, and JSON that becomes a file
//! 9. [`cors`]: pages of other origins
//! 10. [`note_server`]: JSON in, text out
//! 11. [`serving_files`]: files by hand, and with [`Files`](crate::Files)
//! 12. [`https`]: certificates, and keys with a password
//!
//! The others are about one subject each, in any order:
//!
//! - [`state`]: values that handlers share
//! - [`errors`]: handlers that fail
//! - [`layers`]: code around handlers
//! - [`forms`]: forms, uploads, cookies
//! - [`streaming`]: bodies that are made while they are sent
//! - [`testing`]: tests without and with a socket
//! - [`shutting_down`]: how a server ends
//!
//! Beside other programs and libraries:
//!
//! - [`behind_a_proxy`]: nginx, HAProxy or Caddy in front
//! - [`coming_from_rouille`], [`coming_from_tiny_http`], [`coming_from_axum`]: names there and here, and one program in both
//! - [`when_not_to_choose_hearken`]: what it cannot do, and what can
//!
//! # In a program of your own
//!
//! There is no release of hearken yet, so `Cargo.toml` names its directory. With these lines every program of the guide builds, but for
//! those of the bridge to tiny_http; most need only a few of them:
//!
//! ```toml
//! [dependencies]
//! hearken = { path = "../hearken", default-features = false, features = ["auth", "client", "cookies", "encrypted-keys", "forms"] }
//! crossbeam-channel = "0.5"
//! rand = "0.10"
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//! signal-hook = "0.4"
//! ```
//!
//! | feature | for |
//! |---|---|
//! | `client` | [`hearken::client`](crate::client), also as the client of a test: then `[dev-dependencies]` names hearken with it |
//! | `cookies`, `forms` | [`Request::cookie`](crate::Request::cookie), [`with_cookie`](crate::Response::with_cookie), [`Request::form`](crate::Request::form), [`query_as`](crate::Request::query_as); uploads need neither |
//! | `tls` | [`https`] |
//! | `encrypted-keys` | a private key with a password |
//! | `auth` | [`BasicAuth`](crate::BasicAuth), [`verify_password`](crate::verify_password) |
//! | `tiny_http` | the [`bridge`](crate::bridge) |
//!
//! The [page of the crate](crate#features) lists all features, and the documentation of an item names the one that it needs.
//!
//! # The tutorial's names, and ours
//!
//! | there | here |
//! |---|---|
//! | **Addresses** | [`binding`] |
//! | `LOOPBACK_IP_V4` | `"127.0.0.1:4040"` |
//! | `LOOPBACK_IP_V6` | `"[::1]:4040"` |
//! | `ANY_IP_V4` | `"0.0.0.0:4040"` |
//! | `ANY_IP_V6` | `"[::]:4040"`, which takes IPv4 too; without it: [`Builder::ipv6_only`](crate::Builder::ipv6_only) |
//! | a host name | `"localhost:4040"`: the first of its addresses that can be bound |
//! | a port; 0 | the number behind the colon; 0 is any free one, which [`Server::address`](crate::Server::address) tells |
//! | `server.port` | [`Server::address`](crate::Server::address), [`Server::url`](crate::Server::url) |
//! | `HttpServer.bind` | [`Server::bind`](crate::Server::bind) |
//! | `server.listen(callback)` | [`Builder::serve`](crate::Builder::serve) with a [`Handler`](crate::Handler), such as a function |
//! | `onDone` | what follows [`Server::join`](crate::Server::join), which returns once a [`Stopper`](crate::Stopper) stops the server: [`shutting_down`] |
//! | `onError`, `catchError` | the `log` facade, shown by [`log_to_stderr`](crate::log_to_stderr); an [`Error`](crate::Error) at the start |
//! | **The request** | [`the_request`] |
//! | `request.method` | [`Request::method`](crate::Request::method) |
//! | `request.uri` | [`Request::path`](crate::Request::path), [`target`](crate::Request::target), [`host`](crate::Request::host), [`is_secure`](crate::Request::is_secure) |
//! | `uri.queryParameters` | [`Request::query`](crate::Request::query), [`query_as`](crate::Request::query_as) |
//! | `uri.pathSegments.last` | [`Request::param`](crate::Request::param), or the end of [`Request::path`](crate::Request::path) |
//! | `request.response` | the [`Response`](crate::Response) that the handler returns |
//! | `request.headers` | [`Request::header`](crate::Request::header), [`headers`](crate::Request::headers) |
//! | `headers.contentType`, `mimeType` | [`Request::has_media_type`](crate::Request::has_media_type) |
//! | `headers.contentLength` | [`Request::content_length`](crate::Request::content_length) |
//! | `request.listen`, `BytesBuilder` | [`Request::body`](crate::Request::body), a reader; [`Request::read_body`](crate::Request::read_body), all of it |
//! | `UTF8.decode` | [`Request::text`](crate::Request::text) |
//! | `JSON.decode` | [`Request::json`](crate::Request::json) |
//! | **The response** | [`the_response`] |
//! | `response.statusCode` | [`Response::with_status`](crate::Response::with_status) |
//! | `HttpStatus.OK` | [`Status::OK`](crate::Status::OK), which is what a response has that names none |
//! | `HttpStatus.METHOD_NOT_ALLOWED` | [`HttpError::MethodNotAllowed`](crate::HttpError::MethodNotAllowed), [`Status::METHOD_NOT_ALLOWED`](crate::Status::METHOD_NOT_ALLOWED) |
//! | `HttpStatus.NOT_FOUND` | [`HttpError::NotFound`](crate::HttpError::NotFound), [`Status::NOT_FOUND`](crate::Status::NOT_FOUND) |
//! | `response.contentLength` | set by the server; unknown for a stream, as -1 is |
//! | `response.cookies` | [`Response::with_cookie`](crate::Response::with_cookie), [`without_cookie`](crate::Response::without_cookie); those of the client: [`Request::cookie`](crate::Request::cookie) |
//! | `response.encoding` | UTF-8: [`Response::text`](crate::Response::text) says so |
//! | `response.headers` | [`Response::with_header`](crate::Response::with_header), [`headers`](crate::Response::headers) |
//! | `write`, `writeln`, `writeAll`, `writeCharCodes` | [`Response::text`](crate::Response::text), [`Response::writer`](crate::Response::writer) |
//! | `addStream`, `pipe` | [`Response::reader`](crate::Response::reader) |
//! | `close` | returning the response |
//! | **The client** | [`client`] |
//! | `get`, `getUrl` | [`Client::get`](crate::client::Client::get) |
//! | `open`, `openUrl`, `postUrl` | [`Client::request`](crate::client::Client::request), with the method and the URL |
//! | `post`, with `ContentType.JSON` | [`Client::post_json`](crate::client::Client::post_json) |
//! | `JSON.encode` | [`client::Request::with_json`](crate::client::Request::with_json) |
//! | `headers.set`, `headers.add` | [`client::Request::with_header`](crate::client::Request::with_header), [`with_added_header`](crate::client::Request::with_added_header) |
//! | `write`, `addStream` | [`client::Request::with_body`](crate::client::Request::with_body), [`with_reader`](crate::client::Request::with_reader) |
//! | `close` | [`client::Request::send`](crate::client::Request::send) |
//! | `UTF8.decoder` | [`client::Response::text`](crate::client::Response::text) |
//! | **The package `http_server`** | [`serving_files`] |
//! | `VirtualDirectory` | [`Files`](crate::Files) |
//! | `serveFile` | [`Files::file`](crate::Files::file) |
//! | `serveRequest` | [`Files`](crate::Files) as a handler |
//! | `allowDirectoryListing` | [`Files::listing`](crate::Files::listing), on by default |
//! | `directoryHandler` that serves `index.html` | [`Files::index`](crate::Files::index), by default `index.html` |
//! | **HTTPS** | [`https`] |
//! | `HttpServer.bindSecure` | [`Builder::tls`](crate::Builder::tls) |
//! | `SecureSocket.initialize(database, password)` | [`Tls::from_files_with_password`](crate::Tls::from_files_with_password) |
//! | `certificateName` | the path of the certificate's file |
//! | **The classes at its end** | |
//! | `HttpServer` | [`Server`](crate::Server) |
//! | `HttpClient` | [`Client`](crate::client::Client) |
//! | `HttpRequest` | [`Request`](crate::Request) |
//! | `HttpResponse` | [`Response`](crate::Response) |
//! | `HttpClientRequest` | [`client::Request`](crate::client::Request) |
//! | `HttpClientResponse` | [`client::Response`](crate::client::Response) |
//! | `HttpHeaders` | [`Headers`](crate::Headers) |
//! | `HttpStatus` | [`Status`](crate::Status) |
//! | `InternetAddress` | [`BindAddresses`](crate::BindAddresses) |
//! | the package `http_server` | [`Files`](crate::Files) |
//! | `BytesBuilder` | `Vec<u8>` |
//!
//! [tutorial]: https://github.com/dart-archive/www.dartlang.org/blob/master/src/site/docs/tutorials/httpserver/index.markdown

macro_rules! chapters {
    ($($name:ident),* $(,)?) => {
        $(
            #[doc = include_str!(concat!(stringify!($name), ".md"))]
            pub mod $name {}
        )*
    };
}

chapters! {
    hello_world,
    binding,
    forms_and_get,
    the_request,
    the_response,
    routing,
    client,
    handling_post,
    cors,
    note_server,
    serving_files,
    https,
    state,
    errors,
    layers,
    forms,
    streaming,
    testing,
    shutting_down,
    behind_a_proxy,
    coming_from_rouille,
    coming_from_tiny_http,
    coming_from_axum,
    when_not_to_choose_hearken,
}
