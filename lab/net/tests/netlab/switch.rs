//! The switch itself: what it promises of delay, loss, order, rate, partitions and NAT is measured from outside.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use dtt_lab_net::{Host, Link, Nat, Rate, World};

const A: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
const C: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 3);

/// A socket on a host, which waits for this long at the most.
fn socket(host: &Host, wait: Duration) -> UdpSocket {
    let socket = host.namespace().enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).unwrap().unwrap();
    socket.set_read_timeout(Some(wait)).unwrap();
    socket
}

fn at(host: &Host, socket: &UdpSocket) -> SocketAddr {
    (host.address(), socket.local_addr().unwrap().port()).into()
}

/// What arrives until nothing has come for as long as the socket waits.
fn received(socket: &UdpSocket) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2000];
    std::iter::from_fn(|| socket.recv_from(&mut buffer).ok().map(|(bytes, from)| (buffer[..bytes].to_vec(), from)))
        .collect()
}

/// Sends something and waits for it; how long that took, or none.
fn trip(from: &UdpSocket, to: (&UdpSocket, SocketAddr)) -> Option<Duration> {
    let start = Instant::now();
    from.send_to(b"trip", to.1).unwrap();
    to.0.recv_from(&mut [0; 9]).ok().map(|_| start.elapsed())
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
        println!("{delay} ms one way: median {:?}, worst {:?}", trips[10], trips[20]);
        assert!(trips[0] >= Duration::from_millis(delay), "{:?} is too fast for {delay} ms", trips[0]);
        assert!(trips[10] < Duration::from_millis(delay + 15), "{:?} is too slow for {delay} ms", trips[10]);
    }
    // A path of its own, one way only.
    world.switch().set_link_between(b.port(), a.port(), Link::new(60, 0));
    world.switch().set_link(Link::default());
    assert!(trip(&two, (&one, at(&a, &one))).unwrap() >= Duration::from_millis(60));
    assert!(trip(&one, (&two, at(&b, &two))).unwrap() < Duration::from_millis(40));
}

#[test]
fn the_promised_share_is_lost_and_the_same_one_again() {
    let run = |seed, percent| {
        let world = World::empty(seed).unwrap();
        let (a, b) = (world.host(A).unwrap(), world.host(B).unwrap());
        let jitter = Duration::from_millis(5);
        world.switch().set_link(Link { jitter, ..Link::new(1, percent) });
        let (one, two) = (socket(&a, jitter), socket(&b, Duration::from_millis(500)));
        let to = at(&b, &two);
        let heard = std::thread::spawn(move || received(&two));
        for number in 0u32..5000 {
            one.send_to(&number.to_be_bytes(), to).unwrap();
            if number % 100 == 99 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let number = |(bytes, _): (Vec<u8>, SocketAddr)| u32::from_be_bytes(bytes.try_into().unwrap());
        let numbers: Vec<u32> = heard.join().unwrap().into_iter().map(number).collect();
        assert!(numbers.is_sorted(), "packets of one path stay in order");
        assert_eq!(world.switch().counts().lost as usize + numbers.len(), 5000);
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
    // 1,028 bytes each with the headers: two pass at once, ten wait.
    world.switch().set_rate(a.port(), Rate { bytes_per_second: 20_560, burst: 2056, queue: 10_280 });
    let start = Instant::now();
    for _ in 0..40 {
        one.send_to(&[0; 1000], at(&b, &two)).unwrap();
    }
    for _ in 0..12 {
        two.recv_from(&mut [0; 2000]).unwrap();
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(480) && took < Duration::from_secs(1), "ten packets at 20/s took {took:?}");
    assert!(received(&two).len() <= 1, "the queue holds ten");
    assert!(world.switch().counts().overflowed >= 27);
    assert!(trip(&two, (&one, at(&a, &one))).unwrap() < Duration::from_millis(40), "others are as fast as before");
}

#[test]
fn a_partition_stops_everything_until_it_is_healed() {
    let world = World::empty(1).unwrap();
    let (a, b, c) = (world.host(A).unwrap(), world.host(B).unwrap(), world.host(C).unwrap());
    let wait = Duration::from_millis(300);
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
    let wait = Duration::from_millis(300);
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
    for (nat, ports) in [(Nat::KeepsPorts, 1), (Nat::PortPerDestination, 2)] {
        let (inside, b, c) = (world.host_behind(nat, public).unwrap(), world.host(B).unwrap(), world.host(C).unwrap());
        let wait = Duration::from_millis(300);
        let (one, two, three) = (socket(&inside, wait), socket(&b, wait), socket(&c, wait));
        one.send_to(b"out", at(&b, &two)).unwrap();
        let seen_by_two = received(&two)[0].1;
        assert_eq!(seen_by_two.ip(), public, "{nat:?}");
        assert!(trip(&three, (&one, seen_by_two)).is_none(), "{nat:?}: who was not asked gets no word in");
        assert!(trip(&two, (&one, seen_by_two)).is_some(), "{nat:?}: who was asked can answer");
        one.send_to(b"out", at(&c, &three)).unwrap();
        let seen_by_three = received(&three)[0].1;
        assert_eq!(BTreeSet::from([seen_by_two, seen_by_three]).len(), ports, "{nat:?}");
        assert!(trip(&three, (&one, seen_by_three)).is_some(), "{nat:?}");
    }
}
