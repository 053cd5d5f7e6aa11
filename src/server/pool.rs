//! The worker threads: few when there is little to do, more while jobs wait, up to a cap; idle ones leave.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::scheduling;

/// Runs jobs on threads of its own, each job on one thread from start to end.
pub(super) struct Pool<J> {
    shared: Arc<Shared<J>>,
    jobs: Sender<J>,
}

struct Shared<J> {
    waiting: Receiver<J>,
    run: Box<dyn Fn(J) + Send + Sync>,
    max_workers: usize,
    /// How long a worker waits for a job before it leaves.
    linger: Duration,
    state: Mutex<State>,
}

/// The invariant that no job waits while a worker idles: whoever sends a job counts it first and starts a worker if more
/// jobs are counted than workers idle; a worker that leaves looks at both counts under the same lock.
struct State {
    workers: usize,
    idle: usize,
    /// Jobs sent and not yet taken.
    queued: usize,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + 'static> Pool<J> {
    /// A pool of at most `max_workers` threads, none of which runs yet. At most `backlog` jobs wait for a worker.
    pub(super) fn new(
        max_workers: usize,
        backlog: usize,
        linger: Duration,
        run: impl Fn(J) + Send + Sync + 'static,
    ) -> Self {
        let (jobs, waiting) = bounded(backlog);
        let state = State { workers: 0, idle: 0, queued: 0, threads: Vec::new() };
        let shared = Shared { waiting, run: Box::new(run), max_workers, linger, state: Mutex::new(state) };
        Self { shared: Arc::new(shared), jobs }
    }

    /// Hands a job to a worker, starting one where none is free. Waits while all are busy and the backlog is full.
    ///
    /// # Errors
    ///
    /// When a worker was needed and the system would not start it. The job then waits for another worker.
    pub(super) fn submit(&self, job: J) -> io::Result<()> {
        let starting = {
            let mut state = self.shared.lock();
            state.queued += 1;
            let starting = state.queued > state.idle && state.workers < self.shared.max_workers;
            if starting {
                state.workers += 1;
            }
            starting
        };
        self.jobs.send(job).expect("the pool itself holds a receiver");
        if starting { self.start() } else { Ok(()) }
    }

    /// How many jobs wait although no other worker can be started for them, which is tried first.
    pub(super) fn waiting_in_vain(&self) -> usize {
        let mut state = self.shared.lock();
        let waiting = state.queued.saturating_sub(state.idle);
        if waiting == 0 || state.workers >= self.shared.max_workers {
            return waiting;
        }
        state.workers += 1;
        drop(state);
        if self.start().is_ok() { 0 } else { waiting }
    }

    /// Gives up a worker that will never come back from its job: another may take its place, and `join` does not wait for it.
    pub(super) fn give_up(&self, worker: ThreadId) {
        let mut state = self.shared.lock();
        let before = state.threads.len();
        state.threads.retain(|thread| thread.thread().id() != worker);
        if state.threads.len() < before {
            state.workers -= 1;
        }
    }

    /// Takes no more jobs, finishes those that were sent, and returns when all threads have ended.
    pub(super) fn join(self) {
        drop(self.jobs);
        loop {
            let threads = std::mem::take(&mut self.shared.lock().threads);
            if threads.is_empty() {
                return;
            }
            for thread in threads {
                // A worker catches the panics of its jobs; it has none of its own.
                let _ = thread.join();
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let result = thread::Builder::new().name("hearken-worker".into()).spawn(move || shared.work());
        let mut state = self.shared.lock();
        match result {
            Ok(thread) => {
                state.threads.retain(|thread| !thread.is_finished());
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                state.workers -= 1;
                Err(error)
            }
        }
    }
}

impl<J> Shared<J> {
    fn work(&self) {
        scheduling::run_without_interrupting();
        while let Some(job) = self.next() {
            // What a handler's panic leaves is the connection's to clean up; this is the last net.
            if catch_unwind(AssertUnwindSafe(|| (self.run)(job))).is_err() {
                log::error!("a connection was given up after a panic");
            }
        }
    }

    /// The next job; `None` when there has been none for a while, or will be none.
    fn next(&self) -> Option<J> {
        self.lock().idle += 1;
        loop {
            let received = self.waiting.recv_timeout(self.linger);
            let mut state = self.lock();
            match received {
                Ok(job) => {
                    state.idle -= 1;
                    state.queued -= 1;
                    return Some(job);
                }
                // A job was counted on this worker and is on its way.
                Err(RecvTimeoutError::Timeout) if state.queued >= state.idle => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    state.idle -= 1;
                    state.workers -= 1;
                    return None;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the counts are being changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn every_job_runs_once_on_at_most_the_cap() {
        let (running, most, done) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (r, m, d) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&done));
        let pool = Pool::new(4, 2, Duration::from_micros(50), move |_: usize| {
            m.fetch_max(r.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            r.fetch_sub(1, Ordering::SeqCst);
            d.fetch_add(1, Ordering::SeqCst);
        });
        for job in 0..5_000 {
            pool.submit(job).unwrap();
        }
        pool.join();
        assert_eq!(done.load(Ordering::SeqCst), 5_000);
        assert!(most.load(Ordering::SeqCst) <= 4);
    }

    #[test]
    fn jobs_that_need_each_other_all_get_a_worker() {
        // Each job waits for all the others, so this ends only if none waits behind another.
        let barrier = Arc::new(Barrier::new(16));
        let all = Arc::clone(&barrier);
        let pool = Pool::new(16, 1, LONG, move |()| {
            all.wait();
        });
        for _ in 0..16 {
            pool.submit(()).unwrap();
        }
        pool.join();
    }

    #[test]
    fn idle_workers_leave_and_one_is_reused() {
        let pool = Pool::new(8, 8, Duration::from_millis(1), |()| {});
        for _ in 0..8 {
            pool.submit(()).unwrap();
        }
        while pool.shared.lock().workers > 0 {
            thread::yield_now();
        }
        assert_eq!(pool.shared.lock().idle, 0);
        pool.join();

        let (done, count) = crossbeam_channel::unbounded();
        let pool = Pool::new(8, 8, LONG, move |()| done.send(thread::current().id()).unwrap());
        pool.submit(()).unwrap();
        let first = count.recv().unwrap();
        while pool.shared.lock().idle == 0 {
            thread::yield_now();
        }
        pool.submit(()).unwrap();
        assert_eq!(count.recv().unwrap(), first);
        pool.join();
    }

    #[test]
    fn jobs_that_no_worker_can_come_for_are_counted() {
        let (go_on, wait) = bounded::<()>(0);
        let (tell, told) = crossbeam_channel::unbounded();
        let pool = Pool::new(1, 4, LONG, move |()| {
            tell.send(()).unwrap();
            let _ = wait.recv();
        });
        assert_eq!(pool.waiting_in_vain(), 0);
        for _ in 0..3 {
            pool.submit(()).unwrap();
        }
        told.recv().unwrap();
        assert_eq!(pool.waiting_in_vain(), 2);
        drop(go_on);
        pool.join();
    }

    #[test]
    fn a_worker_that_is_given_up_is_replaced_and_not_waited_for() {
        let (never, wait) = bounded::<()>(0);
        let (tell, told) = crossbeam_channel::unbounded();
        let pool = Pool::new(1, 4, LONG, move |stuck: bool| {
            tell.send(thread::current().id()).unwrap();
            if stuck {
                let _ = wait.recv();
            }
        });
        pool.submit(true).unwrap();
        let stuck = told.recv().unwrap();
        pool.give_up(stuck);
        pool.submit(false).unwrap();
        assert_ne!(told.recv().unwrap(), stuck);
        pool.join();
        drop(never);
    }

    #[test]
    fn a_panicking_job_does_not_take_its_worker_along() {
        let (done, count) = crossbeam_channel::unbounded();
        let pool = Pool::new(1, 4, LONG, move |job: u8| {
            assert!(job != 0, "the panic that this test is about");
            done.send(job).unwrap();
        });
        pool.submit(0).unwrap();
        pool.submit(1).unwrap();
        assert_eq!(count.recv().unwrap(), 1);
        pool.join();
    }
}
