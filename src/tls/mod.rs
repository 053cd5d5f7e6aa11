//! Certificates for HTTPS: loads and checks them before the server starts, and makes one for development.

mod certificate;
mod development_certificate;
#[cfg(feature = "encrypted-keys")]
mod encrypted_key;
mod error;
mod load;
mod provider;

pub use certificate::Tls;
pub use error::TlsError;
#[cfg(feature = "client")]
pub(crate) use provider::install_provider;
