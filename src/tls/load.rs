//! Loads certificates and keys, and says what is wrong with them.

use std::fs;
use std::path::Path;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};

#[cfg(feature = "encrypted-keys")]
use super::encrypted_key::decrypt;
use super::error::TlsError;
use super::provider::install_provider;

/// Makes the configuration of a server from the certificate chain and the private key in these files. The password is for a
/// key that is encrypted.
pub(super) fn from_files(
    certificate_path: &Path,
    key_path: &Path,
    password: Option<&[u8]>,
) -> Result<ServerConfig, TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|source| TlsError::File { path: path.into(), source });
    let certificates = read(certificate_path)?;
    let key = read(key_path)?;
    let mut config = configure(&certificates, certificate_path, &key, key_path, password)?;
    // RFC 7301: a client that only offers other protocols is refused.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets let clients resume a session (RFC 8446 §2.2) without state on the server.
    config.ticketer = Ticketer::new().map_err(|error| TlsError::Tickets(error.to_string()))?;
    Ok(config)
}

/// Makes the configuration from this certificate chain and key. The paths are for error messages.
fn configure(
    certificates: &[u8],
    certificate_path: &Path,
    key: &[u8],
    key_path: &Path,
    password: Option<&[u8]>,
) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(certificate_path, format!("its PEM is damaged: {error}")))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate_path.into()));
    }
    let key = private_key(key, key_path, password)?;
    install_provider();
    match ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key) {
        Ok(config) => Ok(config),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::Mismatch { certificate: certificate_path.into(), key: key_path.into() })
        }
        Err(rustls::Error::InvalidCertificate(error)) => {
            Err(invalid(certificate_path, format!("the certificate is not valid: {error}")))
        }
        Err(error) => Err(invalid(key_path, format!("the private key is not valid: {error}"))),
    }
}

/// The private key of this PEM file.
fn private_key(pem: &[u8], path: &Path, password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, TlsError> {
    // OpenSSL writes encrypted keys in two forms. The second form has the same label as an unencrypted key.
    let text = String::from_utf8_lossy(pem);
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return decrypt(&text, path, password);
    }
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        let reason = "the traditional format of OpenSSL is not supported".into();
        return Err(TlsError::UnsupportedKeyEncryption { path: path.into(), reason });
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::NoKey(path.into()),
        error => invalid(path, format!("its PEM is damaged: {error}")),
    })?;
    // Whoever gives a password believes that the file is useless without it.
    if password.is_some() { Err(TlsError::UnneededKeyPassword(path.into())) } else { Ok(key) }
}

#[cfg(not(feature = "encrypted-keys"))]
fn decrypt(_: &str, path: &Path, _: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, TlsError> {
    Err(TlsError::EncryptedKey(path.into()))
}

fn invalid(path: &Path, reason: String) -> TlsError {
    TlsError::Invalid { path: path.into(), reason }
}
