//! Receiving allocates nothing per event beyond the event: none for the callback, which is lent it, and one for the other
//! ways, which own it. Counted on the thread that receives, so that nothing else of the process is in the count.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ffi::c_void,
    ptr::{null, null_mut},
    sync::mpsc,
    time::{Duration, Instant},
};

use dtt::*;

const MESSAGES: usize = 600;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: it only counts, and leaves the rest to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated() -> usize {
    COUNT.get()
}

fn ok(status: dtt_status_t) {
    assert_eq!(status, dtt_status_t::DTT_OK);
}

unsafe fn is_message(event: *const dtt_event_t) -> bool {
    let mut length = 0;
    // SAFETY: the caller's event is valid, and there is room for the length.
    let (kind, data) = unsafe { (dtt_event_kind(event), dtt_event_data(event, &mut length)) };
    kind == dtt_event_kind_t::DTT_EVENT_RECEIVED && length == 256 && !data.is_null()
}

/// What the callback tells: the messages, and the allocations of its thread at the first and at the last of them.
struct Called {
    messages: usize,
    before: usize,
    over: mpsc::Sender<usize>,
}

extern "C" fn on_event(userdata: *mut c_void, event: *const dtt_event_t) {
    // SAFETY: the test keeps it until the queue is closed, and one call comes at a time.
    let called = unsafe { &mut *userdata.cast::<Called>() };
    // SAFETY: the event is valid during the call.
    if unsafe { is_message(event) } {
        called.messages += 1;
        match called.messages {
            1 => called.before = allocated(),
            MESSAGES => called.over.send(allocated() - called.before).expect("the test waits"),
            _ => {}
        }
    }
}

#[test]
fn no_event_costs_more_than_itself() {
    // SAFETY: every pointer is NULL or comes from the library, and each handle is freed once.
    unsafe {
        let (mut testnet, mut config) = (null_mut(), null_mut());
        ok(dtt_testnet_new(0, &mut testnet, null_mut()));
        ok(dtt_testnet_config(testnet, &mut config, null_mut()));
        let (mut nodes, mut topics) = ([null_mut(); 2], [null_mut(); 2]);
        for (node, topic) in nodes.iter_mut().zip(&mut topics) {
            ok(dtt_node_spawn(config, node, null_mut()));
            ok(dtt_node_join(*node, b"count".as_ptr(), 5, null(), 0, null(), topic, null_mut()));
        }
        let mut queues = [null_mut(); 3];
        queues.iter_mut().for_each(|queue| ok(dtt_topic_subscribe(topics[1], queue, null_mut())));
        topics.iter().for_each(|topic| ok(dtt_topic_wait_joined(*topic, 120_000, null_mut())));
        fill(&topics);

        let [called, tried, waited] = queues;
        let (over, told) = mpsc::channel();
        let mut state = Called { messages: 0, before: 0, over };
        let userdata = std::ptr::from_mut(&mut state).cast();
        ok(dtt_events_set_callback(called, Some(on_event), userdata, None, null_mut()));
        let by_callback = told.recv_timeout(Duration::from_secs(60)).expect("every message is called for");
        ok(dtt_events_close(called, null_mut()));

        let by_try = receive(|out| dtt_events_try_recv(tried, out, null_mut()));
        let by_recv = receive(|out| dtt_events_recv(waited, 60_000, out, null_mut()));
        println!("allocations for {MESSAGES} messages: callback {by_callback}, try_recv {by_try}, recv {by_recv}");
        // Beside the events: a list of what is taken from the engine at once, which grows to its size.
        assert!(by_callback < 20, "callback: {by_callback}");
        assert!(by_try < MESSAGES + 20, "try_recv: {by_try}");
        assert!(by_recv < MESSAGES + 20, "recv: {by_recv}");

        queues.iter().for_each(|queue| dtt_events_free(*queue));
        nodes.iter().for_each(|node| ok(dtt_node_close(*node, null_mut())));
        topics.iter().for_each(|topic| dtt_topic_free(*topic));
        nodes.iter().for_each(|node| dtt_node_free(*node));
        dtt_config_free(config);
        dtt_testnet_free(testnet);
    }
}

/// Sends all messages from the first topic to the second, and waits until they are in its queues; so few are under way at
/// once that none is lost.
unsafe fn fill(topics: &[*mut dtt_topic_t; 2]) {
    for n in 0..MESSAGES {
        let mut content = [0x5A; 256];
        content[..8].copy_from_slice(&n.to_le_bytes());
        // SAFETY: the topic is open.
        unsafe { ok(dtt_topic_broadcast(topics[0], content.as_ptr(), content.len(), null_mut())) };
        wait_until_received(topics[1], n.saturating_sub(64));
    }
    wait_until_received(topics[1], MESSAGES);
}

fn wait_until_received(topic: *mut dtt_topic_t, messages: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let mut stats = [0; DTT_TOPIC_STATS];
        // SAFETY: the topic is open, and the values have their room.
        unsafe { ok(dtt_topic_stats(topic, stats.as_mut_ptr(), stats.len(), null_mut())) };
        let received = stats[dtt_topic_stat_t::DTT_STAT_RECEIVED as usize] as usize;
        if received >= messages {
            return;
        }
        assert!(Instant::now() < until, "{received} of {messages} messages came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Receives every message, and says how often this thread allocated meanwhile.
fn receive(take: impl Fn(*mut *mut dtt_event_t) -> dtt_status_t) -> usize {
    let (before, mut messages) = (allocated(), 0);
    let until = Instant::now() + Duration::from_secs(60);
    while messages < MESSAGES {
        assert!(Instant::now() < until, "only {messages} messages came");
        let mut event = null_mut();
        match take(&mut event) {
            dtt_status_t::DTT_EMPTY => std::thread::yield_now(),
            status => {
                ok(status);
                // SAFETY: the event is this function's, and is freed once.
                unsafe {
                    messages += usize::from(is_message(event));
                    dtt_event_free(event);
                }
            }
        }
    }
    allocated() - before
}
