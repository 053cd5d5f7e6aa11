//! Cross-origin resource sharing: the answer headers that let a page of another origin read ours (Fetch §3.2).

use super::response::Response;

/// Who may read an answer from another origin, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cors {
    /// `Access-Control-Allow-Origin`
    pub(crate) origin: &'static str,
    /// `Access-Control-Allow-Methods`
    pub(crate) methods: &'static str,
    /// `Access-Control-Allow-Headers`
    pub(crate) headers: &'static str,
}

impl Cors {
    /// The response with the three headers set.
    pub(crate) fn apply(&self, response: Response) -> Response {
        response
            .with_header("Access-Control-Allow-Origin", self.origin)
            .with_header("Access-Control-Allow-Methods", self.methods)
            .with_header("Access-Control-Allow-Headers", self.headers)
    }
}
