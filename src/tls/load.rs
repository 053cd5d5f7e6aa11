//! Loads certificates and keys, and says what is wrong with them.

use std::fs;
use std::path::Path;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};

use super::error::TlsError;
use super::provider::install_provider;

/// Makes the configuration of a server from the certificate chain and the private key in these files.
pub(super) fn from_files(certificate_path: &Path, key_path: &Path) -> Result<ServerConfig, TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|source| TlsError::File { path: path.into(), source });
    let certificates = read(certificate_path)?;
    let key = read(key_path)?;
    let mut config = configure(&certificates, certificate_path, &key, key_path)?;
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
) -> Result<ServerConfig, TlsError> {
    let invalid = |path: &Path, reason: String| TlsError::Invalid { path: path.into(), reason };
    let chain = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(certificate_path, format!("its PEM is damaged: {error}")))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate_path.into()));
    }
    // OpenSSL writes encrypted keys in two forms. The second form has the same label as an unencrypted key.
    let text = String::from_utf8_lossy(key);
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::EncryptedKey(key_path.into()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::NoKey(key_path.into()),
        error => invalid(key_path, format!("its PEM is damaged: {error}")),
    })?;
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
