//! What is promised about listeners.

use std::{sync::Arc, time::Instant};

use dtt_core::{Event, TopicState};

use crate::{
    Error, Listener, Listeners, Listening, Queue, closing, runtime,
    support_test::{Did, Gate, LIMIT, Tells, alone, inside, pair, send, text},
};

const LOOKING: Did = Did::Call(Event::StateChanged(TopicState::LookingUp));
/// More than the runtime's pool has threads.
const BLOCKED: usize = 600;

fn open() -> Gate {
    let gate = Gate::default();
    gate.open();
    gate
}

fn later() -> Instant {
    Instant::now() + LIMIT
}

#[test]
fn it_is_called_in_order_and_told_the_end_once() {
    let _inside = inside();
    let [(_near, topic), (_far, other)] = pair();
    let (listener, told) = Tells::new(&open());
    let listening = Listening::start(&topic, listener).unwrap();
    let mut received = Vec::new();
    for number in 0..5 {
        // One at a time: messages may overtake each other on their way.
        send(&other, &number.to_string());
        while received.len() <= number {
            match told.recv_timeout(LIMIT).unwrap() {
                Did::Call(event) => received.extend(text(&event)),
                Did::End => panic!("the topic is open"),
            }
        }
    }
    assert_eq!(received, ["0", "1", "2", "3", "4"]);
    assert!(runtime::wait(closing::close_topic(topic)).unwrap());
    listening.wait(later()).unwrap();
    let rest: Vec<_> = told.iter().collect();
    assert_eq!(rest.iter().filter(|did| **did == Did::End).count(), 1);
    assert_eq!(rest.last(), Some(&Did::End));
}

#[test]
fn closing_a_queue_waits_for_its_listener() {
    let _inside = inside();
    let (_node, topic) = alone();
    let (queue, (listener, told)) = (Queue::new(&topic, Arc::default()), Tells::new(&open()));
    queue.listen(listener).unwrap();
    assert_eq!(queue.next(), Err(Error::HasListener));
    assert_eq!(queue.descriptor(), Err(Error::HasListener));
    let (second, second_told) = Tells::new(&open());
    assert_eq!(queue.listen(second), Err(Error::HasListener));
    queue.close(later()).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [LOOKING, Did::End]);
    assert!(second_told.recv().is_err(), "a listener that was refused is not told the end");
    let (third, _) = Tells::new(&open());
    assert_eq!(queue.listen(third), Err(Error::HasListener), "one for all its life");
}

#[test]
fn a_close_gives_up_a_listener_that_blocks_and_no_further_call_begins() {
    let _inside = inside();
    let [(_near, topic), (_far, other)] = pair();
    let (gate, listeners) = (Gate::default(), Arc::<Listeners>::default());
    let (queue, (listener, told)) = (Queue::new(&topic, listeners.clone()), Tells::new(&gate));
    queue.listen(listener).unwrap();
    assert!(matches!(told.recv_timeout(LIMIT), Ok(Did::Call(_))), "it is called, and blocks");
    send(&other, "too late");
    assert_eq!(queue.close(Instant::now()), Err(Error::ListenerRuns));
    assert_eq!(listeners.wait_for_topic(&topic, Instant::now()), Err(Error::ListenerRuns));
    assert_eq!(listeners.wait_for_topic(&other, Instant::now()), Ok(()), "another topic");
    gate.open();
    listeners.wait_for_all(later()).unwrap();
    queue.close(Instant::now()).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Did::End]);
}

#[test]
fn a_listener_may_close_its_own_queue() {
    let _inside = inside();
    struct Closes(Arc<Queue>, std::sync::mpsc::Sender<crate::Result>);
    impl Listener for Closes {
        fn call(&mut self, _: Event) {
            // It would wait for itself.
            let _ = self.1.send(self.0.close(later()));
        }

        fn end(self) {}
    }
    let (_node, topic) = alone();
    let (queue, (tell, told)) = (Arc::new(Queue::new(&topic, Arc::default())), std::sync::mpsc::channel());
    queue.listen(Closes(queue.clone(), tell)).unwrap();
    assert_eq!(told.recv_timeout(LIMIT), Ok(Ok(())));
    assert_eq!(queue.close(later()), Ok(()));
}

#[test]
fn a_closed_queue_takes_no_listener() {
    let _inside = inside();
    let (_node, topic) = alone();
    let queue = Queue::new(&topic, Arc::default());
    assert!(runtime::wait(closing::close_topic(topic)).unwrap());
    let (listener, _) = Tells::new(&open());
    assert_eq!(queue.listen(listener), Err(Error::Closed));
    assert!(matches!(queue.next(), Ok(crate::Next::Event(_))), "what is in it is there");
}

#[test]
fn a_queue_that_is_dropped_ends_its_listener() {
    let _inside = inside();
    let (_node, topic) = alone();
    let (queue, (listener, told)) = (Queue::new(&topic, Arc::default()), Tells::new(&open()));
    queue.listen(listener).unwrap();
    assert_eq!(told.recv_timeout(LIMIT), Ok(LOOKING));
    drop(queue);
    assert_eq!(told.recv_timeout(LIMIT), Ok(Did::End));
}

#[test]
fn hundreds_that_block_leave_the_runtime_its_threads() {
    let _inside = inside();
    let (node, topic) = alone();
    let gate = Gate::default();
    let all: Vec<_> = (0..BLOCKED)
        .map(|_| {
            let (listener, told) = Tells::new(&gate);
            (Listening::start(&topic, listener).unwrap(), told)
        })
        .collect();
    for (number, (_, told)) in all.iter().enumerate() {
        assert_eq!(told.recv_timeout(LIMIT), Ok(LOOKING), "listener {number} of {BLOCKED}");
    }
    let work = async { (tokio::spawn(async { 1 }).await, tokio::task::spawn_blocking(|| 2).await) };
    let (task, blocking) = closing::wait(LIMIT, work).unwrap().expect("the runtime works");
    assert_eq!((task.unwrap(), blocking.unwrap()), (1, 2));
    assert!(runtime::wait(closing::close_node(node)).unwrap());
    assert!(all.iter().all(|(listening, _)| !listening.is_done()), "they still block");
    gate.open();
    for (listening, told) in all {
        listening.wait(later()).unwrap();
        assert_eq!(told.try_iter().last(), Some(Did::End));
    }
}
