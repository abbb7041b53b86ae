//! Stretching secrets, off the threads that must not wait.

use std::sync::{
    LazyLock,
    mpsc::{Sender, channel},
};

use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    wire::v2::Root,
};

/// A name and a secret, and where the root goes.
struct Job {
    name: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
    root: oneshot::Sender<Result<Root>>,
}

/// One thread stretches the secrets of the whole process, one after the other. Each takes 19 MiB for a moment, and many
/// threads at once would leave as many such pieces behind. The thread belongs to no runtime, so no runtime that stops
/// can hold it up.
static QUEUE: LazyLock<std::io::Result<Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = channel::<Job>();
    let work = move || {
        for Job { name, secret, root } in jobs {
            // A caller that has gone needs no answer.
            if !root.is_closed() {
                let _ = root.send(Root::from_secret(&name, &secret));
            }
        }
    };
    std::thread::Builder::new().name("dtt-stretch".into()).spawn(work).map(|_| sender)
});

/// The root of a name and a secret. It is ready after some tens of milliseconds, or more if others wait.
pub(super) async fn stretch(name: Vec<u8>, secret: &[u8]) -> Result<Root> {
    let (root, answer) = oneshot::channel();
    let job = Job { name, secret: Zeroizing::new(secret.to_vec()), root };
    let queue = QUEUE.as_ref().map_err(|error| Error::Internal(format!("no thread to stretch a secret: {error}")))?;
    queue.send(job).map_err(|_| Error::Internal("the thread that stretches secrets has ended".into()))?;
    answer.await.map_err(|_| Error::Internal("the thread that stretches secrets has ended".into()))?
}
