//! A service with state, such as a program would test over sockets: it counts visits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearken::{HttpError, Json, Request, Router, with_state};

#[derive(Default)]
struct Visits(AtomicU64);

impl Visits {
    fn count(&self, _: &mut Request) -> Json<u64> {
        Json(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn sum(request: &mut Request) -> Result<Json<u64>, HttpError> {
    let numbers: Vec<u64> = request.json()?;
    let sum = numbers.iter().try_fold(0_u64, |sum, number| sum.checked_add(*number));
    sum.map(Json).ok_or_else(|| HttpError::unprocessable("the sum is too large"))
}

/// The service, with a count of its own.
pub fn app() -> Router {
    let visits = Arc::new(Visits::default());
    Router::new().post("/visits", with_state(&visits, Visits::count)).post("/sum", sum)
}
