//! The layer that refuses requests for foreign host names; the rules are in `http::host_policy`.

use crate::handler::{IntoResponse as _, Layer, Next};
use crate::http::error::HttpError;
use crate::http::host_policy::{HostNameError, HostPolicy, normalize_host_name, not_served};
use crate::http::request::Request;
use crate::http::response::Response;

/// A layer with the host names that a server accepts: protects a server without passwords against DNS rebinding.
///
/// The owner of a web page can point the page's host name at this server. The browser then treats this server as the page's own
/// origin and lets the page read and write here: neither [`Cors`](crate::Cors) nor a firewall prevents it. But the browser still
/// sends the page's host name, and a request for a foreign name gets 421 (Misdirected Request, RFC 9110 §7.4 and §15.5.20).
///
/// These always pass: requests with no `Host` or an empty one, IP addresses, `localhost` and its subdomains, the names that
/// [`AllowedHosts::allow`] adds, and requests over a Unix socket, which browsers do not send. Ports are ignored. When the target
/// is an absolute URL, its authority counts and `Host` is ignored.
///
/// ```
/// use hearken::{AllowedHosts, Request, Router};
///
/// let app = Router::new().layer(AllowedHosts::new().allow("files.example")?).get("/", |_| "hello");
/// let status = |host: &str| app.respond(&mut Request::get("/").with_header("Host", host)).status().code();
/// assert_eq!((status("localhost:4040"), status("files.example"), status("evil.example")), (200, 200, 421));
/// # Ok::<(), hearken::HostNameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    policy: HostPolicy,
    hint: Option<String>,
}

impl AllowedHosts {
    /// Checks every request, as suits a server that only its own machine can reach.
    pub fn new() -> Self {
        let policy =
            HostPolicy { any: false, named: Vec::new(), on_network: false, check_writes: true, check_proxied: false };
        Self { policy, hint: None }
    }

    /// Allows this host name, such as `files.example`, with any port; `*` allows every name.
    ///
    /// # Errors
    ///
    /// [`HostNameError`] when `name` is neither a host name nor `*`.
    pub fn allow(mut self, name: &str) -> Result<Self, HostNameError> {
        if name == "*" {
            self.policy.any = true;
        } else {
            self.policy.named.push(normalize_host_name(name)?);
        }
        Ok(self)
    }

    /// Sets whether other machines can reach the server, perhaps by names that it does not know. If so, only writes by pages
    /// are checked: requests that have an `Origin` and a method other than `GET`, `HEAD` and `OPTIONS`. Names of one label, such
    /// as `nas`, and names in `.local`, `.lan`, `.home.arpa` and `.internal` pass too. Defaults to false.
    /// [`Builder::is_loopback`](crate::Builder::is_loopback) tells the opposite.
    #[must_use]
    pub fn on_network(mut self, on_network: bool) -> Self {
        self.policy.on_network = on_network;
        self
    }

    /// Sets whether requests that may change something (all but `GET`, `HEAD` and `OPTIONS`) are checked. The check is not needed
    /// if they need a password, because a browser does not send a password to another name. Defaults to true.
    #[must_use]
    pub fn check_writes(mut self, check: bool) -> Self {
        self.policy.check_writes = check;
        self
    }

    /// Sets whether requests forwarded by a [trusted proxy](crate::Settings::trusted_proxies) are checked: both the name that the
    /// proxy sends and the one that it says the client used. From a loopback address, where a browser may run too, only requests
    /// with `Forwarded` or `X-Forwarded-` fields count as forwarded; a hostile page can send those as well. Defaults to false.
    #[must_use]
    pub fn check_proxied(mut self, check: bool) -> Self {
        self.policy.check_proxied = check;
        self
    }

    /// Tells the client how to allow a name in this program, such as `allow it with --allow-host NAME`. The hint ends the text of a
    /// refusal. Defaults to no hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn refusal(&self, host: &str) -> HttpError {
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        HttpError::Misdirected((not_served(host) + &hint).into())
    }
}

impl Default for AllowedHosts {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for AllowedHosts {
    fn handle(&self, request: &mut Request, next: Next<'_>) -> Response {
        match self.policy.foreign_host(request).map(|host| self.refusal(host)) {
            Some(refusal) => refusal.into_response(request),
            None => next.respond(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Handler as _;
    use crate::http::method::Method;

    #[test]
    fn a_refusal_ends_with_the_hint() {
        let table = [
            (AllowedHosts::new(), "Misdirected request: evil.example is not a name of this server."),
            (
                AllowedHosts::new().hint("allow it with --allow-host NAME"),
                "Misdirected request: evil.example is not a name of this server; allow it with --allow-host NAME.",
            ),
        ];
        for (hosts, text) in table {
            let app = hosts.around(|_: &mut Request| Response::text("done"));
            for method in [Method::Get, Method::Put, Method::Options] {
                let mut request = Request::new(method, "/").with_header("Host", "evil.example:80");
                let mut response = app.handle(&mut request);
                assert_eq!((response.status().code(), response.read_text().unwrap().as_str()), (421, text));
            }
            let mut response = app.handle(&mut Request::get("/").with_header("Host", "localhost"));
            assert_eq!(response.read_text().unwrap(), "done");
        }
    }

    #[test]
    fn only_host_names_can_be_allowed() {
        for name in
            ["", "http://files.example", "files.example/", "a b", "*.example", "a..b", "a,b", "[::1", ":80", "1"]
        {
            assert_eq!(AllowedHosts::new().allow(name).map(drop), Err(HostNameError), "{name:?}");
        }
        for name in ["*", "files.example", "Files.Example.", "files.example:80", "nas", "127.0.0.1", "[::1]:80"] {
            assert!(AllowedHosts::new().allow(name).is_ok(), "{name:?}");
        }
    }
}
