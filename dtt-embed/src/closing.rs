//! The one limit for closing, in every language.
//!
//! **Closing returns within two seconds, whatever the network, a rotation or a listener does.** That holds for closing a topic
//! and for closing an event queue. For a node it is the node's option `close_timeout`, whose default is two seconds as
//! well. What is not done by then goes on in the background. C tells so with `DTT_TIMEOUT` if a topic or a callback was not
//! done; the other languages return.

use std::{sync::mpsc, time::Duration};

use dtt_core::{Node, Topic};
use tokio::time::timeout;

use crate::{error::Result, runtime};

/// How long closing waits: a little less than the two seconds that are promised, so that the whole call keeps to them.
pub const LIMIT: Duration = Duration::from_millis(1900);

/// [`LIMIT`] for a node: a little less than its `close_timeout`.
pub fn limit_of(node: &Node) -> Duration {
    node.close_timeout().mul_f64(0.95)
}

/// Closes a topic. False if it has not closed within [`LIMIT`]. Closing begins with the first poll; the rest is waiting.
pub async fn close_topic(topic: Topic) -> bool {
    timeout(LIMIT, topic.close()).await.is_ok()
}

/// Closes a node. False if it has not closed within its limit. Closing begins with the first poll.
pub async fn close_node(node: Node) -> bool {
    timeout(limit_of(&node), node.close()).await.is_ok()
}

/// Runs a future to its end in the background, from now on. What it gives waits for that no longer than `limit`: none if it is
/// not done yet.
pub fn within<T: Send + 'static>(
    limit: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<impl Future<Output = Option<T>> + Send> {
    let task = runtime::handle()?.spawn(future);
    Ok(async move { timeout(limit, task).await.ok()?.ok() })
}

/// [`within`] for threads. The caller's own clock counts, so that not even a runtime that has no thread left can make it wait
/// longer.
pub fn wait<T: Send + 'static>(limit: Duration, future: impl Future<Output = T> + Send + 'static) -> Result<Option<T>> {
    let (tell, told) = mpsc::sync_channel(1);
    runtime::handle()?.spawn(async move {
        // A caller that has stopped waiting needs no answer.
        let _ = tell.send(future.await);
    });
    Ok(told.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use dtt_core::{NodeConfig, Testnet, sync::Unpoisoned};
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn what_does_not_end_in_time_goes_on_in_the_background() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let slow = |number: u8| {
            let (done, (go, gone), (tell, told)) = (done.clone(), oneshot::channel::<()>(), mpsc::channel());
            let future = async move {
                let _ = gone.await;
                done.lock().unpoisoned().push(number);
                let _ = tell.send(());
            };
            (future, go, told)
        };
        let ((first, go_first, first_is_done), (second, go_second, second_is_done)) = (slow(1), slow(2));
        assert_eq!(wait(SHORT, first), Ok(None));
        assert_eq!(runtime::wait(async { within(SHORT, second).unwrap().await }).unwrap(), None);
        assert!(done.lock().unpoisoned().is_empty());
        go_first.send(()).unwrap();
        first_is_done.recv().unwrap();
        go_second.send(()).unwrap();
        second_is_done.recv().unwrap();
        assert_eq!(*done.lock().unpoisoned(), [1, 2]);
        let long = Duration::from_secs(60);
        assert_eq!(wait(long, async { 3 }), Ok(Some(3)));
        assert_eq!(runtime::wait(async { within(long, async { 4 }).unwrap().await }).unwrap(), Some(4));
    }

    #[test]
    fn a_node_has_the_same_limit_unless_it_is_configured() {
        let limit = |config: NodeConfig| {
            let node = runtime::wait(Node::spawn(config)).unwrap().unwrap();
            let limit = limit_of(&node);
            assert!(runtime::wait(close_node(node)).unwrap());
            limit
        };
        let config = || Testnet::node_config_for(&["127.0.0.1:1".to_owned()]);
        assert_eq!(limit(config().build()), LIMIT);
        let configured = config().close_timeout(Duration::from_secs(20)).build();
        assert_eq!(limit(configured), Duration::from_secs(19));
    }
}
