//! How calls run: on the library's own threads, until they are done or cancelled.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use dtt_core::CancellationToken;
use dtt_embed::{Owned, Unpoisoned, closing, runtime};

use super::error::RawError;

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

/// Runs a call on the library's threads. It ends early if it is cancelled, or if the caller drops the future.
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
    match runtime::call(call)?.await {
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
    finish_within(Duration::MAX, cancel, call).await
}

/// [`finish`] for closing, which is waited for no longer than this.
pub(super) async fn finish_within(
    limit: Duration,
    cancel: Option<Arc<RawCancel>>,
    call: impl Future<Output = ()> + Send + 'static,
) -> Outcome {
    // Begun at once: a caller that has been cancelled already has closed it all the same.
    let call = closing::within(limit, call)?;
    // Only a panic or the end of the time could be reported here.
    run_always(cancel, async move { call.await.unwrap_or_default() }).await
}

/// Something of the engine's that is let go of when it is closed, and not when a garbage collector comes round to it.
pub(super) struct Held<T> {
    what: &'static str,
    value: Owned<Mutex<Option<T>>>,
}

impl<T> Held<T> {
    pub(super) fn new(what: &'static str, value: T) -> Self {
        Self { what, value: Owned::new(Mutex::new(Some(value))) }
    }

    pub(super) fn get(&self) -> Outcome<T>
    where
        T: Clone,
    {
        let value = self.value.get()?.lock().unpoisoned().clone();
        value.ok_or_else(|| dtt_core::Error::Closed(self.what).into())
    }

    pub(super) fn take(&self) -> Option<T> {
        self.value.get().ok()?.lock().unpoisoned().take()
    }
}
