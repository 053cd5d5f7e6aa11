//! Sends requests, and retries while the server cannot be reached.

use std::io::Read;
use std::thread;
use std::time::Duration;

use ureq::http::{self, HeaderValue, Uri};
use ureq::{Agent, SendBody};

use super::error::ClientError;
use super::response::Response;

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
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        mut body: Outgoing<'_>,
    ) -> Result<Response, ClientError> {
        let mut attempt = 0;
        loop {
            match self.try_send(method, url, fields, &mut body) {
                Err(ClientError::Connect { .. }) if attempt < self.retries => {
                    thread::sleep(backoff(attempt));
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn try_send(
        &self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        body: &mut Outgoing<'_>,
    ) -> Result<Response, ClientError> {
        let uri: Uri = url.parse().map_err(|_| ClientError::Url(url.into()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(ClientError::Url(url.into()));
        }
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let refused = |_| ClientError::Url(url.into());
        let result = match body {
            Outgoing::Nothing => self.agent.run(request.body(()).map_err(refused)?),
            Outgoing::Bytes(bytes) => self.agent.run(request.body(*bytes).map_err(refused)?),
            Outgoing::Stream(reader) => self.agent.run(request.body(SendBody::from_reader(reader)).map_err(refused)?),
        };
        result.map(Response::new).map_err(|error| ClientError::of(url, error))
    }
}

/// The body of a request.
pub(super) enum Outgoing<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Stream(&'a mut dyn Read),
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
