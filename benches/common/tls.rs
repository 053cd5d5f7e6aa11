//! The client's side of TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// A client that trusts this authority, or none without it, and does a full handshake for each connection.
pub(crate) fn client(authority: Option<&Path>) -> Arc<ClientConfig> {
    let mut trusted = RootCertStore::empty();
    if let Some(authority) = authority {
        let certificate = CertificateDer::from_pem_file(authority).expect("the authority's certificate can be read");
        trusted.add(certificate).expect("it is the certificate of an authority");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.expect("the provider has the cipher suites of TLS 1.2 and 1.3");
    let mut config = versions.with_root_certificates(trusted).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// A connection of this client before its handshake.
pub(crate) fn connection(client: &Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("it is a name");
    ClientConnection::new(Arc::clone(client), name).expect("the configuration is complete")
}
