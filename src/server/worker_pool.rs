//! The worker threads: how many there are, and how many of them work at the same time.
//!
//! A few workers wait for events and do what they ask for. More of them would only switch back and forth, fewer would leave
//! processors idle. One that is blocked (it waits for a slow client, or a handler takes its time) does not count, so another
//! takes its place: at once where the server itself waits, and within a few milliseconds where the watchdog finds a handler
//! that does not return. When a blocked one comes back there are more than needed, and the next one that would wait for an
//! event becomes a spare: it waits for the next time that one is needed, and ends when there is none for a while.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::lock::lock;

/// Counts the workers, and starts and stops them.
pub(super) struct WorkerPool {
    /// How many are to work at the same time.
    wanted: usize,
    most: usize,
    /// How many spares wait before they end.
    spare_time: Duration,
    /// What a worker's thread does.
    run: Arc<Run>,
    /// How many wait for an event or work on one, those that are blocked left out.
    active: AtomicUsize,
    /// How many of these wait for an event.
    waiting: AtomicUsize,
    closing: AtomicBool,
    roster: Mutex<Roster>,
    /// Tells whoever waits for them that a thread has ended.
    left: Condvar,
    /// Wakes a spare.
    calls: (Sender<()>, Receiver<()>),
}

type Run = dyn Fn(&Arc<WorkerStatus>) + Send + Sync;

#[derive(Default)]
struct Roster {
    /// Threads that have not ended, spares too.
    alive: usize,
    spares: usize,
    threads: Vec<JoinHandle<()>>,
    statuses: Vec<Arc<WorkerStatus>>,
}

/// What a worker lets others know.
#[derive(Debug, Default)]
pub(super) struct WorkerStatus {
    /// Grows whenever a handler is entered or left; odd while one runs.
    transitions: AtomicU64,
    /// What `transitions` was when the watchdog last looked.
    seen: AtomicU64,
    /// Whether the watchdog has counted it out because its handler does not return.
    excluded: AtomicBool,
    /// The request that is being answered, or was last, for the log.
    request: Mutex<String>,
}

/// How often handlers were entered or left, and how many run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandlerActivity {
    transitions: u64,
    pub(super) running: usize,
}

/// How much of a target is noted for the log, in bytes.
const MAX_NOTED_TARGET: usize = 200;

thread_local! {
    /// The status of the worker whose thread this is.
    static STATUS: RefCell<Option<Arc<WorkerStatus>>> = const { RefCell::new(None) };
}

/// What is to be done by a worker that would wait for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    /// The thread ends.
    End,
}

impl WorkerPool {
    /// No workers yet; at most `most`, of which `wanted` work at the same time. The thread of each does `run`.
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

    /// Whether nobody is left to take the next event, though somebody could be.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.active.load(Ordering::SeqCst) < self.wanted
    }

    /// Whether nobody waits for an event.
    pub(super) fn are_all_busy(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Calls a spare, or starts a worker, if there are fewer than are wanted.
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
        let status = Arc::new(WorkerStatus::default());
        let (own, run) = (Arc::clone(&status), Arc::clone(&self.run));
        // Counted before it runs, for it counts itself out when it is blocked.
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

    /// Asks whether this worker is to wait for an event. Where there are enough without it, it is first a spare.
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
            // One that was called in the last moment finds the call in the channel.
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

    /// Notes that a worker has stopped waiting for an event.
    pub(super) fn after_wait(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a worker that has waited in vain for long may end, another one waiting still.
    pub(super) fn may_end(&self, status: &Arc<WorkerStatus>) -> bool {
        let roster = self.lock();
        if self.waiting.load(Ordering::SeqCst) == 0 || self.active.load(Ordering::SeqCst) < 2 {
            return false;
        }
        self.active.fetch_sub(1, Ordering::SeqCst);
        self.leave(roster, status);
        true
    }

    /// Counts this worker out for as long as it waits for a peer. Its place is to be taken if this says so.
    pub(super) fn block(&self) -> bool {
        self.active.fetch_sub(1, Ordering::SeqCst);
        self.is_short()
    }

    /// Counts this worker in again.
    pub(super) fn unblock(&self) {
        self.active.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts out the workers whose handlers have not returned since this was last asked; whether more workers are needed.
    pub(super) fn exclude_stuck(&self) -> bool {
        for status in &self.lock().statuses {
            let transitions = status.transitions.load(Ordering::SeqCst);
            let stuck = transitions % 2 == 1 && status.seen.swap(transitions, Ordering::SeqCst) == transitions;
            if stuck && !status.excluded.swap(true, Ordering::SeqCst) {
                self.active.fetch_sub(1, Ordering::SeqCst);
                // It may have come back in this very moment, and not have seen that it was counted out.
                if status.transitions.load(Ordering::SeqCst) != transitions {
                    self.include(status);
                }
            }
        }
        self.is_short()
    }

    /// Makes this thread a worker's.
    pub(super) fn enlist(status: &Arc<WorkerStatus>) {
        STATUS.set(Some(Arc::clone(status)));
    }

    /// Whether this thread is a worker's. A handler may have others.
    pub(super) fn is_worker() -> bool {
        STATUS.with_borrow(Option::is_some)
    }

    /// Notes the request that this thread's worker is about to answer, by its method and target.
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

    /// How often handlers were entered or left so far.
    pub(super) fn handler_activity(&self) -> HandlerActivity {
        let mut activity = HandlerActivity { transitions: 0, running: 0 };
        for status in &self.lock().statuses {
            let own = status.transitions.load(Ordering::SeqCst);
            activity.transitions = activity.transitions.wrapping_add(own);
            activity.running += usize::from(own % 2 == 1);
        }
        activity
    }

    /// Notes that this thread's worker enters a handler.
    pub(super) fn enter_handler() {
        STATUS.with_borrow(|status| {
            if let Some(status) = status {
                status.transitions.fetch_add(1, Ordering::SeqCst);
            }
        });
    }

    /// Notes that this thread's worker is not in a handler any more, or not for a while; whether it was in one.
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

    /// Has the workers end when they would wait for an event. Those that wait for one already are the caller's to wake.
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

    /// Waits until all have ended, or until the deadline. What those do that have not: they are left behind.
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
                // A worker catches the panics of what it does; it has none of its own.
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

    /// A pool whose workers wait for events on a channel: each event is something to do.
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

        /// Ends all workers, and says how many there were.
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
    fn as_many_work_at_once_as_are_wanted() {
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
    fn a_stuck_handler_is_counted_out_until_it_returns() {
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
        assert!(!pool.workers.exclude_stuck(), "at the first look it may just have begun");
        assert!(pool.workers.exclude_stuck(), "at the second it is stuck");
        assert!(pool.workers.exclude_stuck(), "and is counted out once only");
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
    fn there_are_never_more_than_may_be() {
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
    fn spares_end_after_a_while() {
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
        // Before all are there, there may be one worker only as well.
        until(|| done.load(Ordering::SeqCst) == 8 && pool.workers.lock().alive == 1);
        assert_eq!(pool.end(), 1);
    }
}
