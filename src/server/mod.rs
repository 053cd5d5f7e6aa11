//! The server: it owns the threads and the sockets, and is the only part that waits.
//!
//! Acceptors take connections from the listeners and hand them to the workers. A worker does what can be done for a connection
//! and parks it in the registry while it waits for its client, which takes no thread; the poller tells when it goes on, the
//! watchdog when it has waited for too long.

mod acceptor;
mod body_reader;
mod builder;
mod clock;
mod connection;
mod connection_link;
mod context;
mod evictor;
mod exchange;
mod lingering;
mod listener;
mod lock;
mod notifier;
mod pace;
mod phase;
mod poller;
mod progress;
mod registry;
mod request_body;
mod server;
mod shared;
mod socket;
mod socket_file;
mod standing;
mod stop_signal;
mod stopper;
mod thread;
mod throttled_log;
mod timers;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls_stream;
#[cfg(feature = "tls")]
mod tls_stream;
mod token;
mod watchdog;
mod watchdog_signal;
mod worker;
mod worker_pool;
pub(crate) mod writer;

pub use builder::Builder;
pub use server::{Server, Stopped};
pub use stopper::Stopper;
