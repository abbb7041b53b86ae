//! A node's own gossip layer: peers, topics, and the streams between them.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::Shared};
use iroh::{
    Endpoint, EndpointId, Watcher,
    endpoint::{Connection, ConnectionError, RecvStream, Side},
};
use iroh_gossip::proto::TopicId;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    channel::{Control, Sender, Subscription},
    connections::NO_ANSWER,
    door::{Door, Proofs},
    frame::{Incoming, frames},
    member::{Common, Member},
    neighborhood::Neighborhood,
    peers::{Dial, NONSENSE, Peers, Standing},
    topics::Topics,
};
use crate::{
    config::AddressHints,
    error::{Error, Result},
    net::Addresses,
};

/// How long a stream without its first bytes may hold up the streams that are opened after it.
const HEADER: Duration = Duration::from_secs(10);
/// The pause after a hint of one connection, which grows with each of them. Meanwhile, newer datagrams replace older ones.
const HINT_SPACING: Duration = Duration::from_millis(250);
/// How long the topics' farewells may take when the node closes. A peer that answers at all has them by then.
const FAREWELL: Duration = Duration::from_millis(500);

/// A node's gossip layer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gossip(Arc<Inner>);

struct Inner {
    common: Common,
    members: TaskTracker,
    /// The runtime on which the node was started. Topics may be opened on other runtimes, which end before it.
    runtime: Handle,
}

impl fmt::Debug for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gossip").field("id", &self.0.common.peers.endpoint().id()).finish_non_exhaustive()
    }
}

impl Gossip {
    /// A gossip layer that lives until the token is cancelled.
    pub(in crate::net) fn new(
        endpoint: Endpoint,
        addresses: Addresses,
        neighborhood: Neighborhood,
        max_message_size: usize,
        token: CancellationToken,
    ) -> Self {
        let runtime = Handle::current();
        let (peers, arrivals) = Peers::new(endpoint.clone());
        let topics = Topics::new(peers.clone(), endpoint.addr(), runtime.clone());
        let common = Common { peers, topics, addresses, neighborhood, max_message_size, token };
        let gossip = Self(Arc::new(Inner { common, members: TaskTracker::new(), runtime }));
        let token = gossip.0.common.token.clone();
        tokio::spawn(token.clone().run_until_cancelled_owned(gossip.clone().serve_all(arrivals)));
        tokio::spawn(token.run_until_cancelled_owned(gossip.clone().tell_own_address()));
        gossip
    }

    pub(in crate::net) fn max_message_size(&self) -> usize {
        self.0.common.max_message_size
    }

    pub(in crate::net) fn neighborhood(&self) -> &Neighborhood {
        &self.0.common.neighborhood
    }

    /// Joins a topic, with room for `capacity` events that wait. A second subscription hears everything as well. `policy`
    /// decides what others' records may say of this node. A private topic has a door.
    pub(in crate::net) fn subscribe(
        &self,
        topic: TopicId,
        capacity: usize,
        policy: AddressHints,
        door: Option<Door>,
    ) -> Result<(Sender, Subscription)> {
        let Inner { common, members, runtime } = &*self.0;
        if common.token.is_cancelled() {
            return Err(Error::Closed("the node"));
        }
        let (id, events, receiver) = Subscription::channel(capacity);
        let sender = common.topics.tell(topic, door.as_ref(), Control::Subscribe(id, events), |own_address| {
            let (member, sender) = Member::new(topic, door.clone(), own_address, policy, common.clone());
            members.spawn_on(member.run(), runtime);
            sender
        });
        Ok((sender.clone(), Subscription::new(id, sender, receiver)))
    }

    /// Takes in a connection that a peer opened.
    pub(super) fn take(&self, connection: Connection) {
        self.0.common.peers.take(connection);
    }

    /// Dials the peer, or waits for a dial that is under way.
    pub(in crate::net) fn dial(&self, peer: EndpointId) -> Shared<Dial> {
        self.0.common.peers.dial(peer)
    }

    /// Closes a connection whose peer is gone.
    pub(super) fn close_dead(&self, dead: &Connection) {
        self.0.common.peers.close_dead(dead);
    }

    /// Waits until the topics have left, after the token was cancelled.
    pub(super) async fn ended(&self) {
        self.0.members.close();
        let _ = timeout(FAREWELL, self.0.members.wait()).await;
    }

    async fn serve_all(self, mut arrivals: mpsc::UnboundedReceiver<Standing>) {
        while let Some(standing) = arrivals.recv().await {
            self.0.runtime.spawn(self.clone().serve(standing));
        }
    }

    /// Hands the streams of a connection to their topics until it ends.
    async fn serve(self, Standing { connection, number, .. }: Standing) {
        let peers = &self.0.common.peers;
        let hints = self.take_hints(&connection);
        let proofs = Proofs::new(&connection);
        let streams = async {
            while let Ok(stream) = connection.accept_uni().await {
                if !self.route(connection.remote_id(), number, stream, &proofs).await {
                    connection.close(NONSENSE.into(), b"not a stream of a topic");
                }
            }
        };
        tokio::join!(streams, hints);
        let others = peers.remove(&connection);
        if let Some(ConnectionError::ApplicationClosed(close)) = connection.close_reason()
            && close.reason == NO_ANSWER
        {
            // The peer is back with its key, and we took it for its predecessor: the other connections are those of the
            // predecessor.
            others.iter().for_each(|other| peers.close_dead(other));
        }
    }

    /// Reads datagrams until the connection ends. Gossip sends none, but a peer may tell of another process with our key.
    async fn take_hints(&self, connection: &Connection) {
        let peer = connection.remote_id();
        let mut hints = 0;
        while let Ok(datagram) = connection.read_datagram().await {
            // Somebody whom we did not choose may connect just to make us dial.
            let counts = connection.side() == Side::Client || self.neighborhood().contains(&peer);
            if !datagram.is_empty() && counts {
                self.0.common.addresses.take_datagram(&datagram);
                hints += 1;
                sleep(HINT_SPACING * hints).await;
            }
        }
    }

    /// Hands a stream to its topic. Returns false if it is no stream of a topic.
    async fn route(&self, peer: EndpointId, connection: u64, stream: RecvStream, proofs: &Proofs) -> bool {
        let number = stream.id().index();
        let mut frames = frames(stream, self.max_message_size());
        let header = match timeout(HEADER, frames.next()).await {
            Ok(Some(Ok(header))) => header,
            // The peer gave up the stream or the connection, or nothing came.
            Ok(Some(Err(error))) => return error.kind() != std::io::ErrorKind::InvalidData,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let Ok(header) = header.as_ref().try_into() else { return false };
        let proofs = proofs.clone();
        let incoming = Incoming { peer, connection, stream: number, header, topic: None, proofs, frames, first: None };
        self.0.common.topics.hand_over(incoming);
        true
    }

    /// Tells the topics at which addresses this node can be reached, whenever they change.
    async fn tell_own_address(self) {
        let mut addresses = self.0.common.peers.endpoint().watch_addr().stream();
        while let Some(address) = addresses.next().await {
            self.0.common.topics.tell_own_address(address);
        }
    }
}
