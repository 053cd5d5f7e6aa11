//! The `hearken` program: a file server for the command line.

mod access;
mod args;
#[path = "../common/credentials.rs"]
mod credentials;
mod logger;
mod make_hash;
#[path = "../common/seconds.rs"]
mod seconds;
mod signals;
mod site;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use hearken::{AccessLog, Builder, LogFormat, Server, Settings, Tls, TrustedProxies};
use log::LevelFilter;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use args::{AccessLogChoice, Args, BindAddress};

/// Where `--tls` keeps its certificate.
const CERTS: &str = "certs";

fn main() -> ExitCode {
    let args = Args::parse();
    let level = match (args.quiet, args.verbose) {
        (true, _) => LevelFilter::Error,
        (_, true) => LevelFilter::Debug,
        _ => LevelFilter::Warn,
    };
    let result = logger::install(level).map_err(Into::into).and_then(|()| run(&args));
    if let Err(error) = &result {
        logger::say(format_args!("hearken: {error}"));
    }
    log::logger().flush();
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    if args.make_certs {
        Tls::development(CERTS)?;
        say_how_to_trust("https://127.0.0.1:4040/");
        return Ok(());
    }
    if args.make_hash {
        return make_hash::run();
    }
    check_directory(&args.root).map_err(|error| format!("cannot serve {}: {error}", args.root.display()))?;
    if let Some(directory) = &args.write {
        fs::create_dir_all(directory)
            .map_err(|error| hearken::reason(&error))
            .and_then(|()| check_directory(directory))
            .map_err(|error| format!("cannot write to {}: {error}", directory.display()))?;
    }
    raise_file_limit();
    // The signals are caught before anything is announced, so that one that comes at once stops the server in order, and so
    // that the thread for them is there before clients make the server start others.
    let signals = signals::catch()?;
    let builder = builder(args)?;
    let app = site::application(args, builder.is_loopback())?;
    let server = builder.serve(app)?;
    signals::stop_on(signals, &server, args.grace)?;
    announce(args, &server)?;
    let urls: Vec<_> = server.urls().filter(|url| !url.starts_with("unix:")).collect();
    for warning in access::warnings(args, server.addresses(), &urls) {
        log::warn!("{warning}");
    }
    let stopped = server.join();
    if stopped.cut > 0 {
        log::warn!("{} answers were cut off", stopped.cut);
    }
    Ok(())
}

/// Raises the limit on open files as far as the system lets us: connections and files count against it.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::warn!("cannot raise the limit on open files: {error}");
    }
}

fn check_directory(path: &Path) -> Result<(), String> {
    fs::read_dir(path).map(drop).map_err(|error| hearken::reason(&error))
}

fn builder(args: &Args) -> Result<Builder, Box<dyn std::error::Error>> {
    let mut builder: Option<Builder> = None;
    for address in &args.bind {
        builder = Some(match (builder, address) {
            (None, BindAddress::Tcp(host)) => Server::bind((host.as_str(), args.port))?,
            (None, BindAddress::Unix(path)) => Server::bind_unix(path)?,
            (Some(builder), BindAddress::Tcp(host)) => builder.and_bind((host.as_str(), args.port))?,
            (Some(builder), BindAddress::Unix(path)) => builder.and_bind_unix(path)?,
        });
    }
    let builder = builder.ok_or("there is no address to listen on")?;
    let proxies =
        args.trust_proxy.iter().try_fold(TrustedProxies::none(), |proxies, network| proxies.trust(network))?;
    let settings = Settings::default()
        .trusted_proxies(proxies)
        .batch_scheduling(true)
        .max_body(args.max_body)
        .max_connections(usize::try_from(args.max_connections)?)
        .head_timeout(args.head_timeout)
        .idle_timeout(args.idle_timeout);
    let settings = match args.max_connections_per_address {
        None => settings.fair_share(),
        Some(connections) => settings.max_connections_per_address(usize::try_from(connections)?),
    };
    let mut builder = builder.settings(settings).socket_mode(args.socket_mode);
    if let Some(format) = log_format(args) {
        builder = builder.access_log(AccessLog::new(format, io::stderr())?);
    }
    if args.tls {
        builder = builder.tls(Tls::development(CERTS)?);
    } else if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        builder = builder.tls(Tls::from_files(certificate, key)?);
    }
    Ok(builder)
}

fn log_format(args: &Args) -> Option<LogFormat> {
    match args.access_log {
        _ if args.quiet => None,
        AccessLogChoice::Common => Some(LogFormat::Common),
        AccessLogChoice::Combined => Some(LogFormat::Combined),
        AccessLogChoice::Json => Some(LogFormat::Json),
        AccessLogChoice::Off => None,
    }
}

fn announce(args: &Args, server: &Server) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for url in server.urls() {
        writeln!(out, "Listening on {url}")?;
    }
    out.flush()?;
    if args.tls && !args.quiet {
        match server.urls().find(|url| !url.starts_with("unix:")) {
            Some(url) => say_how_to_trust(&url),
            None => logger::say(format_args!(
                "The certificate in {CERTS}/ is for this machine only, and for the name localhost."
            )),
        }
    }
    Ok(())
}

fn say_how_to_trust(url: &str) {
    let authority = Tls::development_authority(CERTS);
    let authority = authority.display();
    logger::say(format_args!("The certificate in {CERTS}/ is for this machine only. To trust it:"));
    logger::say(format_args!("  hearken-client --cacert {authority} get {url}"));
    logger::say(format_args!("  curl --cacert {authority} {url}"));
}
