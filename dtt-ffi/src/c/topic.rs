//! A topic that has been joined.

use std::{
    ffi::c_char,
    sync::Arc,
    time::{Duration, Instant},
};

use dtt_core::{EndpointAddr, EndpointId, Topic, parse};
use dtt_embed::{Listeners, closing, runtime};

use super::{
    entry::{Fault, Outcome, answer, entry, release},
    error::dtt_error_t,
    event::{dtt_state_t, state_of},
    events::dtt_events_t,
    handle::{self, Opaque, Out},
    ids::DTT_ID_LEN,
    stats,
    status::dtt_status_t::{self, *},
};

/// A topic that has been joined. It stays open as long as any of its handles or event queues does.
pub struct dtt_topic_t {
    topic: Topic,
    listeners: Arc<Listeners>,
}

impl Opaque for dtt_topic_t {
    const NAME: &'static str = "dtt_topic_t";
}

impl dtt_topic_t {
    pub(super) fn new(topic: Topic, listeners: Arc<Listeners>) -> Self {
        Self { topic, listeners }
    }
}

/// Takes an event queue of one's own. The first queue of a handle has been filling since the topic was joined, so that nothing is
/// missed in between; each further one begins with the present state and neighbors. Freed with dtt_events_free. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_HANDLE. On a closed topic it gives a queue that ends after what is in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_subscribe(
    topic: *mut dtt_topic_t,
    out: *mut *mut dtt_events_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, topic) = (Out::new(out, "out")?, handle::borrow(topic, "topic")?);
        out.give(dtt_events_t::new(&topic.topic, topic.listeners.clone()));
        Ok(())
    })
}

/// Sends a message to the whole swarm: `length` bytes, which are copied; dtt_topic_max_message_size is the limit.
///
/// Gossip promises no delivery and no order: without neighbors a message goes nowhere, and an identical payload within about 90 s is
/// dropped as a duplicate. It returns when the gossip layer has taken the message. Any thread.
/// DTT_OK, DTT_TOO_LARGE, DTT_CLOSED, DTT_TIMEOUT, DTT_GOSSIP, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_broadcast(
    topic: *mut dtt_topic_t,
    data: *const u8,
    length: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (topic, data) = (handle::borrow(topic, "topic")?, payload(topic, data, length)?);
        Ok(runtime::wait(topic.topic.broadcast(data.to_vec()))??)
    })
}

/// Sends a message to the direct neighbors only; otherwise like dtt_topic_broadcast.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_broadcast_neighbors(
    topic: *mut dtt_topic_t,
    data: *const u8,
    length: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (topic, data) = (handle::borrow(topic, "topic")?, payload(topic, data, length)?);
        Ok(runtime::wait(topic.topic.broadcast_neighbors(data.to_vec()))??)
    })
}

/// The bytes of a message, which are not looked at if they are too many.
fn payload<'a>(topic: *const dtt_topic_t, data: *const u8, length: usize) -> Outcome<&'a [u8]> {
    let limit = handle::borrow(topic, "topic")?.topic.max_message_size();
    if length > limit {
        return Err(dtt_core::Error::TooLarge { size: length, limit }.into());
    }
    handle::bytes(data, length, "data")
}

/// Joins peers that the application knows, by their ids: `count` times DTT_ID_LEN bytes one after another. Each join may make the
/// peer drop a neighbor of its own: do not repeat it in a loop. Any thread.
/// DTT_OK, DTT_CLOSED, DTT_TIMEOUT, DTT_GOSSIP, DTT_INVALID_ARGUMENT, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_join_peers(
    topic: *mut dtt_topic_t,
    ids: *const u8,
    count: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let topic = handle::borrow(topic, "topic")?;
        let ids = handle::bytes(ids, count.saturating_mul(DTT_ID_LEN), "ids")?;
        let peers: Result<Vec<EndpointId>, _> = ids.chunks_exact(DTT_ID_LEN).map(parse::endpoint_id).collect();
        Ok(runtime::wait(topic.topic.join_peers(peers?))??)
    })
}

/// Joins a peer that the application knows by its id (DTT_ID_LEN bytes) and its addresses: relay URLs and IP addresses with
/// ports, comma-separated, as dtt_node_addresses gives them; NULL for none. Otherwise like dtt_topic_join_peers; also
/// DTT_BAD_UTF8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_join_peer(
    topic: *mut dtt_topic_t,
    id: *const u8,
    id_len: usize,
    addresses: *const c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let topic = handle::borrow(topic, "topic")?;
        let id = parse::endpoint_id(&handle::array::<DTT_ID_LEN>(id, id_len, "id")?)?;
        let list = handle::optional_text(addresses, "addresses")?.unwrap_or_default();
        let mut peer = EndpointAddr::new(id);
        for address in list.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            peer = match address.contains("://") {
                true => peer.with_relay_url(parse::relay_url(address)?),
                false => peer.with_ip_addr(parse::socket_addr(address)?),
            };
        }
        Ok(runtime::wait(topic.topic.join_peers([peer]))??)
    })
}

/// The direct neighbors now: the ids of up to `capacity` of them to `ids` (DTT_ID_LEN bytes each), and to `count` how many there
/// are, which may be more. `ids` may be NULL with a capacity of 0. Any thread. DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_neighbors(
    topic: *const dtt_topic_t,
    ids: *mut u8,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (topic, count) = (handle::borrow(topic, "topic")?, Out::new(count, "count")?);
        let room = handle::room(ids, capacity.saturating_mul(DTT_ID_LEN), "ids")?;
        let neighbors = topic.topic.neighbors();
        for (place, neighbor) in room.chunks_exact_mut(DTT_ID_LEN).zip(&neighbors) {
            place.copy_from_slice(neighbor.as_bytes());
        }
        count.set(neighbors.len());
        Ok(())
    })
}

/// Where the topic stands; DTT_STATE_CLOSED also for what is no topic. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_state(topic: *const dtt_topic_t) -> dtt_state_t {
    answer(dtt_state_t::DTT_STATE_CLOSED, || Ok(state_of(handle::borrow(topic, "topic")?.topic.state())))
}

/// Waits until the topic has a neighbor, at most `timeout_ms` milliseconds; DTT_FOREVER waits without a limit. When the time is over,
/// the message says how far joining came, and the topic goes on looking. Any thread; closing the topic or its node wakes it.
/// DTT_OK, DTT_TIMEOUT, DTT_CLOSED, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_wait_joined(
    topic: *mut dtt_topic_t,
    timeout_ms: u64,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let topic = &handle::borrow(topic, "topic")?.topic;
        match timeout_ms {
            u64::MAX => Ok(runtime::wait(topic.joined())??),
            limit => Ok(runtime::wait(topic.joined_within(Duration::from_millis(limit)))??),
        }
    })
}

/// The topic's id: DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_id(
    topic: *const dtt_topic_t,
    id: *mut u8,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || handle::put(id, &handle::borrow(topic, "topic")?.topic.id().hash(), "id"))
}

/// The most bytes that one message carries: 4,057 with the default message size; 0 for what is no topic. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_max_message_size(topic: *const dtt_topic_t) -> usize {
    answer(0, || Ok(handle::borrow(topic, "topic")?.topic.max_message_size()))
}

/// What the topic has done so far: numbers to the places of dtt_topic_stat_t. `count` is how many `values` have room,
/// DTT_TOPIC_STATS as a rule; a place that this library does not know is DTT_NEVER. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_stats(
    topic: *const dtt_topic_t,
    values: *mut u64,
    count: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || stats::fill(values, count, &stats::of_topic(&handle::borrow(topic, "topic")?.topic.stats())))
}

/// The state of the DHT client that the topic uses: numbers to the places of dtt_node_stat_t, as dtt_node_stats. Any thread; it
/// may block for a moment. DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_dht_health(
    topic: *const dtt_topic_t,
    values: *mut u64,
    count: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let topic = handle::borrow(topic, "topic")?;
        stats::fill(values, count, &stats::of_dht(&runtime::wait(topic.topic.dht_health())?))
    })
}

/// Closes the topic: neighbors are told, all its handles are closed with it, and whoever waits is woken with DTT_CLOSED. What is
/// in its event queues can still be received.
///
/// It returns within 2 s, and waits until the callbacks of the topic's queues and their destructors have returned; if those take
/// longer, it ends with DTT_TIMEOUT, and no further call begins. Inside a callback it does not wait for callbacks.
/// Closing twice is fine. Any thread. DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_close(topic: *mut dtt_topic_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        let this = handle::borrow(topic, "topic")?;
        let (topic, deadline) = (this.topic.clone(), Instant::now() + closing::LIMIT);
        let closed = closing::wait(closing::LIMIT, async move { topic.close().await })?;
        // Whether or not it has been closed: no further callback may begin.
        let quiet = this.listeners.wait_for_topic(&this.topic, deadline);
        if closed.is_none() {
            let limit = closing::LIMIT.as_millis();
            let problem = format!("the topic has not closed within {limit} ms; it goes on in the background");
            return Err(Fault::new(DTT_TIMEOUT, problem));
        }
        Ok(quiet?)
    })
}

/// Frees a topic's handle, and never waits. The topic ends when its last handle and event queue are freed. NULL is fine. Any thread,
/// also inside a callback; no other thread may be in a call with this handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_topic_free(topic: *mut dtt_topic_t) {
    release(|| drop(handle::take(topic)));
}
