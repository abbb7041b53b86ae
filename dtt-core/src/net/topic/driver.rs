//! The one task of a topic. It owns the tracker, the gossip stream and everything under way. It ends when its token is
//! cancelled, or when the gossip layer ends.

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, OptionFuture},
    stream::{BoxStream, FuturesUnordered, SelectAll},
};
use iroh::EndpointId;
use iroh_gossip::{api, proto::DeliveryScope};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    budget::Budget,
    context::Context,
    events::Event,
    hub::Hub,
    messages::Inbox,
    own_address::own_address,
    slots::{Judged, Slots},
    store::StoreJob,
};
use crate::net::{
    clock::{Clock, unix_seconds},
    dht::Found,
};
use crate::{
    tracker::{Action, Input, JoinReason, PeerId, SeenRecord, TopicState, Tracker},
    wire::{GossipRecordContent, MAX_MESSAGE_HASHES, Record, message_hash},
};

/// The most events that are taken from the gossip layer at once.
const BATCH: usize = 256;
/// How often the task looks at the clock while the tracker has no deadline: the machine may have slept.
const IDLE: Duration = Duration::from_secs(60);
/// Messages that may be hashed per second, and at once. The window of the overlap merge holds what comes in a minute at
/// this rate. Messages of faster topics cannot be compared, and hashing them would cost a fifth of a core.
const HASHES_PER_SECOND: f64 = 500.0;
const HASHES_IN_HAND: f64 = 2000.0;
/// The task waits for a reader that usually keeps up but does not at this moment: this long, this often per second, and
/// this often at once.
const PATIENCE: Duration = Duration::from_millis(1);
const PATIENCE_PER_SECOND: f64 = 50.0;
const PATIENCE_IN_HAND: f64 = 200.0;

pub(super) struct Driver {
    context: Arc<Context>,
    events: BoxStream<'static, api::Event>,
    hub: Arc<Hub>,
    me: PeerId,
    clock: Clock,
    tracker: Tracker,
    slots: Slots,
    /// Topics of version 1 have none: their messages say nothing of their authors.
    inbox: Option<Inbox>,
    lookups: SelectAll<BoxStream<'static, (u64, Found)>>,
    store: OptionFuture<BoxFuture<'static, (u64, bool)>>,
    /// Work in the background. It may find that a peer cannot be reached.
    joins: FuturesUnordered<BoxFuture<'static, Option<PeerId>>>,
    resync: OptionFuture<BoxFuture<'static, Option<HashSet<EndpointId>>>>,
    own_address: BoxStream<'static, ()>,
    /// Resolves when another process with the node's key is known.
    key_in_use: OptionFuture<BoxFuture<'static, ()>>,
    /// The most events that are taken from the gossip layer at once: no more than a subscriber's queue holds.
    batch: usize,
    budget: Budget,
    patience: Budget,
}

impl Driver {
    pub(super) fn new(
        context: Arc<Context>,
        inbox: Option<Inbox>,
        events: BoxStream<'static, api::Event>,
        hub: Arc<Hub>,
    ) -> Self {
        let clock = Clock::start();
        let config = &context.config;
        let me = context.me();
        let wait = config.bootstrap_config().address_wait();
        Self {
            tracker: Tracker::new(me, config, rand::random(), clock.now()),
            slots: Slots::new(context.keys.clone(), Instant::now()),
            inbox,
            own_address: own_address(context.addresses.as_ref(), config.address_hints(), wait),
            batch: BATCH.min(config.event_capacity()),
            key_in_use: context.same_key().map(|same_key| same_key.met().boxed()).into(),
            context,
            events,
            hub,
            me,
            clock,
            lookups: SelectAll::new(),
            store: None.into(),
            joins: FuturesUnordered::new(),
            resync: None.into(),
            budget: Budget::new(HASHES_PER_SECOND, HASHES_IN_HAND, Instant::now()),
            patience: Budget::new(PATIENCE_PER_SECOND, PATIENCE_IN_HAND, Instant::now()),
        }
    }

    /// Runs until the token is cancelled or the gossip layer ends.
    pub(super) async fn run(mut self, token: CancellationToken) {
        let hub = self.hub.clone();
        if hub.is_paused() {
            self.pause();
        }
        let mut timer = pin!(sleep_until(Instant::now()));
        loop {
            self.carry_out();
            let wanted = self.tracker.next_deadline().map(|at| self.clock.instant(at));
            let deadline = wanted.unwrap_or_else(|| Instant::now() + IDLE);
            // A timer that fires a little early is cheaper than one that is set again for every message.
            if timer.is_elapsed() || wanted.is_some_and(|wanted| wanted != timer.deadline()) {
                timer.as_mut().reset(deadline);
            }
            tokio::select! {
                _ = token.cancelled() => return,
                event = self.events.next() => match event {
                    Some(event) => self.gossip_events(event).await,
                    None => return,
                },
                Some((slot, found)) = self.lookups.next() => self.found(slot, found),
                Some((slot, stored)) = &mut self.store => {
                    self.store = None.into();
                    self.input(Input::StoreDone { slot, stored });
                }
                Some(neighbors) = &mut self.resync => {
                    self.resync = None.into();
                    if let Some(neighbors) = neighbors {
                        self.set_neighbors(neighbors);
                    }
                }
                Some(failed) = self.joins.next() => {
                    if let Some(peer) = failed {
                        self.input(Input::Unreachable(peer));
                    }
                }
                Some(()) = self.own_address.next() => self.input(Input::AddressChanged),
                Some(()) = &mut self.key_in_use => {
                    self.key_in_use = self.context.same_key().map(|same_key| same_key.met_again().boxed()).into();
                    self.hub.publish(&[Event::KeyInUse]);
                }
                () = hub.network_change() => self.network_changed(),
                () = &mut timer => {
                    let now = self.clock.now();
                    self.tracker.handle_timeout(now);
                }
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.tracker.handle(self.clock.now(), input);
    }

    fn network_changed(&mut self) {
        match (self.tracker.is_paused(), self.hub.is_paused()) {
            (false, true) => self.pause(),
            (true, false) => self.input(Input::Resumed),
            _ => self.input(Input::NetworkChanged),
        }
    }

    /// Gives up everything that would send packets of its own accord.
    fn pause(&mut self) {
        self.lookups.clear();
        self.store = None.into();
        self.joins.clear();
        self.input(Input::Paused);
    }

    /// Takes what the gossip layer has, hands it to the subscribers, and then passes it to the tracker.
    async fn gossip_events(&mut self, first: api::Event) {
        let (mut batch, mut heard) = (Vec::with_capacity(16), Vec::new());
        let (mut next, mut taken) = (Some(first), 0);
        while let Some(event) = next {
            self.take_event(event, &mut batch, &mut heard);
            taken += 1;
            if taken >= self.batch {
                break;
            }
            next = self.events.next().now_or_never().flatten();
        }
        let received = batch.iter().filter(|event| matches!(event, Event::Received(_))).count();
        self.hub.counters.received.add(received as u64);
        self.wait_for_readers(batch.len()).await;
        self.hub.publish(&batch);
        for event in &batch {
            match event {
                Event::NeighborUp(peer) => {
                    self.met(*peer);
                    self.input(Input::NeighborUp(*peer.as_bytes()));
                }
                Event::NeighborDown(peer) => {
                    self.met(*peer);
                    self.input(Input::NeighborDown(*peer.as_bytes()));
                }
                Event::Lagged(_) => self.input(Input::Missed),
                Event::Received(_) | Event::StateChanged(_) | Event::KeyInUse => {}
            }
        }
        if !heard.is_empty() {
            self.hear(heard);
        }
    }

    /// Holds the topic up for a moment, and its neighbors with it. So a reader that usually keeps up misses nothing
    /// just because the system ran something else. This lasts only for a short while: a reader that is slow for longer
    /// misses its oldest events.
    async fn wait_for_readers(&mut self, events: usize) {
        while self.context.gossip.is_own() && self.hub.would_overrun(events) && self.patience.allows(1, Instant::now())
        {
            sleep(PATIENCE).await;
        }
    }

    /// Remembers where a neighbor was reached: when it comes, and again when it goes, since paths change.
    fn met(&mut self, peer: EndpointId) {
        if let Some(addresses) = self.context.addresses.clone() {
            self.in_background(async move { addresses.met(peer).await });
        }
    }

    fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.joins.push(work.map(|()| None).boxed());
    }

    /// Hashes what was received, for the records and the overlap merge. If more came than the merge could remember,
    /// hashing all of it is not worth the time: then only the last messages count, which the next record names.
    fn hear(&mut self, mut contents: Vec<Bytes>) {
        if !self.budget.allows(contents.len(), Instant::now()) {
            self.input(Input::Missed);
            contents.drain(..contents.len().saturating_sub(MAX_MESSAGE_HASHES));
        }
        for content in contents {
            self.input(Input::Received(message_hash(&content)));
        }
        self.hub.set_last_received(self.tracker.last_message_hashes());
    }

    /// Whether the peer is a neighbor after these events.
    fn is_neighbor(&self, peer: &EndpointId, batch: &[Event]) -> bool {
        let last = batch.iter().rev().find_map(|event| match event {
            Event::NeighborUp(other) if other == peer => Some(true),
            Event::NeighborDown(other) if other == peer => Some(false),
            _ => None,
        });
        last.unwrap_or_else(|| self.hub.has_neighbor(peer))
    }

    /// Adds an event to a batch, and a message's bytes to what was heard.
    fn take_event(&mut self, event: api::Event, batch: &mut Vec<Event>, heard: &mut Vec<Bytes>) {
        match event {
            api::Event::NeighborUp(peer) if !self.is_neighbor(&peer, batch) => batch.push(Event::NeighborUp(peer)),
            api::Event::NeighborDown(peer) if self.is_neighbor(&peer, batch) => batch.push(Event::NeighborDown(peer)),
            api::Event::NeighborUp(_) | api::Event::NeighborDown(_) => {}
            api::Event::Received(message) => self.take_message(message, batch, heard),
            api::Event::Lagged => {
                batch.push(Event::Lagged(None));
                self.hub.counters.gossip_lagged.add(1);
                self.begin_resync();
            }
        }
    }

    fn take_message(&mut self, message: api::Message, batch: &mut Vec<Event>, heard: &mut Vec<Bytes>) {
        // A message to neighbors only does not show which nodes are in the same swarm.
        let bytes = matches!(message.scope, DeliveryScope::Swarm(_)).then(|| message.content.clone());
        let opened = match &mut self.inbox {
            Some(inbox) => inbox.open(message),
            None => Ok(message.into()),
        };
        match opened {
            Ok(message) => {
                heard.extend(bytes);
                batch.push(Event::Received(message));
            }
            Err(refusal) => self.hub.counters.message_refused(refusal),
        }
    }

    /// The gossip layer has lost events, perhaps changes of neighbors, so it is asked for the present neighbors. If it
    /// does not answer in time, the known ones stay.
    fn begin_resync(&mut self) {
        self.resync = Some(self.context.gossip.clone().neighbors(*self.context.topic_id()).boxed()).into();
    }

    fn set_neighbors(&mut self, present: HashSet<EndpointId>) {
        let known = self.hub.neighbors();
        let up = present.difference(&known).map(|peer| Event::NeighborUp(*peer));
        let down = known.difference(&present).map(|peer| Event::NeighborDown(*peer));
        let events: Vec<Event> = up.chain(down).collect();
        self.hub.publish(&events);
        for event in events {
            match event {
                Event::NeighborUp(peer) => self.input(Input::NeighborUp(*peer.as_bytes())),
                Event::NeighborDown(peer) => self.input(Input::NeighborDown(*peer.as_bytes())),
                _ => {}
            }
        }
    }

    fn found(&mut self, slot: u64, found: Found) {
        match found {
            Found::Value(value, seq) => {
                self.slots.saw(slot, seq);
                match self.slots.judge(slot, &value, unix_seconds(), Instant::now()) {
                    Judged::New(record) => self.record(slot, &record, true),
                    Judged::Known(record) => self.record(slot, &record, false),
                    Judged::Refused(error) => {
                        self.hub.counters.refused(error);
                        tracing::debug!(target: "dtt::topic", slot, %error, "value refused");
                    }
                    Judged::Ignored => {}
                }
            }
            Found::End { answered } => {
                let counters = &self.hub.counters;
                if answered { &counters.lookups_answered } else { &counters.lookups_unanswered }.add(1);
                self.input(Input::LookupDone { slot, answered });
            }
        }
    }

    fn record(&mut self, slot: u64, record: &Record, new: bool) {
        let own = record.pub_key() == self.me;
        // A content of another format names no nodes.
        let content: GossipRecordContent = record.content().unwrap_or_default();
        if new {
            let protocol = self.context.keys.protocol();
            tracing::debug!(
                target: "dtt::topic",
                minute = record.unix_minute(),
                publisher = short(&record.pub_key()),
                peers = ?content.peers().map(short).collect::<Vec<String>>(),
                own,
                "record found"
            );
            // The addresses come first: the dial that follows needs them.
            let well_formed =
                self.context.addresses.as_ref().is_none_or(|addresses| addresses.learn(record, &content, protocol));
            if !own {
                self.hub.counters.accepted();
                self.hub.counters.hints_malformed.add(u64::from(!well_formed));
            }
        }
        let seen = SeenRecord::new(slot, record, &content);
        if !own && !self.tracker.is_joined() {
            self.hub.search.found(&seen);
        }
        self.input(Input::Record(seen));
    }

    fn carry_out(&mut self) {
        let (sent, more) = self.hub.take_sent();
        if more || !self.budget.allows(sent.len(), Instant::now()) {
            self.input(Input::Missed);
        } else {
            sent.iter().for_each(|content| self.input(Input::Sent(message_hash(content))));
        }
        while let Some(action) = self.tracker.next_action() {
            match action {
                Action::Lookup { slot } => {
                    self.hub.counters.lookups.add(1);
                    let place = self.slots.keys(slot).place();
                    self.lookups.push(self.context.dht.lookup(place).map(move |found| (slot, found)).boxed());
                }
                Action::Store { slot, content } => self.begin_store(slot, *content),
                Action::Join { peers, reason } => {
                    let ids = peers.iter().filter_map(|peer| EndpointId::from_bytes(peer).ok()).collect::<Vec<_>>();
                    self.hub.counters.dialed(reason, ids.len());
                    if reason == JoinReason::Bootstrap {
                        self.hub.search.dialed(&ids);
                    }
                    tracing::debug!(
                        target: "dtt::topic",
                        ?reason,
                        peers = ?peers.iter().map(short).collect::<Vec<String>>(),
                        "dialing"
                    );
                    self.begin_join(ids, reason);
                }
                Action::State(state) => {
                    match state {
                        TopicState::LookingUp => continue,
                        TopicState::Joined => {
                            self.hub.counters.joined();
                            self.hub.search.reset();
                        }
                        TopicState::Alone => self.hub.counters.alone.add(1),
                    }
                    tracing::info!(target: "dtt::topic", %state);
                    self.hub.publish(&[Event::StateChanged(state)]);
                }
            }
        }
    }

    fn begin_store(&mut self, slot: u64, content: GossipRecordContent) {
        let place = self.unblocked(slot);
        let job = StoreJob {
            context: self.context.clone(),
            slot: place,
            keys: self.slots.keys(place),
            highest: self.slots.highest(place),
            content,
        };
        let hub = self.hub.clone();
        self.store = Some(async move { (slot, job.run(hub).await) }.boxed()).into();
    }

    /// The slot itself, or another one that newcomers read if a member has blocked it.
    fn unblocked(&mut self, slot: u64) -> u64 {
        let spare = self.context.keys.slots_at(unix_seconds()).into_iter().filter(|spare| *spare != slot);
        let mut all = std::iter::once(slot).chain(spare);
        all.find(|slot| {
            let highest = self.slots.highest(*slot);
            !self.slots.keys(*slot).is_blocked(highest)
        })
        .unwrap_or(slot)
    }

    fn begin_join(&mut self, peers: Vec<EndpointId>, reason: JoinReason) {
        let Ok(sender) = self.hub.sender() else { return };
        let limit = self.context.config.timeouts().join_peer_timeout();
        for peer in &peers {
            let rest = self
                .context
                .connector
                .as_ref()
                .and_then(|connector| connector.look_after(*peer, &self.hub, reason == JoinReason::Bootstrap));
            rest.into_iter().for_each(|rest| self.in_background(rest));
        }
        let dialed = peers.clone();
        let join = async move {
            if timeout(limit, sender.join(peers)).await.is_err() {
                tracing::warn!(target: "dtt::topic", "the gossip layer did not take a join in time");
            }
        };
        self.in_background(join);
        if reason == JoinReason::Bootstrap {
            self.watch_dials(&dialed);
        }
    }

    /// If a dial fails at once, the next one should not wait.
    fn watch_dials(&self, peers: &[EndpointId]) {
        let Some(connector) = &self.context.connector else { return };
        for peer in peers.iter().copied() {
            let fails = connector.fails(peer);
            self.joins.push(async move { fails.await.then_some(*peer.as_bytes()) }.boxed());
        }
    }
}

/// The beginning of an id, as the logs have it.
fn short(peer: &PeerId) -> String {
    data_encoding::HEXLOWER.encode(&peer[..5])
}
