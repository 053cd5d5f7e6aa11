//! Makes a certificate for HTTPS on this machine, and the certificate authority that issues it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};

use super::error::TlsError;
use super::load;
use super::provider::install_provider;

pub(super) const AUTHORITY: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca-key.pem";
const CERTIFICATE: &str = "localhost.pem";
const KEY: &str = "localhost-key.pem";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_DAYS: u32 = 3650;
/// The longest lifetime that browsers accept.
const CERTIFICATE_DAYS: u32 = 397;
/// A certificate that expires sooner than this is replaced.
const SPARE_DAYS: u32 = 7;

/// Loads the development certificate of this directory, and makes it first if it is missing or about to expire.
pub(super) fn load_or_make(directory: &Path) -> Result<ServerConfig, TlsError> {
    install_provider();
    let soon = SystemTime::now() + SPARE_DAYS * DAY;
    if !is_valid(directory, soon) {
        make(directory, SystemTime::now())?;
    }
    load::from_files(&directory.join(CERTIFICATE), &directory.join(KEY), None)
}

/// Whether the directory has a certificate for this machine that its authority issued and that is valid at that time.
fn is_valid(directory: &Path, time: SystemTime) -> bool {
    let check = || {
        let authority = CertificateDer::from_pem_file(directory.join(AUTHORITY)).ok()?;
        let certificate = CertificateDer::from_pem_file(directory.join(CERTIFICATE)).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(authority).ok()?;
        let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build().ok()?;
        let time = UnixTime::since_unix_epoch(time.duration_since(UNIX_EPOCH).ok()?);
        let name = ServerName::try_from("localhost").ok()?;
        verifier.verify_server_cert(&certificate, &[], &name, &[], time).ok()
    };
    check().is_some() && directory.join(KEY).exists()
}

/// Makes an authority and a certificate, in place of those in the directory.
fn make(directory: &Path, now: SystemTime) -> Result<(), TlsError> {
    let failed = |error: rcgen::Error| TlsError::Development(error.to_string());
    let authority_key = KeyPair::generate().map_err(failed)?;
    let authority_params = authority(now);
    let authority = authority_params.self_signed(&authority_key).map_err(failed)?;
    let issuer = Issuer::new(authority_params, &authority_key);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = server(now).and_then(|params| params.signed_by(&key, &issuer)).map_err(failed)?;

    fs::create_dir_all(directory).map_err(|source| TlsError::File { path: directory.into(), source })?;
    let files = [
        (AUTHORITY_KEY, authority_key.serialize_pem(), 0o600),
        (KEY, key.serialize_pem(), 0o600),
        (CERTIFICATE, certificate.pem(), 0o644),
        (AUTHORITY, authority.pem(), 0o644),
    ];
    for (name, pem, mode) in files {
        let path = directory.join(name);
        write(&path, &pem, mode).map_err(|source| TlsError::File { path, source })?;
    }
    Ok(())
}

fn authority(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "hearken development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = (now - DAY).into();
    params.not_after = (now + AUTHORITY_DAYS * DAY).into();
    params
}

fn server(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    let names = ["localhost".to_owned()].into_iter().chain(loopback.map(|ip| ip.to_string()));
    let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = (now - DAY).into();
    params.not_after = (now + CERTIFICATE_DAYS * DAY).into();
    Ok(params)
}

/// Replaces a file. The new one has these permissions from the moment it is created.
fn write(path: &Path, pem: &str, mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_its_keys_are_private() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("certs");
        let made = || {
            load_or_make(&directory).unwrap();
            fs::read(directory.join(CERTIFICATE)).unwrap()
        };
        assert_eq!(made(), made());
        for (name, mode) in [(AUTHORITY_KEY, 0o600), (KEY, 0o600), (CERTIFICATE, 0o644), (AUTHORITY, 0o644)] {
            let seen = fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
            // The umask can only remove permissions.
            assert_eq!(seen & !mode, 0, "{name}: {seen:o}");
        }
    }

    #[test]
    fn the_certificate_is_replaced_before_it_expires() {
        let directory = tempfile::tempdir().unwrap();
        let year_ago = SystemTime::now() - (CERTIFICATE_DAYS - 3) * DAY;
        make(directory.path(), year_ago).unwrap();
        assert!(is_valid(directory.path(), SystemTime::now()));
        let old = fs::read(directory.path().join(CERTIFICATE)).unwrap();
        load_or_make(directory.path()).unwrap();
        assert_ne!(old, fs::read(directory.path().join(CERTIFICATE)).unwrap());
        assert!(is_valid(directory.path(), SystemTime::now() + (CERTIFICATE_DAYS - 1) * DAY));
        assert!(!is_valid(directory.path(), SystemTime::now() + (CERTIFICATE_DAYS + 1) * DAY));
    }
}
