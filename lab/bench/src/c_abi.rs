//! Messages of 256 bytes that are received through the C ABI, called as C calls it, compared with the engine's own
//! stream. Both nodes, the topics and the sender are the same in every case. Only the way to receive differs.

use std::{
    ffi::c_void,
    ptr::{null, null_mut},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, bail};
use dtt::*;
use dtt_core::{Event, JoinOptions, Node, Testnet, parse};

const BYTES: usize = 256;
const MESSAGES: u64 = 150_000;
/// The most messages under way.
const WINDOW: u64 = 128;
const WAYS: [&str; 4] = ["the engine's stream", "callback", "recv", "descriptor"];

/// Messages per second in each of `runs` runs: by the engine's stream, the callback, recv, and the descriptor.
pub(crate) fn measure(runs: u32) -> Result<[Vec<f64>; 4]> {
    let mut speeds: [Vec<f64>; 4] = Default::default();
    for run in 0..runs as usize {
        // The ways take turns, and each is first once in four runs, since the machine warms up.
        for way in (0..4).map(|n| (n + run) % 4) {
            speeds[way].push(if way == 0 { stream()? } else { through_c(way)? });
        }
        let last: Vec<String> = (0..4).map(|way| format!("{} {:.0}", WAYS[way], speeds[way][run])).collect();
        eprintln!("  messages a second: {}", last.join(", "));
    }
    Ok(speeds)
}

/// This measurement alone, for work on it.
pub(crate) fn alone() -> Result<()> {
    let mut speeds = measure(11)?;
    speeds.iter_mut().for_each(|runs| runs.sort_by(f64::total_cmp));
    for (way, runs) in WAYS.iter().zip(&speeds) {
        println!("{way}: {:.0}/s, {:.3} of the engine's stream (medians)", runs[5], runs[5] / speeds[0][5]);
    }
    Ok(())
}

/// How many messages were received. The sender stays at most a window ahead of this.
#[derive(Default)]
struct Progress {
    received: AtomicU64,
    waiting: Mutex<bool>,
    moved: Condvar,
}

impl Progress {
    fn add(&self) -> u64 {
        let received = self.received.fetch_add(1, Ordering::SeqCst) + 1;
        // The sender is woken only after a quarter of the window, so that waking it costs little.
        if received.is_multiple_of(WINDOW / 4) {
            let mut waiting = self.waiting.lock().expect("nobody panics with it");
            if std::mem::take(&mut *waiting) {
                self.moved.notify_all();
            }
        }
        received
    }

    fn is_full(&self, sent: u64) -> bool {
        sent >= self.received.load(Ordering::SeqCst) + WINDOW
    }

    fn wait_for_room(&self, sent: u64) {
        while self.is_full(sent) {
            let mut waiting = self.waiting.lock().expect("nobody panics with it");
            *waiting = true;
            if !self.is_full(sent) {
                break;
            }
            let patience = std::time::Duration::from_millis(100);
            drop(self.moved.wait_timeout(waiting, patience).expect("nobody panics with it"));
        }
    }
}

/// The sender: a node of the engine in a thread, on a runtime of its own.
fn send(bootstrap: Vec<String>, progress: Arc<Progress>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let node = Node::spawn(Testnet::node_config_for(&bootstrap).build()).await?;
        let topic = node.join("c abi", "secret", JoinOptions::default()).await?;
        topic.joined().await?;
        for n in 0..MESSAGES {
            if progress.is_full(n) {
                tokio::task::block_in_place(|| progress.wait_for_room(n));
            }
            let mut content = vec![0x5A; BYTES];
            content[..8].copy_from_slice(&n.to_le_bytes());
            topic.broadcast(content).await?;
        }
        while progress.received.load(Ordering::SeqCst) < MESSAGES {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        node.close().await;
        Ok(())
    })
}

/// Runs the sender beside a receiver, which returns the time of its first message.
fn beside_a_sender(receive: impl FnOnce(&Testnet, &Arc<Progress>) -> Result<Instant>) -> Result<f64> {
    let (testnet, progress) = (Testnet::new()?, Arc::new(Progress::default()));
    let bootstrap = parse::bootstrap_list(&testnet.bootstrap().join(","))?;
    let sender = std::thread::spawn({
        let progress = progress.clone();
        move || send(bootstrap, progress)
    });
    let start = receive(&testnet, &progress)?;
    let per_second = MESSAGES as f64 / start.elapsed().as_secs_f64();
    sender.join().ok().context("the sender panicked")??;
    Ok(per_second)
}

fn stream() -> Result<f64> {
    let runtime = tokio::runtime::Runtime::new()?;
    beside_a_sender(|testnet, progress| {
        runtime.block_on(async {
            let node = Node::spawn(testnet.node_config()).await?;
            let topic = node.join("c abi", "secret", JoinOptions::default()).await?;
            let mut events = topic.subscribe();
            let mut start = None;
            loop {
                if let Event::Received(message) = events.next().await.context("closed")? {
                    start.get_or_insert_with(Instant::now);
                    anyhow::ensure!(message.content.len() == BYTES, "a message of another size");
                    if progress.add() == MESSAGES {
                        break;
                    }
                }
            }
            start.context("nothing came")
        })
    })
}

/// The data with which the callback is called.
struct Called {
    progress: Arc<Progress>,
    start: Mutex<Option<Instant>>,
    over: std::sync::mpsc::Sender<()>,
}

extern "C" fn on_event(userdata: *mut c_void, event: *const dtt_event_t) {
    // SAFETY: the queue that makes this call is freed before the target of `userdata`.
    let called = unsafe { &*userdata.cast::<Called>() };
    // SAFETY: the event is valid during the call.
    if unsafe { is_message(event) } {
        if called.progress.received.load(Ordering::Relaxed) == 0 {
            *called.start.lock().expect("nobody panics with it") = Some(Instant::now());
        }
        if called.progress.add() == MESSAGES {
            let _ = called.over.send(());
        }
    }
}

/// Reads an event as a C program does.
unsafe fn is_message(event: *const dtt_event_t) -> bool {
    let mut length = 0;
    // SAFETY: the caller's event is valid, and there is room for the length.
    let (kind, data) = unsafe { (dtt_event_kind(event), dtt_event_data(event, &mut length)) };
    kind == dtt_event_kind_t::DTT_EVENT_RECEIVED && length == BYTES && !data.is_null()
}

fn check(status: dtt_status_t) -> Result<()> {
    if status != dtt_status_t::DTT_OK {
        bail!("the C ABI says {status:?}");
    }
    Ok(())
}

fn through_c(way: usize) -> Result<f64> {
    beside_a_sender(|testnet, progress| {
        let bootstrap = std::ffi::CString::new(testnet.bootstrap().join(","))?;
        let (mut config, mut node, mut topic, mut events) = (null_mut(), null_mut(), null_mut(), null_mut());
        let (name, secret) = (b"c abi", b"secret");
        // SAFETY: every pointer is NULL, or was given by the library and has not been freed yet.
        unsafe {
            check(dtt_config_new(&mut config, null_mut()))?;
            check(dtt_config_use_testnet(config, bootstrap.as_ptr(), null_mut()))?;
            check(dtt_node_spawn(config, &mut node, null_mut()))?;
            dtt_config_free(config);
            check(dtt_node_join(node, name.as_ptr(), 5, secret.as_ptr(), 6, null(), &mut topic, null_mut()))?;
            check(dtt_topic_subscribe(topic, &mut events, null_mut()))?;
            let start = match way {
                1 => by_callback(events, progress)?,
                2 => by_recv(events, progress)?,
                _ => by_descriptor(events, progress)?,
            };
            // The measurement is over. What follows takes time that does not count.
            let elapsed = start.elapsed();
            check(dtt_node_close(node, null_mut()))?;
            dtt_events_free(events);
            dtt_topic_free(topic);
            dtt_node_free(node);
            Ok(Instant::now() - elapsed)
        }
    })
}

unsafe fn by_callback(events: *mut dtt_events_t, progress: &Arc<Progress>) -> Result<Instant> {
    let (over, told) = std::sync::mpsc::channel();
    let called = Box::new(Called { progress: progress.clone(), start: Mutex::new(None), over });
    let userdata = std::ptr::from_ref(&*called).cast_mut().cast();
    // SAFETY: the queue is open, and it is closed before `called` is freed.
    unsafe { check(dtt_events_set_callback(events, Some(on_event), userdata, None, null_mut()))? };
    told.recv()?;
    let now = Instant::now();
    let start = called.start.lock().expect("nobody panics with it").context("nothing came")?;
    // SAFETY: the queue is open.
    unsafe { check(dtt_events_close(events, null_mut()))? };
    Ok(Instant::now() - (now - start))
}

unsafe fn by_recv(events: *mut dtt_events_t, progress: &Progress) -> Result<Instant> {
    let mut start = None;
    loop {
        let mut event = null_mut();
        // SAFETY: the queue is open, and each event is freed once.
        unsafe {
            check(dtt_events_recv(events, 60_000, &mut event, null_mut()))?;
            let is_message = is_message(event);
            dtt_event_free(event);
            if is_message {
                start.get_or_insert_with(Instant::now);
                if progress.add() == MESSAGES {
                    return start.context("nothing came");
                }
            }
        }
    }
}

unsafe fn by_descriptor(events: *mut dtt_events_t, progress: &Progress) -> Result<Instant> {
    let (mut start, mut descriptor) = (None, -1);
    // SAFETY: the queue is open.
    unsafe { check(dtt_events_fd(events, &mut descriptor, null_mut()))? };
    loop {
        let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        // SAFETY: the array has one entry.
        if unsafe { libc::poll(&mut poll, 1, 60_000) } != 1 {
            bail!("the descriptor was not readable for a minute");
        }
        loop {
            let mut event = null_mut();
            // SAFETY: the queue is open, and each event is freed once.
            unsafe {
                match dtt_events_try_recv(events, &mut event, null_mut()) {
                    dtt_status_t::DTT_EMPTY => break,
                    status => check(status)?,
                }
                let is_message = is_message(event);
                dtt_event_free(event);
                if is_message {
                    start.get_or_insert_with(Instant::now);
                    if progress.add() == MESSAGES {
                        return start.context("nothing came");
                    }
                }
            }
        }
    }
}
