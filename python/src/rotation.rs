//! Secret rotations that a program brings: callables, which a thread of Python's calls for the engine.

use std::{
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use dtt_core::{RotationHandle, SecretRotation};
use dtt_embed::Unpoisoned;
use pyo3::{prelude::*, types::PyBytes};

use crate::mailbox::Mailbox;

/// How long the engine waits for a seed. A topic without one can do nothing, so it is closed then.
const LIMIT: Duration = Duration::from_secs(30);

/// What the engine asks for and waits for.
struct Question {
    rotation: u64,
    topic: [u8; 32],
    minute: u64,
    secret_hash: [u8; 32],
    /// None when the engine has let go of the rotation: there will be no further question.
    answer: Option<Arc<Answer>>,
}

/// Where the answer goes. Dropping it unsent wakes who asked, too.
struct Answer(Mutex<Option<SyncSender<[u8; 32]>>>);

static QUESTIONS: Mailbox<Question> = Mailbox::new(usize::MAX);

struct Asking(u64);

impl SecretRotation for Asking {
    fn derive(&self, topic: [u8; 32], minute: u64, secret_hash: [u8; 32]) -> [u8; 32] {
        let (tell, told) = sync_channel(1);
        let answer = Arc::new(Answer(Mutex::new(Some(tell))));
        QUESTIONS.push(Question { rotation: self.0, topic, minute, secret_hash, answer: Some(answer) });
        // Python may be busy for long: the other tasks of this thread go on elsewhere.
        match tokio::task::block_in_place(|| told.recv_timeout(LIMIT)) {
            Ok(seed) => return seed,
            Err(RecvTimeoutError::Timeout) => {
                tracing::error!(target: "dtt::topic", "a secret rotation gave no seed within {LIMIT:?}");
            }
            // It raised, gave something else, or the process ends, and Python has reported what it was.
            Err(RecvTimeoutError::Disconnected) => {}
        }
        // The topic closes, and the hook that would write to standard error is not called.
        resume_unwind(Box::new("the rotation failed"))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let (topic, secret_hash) = ([0; 32], [0; 32]);
        QUESTIONS.push(Question { rotation: self.0, topic, minute: 0, secret_hash, answer: None });
    }
}

/// A rotation, by a number that Python's thread knows the callable of.
#[pyclass(frozen, weakref, module = "dtt._dtt")]
pub(crate) struct Rotation {
    #[pyo3(get)]
    number: u64,
    handle: RotationHandle,
}

impl Rotation {
    pub(crate) fn handle(&self) -> RotationHandle {
        self.handle.clone()
    }
}

#[pymethods]
impl Rotation {
    #[new]
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, handle: RotationHandle::new(Asking(number)) }
    }
}

/// A question that waits for its answer.
#[pyclass(frozen, module = "dtt._dtt")]
pub(crate) struct Asked(Arc<Answer>);

type Arguments<'py> = (Option<Py<Asked>>, u64, Bound<'py, PyBytes>, u64, Bound<'py, PyBytes>);

/// Waits until the engine asks for a seed: each question with the rotation's number, the topic's id, the minute and the
/// secret's hash, or with no question when the rotation is not needed any more; none when stopped.
#[pyfunction]
pub(crate) fn take_rotations(py: Python<'_>) -> PyResult<Option<Vec<Arguments<'_>>>> {
    let Some(taken) = QUESTIONS.take(py) else { return Ok(None) };
    let question = |question: Question| {
        let asked = question.answer.map(|answer| Py::new(py, Asked(answer))).transpose()?;
        let (topic, hash) = (PyBytes::new(py, &question.topic), PyBytes::new(py, &question.secret_hash));
        Ok((asked, question.rotation, topic, question.minute, hash))
    };
    taken.waiting.into_iter().map(question).collect::<PyResult<_>>().map(Some)
}

/// Answers a question with 32 bytes, or with none if there is no answer.
#[pyfunction]
#[pyo3(signature = (asked, seed))]
pub(crate) fn answer_rotation(asked: &Bound<'_, Asked>, seed: Option<[u8; 32]>) {
    let sender = asked.get().0.0.lock().unpoisoned().take();
    if let (Some(sender), Some(seed)) = (sender, seed) {
        let _ = sender.send(seed);
    }
}

/// Ends `take_rotations` for good.
#[pyfunction]
pub(crate) fn stop_rotations() {
    QUESTIONS.stop();
}
