//! A call of the engine's that takes time, as Python waits for it.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use dtt_core::ErrorKind;
use dtt_embed::Unpoisoned;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    error::{Fault, FaultKind},
    mailbox::WAKES,
    runtime::{self, Engine},
};

type Finish = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
type Outcome = Result<Finish, Fault>;

/// A call that has begun. It is given up when it is cancelled or when nobody holds it any more.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Call {
    task: Option<Engine<AbortOnDropHandle<()>>>,
    /// After the task. A result that nobody took is dropped as the engine's objects are.
    shared: Engine<Arc<Shared>>,
}

#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    done: bool,
    waiters: Vec<u64>,
}

impl Call {
    /// Begins a call; `finish` makes what Python gets of its result.
    pub(crate) fn begin<T, E>(
        future: impl Future<Output = Result<T, E>> + Send + 'static,
        finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Result<Self, Fault>
    where
        T: Send + 'static,
        E: Into<Fault> + 'static,
    {
        Ok(Self::spawn(runtime::handle()?, Box::pin(outcome(future, finish))))
    }

    /// [`Call::begin`] for what mostly is done at once, without waiting for anything: then it costs no task.
    pub(crate) fn try_now<T, E>(
        future: impl Future<Output = Result<T, E>> + Send + 'static,
        finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Result<Self, Fault>
    where
        T: Send + 'static,
        E: Into<Fault> + 'static,
    {
        let runtime = runtime::handle()?;
        let _context = runtime.enter();
        let mut future: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(outcome(future, finish));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => {
                let shared = Arc::new(Shared::default());
                shared.set(outcome);
                Ok(Self { task: None, shared: Engine::new(shared) })
            }
            Poll::Pending => Ok(Self::spawn(runtime, future)),
        }
    }

    fn spawn(runtime: &Handle, future: Pin<Box<dyn Future<Output = Outcome> + Send>>) -> Self {
        let shared = Arc::new(Shared::default());
        let done = SetOnDrop(shared.clone());
        let task = runtime.spawn(async move {
            let outcome = future.await;
            done.0.set(outcome);
        });
        Self { task: Some(Engine::new(AbortOnDropHandle::new(task))), shared: Engine::new(shared) }
    }
}

async fn outcome<T, E: Into<Fault>>(
    future: impl Future<Output = Result<T, E>>,
    finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> Outcome
where
    T: Send + 'static,
{
    let result = future.await.map_err(Into::into)?;
    Ok(Box::new(move |py| finish(py, result)))
}

/// `finish` for calls that give nothing.
pub(crate) fn nothing(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

#[pymethods]
impl Call {
    /// Whether it is done.
    fn done(&self) -> Result<bool, Fault> {
        Ok(self.shared.get()?.lock().done)
    }

    /// Whether it is done. If not, the wait of this number is woken when it is.
    fn arm(&self, token: u64) -> Result<bool, Fault> {
        let mut state = self.shared.get()?.lock();
        if !state.done {
            state.waiters.push(token);
        }
        Ok(state.done)
    }

    /// What it gave, or raises what it failed with. To be asked once, when it is done.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let outcome = self.shared.get()?.lock().outcome.take();
        match outcome {
            Some(Ok(finish)) => finish(py),
            Some(Err(fault)) => Err(fault.into()),
            None => {
                Err(Fault::new(FaultKind::of(ErrorKind::Internal), "internal error: the call has no result").into())
            }
        }
    }

    /// Gives it up.
    fn cancel(&self) {
        if let Some(Ok(task)) = self.task.as_ref().map(Engine::get) {
            task.abort();
        }
    }
}

impl Shared {
    fn set(&self, outcome: Outcome) {
        let mut state = self.lock();
        if state.done {
            return;
        }
        state.done = true;
        state.outcome = Some(outcome);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        if !waiters.is_empty() {
            WAKES.push_all(waiters);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unpoisoned()
    }
}

/// Tells the waits of the call its end, however the task ends.
struct SetOnDrop(Arc<Shared>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set(Err(Fault::new(FaultKind::of(ErrorKind::Internal), "internal error: the call was given up")));
    }
}
