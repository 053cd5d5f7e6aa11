//! The frame of a generated page: its head, its look, and the content security policy that goes with it.

use std::io::{self, Write as _};

use super::escape::escape;
use crate::http::response::Response;

/// The frame of one page. Only the styles and scripts that it writes are applied and run: they carry its nonce.
#[derive(Clone)]
pub(crate) struct Frame {
    nonce: String,
}

/// The palette, and what every page has.
const STYLE: &str = include_str!("page.css");

/// The icon of the page, as a URL that needs no request.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' \
    rx='8' fill='%230b6e69'/%3E%3Cg fill='none' stroke='%23fff' stroke-width='3' stroke-linecap='round'%3E%3Cpath \
    d='M14.5 11.5a6.4 6.4 0 0 1 0 9M19.2 6.8a13 13 0 0 1 0 18.4'/%3E%3C/g%3E%3Ccircle cx='9' cy='16' r='2.6' fill='%23fff'/%3E%3C/svg%3E";

impl Frame {
    pub(crate) fn new() -> Self {
        Self { nonce: format!("{:032x}", rand::random::<u128>()) }
    }

    /// Writes the page up to the content of its body. The styles are the page's own, added to the common one.
    pub(crate) fn begin(&self, out: &mut Vec<u8>, title: &str, styles: &[&str]) -> io::Result<()> {
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<link rel=\"icon\" href=\"{ICON}\" type=\"image/svg+xml\">\n\
             <style nonce=\"{}\">\n{STYLE}",
            escape(title),
            self.nonce
        )?;
        styles.iter().for_each(|style| out.extend_from_slice(style.as_bytes()));
        out.extend_from_slice(b"</style>\n</head>\n<body>\n");
        Ok(())
    }

    /// Writes the end of the page, with its scripts, if it has any.
    pub(crate) fn end(&self, out: &mut Vec<u8>, scripts: &[&str]) -> io::Result<()> {
        for script in scripts {
            write!(out, "<script nonce=\"{}\">\n{script}</script>\n", self.nonce)?;
        }
        out.extend_from_slice(b"</body>\n</html>\n");
        Ok(())
    }

    /// Adds to the response with the page the fields that go with it. The policy lets the page use its own style and script, show
    /// images of this server, and send requests to it. Markup from a file name, should escaping ever miss it, can do nothing.
    pub(crate) fn complete(&self, response: Response) -> Response {
        self.complete_within(response, "'self'")
    }

    /// As [`Frame::complete`], for a page that no other page may frame.
    pub(crate) fn complete_unframed(&self, response: Response) -> Response {
        self.complete_within(response, "'none'")
    }

    fn complete_within(&self, response: Response, ancestors: &str) -> Response {
        let nonce = &self.nonce;
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        );
        response
            .with_header("Content-Type", "text/html; charset=utf-8")
            .with_header("Content-Security-Policy", policy)
            .with_header("X-Content-Type-Options", "nosniff")
    }
}
