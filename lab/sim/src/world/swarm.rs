//! The swarm's part of the simulation: the messages between the gossip layers, and the connections under them.

use std::time::Duration;

use dtt_core::tracker::{Input, JoinReason};
use iroh_gossip::proto::{Event as GossipEvent, InEvent, OutEvent};

use super::{Event, World, message_hash};
use crate::{
    network::{NodeId, Sent},
    node::{Packet, peer_id},
    queue::Time,
};

impl World<'_> {
    /// Hands an event to a node's gossip layer, and carries out what the layer wants. `reason` marks requests to join.
    pub(super) fn gossip(&mut self, id: NodeId, event: InEvent<NodeId>, reason: Option<JoinReason>) {
        let now = self.begin.0 + Duration::from_nanos(self.queue.now());
        let Some(node) = self.nodes.get_mut(id as usize).and_then(Option::as_mut) else { return };
        let life = node.life;
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.extend(node.gossip.handle(event, now, None));
        let mut inputs = false;
        for output in outputs.drain(..) {
            match output {
                OutEvent::SendMessage(to, message) => {
                    // The answer to a merge's request makes the node that asked drop a neighbor, too.
                    let answer = self.answering.filter(|(asker, _)| *asker == to).map(|(_, reason)| reason);
                    self.send(id, to, Packet { message, reason: reason.or(answer), answer: answer.is_some() });
                }
                OutEvent::ScheduleTimer(delay, timer) => {
                    self.queue.after(delay.as_nanos() as Time, Event::Gossip(id, life, Box::new(timer)));
                }
                OutEvent::DisconnectPeer(peer) => {
                    if let Some(connection) = self.network.close(id, peer) {
                        // Just after the messages that were sent before.
                        let after = self.network.latency(id, peer) + 1;
                        self.queue.after(after, Event::Gone { at: peer, peer: id, connection, cut: false });
                    }
                }
                OutEvent::EmitEvent(_, event) => {
                    self.emitted(id, event);
                    inputs = true;
                }
                OutEvent::PeerData(..) => {}
            }
        }
        self.outputs = outputs;
        if inputs {
            self.carry_out(id);
        }
    }

    /// Passes an event of the gossip layer to the policy.
    pub(super) fn emitted(&mut self, id: NodeId, event: GossipEvent<NodeId>) {
        let node = self.nodes[id as usize].as_mut().expect("it runs");
        let (traits, started) = (node.traits, node.started);
        let input = match event {
            GossipEvent::NeighborUp(peer) => {
                node.neighbors.push(peer);
                if !std::mem::replace(&mut node.joined, true) {
                    self.measure.join_times.push(self.queue.now() - started);
                }
                Input::NeighborUp(peer_id(peer))
            }
            GossipEvent::NeighborDown(peer) => {
                node.neighbors.retain(|known| *known != peer);
                Input::NeighborDown(peer_id(peer))
            }
            GossipEvent::Received(message) => {
                let number = message_number(&message.content);
                self.measure.delivered += u64::from(started <= self.said[number as usize].0);
                Input::Received(message_hash(number))
            }
        };
        let now = self.now_of(traits);
        self.nodes[id as usize].as_mut().expect("it runs").policy.handle(now, input);
    }

    pub(super) fn send(&mut self, from: NodeId, to: NodeId, packet: Packet) {
        let answers = self.answers(from, to);
        match self.network.send(from, to, packet, answers) {
            Sent::Arrives(latency, packet) => {
                self.queue.after(latency, Event::Deliver { from, to, packet: Box::new(packet) });
            }
            Sent::Dials(time) => {
                let life = self.life(from);
                self.queue.after(time, Event::Dialed { from, life, to, answers });
            }
            Sent::Waits | Sent::Lost => {}
        }
    }

    /// Whether a node answers a dial of another one.
    pub(super) fn answers(&self, from: NodeId, to: NodeId) -> bool {
        let runs = self.nodes.get(to as usize).and_then(Option::as_ref);
        runs.is_some_and(|node| !node.traits.unreachable) && self.network.has_path(from, to)
    }

    pub(super) fn dialed(&mut self, from: NodeId, to: NodeId, answers: bool) {
        let answers = answers && self.answers(from, to);
        let runs = self.nodes[from as usize].is_some();
        if answers && runs && self.network.is_stale(to, from) {
            // As in `net/gossip/acceptor.rs`: the predecessor's connection ends before the connection of its successor
            // begins.
            self.gossip(to, InEvent::PeerDisconnected(from), None);
        }
        match self.network.dialed(from, to, answers && runs) {
            Some((ours, theirs)) => {
                let latency = self.network.latency(from, to);
                for (from, to, packets) in [(from, to, ours), (to, from, theirs)] {
                    for packet in packets {
                        self.queue.after(latency, Event::Deliver { from, to, packet: Box::new(packet) });
                    }
                }
            }
            None => self.gossip(from, InEvent::PeerDisconnected(to), None),
        }
    }

    pub(super) fn deliver(&mut self, from: NodeId, to: NodeId, packet: Packet) {
        if !self.network.has_path(from, to) {
            return;
        }
        let merge = matches!(packet.reason, Some(JoinReason::Bubble | JoinReason::Overlap));
        let before = self.nodes[to as usize].as_ref().map(|node| node.neighbors.clone()).filter(|_| merge);
        self.answering = packet.reason.filter(|_| merge && !packet.answer).map(|reason| (from, reason));
        self.gossip(to, InEvent::RecvMessage(from, packet.message), None);
        self.answering = None;
        if let Some((before, node)) = before.zip(self.nodes[to as usize].as_ref()) {
            let evicted = before.iter().filter(|peer| !node.neighbors.contains(peer)).count();
            self.measure.evictions += evicted as u64;
        }
    }
}

fn message_number(content: &[u8]) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&content[..8]);
    u64::from_le_bytes(number)
}
