//! State that handlers share.

use std::sync::Arc;

use crate::http::request::Request;

/// A function of some state and a request, as a function of the request alone: a handler that shares the state with others.
///
/// The compiler checks that a handler gets the state that it needs, and methods become handlers as they are:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use hearken::{Request, Router, with_state};
///
/// #[derive(Default)]
/// struct Counter { visits: AtomicU64 }
///
/// impl Counter {
///     fn visit(&self, _: &mut Request) -> String {
///         format!("visit number {}", self.visits.fetch_add(1, Ordering::Relaxed) + 1)
///     }
/// }
///
/// let counter = Arc::new(Counter::default());
/// let app = Router::new()
///     .get("/visit", with_state(&counter, Counter::visit))
///     .get("/visits", with_state(&counter, |counter, _| counter.visits.load(Ordering::Relaxed).to_string()));
/// assert_eq!(app.respond(&mut Request::get("/visit")).read_text().unwrap(), "visit number 1");
/// assert_eq!(app.respond(&mut Request::get("/visits")).read_text().unwrap(), "1");
/// ```
pub fn with_state<S, F, R>(state: &Arc<S>, function: F) -> impl Fn(&mut Request) -> R + Send + Sync + 'static
where
    S: Send + Sync + 'static,
    F: Fn(&S, &mut Request) -> R + Send + Sync + 'static,
{
    let state = Arc::clone(state);
    move |request| function(&state, request)
}
