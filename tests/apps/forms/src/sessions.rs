//! The sessions of users who have logged in.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hearken::HttpError;

/// One browser that has logged in.
#[derive(Clone)]
pub struct Session {
    /// What its cookie holds.
    pub id: String,
    /// What the forms of its pages hold, so that no page of another site can send them.
    pub token: String,
}

impl Session {
    /// Checks the token that came with a form.
    pub fn check(&self, token: &str) -> Result<(), HttpError> {
        if token == self.token { Ok(()) } else { Err(HttpError::forbidden("the form is not from this session")) }
    }
}

/// The most sessions at a time: a further one ends the oldest.
const MAX_SESSIONS: usize = 100;

#[derive(Default)]
pub struct Sessions(Mutex<VecDeque<Session>>);

impl Sessions {
    pub fn begin(&self) -> Session {
        let session = Session { id: random(), token: random() };
        let mut sessions = self.lock();
        if sessions.len() == MAX_SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(session.clone());
        session
    }

    pub fn find(&self, id: &str) -> Option<Session> {
        self.lock().iter().find(|session| session.id == id).cloned()
    }

    pub fn end(&self, id: &str) {
        self.lock().retain(|session| session.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 bits that nobody can guess.
fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}
