//! The switch. It carries packets between TUN devices, by IPv4 destination.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fs::File,
    io::{ErrorKind, Read, Write},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::{Context, Result};
use dtt_core::sync::Unpoisoned;
use tokio::{
    io::unix::AsyncFd,
    runtime::{Builder, Handle},
    sync::{Notify, oneshot},
    time::sleep_until,
};

use crate::{
    link::{Bucket, Link, Path, Rate},
    packet::destination,
};

/// The largest packet of a device.
const MTU: usize = 1500;
/// Packets that are read from one device before the others get their turn.
const TURN: usize = 64;

/// A switch, which runs on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Switch {
    wire: Arc<Wire>,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A device on the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Port(usize);

/// The fate of the packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Handed to their destination.
    pub delivered: u64,
    /// Lost on a lossy path.
    pub lost: u64,
    /// Stopped by a partition.
    pub cut: u64,
    /// Dropped because the sender's queue was full.
    pub overflowed: u64,
    /// For addresses without a host, or not IPv4.
    pub unroutable: u64,
    /// Refused by the destination's device.
    pub refused: u64,
}

#[derive(Debug)]
struct Wire {
    net: Mutex<Net>,
    sooner: Notify,
}

#[derive(Debug)]
struct Net {
    seed: u64,
    link: Link,
    between: HashMap<(Port, Port), Link>,
    paths: HashMap<(Port, Port), Path>,
    ports: Vec<PortState>,
    routes: HashMap<Ipv4Addr, Port>,
    flights: BinaryHeap<Reverse<Flight>>,
    serial: u64,
    counts: Counts,
}

#[derive(Debug)]
struct PortState {
    device: Arc<AsyncFd<File>>,
    bucket: Option<Bucket>,
    /// Packets pass only between ports of one group.
    group: usize,
}

/// A packet on its way. The earliest comes first; of two with the same time, the one that was sent first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    due: Instant,
    serial: u64,
    to: usize,
    packet: Box<[u8]>,
}

impl Switch {
    /// Starts a switch whose losses and jitter follow from the seed. All paths are perfect at first.
    pub fn new(seed: u64) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let net = Net {
            seed,
            link: Link::default(),
            between: HashMap::new(),
            paths: HashMap::new(),
            ports: Vec::new(),
            routes: HashMap::new(),
            flights: BinaryHeap::new(),
            serial: 0,
            counts: Counts::default(),
        };
        let wire = Arc::new(Wire { net: Mutex::new(net), sooner: Notify::new() });
        let (stop, stopped) = oneshot::channel();
        let deliver = wire.clone().deliver();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = deliver => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("switch".into()).spawn(run)?;
        Ok(Self { wire, runtime: handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Plugs in a device. Packets for the address go to it.
    pub fn plug(&self, device: File, address: Ipv4Addr) -> Result<Port> {
        let device = {
            let _inside = self.runtime.enter();
            // SAFETY: a file has one descriptor for its whole life, and nothing in here replaces it.
            let registered = unsafe { AsyncFd::register(device) };
            Arc::new(registered.context("the device cannot be waited for")?)
        };
        let mut net = self.wire.lock();
        let port = Port(net.ports.len());
        net.ports.push(PortState { device: device.clone(), bucket: None, group: 0 });
        net.routes.insert(address, port);
        self.runtime.spawn(self.wire.clone().read(port, device));
        Ok(port)
    }

    /// Moves a port to another address.
    pub fn readdress(&self, port: Port, address: Ipv4Addr) {
        let mut net = self.wire.lock();
        net.routes.retain(|_, known| *known != port);
        net.routes.insert(address, port);
    }

    /// Sets the link of every path that has none of its own.
    pub fn set_link(&self, link: Link) {
        self.wire.lock().link = link;
    }

    /// Sets the link of the path from one port to another.
    pub fn set_link_between(&self, from: Port, to: Port, link: Link) {
        self.wire.lock().between.insert((from, to), link);
    }

    /// Sets how fast a port may send.
    pub fn set_rate(&self, port: Port, rate: Rate) {
        self.wire.lock().ports[port.0].bucket = Some(Bucket::new(rate, Instant::now()));
    }

    /// Cuts the network into groups. From then on, nothing passes between two ports of different groups.
    pub fn partition(&self, group: impl Fn(Port) -> usize) {
        let mut net = self.wire.lock();
        net.ports.iter_mut().enumerate().for_each(|(index, port)| port.group = group(Port(index)));
    }

    /// Ends a partition.
    pub fn heal(&self) {
        self.partition(|_| 0);
    }

    /// The fate of the packets so far.
    pub fn counts(&self) -> Counts {
        self.wire.lock().counts
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Wire {
    /// Takes packets from a device until it is gone.
    async fn read(self: Arc<Self>, port: Port, device: Arc<AsyncFd<File>>) {
        let mut buffer = [0; MTU];
        while let Ok(mut ready) = device.readable().await {
            for _ in 0..TURN {
                match ready.try_io(|device| device.get_ref().read(&mut buffer)) {
                    Ok(Ok(bytes)) => self.take(port, &buffer[..bytes]),
                    Ok(Err(_)) => return,
                    Err(_) => break,
                }
            }
            drop(ready);
            tokio::task::yield_now().await;
        }
    }

    fn take(&self, from: Port, packet: &[u8]) {
        let now = Instant::now();
        let mut net = self.lock();
        let first = net.first_due();
        net.send(from, packet, now);
        net.deliver(now);
        if net.first_due().is_some_and(|due| first.is_none_or(|first| due < first)) {
            self.sooner.notify_one();
        }
    }

    /// Delivers packets when they are due, without end.
    async fn deliver(self: Arc<Self>) {
        loop {
            let next = {
                let mut net = self.lock();
                net.deliver(Instant::now());
                net.first_due()
            };
            let sooner = self.sooner.notified();
            match next {
                Some(due) => tokio::select! {
                    () = sleep_until(due.into()) => {}
                    () = sooner => {}
                },
                None => sooner.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Net> {
        self.net.lock().unpoisoned()
    }
}

impl Net {
    fn first_due(&self) -> Option<Instant> {
        self.flights.peek().map(|Reverse(flight)| flight.due)
    }

    /// Sends a packet on its way, if there is a way.
    fn send(&mut self, from: Port, packet: &[u8], now: Instant) {
        let Some(to) = destination(packet).and_then(|address| self.routes.get(&address)).copied() else {
            self.counts.unroutable += 1;
            return;
        };
        if self.ports[from.0].group != self.ports[to.0].group {
            self.counts.cut += 1;
            return;
        }
        let start = match &mut self.ports[from.0].bucket {
            Some(bucket) => bucket.pass(packet.len(), now),
            None => Some(now),
        };
        let Some(start) = start else {
            self.counts.overflowed += 1;
            return;
        };
        let link = self.between.get(&(from, to)).unwrap_or(&self.link);
        let path = self.paths.entry((from, to)).or_insert_with(|| Path::new(self.seed, from.0, to.0));
        let Some(due) = path.arrival(link, start) else {
            self.counts.lost += 1;
            return;
        };
        self.serial += 1;
        self.flights.push(Reverse(Flight { due, serial: self.serial, to: to.0, packet: packet.into() }));
    }

    fn deliver(&mut self, now: Instant) {
        while self.first_due().is_some_and(|due| due <= now) {
            let Some(Reverse(flight)) = self.flights.pop() else { return };
            // A device takes a packet as a whole or not at all.
            match self.ports[flight.to].device.get_ref().write_all(&flight.packet) {
                Ok(()) => self.counts.delivered += 1,
                Err(error) => {
                    debug_assert_ne!(error.kind(), ErrorKind::InvalidInput, "a device yields whole packets");
                    self.counts.refused += 1;
                }
            }
        }
    }
}
