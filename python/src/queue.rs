//! A subscriber's queue, as Python reads it: in batches, without waiting.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Wake, Waker},
};

use dtt_core::Events;
use pyo3::{intern, prelude::*, types::PyList};

use crate::{
    error::Fault,
    event::Maker,
    mailbox::WAKES,
    runtime::{self, Engine},
};

/// A subscriber's own queue of events.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Queue {
    events: Mutex<Option<Engine<Events>>>,
    signal: Arc<Signal>,
    waker: Waker,
}

/// Who waits for the queue to fill, by number.
#[derive(Default)]
struct Signal(Mutex<Vec<u64>>);

impl Queue {
    pub(crate) fn new(events: Events) -> Self {
        let signal = Arc::new(Signal::default());
        Self { events: Mutex::new(Some(Engine::new(events))), waker: signal.clone().into(), signal }
    }

    fn poll(&self, max: usize, into: &mut VecDeque<dtt_core::Event>) -> Result<Poll<usize>, Fault> {
        // Not while the lock is waited for, which a thread may have held when this process was forked.
        runtime::not_forked()?;
        let mut events = self.lock();
        let Some(events) = events.as_mut() else { return Ok(Poll::Ready(0)) };
        Ok(events.get_mut()?.poll_batch(&mut Context::from_waker(&self.waker), max, into))
    }

    /// Polls; where nothing is there, the wait of this number is woken when that changes.
    fn poll_armed(
        &self,
        max: usize,
        token: Option<u64>,
        into: &mut VecDeque<dtt_core::Event>,
    ) -> Result<Poll<usize>, Fault> {
        let polled = self.poll(max, into)?;
        let Some(token) = token.filter(|_| polled.is_pending()) else { return Ok(polled) };
        self.signal.lock().push(token);
        // What came before the number was there woke nobody.
        let polled = self.poll(max, into)?;
        if polled.is_ready() {
            self.signal.lock().retain(|waiter| *waiter != token);
        }
        Ok(polled)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Engine<Events>>> {
        self.events.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[pymethods]
impl Queue {
    /// Moves up to `max` events to the end of the deque `into`, and says how many: none if there are none now, 0 when the
    /// queue has ended. With a `token`, the wait of that number is woken when there are some, if there are none now.
    ///
    /// It is one step for Python: no signal is handled while events are neither here nor there.
    #[pyo3(signature = (into, max, token = None))]
    fn take(&self, py: Python<'_>, into: &Bound<'_, PyAny>, max: usize, token: Option<u64>) -> PyResult<Option<usize>> {
        loop {
            let mut batch = VecDeque::new();
            if self.poll_armed(max, token, &mut batch)?.is_pending() {
                return Ok(None);
            }
            let ended = batch.is_empty();
            // Python's objects are made with no lock held: making them may run any code.
            let mut maker = Maker::default();
            let list = PyList::empty(py);
            for event in batch {
                if let Some(event) = maker.make(py, event)? {
                    list.append(event)?;
                }
            }
            // Of kinds that are unknown here nothing is left; there may be more behind them.
            if ended || !list.is_empty() {
                into.call_method1(intern!(py, "extend"), (&list,))?;
                return Ok(Some(list.len()));
            }
        }
    }

    /// Forgets a wait.
    fn disarm(&self, token: u64) {
        if runtime::not_forked().is_ok() {
            self.signal.lock().retain(|waiter| *waiter != token);
        }
    }

    /// Lets go of the queue; whoever waits is woken.
    fn close(&self) -> Result<(), Fault> {
        runtime::not_forked()?;
        let events = self.lock().take();
        drop(events);
        self.signal.clone().wake();
        Ok(())
    }
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiters = std::mem::take(&mut *self.lock());
        if !waiters.is_empty() {
            WAKES.push_all(waiters);
        }
    }
}
