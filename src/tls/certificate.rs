//! The certificate that a server speaks TLS with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;

use super::error::TlsError;
use super::{development_certificate, load};

/// A certificate with its private key, checked and ready to serve with. Needs the feature `tls`.
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

impl Tls {
    /// Loads a certificate chain, the server's own certificate first, and its private key, both in PEM. The key may be RSA,
    /// EC or Ed25519, in PKCS#8, PKCS#1 or SEC1, and not encrypted: `Tls::from_files_with_password` is for keys that are.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says which file is wrong, and how.
    pub fn from_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        Ok(Self { config: Arc::new(load::from_files(certificate.as_ref(), key.as_ref(), None)?) })
    }

    /// As [`Tls::from_files`], for a key that is encrypted with this password. The password is not kept.
    ///
    /// The key may be in PKCS#8 with PBES2, as OpenSSL writes it since 1.1: PBKDF2 (HMAC with SHA-2, 10,000,000 iterations at
    /// most) or scrypt (256 MiB at most), and AES. Needs the feature `encrypted-keys`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use hearken::Tls;
    ///
    /// let password = std::fs::read_to_string("/run/secrets/key-password")?;
    /// let tls = Tls::from_files_with_password("server.pem", "server-key.pem", password.trim_end_matches('\n'))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Tls::from_files`]. [`TlsError::WrongKeyPassword`] when the password is wrong,
    /// [`TlsError::UnneededKeyPassword`] when the key is not encrypted, and [`TlsError::UnsupportedKeyEncryption`] when it is
    /// encrypted in another way or costs more to decrypt.
    #[cfg(feature = "encrypted-keys")]
    pub fn from_files_with_password(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        password: impl AsRef<[u8]>,
    ) -> Result<Self, TlsError> {
        let config = load::from_files(certificate.as_ref(), key.as_ref(), Some(password.as_ref()))?;
        Ok(Self { config: Arc::new(config) })
    }

    /// Loads the certificate for `localhost`, `127.0.0.1` and `::1` from this directory. If it is missing or about to expire, it
    /// is made there first, together with a certificate authority that issues it.
    ///
    /// Clients have to trust the authority's certificate, `ca.pem`. Only their owner can read the private keys.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when the directory cannot be written, or the files in it cannot be used.
    pub fn development(directory: impl AsRef<Path>) -> Result<Self, TlsError> {
        Ok(Self { config: Arc::new(development_certificate::load_or_make(directory.as_ref())?) })
    }

    /// The path of the authority's certificate that [`Tls::development`] makes in this directory.
    pub fn development_authority(directory: impl AsRef<Path>) -> PathBuf {
        directory.as_ref().join(development_certificate::AUTHORITY)
    }

    /// The configuration for rustls.
    pub(crate) fn into_config(self) -> Arc<ServerConfig> {
        self.config
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
