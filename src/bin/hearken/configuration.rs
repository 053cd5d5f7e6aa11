//! The second step: the checked configuration. Files are read here, but nothing is created, served or printed.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearken::{
    AllowedHosts, Cors, Durability, Error, Files, LogFormat, ResponseHeaders, Settings, Tls, TrustedProxies, WriteFile,
};

use crate::args::{AccessLogChoice, Args, DurabilityChoice};
use crate::bind_address::BindAddress;
use crate::failure::Failure;
use crate::generate::Generated;
use crate::single_file::SingleFile;
use crate::users::Passwords;

/// What the program is to do.
pub(crate) enum Task {
    /// `--make-certs`
    MakeCertificate,
    /// `--make-hash`
    MakeHash,
    /// `--generate`
    Generate(Generated),
    /// Serve.
    Serve(Box<Configuration>),
}

/// The settings of the server.
pub(crate) struct Configuration {
    pub(crate) listen: Listen,
    pub(crate) encryption: Encryption,
    pub(crate) settings: Settings,
    pub(crate) access_log: Option<LogFormat>,
    pub(crate) grace: Duration,
    /// Whether only errors and the URLs are printed.
    pub(crate) quiet: bool,
    /// Whether a QR code is shown.
    pub(crate) qr: bool,
    /// Whether a browser is opened.
    pub(crate) open: bool,
    pub(crate) site: Site,
}

/// Where to listen. There is at least one address.
pub(crate) struct Listen {
    pub(crate) first: BindAddress,
    pub(crate) others: Vec<BindAddress>,
    /// The port of TCP addresses that have none of their own.
    pub(crate) port: u16,
    /// The permissions of Unix sockets.
    pub(crate) socket_mode: u32,
}

/// How connections are encrypted.
pub(crate) enum Encryption {
    /// Not at all: HTTP.
    None,
    /// With the development certificate, which is made if it is missing.
    Development,
    /// With this certificate.
    Certificate(Tls),
}

/// The content that the server offers, and who may use it.
pub(crate) struct Site {
    pub(crate) root: PathBuf,
    /// What is served of ROOT.
    pub(crate) content: Content,
    pub(crate) write: Option<Write>,
    pub(crate) demo: bool,
    /// How much stays free where notes are kept, if `--min-free` says so.
    pub(crate) min_free: Option<u64>,
    pub(crate) access: Access,
    /// The fields of `--header`, if there are any.
    pub(crate) response_headers: Option<ResponseHeaders>,
}

/// What is served of ROOT.
pub(crate) enum Content {
    /// The files of the directory, as yet without those of the `--write` directory.
    Directory(Files),
    /// ROOT is this file.
    File(SingleFile),
}

/// The `--write` directory, and the service that writes to it.
pub(crate) struct Write {
    pub(crate) directory: PathBuf,
    pub(crate) service: WriteFile,
    /// The most bytes of an upload, if `--max-body` says so.
    pub(crate) max_body: Option<u64>,
}

/// Who may use the server.
pub(crate) struct Access {
    pub(crate) cors: Cors,
    pub(crate) passwords: Passwords,
    pub(crate) hosts: AllowedHosts,
}

impl Task {
    /// Checks the arguments: first the values themselves, and then the files that they name.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] for a value that is not valid, and other failures for files that cannot be used.
    pub(crate) fn from_args(args: Args) -> Result<Self, Failure> {
        if let Some(generated) = args.generate {
            return Ok(Self::Generate(generated));
        }
        let values = Values::check(&args)?;
        if args.make_certs {
            return Ok(Self::MakeCertificate);
        }
        if args.make_hash {
            return Ok(Self::MakeHash);
        }
        Ok(Self::Serve(Box::new(values.with_files(args)?)))
    }
}

/// The options that can be checked without reading files.
struct Values {
    settings: Settings,
    files: Files,
    response_headers: Option<ResponseHeaders>,
    cors: Cors,
    hosts: AllowedHosts,
}

impl Values {
    fn check(args: &Args) -> Result<Self, Failure> {
        Ok(Self {
            settings: settings(args)?,
            files: files(args, &args.root)?,
            response_headers: response_headers(args)?,
            cors: cors(args)?,
            hosts: hosts(args)?,
        })
    }

    /// Reads the files that the arguments name.
    fn with_files(self, args: Args) -> Result<Configuration, Failure> {
        let Self { settings, files, response_headers, cors, hosts } = self;
        let content = content(&args, files)?;
        let passwords = Passwords::read(&args.auth, &args.write_auth)?;
        let access = Access { cors: cors.credentials(passwords.are_asked()), passwords, hosts };
        Ok(Configuration {
            listen: listen(&args),
            encryption: encryption(&args)?,
            settings,
            access_log: access_log(&args),
            grace: args.grace,
            quiet: args.quiet,
            qr: args.qr,
            open: args.open,
            site: Site {
                write: write(&args),
                root: args.root,
                content,
                demo: args.demo,
                min_free: args.min_free,
                access,
                response_headers,
            },
        })
    }
}

fn listen(args: &Args) -> Listen {
    let (first, others) = args.bind.split_first().expect("there is a default");
    Listen { first: first.clone(), others: others.to_vec(), port: args.port, socket_mode: args.socket_mode }
}

fn settings(args: &Args) -> Result<Settings, Failure> {
    let mut proxies = TrustedProxies::none();
    for network in &args.trust_proxy {
        proxies = proxies.trust(network).map_err(invalid(args, "trust_proxy", network))?;
    }
    let settings = Settings::default()
        .trusted_proxies(proxies)
        .max_connections(args.max_connections)
        .head_timeout(args.head_timeout)
        .idle_timeout(args.idle_timeout);
    let settings = match args.max_connections_per_address {
        None => settings.fair_share(),
        Some(connections) => settings.max_connections_per_address(connections),
    };
    Ok(match args.max_body {
        None => settings,
        Some(bytes) => settings.max_body(bytes),
    })
}

fn response_headers(args: &Args) -> Result<Option<ResponseHeaders>, Failure> {
    let mut fields = ResponseHeaders::new();
    for field in &args.header {
        let Some((name, value)) = field.split_once(':') else {
            return Err(args.invalid("header", field, "a colon is missing after the name").into());
        };
        fields = fields.add(name, value).map_err(invalid(args, "header", field))?;
    }
    Ok((!args.header.is_empty()).then_some(fields))
}

fn cors(args: &Args) -> Result<Cors, Failure> {
    let mut cors = Cors::new();
    for origin in &args.cors {
        cors = cors.allow(origin).map_err(invalid(args, "cors", origin))?;
    }
    if !args.auth.is_empty() && args.cors.iter().any(|origin| origin == "*") {
        let reason = "cannot use --cors '*' with --auth: pages that may send passwords are allowed by name only";
        return Err(args.conflict(&["cors", "auth"], reason).into());
    }
    Ok(cors)
}

/// The host names that the server accepts: those of `--allow-host`, of `--bind`, and of the origins of `--cors`, whose pages may
/// read and write anyway.
fn hosts(args: &Args) -> Result<AllowedHosts, Failure> {
    let mut hosts = AllowedHosts::new()
        .check_writes(args.write_auth.is_empty())
        .check_proxied(!args.allow_host.is_empty())
        .hint("allow it with --allow-host NAME");
    for name in &args.allow_host {
        hosts = hosts.allow(name).map_err(invalid(args, "allow_host", name))?;
    }
    let bound = args.bind.iter().filter_map(|address| match address {
        BindAddress::Tcp { host, .. } => Some(host.as_str()),
        BindAddress::Unix(_) => None,
    });
    let origins = args.cors.iter().map(|origin| origin.split_once("://").map_or(origin.as_str(), |(_, host)| host));
    for name in bound.chain(origins) {
        // Names that are not valid here, such as an address with a zone, are never sent by a browser.
        hosts = hosts.clone().allow(name.trim_end_matches('/')).unwrap_or(hosts);
    }
    Ok(hosts)
}

/// What ROOT is: a directory, whose files are given, or one file.
fn content(args: &Args, files: Files) -> Result<Content, Failure> {
    let path = &args.root;
    let failed = |source| Failure::Root { path: path.clone(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return fs::read_dir(path).map(|_| Content::Directory(files)).map_err(failed);
    }
    if !metadata.is_file() {
        return Err(failed(io::Error::other("neither a directory nor a file")));
    }
    if let Some(id) = args.first_given(&["write", "spa", "no_listing", "title", "archive", "index"]) {
        let reason = format!("cannot use {} with the file {}: it is for directories", args.spelled(id), path.display());
        return Err(args.conflict(&["root", id], &reason).into());
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Each request opens both.
    for path in [directory, path] {
        fs::File::open(path).map_err(|source| Failure::Root { path: path.into(), source })?;
    }
    Ok(Content::File(SingleFile::new(path, self::files(args, directory)?)))
}

/// The files of this directory, as the options have them served.
fn files(args: &Args, directory: &Path) -> Result<Files, Failure> {
    let mut files = Files::new(directory)
        .index(&args.index)
        .map_err(invalid(args, "index", &args.index.join(",")))?
        .single_page(args.spa)
        .listing(!args.no_listing)
        .title(args.title.as_deref().unwrap_or_default())
        .readme(true)
        .archive(args.archive)
        .include_hidden(args.include_hidden)
        .follow_links(args.follow_links)
        .cache_control(&args.cache_control)
        .map_err(invalid(args, "cache_control", &args.cache_control))?
        .immutable(args.immutable)
        .compress(args.compress);
    for given in &args.mime {
        let Some((extension, media_type)) = given.split_once('=') else {
            return Err(args.invalid("mime", given, "it is not of the form EXT=TYPE").into());
        };
        files = files.media_type(extension, media_type).map_err(invalid(args, "mime", given))?;
    }
    Ok(files)
}

fn write(args: &Args) -> Option<Write> {
    let directory = args.write.clone()?;
    let durability = match args.durability {
        DurabilityChoice::Full => Durability::Full,
        DurabilityChoice::Rename => Durability::Rename,
    };
    let mut service = WriteFile::new(&directory).put(true).forms(true).overwrite(args.overwrite).durability(durability);
    if args.allow_delete {
        service = service.delete(true).delete_hidden(args.include_hidden);
    }
    service = match args.max_body {
        None => service.max_upload(u64::MAX),
        Some(bytes) => service.max_json(bytes),
    };
    if let Some(bytes) = args.max_total {
        service = service.max_total(bytes);
    }
    if let Some(bytes) = args.min_free {
        service = service.min_free(bytes);
    }
    Some(Write { directory, service, max_body: args.max_body })
}

fn encryption(args: &Args) -> Result<Encryption, Failure> {
    let (certificate, key) = match (&args.tls_cert, &args.tls_key) {
        _ if args.tls => return Ok(Encryption::Development),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => return Ok(Encryption::None),
    };
    let tls = match &args.tls_key_password {
        None => Tls::from_files(certificate, key),
        Some(password) => Tls::from_files_with_password(certificate, key, password.read("the private key")?),
    };
    Ok(Encryption::Certificate(tls.map_err(Error::from)?))
}

fn access_log(args: &Args) -> Option<LogFormat> {
    match args.access_log {
        _ if args.quiet => None,
        AccessLogChoice::Common => Some(LogFormat::Common),
        AccessLogChoice::Combined => Some(LogFormat::Combined),
        AccessLogChoice::Json => Some(LogFormat::Json),
        AccessLogChoice::Off => None,
    }
}

/// Refuses this value of the option with this id.
fn invalid<E: Display>(args: &Args, id: &str, value: &str) -> impl FnOnce(E) -> clap::Error {
    move |reason| args.invalid(id, value, reason)
}

#[cfg(test)]
mod tests {
    use hearken::{Handler as _, Layer as _, Request, Response};

    use super::*;

    fn configure(arguments: &[&str]) -> Result<Configuration, Failure> {
        let args = Args::read(["hearken"].iter().chain(arguments)).unwrap();
        Values::check(&args)?.with_files(args)
    }

    #[test]
    fn an_invalid_value_is_bad_usage_that_names_option_and_reason() {
        let table: [(&[&str], &str); 16] = [
            (
                &["--allow-host", "http://a"],
                "'http://a' for '--allow-host <NAME>': it is neither a host name, an IP address",
            ),
            (&["--trust-proxy", "localhost"], "'--trust-proxy <CIDR>': it is neither an IP address, a network such as"),
            (&["--trust-proxy", "10.0.0.1/8"], "the network begins with 10.0.0.0"),
            (
                &["--cors", "https://a,app.example"],
                "'app.example' for '--cors <ORIGIN>': an origin begins with http://",
            ),
            (&["--cors", ""], "'' for '--cors <ORIGIN>': an origin begins with"),
            (&["--index", "a/b"], "'a/b' for '--index <NAME>': \"a/b\" is not a file's name"),
            (&["--index", "a,.."], "'a,..' for '--index <NAME>': \"..\" is not a file's name"),
            (&["--header", "X-A"], "'X-A' for '--header <NAME: VALUE>': a colon is missing after the name"),
            (&["--header", "X A: b"], "\"X A\" is not the name of a header field"),
            (&["--header", "Date: today"], "the header field Date is the server's own to set"),
            (&["--cache-control", "a\nb"], "holds a control character"),
            (&["--mime", "md"], "'md' for '--mime <EXT=TYPE>': it is not of the form EXT=TYPE"),
            (&["--mime", "md=markdown"], "\"markdown\" is not a media type"),
            (&["--mime", "=text/plain"], "'=text/plain' for '--mime <EXT=TYPE>'"),
            (&["--header", "X-A", "no/such/directory"], "a colon is missing"),
            (&["--mime", "md", "--auth", "@no/such/file"], "it is not of the form EXT=TYPE"),
        ];
        for (arguments, expected) in table {
            let failure = configure(arguments).err().unwrap();
            assert!(matches!(&failure, Failure::Usage(error) if error.exit_code() == 2), "{arguments:?}");
            let message = failure.to_string();
            assert!(
                message.starts_with("error: invalid value ") && message.contains(expected),
                "{arguments:?}: {message}"
            );
        }
    }

    #[test]
    fn any_origin_is_not_for_a_server_that_asks_for_a_password_to_read() {
        let table: [(&[&str], bool); 4] = [
            (&["--cors", "*"], true),
            (&["--cors", "*", "--write-auth", "ada:a"], true),
            (&["--cors", "https://app.example", "--auth", "ada:a"], true),
            (&["--cors", "https://app.example,*", "--auth", "ada:a"], false),
        ];
        for (arguments, accepted) in table {
            match configure(arguments) {
                Ok(_) => assert!(accepted, "{arguments:?}"),
                Err(Failure::Usage(error)) => assert!(!accepted && error.exit_code() == 2, "{arguments:?}: {error}"),
                Err(failure) => panic!("{arguments:?}: {failure}"),
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_a_failure_to_start() {
        let table: [(&[&str], &str); 8] = [
            (&["no/such/directory"], "cannot serve no/such/directory: no such file or directory"),
            (&["Cargo.toml/"], "cannot serve Cargo.toml/: not a directory"),
            (&["Cargo.toml/x"], "cannot serve Cargo.toml/x: not a directory"),
            (&["/dev/null"], "cannot serve /dev/null: neither a directory nor a file"),
            (&["--auth", "@no/such/file"], "cannot read users from no/such/file: no such file or directory"),
            (&["--write-auth", "ada:@no/such/file"], "cannot read the password of ada from no/such/file: no such file"),
            (&["--tls-cert", "no.pem", "--tls-key", "no.pem"], "cannot use no.pem: no such file or directory"),
            (
                &["--tls-cert", "no.pem", "--tls-key", "no.pem", "--tls-key-password", "@no/such/file"],
                "cannot read the password of the private key from no/such/file: no such file or directory",
            ),
        ];
        for (arguments, expected) in table {
            let failure = configure(arguments).err().unwrap();
            assert!(!matches!(failure, Failure::Usage(_)), "{arguments:?}");
            assert!(failure.to_string().starts_with(expected), "{arguments:?}: {failure}");
        }
    }

    #[test]
    fn what_is_for_directories_cannot_be_used_with_a_file() {
        let table: [(&[&str], Option<&str>); 9] = [
            (&["Cargo.toml"], None),
            (&["Cargo.toml", "--demo", "--include-hidden", "--compress", "--auth", "a:b"], None),
            (&["src", "--spa", "--archive", "--index", "a"], None),
            (&["Cargo.toml", "--write", "data"], Some("--write")),
            (&["Cargo.toml", "--write", "data", "--overwrite"], Some("--write")),
            (&["Cargo.toml", "--spa"], Some("--spa")),
            (&["Cargo.toml", "--archive"], Some("--archive")),
            (&["Cargo.toml", "--no-listing"], Some("--no-listing")),
            (&["Cargo.toml", "--index", "index.html"], Some("--index")),
        ];
        for (arguments, expected) in table {
            match (configure(arguments), expected) {
                (Ok(_), None) => {}
                (Err(Failure::Usage(error)), Some(option)) => {
                    let message = format!("error: cannot use {option} with the file Cargo.toml: it is for directories");
                    assert!(error.to_string().starts_with(&message), "{error}");
                }
                (result, _) => panic!("{arguments:?}: {:?}", result.err()),
            }
        }
    }

    #[test]
    fn nothing_is_made_before_the_program_runs() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("data");
        let configuration = configure(&["--write", directory.to_str().unwrap(), "--tls"]).unwrap();
        assert!(matches!(configuration.encryption, Encryption::Development));
        assert_eq!(configuration.site.write.unwrap().directory, directory);
        assert!(!directory.exists());
    }

    #[test]
    fn making_a_certificate_or_a_hash_needs_no_files_but_valid_values() {
        let task = |arguments: [&str; 3]| Task::from_args(Args::read(arguments).unwrap());
        assert!(matches!(task(["hearken", "--make-certs", "no/such/directory"]), Ok(Task::MakeCertificate)));
        assert!(matches!(task(["hearken", "--make-hash", "no/such/directory"]), Ok(Task::MakeHash)));
        assert!(matches!(task(["hearken", "--demo", "no/such/directory"]), Err(Failure::Root { .. })));
        assert!(matches!(task(["hearken", "--make-certs", "--header=X"]), Err(Failure::Usage(_))));
        assert!(matches!(task(["hearken", "--make-hash", "--mime=X"]), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_quiet_server_has_no_access_log() {
        let table: [(&[&str], Option<LogFormat>); 5] = [
            (&[], Some(LogFormat::Common)),
            (&["--access-log", "combined"], Some(LogFormat::Combined)),
            (&["--access-log", "json"], Some(LogFormat::Json)),
            (&["--access-log", "off"], None),
            (&["--access-log", "json", "--quiet"], None),
        ];
        for (arguments, expected) in table {
            assert_eq!(configure(arguments).unwrap().access_log, expected, "{arguments:?}");
        }
    }

    #[test]
    fn only_fields_that_were_given_are_added() {
        let answer = |arguments: &[&str]| {
            let fields = configure(arguments).unwrap().site.response_headers?;
            let app = fields.around(|_: &mut Request| Response::text("hello"));
            Some(app.handle(&mut Request::get("/")))
        };
        assert!(answer(&[]).is_none());
        let response = answer(&["--header", "X: a, b:c", "--header", "Y:"]).unwrap();
        assert_eq!((response.header("X"), response.header("Y")), (Some("a, b:c"), Some("")));
    }

    #[test]
    fn the_names_of_the_command_line_are_known() {
        let table: [(&[&str], &str, bool); 13] = [
            (&[], "nas.example", false),
            (&["--bind", "nas.example"], "nas.example:4040", true),
            (&["--bind", "nas.example:8080"], "nas.example", true),
            (&["--bind", "127.0.0.1,NAS.example"], "nas.example", true),
            (&["--bind", "fe80::1%eth0", "--bind", "[::1]"], "nas.example", false),
            (&["--cors", "https://nas.example:8443/"], "nas.example", true),
            (&["--cors", "https://nas.example"], "www.nas.example", false),
            (&["--cors", "http://nas"], "nas", true),
            (&["--cors", "*"], "nas.example", true),
            (&["--allow-host", "nas.example:80"], "nas.example", true),
            (&["--allow-host", "a.example,nas.example"], "nas.example", true),
            (&["--allow-host", "*"], "nas.example", true),
            (&["--allow-host", "a.example"], "nas.example", false),
        ];
        for (arguments, host, known) in table {
            let hosts = configure(arguments).unwrap().site.access.hosts;
            let app = hosts.around(|_: &mut Request| Response::text("known"));
            let response = app.handle(&mut Request::get("/").with_header("Host", host));
            assert_eq!(response.status().is_success(), known, "{arguments:?} {host}");
        }
    }
}
