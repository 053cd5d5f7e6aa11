//! The third step: runs the task of the configuration.

use std::cell::LazyCell;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use hearken::{AccessLog, Builder, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args;
use crate::bind_address::BindAddress;
use crate::browser::Opener;
use crate::configuration::{Configuration, Encryption, Listen, Task};
use crate::development_certificate;
use crate::failure::Failure;
use crate::generate;
use crate::greeting::{self, Greeting};
use crate::logger;
use crate::make_hash;
use crate::reachable::Reachable;
use crate::scheduling;
use crate::signals;
use crate::site;
use crate::warnings::Exposure;

pub(crate) fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::MakeCertificate => {
            development_certificate::make()?;
            development_certificate::say_how_to_trust(Some("https://127.0.0.1:4040/"));
            Ok(())
        }
        Task::MakeHash => make_hash::run(),
        Task::Generate(generated) => generate::generate(generated, args::command()).map_err(Failure::Stdout),
        Task::Serve(configuration) => serve(*configuration),
    }
}

/// Serves until a signal comes.
fn serve(configuration: Configuration) -> Result<(), Failure> {
    let exposure = Exposure::of(&configuration);
    let greeting = Greeting::of(&configuration.site);
    let Configuration { listen, encryption, settings, access_log, grace, quiet, qr, open, site } = configuration;
    if let Some(write) = &site.write {
        make_directory(&write.directory)?;
    }
    let opener = if open { Some(Opener::start().map_err(hearken::Error::Thread)?) } else { None };
    raise_file_limit();
    scheduling::use_batch_policy();
    // Signals are caught before the URLs are printed, so that an early one also stops the server in order.
    let signals = signals::catch().map_err(Failure::Signals)?;
    let mut builder = bind(listen)?.settings(settings);
    if let Some(format) = access_log {
        builder = builder.access_log(AccessLog::new(format, io::stderr())?);
    }
    let scheme = if matches!(encryption, Encryption::None) { "http" } else { "https" };
    let is_development = matches!(encryption, Encryption::Development);
    builder = match encryption {
        Encryption::None => builder,
        Encryption::Development => builder.tls(development_certificate::make()?),
        Encryption::Certificate(tls) => builder.tls(tls),
    };
    let app = site::application(site, builder.is_loopback());
    let server = builder.serve(app)?;
    // The thread for signals starts before clients make the server start others.
    signals::stop_on(signals, &server, grace)?;
    let urls = bound_urls(&server);
    announce(&urls).map_err(Failure::Stdout)?;
    // Only those who look at a terminal or a browser need them.
    let reachable = LazyCell::new(|| Reachable::of(scheme, server.addresses()));
    if !quiet && io::stderr().is_terminal() {
        logger::print(&greeting.text(&reachable));
    }
    if qr {
        show_qr_code(&reachable);
    }
    if let Some(opener) = opener {
        open_in_browser(opener, &reachable);
    }
    if is_development && !quiet {
        let url = server.urls().find(|url| !is_unix(url));
        development_certificate::say_how_to_trust(url.as_deref());
    }
    let tcp_urls: Vec<_> = urls.into_iter().filter(|url| !is_unix(url)).collect();
    for warning in exposure.warnings(server.addresses(), &tcp_urls) {
        log::warn!("{warning}");
    }
    let stopped = server.join();
    if stopped.cut > 0 {
        log::warn!("{} responses were cut off", stopped.cut);
    }
    Ok(())
}

fn show_qr_code(reachable: &Reachable) {
    match reachable.elsewhere.first() {
        Some(url) => match greeting::qr_code(url) {
            Some(code) => logger::print(&format!("{code}  {url}\n\n")),
            None => log::warn!("{url} is too long for a QR code"),
        },
        None => log::warn!("there is no URL for a QR code: other devices cannot connect (use --bind 0.0.0.0)"),
    }
}

fn open_in_browser(opener: Opener, reachable: &Reachable) {
    match reachable.here.first().or(reachable.elsewhere.first()) {
        Some(url) => opener.open(url),
        None => log::warn!("there is no URL that a browser could open"),
    }
}

/// Makes the `--write` directory if it is missing.
fn make_directory(path: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::WriteDirectory { path: path.into(), source };
    match fs::create_dir_all(path) {
        // A file is there.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(failed(io::ErrorKind::NotADirectory.into())),
        made => made.and_then(|()| fs::read_dir(path).map(drop)).map_err(failed),
    }
}

/// Raises the limit on open files as far as the system allows: connections and files count against it.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::warn!("cannot raise the limit on open files: {}", hearken::reason(&error.into()));
    }
}

fn bind(listen: Listen) -> Result<Builder, Failure> {
    let Listen { first, others, port, socket_mode } = listen;
    let mut builder = Builder::new();
    for address in std::iter::once(first).chain(others) {
        builder = match address {
            BindAddress::Tcp { host, port: None } => bind_tcp(builder, &host, port)?,
            BindAddress::Tcp { host, port: Some(own) } => bind_tcp(builder, &host, own).map_err(Failure::OwnPort)?,
            BindAddress::Unix(path) => builder.bind_unix(path)?,
        };
    }
    Ok(builder.socket_mode(socket_mode))
}

/// Binds all addresses of this host, with the same port. If any free port will do and the one of the first address is taken at
/// another, that one gets a port of its own.
fn bind_tcp(mut builder: Builder, host: &str, port: u16) -> Result<Builder, hearken::Error> {
    let mut chosen = None;
    for host in BindAddress::hosts(host) {
        let is_free = |port: &u16| TcpListener::bind((host.as_str(), *port)).is_ok();
        builder = builder.bind((host.as_str(), chosen.filter(is_free).unwrap_or(port)))?;
        chosen = builder.addresses().last().map(SocketAddr::port).filter(|_| port == 0);
    }
    Ok(builder)
}

/// The URLs of the addresses as they were bound. [`Server::urls`] names a loopback address instead of a wildcard, which would hide
/// that other machines can connect.
fn bound_urls(server: &Server) -> Vec<String> {
    let mut addresses = server.addresses().iter();
    let as_bound = |url: String| match url.split_once("://") {
        None => url,
        Some((scheme, _)) => match addresses.next() {
            Some(address) if address.ip().to_canonical().is_unspecified() => format!("{scheme}://{address}/"),
            _ => url,
        },
    };
    server.urls().map(as_bound).collect()
}

/// Whether this is the URL of a Unix socket.
fn is_unix(url: &str) -> bool {
    url.starts_with("unix:")
}

/// Prints where the server listens.
fn announce(urls: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for url in urls {
        writeln!(out, "Listening on {url}")?;
    }
    out.flush()
}
