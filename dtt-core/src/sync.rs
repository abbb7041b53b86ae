//! Locks that outlive a panic.

use std::sync::{LockResult, PoisonError};

/// Takes a lock whether or not a thread panicked while it held it.
///
/// What the locks of this workspace guard is whole between any two statements. A panic of foreign code (a rotation, a dependency)
/// ends one topic or one call, and must not make a panic of every later one.
pub trait Unpoisoned {
    /// What the lock gives: a guard, or a guard with the result of a wait.
    type Held;

    /// Takes it.
    fn unpoisoned(self) -> Self::Held;
}

impl<T> Unpoisoned for LockResult<T> {
    type Held = T;

    fn unpoisoned(self) -> T {
        self.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, RwLock};

    use super::*;

    #[test]
    fn a_lock_goes_on_after_a_panic() {
        let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
        let panicked = std::thread::scope(|scope| {
            let hold = || {
                let (mut one, mut other) = (mutex.lock().unpoisoned(), lock.write().unpoisoned());
                (*one, *other) = (2, 2);
                std::panic::resume_unwind(Box::new("on purpose"))
            };
            scope.spawn(hold).join().is_err()
        });
        assert!(panicked && mutex.is_poisoned() && lock.is_poisoned());
        assert_eq!((*mutex.lock().unpoisoned(), *lock.read().unpoisoned()), (2, 2));
    }
}
