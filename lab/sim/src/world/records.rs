//! The DHT's part of the simulation: lookups, stores, and a squatter.

use std::{rc::Rc, time::Duration};

use dtt_core::{
    tracker::{Input, Now, SeenRecord},
    wire::v2::accepted_minutes,
};
use rand::RngExt;

use super::{Event, RECORD_BYTES, World, message_hash};
use crate::{
    dht::{DhtModel, Slot, Value},
    network::NodeId,
    node::{GHOSTS, peer_id},
    scenario::Squat,
};

impl World<'_> {
    pub(super) fn look_up(&mut self, node: NodeId, number: u64) {
        self.measure.read();
        let life = self.life(node);
        let slot = self.network.slot(node, number);
        let query = self.dht.lookup(slot, self.rules.request_limit());
        let answered = !query.answers.is_empty();
        for (time, holder) in query.answers {
            self.queue.after(time, Event::Answer { node, life, slot, holder });
        }
        self.queue.after(query.end, Event::LookupEnd { node, life, number, answered });
    }

    pub(super) fn answer(&mut self, node: NodeId, slot: Slot, holder: usize) {
        if let Some(Value::Record(record)) = self.dht.read(slot, holder)
            && self.accepts(node, &record)
        {
            self.input(node, Input::Record((*record).clone()));
        }
    }

    /// Whether a node's clock accepts the minute of a record. In version 1 the slot decides.
    fn accepts(&self, node: NodeId, record: &SeenRecord) -> bool {
        let Some(node) = &self.nodes[node as usize] else { return false };
        !self.rules.newest_wins() || accepted_minutes(self.now_of(node.traits).unix.as_secs()).contains(&record.minute)
    }

    pub(super) fn store(&mut self, node: NodeId, number: u64, value: Value) {
        self.measure.wrote();
        let slot = self.network.slot(node, number);
        let query = self.dht.store(slot, self.rules.request_limit());
        let stored = !query.answers.is_empty();
        for (time, holder) in query.answers {
            self.queue.after(time, Event::Write { slot, holder, value: value.clone() });
        }
        let running = self.nodes[node as usize].as_mut().expect("it runs");
        running.store += 1;
        let (life, store) = (running.life, running.store);
        self.queue.after(query.end, Event::StoreEnd { node, life, store, number, stored });
    }

    /// Writes the squatter's values. Every storing node gets a value of its own.
    pub(super) fn squat(&mut self, minute: u64) {
        let Some(squat) = self.scenario.squat else { return };
        let unix = Duration::from_secs(minute * 60);
        let slot = self.rules.slot(Now { mono: Duration::ZERO, unix });
        for holder in 0..DhtModel::default().holders {
            let value = match squat {
                Squat::Garbage => Value::Garbage,
                Squat::Ghosts | Squat::Mimic => {
                    let last = self.said.len().saturating_sub(5)..self.said.len();
                    let heard = last.filter(|_| squat == Squat::Mimic).map(|number| message_hash(number as u64));
                    let hashes = heard.collect();
                    let mut ghost = || peer_id(GHOSTS + self.rng.random_range(0..GHOSTS));
                    let (publisher, peers) = (ghost(), (0..5).map(|_| ghost()).collect());
                    Value::Record(Rc::new(SeenRecord { slot, minute, publisher, peers, hashes }))
                }
            };
            self.dht.write((slot, 0), holder, value, RECORD_BYTES);
        }
    }
}
