//! The worker pool: how many worker threads there are, and how many of them work at the same time.
//!
//! A few workers wait for events and handle them. With more, the system would switch between them; with fewer, processors would
//! be idle. A blocked worker (it waits for a slow client, or its handler takes long) does not count, so another one takes its
//! place: at once if the server itself waits, within a few milliseconds if the watchdog finds a handler that does not return.
//! When a blocked worker comes back there are more than needed, and the next one that would wait for an event becomes a spare:
//! it waits until a worker is needed, and ends if none is for a while.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::lock::lock;

/// Counts the workers, and starts and stops them.
pub(super) struct WorkerPool {
    /// How many workers are to be active.
    wanted: usize,
    most: usize,
    /// How long a spare waits before it ends.
    spare_time: Duration,
    /// What the thread of a worker does.
    run: Arc<Run>,
    /// How many workers wait for an event or handle one; blocked ones do not count.
    active: AtomicUsize,
    /// How many of the active workers wait for an event.
    waiting: AtomicUsize,
    closing: AtomicBool,
    roster: Mutex<Roster>,
    /// Signalled when a thread ends.
    left: Condvar,
    /// Wakes a spare.
    calls: (Sender<()>, Receiver<()>),
}

type Run = dyn Fn(&Arc<WorkerStatus>) + Send + Sync;

#[derive(Default)]
struct Roster {
    /// How many threads have not ended, spares included.
    alive: usize,
    spares: usize,
    threads: Vec<JoinHandle<()>>,
    statuses: Vec<Arc<WorkerStatus>>,
}

/// What other threads can see of a worker.
#[derive(Debug, Default)]
pub(super) struct WorkerStatus {
    /// Grows whenever a handler is entered or left; odd while one runs.
    transitions: AtomicU64,
    /// What `transitions` was when the watchdog last checked.
    seen: AtomicU64,
    /// Whether the watchdog has excluded it from the active workers because its handler does not return.
    excluded: AtomicBool,
    /// The request that is being answered, or was answered last, for the log.
    request: Mutex<String>,
}

/// How often handlers were entered or left, and how many are running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandlerActivity {
    transitions: u64,
    pub(super) running: usize,
}

/// How many bytes of a target are noted for the log.
const MAX_NOTED_TARGET: usize = 200;

thread_local! {
    /// The status of the worker that runs on this thread.
    static STATUS: RefCell<Option<Arc<WorkerStatus>>> = const { RefCell::new(None) };
}

/// What a worker does next that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for an event.
    Wait,
    /// The thread ends.
    End,
}

impl WorkerPool {
    /// A pool without workers. It will have at most `most`, of which `wanted` work at the same time; the thread of each runs
    /// `run`.
    pub(super) fn new(
        wanted: usize,
        most: usize,
        spare_time: Duration,
        run: impl Fn(&Arc<WorkerStatus>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            wanted,
            most: most.max(wanted),
            spare_time,
            run: Arc::new(run),
            active: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            roster: Mutex::default(),
            left: Condvar::new(),
            calls: unbounded(),
        }
    }

    /// Whether no worker waits for the next event, and another one may be active.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.active.load(Ordering::SeqCst) < self.wanted
    }

    /// Whether no worker waits for an event.
    pub(super) fn are_all_busy(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Calls a spare, or starts a worker, if fewer are active than are wanted.
    ///
    /// # Errors
    ///
    /// When the system starts no more threads.
    pub(super) fn add(&self) -> io::Result<()> {
        let mut roster = self.lock();
        if self.active.load(Ordering::SeqCst) >= self.wanted || self.closing.load(Ordering::SeqCst) {
            return Ok(());
        }
        if roster.spares > 0 {
            roster.spares -= 1;
            self.active.fetch_add(1, Ordering::SeqCst);
            self.calls.0.send(()).expect("the workers hold a receiver themselves");
            return Ok(());
        }
        if roster.alive >= self.most {
            return Ok(());
        }
        self.spawn(&mut roster)
    }

    /// Makes sure that there are more workers than this many, of which each answers a request for a long time.
    ///
    /// # Errors
    ///
    /// When the system starts no more threads.
    pub(super) fn ensure_more_than(&self, occupied: usize) -> io::Result<()> {
        let mut roster = self.lock();
        if roster.alive > occupied || self.closing.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.spawn(&mut roster)
    }

    fn spawn(&self, roster: &mut Roster) -> io::Result<()> {
        let status = Arc::new(WorkerStatus::default());
        let (own, run) = (Arc::clone(&status), Arc::clone(&self.run));
        // It is counted before it runs, because it stops counting when it blocks.
        self.active.fetch_add(1, Ordering::SeqCst);
        match thread::Builder::new().name("hearken-worker".into()).spawn(move || run(&own)) {
            Ok(thread) => {
                roster.alive += 1;
                roster.threads.retain(|thread| !thread.is_finished());
                roster.threads.push(thread);
                roster.statuses.push(status);
                Ok(())
            }
            Err(error) => {
                self.active.fetch_sub(1, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    /// Asks whether this worker is to wait for an event. If enough are active without it, it is a spare first.
    pub(super) fn before_wait(&self, status: &Arc<WorkerStatus>) -> Next {
        while self.active.load(Ordering::SeqCst) > self.wanted {
            let mut roster = self.lock();
            if self.active.load(Ordering::SeqCst) <= self.wanted || self.closing.load(Ordering::SeqCst) {
                break;
            }
            self.active.fetch_sub(1, Ordering::SeqCst);
            roster.spares += 1;
            drop(roster);
            if self.calls.1.recv_timeout(self.spare_time) != Err(RecvTimeoutError::Timeout) {
                continue;
            }
            let mut roster = self.lock();
            // If it was called in the last moment, the call is in the channel.
            if roster.spares == 0 {
                drop(roster);
                let _ = self.calls.1.recv();
                continue;
            }
            roster.spares -= 1;
            self.leave(roster, status);
            return Next::End;
        }
        if self.closing.load(Ordering::SeqCst) {
            self.end(status);
            return Next::End;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Next::Wait
    }

    /// Notes that a worker no longer waits for an event.
    pub(super) fn after_wait(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a worker whose wait timed out may end, because another one waits.
    pub(super) fn may_end(&self, status: &Arc<WorkerStatus>) -> bool {
        let roster = self.lock();
        if self.waiting.load(Ordering::SeqCst) == 0 || self.active.load(Ordering::SeqCst) < 2 {
            return false;
        }
        self.active.fetch_sub(1, Ordering::SeqCst);
        self.leave(roster, status);
        true
    }

    /// Excludes this worker from the active ones while it waits for a peer. Returns whether another one is to take its place.
    pub(super) fn block(&self) -> bool {
        self.active.fetch_sub(1, Ordering::SeqCst);
        self.is_short()
    }

    /// Includes this worker in the active ones again.
    pub(super) fn unblock(&self) {
        self.active.fetch_add(1, Ordering::SeqCst);
    }

    /// Excludes the workers whose handlers have not returned since the last call. Returns whether more workers are needed.
    pub(super) fn exclude_stuck(&self) -> bool {
        for status in &self.lock().statuses {
            let transitions = status.transitions.load(Ordering::SeqCst);
            let stuck = transitions % 2 == 1 && status.seen.swap(transitions, Ordering::SeqCst) == transitions;
            if stuck && !status.excluded.swap(true, Ordering::SeqCst) {
                self.active.fetch_sub(1, Ordering::SeqCst);
                // Its handler may have returned in this moment, without seeing that the worker was excluded.
                if status.transitions.load(Ordering::SeqCst) != transitions {
                    self.include(status);
                }
            }
        }
        self.is_short()
    }

    /// Makes the calling thread that of a worker.
    pub(super) fn enlist(status: &Arc<WorkerStatus>) {
        STATUS.set(Some(Arc::clone(status)));
    }

    /// Whether the calling thread is that of a worker. A handler may have threads of its own.
    pub(super) fn is_worker() -> bool {
        STATUS.with_borrow(Option::is_some)
    }

    /// Notes the request that the worker of this thread is about to answer.
    pub(super) fn note_request(method: &str, target: &str) {
        STATUS.with_borrow(|status| {
            if let Some(status) = status {
                let mut request = lock(&status.request);
                request.clear();
                request.push_str(method);
                request.push(' ');
                request.push_str(target.get(..MAX_NOTED_TARGET).unwrap_or(target));
            }
        });
    }

    /// How much handlers have done so far.
    pub(super) fn handler_activity(&self) -> HandlerActivity {
        let mut activity = HandlerActivity { transitions: 0, running: 0 };
        for status in &self.lock().statuses {
            let own = status.transitions.load(Ordering::SeqCst);
            activity.transitions = activity.transitions.wrapping_add(own);
            activity.running += usize::from(own % 2 == 1);
        }
        activity
    }

    /// Notes that the worker of this thread enters a handler.
    pub(super) fn enter_handler() {
        STATUS.with_borrow(|status| {
            if let Some(status) = status {
                status.transitions.fetch_add(1, Ordering::SeqCst);
            }
        });
    }

    /// Notes that the worker of this thread has left a handler, or has interrupted it to wait. Returns whether it was in one.
    pub(super) fn leave_handler(&self) -> bool {
        STATUS.with_borrow(|status| {
            let Some(status) = status else { return false };
            let inside = status.transitions.load(Ordering::Relaxed) % 2 == 1;
            if inside {
                status.transitions.fetch_add(1, Ordering::SeqCst);
                self.include(status);
            }
            inside
        })
    }

    fn include(&self, status: &WorkerStatus) {
        if status.excluded.load(Ordering::SeqCst) && status.excluded.swap(false, Ordering::SeqCst) {
            self.active.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Has the workers end when they have nothing to do. The caller wakes those that already wait for an event.
    pub(super) fn close(&self) {
        let mut roster = self.lock();
        self.closing.store(true, Ordering::SeqCst);
        for _ in 0..std::mem::take(&mut roster.spares) {
            self.active.fetch_add(1, Ordering::SeqCst);
            self.calls.0.send(()).expect("the workers hold a receiver themselves");
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Waits until all workers have ended, or until the deadline. Returns the requests of those that have not: they are left
    /// behind.
    pub(super) fn join_until(&self, deadline: Instant) -> Vec<String> {
        let mut roster = self.lock();
        while roster.alive > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            roster = self.left.wait_timeout(roster, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let threads = std::mem::take(&mut roster.threads);
        let left_behind: Vec<_> = roster.statuses.iter().map(|status| lock(&status.request).clone()).collect();
        drop(roster);
        for thread in threads {
            if left_behind.is_empty() || thread.is_finished() {
                // A worker catches the panics of handlers and streams.
                let _ = thread.join();
            }
        }
        left_behind
    }

    fn end(&self, status: &Arc<WorkerStatus>) {
        self.active.fetch_sub(1, Ordering::SeqCst);
        self.leave(self.lock(), status);
    }

    fn leave(&self, mut roster: MutexGuard<'_, Roster>, status: &Arc<WorkerStatus>) {
        roster.alive -= 1;
        roster.statuses.retain(|other| !Arc::ptr_eq(other, status));
        drop(roster);
        self.left.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roster)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Weak};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn until(check: impl Fn() -> bool) {
        while !check() {
            thread::yield_now();
        }
    }

    /// A pool whose workers wait for events on a channel; each event is a closure to run.
    struct Pool {
        workers: WorkerPool,
        events: (Sender<Event>, Receiver<Event>),
    }

    type Event = Box<dyn FnOnce(&Pool, &Arc<WorkerStatus>) + Send>;

    impl Pool {
        fn new(wanted: usize, most: usize, spare_time: Duration) -> Arc<Self> {
            let pool = Arc::new_cyclic(|pool: &Weak<Self>| {
                let pool = Weak::clone(pool);
                let run = move |status: &Arc<WorkerStatus>| pool.upgrade().expect("the test holds it").work(status);
                Self { workers: WorkerPool::new(wanted, most, spare_time, run), events: unbounded() }
            });
            pool.add();
            pool
        }

        fn add(&self) {
            self.workers.add().unwrap();
        }

        fn work(&self, status: &Arc<WorkerStatus>) {
            WorkerPool::enlist(status);
            while self.workers.before_wait(status) == Next::Wait {
                let event = self.events.1.recv();
                self.workers.after_wait();
                let Ok(event) = event else { return };
                if self.workers.is_short() {
                    self.add();
                }
                event(self, status);
            }
        }

        fn submit(&self, event: impl FnOnce(&Pool, &Arc<WorkerStatus>) + Send + 'static) {
            self.events.0.send(Box::new(event)).unwrap();
        }

        /// Ends all workers, and returns how many there were.
        fn end(&self) -> usize {
            let alive = self.workers.lock().alive;
            self.workers.close();
            for _ in 0..alive {
                self.submit(|_, _| {});
            }
            let left_behind = self.workers.join_until(Instant::now() + LONG);
            assert!(left_behind.is_empty(), "{left_behind:?}");
            assert_eq!(self.workers.lock().alive, 0);
            alive
        }
    }

    #[test]
    fn as_many_workers_run_at_once_as_are_wanted() {
        let pool = Pool::new(4, 100, LONG);
        let together = Arc::new(Barrier::new(4));
        for _ in 0..400 {
            let together = Arc::clone(&together);
            // Each waits for three others, so this ends only if four run at a time.
            pool.submit(move |_, _| {
                together.wait();
            });
        }
        until(|| pool.events.1.is_empty());
        assert_eq!(pool.end(), 4);
    }

    #[test]
    fn blocked_workers_are_replaced_at_once_and_surplus_ones_become_spares() {
        let pool = Pool::new(2, 100, LONG);
        let together = Arc::new(Barrier::new(10));
        for _ in 0..10 {
            let together = Arc::clone(&together);
            pool.submit(move |pool, _| {
                if pool.workers.block() {
                    pool.add();
                }
                together.wait();
                pool.workers.unblock();
            });
        }
        until(|| {
            let roster = pool.workers.lock();
            roster.spares >= 8 && roster.alive - roster.spares == 2
        });
        let alive = pool.workers.lock().alive;
        assert!((10..=12).contains(&alive), "{alive}");
        assert_eq!(pool.workers.active.load(Ordering::SeqCst), 2);
        assert_eq!(pool.end(), alive);
    }

    #[test]
    fn a_worker_with_a_stuck_handler_is_excluded_until_the_handler_returns() {
        let pool = Pool::new(1, 100, LONG);
        let (go, wait) = unbounded::<()>();
        let (entered, inside) = unbounded();
        pool.submit(move |pool, _| {
            WorkerPool::enter_handler();
            entered.send(()).unwrap();
            wait.recv().unwrap();
            assert!(pool.workers.leave_handler());
        });
        inside.recv().unwrap();
        assert!(!pool.workers.exclude_stuck(), "at the first check it may just have begun");
        assert!(pool.workers.exclude_stuck(), "at the second check it is stuck");
        assert!(pool.workers.exclude_stuck(), "and is excluded only once");
        pool.add();
        let (done, finished) = unbounded();
        pool.submit(move |_, _| done.send(()).unwrap());
        finished.recv().unwrap();
        go.send(()).unwrap();
        until(|| pool.workers.lock().spares == 1);
        assert_eq!(pool.workers.active.load(Ordering::SeqCst), 1);
        assert_eq!(pool.end(), 2);
    }

    #[test]
    fn there_can_be_more_workers_than_are_occupied() {
        let pool = Pool::new(1, 8, LONG);
        for (occupied, alive) in [(0, 1), (1, 2), (1, 2), (2, 3), (0, 3)] {
            pool.workers.ensure_more_than(occupied).unwrap();
            assert_eq!(pool.workers.lock().alive, alive, "{occupied} occupied");
        }
        assert_eq!(pool.end(), 3);
        pool.workers.ensure_more_than(9).unwrap();
        assert_eq!(pool.workers.lock().alive, 0, "no thread starts while the workers end");
    }

    #[test]
    fn there_are_never_more_workers_than_are_allowed() {
        let pool = Pool::new(2, 3, LONG);
        let (go, wait) = unbounded::<()>();
        for _ in 0..20 {
            let wait = wait.clone();
            pool.submit(move |pool, _| {
                if pool.workers.block() {
                    pool.add();
                }
                wait.recv().unwrap();
                pool.workers.unblock();
            });
        }
        until(|| pool.workers.lock().alive == 3 && pool.events.1.len() == 17);
        for _ in 0..20 {
            go.send(()).unwrap();
        }
        until(|| pool.events.1.is_empty());
        assert!(pool.end() <= 3);
    }

    #[test]
    fn spares_end_when_no_worker_is_needed_for_a_while() {
        let pool = Pool::new(1, 100, Duration::from_millis(1));
        let (together, done) = (Arc::new(Barrier::new(8)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..8 {
            let (together, done) = (Arc::clone(&together), Arc::clone(&done));
            pool.submit(move |pool, _| {
                if pool.workers.block() {
                    pool.add();
                }
                together.wait();
                pool.workers.unblock();
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        // Before all events are taken, there may be only one worker too.
        until(|| done.load(Ordering::SeqCst) == 8 && pool.workers.lock().alive == 1);
        assert_eq!(pool.end(), 1);
    }
}
