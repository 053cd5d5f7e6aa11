//! Keeps notes in notes.txt, one a line: `cargo run --example note_server [PORT]`, then open www/note_taker.html from disk.

use hearken::{Error, HttpError, IntoResponse as _, Method, Request, Response, Server, Status};
use std::{fs::File, io, io::Write as _, sync::Mutex};

fn add_cors_headers(response: Response) -> Response {
    let response = response.with_header("Access-Control-Allow-Origin", "*");
    let response = response.with_header("Access-Control-Allow-Methods", "POST, OPTIONS");
    response.with_header("Access-Control-Allow-Headers", "Origin, X-Requested-With, Content-Type, Accept")
}

fn respond(turn: &Mutex<()>, request: &mut Request) -> Result<Response, HttpError> {
    let body = match request.method() {
        Method::Post => request.read_body()?,
        Method::Options => return Ok(Response::new(Status::NO_CONTENT)),
        _ => return Err(HttpError::NotFound),
    };
    let json: serde_json::Value = serde_json::from_slice(&body).map_err(|e| HttpError::bad_request(e.to_string()))?;
    let _turn = turn.lock(); // one request at a time reads and appends
    let mut file = File::options().read(true).append(true).create(true).open("notes.txt")?;
    let notes = io::read_to_string(&file)?;
    if let Some(number) = json["getNote"].as_str() {
        let note = number.parse().ok().and_then(|number| notes.lines().nth(number)).ok_or(HttpError::NotFound)?;
        return Ok(Response::text(format!("{note}\n")));
    }
    let note = json["myNote"].as_str().filter(|note| !note.contains(['\n', '\r']));
    let note = note.ok_or(HttpError::bad_request("there is no myNote of one line"))?;
    file.write_all(format!("{note}\n").as_bytes())?;
    Ok(Response::text(format!("You have {} notes.\n", notes.lines().count() + 1)))
}

fn main() -> Result<(), Error> {
    hearken::log_to_stderr()?; // shows the reason of a 500
    let (port, turn) = (std::env::args().nth(1).unwrap_or_else(|| "4042".into()), Mutex::new(()));
    let app = move |request: &mut Request| add_cors_headers(respond(&turn, request).into_response(request));
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(app)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
