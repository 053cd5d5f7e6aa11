//! What an application is made of: handlers, the layers around them, and what a handler may return.

mod attempt;
mod error_format;
#[expect(clippy::module_inception, reason = "it is named for `Handler`")]
mod handler;
mod into_response;
mod json;
mod layer;
mod respond;
mod state;

pub use handler::Handler;
pub use into_response::IntoResponse;
pub use json::Json;
pub use layer::{Layer, Layered, Next};
pub use state::with_state;

pub(crate) use attempt::panic_text;
pub(crate) use error_format::{CurrentFormat, ErrorFormat};
pub(crate) use respond::respond;
