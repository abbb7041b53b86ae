//! The link between one topic on this node and one peer: messages that wait to be sent, and the streams on which the
//! peer sends.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use iroh::{
    EndpointId,
    endpoint::{SendStream, WriteError},
};
use iroh_gossip::proto::TopicId;
use tokio::time::Instant;

use super::{
    door::Door,
    frame::{self, Incoming, Message},
    peers::{Peers, Standing},
};

/// Bytes that may wait for a peer. If there are more, this node's own broadcasts wait too.
const BROADCASTS: usize = 64 * 1024;
/// Bytes that may wait for a neighbor. If there are more, nothing is taken from the other neighbors: their messages are
/// what waits.
const FORWARDED: usize = 1024 * 1024;
/// If more bytes than this wait, the peer has asked for more than it takes, and it is let go at once.
const MOST: usize = 4 * 1024 * 1024;
/// A peer that takes too little for this long is let go. QUIC notices a dead node much earlier.
const STALLED: Duration = Duration::from_secs(30);
/// Fewer bytes than this in that time are too little, if a lot waits.
const LITTLE: usize = 32 * 1024;
/// Streams in a row that a peer may refuse, and streams that it may have open on a connection.
const REFUSALS: u32 = 3;
const STREAMS: usize = 64;

/// How messages get to the peer.
enum Way {
    None,
    Connecting(BoxFuture<'static, Option<Standing>>),
    Opening(BoxFuture<'static, Option<SendStream>>),
    Open(SendStream),
    /// The stream has ended. The future is ready when the peer has received all of it.
    Ended(BoxFuture<'static, ()>),
    /// The connection has ended, and `Link::ended` is about to say so.
    Broken,
}

pub(super) struct Link {
    topic: TopicId,
    /// A private topic has one.
    door: Option<Door>,
    peer: EndpointId,
    way: Way,
    /// Ready when the connection in use has ended. The value tells whether the peer may still be there.
    ended: Option<BoxFuture<'static, bool>>,
    queue: VecDeque<Bytes>,
    /// Bytes in the queue.
    queued: usize,
    /// The unsent rest of the stream's header, and of the queue's first message.
    header: Bytes,
    message: Bytes,
    /// Whether the stream ends when everything has been sent.
    is_last: bool,
    /// Since when something waits; since when so much waits that others wait for this peer; and bytes that the peer has
    /// taken since the latter.
    waits_since: Option<Instant>,
    delays_since: Option<Instant>,
    taken: usize,
    refusals: u32,
    incoming: Vec<Incoming>,
}

impl Link {
    pub(super) fn new(topic: TopicId, door: Option<Door>, peer: EndpointId) -> Self {
        Self {
            topic,
            door,
            peer,
            way: Way::None,
            ended: None,
            queue: VecDeque::new(),
            queued: 0,
            header: Bytes::new(),
            message: Bytes::new(),
            is_last: false,
            waits_since: None,
            delays_since: None,
            taken: 0,
            refusals: 0,
            incoming: Vec::new(),
        }
    }

    pub(super) fn send(&mut self, message: Bytes) {
        self.queued += message.len();
        self.queue.push_back(message);
        self.is_last = false;
        self.waits_since.get_or_insert_with(Instant::now);
        if !self.has_room_for_broadcasts() && self.delays_since.is_none() {
            (self.delays_since, self.taken) = (Some(Instant::now()), 0);
        }
    }

    /// Watches the connection, since the peer is a neighbor now. If the connection is gone already, the link dials, and
    /// it ends if that fails.
    pub(super) fn keep(&mut self, peers: &Peers) {
        self.is_last = false;
        if matches!(self.way, Way::None | Way::Ended(_)) {
            self.connect(peers);
        }
    }

    fn connect(&mut self, peers: &Peers) {
        self.lose_way();
        let (peers, peer) = (peers.clone(), self.peer);
        self.way = Way::Connecting(async move { peers.connect(peer).await }.boxed());
    }

    /// Ends the stream after what waits: the topic has nothing more to say to the peer.
    pub(super) fn finish(&mut self) {
        self.is_last = true;
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    pub(super) fn is_unsent(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn has_room_for_broadcasts(&self) -> bool {
        self.queued < BROADCASTS
    }

    pub(super) fn has_room_for_others(&self) -> bool {
        self.queued < FORWARDED
    }

    /// Whether the peer has asked for more than it takes.
    pub(super) fn is_overfull(&self) -> bool {
        self.queued > MOST
    }

    /// Whether the peer has taken nothing, or very little, for long. The member has to ask this regularly: an answer
    /// may begin a new period.
    pub(super) fn is_stalled(&mut self) -> bool {
        let is_long = |since: Option<Instant>| since.is_some_and(|since| since.elapsed() > STALLED);
        let delays = is_long(self.delays_since);
        let takes_little = delays && (self.taken < LITTLE || !self.has_room_for_others());
        if delays {
            (self.delays_since, self.taken) = (Some(Instant::now()), 0);
        }
        takes_little || is_long(self.waits_since)
    }

    /// Whether the link waits for the peer to allow another stream. The peer may allow fewer streams than there are
    /// topics.
    pub(super) fn waits_for_a_stream(&self) -> bool {
        matches!(self.way, Way::Opening(_))
    }

    /// Whether something was sent to the peer that it may still answer.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.way, Way::Open(_)) || self.queued > 0 && matches!(self.way, Way::Opening(_))
    }

    /// Whether nothing is under way in either direction.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.way, Way::None) && self.queue.is_empty() && self.incoming.is_empty()
    }

    /// Takes in a stream that the peer opened. Returns false if the peer has too many.
    ///
    /// The streams of a connection are read one after the other, since the peer ends one before it opens the next.
    /// Otherwise a farewell on one stream could be taken for an answer to a greeting on the next.
    pub(super) fn receive_from(&mut self, incoming: Incoming) -> bool {
        if self.incoming.iter().filter(|other| other.connection == incoming.connection).count() >= STREAMS {
            return false;
        }
        let key = |incoming: &Incoming| (incoming.connection, incoming.stream);
        let at = self.incoming.partition_point(|other| key(other) < key(&incoming));
        self.incoming.insert(at, incoming);
        true
    }

    pub(super) fn take_incoming(&mut self) -> Vec<Incoming> {
        std::mem::take(&mut self.incoming)
    }

    /// Drops what waits, and the stream.
    pub(super) fn reset(&mut self) {
        self.queue.clear();
        (self.queued, self.waits_since, self.delays_since) = (0, None, None);
        self.lose_way();
        self.refusals = 0;
    }

    /// The next message of the peer. If the peer sends something that is not a message, its connection is closed.
    pub(super) fn poll_message(&mut self, peers: &Peers, cx: &mut Context<'_>) -> Poll<Message> {
        let mut at = 0;
        while at < self.incoming.len() {
            let incoming = &mut self.incoming[at];
            let connection = incoming.connection;
            let next = match incoming.first.take() {
                Some(first) => Poll::Ready(Some(Ok(first))),
                None => incoming.frames.poll_next_unpin(cx),
            };
            match next {
                Poll::Ready(Some(Ok(frame))) => match frame::decode(&frame) {
                    Some(message) => return Poll::Ready(message),
                    None => peers.refuse(&self.peer, connection),
                },
                Poll::Ready(Some(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
                    peers.refuse(&self.peer, connection);
                }
                Poll::Ready(Some(Err(_)) | None) => {}
                Poll::Pending => {
                    at += self.incoming[at..].iter().take_while(|other| other.connection == connection).count();
                    continue;
                }
            }
            self.incoming.remove(at);
        }
        Poll::Pending
    }

    /// Sends what waits. Ready when the peer can no longer be reached.
    pub(super) fn poll_send(&mut self, peers: &Peers, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(Poll::Ready(is_there)) = self.ended.as_mut().map(|ended| ended.poll_unpin(cx))
                && !(is_there && self.reopen(peers))
            {
                return Poll::Ready(());
            }
            match &mut self.way {
                Way::None if self.queue.is_empty() => return Poll::Pending,
                Way::None => self.connect(peers),
                Way::Connecting(connection) => match ready!(connection.poll_unpin(cx)) {
                    Some(standing) => self.open(standing, peers.endpoint().id()),
                    None => return Poll::Ready(()),
                },
                Way::Opening(stream) => match ready!(stream.poll_unpin(cx)) {
                    Some(stream) => self.way = Way::Open(stream),
                    None => self.way = Way::Broken,
                },
                Way::Open(..) => match ready!(self.poll_write(cx)) {
                    Ok(()) => {}
                    // The peer wants no more of this stream.
                    Err(WriteError::Stopped(_)) if self.reopen(peers) => {}
                    Err(WriteError::Stopped(_)) => return Poll::Ready(()),
                    Err(_) => self.way = Way::Broken,
                },
                Way::Broken => return Poll::Pending,
                Way::Ended(_) if !self.queue.is_empty() => self.lose_way(),
                Way::Ended(acknowledged) => {
                    ready!(acknowledged.poll_unpin(cx));
                    self.lose_way();
                }
            }
        }
    }

    /// Writes until nothing waits. Ready when the stream has ended or cannot go on.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        let Way::Open(stream) = &mut self.way else { return Poll::Pending };
        loop {
            if self.header.is_empty() && self.message.is_empty() {
                match self.queue.front() {
                    Some(front) => self.message = front.clone(),
                    None if self.is_last => break,
                    None => return Poll::Pending,
                }
            }
            let is_message = self.header.is_empty();
            let part = if is_message { &mut self.message } else { &mut self.header };
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, part))?;
            part.advance(written);
            self.taken += written;
            self.refusals = 0;
            self.waits_since = Some(Instant::now());
            if is_message && self.message.is_empty() {
                self.queued -= self.queue.pop_front().map_or(0, |sent| sent.len());
                self.waits_since = self.waits_since.filter(|_| self.queued > 0);
                self.delays_since = self.delays_since.filter(|_| self.queued >= BROADCASTS);
            }
        }
        if let Way::Open(mut stream) = std::mem::replace(&mut self.way, Way::None) {
            let _ = stream.finish();
            self.way = Way::Ended(async move { drop(stream.stopped().await) }.boxed());
        }
        Poll::Ready(Ok(()))
    }

    /// Begins another stream on a connection that stands. Returns false if there is none, or if the peer refuses
    /// streams.
    fn reopen(&mut self, peers: &Peers) -> bool {
        self.refusals += 1;
        let standing = peers.connection_to(&self.peer).filter(|_| self.refusals < REFUSALS);
        self.lose_way();
        let reopens = standing.is_some();
        standing.into_iter().for_each(|standing| self.open(standing, peers.endpoint().id()));
        reopens
    }

    fn open(&mut self, standing: Standing, me: EndpointId) {
        let connection = standing.connection.clone();
        self.ended = Some(standing.ended().boxed());
        let header = match &self.door {
            Some(door) => door.header(&connection, me),
            None => Some(*self.topic.as_bytes()),
        };
        let Some(header) = header else {
            self.way = Way::Broken;
            return;
        };
        (self.header, self.message) = (frame::first(&header), Bytes::new());
        let stream = async move { connection.open_uni().await.ok() };
        self.way = Way::Opening(stream.boxed());
    }

    fn lose_way(&mut self) {
        (self.way, self.ended) = (Way::None, None);
    }
}
