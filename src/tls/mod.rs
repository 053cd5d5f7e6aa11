//! Certificates for HTTPS: loading and checking them before the server starts, and making one for development.

mod certificate;
mod development;
mod error;
mod load;
mod provider;

pub use certificate::Tls;
pub use error::TlsError;
#[cfg(feature = "client")]
pub(crate) use provider::install_provider;
