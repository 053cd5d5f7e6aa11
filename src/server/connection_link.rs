//! The server's side of the connection handle that handlers and streams may keep, from any thread and for any time.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use super::shared::Shared;
use super::socket::Socket;
use super::worker_pool::WorkerPool;
use crate::http::body_channel::{BodyReceiver, Piece};
use crate::http::connection::Link;

/// It keeps neither the connection nor the server alive.
pub(super) struct ConnectionLink {
    shared: Weak<Shared>,
    socket: Weak<Socket>,
}

/// How often a wait checks whether the connection is still open. When a server stops, its threads have longer than that to end.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

impl ConnectionLink {
    pub(super) fn new(shared: &Arc<Shared>, socket: &Arc<Socket>) -> Self {
        Self { shared: Arc::downgrade(shared), socket: Arc::downgrade(socket) }
    }

    /// Notes that the response is pending, if the calling thread is a worker and not one of the program's own.
    fn note_pending(&self, shared: &Shared) {
        if let Some(socket) = self.socket.upgrade().filter(|_| WorkerPool::is_worker()) {
            socket.progress.note_pending(shared.clock.now());
        }
    }
}

impl Link for ConnectionLink {
    fn is_open(&self) -> bool {
        self.socket.upgrade().is_some_and(|socket| !socket.is_left(None, Duration::ZERO))
    }

    fn is_stopping(&self) -> bool {
        self.shared.upgrade().is_none_or(|shared| shared.stop.is_stopping())
    }

    fn wait(&self, time: Duration) {
        let deadline = Instant::now().checked_add(time);
        let Some(shared) = self.shared.upgrade() else { return };
        self.note_pending(&shared);
        shared.blocking(|| {
            loop {
                let left =
                    deadline.map_or(CHECK_INTERVAL, |deadline| deadline.saturating_duration_since(Instant::now()));
                let Some(socket) = self.socket.upgrade() else { return };
                if left.is_zero()
                    || shared.stop.is_stopping()
                    || socket.is_left(Some(&shared.stop_notifier), left.min(CHECK_INTERVAL))
                {
                    return;
                }
            }
        });
    }

    fn next_piece(&self, receiver: &BodyReceiver) -> Piece {
        if let Ok(piece) = receiver.pieces.try_recv() {
            return Piece::Bytes(piece);
        }
        let Some(shared) = self.shared.upgrade() else { return Piece::Disconnected };
        self.note_pending(&shared);
        shared.blocking(|| {
            loop {
                match receiver.pieces.recv_timeout(CHECK_INTERVAL) {
                    Ok(piece) => return Piece::Bytes(piece),
                    Err(RecvTimeoutError::Disconnected) => return receiver.end(),
                    Err(RecvTimeoutError::Timeout) if !self.is_open() => return Piece::Disconnected,
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
        })
    }
}
