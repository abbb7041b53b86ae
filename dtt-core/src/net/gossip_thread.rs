//! The threads that nodes' gossip layers run on, with the tasks of their topics.
//!
//! iroh-gossip 0.101 hands events over through a ring of 256 per topic. Its actor overwrites what nobody has taken in time, and
//! says that something is missing, but not how much. Where several threads run the actor and whoever takes its events, the system may
//! stop the one and run the other: at full speed 256 messages are 3 ms. So one thread runs both, in turn, and nothing is overwritten:
//!
//! - Tokio ends a task's turn after 128 operations: the actor writes at most 128 events in one.
//! - A task whose turn was ended so comes after all others that can run. Between the ring and a topic's task there is a short
//!   queue ([`QUEUE`]). Whoever carries events into it finds it full and waits, but is never ended so. Carrying and taking thus go on
//!   until the ring is empty. Then comes the actor's next turn.
//!
//! What the actor does not take in waits in front of it, up to the sender's `broadcast`: a node that is slow slows its peers down.

use std::{
    future::pending,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{Builder, available_parallelism},
};

use tokio::runtime::{self, Handle};

/// Operations that Tokio grants a task in one turn.
pub(super) const TURN: usize = 128;
/// Events between the gossip layer's ring and a topic's task. Carrying one takes two operations, and with a longer queue a turn would
/// end before the queue is full.
pub(super) const QUEUE: usize = TURN / 2 - 1;
/// Threads at the most. A process has mostly one node.
const MAX_THREADS: usize = 4;

/// The threads that have been started. They never end: connections of a node that is gone may still be closing on them.
static THREADS: Mutex<Vec<GossipThread>> = Mutex::new(Vec::new());

/// A thread that runs nodes' gossip layers. As long as it is held, it counts as in use.
#[derive(Debug, Clone)]
pub(crate) struct GossipThread {
    runtime: Handle,
    /// Counts its users by its references.
    users: Arc<()>,
}

impl GossipThread {
    /// The one that the fewest nodes use. Another is started while all are in use and there are fewer than processors.
    pub(super) fn take() -> io::Result<Self> {
        let mut threads = THREADS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let most = available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let is_free = threads.iter().any(|thread| thread.users() == 0);
        if !is_free && threads.len() < most {
            threads.push(Self::start()?);
        }
        Ok(threads.iter().min_by_key(|thread| thread.users()).expect("there is at least one").clone())
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    fn users(&self) -> usize {
        Arc::strong_count(&self.users) - 1
    }

    fn start() -> io::Result<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let name = format!("dtt-gossip-{}", STARTED.fetch_add(1, Relaxed));
        Builder::new().name(name).spawn(move || runtime.block_on(pending::<()>()))?;
        Ok(Self { runtime: handle, users: Arc::default() })
    }
}
