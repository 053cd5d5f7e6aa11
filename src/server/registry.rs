//! The open connections: each has a slot, which holds the connection while it is parked, and its socket also while a worker has
//! it.
//!
//! A connection has one owner: its slot while it is parked, or the worker that takes it. All others refer to it by its [`Token`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::clock::Clock;
use super::phase::Phase;
use super::poller::Poller;
use super::socket::{Interest, Socket};
use super::standing::{MIN_WAIT, Standing};
use super::timers::Timers;
use super::token::Token;
use crate::lock::lock;

/// What the registry knows of a connection.
pub(super) trait Parkable {
    fn token(&self) -> Token;
    fn socket(&self) -> &Arc<Socket>;
    /// When what it waits for now began, in milliseconds.
    fn since(&self) -> u64;
    /// Whether its socket was read dry.
    fn is_drained(&self) -> bool;
    /// Its standing while it is parked in this phase, from this moment on.
    fn standing(&self, phase: Phase, since: u64, now: u64) -> Standing;
}

/// A parked connection, what it waits for, since when, and until when it may.
struct Parked<C> {
    connection: Box<C>,
    phase: Phase,
    /// In milliseconds of the clock, as the deadline.
    since: u64,
    deadline: Option<u64>,
}

/// The place of one connection.
struct Slot<C> {
    state: Mutex<SlotState<C>>,
}

struct SlotState<C> {
    generation: u32,
    /// The socket of the connection, parked or not; `None` while the slot is free.
    socket: Option<Arc<Socket>>,
    /// The network that it comes from, unless it is a Unix socket.
    network: Option<IpAddr>,
    /// The connection, unless a worker has it.
    parked: Option<Parked<C>>,
    /// What the socket is armed for in the poller; `None` before it is added.
    armed: Option<Armed>,
    /// When the slot's earliest alarm goes off.
    alarm: Option<u64>,
}

/// What the poller gives events of a socket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Armed {
    For(Interest),
    ForNothing,
}

/// All open connections.
pub(super) struct Registry<C> {
    clock: Clock,
    chunks: Box<[OnceLock<Box<[Slot<C>]>>]>,
    slots: Mutex<FreeSlots>,
    timers: Mutex<Timers>,
    /// How many connections come from each network; those over Unix sockets are one.
    by_network: Mutex<HashMap<Option<IpAddr>, usize>>,
    count: AtomicUsize,
    closed: Condvar,
    /// How many threads wait for a connection to close.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct FreeSlots {
    free: Vec<u32>,
    /// How many were ever used.
    used: u32,
}

/// A connection that may be evicted, and its rank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranked {
    rank: u64,
    pub(super) token: Token,
    pub(super) standing: Standing,
}

/// What became of a connection that was to make room.
pub(super) enum Evicted<C> {
    /// It was parked, and is the caller's to close.
    Parked(Box<C>),
    /// A worker has it, notices, and gives up its place.
    Cut,
    /// It stays.
    No,
}

/// Slots are allocated this many at a time.
const CHUNK: usize = 256;

/// How many connections a search for those of the lowest rank gives.
const SHORTLIST_LENGTH: usize = 64;

impl<C> Default for Slot<C> {
    fn default() -> Self {
        let state = SlotState { generation: 0, socket: None, network: None, parked: None, armed: None, alarm: None };
        Self { state: Mutex::new(state) }
    }
}

impl<C: Parkable> SlotState<C> {
    /// The standing of its connection; `None` while the slot is free.
    fn standing(&self, now: u64) -> Option<Standing> {
        match (&self.parked, &self.socket) {
            (Some(parked), _) => Some(parked.connection.standing(parked.phase, parked.since, now)),
            (None, Some(socket)) => Some(match (socket.progress.waiting(now), socket.progress.pending_since()) {
                (Some(waiting), pending) if pending.is_none() || waiting.waited >= MIN_WAIT => Standing::Waits(waiting),
                (_, Some(since)) => Standing::Pending { since },
                (_, None) => Standing::Works,
            }),
            (None, None) => None,
        }
    }
}

impl<C: Parkable> Registry<C> {
    /// A registry for at least this many connections.
    pub(super) fn new(connections: usize, clock: Clock) -> Self {
        Self {
            clock,
            chunks: (0..=connections.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect(),
            slots: Mutex::default(),
            timers: Mutex::default(),
            by_network: Mutex::default(),
            count: AtomicUsize::new(0),
            closed: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Milliseconds of the server's clock.
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// How many connections are open.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Takes a place for a new connection, which the caller owns; `None` if all are taken.
    pub(super) fn insert(&self, socket: &Arc<Socket>, network: Option<IpAddr>) -> Option<Token> {
        let index = {
            let mut slots = lock(&self.slots);
            match slots.free.pop() {
                Some(index) => index,
                None if slots.used as usize >= self.chunks.len() * CHUNK => return None,
                None => {
                    slots.used += 1;
                    slots.used - 1
                }
            }
        };
        let mut slot = self.slot(index);
        slot.socket = Some(Arc::clone(socket));
        slot.network = network;
        *lock(&self.by_network).entry(network).or_default() += 1;
        self.count.fetch_add(1, Ordering::SeqCst);
        Some(Token { slot: index, generation: slot.generation })
    }

    /// Frees the place of a connection that its owner is about to close.
    pub(super) fn remove(&self, token: Token) {
        let mut slot = self.slot(token.slot);
        debug_assert!(slot.generation == token.generation && slot.parked.is_none(), "only its owner removes it");
        slot.generation = slot.generation.wrapping_add(1);
        slot.socket = None;
        slot.armed = None;
        let network = slot.network.take();
        drop(slot);
        if let Entry::Occupied(mut count) = lock(&self.by_network).entry(network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        lock(&self.slots).free.push(token.slot);
        self.count.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.slots));
            self.closed.notify_all();
        }
    }

    /// Parks a connection until it is ready to be read or written, or until its deadline. One that is still armed for reading
    /// and has been read dry is not armed again, which saves a system call.
    ///
    /// Returns whether its deadline is now the earliest, of which the watchdog must know.
    pub(super) fn park(
        &self,
        poller: &Poller,
        connection: Box<C>,
        phase: Phase,
        interest: Interest,
        deadline: Option<u64>,
    ) -> Result<bool, (io::Error, Box<C>)> {
        let (token, socket) = (connection.token(), Arc::clone(connection.socket()));
        // The slot stays locked until the socket is armed: the event may come at once, and its worker must find the connection.
        let mut slot = self.slot(token.slot);
        let armed = match slot.armed {
            None => poller.add(&socket, token, interest),
            Some(Armed::For(Interest::Read)) if interest == Interest::Read && connection.is_drained() => Ok(()),
            Some(_) => poller.rearm(&socket, token, interest),
        };
        if let Err(error) = armed {
            return Err((error, connection));
        }
        slot.armed = Some(Armed::For(interest));
        let since = connection.since();
        slot.parked = Some(Parked { connection, phase, since, deadline });
        Ok(self.set_alarm(&mut slot, token.slot, deadline))
    }

    fn set_alarm(&self, slot: &mut SlotState<C>, index: u32, deadline: Option<u64>) -> bool {
        match deadline {
            Some(deadline) if slot.alarm.is_none_or(|alarm| deadline < alarm) => {
                slot.alarm = Some(deadline);
                lock(&self.timers).set(deadline, index)
            }
            _ => false,
        }
    }

    /// Takes the connection of an event; `None` if it is not parked.
    pub(super) fn take_ready(&self, poller: &Poller, token: Token) -> Option<Box<C>> {
        let mut slot = self.slot(token.slot);
        if slot.generation != token.generation {
            return None;
        }
        let parked = slot.parked.take();
        let stays_armed = Poller::STAYS_ARMED && slot.armed == Some(Armed::For(Interest::Read));
        if !stays_armed {
            slot.armed = Some(Armed::ForNothing);
        } else if let (None, Some(socket)) = (&parked, &slot.socket) {
            // A worker has it, and more input has arrived. One such event is enough: the socket is armed again when the
            // connection is parked, which gives another event if the input has not been read by then.
            poller.disarm(socket, token);
            slot.armed = Some(Armed::ForNothing);
        }
        parked.map(|parked| parked.connection)
    }

    /// Takes the connections whose deadline has passed, with what they waited for.
    pub(super) fn take_expired(&self, now: u64) -> Vec<(Phase, Box<C>)> {
        let mut late = Vec::new();
        loop {
            let Some((at, index)) = lock(&self.timers).due(now) else { return late };
            let mut slot = self.slot(index);
            if slot.alarm != Some(at) {
                // It was superseded by an earlier alarm, which has already gone off.
                continue;
            }
            slot.alarm = None;
            match slot.parked.take_if(|parked| parked.deadline.is_some_and(|deadline| deadline <= now)) {
                Some(parked) => late.push((parked.phase, parked.connection)),
                None => {
                    let deadline = slot.parked.as_ref().and_then(|parked| parked.deadline);
                    self.set_alarm(&mut slot, index, deadline);
                }
            }
        }
    }

    /// When the next deadline may pass.
    pub(super) fn next_alarm(&self) -> Option<u64> {
        lock(&self.timers).next()
    }

    /// Takes the parked connections that `choose` picks, by phase and by when that began.
    pub(super) fn take_if(&self, choose: impl Fn(&C, Phase, u64) -> bool) -> Vec<Box<C>> {
        let is_chosen = |parked: &mut Parked<C>| choose(&parked.connection, parked.phase, parked.since);
        let parked = (0..self.used()).filter_map(|index| self.slot(index).parked.take_if(is_chosen));
        parked.map(|parked| parked.connection).collect()
    }

    /// Cuts off the connections that workers have, and takes the parked ones.
    pub(super) fn cut_all(&self) -> Vec<Box<C>> {
        let mut parked = Vec::new();
        for index in 0..self.used() {
            let mut slot = self.slot(index);
            match (slot.parked.take(), &slot.socket) {
                (Some(waiting), _) => parked.push(waiting.connection),
                (None, Some(socket)) => {
                    socket.progress.cut();
                    socket.cut();
                }
                (None, None) => {}
            }
        }
        parked
    }

    /// How many requests are being answered.
    pub(super) fn answering(&self) -> usize {
        let is_answering = |socket: &Arc<Socket>| socket.progress.is_answering();
        (0..self.used()).filter(|&index| self.slot(index).socket.as_ref().is_some_and(is_answering)).count()
    }

    /// Waits until `few` accepts the number of open connections, or for this time at most. Returns whether it did.
    pub(super) fn wait_for_fewer(&self, time: Duration, few: impl Fn(usize) -> bool) -> bool {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let wait = |_: &mut FreeSlots| !few(self.count());
        drop(self.closed.wait_timeout_while(lock(&self.slots), time, wait).unwrap_or_else(PoisonError::into_inner));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        few(self.count())
    }

    /// Wakes the threads that wait for fewer connections.
    pub(super) fn wake(&self) {
        drop(lock(&self.slots));
        self.closed.notify_all();
    }

    /// How many connections are open from this network.
    pub(super) fn count_of(&self, network: Option<IpAddr>) -> usize {
        lock(&self.by_network).get(&network).copied().unwrap_or(0)
    }

    /// The network with the most connections, and how many these are.
    pub(super) fn largest_network(&self) -> Option<(Option<IpAddr>, usize)> {
        lock(&self.by_network).iter().max_by_key(|(_, count)| **count).map(|(network, count)| (*network, *count))
    }

    /// The connections of the lowest ranks, the lowest first. `rank` gives none to a connection that must stay.
    pub(super) fn lowest(&self, rank: impl Fn(Option<IpAddr>, Standing) -> Option<u64>) -> Vec<Ranked> {
        let now = self.clock.now();
        let mut lowest: Vec<_> = (0..self.used())
            .filter_map(|index| {
                let slot = self.slot(index);
                let standing = slot.standing(now)?;
                let rank = rank(slot.network, standing)?;
                Some(Ranked { rank, token: Token { slot: index, generation: slot.generation }, standing })
            })
            .collect();
        if lowest.len() > SHORTLIST_LENGTH {
            lowest.select_nth_unstable_by_key(SHORTLIST_LENGTH, |ranked| ranked.rank);
            lowest.truncate(SHORTLIST_LENGTH);
        }
        lowest.sort_unstable_by_key(|ranked| ranked.rank);
        lowest
    }

    /// Takes a parked connection, or cuts off one that a worker has, if `still` accepts its standing now. A connection whose next
    /// request has arrived is no longer idle, even if no worker has taken it yet.
    pub(super) fn evict(&self, token: Token, still: impl Fn(Standing) -> bool) -> Evicted<C> {
        let now = self.clock.now();
        let mut slot = self.slot(token.slot);
        if slot.generation != token.generation || !slot.standing(now).is_some_and(still) {
            return Evicted::No;
        }
        let is_asked = |parked: &Parked<C>| parked.phase == Phase::Idle && parked.connection.socket().unread() > 0;
        if slot.parked.as_ref().is_some_and(is_asked) {
            return Evicted::No;
        }
        match (slot.parked.take(), &slot.socket) {
            (Some(parked), _) => Evicted::Parked(parked.connection),
            (None, Some(socket)) => {
                let was_cut = socket.progress.cut();
                socket.cut();
                if was_cut { Evicted::No } else { Evicted::Cut }
            }
            (None, None) => Evicted::No,
        }
    }

    fn used(&self) -> u32 {
        lock(&self.slots).used
    }

    fn slot(&self, index: u32) -> MutexGuard<'_, SlotState<C>> {
        let (chunk, place) = (index as usize / CHUNK, index as usize % CHUNK);
        let chunk = self.chunks[chunk].get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect());
        lock(&chunk[place].state)
    }
}
