//! Writes JSON that is posted, once it is checked, into the file that the end of the path names: /file.txt into data/file.txt.
//!
//! `cargo run --example basic_writer_server [PORT [DIRECTORY]]`, then run basic_writer_client. To send the same from a browser,
//! open www/write.html by `make run`, which is another server; static_file_server serves the files that this one writes.

use std::fs;

use hearken::{Error, HttpError, Method, RelativePath, Request, Server, WriteFile};
use serde_json::Value;

fn write(files: &WriteFile, directory: &str, request: &mut Request) -> Result<String, HttpError> {
    if *request.method() != Method::Post {
        return Err(HttpError::MethodNotAllowed((&[Method::Post]).into()));
    }
    if !request.has_media_type("application/json") {
        return Err(HttpError::UnsupportedMediaType("application/json"));
    }
    let file_name = request.encoded_path().rsplit('/').next().unwrap_or_default();
    let file = RelativePath::parse_for_writing(file_name)?;
    let json = request.read_body()?;
    let data: Value =
        serde_json::from_slice(&json).map_err(|error| HttpError::bad_request(format!("not valid JSON: {error}")))?;
    fs::create_dir_all(directory)?;
    files.store(&file, json.as_slice())?; // all of it, or nothing
    let file_name = file.to_bytes();
    let name = data["name"].as_str().map_or(String::from_utf8_lossy(&file_name), Into::into);
    Ok(format!("Wrote data for {name}."))
}

fn main() -> Result<(), Error> {
    hearken::log_to_stderr()?; // shows the reason of a 500
    let port = std::env::args().nth(1).unwrap_or_else(|| "4049".into());
    let directory = std::env::args().nth(2).unwrap_or_else(|| "data".into());
    let files = WriteFile::new(&directory);
    let app = move |request: &mut Request| write(&files, &directory, request);
    let server = Server::bind(format!("127.0.0.1:{port}"))?.serve(app)?;
    println!("Listening on {}", server.url());
    server.join();
    Ok(())
}
