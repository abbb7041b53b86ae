//! Objects of the engine in the hands of a foreign language.

use std::{
    fmt,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
};

use crate::{error::Result, fork, runtime};

/// An object of the engine. It is dropped inside the runtime, since its tasks may be spawned then; and not at all in a forked
/// child, where a thread that does not exist may hold its locks.
pub struct Owned<T>(ManuallyDrop<T>);

impl<T> Owned<T> {
    /// Takes an object.
    pub fn new(object: T) -> Self {
        Self(ManuallyDrop::new(object))
    }

    /// The object, unless this process is a forked child.
    pub fn get(&self) -> Result<&T> {
        fork::check().map(|()| self.0.deref())
    }

    /// The object, unless this process is a forked child.
    pub fn get_mut(&mut self) -> Result<&mut T> {
        fork::check().map(|()| self.0.deref_mut())
    }
}

/// Not what it holds: that may be secret, or locked.
impl<T> fmt::Debug for Owned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owned").finish_non_exhaustive()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if fork::check().is_ok() {
            let _context = runtime::context();
            // SAFETY: it is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::runtime::Handle;

    use super::*;

    #[test]
    fn it_is_dropped_once_and_inside_the_runtime() {
        struct Notes<'a>(&'a Cell<u32>);
        impl Drop for Notes<'_> {
            fn drop(&mut self) {
                assert!(Handle::try_current().is_ok());
                self.0.set(self.0.get() + 1);
            }
        }
        runtime::handle().unwrap();
        let dropped = Cell::new(0);
        let mut owned = Owned::new(Notes(&dropped));
        assert!(owned.get().is_ok() && owned.get_mut().is_ok() && Handle::try_current().is_err());
        assert_eq!(dropped.get(), 0);
        drop(owned);
        assert_eq!(dropped.get(), 1);
    }
}
