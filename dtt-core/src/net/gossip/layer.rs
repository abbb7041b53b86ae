//! The gossip layer that a topic runs on: the node's own, or one that the program brings.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream::BoxStream};
use iroh::EndpointId;
use iroh_gossip::{
    api::{self, Event, GossipSender, JoinOptions},
    proto::Scope,
};
use tokio::time::timeout;

use super::{
    channel::{Room, Sender},
    door::Door,
    own::Gossip,
};
use crate::{
    config::AddressHints,
    error::{Error, Result},
    wire::TopicId,
};

/// Events that may wait between a gossip layer and a topic's task. A gossip layer that the program brings overwrites
/// events that are not taken in time.
const OWN: usize = 64;
const BROUGHT: usize = 4096;
/// How long a gossip layer may take to name the present neighbors.
const RESYNC: Duration = Duration::from_secs(1);

/// A gossip layer.
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    /// The layer of a [`crate::Node`]. It loses nothing.
    Own(Gossip),
    /// A layer that the program brings.
    Brought(iroh_gossip::net::Gossip),
}

/// The way into a gossip topic.
#[derive(Debug, Clone)]
pub(crate) enum TopicSender {
    Own(Sender),
    Brought(GossipSender),
}

impl Layer {
    pub(in crate::net) fn max_message_size(&self) -> usize {
        match self {
            Self::Own(gossip) => gossip.max_message_size(),
            Self::Brought(gossip) => gossip.max_message_size(),
        }
    }

    pub(in crate::net) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// Joins a topic. This node takes part in it as long as the events are held. `policy` decides what others' records may
    /// say of this node. A layer that the program brings does not tell them, so they say nothing. A private topic has a
    /// door, and such a layer has no place for it.
    pub(in crate::net) async fn subscribe(
        &self,
        topic: TopicId,
        policy: AddressHints,
        door: Option<Door>,
    ) -> Result<(TopicSender, BoxStream<'static, Event>)> {
        match self {
            Self::Own(gossip) => {
                let (sender, events) = gossip.subscribe(topic.into(), OWN, policy, door)?;
                Ok((TopicSender::Own(sender), events.boxed()))
            }
            Self::Brought(_) if door.is_some() => {
                Err(Error::argument("protocol", "v2, but a gossip layer that the program brings speaks v1 only"))
            }
            Self::Brought(gossip) => {
                let options = JoinOptions { bootstrap: Default::default(), subscription_capacity: BROUGHT };
                let topic = gossip.subscribe_with_opts(topic.into(), options).await.map_err(failed)?;
                let (sender, events) = topic.split();
                let log = |error: &_| tracing::warn!(target: "dtt::topic", %error, "the gossip layer ended the topic");
                let events = events.inspect_err(log).take_while(|event| std::future::ready(event.is_ok()));
                Ok((TopicSender::Brought(sender), events.filter_map(async |event| event.ok()).boxed()))
            }
        }
    }

    /// The present neighbors on a topic, for use after events were lost: a second subscription begins with them. `None`
    /// if there is no answer in time.
    pub(in crate::net) async fn neighbors(self, topic: TopicId) -> Option<HashSet<EndpointId>> {
        let Self::Brought(gossip) = self else { return None };
        let mut topic = gossip.subscribe(topic.into(), Vec::new()).await.ok()?;
        let mut event = timeout(RESYNC, topic.next()).await.ok()?;
        while let Some(Ok(_)) = event {
            event = topic.next().now_or_never().flatten();
        }
        Some(topic.neighbors().collect())
    }
}

impl TopicSender {
    pub(in crate::net) async fn broadcast(&self, content: Bytes, scope: Scope) -> Result<()> {
        match (self, scope) {
            (Self::Own(sender), scope) => sender.broadcast(content, scope).await,
            (Self::Brought(sender), Scope::Swarm) => sender.broadcast(content).await.map_err(failed),
            (Self::Brought(sender), Scope::Neighbors) => sender.broadcast_neighbors(content).await.map_err(failed),
        }
    }

    /// Waits until there is room for a broadcast on a node's own gossip layer.
    pub(in crate::net) async fn room(&self, scope: Scope) -> Result<Room<'_>> {
        match self {
            Self::Own(sender) => sender.room(scope).await,
            Self::Brought(_) => Err(Error::Internal("a gossip layer that the program brings keeps no room".into())),
        }
    }

    pub(in crate::net) async fn join(&self, peers: Vec<EndpointId>) -> Result<()> {
        match self {
            Self::Own(sender) => {
                sender.join(peers);
                Ok(())
            }
            Self::Brought(sender) => sender.join_peers(peers).await.map_err(failed),
        }
    }
}

fn failed(error: api::ApiError) -> Error {
    Error::Gossip(error.to_string())
}
