//! The first step: the arguments from the command line and the environment, checked as far as clap can.

use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _, Id, Parser};
use log::LevelFilter;

use crate::bind_address::BindAddress;
use crate::credentials::{Credentials, Password};
use crate::environment;
use crate::generate::Generated;
use crate::seconds;

/// Serve a directory or a file over HTTP or HTTPS; with --write, accept files and JSON.
#[derive(Debug, Parser)]
#[command(name = "hearken", version, max_term_width = 100, disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct Args {
    /// The directory, or the one file, to serve
    ///
    /// A file is served under its name, and / leads to it.
    #[arg(env = "HEARKEN_ROOT", default_value = ".")]
    pub(crate) root: PathBuf,

    /// IP address, host name or unix:PATH to listen on
    ///
    /// An address may have a port of its own: 127.0.0.1:8080, [::1]:8080. localhost is 127.0.0.1 and ::1, as far as the system has
    /// them. :: accepts IPv4 too, unless an IPv4 address is also given. unix:PATH makes a Unix socket. Can be given more than
    /// once.
    #[arg(short, long, help_heading = LISTENING, value_name = "ADDR", env = "HEARKEN_BIND", value_delimiter = ',',
          default_value = "127.0.0.1", value_parser = BindAddress::parse)]
    pub(crate) bind: Vec<BindAddress>,

    /// Port to listen on; 0 is any free port
    ///
    /// The port is for all addresses but Unix sockets and those that have a port of their own. Start-up prints which free port was
    /// taken.
    #[arg(short, long, help_heading = LISTENING, env = "HEARKEN_PORT", default_value_t = 4040,
          value_parser = number::<u16>(0..=65_535))]
    pub(crate) port: u16,

    /// Show a QR code of the URL, to open it on a phone
    ///
    /// The URL is the one that other devices in the network most likely reach: see --bind.
    #[arg(long, help_heading = LISTENING, env = "HEARKEN_QR")]
    pub(crate) qr: bool,

    /// Open the site in the browser
    #[arg(long, help_heading = LISTENING, env = "HEARKEN_OPEN")]
    pub(crate) open: bool,

    /// Permissions of Unix sockets, in octal
    ///
    /// Users who may write to a socket may connect: with 660, a proxy of the same group can.
    #[arg(long, help_heading = LISTENING, value_name = "OCTAL", env = "HEARKEN_SOCKET_MODE", default_value = "600",
          value_parser = parse_mode)]
    pub(crate) socket_mode: u32,

    /// Trust the reverse proxies of this network about their clients
    ///
    /// A network is such as ::1 or 10.0.0.0/8. The Forwarded or X-Forwarded-For, -Proto and -Host fields of its proxies give the
    /// client's address, scheme and host. unix stands for Unix sockets. Can be given more than once.
    #[arg(long, help_heading = LISTENING, value_name = "CIDR", env = "HEARKEN_TRUST_PROXY", value_delimiter = ',')]
    pub(crate) trust_proxy: Vec<String>,

    /// Serve HTTPS with a development certificate, made on first use
    ///
    /// It is kept in certs/.
    #[arg(long, help_heading = HTTPS, env = "HEARKEN_TLS", conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls: bool,

    /// Serve HTTPS with this certificate chain (PEM)
    #[arg(long, help_heading = HTTPS, value_name = "FILE", env = "HEARKEN_TLS_CERT", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(long, help_heading = HTTPS, value_name = "FILE", env = "HEARKEN_TLS_KEY", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The password of the private key, if it is encrypted
    ///
    /// @FILE is the first line of a file.
    #[arg(long, help_heading = HTTPS, value_name = "PASS", env = "HEARKEN_TLS_KEY_PASSWORD", hide_env_values = true,
          requires = "tls_key")]
    pub(crate) tls_key_password: Option<Password>,

    /// Make the development certificate and exit
    ///
    /// It is made in certs/, unless a valid one is there.
    #[arg(long, help_heading = HTTPS, env = "HEARKEN_MAKE_CERTS")]
    pub(crate) make_certs: bool,

    /// Ask for a user name and a password for everything
    ///
    /// PASS can also be a hash (see --make-hash), or @FILE for the first line of a file; @FILE alone names a file with one
    /// USER:PASS a line. Can be given more than once.
    #[arg(short, long, help_heading = ACCESS, value_name = "USER:PASS", env = "HEARKEN_AUTH", hide_env_values = true,
          value_delimiter = '\n', value_parser = Login::parse)]
    pub(crate) auth: Vec<Login>,

    /// Ask for a user name and a password for writing only
    ///
    /// Others may only read. Takes the same values as --auth.
    #[arg(long, help_heading = ACCESS, value_name = "USER:PASS", env = "HEARKEN_WRITE_AUTH", hide_env_values = true,
          value_delimiter = '\n', value_parser = Login::parse)]
    pub(crate) write_auth: Vec<Login>,

    /// Read a password from stdin, print its hash and exit
    ///
    /// The hash may stand in place of the password in --auth and --write-auth.
    #[arg(long, help_heading = ACCESS, env = "HEARKEN_MAKE_HASH")]
    pub(crate) make_hash: bool,

    /// Let pages of this origin read and write
    ///
    /// An origin is such as https://app.example; * allows every origin, without passwords. Can be given more than once.
    #[arg(long, help_heading = ACCESS, value_name = "ORIGIN", env = "HEARKEN_CORS", value_delimiter = ',')]
    pub(crate) cors: Vec<String>,

    /// Also answer to this host name where no password is needed
    ///
    /// Addresses, localhost and the names in --bind and --cors are always allowed, and with * every name is. Can be given more
    /// than once.
    #[arg(long, help_heading = ACCESS, value_name = "NAME", env = "HEARKEN_ALLOW_HOST", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,

    /// Store what clients send in this directory, and serve its files
    ///
    /// What clients send is JSON and forms by POST, and files by PUT. Listings have forms to upload files, to create folders and to
    /// edit text. The directory is created if it does not exist.
    #[arg(long, help_heading = WRITING, value_name = "DIR", env = "HEARKEN_WRITE")]
    pub(crate) write: Option<PathBuf>,

    /// Also let clients delete in the --write directory
    ///
    /// They delete files and empty directories, by DELETE or by form, and listings offer it.
    #[arg(long, help_heading = WRITING, env = "HEARKEN_ALLOW_DELETE", requires = "write")]
    pub(crate) allow_delete: bool,

    /// Let an uploaded file replace one of the same name
    ///
    /// Without it, a file from an upload form gets a number added to its name.
    #[arg(long, help_heading = WRITING, env = "HEARKEN_OVERWRITE", requires = "write")]
    pub(crate) overwrite: bool,

    /// Total size that the files in the --write directory may reach
    ///
    /// In bytes, or with a unit such as MB or MiB; no limit by default.
    #[arg(long, help_heading = WRITING, value_name = "SIZE", env = "HEARKEN_MAX_TOTAL", requires = "write",
          value_parser = parse_size)]
    pub(crate) max_total: Option<u64>,

    /// How much writes leave free on the disk
    ///
    /// In bytes, or with a unit such as MB or MiB. A write that would leave less is refused; 0 lets files fill the disk.
    /// Defaults to 1GiB, or 5 % of the disk if that is less.
    #[arg(long, help_heading = WRITING, value_name = "SIZE", env = "HEARKEN_MIN_FREE", value_parser = parse_size)]
    pub(crate) min_free: Option<u64>,

    /// When to answer a write
    #[arg(long, help_heading = WRITING, value_name = "WHEN", env = "HEARKEN_DURABILITY", default_value = "full")]
    pub(crate) durability: DurabilityChoice,

    /// Index file, which is served for its directory
    ///
    /// Of several, the first that exists. Can be given more than once.
    #[arg(long, help_heading = SERVED, value_name = "NAME", env = "HEARKEN_INDEX", value_delimiter = ',',
          default_value = "index.html")]
    pub(crate) index: Vec<String>,

    /// For single-page applications: unknown paths get the index file
    ///
    /// Paths without an extension that name nothing are answered with the index file of ROOT.
    #[arg(long, help_heading = SERVED, env = "HEARKEN_SPA")]
    pub(crate) spa: bool,

    /// Answer 404 for a directory without an index file
    ///
    /// Without it, such a directory is listed.
    #[arg(long, help_heading = SERVED, env = "HEARKEN_NO_LISTING")]
    pub(crate) no_listing: bool,

    /// Name of the site, which listings have as their title
    ///
    /// It is also what they call ROOT.
    #[arg(long, help_heading = SERVED, value_name = "TEXT", env = "HEARKEN_TITLE", conflicts_with = "no_listing")]
    pub(crate) title: Option<String>,

    /// Offer directories as tar archives: ?download=tar
    #[arg(long, help_heading = SERVED, env = "HEARKEN_ARCHIVE", conflicts_with = "no_listing")]
    pub(crate) archive: bool,

    /// Serve and list names that start with a dot
    ///
    /// With --allow-delete, clients may delete them too.
    #[arg(long, help_heading = SERVED, env = "HEARKEN_INCLUDE_HIDDEN")]
    pub(crate) include_hidden: bool,

    /// Let symbolic links lead out of ROOT
    #[arg(long, help_heading = SERVED, env = "HEARKEN_FOLLOW_LINKS")]
    pub(crate) follow_links: bool,

    /// Also answer /hello, /guess and /notes
    ///
    /// Notes are kept in notes.txt in the --write directory, or in the current one.
    #[arg(long, help_heading = SERVED, env = "HEARKEN_DEMO")]
    pub(crate) demo: bool,

    /// Add a header field to every response
    ///
    /// Can be given more than once (in the environment: one a line).
    #[arg(long, help_heading = RESPONSES, value_name = "NAME: VALUE", env = "HEARKEN_HEADER", value_delimiter = '\n')]
    pub(crate) header: Vec<String>,

    /// Cache-Control field of files; may be empty
    ///
    /// An empty value sends none.
    #[arg(long, help_heading = RESPONSES, value_name = "VALUE", env = "HEARKEN_CACHE_CONTROL", default_value = "no-cache")]
    pub(crate) cache_control: String,

    /// Let clients keep files with a hash in their name for a year
    ///
    /// Such as app.3f9a1c2b.js.
    #[arg(long, help_heading = RESPONSES, env = "HEARKEN_IMMUTABLE")]
    pub(crate) immutable: bool,

    /// Compress text and listings for clients that accept gzip
    ///
    /// Text files of more than 1 KiB are compressed.
    #[arg(long, help_heading = RESPONSES, env = "HEARKEN_COMPRESS")]
    pub(crate) compress: bool,

    /// The media type of files with this extension
    ///
    /// Can be given more than once.
    #[arg(long, help_heading = RESPONSES, value_name = "EXT=TYPE", env = "HEARKEN_MIME", value_delimiter = ',')]
    pub(crate) mime: Vec<String>,

    /// Longest request body
    ///
    /// In bytes, or with a unit: KB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024. Defaults to 10MiB, and
    /// to no limit for uploads (PUT and forms).
    #[arg(long, help_heading = LIMITS, value_name = "SIZE", env = "HEARKEN_MAX_BODY", value_parser = parse_size)]
    pub(crate) max_body: Option<u64>,

    /// Most connections open at once
    #[arg(long, help_heading = LIMITS, value_name = "N", env = "HEARKEN_MAX_CONNECTIONS", default_value_t = 4096,
          value_parser = number::<usize>(1..=1_000_000))]
    pub(crate) max_connections: usize,

    /// Most connections from one address; 0: no limit
    ///
    /// Defaults to a quarter of --max-connections, at least 16, for the addresses of other machines, and to no limit for this
    /// one. Trusted proxies are never limited.
    #[arg(long, help_heading = LIMITS, value_name = "N", env = "HEARKEN_MAX_CONNECTIONS_PER_ADDRESS",
          value_parser = number::<usize>(0..=1_000_000))]
    pub(crate) max_connections_per_address: Option<usize>,

    /// Seconds for the head of a request
    ///
    /// A client that takes longer to send it is disconnected; 0 means never.
    #[arg(long, help_heading = LIMITS, value_name = "S", env = "HEARKEN_HEAD_TIMEOUT", default_value = "10",
          value_parser = seconds::parse)]
    pub(crate) head_timeout: Duration,

    /// Seconds a connection may be idle
    ///
    /// Then it is closed; 0 means never.
    #[arg(long, help_heading = LIMITS, value_name = "S", env = "HEARKEN_IDLE_TIMEOUT", default_value = "15",
          value_parser = seconds::parse)]
    pub(crate) idle_timeout: Duration,

    /// Seconds for requests when stopping
    ///
    /// After a signal, requests that are running may take this long to finish.
    #[arg(long, help_heading = LIMITS, value_name = "S", env = "HEARKEN_GRACE", default_value = "10",
          value_parser = seconds::parse)]
    pub(crate) grace: Duration,

    /// How to log requests, on stderr
    #[arg(long, help_heading = LOGGING, value_name = "FORMAT", env = "HEARKEN_ACCESS_LOG", default_value = "common")]
    pub(crate) access_log: AccessLogChoice,

    /// Log no requests and no warnings
    #[arg(short, long, help_heading = LOGGING, env = "HEARKEN_QUIET", conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Log what happens to connections as well
    #[arg(short, long, help_heading = LOGGING, env = "HEARKEN_VERBOSE")]
    pub(crate) verbose: bool,

    /// Print the man page or shell completions and exit
    #[arg(long, help_heading = OTHER, value_name = "KIND")]
    pub(crate) generate: Option<Generated>,

    /// Where the values come from, by the ids of the options.
    #[arg(skip)]
    sources: Vec<(Id, ValueSource)>,
}

// The groups of options, in the order of the help.
const LISTENING: &str = "Listening";
const HTTPS: &str = "HTTPS";
const ACCESS: &str = "Access";
const WRITING: &str = "Writing";
const SERVED: &str = "What is served";
const RESPONSES: &str = "Responses";
const LIMITS: &str = "Limits";
const LOGGING: &str = "Logging";
const OTHER: &str = "Other";

/// The command line: the options of [`Args`], with `--help` and `--version` in their group.
pub(crate) fn command() -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    environment::with_booleans(Args::command())
        // One sentence names the variables of all options.
        .mut_args(|argument| argument.hide_env(true))
        .after_long_help("Options can also be set in the environment: --max-body by HEARKEN_MAX_BODY.")
        .arg(help.help_heading(OTHER).help("Print the options; --help says more about each than -h"))
        .arg(version.help_heading(OTHER).help("Print the version"))
}

impl Args {
    /// Reads the command line and the environment.
    ///
    /// # Errors
    ///
    /// For arguments that are not valid; `--help` and `--version` are reported as errors too.
    pub(crate) fn read(command_line: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, clap::Error> {
        let command_line: Vec<OsString> = command_line.into_iter().map(Into::into).collect();
        let mut command = command();
        let matches = command.clone().try_get_matches_from(&command_line);
        let matches = matches.map_err(|error| environment::name_variables(error, command.clone(), &command_line))?;
        let mut args = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let source = |id: &Id| Some((id.clone(), matches.value_source(id.as_str())?));
        args.sources = matches.ids().filter_map(source).collect();
        Ok(args)
    }

    /// How much is logged.
    pub(crate) fn log_level(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::Error,
            (_, true) => LevelFilter::Debug,
            _ => LevelFilter::Warn,
        }
    }

    /// The error for a value of the option with this id, in the words of clap's own errors.
    pub(crate) fn invalid(&self, id: &str, value: &str, reason: impl Display) -> clap::Error {
        let option = self.option(id);
        let named =
            if self.is_from_environment(&option) { environment::source(&option) } else { format!("'{option}'") };
        let message = format_args!("invalid value '{value}' for {named}: {reason}{MORE}");
        environment::usage_error(ErrorKind::ValueValidation, message)
    }

    /// The error for options, with these ids, that cannot be used together.
    pub(crate) fn conflict(&self, ids: &[&str], reason: &str) -> clap::Error {
        let mut options: Vec<_> = ids.iter().map(|id| self.option(id)).collect();
        options.retain(|option| self.is_from_environment(option));
        let message = format_args!("{reason}{}{MORE}", environment::note(&options));
        environment::usage_error(ErrorKind::ArgumentConflict, message)
    }

    /// How the option with this id is spelled.
    pub(crate) fn spelled(&self, id: &str) -> String {
        environment::spelled(&self.option(id))
    }

    /// The first of these ids whose option is given.
    pub(crate) fn first_given(&self, ids: &[&'static str]) -> Option<&'static str> {
        let is_given = |id: &&&str| self.source(id).is_some_and(|source| source != ValueSource::DefaultValue);
        ids.iter().find(is_given).copied()
    }

    fn is_from_environment(&self, option: &Arg) -> bool {
        self.source(option.get_id().as_str()) == Some(ValueSource::EnvVariable)
    }

    fn source(&self, id: &str) -> Option<ValueSource> {
        self.sources.iter().find(|(of, _)| of == id).map(|(_, source)| *source)
    }

    /// The option with this id.
    fn option(&self, id: &str) -> Arg {
        let mut command = command();
        // Until it is built, an option does not know how it is displayed.
        command.build();
        let option = command.get_arguments().find(|option| option.get_id() == id);
        option.expect("ids are the names of the fields above").clone()
    }
}

/// How clap's own errors end.
const MORE: &str = "\n\nFor more information, try '--help'.\n";

/// A value of `--auth` or `--write-auth`.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// `USER:PASS` or `USER:@FILE`
    One(Credentials),
    /// `@FILE`, which has one of those a line
    File(PathBuf),
}

impl Login {
    fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some(path) => Ok(Self::File(path.into())),
            None => Credentials::parse(text).map(Self::One),
        }
    }
}

/// The value of `--access-log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AccessLogChoice {
    /// The Common Log Format
    Common,
    /// The same with the referrer and the user agent
    Combined,
    /// One JSON object a line
    Json,
    /// No log
    Off,
}

/// The value of `--durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DurabilityChoice {
    /// Once the file is on the disk, so that it survives a power failure
    Full,
    /// Once the file has its name, so that it survives a crash of the server
    Rename,
}

/// A parser of numbers in this range.
fn number<T>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: TryFrom<u64>,
{
    move |text| {
        let number =
            text.parse().ok().filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("a number from {} to {}", range.start(), range.end()))
    }
}

/// Permissions such as `660`.
fn parse_mode(text: &str) -> Result<u32, String> {
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or_else(|| "it is not of the form 660: octal digits, 777 at most".into())
}

/// A size such as `512`, `64KiB`, `10MB` or `1.5GiB`. KB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB, or K, M, G and T,
/// are powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[number.len()..];
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("{unit} is not a unit; use KiB, MiB, GiB or TiB, or KB, MB, GB or TB")),
    };
    let number = number.trim();
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if factor > 1 => (whole, fraction),
        // There are no parts of bytes.
        _ => (number, "0"),
    };
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err("a size such as 512, 64KiB, 10MB or 1.5GiB".into());
    }
    let too_large = || "that is too large".to_owned();
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(factor)).ok_or_else(too_large)?;
    // What comes after twelve digits is less than a byte, whatever the unit.
    let digits = &fraction[..fraction.len().min(12)];
    let part = digits.bytes().fold(0, |part, digit| part * 10 + u128::from(digit - b'0')) * u128::from(factor);
    let part = digits.bytes().fold(part, |part, _| part / 10);
    u64::try_from(part).ok().and_then(|part| whole.checked_add(part)).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_short_help_has_a_line_for_each_option_in_its_group() {
        for argument in command().get_arguments() {
            let name = argument.get_id();
            let short = argument.get_help().unwrap().to_string();
            assert!(short.len() <= 70, "{name}: {short}");
            assert!(argument.is_positional() || argument.get_help_heading().is_some(), "{name}");
            assert!(argument.is_hide_env_set() || argument.get_env().is_none(), "{name}");
        }
    }

    #[test]
    fn every_option_can_be_set_by_the_environment() {
        for argument in command().get_arguments() {
            let name = argument.get_id().as_str();
            if !matches!(name, "help" | "version" | "generate") {
                let expected = format!("HEARKEN_{}", name.to_uppercase());
                assert_eq!(argument.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        let table: [(&[&str], &str); 17] = [
            (&["--port", "abc"], "'abc' for '--port <PORT>': a number from 0 to 65535\n"),
            (&["--port", ""], "'' for '--port <PORT>': a number from 0 to 65535\n"),
            (&["--port", "65536"], "a number from 0 to 65535"),
            (&["--port", "-1"], "unexpected argument '-1'"),
            (&["--max-connections", "0"], "a number from 1 to 1000000"),
            (&["--max-connections-per-address", "1000001"], "a number from 0 to 1000000"),
            (
                &["--max-body", "10XB"],
                "'10XB' for '--max-body <SIZE>': XB is not a unit; use KiB, MiB, GiB or TiB, or KB, MB",
            ),
            (&["--grace", "soon"], "a number of seconds from 0 to 31536000, such as 10 or 0.5"),
            (&["--overwrite"], "--write <DIR>"),
            (&["--allow-delete"], "--write <DIR>"),
            (&["--bind", "unix:"], "the path of the socket is missing"),
            (&["--socket-mode", "1777"], "octal digits, 777 at most"),
            (&["--socket-mode", "680"], "octal digits, 777 at most"),
            (&["--socket-mode", "+66"], "octal digits, 777 at most"),
            (&["--auth", "ada"], "there is no colon between user name and password"),
            (&["--archive", "--no-listing"], "cannot be used with"),
            (&["--tls-key-password", "@a"], "--tls-key <FILE>"),
        ];
        for (arguments, reason) in table {
            let error = Args::read(["hearken"].iter().chain(arguments)).unwrap_err().to_string();
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn several_values_are_given_in_one_or_in_several_options() {
        let parse = |arguments: &[&str]| Args::read(["hearken"].iter().chain(arguments)).unwrap();
        let args = parse(&["-b", "unix:/run/a b,[::1]", "-b", "localhost", "--socket-mode", "0660"]);
        let tcp = |host: &str| BindAddress::Tcp { host: host.into(), port: None };
        assert_eq!(args.bind, [BindAddress::Unix("/run/a b".into()), tcp("::1"), tcp("localhost")]);
        assert_eq!(args.socket_mode, 0o660);
        let args = parse(&["--index", "a,b", "--index", "c", "--header", "X: a, b:c\nY: d", "--mime", "a=b/c,d=e/f"]);
        assert_eq!(args.index, ["a", "b", "c"]);
        assert_eq!(args.header, ["X: a, b:c", "Y: d"]);
        assert_eq!(args.mime, ["a=b/c", "d=e/f"]);
    }

    #[test]
    fn a_value_that_is_refused_later_is_refused_in_the_same_words() {
        let by_clap = Args::read(["hearken", "--port", "http"]).unwrap_err();
        let args = Args::read(["hearken"]).unwrap();
        let later = args.invalid("port", "http", "a number from 0 to 65535");
        assert_eq!((later.to_string(), later.exit_code()), (by_clap.to_string(), by_clap.exit_code()));
    }

    #[test]
    fn sizes_have_units() {
        let table = [
            ("0", Some(0)),
            ("512", Some(512)),
            ("512b", Some(512)),
            ("64KiB", Some(65_536)),
            ("64k", Some(65_536)),
            ("10 MiB", Some(10_485_760)),
            ("1g", Some(1_073_741_824)),
            ("1T", Some(1_099_511_627_776)),
            ("2tib", Some(2_199_023_255_552)),
            ("64KB", Some(64_000)),
            ("10MB", Some(10_000_000)),
            ("10mb", Some(10_000_000)),
            ("3GB", Some(3_000_000_000)),
            ("1 TB", Some(1_000_000_000_000)),
            ("1.5GiB", Some(1_610_612_736)),
            ("0.25k", Some(256)),
            ("0.1KiB", Some(102)),
            ("1.05MB", Some(1_050_000)),
            ("0.999999999999999999999999TB", Some(999_999_999_999)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1.5B", None),
            ("1.m", None),
            (".5m", None),
            ("1.2.3m", None),
            ("1e3", None),
            ("10MiBs", None),
            ("10Mb/s", None),
            ("1,5m", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("18446744073709551615k", None),
            ("16777216T", None),
            ("16777215.9T", Some(18_446_743_963_758_388_838)),
        ];
        for (text, expected) in table {
            assert_eq!(parse_size(text).ok(), expected, "{text:?}");
        }
    }
}
