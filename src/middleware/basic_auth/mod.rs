//! Basic authentication (RFC 7617): the layer, its users and their passwords, and what slows guessing down.

mod error;
mod known_clients;
mod layer;
mod password_hash;
mod throttle;
mod users;

pub use error::CredentialsError;
pub use layer::BasicAuth;
pub use password_hash::{hash_password, verify_password};
