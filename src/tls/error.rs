//! The reasons why a certificate or its key cannot be used.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::reason::reason;

/// Why a certificate or its key cannot be used.
///
/// `Debug` prints the same line as `Display`, so that a `main` that returns it prints a readable message.
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no certificate in the file.
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    NoKey(PathBuf),
    /// The private key is encrypted, and no password was given.
    EncryptedKey(PathBuf),
    /// The password does not decrypt the private key.
    WrongKeyPassword(PathBuf),
    /// A password was given, and the private key is not encrypted.
    UnneededKeyPassword(PathBuf),
    /// The private key is encrypted in a way that is not supported.
    UnsupportedKeyEncryption {
        /// The key's file.
        path: PathBuf,
        /// What is not supported.
        reason: String,
    },
    /// The private key does not belong to the certificate.
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The content of the file is invalid.
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no random numbers for the key that encrypts session tickets.
    Tickets(String),
    /// The development certificate cannot be made.
    Development(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "cannot use {}: {}", path.display(), reason(source)),
            Self::NoCertificate(path) => write!(f, "there is no PEM certificate in {}", path.display()),
            Self::NoKey(path) => write!(f, "there is no PEM private key in {}", path.display()),
            Self::EncryptedKey(path) => {
                write!(f, "the private key in {} is encrypted: {HOW_TO_DECRYPT}", path.display())
            }
            Self::WrongKeyPassword(path) => {
                write!(f, "the password does not decrypt the private key in {}", path.display())
            }
            Self::UnneededKeyPassword(path) => {
                write!(f, "the private key in {} is not encrypted: it needs no password", path.display())
            }
            Self::UnsupportedKeyEncryption { path, reason } => {
                let path = path.display();
                write!(f, "cannot decrypt the private key in {path}: {reason}; ")?;
                write!(f, "convert it with: openssl pkcs8 -topk8 -in {path} -out new-key.pem")
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

#[cfg(feature = "encrypted-keys")]
const HOW_TO_DECRYPT: &str = "give its password with --tls-key-password @FILE, or by Tls::from_files_with_password";
#[cfg(not(feature = "encrypted-keys"))]
const HOW_TO_DECRYPT: &str = "hearken decrypts it if it is built with the feature encrypted-keys";

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
