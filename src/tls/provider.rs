//! The cryptography provider of rustls.

/// Makes aws-lc-rs the provider of this process, unless the program has chosen another one. ureq needs one installed.
pub(crate) fn install_provider() {
    // An error means that one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
