//! Basic authentication (RFC 7617): the layer, its users and their passwords, and what slows guessing down.

mod error;
mod layer;
mod password_hash;
mod remembered;
mod throttle;
mod users;

pub use error::CredentialsError;
pub use layer::BasicAuth;
pub use password_hash::hash_password;
