//! What wakes the readers of an event queue: threads that wait, a descriptor that a loop polls, and wakers.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{AsRawFd, FromRawFd, RawFd},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    task::{Wake, Waker},
    time::Instant,
};

use dtt_core::sync::Unpoisoned;

use crate::error::{Error, Result};

/// The waker of a queue. The engine rings it when a queue that was found empty has something, and so does a close.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How often it was rung.
    count: u64,
    /// Threads that wait: without any, ringing needs no call of the system.
    waiting: usize,
    /// Wakers that are called once, by numbers by which they are forgotten.
    wakers: Vec<(u64, Waker)>,
    descriptor: Option<Descriptor>,
}

/// Readable while it is raised.
#[derive(Debug)]
struct Descriptor {
    read: File,
    /// The other end, where the system has no eventfd and it takes a pipe.
    write: Option<File>,
    raised: bool,
}

impl Bell {
    /// What to give to [`Bell::wait`]: taken before looking at what is waited for.
    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    pub(crate) fn ring(&self) {
        let mut state = self.lock();
        state.count += 1;
        state.descriptor.iter_mut().for_each(Descriptor::raise);
        let (waiting, wakers) = (state.waiting, std::mem::take(&mut state.wakers));
        drop(state);
        if waiting > 0 {
            self.rung.notify_all();
        }
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Has a waker called when it is rung next. It takes the place of an earlier one with this number.
    pub(crate) fn call(&self, number: u64, waker: Waker) {
        let mut state = self.lock();
        match state.wakers.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) => *known = waker,
            None => state.wakers.push((number, waker)),
        }
    }

    /// Does not call the waker with this number any more.
    pub(crate) fn forget(&self, number: u64) {
        self.lock().wakers.retain(|(known, _)| *known != number);
    }

    /// Waits until it has been rung since `count` was taken. False when the time was over before.
    pub(crate) fn wait(&self, count: u64, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        while state.count == count {
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                return false;
            }
            state.waiting += 1;
            state = match rest {
                None => self.rung.wait(state).unpoisoned(),
                Some(rest) => self.rung.wait_timeout(state, rest).unpoisoned().0,
            };
            state.waiting -= 1;
        }
        true
    }

    /// The descriptor, which is opened at the first call, raised.
    pub(crate) fn descriptor(&self) -> Result<RawFd> {
        let mut state = self.lock();
        if state.descriptor.is_none() {
            let mut descriptor = Descriptor::open()?;
            descriptor.raise();
            state.descriptor = Some(descriptor);
        }
        Ok(state.descriptor.as_ref().map_or(-1, |descriptor| descriptor.read.as_raw_fd()))
    }

    pub(crate) fn has_descriptor(&self) -> bool {
        self.lock().descriptor.is_some()
    }

    /// Whether there is a descriptor; if so, it is not readable any more.
    pub(crate) fn lower(&self) -> bool {
        self.lock().descriptor.as_mut().map(Descriptor::lower).is_some()
    }

    pub(crate) fn raise(&self) {
        self.lock().descriptor.iter_mut().for_each(Descriptor::raise);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unpoisoned()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Descriptor {
    #[cfg(target_os = "linux")]
    fn open() -> Result<Self> {
        // SAFETY: no pointer is involved.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(refused("eventfd"));
        }
        // SAFETY: it was just opened and is nobody else's.
        Ok(Self { read: unsafe { File::from_raw_fd(descriptor) }, write: None, raised: false })
    }

    #[cfg(not(target_os = "linux"))]
    fn open() -> Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: there is room for both ends.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } < 0 {
            return Err(refused("pipe"));
        }
        // SAFETY: they were just opened and are nobody else's.
        let [read, write] = ends.map(|end| unsafe { File::from_raw_fd(end) });
        for end in ends {
            // SAFETY: no pointer is involved.
            let set = unsafe {
                libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) | libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK)
            };
            if set < 0 {
                return Err(refused("fcntl"));
            }
        }
        Ok(Self { read, write: Some(write), raised: false })
    }

    fn raise(&mut self) {
        if !self.raised {
            let mut end = self.write.as_ref().unwrap_or(&self.read);
            self.raised = end.write_all(&1_u64.to_ne_bytes()).is_ok();
        }
    }

    fn lower(&mut self) {
        if self.raised {
            self.raised = (&self.read).read(&mut [0; 8]).is_err();
        }
    }
}

fn refused(call: &str) -> Error {
    Error::System(format!("{call} failed: {}", std::io::Error::last_os_error()))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    fn is_readable(descriptor: RawFd) -> bool {
        let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry is given.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn the_descriptor_is_readable_while_it_is_raised() {
        let bell = Bell::default();
        assert!(!bell.lower(), "there is none yet");
        let descriptor = bell.descriptor().unwrap();
        assert!(is_readable(descriptor));
        assert_eq!(bell.descriptor().unwrap(), descriptor);
        for _ in 0..3 {
            assert!(bell.lower());
            assert!(!is_readable(descriptor));
            bell.ring();
            bell.raise();
            assert!(is_readable(descriptor));
        }
    }

    #[test]
    fn a_thread_that_waits_is_woken_and_a_ring_before_the_wait_counts() {
        let bell = Arc::new(Bell::default());
        let count = bell.count();
        assert!(!bell.wait(count, Some(Instant::now() + Duration::from_millis(5))));
        bell.ring();
        assert!(bell.wait(count, None));
        let count = bell.count();
        let waiter = std::thread::spawn({
            let bell = bell.clone();
            move || bell.wait(count, None)
        });
        bell.ring();
        assert!(waiter.join().unwrap());
    }

    #[test]
    fn wakers_are_called_once_unless_they_are_forgotten() {
        struct Counts(AtomicUsize);
        impl Wake for Counts {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (bell, counts) = (Bell::default(), [0, 0].map(|count| Arc::new(Counts(AtomicUsize::new(count)))));
        let count = || counts.each_ref().map(|counts| counts.0.load(Ordering::Relaxed));
        bell.call(1, counts[0].clone().into());
        bell.call(1, counts[0].clone().into());
        bell.call(2, counts[1].clone().into());
        bell.forget(2);
        bell.ring();
        bell.ring();
        assert_eq!(count(), [1, 0]);
        bell.call(2, counts[1].clone().into());
        bell.forget(1);
        bell.ring();
        assert_eq!(count(), [1, 1]);
    }
}
