//! How calls run: on the library's own threads, until they are done or cancelled.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use dtt_core::CancellationToken;
use tokio::task::{JoinError, JoinHandle};

use super::error::RawError;
use crate::c;

pub(super) type Outcome<T = ()> = Result<T, RawError>;

/// Ends calls that wait: those that have it end with `Cancelled`, also those that are still to come.
#[derive(uniffi::Object, Default)]
pub struct RawCancel {
    token: CancellationToken,
}

#[uniffi::export]
impl RawCancel {
    /// One that has not been used.
    #[uniffi::constructor]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the calls. Twice is fine.
    pub fn cancel(&self) {
        self.token.cancel();
    }
}

/// Runs a call on the library's threads, whoever waits for it. It ends when it is cancelled or nobody waits any more.
pub(super) async fn run<T: Send + 'static, E: Send + 'static>(
    cancel: Option<Arc<RawCancel>>,
    call: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Outcome<T>
where
    RawError: From<E>,
{
    let call = async move {
        match cancel {
            None => Some(call.await),
            Some(cancel) => cancel.token.run_until_cancelled(call).await,
        }
    };
    match Abandoned(runtime()?.spawn(call)).await {
        Ok(Some(result)) => Ok(result?),
        Ok(None) => Err(RawError::Cancelled),
        Err(error) => Err(RawError::internal(format!("a call did not end well: {error}"))),
    }
}

/// [`run`] for what cannot fail.
pub(super) async fn run_always<T: Send + 'static>(
    cancel: Option<Arc<RawCancel>>,
    call: impl Future<Output = T> + Send + 'static,
) -> Outcome<T> {
    run(cancel, async move { Ok::<T, RawError>(call.await) }).await
}

/// [`run_always`] for what is done to its end once it has begun, whether or not anybody waits for it.
pub(super) async fn finish(cancel: Option<Arc<RawCancel>>, call: impl Future<Output = ()> + Send + 'static) -> Outcome {
    let call = runtime()?.spawn(call);
    run_always(cancel, async move {
        // Only a panic could be reported here.
        let _ = call.await;
    })
    .await
}

/// The library's threads. They are shared with the C ABI.
pub(super) fn runtime() -> Outcome<&'static tokio::runtime::Handle> {
    c::runtime_handle().map_err(RawError::internal)
}

/// A task that ends when nobody waits for it any more.
struct Abandoned<T>(JoinHandle<T>);

impl<T> Future for Abandoned<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Abandoned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Something of the engine's that is let go of when it is closed, and not when a garbage collector comes round to it.
pub(super) struct Held<T> {
    what: &'static str,
    value: Mutex<Option<T>>,
}

impl<T: Clone> Held<T> {
    pub(super) fn new(what: &'static str, value: T) -> Self {
        Self { what, value: Mutex::new(Some(value)) }
    }

    pub(super) fn get(&self) -> Outcome<T> {
        self.lock().clone().ok_or_else(|| dtt_core::Error::Closed(self.what).into())
    }
}

impl<T> Held<T> {
    pub(super) fn take(&self) -> Option<T> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.value.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // The engine's objects may need their runtime when they are dropped.
        let _context = runtime().ok().map(|runtime| runtime.enter());
        drop(self.take());
    }
}
