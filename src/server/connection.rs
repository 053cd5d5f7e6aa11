//! One connection: its socket, the input that is not used yet, and the body that is being read. A value with one owner.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use super::connection_link::ConnectionLink;
use super::lingering::Lingering;
use super::pace::{Pace, Waiting};
use super::phase::Phase;
use super::registry::{Parkable, Registry};
use super::request_body::RequestBody;
use super::shared::Shared;
use super::socket::{Interest, Socket, Waited};
use super::standing::Standing;
use super::tls_stream::{ENCRYPTED_AT_ONCE, TlsStream};
use super::token::Token;
use crate::http::connection::Connection as Handle;
use crate::http::peer::Peer;
use crate::http::request_head::{HeadError, HeadParser, RequestHead};

/// An open connection, owned by the worker that serves it or by the registry.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// It frees its place there when it is dropped.
    registry: Arc<Registry<Self>>,
    token: Token,
    socket: Arc<Socket>,
    peer: Peer,
    pub(super) tls: Option<Box<TlsStream>>,
    /// What has arrived, decrypted. The first `used` bytes are used.
    input: Vec<u8>,
    used: usize,
    /// Whether the peer has ended its side, and all before that was read.
    ended: bool,
    /// Whether the socket was read dry, so that what comes later is an event of its own.
    drained: bool,
    /// Whether an event said that the peer has ended its side, or the connection has failed.
    end_announced: bool,
    parser: HeadParser,
    /// The head of the request that is being answered.
    pub(super) head: Option<RequestHead>,
    pub(super) body: RequestBody,
    /// When it was opened, in milliseconds of the clock, and how many requests were answered since.
    opened: u64,
    pub(super) responses: u32,
    /// When the current wait began, in milliseconds of the clock: when it was opened, its handshake was done, a
    /// head began to arrive, a request was answered, or the server ended its side.
    pub(super) since: u64,
    /// Whether a head has begun to arrive.
    head_begun: bool,
    /// Set once the server has ended its side, and waits for the client to end its own.
    pub(super) lingering: Option<Lingering>,
    /// The rate that the client must keep up while it reads responses, if more requests have arrived than were answered.
    pub(super) backlog: Option<Pace>,
    /// The bytes that were received and sent over the socket.
    received: u64,
    sent: u64,
    /// Whether the thread may wait for the client. The watchdog must not.
    pub(super) may_block: bool,
}

/// How a read from a connection ended.
#[derive(Debug)]
pub(super) enum ReadOutcome {
    /// This many bytes were read, and decrypted.
    Read(usize),
    /// The peer has ended its side.
    End,
    /// Nothing yet, and what to wait for.
    Nothing(Interest),
    /// Plain HTTP came instead of a TLS handshake.
    PlainHttp,
    /// The connection has failed, or the peer has broken TLS.
    Failed(io::Error),
}

/// How many reads over TLS may yield no plaintext before other connections get their turn.
const READS_PER_TURN: usize = 16;

/// How many bytes are read at once.
const READ_SIZE: usize = 16 * 1024;

/// Buffers that a connection uses only while a worker has it, because there are many idle connections.
#[derive(Default)]
struct Buffers {
    input: Vec<u8>,
    /// What has arrived over TLS, before it is decrypted.
    ciphertext: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        registry: Arc<Registry<Self>>,
        token: Token,
        socket: Arc<Socket>,
        peer: Peer,
        tls: Option<Box<TlsStream>>,
    ) -> Self {
        let since = shared.clock.now();
        Self {
            shared,
            registry,
            token,
            socket,
            peer,
            tls,
            input: Vec::new(),
            used: 0,
            ended: false,
            drained: false,
            end_announced: false,
            parser: HeadParser::default(),
            head: None,
            body: RequestBody::none(),
            opened: since,
            responses: 0,
            since,
            head_begun: false,
            lingering: None,
            backlog: None,
            received: 0,
            sent: 0,
            may_block: false,
        }
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// The connection as handlers see it.
    pub(super) fn handle(&self) -> Handle {
        Handle::new(ConnectionLink::new(&self.shared, &self.socket))
    }

    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The input that is not used yet.
    pub(super) fn input(&self) -> &[u8] {
        &self.input[self.used..]
    }

    /// The input that is not used yet, and the body whose bytes it may hold.
    pub(super) fn input_and_body(&mut self) -> (&[u8], &mut RequestBody) {
        (&self.input[self.used..], &mut self.body)
    }

    /// Notes that this many bytes of the input are used.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.used += bytes;
        debug_assert!(self.used <= self.input.len(), "only what has arrived is used");
        if self.used == self.input.len() {
            self.input.clear();
            self.used = 0;
        }
    }

    /// Notes an event, and whether it said that the peer has ended its side or the connection has failed, which the next read
    /// shows.
    pub(super) fn expect_more(&mut self, ended: bool) {
        self.end_announced |= ended;
        self.drained = false;
    }

    /// Whether all input was read and answered.
    pub(super) fn is_at_rest(&self) -> bool {
        self.drained && !self.end_announced && self.input().is_empty() && self.body.is_done()
    }

    /// Parses the head of a request from the input; `None` if it is not complete.
    pub(super) fn parse_head(&mut self) -> Result<Option<RequestHead>, HeadError> {
        let Some(length) = self.parser.advance(&self.input[self.used..], &self.shared.head_limits)? else {
            return Ok(None);
        };
        // Most often the input is just the head, which is then moved.
        let bytes = if self.used == 0 && self.input.len() == length {
            std::mem::take(&mut self.input)
        } else {
            let bytes = self.input()[..length].to_vec();
            self.consume(length);
            bytes
        };
        self.head_begun = false;
        Ok(Some(self.parser.finish(bytes)))
    }

    /// Whether another request may be on its way: the client has sent one within this many milliseconds on average.
    pub(super) fn is_conversing(&self, pause: u64) -> bool {
        self.responses > 1 && (self.since - self.opened) / u64::from(self.responses - 1) < pause
    }

    /// Reuses the buffers of a request that was answered for the next one.
    pub(super) fn reuse(&mut self, head: RequestHead) {
        let (mut bytes, buffers) = head.into_buffers();
        self.parser.reuse(buffers);
        if self.input.capacity() == 0 {
            bytes.clear();
            self.input = bytes;
        }
    }

    /// The head that is arriving, or that is malformed.
    pub(super) fn partial_head(&self) -> &HeadParser {
        &self.parser
    }

    /// What the connection waits for when nothing can be done for it.
    pub(super) fn waiting_phase(&mut self) -> Phase {
        if self.lingering.is_some() {
            return Phase::Linger;
        }
        if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            return Phase::Handshake;
        }
        if !self.body.is_done() {
            return Phase::Discard;
        }
        if self.parser.has_begun() {
            if !std::mem::replace(&mut self.head_begun, true) {
                self.since = self.shared.clock.now();
            }
            return Phase::Head;
        }
        if self.responses > 0 { Phase::Idle } else { Phase::Fresh }
    }

    /// Reads more input, without waiting.
    pub(super) fn read_on(&mut self) -> ReadOutcome {
        if self.ended {
            return ReadOutcome::End;
        }
        if self.used > 0 {
            self.input.drain(..self.used);
            self.used = 0;
        }
        let read = match self.tls.take() {
            None => self.read_plain(),
            Some(mut tls) => {
                let outcome = self.read_tls(&mut tls);
                if !matches!(outcome, ReadOutcome::PlainHttp) {
                    self.tls = Some(tls);
                }
                outcome
            }
        };
        self.ended |= matches!(read, ReadOutcome::End);
        read
    }

    fn read_plain(&mut self) -> ReadOutcome {
        if self.input.capacity() == 0 {
            self.input = BUFFERS.with_borrow_mut(|buffers| std::mem::take(&mut buffers.input));
        }
        if self.input.capacity() - self.input.len() < READ_SIZE / 2 {
            self.input.reserve_exact(READ_SIZE);
        }
        let room = self.input.capacity() - self.input.len();
        let read = self.socket.read_spare(&mut self.input);
        self.note_read(&read, room);
        match read {
            Ok(0) => ReadOutcome::End,
            Ok(read) => ReadOutcome::Read(read),
            Err(error) => failed(error, Interest::Read),
        }
    }

    fn read_tls(&mut self, tls: &mut TlsStream) -> ReadOutcome {
        for _ in 0..READS_PER_TURN {
            if tls.is_ended() {
                return ReadOutcome::End;
            }
            if let Err(error) = self.flush_tls(tls) {
                return failed(error, Interest::Write);
            }
            let was_handshaking = tls.is_handshaking();
            let before = self.input.len();
            let received = BUFFERS.with_borrow_mut(|buffers| {
                let ciphertext = &mut buffers.ciphertext;
                ciphertext.clear();
                ciphertext.reserve_exact(READ_SIZE * 2);
                let first = self.received == 0;
                let read = self.socket.read_spare(ciphertext);
                self.note_read(&read, ciphertext.capacity());
                match read {
                    Ok(0) => Err(ReadOutcome::End),
                    Ok(_) if was_handshaking && first && looks_like_http(ciphertext[0]) => {
                        self.input.extend_from_slice(ciphertext);
                        Err(ReadOutcome::PlainHttp)
                    }
                    Ok(_) => Ok(tls.receive(ciphertext, &mut self.input)),
                    Err(error) => Err(failed(error, Interest::Read)),
                }
            });
            match received {
                Err(outcome) => return outcome,
                Ok(Err(error)) => {
                    // What is left to send is an alert (RFC 8446 §6).
                    let _ = self.flush_tls(tls);
                    return ReadOutcome::Failed(error);
                }
                Ok(Ok(())) if was_handshaking && !tls.is_handshaking() => self.since = self.shared.clock.now(),
                Ok(Ok(())) => {}
            }
            if self.input.len() > before {
                return ReadOutcome::Read(self.input.len() - before);
            }
        }
        // Empty records can come without end. Other connections have a turn too.
        self.drained = false;
        ReadOutcome::Nothing(Interest::Read)
    }

    /// Reads into this buffer instead of the connection's own, without waiting; `None` if that is not possible.
    pub(super) fn read_into(&mut self, buffer: &mut [u8]) -> Option<ReadOutcome> {
        if self.tls.is_some() || self.ended || !self.input().is_empty() || buffer.len() < READ_SIZE / 4 {
            return None;
        }
        let read = self.socket.read(buffer);
        self.note_read(&read, buffer.len());
        Some(match read {
            Ok(0) => {
                self.ended = true;
                ReadOutcome::End
            }
            Ok(read) => ReadOutcome::Read(read),
            Err(error) => failed(error, Interest::Read),
        })
    }

    /// Records a read into `room` bytes. A short one means that the socket is drained (epoll(7)).
    fn note_read(&mut self, read: &io::Result<usize>, room: usize) {
        match read {
            Ok(read) => {
                self.received += *read as u64;
                self.drained = *read < room;
            }
            Err(_) => self.drained = true,
        }
    }

    /// Sends what TLS has to send; `WouldBlock` if the socket does not take all of it.
    fn flush_tls(&mut self, tls: &mut TlsStream) -> io::Result<()> {
        while tls.wants_write() {
            self.sent += tls.send_to(|slices| self.socket.write(slices))? as u64;
        }
        Ok(())
    }

    /// Writes all of the slices, waiting for the peer to take them.
    pub(super) fn write_all(&mut self, mut slices: &mut [IoSlice<'_>], pace: &mut Option<Pace>) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let written = match self.tls.take() {
                None => match self.socket.write(slices) {
                    Ok(written) => {
                        self.sent += written as u64;
                        Ok(written)
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_write(pace).map(|()| 0),
                    Err(error) => Err(error),
                },
                Some(mut tls) => {
                    let written = self.write_tls(&mut tls, slices, pace);
                    self.tls = Some(tls);
                    written
                }
            }?;
            IoSlice::advance_slices(&mut slices, written);
        }
        Ok(())
    }

    fn write_tls(&mut self, tls: &mut TlsStream, slices: &[IoSlice<'_>], pace: &mut Option<Pace>) -> io::Result<usize> {
        let mut some = [IoSlice::new(&[]), IoSlice::new(&[])];
        let mut room = ENCRYPTED_AT_ONCE;
        let mut count = 0;
        for slice in slices.iter().take(some.len()) {
            let length = slice.len().min(room);
            some[count] = IoSlice::new(&slice[..length]);
            count += 1;
            room -= length;
            if room == 0 {
                break;
            }
        }
        let encrypted = tls.encrypt(&some[..count])?;
        loop {
            match self.flush_tls(tls) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_write(pace)?,
                result => return result.map(|()| encrypted),
            }
        }
    }

    /// Waits until there is room to write. A peer that is too slow is an error.
    pub(super) fn wait_to_write(&self, pace: &mut Option<Pace>) -> io::Result<()> {
        let (settings, sent) = (&self.shared.settings, self.sent);
        let position = || acknowledged(&self.socket, sent);
        let pace = pace.get_or_insert_with(|| {
            let slack = if self.socket.unacknowledged().is_some() { 0 } else { self.socket.send_buffer() };
            Pace::new(settings.min_rate, settings.rate_grace, slack, position())
        });
        self.wait(Interest::Write, pace, position)
    }

    /// Waits until something has arrived; the transfer is at this position. A peer that is too slow is an error.
    pub(super) fn wait_to_read(&self, pace: &mut Pace, position: u64) -> io::Result<()> {
        self.wait(Interest::Read, pace, || position)
    }

    fn wait(&self, interest: Interest, pace: &mut Pace, position: impl Fn() -> u64) -> io::Result<()> {
        if !self.may_block {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let progress = &self.socket.progress;
        loop {
            let begun = Instant::now();
            progress.begin_wait(self.shared.clock.now(), pace.so_far());
            let waited = self.shared.blocking(|| self.socket.wait(interest, pace.allowance()));
            let is_fast_enough = pace.waited(begun.elapsed(), position()).is_ok();
            progress.end_wait(pace.so_far());
            if !is_fast_enough {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the client is too slow"));
            }
            if waited == Waited::Ready {
                return Ok(());
            }
        }
    }

    /// Gives up the buffers that it does not need while it is parked.
    pub(super) fn release_buffers(&mut self) {
        self.may_block = false;
        if self.input.capacity() == 0 {
            return;
        }
        let rest = self.input().to_vec();
        let mut input = std::mem::replace(&mut self.input, rest);
        self.used = 0;
        input.clear();
        BUFFERS.with_borrow_mut(|buffers| {
            if buffers.input.capacity() < input.capacity() && input.capacity() <= READ_SIZE * 4 {
                buffers.input = input;
            }
        });
    }

    /// Ends the server's side of the connection. It does not wait for the peer to read what was sent.
    pub(super) fn finish(&mut self) {
        if let Some(mut tls) = self.tls.take() {
            if !tls.is_handshaking() {
                tls.send_close_notify();
            }
            let _ = self.flush_tls(&mut tls);
            self.tls = Some(tls);
        }
        self.socket.finish();
    }

    /// How much of what was sent the peer has taken.
    pub(super) fn acknowledged(&self) -> u64 {
        acknowledged(&self.socket, self.sent)
    }

    /// Lingers from now on: waits for the client to end its side (RFC 9112 §9.6).
    pub(super) fn linger(&mut self) {
        self.since = self.shared.clock.now();
        let unacknowledged = self.socket.unacknowledged().unwrap_or(0);
        self.lingering = Some(Lingering::new(self.since, self.received, unacknowledged));
    }

    /// Whether to linger on.
    pub(super) fn lingers_on(&mut self) -> bool {
        self.since = self.shared.clock.now();
        let unacknowledged = self.socket.unacknowledged().unwrap_or(0);
        let min_rate = self.shared.settings.min_rate;
        let (now, received) = (self.since, self.received);
        self.lingering.as_mut().is_some_and(|lingering| lingering.goes_on(now, received, unacknowledged, min_rate))
    }

    /// Reads and drops what still arrives while the connection lingers.
    pub(super) fn discard_input(&mut self) -> ReadOutcome {
        self.input.clear();
        self.used = 0;
        // Over TLS it is not even decrypted.
        let mut total = 0;
        BUFFERS.with_borrow_mut(|buffers| {
            let ciphertext = &mut buffers.ciphertext;
            loop {
                ciphertext.clear();
                ciphertext.reserve_exact(READ_SIZE * 2);
                match self.socket.read_spare(ciphertext) {
                    Ok(0) => return ReadOutcome::End,
                    Ok(read) => {
                        total += read;
                        self.received += read as u64;
                        if !self.lingering.as_mut().is_some_and(|lingering| lingering.take(read)) {
                            return ReadOutcome::End;
                        }
                        // Other connections have a turn too.
                        if total >= 1 << 20 {
                            self.drained = false;
                            return ReadOutcome::Nothing(Interest::Read);
                        }
                    }
                    Err(error) => {
                        self.drained = true;
                        return failed(error, Interest::Read);
                    }
                }
            }
        })
    }
}

impl Parkable for Connection {
    fn token(&self) -> Token {
        self.token
    }

    fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn since(&self) -> u64 {
        self.since
    }

    fn is_drained(&self) -> bool {
        self.drained
    }

    fn standing(&self, phase: Phase, since: u64, now: u64) -> Standing {
        match (phase, &self.backlog, &self.lingering) {
            (Phase::Idle, ..) => Standing::Idle { since },
            (Phase::Turn, Some(pace), _) => {
                let so_far = pace.so_far();
                Standing::Waits(Waiting { waited: so_far.waited.saturating_add(now.saturating_sub(since)), ..so_far })
            }
            (_, _, Some(lingering)) => Standing::waits_since(lingering.begun(), now),
            (Phase::Handshake | Phase::Fresh | Phase::Head, ..) => Standing::awaits_request_since(since, now),
            _ => Standing::waits_since(since, now),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.poller.forget(self.token);
        // The place is freed before the socket is closed: this connection is its last holder.
        self.registry.remove(self.token);
    }
}

/// How many of the sent bytes the peer has acknowledged. This is its progress: what was written may stay in the system's buffer
/// for a long time.
fn acknowledged(socket: &Socket, sent: u64) -> u64 {
    sent.saturating_sub(socket.unacknowledged().unwrap_or(0))
}

fn failed(error: io::Error, interest: Interest) -> ReadOutcome {
    if error.kind() == io::ErrorKind::WouldBlock { ReadOutcome::Nothing(interest) } else { ReadOutcome::Failed(error) }
}

/// A TLS handshake begins with 22 (RFC 8446 §5.1), a request with a letter, or with an empty line before it.
fn looks_like_http(first: u8) -> bool {
    first.is_ascii_alphabetic() || first == b'\r'
}
