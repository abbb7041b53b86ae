//! The ways to read a queue.

use std::{
    collections::VecDeque,
    os::fd::RawFd,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    task::{Poll, Wake, Waker},
    time::{Duration, Instant},
};

use dtt_core::{Event, TopicState};

use crate::{
    Error, Next, Queue, closing, runtime,
    support_test::{Gate, LIMIT, Tells, alone, inside, pair, send, text},
};

const LOOKING: Next = Next::Event(Event::StateChanged(TopicState::LookingUp));

/// A queue of a topic that is alone: the state is in it, and nothing else comes.
fn lonely() -> (dtt_core::Node, dtt_core::Topic, Queue) {
    let (node, topic) = alone();
    let queue = Queue::new(&topic, Arc::default());
    (node, topic, queue)
}

fn is_readable(descriptor: RawFd) -> bool {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry is given.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

#[test]
fn each_event_goes_to_one_of_the_ways_in_order() {
    let _inside = inside();
    let [(_near, topic), (_far, other)] = pair();
    let queue = Queue::new(&topic, Arc::default());
    let sent: Vec<_> = (0..20).map(|number| format!("message {number}")).collect();
    sent.iter().for_each(|text| send(&other, text));
    let (mut received, mut batch) = (Vec::new(), VecDeque::new());
    while received.len() < sent.len() {
        let Next::Event(event) = queue.recv(Some(LIMIT)).unwrap() else { panic!("only {received:?} came") };
        received.extend(text(&event));
        if let Next::Event(event) = queue.next().unwrap() {
            received.extend(text(&event));
        }
        let taken = queue.take(2, &mut batch).unwrap();
        assert!(taken.is_pending() || taken == Poll::Ready(batch.len()) && batch.len() <= 2, "{taken:?}");
        received.extend(batch.drain(..).filter_map(|event| text(&event)));
    }
    // Messages may overtake each other on their way, but none is lost or there twice.
    received.sort();
    let mut sent = sent;
    sent.sort();
    assert_eq!(received, sent);
}

#[test]
fn a_closed_queue_gives_what_is_in_it_and_then_its_end() {
    let _inside = inside();
    let (_node, _topic, queue) = lonely();
    assert_eq!(queue.close(Instant::now()), Ok(()));
    assert_eq!(queue.close(Instant::now()), Ok(()), "twice is fine");
    assert_eq!(runtime::wait(queue.ready()), Ok(Ok(true)));
    assert_eq!(queue.recv(None), Ok(LOOKING));
    assert_eq!((queue.next(), queue.recv(None)), (Ok(Next::End), Ok(Next::End)));
    assert_eq!(queue.take(5, &mut VecDeque::new()), Ok(Poll::Ready(0)));
    assert_eq!(runtime::wait(queue.ready()), Ok(Ok(false)));
}

#[test]
fn a_queue_of_a_topic_that_was_left_gives_what_is_in_it_and_then_its_end() {
    let _inside = inside();
    let (_node, topic, queue) = lonely();
    queue.settle();
    assert!(runtime::wait(closing::close_topic(topic)).unwrap());
    queue.settle();
    assert_eq!((queue.next(), queue.next()), (Ok(LOOKING), Ok(Next::End)));
}

#[test]
fn a_queue_that_is_discarded_is_empty() {
    let _inside = inside();
    let (_node, _topic, queue) = lonely();
    assert_eq!(runtime::wait(queue.ready()), Ok(Ok(true)), "it waits here now");
    queue.discard();
    assert_eq!((queue.next(), runtime::wait(queue.ready())), (Ok(Next::End), Ok(Ok(false))));
}

#[test]
fn a_thread_that_waits_has_a_limit_and_is_woken_by_the_end() {
    let _inside = inside();
    let (_node, _topic, queue) = lonely();
    assert_eq!(queue.recv(Some(Duration::ZERO)), Ok(LOOKING));
    assert_eq!(queue.recv(Some(Duration::from_millis(5))), Ok(Next::Nothing));
    std::thread::scope(|scope| {
        let queue = &queue;
        let waits = [None, Some(Duration::MAX), Some(LIMIT)].map(|limit| scope.spawn(move || queue.recv(limit)));
        queue.close(Instant::now()).unwrap();
        for wait in waits {
            assert_eq!(wait.join().unwrap(), Ok(Next::End));
        }
    });
}

#[test]
fn waiting_for_an_event_takes_none() {
    let _inside = inside();
    let [(_near, topic), (_far, other)] = pair();
    let queue = Arc::new(Queue::new(&topic, Arc::default()));
    assert_eq!(runtime::wait(queue.ready()), Ok(Ok(true)));
    while queue.next() != Ok(Next::Nothing) {}
    let waits = [(), ()].map(|()| {
        let queue = queue.clone();
        runtime::call(async move { queue.ready().await }).unwrap()
    });
    let given_up = runtime::call({
        let queue = queue.clone();
        async move { queue.ready().await }
    });
    drop(given_up.unwrap());
    send(&other, "here");
    for wait in waits {
        assert_eq!(runtime::wait(wait).unwrap().unwrap(), Ok(true));
    }
    loop {
        let Ok(Next::Event(event)) = queue.recv(Some(LIMIT)) else { panic!("the message is gone") };
        if text(&event).as_deref() == Some("here") {
            break;
        }
    }
}

#[test]
fn a_waker_is_called_once_when_there_is_something() {
    let _inside = inside();
    struct Tells(Sender<()>);
    impl Wake for Tells {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }
    let [(_near, topic), (_far, other)] = pair();
    let (queue, mut batch, (tell, told)) = (Queue::new(&topic, Arc::default()), VecDeque::new(), channel());
    let waker = || Waker::from(Arc::new(Tells(tell.clone())));
    while queue.take_or_wake(8, 1, waker, &mut batch).unwrap().is_ready() {}
    let forgotten = || -> Waker { Waker::from(Arc::new(Tells(channel().0))) };
    assert_eq!(queue.take_or_wake(8, 2, forgotten, &mut batch), Ok(Poll::Pending));
    queue.forget(2);
    batch.clear();
    send(&other, "first");
    told.recv_timeout(LIMIT).expect("the waker is called");
    assert!(queue.take_or_wake(8, 1, waker, &mut batch).unwrap().is_ready());
    send(&other, "second");
    assert!(matches!(queue.recv(Some(LIMIT)), Ok(Next::Event(_))));
    assert!(told.try_recv().is_err(), "it was not asked for again");
}

#[test]
fn a_descriptor_is_readable_while_events_may_wait_and_excludes_a_listener() {
    let _inside = inside();
    let (_node, _topic, queue) = lonely();
    let descriptor = queue.descriptor().unwrap();
    assert!(is_readable(descriptor));
    assert_eq!((queue.next(), queue.next()), (Ok(LOOKING), Ok(Next::Nothing)));
    assert!(!is_readable(descriptor));
    let (listener, told) = Tells::new(&Gate::default());
    assert_eq!(queue.listen(listener), Err(Error::HasDescriptor));
    assert!(told.recv().is_err(), "a listener that was refused is not told the end");
    queue.close(Instant::now()).unwrap();
    assert!(is_readable(descriptor));
    assert_eq!((queue.next(), queue.descriptor()), (Ok(Next::End), Ok(descriptor)));
}
