//! The server: threads, sockets, TLS streams and deadlines. Nothing else in the crate waits for a client.
//!
//! An acceptor takes connections from each listener and hands them to the workers. A worker does what can be done for a
//! connection, then parks it in the registry, where it waits for its client without a thread. The poller tells the workers when
//! the connection is ready, the watchdog ends it when it has waited for too long.
//!
//! Each file names only files below it. From the top down: `builder` starts the threads and returns a `server`; the threads are
//! `acceptor`, `worker` and `watchdog`; a worker runs an `exchange`, which reads by `body_reader` and writes by `writer`. All of
//! them work on the `context`: the application, the `registry` of open `connection`s and the `evictor`. What a connection
//! itself needs is `shared`: settings, poller, worker pool, stop signal. The rest holds values and rules that know nothing of
//! all this.

mod acceptor;
mod address;
mod bind_addresses;
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
mod notifier;
mod pace;
mod phase;
mod poller;
mod progress;
mod registry;
mod request_body;
#[expect(clippy::module_inception, reason = "it is named for `Server`")]
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

pub use bind_addresses::BindAddresses;
pub use builder::Builder;
pub use server::{Server, Stopped};
pub use stopper::Stopper;
