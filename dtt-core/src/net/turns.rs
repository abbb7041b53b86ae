//! Who has a turn on a gossip thread: messages that come in and those that go out share it, and none of them is lost.

use std::sync::Arc;

use futures_util::FutureExt;
use iroh_gossip::{
    api::{GossipSender, JoinOptions},
    net::Gossip,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::{unconstrained, yield_now},
};
use tokio_util::sync::CancellationToken;

use super::gossip_thread::{GossipThread, TURN};
use crate::error::{Error, Result};

/// Broadcasts of a node that its gossip layer takes in a turn. It prefers them to what comes in: two nodes that send as fast as they can
/// would soon wait for each other for ever, each with the other's messages unread. Three of four operations are for what comes in.
const BROADCASTS: usize = TURN / 4;
/// Commands that one sender of the gossip layer has under way at the most.
const COMMANDS: usize = 64;

/// A node's gossip layer and its turns.
#[derive(Debug)]
pub(crate) struct Turns {
    thread: GossipThread,
    /// Commands through these do nothing, and fill a turn of the gossip layer.
    idle: [GossipSender; TURN / COMMANDS],
    broadcasts: Semaphore,
    broadcast: Notify,
}

impl Turns {
    /// Of a gossip layer that runs on this thread. The token is the node's.
    pub(super) async fn of(gossip: &Gossip, thread: GossipThread, token: CancellationToken) -> Result<Arc<Self>> {
        // A topic that nobody else knows.
        let topic = rand::random::<[u8; 32]>();
        let subscribe = async || {
            let options = JoinOptions { bootstrap: Default::default(), subscription_capacity: 1 };
            let topic = gossip.subscribe_with_opts(topic.into(), options).await;
            topic.map(|topic| topic.split().0).map_err(|error| Error::Gossip(error.to_string()))
        };
        let turns = Arc::new(Self {
            thread,
            idle: [subscribe().await?, subscribe().await?],
            broadcasts: Semaphore::new(BROADCASTS),
            broadcast: Notify::new(),
        });
        turns.thread.runtime().spawn({
            let turns = turns.clone();
            async move {
                token.run_until_cancelled(turns.allow()).await;
                turns.broadcasts.close();
            }
        });
        Ok(turns)
    }

    pub(super) fn thread(&self) -> &GossipThread {
        &self.thread
    }

    /// Waits until the gossip layer has a turn for one more broadcast. Fails when the node is closed.
    pub(super) async fn broadcast(&self) -> Result<()> {
        self.broadcasts.acquire().await.map_err(|_| Error::Closed("the node"))?.forget();
        // Half of them are there for the time that it takes to allow more.
        if self.broadcasts.available_permits() < BROADCASTS / 2 {
            self.broadcast.notify_one();
        }
        Ok(())
    }

    /// Has the gossip layer take in half as much at its next turn, or nothing: commands come first, and these use the turn up.
    pub(super) fn brake_gossip(&self, fully: bool) {
        let senders = if fully { &self.idle[..] } else { &self.idle[..1] };
        for sender in senders {
            while let Some(Ok(())) = unconstrained(sender.join_peers(Vec::new())).now_or_never() {}
        }
    }

    /// Allows broadcasts, some at each time when all others on the thread have had their turn.
    async fn allow(&self) {
        loop {
            self.broadcast.notified().await;
            yield_now().await;
            self.broadcasts.add_permits(BROADCASTS - self.broadcasts.available_permits());
        }
    }
}
