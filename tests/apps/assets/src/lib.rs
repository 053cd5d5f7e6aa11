//! Files two ways, each below a prefix: some are part of the program, the others are read from a directory.

use std::path::Path;

use hearken::{Files, HttpError, Request, Response, Router};

/// The files that are part of the program.
fn embedded() -> Router {
    Router::new()
        .get("/", |_| Response::html(include_str!("../embedded/index.html")))
        .get("/style.css", |_| {
            Response::text(include_str!("../embedded/style.css")).with_header("Content-Type", "text/css; charset=utf-8")
        })
        .get("/dot.gif", |_| {
            Response::bytes(include_bytes!("../embedded/dot.gif")).with_header("Content-Type", "image/gif")
        })
}

/// Serves the embedded files below `/ui`, those of the directory below `/assets`, and the same again below `/downloads`, for browsers to
/// save.
pub fn app(directory: &Path) -> Router {
    let files = Files::new(directory);
    let download = move |request: &mut Request| -> Result<Response, HttpError> {
        let path = request.param_path("path")?; // leads nowhere but into the directory
        Ok(files.file(&path, request)?.with_header("Content-Disposition", "attachment"))
    };
    Router::new().nest("/ui", embedded()).nest("/assets", Files::new(directory)).get("/downloads/{*path}", download)
}
