//! This node as a member of one topic's swarm: iroh-gossip's state machine, and the streams that carry its messages.
//!
//! One task does all the work of a topic, so a topic with slow neighbors or readers holds up no other topic. As long as
//! connections stand, no message is lost here, and what waits has a bound:
//!
//! - If a reader has no room, nothing is taken from the neighbors.
//! - If a neighbor takes too little, nothing is taken from the *other* neighbors. What the slow neighbor sends itself
//!   is still taken, or two neighbors that send to each other would wait forever. Messages spread along a tree, so each
//!   wait ends at a neighbor that takes something.
//! - This node's own broadcasts wait first, and with them the callers of `broadcast`.
//! - A neighbor that takes nothing, or very little, for half a minute is let go, and is told so.

use std::{
    collections::{BTreeMap, HashSet},
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use iroh::{EndpointAddr, EndpointId};
use iroh_gossip::{
    api,
    proto::{
        Command, Config, Event, TopicId,
        topic::{InEvent, OutEvent, State, Timer},
    },
};
use lru::LruCache;
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    channel::{Control, Inbox, Sender},
    door::Door,
    frame::{self, Incoming},
    link::Link,
    neighborhood::Neighborhood,
    peer_data,
    peers::Peers,
    readers::Readers,
    timers::Timers,
    topics::Topics,
};
use crate::{config::AddressHints, net::Addresses, wire::AddressHint};

/// Rounds of one turn, and messages and broadcasts of one round. The task then yields to other topics.
const ROUNDS: usize = 8;
const MESSAGES: usize = 16;
const BROADCASTS: usize = 8;
/// How often the state machine forgets what peers could fill its memory with, and for how many peers it may know
/// addresses.
const TIDY: Duration = Duration::from_secs(60);
const KNOWN: usize = 256;
/// How often links that have something to send are checked.
const LOOK: Duration = Duration::from_secs(5);
/// How long the farewell of a topic that was left may take.
const FAREWELL: Duration = Duration::from_secs(5);

#[derive(Debug)]
enum Due {
    Protocol(Timer<EndpointId>),
    /// Look for neighbors that take nothing.
    Look,
    /// Forget what peers announced and never sent.
    Tidy,
}

/// What the members of a node share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) peers: Peers,
    pub(super) topics: Topics,
    pub(super) addresses: Addresses,
    pub(super) neighborhood: Neighborhood,
    pub(super) max_message_size: usize,
    pub(super) token: CancellationToken,
}

pub(super) struct Member {
    topic: TopicId,
    door: Option<Door>,
    policy: AddressHints,
    common: Common,
    state: State<EndpointId, StdRng>,
    inbox: Inbox,
    readers: Readers,
    neighbors: HashSet<EndpointId>,
    links: BTreeMap<EndpointId, Link>,
    /// The peer whose messages were taken last. The next round begins with the peer after it.
    last: Option<EndpointId>,
    timers: Timers<Due>,
    looks: bool,
    /// Peers whose addresses the state machine remembers, and what their records would say.
    known: LruCache<EndpointId, Vec<AddressHint>>,
    closing: BoxFuture<'static, ()>,
    /// Set when the topic has been left: the end of the time for the farewell.
    leaving: Option<Pin<Box<Sleep>>>,
}

impl Member {
    pub(super) fn new(
        topic: TopicId,
        door: Option<Door>,
        own: &EndpointAddr,
        policy: AddressHints,
        common: Common,
    ) -> (Self, Sender) {
        let (sender, inbox) = Sender::new();
        let config = Config { max_message_size: common.max_message_size, ..Config::default() };
        let rng = StdRng::from_rng(&mut rand::rng());
        let mut timers = Timers::new();
        timers.insert(Instant::now() + TIDY, Due::Tidy);
        let own_data = peer_data::encode(own, policy);
        let member = Self {
            topic,
            door,
            policy,
            state: State::with_rng(common.peers.endpoint().id(), Some(own_data), config, rng),
            inbox,
            readers: Readers::default(),
            neighbors: HashSet::new(),
            links: BTreeMap::new(),
            last: None,
            timers,
            looks: false,
            known: LruCache::unbounded(),
            closing: common.token.clone().cancelled_owned().boxed(),
            leaving: None,
            common,
        };
        (member, sender)
    }

    /// Runs until the last reader has gone or the node closes, and the neighbors know.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS {
            let mut moves = self.poll_controls(cx) | self.poll_timers(cx);
            self.readers.poll(cx);
            moves |= self.poll_messages(cx) | self.poll_broadcasts(cx) | self.poll_links(cx);
            if self.leaving.is_none() {
                let closes = self.closing.poll_unpin(cx).is_ready();
                if closes {
                    // Otherwise the streams that are handed back would come to this member again.
                    self.common.topics.forget(&self.topic, || false);
                }
                if closes || self.is_unread() {
                    self.leave();
                    moves = true;
                }
            }
            if self.has_left(cx) {
                return Poll::Ready(());
            }
            if !moves {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_controls(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moves = false;
        while let Poll::Ready(Some(control)) = self.inbox.controls.poll_recv(cx) {
            moves = true;
            self.control(control);
        }
        moves
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Subscribe(id, events) => {
                // A new reader first hears which neighbors are present.
                let present = self.neighbors.iter().map(|peer| api::Event::NeighborUp(*peer));
                self.readers.add(id, events, present);
            }
            Control::Unsubscribe(id) => self.readers.remove(id),
            Control::Join(_) if self.leaving.is_some() => {}
            Control::Join(peers) => self.handle(InEvent::Command(Command::Join(peers))),
            Control::Stream(incoming) if self.leaving.is_none() => self.receive_from(*incoming),
            Control::Stream(incoming) => self.common.topics.hand_over(*incoming),
            Control::OwnAddress(own) => self.handle(InEvent::UpdatePeerData(peer_data::encode(&own, self.policy))),
        }
    }

    fn poll_timers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moves = false;
        while let Poll::Ready(due) = self.timers.poll(cx) {
            moves = true;
            match due {
                // It would look for new neighbors in place of those that were left.
                Due::Protocol(_) if self.leaving.is_some() => {}
                Due::Protocol(timer) => self.handle(InEvent::TimerExpired(timer)),
                Due::Look => self.look(),
                Due::Tidy => {
                    // When the state machine loses a peer, it also forgets all announcements that no peer stands behind
                    // anymore. This node is no peer of its own, so its loss has no other effect.
                    self.handle(InEvent::PeerDisconnected(self.common.peers.endpoint().id()));
                    self.timers.insert(Instant::now() + TIDY, Due::Tidy);
                }
            }
        }
        moves
    }

    fn receive_from(&mut self, incoming: Incoming) {
        let (peer, connection) = (incoming.peer, incoming.connection);
        if !self.link(peer).receive_from(incoming) {
            self.common.peers.refuse_more(&peer, connection);
        }
    }

    /// Lets go of neighbors that take nothing, or very little.
    fn look(&mut self) {
        self.looks = false;
        let stalled = self.links.iter_mut().filter_map(|(peer, link)| {
            let waits = link.waits_for_a_stream();
            if waits {
                self.common.peers.tell_of_few_streams(peer);
            }
            link.is_stalled().then_some((*peer, waits))
        });
        for (peer, waits) in stalled.collect::<Vec<_>>() {
            tracing::debug!(target: "dtt::topic", peer = %peer.fmt_short(), "a neighbor takes nothing");
            self.lose(peer);
            // Otherwise the peer would go on believing that it hears us.
            if !waits && self.common.peers.connection_to(&peer).is_some() {
                self.link(peer).send(Bytes::from_static(frame::STAYS));
                self.link(peer).finish();
            }
        }
        if self.links.values().any(Link::is_unsent) {
            self.look_later();
        }
    }

    fn look_later(&mut self) {
        if !self.looks {
            self.looks = true;
            self.timers.insert(Instant::now() + LOOK, Due::Look);
        }
    }

    /// Takes messages in, from one peer after the other.
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> bool {
        let (mut moves, mut left) = (false, MESSAGES);
        let later = self.links.keys().copied().filter(|peer| Some(*peer) > self.last);
        let order: Vec<EndpointId> =
            later.chain(self.links.keys().copied().filter(|peer| Some(*peer) <= self.last)).collect();
        for peer in order {
            while left > 0 && self.readers.have_room() && self.others_have_room(&peer) {
                let Some(link) = self.links.get_mut(&peer) else { break };
                let Poll::Ready(message) = link.poll_message(&self.common.peers, cx) else { break };
                (moves, self.last) = (true, Some(peer));
                left -= 1;
                self.handle(InEvent::RecvMessage(peer, message));
                self.readers.poll(cx);
            }
        }
        moves
    }

    fn others_have_room(&self, peer: &EndpointId) -> bool {
        let others = self.links.iter().filter(|(other, _)| *other != peer && self.neighbors.contains(*other));
        others.into_iter().all(|(_, link)| link.has_room_for_others())
    }

    fn poll_broadcasts(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moves = false;
        for _ in 0..BROADCASTS {
            let mut neighbors = self.links.iter().filter(|(peer, _)| self.neighbors.contains(*peer));
            if !neighbors.all(|(_, link)| link.has_room_for_broadcasts()) {
                break;
            }
            let Poll::Ready(Some((content, scope))) = self.inbox.broadcasts.poll_recv(cx) else { break };
            moves = true;
            self.handle(InEvent::Command(Command::Broadcast(content, scope)));
        }
        moves
    }

    /// Sends what waits, and forgets peers that can no longer be reached. Returns whether there is more room than
    /// before, or more to do.
    fn poll_links(&mut self, cx: &mut Context<'_>) -> bool {
        let queued = |links: &BTreeMap<EndpointId, Link>| links.values().map(Link::queued).sum::<usize>();
        let (before, mut moves) = (queued(&self.links), false);
        // The loss of one peer may give others something to send.
        loop {
            let peers = &self.common.peers;
            let lost = self.links.iter_mut().filter_map(|(peer, link)| {
                let ends = link.poll_send(peers, cx).is_ready();
                if link.is_overfull() {
                    tracing::debug!(target: "dtt::topic", peer = %peer.fmt_short(), "a peer asks for more than it takes");
                    link.take_incoming();
                    return Some(*peer);
                }
                ends.then_some(*peer)
            });
            let lost: Vec<EndpointId> = lost.collect();
            if lost.is_empty() {
                break;
            }
            moves = true;
            lost.into_iter().for_each(|peer| self.lose(peer));
        }
        self.links.retain(|peer, link| self.neighbors.contains(peer) || !link.is_idle());
        moves || queued(&self.links) < before
    }

    fn lose(&mut self, peer: EndpointId) {
        self.link(peer).reset();
        self.handle(InEvent::PeerDisconnected(peer));
    }

    fn link(&mut self, peer: EndpointId) -> &mut Link {
        self.links.entry(peer).or_insert_with(|| Link::new(self.topic, self.door.clone(), peer))
    }

    /// Passes an event to the state machine, and does what the state machine asks for.
    fn handle(&mut self, event: InEvent<EndpointId>) {
        let now = Instant::now();
        let out: Vec<OutEvent<EndpointId>> = self.state.handle(event, now).collect();
        for event in out {
            match event {
                OutEvent::SendMessage(to, message) => match frame::encode(&message, self.common.max_message_size) {
                    Some(frame) => {
                        self.link(to).send(frame);
                        self.look_later();
                    }
                    None => tracing::debug!(target: "dtt::topic", "a message is longer than peers read"),
                },
                OutEvent::EmitEvent(event) => self.emit(event),
                OutEvent::ScheduleTimer(after, timer) => self.timers.insert(now + after, Due::Protocol(timer)),
                OutEvent::DisconnectPeer(peer) => {
                    if let Some(link) = self.links.get_mut(&peer) {
                        link.finish();
                    }
                }
                OutEvent::PeerData(peer, data) => {
                    let (address, hints) = peer_data::decode(peer, &data);
                    address.into_iter().for_each(|address| self.common.addresses.learn_second_hand(address));
                    self.remember(peer, hints);
                }
            }
        }
    }

    /// Makes the state machine forget the addresses of the peer that it heard of longest ago. Otherwise it would keep
    /// the addresses of every peer that others invent.
    fn remember(&mut self, peer: EndpointId, hints: Vec<AddressHint>) {
        self.known.put(peer, hints);
        if self.known.len() > KNOWN
            && let Some((oldest, _)) = self.known.pop_lru()
            && !self.links.contains_key(&oldest)
            && !self.neighbors.contains(&oldest)
        {
            self.handle(InEvent::PeerDisconnected(oldest));
        }
    }

    fn emit(&mut self, event: Event<EndpointId>) {
        match &event {
            Event::NeighborUp(peer) if self.neighbors.insert(*peer) => {
                self.common.neighborhood.add(*peer);
                // The peer's own message has made it a neighbor, so this is what the peer itself said last.
                if let Some(hints) = self.known.peek(peer) {
                    self.common.addresses.neighbor_said(peer, hints);
                }
                let peers = self.common.peers.clone();
                self.link(*peer).keep(&peers);
            }
            Event::NeighborDown(peer) if self.neighbors.remove(peer) => self.common.neighborhood.remove(peer),
            _ => {}
        }
        self.readers.tell(&event.into());
    }

    /// Whether the last reader has gone. From then on another member may open the topic.
    fn is_unread(&mut self) -> bool {
        if !self.readers.is_empty() {
            return false;
        }
        let (mut controls, inbox) = (Vec::new(), &mut self.inbox.controls);
        let forgotten = self.common.topics.forget(&self.topic, || {
            controls.extend(std::iter::from_fn(|| inbox.try_recv().ok()));
            controls.iter().any(|control| matches!(control, Control::Subscribe(..)))
        });
        if forgotten {
            self.leaving = Some(Box::pin(sleep(FAREWELL)));
        }
        controls.into_iter().for_each(|control| self.control(control));
        forgotten
    }

    /// Sends the broadcasts that still wait, and the farewell.
    fn leave(&mut self) {
        self.leaving.get_or_insert_with(|| Box::pin(sleep(FAREWELL)));
        self.inbox.broadcasts.close();
        while let Ok((content, scope)) = self.inbox.broadcasts.try_recv() {
            self.handle(InEvent::Command(Command::Broadcast(content, scope)));
        }
        // Peers that were asked to be neighbors may not have answered yet, and need a farewell too.
        for (_, link) in self.links.iter_mut().filter(|(peer, _)| !self.neighbors.contains(*peer)) {
            if link.has_begun() { link.send(Bytes::from_static(frame::GOES)) } else { link.reset() }
        }
        self.handle(InEvent::Command(Command::Quit));
        for peer in std::mem::take(&mut self.neighbors) {
            self.common.neighborhood.remove(&peer);
        }
        let topics = &self.common.topics;
        for link in self.links.values_mut() {
            link.finish();
            link.take_incoming().into_iter().for_each(|incoming| topics.hand_over(incoming));
        }
    }

    fn has_left(&mut self, cx: &mut Context<'_>) -> bool {
        let links = &self.links;
        self.leaving.as_mut().is_some_and(|limit| links.is_empty() || limit.poll_unpin(cx).is_ready())
    }
}

/// However the task ends, nothing counts on its neighbors anymore. It may end because its runtime shuts down.
impl Drop for Member {
    fn drop(&mut self) {
        self.neighbors.iter().for_each(|peer| self.common.neighborhood.remove(peer));
    }
}
