//! The development certificate of `--tls` and `--make-certs`.

use hearken::Tls;

use crate::logger;

/// The directory of the certificate.
const DIRECTORY: &str = "certs";

/// The certificate, made if it is missing or about to expire.
pub(crate) fn make() -> Result<Tls, hearken::Error> {
    Ok(Tls::development(DIRECTORY)?)
}

/// Prints how clients can trust it, with the URL of a TCP address if the server has one.
pub(crate) fn say_how_to_trust(url: Option<&str>) {
    let Some(url) = url else {
        logger::say(format_args!(
            "The certificate in {DIRECTORY}/ is for this machine only, and for the name localhost."
        ));
        return;
    };
    let authority = Tls::development_authority(DIRECTORY);
    let authority = authority.display();
    logger::say(format_args!("The certificate in {DIRECTORY}/ is for this machine only. To trust it:"));
    logger::say(format_args!("  hearken-client --cacert {authority} get {url}"));
    logger::say(format_args!("  curl --cacert {authority} {url}"));
}
