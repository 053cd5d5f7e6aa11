//! Files two ways, each below a prefix: some are part of the program, the others are read from a directory.

use std::path::Path;

use hearken::{Files, HttpError, Request, Response, Router};

/// The files that are part of the program. One is there compressed as well.
fn embedded() -> Files {
    Files::embedded([
        ("index.html", include_bytes!("../embedded/index.html")),
        ("style.css", include_bytes!("../embedded/style.css")),
        ("style.css.gz", include_bytes!("../embedded/style.css.gz")),
        ("app.js", include_bytes!("../public/app.js")),
        ("licence.txt", include_bytes!("../../../../LICENSE-MIT")),
        ("images/dot.gif", include_bytes!("../embedded/dot.gif")),
    ])
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
