//! Certificates for HTTPS: loading and checking them before the server starts, and making one for development.

mod development;
mod load;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;

use crate::reason::reason;

/// A certificate with its private key, checked and ready to serve with.
///
/// ```no_run
/// use hearken::{Response, Request, Server, Tls};
///
/// let tls = Tls::from_files("server.pem", "server-key.pem")?;
/// let server = Server::bind("0.0.0.0:443")?.tls(tls).serve(|_: &mut Request| Response::text("secure"))?;
/// # Ok::<(), hearken::Error>(())
/// ```
pub struct Tls {
    config: Arc<ServerConfig>,
}

/// Why a certificate or its key cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read or written.
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate in the file.
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    NoKey(PathBuf),
    /// The private key is protected by a passphrase.
    EncryptedKey(PathBuf),
    /// The private key is not the certificate's.
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The file is not what it should be.
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no random numbers for a key that session tickets are encrypted with.
    Tickets(String),
    /// The development certificate cannot be made.
    Development(String),
}

impl Tls {
    /// Loads a certificate chain, the server's own certificate first, and its private key, both in PEM. The key may be RSA,
    /// EC or Ed25519, in PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says which file is wrong, and how.
    pub fn from_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, crate::Error> {
        load::from_files(certificate.as_ref(), key.as_ref()).map_err(crate::Error::Tls)
    }

    /// The certificate for `localhost`, `127.0.0.1` and `::1` in this directory, made there with an authority of its own
    /// where it is missing or about to expire.
    ///
    /// The authority's certificate is `ca.pem`, which a client has to trust. Private keys are readable by their owner only.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when the directory cannot be written, or what is there cannot be used.
    pub fn development(directory: impl AsRef<Path>) -> Result<Self, crate::Error> {
        development::certificate(directory.as_ref()).map_err(crate::Error::Tls)
    }

    /// Where the authority's certificate of [`Tls::development`] is.
    pub fn development_authority(directory: impl AsRef<Path>) -> PathBuf {
        directory.as_ref().join(development::AUTHORITY)
    }

    /// How a server speaks TLS with it.
    pub(crate) fn into_config(self) -> Arc<ServerConfig> {
        self.config
    }
}

/// Makes aws-lc-rs the process's cryptography, if the program has not chosen another: the client asks for it.
pub(crate) fn install_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "cannot use {}: {}", path.display(), reason(source)),
            Self::NoCertificate(path) => write!(f, "there is no PEM certificate in {}", path.display()),
            Self::NoKey(path) => write!(f, "there is no PEM private key in {}", path.display()),
            Self::EncryptedKey(path) => {
                write!(f, "the private key in {} is encrypted; decrypt it first", path.display())
            }
            Self::Mismatch { certificate, key } => {
                write!(f, "the private key in {} does not belong to {}", key.display(), certificate.display())
            }
            Self::Invalid { path, reason } => write!(f, "cannot use {}: {reason}", path.display()),
            Self::Tickets(reason) => write!(f, "cannot make a key for TLS session tickets: {reason}"),
            Self::Development(reason) => write!(f, "cannot make a development certificate: {reason}"),
        }
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
