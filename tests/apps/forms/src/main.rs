//! A login with a session, and a form that uploads two files.
//!
//! `cargo run -p forms DIRECTORY [PORT]`, then open http://127.0.0.1:4062/ and log in as ada with open-sesame

mod sessions;

use std::error::Error;
use std::sync::Arc;

use hearken::{
    Cookie, Files, HttpError, Next, RelativePath, Request, Response, ResponseHeaders, Router, Server, Settings, Status,
    WriteFile, with_state,
};
use serde::Deserialize;
use sessions::{Session, Sessions};

const USER: &str = "ada";
const PASSWORD: &str = "open-sesame";
const MAX_BODY: u64 = 2 * 1024 * 1024;

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Logout {
    token: String,
}

fn login_page(message: &str) -> Response {
    Response::html(include_str!("login.html").replace("{message}", message))
}

fn log_in(sessions: &Sessions, request: &mut Request) -> Result<Response, HttpError> {
    let login: Login = request.form()?;
    if login.user != USER || login.password != PASSWORD {
        return Ok(login_page("Wrong name or password.").with_status(Status::FORBIDDEN));
    }
    // By default scripts cannot read it, and other sites' forms do not send it. Over HTTPS it would also be `secure`.
    Ok(Response::see_other("/").with_cookie(Cookie::new("session", sessions.begin().id)))
}

fn log_out(sessions: &Sessions, request: &mut Request) -> Result<Response, HttpError> {
    let session = session(request);
    session.check(&request.form::<Logout>()?.token)?;
    sessions.end(&session.id);
    Ok(Response::see_other("/login").without_cookie("session"))
}

fn upload_page(request: &mut Request) -> Response {
    Response::html(include_str!("upload.html").replace("{token}", &session(request).token))
}

fn upload(files: &WriteFile, request: &mut Request) -> Result<Response, HttpError> {
    let session = session(request);
    let mut form = request.multipart()?.max_parts(3); // the token, which comes first, and two files
    let token = form.next_part()?.filter(|part| part.name() == Some("token"));
    let token = token.map(|mut part| part.text_at_most(100)).transpose()?;
    session.check(&token.unwrap_or_default())?;
    while let Some(mut part) = form.next_part()? {
        if let Some(name) = part.clean_filename() {
            files.store(&RelativePath::from_decoded(&name)?, &mut part)?;
        }
    }
    Ok(Response::see_other("/files/"))
}

/// The session that the layer has found.
fn session(request: &Request) -> Session {
    request.extension().cloned().expect("the layer lets no request pass without a session")
}

fn app(directory: &str) -> Result<Router, hearken::Error> {
    let sessions = Arc::new(Sessions::default());
    let store = Arc::new(WriteFile::new(directory));
    let uploads = Files::new(directory).with_uploads(directory).index::<&str>([])?;
    let known = Arc::clone(&sessions);
    let find_session = move |request: &mut Request, next: Next<'_>| {
        let Some(session) = request.cookie("session").and_then(|id| known.find(id)) else {
            return Response::see_other("/login");
        };
        request.insert(session);
        next.respond(request)
    };
    let members = Router::new()
        .layer(ResponseHeaders::new().add("Cache-Control", "no-store")?)
        .layer(find_session)
        .get("/", upload_page)
        .post("/files", with_state(&store, upload))
        .nest("/files", uploads)
        .post("/logout", with_state(&sessions, log_out));
    let login = Router::new().get("/login", |_| login_page("")).post("/login", with_state(&sessions, log_in));
    Ok(login.merge(members))
}

fn main() -> Result<(), Box<dyn Error>> {
    hearken::log_to_stderr()?;
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("name the directory to store uploads in")?;
    let port = arguments.next().unwrap_or_else(|| "4062".into());
    let builder = Server::bind(format!("127.0.0.1:{port}"))?.settings(Settings::default().max_body(MAX_BODY));
    let server = builder.serve(app(&directory)?)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
