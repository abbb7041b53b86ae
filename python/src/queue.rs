//! A subscriber's queue, as Python reads it: in batches, without waiting.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Wake, Waker},
};

use dtt_core::Topic;
use dtt_embed::Listeners;
use pyo3::{intern, prelude::*, types::PyList};

use crate::{error::Fault, event::Maker, mailbox::WAKES, runtime};

/// A subscriber's own queue of events.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Queue(dtt_embed::Queue);

/// A wait of Python's, by its number.
struct Wait(u64);

impl Queue {
    pub(crate) fn new(topic: &Topic) -> Self {
        Self(dtt_embed::Queue::new(topic, Arc::<Listeners>::default()))
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
            let taken = match token {
                Some(token) => self.0.take_or_wake(max, token, || Waker::from(Arc::new(Wait(token))), &mut batch),
                None => self.0.take(max, &mut batch),
            };
            if taken.map_err(Fault::from)?.is_pending() {
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
        self.0.forget(token);
    }

    /// Lets go of the queue. Readers that wait are woken.
    fn close(&self) -> Result<(), Fault> {
        runtime::not_forked()?;
        self.0.discard();
        Ok(())
    }
}

impl Wake for Wait {
    fn wake(self: Arc<Self>) {
        WAKES.push(self.0);
    }
}
