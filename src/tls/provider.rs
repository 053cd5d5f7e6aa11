//! The process's cryptography.

/// Makes aws-lc-rs the process's cryptography, if the program has not chosen another: the client asks for it.
pub(crate) fn install_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
