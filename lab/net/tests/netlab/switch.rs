//! Tests of the switch itself. They measure from outside what it promises: delay, loss, order, rate, partitions and
//! NAT.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use dtt_lab_net::{Host, Link, Nat, Rate, World};

const A: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
const C: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 3);
const D: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 4);
/// A packet that has not come by then was lost.
const LATE: Duration = Duration::from_secs(2);

/// A socket on a host that waits for at most this long.
fn socket(host: &Host, wait: Duration) -> UdpSocket {
    let socket = host.namespace().enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap().unwrap();
    socket.set_read_timeout(Some(wait)).unwrap();
    socket
}

fn at(host: &Host, socket: &UdpSocket) -> SocketAddr {
    (host.address(), socket.local_addr().unwrap().port()).into()
}

/// Receives packets until none has come for as long as the socket waits.
fn received(socket: &UdpSocket) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2000];
    std::iter::from_fn(|| socket.recv_from(&mut buffer).ok().map(|(bytes, from)| (buffer[..bytes].to_vec(), from)))
        .collect()
}

/// Sends a packet and waits for it. Returns how long that took; `None` if it did not arrive.
fn trip(from: &UdpSocket, to: (&UdpSocket, SocketAddr)) -> Option<Duration> {
    let start = Instant::now();
    from.send_to(b"trip", to.1).unwrap();
    to.0.recv_from(&mut [0; 9]).ok().map(|_| start.elapsed())
}

/// The fastest of five trips: a busy machine only adds to the time of a packet.
fn best_trip(from: &UdpSocket, to: (&UdpSocket, SocketAddr)) -> Duration {
    (0..5).map(|_| trip(from, to).unwrap()).min().unwrap()
}

#[test]
fn packets_take_their_time() {
    let world = World::empty(1).unwrap();
    let (a, b) = (world.host(A).unwrap(), world.host(B).unwrap());
    let (one, two) = (socket(&a, Duration::from_secs(2)), socket(&b, Duration::from_secs(2)));
    for delay in [0, 25, 150] {
        world.switch().set_link(Link::new(delay, 0));
        let mut trips: Vec<Duration> = (0..21).map(|_| trip(&one, (&two, at(&b, &two))).unwrap()).collect();
        trips.sort();
        println!("{delay} ms one way: {:?} to {:?}, a quarter up to {:?}", trips[0], trips[20], trips[5]);
        assert!(trips[0] >= Duration::from_millis(delay), "{:?} is too fast for {delay} ms", trips[0]);
        // A busy machine makes many packets late, but the switch makes none late.
        assert!(trips[5] < Duration::from_millis(delay + 15), "{:?} is too slow for {delay} ms", trips[5]);
    }
    // One path, in one direction, gets a link of its own.
    world.switch().set_link_between(b.port(), a.port(), Link::new(60, 0));
    world.switch().set_link(Link::default());
    assert!(best_trip(&two, (&one, at(&a, &one))) >= Duration::from_millis(60));
    assert!(best_trip(&one, (&two, at(&b, &two))) < Duration::from_millis(40));
}

#[test]
fn the_promised_share_is_lost_and_the_same_packets_are_lost_again() {
    let run = |seed, percent| {
        let world = World::empty(seed).unwrap();
        let (a, b) = (world.host(A).unwrap(), world.host(B).unwrap());
        let jitter = Duration::from_millis(5);
        world.switch().set_link(Link { jitter, ..Link::new(1, percent) });
        let (one, two) = (socket(&a, jitter), socket(&b, LATE));
        let (to, heard) = (at(&b, &two), AtomicUsize::new(0));
        let lost = || world.switch().counts().lost as usize;
        let numbers: Vec<u32> = std::thread::scope(|scope| {
            let hearing = scope.spawn(|| {
                let (mut numbers, mut buffer) = (Vec::new(), [0; 4]);
                while two.recv(&mut buffer).is_ok() {
                    numbers.push(u32::from_be_bytes(buffer));
                    heard.fetch_add(1, Relaxed);
                }
                numbers
            });
            for number in 0u32..5000 {
                one.send_to(&number.to_be_bytes(), to).unwrap();
                // Neither a device nor a socket holds many more packets, and a busy machine reads them late.
                let (sent, since) = (number as usize + 1, Instant::now());
                while sent.is_multiple_of(100) && heard.load(Relaxed) + lost() < sent && since.elapsed() < LATE {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            hearing.join().unwrap()
        });
        assert!(numbers.is_sorted(), "packets of one path stay in order");
        assert_eq!(lost() + numbers.len(), 5000);
        numbers
    };
    for (percent, least, most) in [(0, 0, 0), (5, 180, 320), (20, 880, 1120)] {
        let lost = 5000 - run(7, percent).len();
        println!("{percent} % loss: {lost} of 5000 packets lost");
        assert!((least..=most).contains(&lost), "{lost} of 5000 packets are lost at {percent} %");
    }
    assert_eq!(run(7, 20), run(7, 20));
    assert_ne!(run(7, 20), run(8, 20));
}

#[test]
fn a_slow_host_queues_and_then_drops() {
    let world = World::empty(1).unwrap();
    let (a, b) = (world.host(A).unwrap(), world.host(B).unwrap());
    let (one, two) = (socket(&a, Duration::from_secs(1)), socket(&b, Duration::from_secs(1)));
    // Each packet has 1,028 bytes with its headers. Two pass at once, and ten wait.
    world.switch().set_rate(a.port(), Rate { bytes_per_second: 20_560, burst: 2056, queue: 10_280 });
    let start = Instant::now();
    for _ in 0..40 {
        one.send_to(&[0; 1000], at(&b, &two)).unwrap();
    }
    let sending = start.elapsed();
    for _ in 0..12 {
        two.recv_from(&mut [0; 2000]).unwrap();
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(480) && took < Duration::from_secs(1), "ten packets at 20/s took {took:?}");
    // While the packets are sent, one more passes every 50 ms. A busy machine may need that long.
    let (more, allowed) = (received(&two).len(), 1 + sending.as_millis() as usize / 50);
    assert!(more <= allowed, "the queue holds ten, but {more} more came; sending took {sending:?}");
    assert_eq!(world.switch().counts().overflowed as usize + more, 28);
    assert!(best_trip(&two, (&one, at(&a, &one))) < Duration::from_millis(40), "other hosts are as fast as before");
}

#[test]
fn a_partition_stops_everything_until_it_is_healed() {
    let world = World::empty(1).unwrap();
    let (a, b, c) = (world.host(A).unwrap(), world.host(B).unwrap(), world.host(C).unwrap());
    let wait = Duration::from_secs(1);
    let (one, two, three) = (socket(&a, wait), socket(&b, wait), socket(&c, wait));
    world.switch().partition(|port| usize::from(port == c.port()));
    assert!(trip(&one, (&two, at(&b, &two))).is_some());
    assert!(trip(&one, (&three, at(&c, &three))).is_none());
    assert!(trip(&three, (&one, at(&a, &one))).is_none());
    assert_eq!(world.switch().counts().cut, 2);
    world.switch().heal();
    assert!(trip(&one, (&three, at(&c, &three))).is_some());
}

#[test]
fn a_host_moves_to_another_address() {
    let world = World::empty(1).unwrap();
    let (mut a, b) = (world.host(A).unwrap(), world.host(B).unwrap());
    let wait = Duration::from_secs(1);
    let (one, two) = (socket(&a, wait), socket(&b, wait));
    let before = at(&a, &one);
    world.readdress(&mut a, C).unwrap();
    assert!(trip(&two, (&one, before)).is_none());
    assert!(trip(&two, (&one, at(&a, &one))).is_some());
    one.send_to(b"from where?", at(&b, &two)).unwrap();
    assert_eq!(received(&two)[0].1.ip(), C);
}

#[test]
fn nat_lets_answers_in_and_nothing_else() {
    let world = World::empty(1).unwrap();
    let public = Ipv4Addr::new(10, 77, 3, 9);
    for nat in [Nat::KeepsPorts, Nat::PortPerDestination] {
        let inside = world.host_behind(nat, public).unwrap();
        let (b, c, d) = (world.host(B).unwrap(), world.host(C).unwrap(), world.host(D).unwrap());
        let wait = Duration::from_secs(1);
        let (one, two, three, four) = (socket(&inside, wait), socket(&b, wait), socket(&c, wait), socket(&d, wait));
        one.send_to(b"out", at(&b, &two)).unwrap();
        let seen_by_two = received(&two)[0].1;
        assert_eq!(seen_by_two.ip(), public, "{nat:?}");
        assert!(trip(&three, (&one, seen_by_two)).is_none(), "{nat:?}: a host that was not asked gets nothing in");
        assert!(trip(&two, (&one, seen_by_two)).is_some(), "{nat:?}: a host that was asked can answer");
        one.send_to(b"out", at(&c, &three)).unwrap();
        let seen_by_three = received(&three)[0].1;
        // Two random ports are the same once in 64,512 times, so a third destination is asked as well.
        one.send_to(b"out", at(&d, &four)).unwrap();
        let seen_by_four = received(&four)[0].1;
        let seen = BTreeSet::from([seen_by_two, seen_by_three, seen_by_four]).len();
        assert_eq!(seen > 1, nat == Nat::PortPerDestination, "{nat:?}");
        assert!(trip(&three, (&one, seen_by_three)).is_some(), "{nat:?}");
    }
}
