//! Sends requests, and retries while the server cannot be reached.

use std::borrow::Cow;
use std::io::Read;
use std::thread;
use std::time::Duration;

use ureq::http::header::AUTHORIZATION;
use ureq::http::{self, HeaderMap, HeaderValue, Method, Uri};
use ureq::{Agent, AsSendBody, Body, RequestExt as _, SendBody};

use super::error::ClientError;
use super::response::Response;
use super::url;

/// What a client sends its requests with.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) agent: Agent,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) retries: u32,
}

impl Sender {
    /// Sends a request, and retries while the server cannot be reached. Nothing of the body has been read by then.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &str,
        mut fields: HeaderMap,
        mut body: Outgoing<'_>,
    ) -> Result<Response, ClientError> {
        let uri = url::parse(url)?;
        if let Some(authorization) = &self.authorization {
            fields.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        let mut attempt = 0;
        loop {
            match self.try_send(method, &uri, &fields, &mut body) {
                Ok(response) => return Ok(Response::new(url, response)),
                Err(error) => match ClientError::of(url, error) {
                    ClientError::Connect { .. } if attempt < self.retries => {
                        thread::sleep(backoff(attempt));
                        attempt += 1;
                    }
                    error => return Err(error),
                },
            }
        }
    }

    fn try_send(
        &self,
        method: &Method,
        uri: &Uri,
        fields: &HeaderMap,
        body: &mut Outgoing<'_>,
    ) -> Result<http::Response<Body>, ureq::Error> {
        let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        match body {
            // RFC 9110 §8.6: a request that could have a body says that it has none.
            Outgoing::Nothing if takes_body => self.agent.run(request(method, uri, fields, &b""[..])),
            Outgoing::Nothing => self.agent.run(request(method, uri, fields, ())),
            Outgoing::Bytes(bytes) => self.run(request(method, uri, fields, bytes.as_ref()), takes_body),
            Outgoing::Stream(reader) => {
                self.run(request(method, uri, fields, SendBody::from_reader(reader)), takes_body)
            }
        }
    }

    /// Sends a request with a body. ureq sends no body again: redirects that need it fail for `POST`, `PUT` and `PATCH`. Other methods it
    /// would send again without their body, so their redirects fail here.
    fn run(
        &self,
        request: http::Request<impl AsSendBody>,
        takes_body: bool,
    ) -> Result<http::Response<Body>, ureq::Error> {
        if takes_body {
            return self.agent.run(request);
        }
        let request = request.with_agent(&self.agent).configure().max_redirects(0).max_redirects_will_error(false);
        let response = request.build().run()?;
        let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        if is_redirect { Err(ureq::Error::RedirectFailed) } else { Ok(response) }
    }
}

fn request<B>(method: &Method, uri: &Uri, fields: &HeaderMap, body: B) -> http::Request<B> {
    let mut request = http::Request::new(body);
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = fields.clone();
    request
}

/// The body of a request.
pub(super) enum Outgoing<'a> {
    Nothing,
    Bytes(Cow<'a, [u8]>),
    Stream(Box<dyn Read + 'a>),
}

/// How long to wait before the next attempt: 200 ms at first, then twice as long each time, up to 5 s.
fn backoff(attempts: u32) -> Duration {
    Duration::from_millis(200).saturating_mul(1 << attempts.min(5)).min(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_between_attempts_grows_to_five_seconds() {
        let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 99].map(|attempts| backoff(attempts).as_millis()).into();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
