//! The cost of a record: sealing one, and opening and verifying one.

use std::{hint::black_box, time::Instant};

use anyhow::Result;
use distributed_topic_tracker as theirs;
use dtt_core::{
    GossipRecordContent, Record, TopicId,
    wire::{MinuteKeys, TopicKeys},
};
use ed25519_dalek::SigningKey;

const ROUNDS: usize = 1000;
const MINUTE: u64 = 29_000_000;

/// Microseconds that the engine takes to seal a record, and to open and verify one.
pub(crate) fn ours() -> Result<(f64, f64)> {
    let keys: MinuteKeys = TopicKeys::new(TopicId::new("sealing"), b"secret", None).minute(MINUTE);
    let node = SigningKey::from_bytes(&[7; 32]);
    let topic = TopicId::new("sealing").hash();
    let record = Record::sign(topic, MINUTE, GossipRecordContent::default(), &node)?;
    let value = keys.seal(&record)?;
    let seal = microseconds(|| drop(black_box(keys.seal(&record))));
    let open = microseconds(|| drop(black_box(keys.open(&value))));
    Ok((seal, open))
}

/// The same with the published implementation.
pub(crate) fn theirs() -> Result<(f64, f64)> {
    let topic = theirs::TopicId::new("sealing");
    let rotation = theirs::RotationHandle::default();
    let key = theirs::encryption_keypair(&topic, &rotation, [9; 32], MINUTE);
    let node = SigningKey::from_bytes(&[7; 32]);
    let content = theirs::GossipRecordContent { active_peers: [[0; 32]; 5], last_message_hashes: [[0; 32]; 5] };
    let record = theirs::Record::sign(topic.hash(), MINUTE, content, &node)?;
    let value = record.encrypt(&key).to_bytes()?;
    let seal = microseconds(|| drop(black_box(record.encrypt(&key).to_bytes())));
    let open = microseconds(|| {
        let opened = theirs::EncryptedRecord::from_bytes(value.clone()).and_then(|sealed| sealed.decrypt(&key));
        black_box(opened.and_then(|record| record.verify(&topic.hash(), MINUTE))).ok();
    });
    Ok((seal, open))
}

fn microseconds(work: impl Fn()) -> f64 {
    (0..ROUNDS / 10).for_each(|_| work());
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| work());
    start.elapsed().as_secs_f64() * 1e6 / ROUNDS as f64
}
