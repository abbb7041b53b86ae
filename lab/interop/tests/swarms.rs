//! Nodes of this implementation and of the published one find each other and exchange messages, each in a network
//! namespace.
//!
//! These tests need root and iproute2. If one of them is missing, `make test` skips the tests and says so.

mod namespaces;

use std::time::{Duration, Instant};

use namespaces::{DhtKind, Net, Peer, address};

const SECRET: &str = "the lab's secret";

/// The addresses of the peers that publish none.
fn known(peers: &[u8]) -> String {
    peers.iter().map(|index| format!("{index}@{}", address(*index))).collect::<Vec<_>>().join(",")
}

/// Every peer sends until all have received its message: a peer that joined late has missed the earlier ones.
fn all_hear_all(peers: &mut [Peer]) {
    let start = Instant::now();
    for at in 0..peers.len() {
        let text = format!("a word of {at}");
        for round in 0.. {
            let said = format!("{text}, {round}");
            peers[at].say(&said);
            // Every peer is asked, even after one that has not received the message: their output must be read.
            let mut all = true;
            for (other, peer) in peers.iter_mut().enumerate() {
                all &= other == at || peer.prints(&format!("heard {said}"), Duration::from_secs(2));
            }
            if all {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(180), "not everyone hears {}", peers[at].name);
        }
    }
}

fn pair(dht: DhtKind, first: &str, second: &str, rotation: &str) {
    let mut net = Net::new(dht);
    let known = known(&[1, 2]);
    let mut standing = net.peer(first, 1, "interop pair", SECRET, rotation, &known);
    // The peer stands when its record does. This program cannot wait for that, except for a line that never comes.
    assert!(!standing.prints("joined", Duration::from_secs(5)), "no other peer is there yet");
    let start = Instant::now();
    let mut second = net.peer(second, 2, "interop pair", SECRET, rotation, &known);
    second.must_print("joined");
    standing.must_print("joined");
    println!("{} joined {} after {:?}", second.name, standing.name, start.elapsed());
    all_hear_all(&mut [standing, second]);
}

#[test]
fn ours_joins_theirs() {
    pair(DhtKind::Mainline, "theirs", "node", "default");
}

#[test]
fn theirs_joins_ours() {
    pair(DhtKind::Mainline, "node", "theirs", "default");
}

#[test]
fn a_program_of_theirs_runs_on_our_crate_under_its_name() {
    pair(DhtKind::Mainline, "theirs", "compat", "default");
}

#[test]
fn a_rotation_of_the_application_works_on_both_sides() {
    pair(DhtKind::Mainline, "theirs", "node", "own");
    pair(DhtKind::Mainline, "node", "theirs", "own");
}

#[test]
fn ours_needs_no_address_lookup_for_ours() {
    let mut net = Net::new(DhtKind::Mainline);
    let mut peers = [
        net.peer("node", 1, "interop hints", SECRET, "default", ""),
        net.peer("node", 2, "interop hints", SECRET, "default", ""),
    ];
    peers.iter_mut().for_each(|peer| peer.must_print("joined"));
    all_hear_all(&mut peers);
}

fn six(dht: DhtKind) {
    let mut net = Net::new(dht);
    let known = known(&[1, 2, 3, 4, 5, 6]);
    let kinds = ["theirs", "node", "theirs", "compat", "node", "theirs"];
    let mut peers: Vec<Peer> = (1..=6)
        .zip(kinds)
        .map(|(index, kind)| net.peer(kind, index, "interop swarm", SECRET, "default", &known))
        .collect();
    peers.iter_mut().for_each(|peer| peer.must_print("joined"));
    all_hear_all(&mut peers);
}

#[test]
fn a_mixed_swarm_of_six_hears_all_its_members() {
    six(DhtKind::Mainline);
}

#[test]
fn a_wrong_secret_never_joins() {
    let mut net = Net::new(DhtKind::Mainline);
    let known = known(&[1, 2, 3]);
    let mut theirs = net.peer("theirs", 1, "interop secret", SECRET, "default", &known);
    let mut ours = net.peer("node", 2, "interop secret", "another secret", "default", &known);
    let mut rotated = net.peer("node", 3, "interop secret", SECRET, "own", &known);
    for peer in [&mut theirs, &mut ours, &mut rotated] {
        assert!(!peer.prints("joined", Duration::from_secs(10)), "{} joined", peer.name);
    }
}

#[test]
fn over_a_dht_of_libtorrent_nodes() {
    pair(DhtKind::Libtorrent, "theirs", "node", "default");
    pair(DhtKind::Libtorrent, "node", "theirs", "default");
    six(DhtKind::Libtorrent);
}
