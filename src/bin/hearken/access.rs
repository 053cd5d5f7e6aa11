//! Who may, as the command line has it: users and writers, host names, and what to warn of at the start.

use std::fs;
use std::net::SocketAddr;

use hearken::{AllowedHosts, Auth, Cors, Handler};

use crate::args::{Args, BindAddress, Login};
use crate::credentials::Credentials;

/// The handler behind what `--auth`, `--write-auth`, `--cors` and `--allow-host` ask for.
pub(crate) fn guard(args: &Args, is_loopback: bool, cors: Cors, app: impl Handler) -> Result<Box<dyn Handler>, String> {
    if !args.auth.is_empty() && args.cors.iter().any(|origin| origin == "*") {
        return Err("cannot use --cors '*' with --auth: pages that may send passwords are allowed by name only".into());
    }
    let mut cors = cors.credentials(asks_for_passwords(args));
    for origin in &args.cors {
        cors = cors.allow(origin).map_err(|error| format!("cannot allow {origin}: {error}"))?;
    }
    if !asks_for_passwords(args) {
        return Ok(Box::new(hosts(args, is_loopback)?.around(cors.around(app))));
    }
    let mut auth = Auth::new();
    for login in logins(&args.auth)? {
        auth = auth.user(&login.user, &login.password()?).map_err(|error| refusal(&login, &error))?;
    }
    for login in logins(&args.write_auth)? {
        auth = auth.writer(&login.user, &login.password()?).map_err(|error| refusal(&login, &error))?;
    }
    let guarded = cors.around(auth.around(app));
    if !args.auth.is_empty() {
        // A browser sends no password to a name that it was not asked for.
        return Ok(Box::new(guarded));
    }
    Ok(Box::new(hosts(args, is_loopback)?.around(guarded)))
}

/// The names that the server may be called by, where something needs no password.
fn hosts(args: &Args, is_loopback: bool) -> Result<AllowedHosts, String> {
    let mut hosts = AllowedHosts::new()
        .on_network(!is_loopback)
        .check_writes(args.write_auth.is_empty())
        .check_proxied(!args.allow_host.is_empty())
        .hint("allow it with --allow-host NAME");
    for name in &args.allow_host {
        hosts = hosts.allow(name).map_err(|error| format!("cannot allow the host {name}: {error}"))?;
    }
    // The pages of these origins may read and write anyway.
    let origins = args.cors.iter().map(|origin| origin.split_once("://").map_or(origin.as_str(), |(_, host)| host));
    let bound = args.bind.iter().filter_map(|address| match address {
        BindAddress::Tcp(host) => Some(host.as_str()),
        BindAddress::Unix(_) => None,
    });
    for name in bound.chain(origins) {
        // What is no name here, such as an address with a zone, is none that a browser sends.
        hosts = hosts.clone().allow(name.trim_end_matches('/')).unwrap_or(hosts);
    }
    Ok(hosts)
}

/// Whether anything here needs a password.
pub(crate) fn asks_for_passwords(args: &Args) -> bool {
    !args.auth.is_empty() || !args.write_auth.is_empty()
}

fn refusal(login: &Credentials, error: &hearken::AuthError) -> String {
    format!("cannot add the user {:?}: {error}", login.user)
}

/// The users given, those in files included: one a line, blank lines and lines that begin with `#` left out.
fn logins(given: &[Login]) -> Result<Vec<Credentials>, String> {
    let mut logins = Vec::new();
    for login in given {
        match login {
            Login::One(credentials) => logins.push(credentials.clone()),
            Login::File(path) => {
                let failed = |reason: String| format!("cannot read users from {path}: {reason}");
                let text = fs::read_to_string(path).map_err(|error| failed(hearken::reason(&error)))?;
                let before = logins.len();
                for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_blank(line)) {
                    let parsed = Credentials::parse(line);
                    logins.push(parsed.map_err(|error| failed(format!("line {}: {error}", number + 1)))?);
                }
                if logins.len() == before {
                    // An empty file must not open what it was to close.
                    return Err(failed("there is none in it".into()));
                }
            }
        }
    }
    Ok(logins)
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

/// What the person who starts the server should know, given its TCP addresses and their URLs: Unix sockets are for this machine.
pub(crate) fn warnings(args: &Args, addresses: &[SocketAddr], urls: &[String]) -> Vec<String> {
    let exposed = addresses.iter().zip(urls).find(|(address, _)| !address.ip().is_loopback());
    let Some((_, url)) = exposed else { return Vec::new() };
    let mut warnings = Vec::new();
    let secure = args.tls || args.tls_cert.is_some();
    if asks_for_passwords(args) && !secure {
        warnings.push(format!(
            "passwords go to {url} unencrypted, and whoever is on the way can read them: use --tls-cert and --tls-key, \
             or --tls to try it"
        ));
    }
    let advice = "ask for a password with --write-auth USER:@FILE, or listen on 127.0.0.1 only";
    match &args.write {
        _ if asks_for_passwords(args) => {}
        Some(directory) => {
            warnings.push(format!("anyone who reaches {url} can write to {}: {advice}", directory.display()));
        }
        None if args.demo => warnings.push(format!("anyone who reaches {url} can add notes: {advice}")),
        None => {}
    }
    warnings
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use hearken::{Request, Response};

    use super::*;

    #[test]
    fn warnings_are_for_what_others_can_reach() {
        const PASSWORD: &str = "unencrypted";
        const WRITE: &str = "can write to data";
        let table: [(&[&str], &str, &[&str]); 14] = [
            (&[], "127.0.0.1:1", &[]),
            (&["--write", "data"], "127.0.0.1:1", &[]),
            (&["--write", "data"], "[::1]:1", &[]),
            (&["--auth", "a:b"], "127.0.0.9:1", &[]),
            (&[], "0.0.0.0:1", &[]),
            (&["--auth", "a:b"], "0.0.0.0:1", &[PASSWORD]),
            (&["--auth", "a:b", "--tls"], "0.0.0.0:1", &[]),
            (&["--auth", "a:b", "--tls-cert", "c", "--tls-key", "k"], "[::]:1", &[]),
            (&["--write", "data"], "0.0.0.0:1", &[WRITE]),
            (&["--write", "data", "--tls"], "192.0.2.1:1", &[WRITE]),
            (&["--write", "data", "--write-auth", "a:b"], "192.0.2.1:1", &[PASSWORD]),
            (&["--write", "data", "--auth", "a:b", "--tls"], "192.0.2.1:1", &[]),
            (&["--demo"], "0.0.0.0:1", &["can add notes"]),
            (&["--demo", "--write", "data"], "0.0.0.0:1", &[WRITE]),
        ];
        for (arguments, address, expected) in table {
            let args = Args::try_parse_from(["hearken"].iter().chain(arguments)).unwrap();
            let urls = ["http://127.0.0.1:1/".to_owned(), format!("http://{address}/")];
            let seen = warnings(&args, &["127.0.0.1:1".parse().unwrap(), address.parse().unwrap()], &urls);
            assert_eq!(seen.len(), expected.len(), "{arguments:?} {address}: {seen:?}");
            for (warning, part) in seen.iter().zip(expected) {
                assert!(warning.contains(part) && warning.contains(&urls[1]) && warning.contains("--"), "{warning}");
            }
        }
    }

    #[test]
    fn the_names_of_the_command_line_are_known() {
        let table: [(&[&str], &str, bool); 12] = [
            (&[], "nas.example", false),
            (&["--bind", "nas.example"], "nas.example:4040", true),
            (&["--bind", "127.0.0.1,NAS.example"], "nas.example", true),
            (&["--bind", "fe80::1%eth0", "--bind", "[::1]"], "nas.example", false),
            (&["--cors", "https://nas.example:8443/"], "nas.example", true),
            (&["--cors", "https://nas.example"], "www.nas.example", false),
            (&["--cors", "app://nas"], "nas", true),
            (&["--cors", "*"], "nas.example", true),
            (&["--allow-host", "nas.example:80"], "nas.example", true),
            (&["--allow-host", "a.example,nas.example"], "nas.example", true),
            (&["--allow-host", "*"], "nas.example", true),
            (&["--allow-host", "a.example"], "nas.example", false),
        ];
        for (arguments, host, known) in table {
            let args = Args::try_parse_from(["hearken"].iter().chain(arguments)).unwrap();
            let app = hosts(&args, true).unwrap().around(|_: &mut Request| Response::text("known"));
            let result = app.handle(&mut Request::get("/").with_header("Host", host));
            assert_eq!(result.is_ok(), known, "{arguments:?} {host}");
        }
    }

    #[test]
    fn users_may_be_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users").display().to_string();
        let given = [Login::One(Credentials::parse("ada:a").unwrap()), Login::File(path.clone())];
        let names = || logins(&given).map(|logins| logins.into_iter().map(|login| login.user).collect::<Vec<_>>());
        assert!(names().unwrap_err().contains("cannot read users from"));
        fs::write(&path, "# who may\n\nbob:b\n  \ncyd:c:c\n").unwrap();
        assert_eq!(names().unwrap(), ["ada", "bob", "cyd"]);
        fs::write(&path, "bob:b\ncyd\n").unwrap();
        assert!(names().unwrap_err().ends_with("line 2: there is no colon between user name and password"));
        fs::write(&path, "# nobody\n").unwrap();
        assert!(names().unwrap_err().ends_with("there is none in it"));
    }
}
