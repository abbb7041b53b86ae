//! The threads behind every call: one Tokio runtime for the process, started by the first call that needs it.

use std::sync::OnceLock;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    error::{Error, Result},
    fork,
};

/// Never dropped: a runtime cannot end from within, and at the end of the process the system is quicker.
static RUNTIME: OnceLock<Result<Runtime>> = OnceLock::new();

/// The runtime. It is started if it does not run.
pub fn handle() -> Result<&'static Handle> {
    fork::guard()?;
    let start = || {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("dtt").build();
        runtime.map_err(|error| Error::System(format!("the library's threads cannot start: {error}")))
    };
    RUNTIME.get_or_init(start).as_ref().map(Runtime::handle).map_err(Clone::clone)
}

/// Enters the runtime, if it runs: the engine's objects may need it when they are made or dropped.
pub fn context() -> Option<EnterGuard<'static>> {
    RUNTIME.get().and_then(|runtime| runtime.as_ref().ok()).map(Runtime::enter)
}

/// Waits for a future. Also inside a destructor, which may run on one of the runtime's threads.
pub fn wait<T>(future: impl Future<Output = T>) -> Result<T> {
    let handle = handle()?;
    match Handle::try_current() {
        Ok(_) => Ok(tokio::task::block_in_place(|| handle.block_on(future))),
        Err(_) => Ok(handle.block_on(future)),
    }
}

/// Starts a call on the runtime's threads. The call is cancelled when the handle is dropped.
pub fn call<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<AbortOnDropHandle<T>> {
    Ok(AbortOnDropHandle::new(handle()?.spawn(future)))
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::mpsc};

    use super::*;

    #[test]
    fn waiting_works_on_the_runtimes_own_threads_too() {
        let (tell, told) = mpsc::channel();
        handle().unwrap().spawn(async move { tell.send(wait(async { 7 })) });
        assert_eq!((told.recv().unwrap(), wait(async { 8 })), (Ok(7), Ok(8)));
    }

    #[test]
    fn a_call_ends_when_nobody_holds_it() {
        struct Tells(mpsc::Sender<bool>);
        impl Drop for Tells {
            fn drop(&mut self) {
                let _ = self.0.send(Handle::try_current().is_ok());
            }
        }
        let (tell, told) = mpsc::channel();
        let tells = Tells(tell);
        let held = call(async move {
            let _tells = tells;
            pending::<()>().await
        });
        drop(held.unwrap());
        assert!(told.recv().unwrap(), "it is dropped in the runtime");
        assert_eq!(wait(call(async { 9 }).unwrap()).unwrap().unwrap(), 9);
    }
}
