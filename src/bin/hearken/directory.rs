//! ROOT as a directory: its files, those of the `--write` directory, and writing there, under the same paths.

use std::sync::Arc;

use hearken::{Files, Handler, Method, RelativePath, Request, Response, WriteFile};

use crate::allow;

/// Serves the files, and accepts writes if they are allowed.
pub(crate) struct Directory {
    pub(crate) files: Arc<Files>,
    pub(crate) write: Option<Writing>,
}

/// The service that writes, and what it leaves alone.
pub(crate) struct Writing {
    pub(crate) service: WriteFile,
    /// Whether nobody may write to this path.
    pub(crate) is_protected: Protects,
}

pub(crate) type Protects = Arc<dyn Fn(&RelativePath) -> bool + Send + Sync>;

impl Handler for Directory {
    fn handle(&self, request: &mut Request) -> Response {
        match (request.method(), &self.write) {
            (Method::Get | Method::Head, _) => self.files.handle(request),
            (method, Some(write)) if write.service.methods().contains(method) => write.service.handle(request),
            _ => allow::respond(self.allowed(request), request),
        }
    }
}

impl Directory {
    /// The methods that the path of the request takes.
    fn allowed(&self, request: &Request) -> Vec<Method> {
        let mut allowed = vec![Method::Get, Method::Head];
        if let (Some(write), Ok(path)) = (&self.write, RelativePath::parse(request.encoded_path())) {
            let methods = write.service.methods().iter();
            // Forms are posted to directories, and other content is sent to the path that it is to have.
            let takes = |method: &&Method| match path.is_directory() {
                true => **method != Method::Put,
                false => !(write.is_protected)(&path),
            };
            allowed.extend(methods.filter(takes).cloned());
        }
        allowed
    }
}
