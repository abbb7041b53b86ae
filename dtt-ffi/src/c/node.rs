//! The node: what topics run on.

use std::{ffi::c_char, sync::Arc, time::Instant};

use dtt_core::{JoinOptions, Node, NodeConfig, TopicId};
use dtt_embed::{Listeners, closing, runtime};

use super::{
    config::dtt_config_t,
    entry::{Outcome, answer, entry, release},
    error::dtt_error_t,
    handle::{self, Opaque, Out},
    join_options::dtt_join_options_t,
    stats,
    status::dtt_status_t,
    topic::dtt_topic_t,
};

/// An endpoint, the gossip layer on it, and the DHT: everything that topics run on. Topics keep it alive; when it and the
/// last of them are freed, it closes in the background.
pub struct dtt_node_t {
    node: Node,
    listeners: Arc<Listeners>,
}

impl Opaque for dtt_node_t {
    const NAME: &'static str = "dtt_node_t";
}

/// Starts a node. `config` may be NULL for the defaults, and may be freed right after. It returns when the sockets are bound; the
/// DHT and the relay connection open in the background. Freed with dtt_node_free. Any thread; it blocks for
/// a moment as a rule, with no limit of its own: it takes as long as the system takes to open sockets and start threads.
/// DTT_OK, DTT_INVALID_ARGUMENT, DTT_BIND, DTT_SYSTEM, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_spawn(
    config: *const dtt_config_t,
    out: *mut *mut dtt_node_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let out = Out::new(out, "out")?;
        let config = match handle::borrow_optional(config, "config")? {
            Some(config) => config.held().to_node_config(),
            None => NodeConfig::default(),
        };
        let node = runtime::wait(Node::spawn(config))??;
        out.give(dtt_node_t { node, listeners: Arc::default() });
        Ok(())
    })
}

/// Joins a topic by its name (any bytes) and a secret that its members share (any bytes). Both are copied. `options` may be NULL.
///
/// It returns at once, and joining goes on in the background (see dtt_topic_wait_joined), unless the options have a time-out.
/// Joining a topic again with the same secret and rotation gives another handle to it; closing one closes them all.
/// Freed with dtt_topic_free. Any thread.
/// DTT_OK, DTT_CLOSED, DTT_TIMEOUT, DTT_INVALID_ARGUMENT, DTT_GOSSIP, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_join(
    node: *mut dtt_node_t,
    name: *const u8,
    name_len: usize,
    secret: *const u8,
    secret_len: usize,
    options: *const dtt_join_options_t,
    out: *mut *mut dtt_topic_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let node = handle::borrow(node, "node")?;
        let id = TopicId::new(handle::bytes(name, name_len, "name")?);
        node.join(id, handle::bytes(secret, secret_len, "secret")?, options, out)
    })
}

/// dtt_node_join by the topic's id (DTT_ID_LEN bytes) instead of its name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_join_id(
    node: *mut dtt_node_t,
    id: *const u8,
    id_len: usize,
    secret: *const u8,
    secret_len: usize,
    options: *const dtt_join_options_t,
    out: *mut *mut dtt_topic_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let node = handle::borrow(node, "node")?;
        let id = TopicId::from_hash(&handle::array(id, id_len, "id")?);
        node.join(id, handle::bytes(secret, secret_len, "secret")?, options, out)
    })
}

impl dtt_node_t {
    fn join(
        &self,
        id: TopicId,
        secret: &[u8],
        options: *const dtt_join_options_t,
        out: *mut *mut dtt_topic_t,
    ) -> Outcome {
        let out = Out::new(out, "out")?;
        let options = match handle::borrow_optional(options, "options")? {
            Some(options) => options.options().clone(),
            None => JoinOptions::default(),
        };
        let topic = runtime::wait(self.node.join_id(id, secret, options))??;
        out.give(dtt_topic_t::new(topic, self.listeners.clone()));
        Ok(())
    }
}

/// The node's id, its public key: DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_id(
    node: *const dtt_node_t,
    id: *mut u8,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || handle::put(id, handle::borrow(node, "node")?.node.id().as_bytes(), "id"))
}

/// The addresses at which the node can be reached, as far as it knows them now: relay URLs and IP addresses with ports,
/// comma-separated, as dtt_topic_join_peer takes them. The text is freed with dtt_string_free. Any thread. DTT_OK, DTT_NULL,
/// DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_addresses(
    node: *const dtt_node_t,
    out: *mut *mut c_char,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let (out, node) = (Out::new(out, "out")?, handle::borrow(node, "node")?);
        let address = node.node.addr();
        let relays = address.relay_urls().map(ToString::to_string);
        let all: Vec<String> = relays.chain(address.ip_addrs().map(ToString::to_string)).collect();
        out.give_text(all.join(","));
        Ok(())
    })
}

/// What the node knows and has done: numbers to the places of dtt_node_stat_t. `count` is how many `values` have room,
/// DTT_NODE_STATS as a rule; a place that this library does not know is DTT_NEVER. Any thread; it may block for a moment.
/// DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_stats(
    node: *const dtt_node_t,
    values: *mut u64,
    count: usize,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || {
        let node = handle::borrow(node, "node")?;
        stats::fill(values, count, &stats::of_node(&runtime::wait(node.node.stats())?))
    })
}

/// Tells the node that the network may have changed. Most systems notice by themselves; Android needs it. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_network_changed(
    node: *const dtt_node_t,
    error: *mut *mut dtt_error_t,
) -> dtt_status_t {
    entry(error, || Ok(runtime::wait(handle::borrow(node, "node")?.node.network_changed())?))
}

/// Lets the node rest: none of its topics looks anything up, publishes, or dials of its own accord until dtt_node_resume. For an
/// application that goes to the background. Neighbors stay while the system lets packets through, and what the application asks
/// for is done. Newcomers do not find a node that rests for minutes. Pausing twice is fine. Any thread.
/// DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_pause(node: *const dtt_node_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || Ok(runtime::wait(handle::borrow(node, "node")?.node.pause())?))
}

/// Ends the rest: topics without neighbors look for one at once, records are published anew, and the sockets look at the network as
/// after dtt_node_network_changed. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_resume(node: *const dtt_node_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || Ok(runtime::wait(handle::borrow(node, "node")?.node.resume())?))
}

/// Whether the node rests; false for what is no node. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_is_paused(node: *const dtt_node_t) -> bool {
    answer(false, || Ok(handle::borrow(node, "node")?.node.is_paused()))
}

/// Whether the node has been closed; true for what is no node. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_is_closed(node: *const dtt_node_t) -> bool {
    answer(true, || Ok(handle::borrow(node, "node")?.node.is_closed()))
}

/// Closes the node and all its topics: peers are told, whoever waits for an event or for a topic to be joined is woken with
/// DTT_CLOSED, and further calls end with it. What is in the event queues can still be received.
///
/// It returns within 2 s whatever the network does (the option close_timeout), as soon as the connected peers
/// could take notice, and as callbacks and their destructors have returned; if those take longer, with DTT_TIMEOUT, and no
/// further one begins. Inside a callback it does not wait for callbacks. Closing twice is fine. Any thread.
/// DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_close(node: *mut dtt_node_t, error: *mut *mut dtt_error_t) -> dtt_status_t {
    entry(error, || {
        let this = handle::borrow(node, "node")?;
        let (node, limit) = (this.node.clone(), closing::limit_of(&this.node));
        let deadline = Instant::now().checked_add(limit);
        // The engine goes on in the background when the time is over: peers then learn of it by their own time-outs.
        closing::wait(limit, async move { node.close().await })?;
        match deadline {
            Some(deadline) => Ok(this.listeners.wait_for_all(deadline)?),
            None => Ok(()),
        }
    })
}

/// Frees a node, and never waits; its topics go on. NULL is fine. Any thread, also inside a callback; no other thread may be in a
/// call with this node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dtt_node_free(node: *mut dtt_node_t) {
    release(|| drop(handle::take(node)));
}
