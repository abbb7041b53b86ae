//! Why the layer refuses something.

/// Why something could not be done. Each language makes an error of its own of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This is the child of a process that used the engine.
    #[error("this process was forked from one that uses the library; its threads are not here")]
    Forked,
    /// The system refused a thread, a descriptor or a handler.
    #[error("{0}")]
    System(String),
    /// The queue has a listener, and is not read in another way.
    #[error("events: the queue has a callback already")]
    HasListener,
    /// The queue has a descriptor, and takes no listener.
    #[error("events: the queue is read by a descriptor, which was asked for")]
    HasDescriptor,
    /// The queue is closed, and takes no listener.
    #[error("the event queue is closed; what is in it can be received, but not be called for")]
    Closed,
    /// The time for closing is over, and a listener's call still runs.
    #[error("close did not wait for a callback that has not returned yet; no further one begins")]
    ListenerRuns,
}

/// The outcome of what the layer does.
pub type Result<T = ()> = std::result::Result<T, Error>;
