//! What happened on a topic, as C looks at it.

use dtt_core::{Event, TopicState};

use super::{
    entry::{entry, peek},
    error::dtt_error_t,
    handle::{self, Opaque, Out},
    status::dtt_status_t,
};

/// Something that happened on a topic.
///
/// In a callback it is lent: valid until the callback returns. From dtt_events_recv, dtt_events_try_recv and
/// dtt_event_clone it is the caller's, who frees it with dtt_event_free. It never changes, and may be looked at from any
/// thread.
pub struct dtt_event_t(pub(super) Event);

impl Opaque for dtt_event_t {
    const NAME: &'static str = "dtt_event_t";
}

/// What an event is. New kinds may come: pass over those that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum dtt_event_kind_t {
    /// No event: the pointer is NULL or something else.
    DTT_EVENT_NONE = 0,
    /// A message came: dtt_event_data, dtt_event_peer.
    DTT_EVENT_RECEIVED = 1,
    /// A node became a direct neighbor: dtt_event_peer.
    DTT_EVENT_NEIGHBOR_UP = 2,
    /// A direct neighbor went: dtt_event_peer.
    DTT_EVENT_NEIGHBOR_DOWN = 3,
    /// Events are missing here: the reader was too slow and its queue full, or the gossip layer lost them. dtt_event_missed says how many.
    DTT_EVENT_LAGGED = 4,
    /// The topic looks for neighbors, has joined, or is alone again: dtt_event_state.
    DTT_EVENT_STATE_CHANGED = 5,
    /// Something that this version of the library has no name for.
    DTT_EVENT_OTHER = 6,
    /// Another process uses this node's key. Other nodes think that the two are one node, so each misses messages and
    /// neighbors. Each node needs a key of its own. If the two find each other, this comes once on each topic of both.
    DTT_EVENT_KEY_IN_USE = 7,
}

/// Where a topic stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum dtt_state_t {
    /// It is closed (or what was asked about is no topic and no event of a state).
    DTT_STATE_CLOSED = 0,
    /// It looks for a first neighbor.
    DTT_STATE_LOOKING_UP = 1,
    /// It has a neighbor.
    DTT_STATE_JOINED = 2,
    /// Its last neighbor went; it looks for another one.
    DTT_STATE_ALONE = 3,
}

pub(super) fn state_of(state: Option<TopicState>) -> dtt_state_t {
    match state {
        None => dtt_state_t::DTT_STATE_CLOSED,
        Some(TopicState::LookingUp) => dtt_state_t::DTT_STATE_LOOKING_UP,
        Some(TopicState::Joined) => dtt_state_t::DTT_STATE_JOINED,
        Some(TopicState::Alone) => dtt_state_t::DTT_STATE_ALONE,
    }
}

/// What the event is; DTT_EVENT_NONE for NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_kind(event: *const dtt_event_t) -> dtt_event_kind_t {
    use dtt_event_kind_t::*;
    peek(DTT_EVENT_NONE, || {
        Ok(match handle::borrow(event, "event")?.0 {
            Event::Received(_) => DTT_EVENT_RECEIVED,
            Event::NeighborUp(_) => DTT_EVENT_NEIGHBOR_UP,
            Event::NeighborDown(_) => DTT_EVENT_NEIGHBOR_DOWN,
            Event::Lagged(_) => DTT_EVENT_LAGGED,
            Event::StateChanged(_) => DTT_EVENT_STATE_CHANGED,
            Event::KeyInUse => DTT_EVENT_KEY_IN_USE,
            _ => DTT_EVENT_OTHER,
        })
    })
}

/// The payload of a DTT_EVENT_RECEIVED; NULL and a length of 0 for other events. It lives as long as the event. `length`
/// may be NULL. An empty payload has a length of 0 and may have any pointer. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_data(event: *const dtt_event_t, length: *mut usize) -> *const u8 {
    let (data, size) = peek((std::ptr::null(), 0), || {
        Ok(match &handle::borrow(event, "event")?.0 {
            Event::Received(message) => (message.content.as_ptr(), message.content.len()),
            _ => (std::ptr::null(), 0),
        })
    });
    if let Ok(length) = Out::new(length, "length") {
        length.set(size);
    }
    data
}

/// The node that the event is about, DTT_ID_LEN bytes that live as long as the event; NULL for events that are about none. For
/// DTT_EVENT_RECEIVED it is the neighbor that handed the message over, not its author. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_peer(event: *const dtt_event_t) -> *const u8 {
    peek(std::ptr::null(), || {
        Ok(match &handle::borrow(event, "event")?.0 {
            Event::Received(message) => message.delivered_from.as_bytes().as_ptr(),
            Event::NeighborUp(peer) | Event::NeighborDown(peer) => peer.as_bytes().as_ptr(),
            _ => std::ptr::null(),
        })
    })
}

/// The header's DTT_MISSED_UNKNOWN.
const MISSED_UNKNOWN: u64 = u64::MAX;

/// How many events are missing at a DTT_EVENT_LAGGED, exactly, since the reader's queue was full; DTT_MISSED_UNKNOWN if the gossip layer
/// lost them, which does not count; 0 for other events. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_missed(event: *const dtt_event_t) -> u64 {
    peek(0, || {
        Ok(match handle::borrow(event, "event")?.0 {
            Event::Lagged(missed) => missed.unwrap_or(MISSED_UNKNOWN),
            _ => 0,
        })
    })
}

/// The state that a DTT_EVENT_STATE_CHANGED tells of; DTT_STATE_CLOSED for other events. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_state(event: *const dtt_event_t) -> dtt_state_t {
    peek(dtt_state_t::DTT_STATE_CLOSED, || {
        Ok(match handle::borrow(event, "event")?.0 {
            Event::StateChanged(state) => state_of(Some(state)),
            _ => dtt_state_t::DTT_STATE_CLOSED,
        })
    })
}

/// Whether the message of a DTT_EVENT_RECEIVED came straight from its author, so that dtt_event_peer is the author; false for
/// other events. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_is_direct(event: *const dtt_event_t) -> bool {
    peek(false, || {
        Ok(match &handle::borrow(event, "event")?.0 {
            Event::Received(message) => message.scope.is_direct(),
            _ => false,
        })
    })
}

/// An event of one's own that says the same: keeps what a callback is lent. The payload is shared, not copied. Freed with
/// dtt_event_free. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_clone(
    event: *const dtt_event_t,
    out: *mut *mut dtt_event_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, event) = (Out::new(out, "out")?, handle::borrow(event, "event")?);
        out.give(dtt_event_t(event.0.clone()));
        Ok(())
    })
}

/// Frees an event that is the caller's. NULL is fine. Any thread, also in a forked child. Never for an event that a
/// callback was lent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_event_free(event: *mut dtt_event_t) {
    drop(handle::take(event));
}
