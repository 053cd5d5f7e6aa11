use std::cell::RefCell;
use std::sync::LazyLock;
use std::sync::atomic::AtomicUsize;
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::password_hash::tests::{cheap_argon2, cheap_bcrypt};
use super::*;
use crate::handler::{Handler, respond};
use crate::http::method::Method;
use crate::http::peer::Peer;

/// Does not wait, and its clock stands still, so that no failure is forgotten.
fn auth() -> BasicAuth {
    static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
    BasicAuth { pause: |_, _| {}, clock: || *NOW, ..BasicAuth::new() }
}

fn app(auth: BasicAuth) -> impl Handler {
    auth.around(|request: &mut Request| Response::text(format!("for {}", request.user().unwrap_or("anyone"))))
}

fn request(method: Method, credentials: &str, peer: &str) -> Request {
    let mut request = Request::new(method, "/x");
    if !credentials.is_empty() {
        request = request.with_header("Authorization", &format!("Basic {}", BASE64_STANDARD.encode(credentials)));
    }
    request.set_connection(Peer::Tcp(peer.parse().unwrap()), false);
    request
}

fn send(app: &impl Handler, method: Method, credentials: &str) -> (u16, String) {
    let mut response = respond(app, &mut request(method, credentials, "192.0.2.1:1"));
    (response.status().code(), response.read_text().unwrap())
}

#[test]
fn users_read_and_writers_write() {
    let none = app(auth());
    let users = app(auth().user("ada", "a").unwrap());
    let writers = app(auth().writer("wil", "w").unwrap());
    let both = app(auth().user("ada", "a").unwrap().writer("wil", "w").unwrap());
    let hashed = app(auth().user("ada", &cheap_bcrypt("a")).unwrap().writer("wil", &cheap_argon2("w")).unwrap());
    // The application, the credentials, and the status of a read and of a write.
    let table = [
        (&none as &dyn App, "", (200, 200)),
        (&none, "ada:a", (200, 200)),
        (&users, "", (401, 401)),
        (&users, "ada:a", (200, 200)),
        (&users, "ada:b", (401, 401)),
        (&writers, "", (200, 401)),
        (&writers, "wil:w", (200, 200)),
        (&writers, "wil:b", (200, 401)),
        (&both, "", (401, 401)),
        (&both, "ada:a", (200, 403)),
        (&both, "wil:w", (200, 200)),
        (&both, "wil:a", (401, 401)),
        (&hashed, "ada:a", (200, 403)),
        (&hashed, "wil:w", (200, 200)),
        (&hashed, "wil:a", (401, 401)),
        (&hashed, "eve:a", (401, 401)),
    ];
    for (app, credentials, (reading, writing)) in table {
        for method in [Method::Get, Method::Head, Method::Options] {
            assert_eq!(app.status(method.clone(), credentials), reading, "{credentials:?} {method}");
        }
        for method in [Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Other("BREW".into())] {
            assert_eq!(app.status(method.clone(), credentials), writing, "{credentials:?} {method}");
        }
    }
    assert_eq!(send(&both, Method::Put, "ada:a").1, "Forbidden: ada may read here and not write.");
    assert_eq!(send(&both, Method::Put, "wil:w").1, "for wil");
    assert_eq!(send(&writers, Method::Get, "wil:w").1, "for anyone", "no password was asked for");
}

/// An application of any type. Each request has an address of its own, so that failures are not counted together.
trait App {
    fn status(&self, method: Method, credentials: &str) -> u16;
}

static PEERS: AtomicUsize = AtomicUsize::new(0);

impl<H: Handler> App for H {
    fn status(&self, method: Method, credentials: &str) -> u16 {
        let number = PEERS.fetch_add(1, Ordering::Relaxed);
        let peer = format!("192.0.{}.{}:1", number / 250, number % 250);
        respond(self, &mut request(method, credentials, &peer)).status().code()
    }
}

#[test]
fn a_request_without_the_right_password_gets_401_with_a_challenge() {
    let app = app(auth().realm("the \"files\"").user("ada", "a").unwrap());
    let table = [
        (None, "Unauthorized: this needs a user name and a password."),
        (Some("Bearer abc"), "Unauthorized: this needs a user name and a password."),
        (Some("Basic ?"), "Unauthorized: this needs a user name and a password."),
        (Some("Basic YWRhOmI="), "Unauthorized: the user name or the password is wrong."),
    ];
    for (field, text) in table {
        let request = Request::get("/x");
        let mut request = match field {
            Some(field) => request.with_header("Authorization", field),
            None => request,
        };
        let mut response = respond(&app, &mut request);
        assert_eq!((response.status().code(), response.read_text().unwrap().as_str()), (401, text), "{field:?}");
        assert_eq!(response.header("WWW-Authenticate"), Some(r#"Basic realm="the \"files\"", charset="UTF-8""#));
    }
}

/// The status of a request with these credentials from this address.
fn status_from(app: &impl Handler, address: &str, credentials: &str) -> u16 {
    respond(app, &mut request(Method::Get, credentials, &format!("{address}:1"))).status().code()
}

#[test]
fn after_a_burst_of_failures_even_the_right_password_gets_429() {
    for password in ["a".to_owned(), cheap_argon2("a")] {
        let app = app(auth().user("ada", &password).unwrap());
        for attempt in 0..10 {
            assert_eq!(send(&app, Method::Get, "ada:b").0, 401, "{attempt}");
        }
        for credentials in ["ada:b", "ada:c", "ada:a"] {
            let mut response = respond(&app, &mut request(Method::Get, credentials, "192.0.2.1:1"));
            assert_eq!(response.status().code(), 429, "{credentials}");
            assert_eq!(response.header("Retry-After"), Some("6"));
            assert_eq!(response.read_text().unwrap(), "Too many requests: try again in 6 s.");
        }
        assert_eq!(send(&app, Method::Get, "").0, 401, "a request without a password is not counted");
        assert_eq!(status_from(&app, "192.0.2.2", "ada:a"), 200, "other addresses are not affected");
    }
}

#[test]
fn guesses_at_one_name_do_not_lock_out_another() {
    for hash in [str::to_owned as fn(&str) -> String, cheap_argon2] {
        let app = app(auth().user("ada", &hash("a")).unwrap().user("bob", &hash("b")).unwrap());
        // Unknown names are treated alike.
        for name in ["ada", "eve"] {
            for guess in 0..10 {
                assert_eq!(send(&app, Method::Get, &format!("{name}:{guess}")).0, 401, "{name} {guess}");
            }
            assert_eq!(send(&app, Method::Get, &format!("{name}:x")).0, 429, "{name}");
        }
        assert_eq!(send(&app, Method::Get, "bob:b").0, 200);
        assert_eq!(send(&app, Method::Get, "bob:x").0, 401);
    }
}

#[test]
fn a_password_that_was_right_from_an_address_passes_while_others_guess_there() {
    for hash in [str::to_owned as fn(&str) -> String, cheap_bcrypt] {
        let app = app(auth().user("ada", &hash("a")).unwrap().user("bob", &hash("b")).unwrap());
        assert_eq!(status_from(&app, "192.0.2.1", "ada:a"), 200);
        assert_eq!(status_from(&app, "192.0.2.2", "bob:b"), 200);
        for guess in 0..10 {
            for claim in ["ada", "bob"] {
                assert_eq!(status_from(&app, "192.0.2.1", &format!("{claim}:{guess}")), 401, "{claim} {guess}");
            }
        }
        for round in 0..3 {
            assert_eq!(status_from(&app, "192.0.2.1", "ada:a"), 200, "{round}: right from this address before");
            assert_eq!(status_from(&app, "192.0.2.1", "ada:x"), 429, "{round}");
            assert_eq!(status_from(&app, "192.0.2.1", "bob:b"), 429, "{round}: right from another address only");
            assert_eq!(status_from(&app, "192.0.2.2", "bob:b"), 200, "{round}: nobody guesses from there");
        }
    }
}

#[test]
fn a_known_client_gets_a_burst_of_guesses_and_no_more() {
    let app = app(auth().user("ada", "a").unwrap());
    assert_eq!(send(&app, Method::Get, "ada:a").0, 200);
    for guess in 0..100 {
        assert_eq!(send(&app, Method::Get, "ada:a").0, 200, "{guess}");
        let expected = if guess < 10 { 401 } else { 429 };
        assert_eq!(send(&app, Method::Get, &format!("ada:{guess}")).0, expected, "{guess}");
    }
    let (right, wrong) = (send(&app, Method::Get, "ada:a"), send(&app, Method::Get, "ada:x"));
    assert_eq!(right, wrong, "both get the same response");
    assert_eq!(right.0, 429);
}

#[test]
fn parallel_guesses_are_counted() {
    let app = app(auth().user("ada", &cheap_bcrypt("a")).unwrap());
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..40)
            .map(|number| {
                let app = &app;
                scope.spawn(move || send(app, Method::Get, &format!("ada:{number}")).0)
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30, "{statuses:?}");
}

#[test]
fn parallel_right_passwords_all_pass() {
    let app = app(auth().user("ada", &cheap_bcrypt("a")).unwrap());
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| assert_eq!(send(&app, Method::Get, "ada:a").0, 200));
        }
    });
}

#[test]
fn responses_to_failures_are_delayed_more_with_each() {
    thread_local! {
        static PAUSES: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
    }
    let pause = |_: &Request, time| PAUSES.with_borrow_mut(|pauses| pauses.push(time));
    let app = app(BasicAuth { pause, ..auth() }.user("ada", "a").unwrap());
    for credentials in ["ada:b", "ada:c", "ada:a", "eve:b", "ada:d", "ada:", ""] {
        send(&app, Method::Get, credentials);
    }
    let expected = [1, 2, 1, 3, 4].map(|failures| DELAY_PER_FAILURE * failures);
    assert_eq!(PAUSES.take(), expected, "wrong passwords only");
    for guess in 0..20 {
        send(&app, Method::Get, &format!("bob:{guess}"));
    }
    let pauses = PAUSES.take();
    assert_eq!((pauses.len(), pauses.last()), (10, Some(&MAX_DELAY)), "refused attempts are not delayed");
}
