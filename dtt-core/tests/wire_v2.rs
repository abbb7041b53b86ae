//! Tests protocol version 2 against values that another implementation computed: `data/vectors_v2.py`.

use dtt_core::{
    EndpointAddr, EndpointId, Record, RotationHandle, TopicId,
    wire::{
        HintOwner, RecordContent,
        v2::{Envelope, Head, Period, Root, Ticket, TopicKeys, Unsigned, decode_hints},
    },
};
use ed25519_dalek::SigningKey;
use serde_json::Value;

/// The vectors of one kind.
fn vectors(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/vectors-v2.json")).expect("the vectors are JSON");
    let list = all[kind].as_array().expect("a list").clone();
    assert!(!list.is_empty());
    list
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a hexadecimal text");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal")).collect()
}

fn bytes32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().expect("32 bytes")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn keys(vector: &Value) -> TopicKeys {
    TopicKeys::new(Root::from_bytes(&bytes32(&vector["root"])), None)
}

#[test]
fn names_and_secrets_give_roots_ids_and_secret_hashes() {
    for vector in vectors("keys") {
        let keys = TopicKeys::from_secret(&bytes(&vector["name"]), &bytes(&vector["secret"]), None).unwrap();
        assert_eq!(*keys.root().as_bytes(), bytes32(&vector["root"]));
        assert_eq!(keys.topic_id().hash(), bytes32(&vector["topic_id"]));
        assert_eq!(keys.secret_hash(), bytes32(&vector["secret_hash"]));
    }
}

#[test]
fn periods_have_slots_and_targets() {
    for vector in vectors("periods") {
        let keys = keys(&vector);
        let period = Period::at(number(&vector["unix_seconds"]));
        assert_eq!(period.number(), number(&vector["period"]));
        let secret = RotationHandle::default().derive(keys.topic_id().hash(), period.minute(), keys.secret_hash());
        assert_eq!(secret, bytes32(&vector["secret"]));
        let period = keys.period(period);
        assert_eq!(period.slot().signing_key().to_bytes(), bytes32(&vector["slot_seed"]));
        assert_eq!(period.slot().public_key(), bytes32(&vector["slot_public"]));
        assert_eq!(period.target().to_vec(), bytes(&vector["target"]));
        assert_eq!(period.slot().target(), *period.target());
        assert_eq!(period.stream_proof(&[0x77; 32]), bytes32(&vector["stream_proof_of_77"]));
    }
}

#[test]
fn sealed_records_open_and_records_have_their_bytes() {
    for vector in vectors("records") {
        let (keys, now) = (keys(&vector), number(&vector["unix_seconds"]));
        let node = SigningKey::from_bytes(&bytes32(&vector["node_seed"]));
        let content = RecordContent(bytes(&vector["content"]));
        let record = Record::sign_content(keys.topic_id().hash(), now / 60, content, &node);
        assert_eq!(record.to_bytes(), bytes(&vector["record"]));
        let period = keys.period(Period::at(now));
        let sealed = bytes(&vector["sealed"]);
        assert_eq!(period.open(&sealed, now).unwrap(), record);
        let ours = period.seal(&record).unwrap();
        assert_eq!(ours.len(), sealed.len());
        assert_eq!(period.open(&ours, now).unwrap(), record);
        let hints = decode_hints(&record.content_bytes()[320..]).unwrap();
        assert!(hints.iter().any(|(owner, _)| *owner == HintOwner::Publisher) || hints.is_empty());
    }
}

#[test]
fn envelopes_with_and_without_a_signature() {
    for vector in vectors("envelopes") {
        let topic = TopicId::from_hash(&bytes32(&vector["topic_id"]));
        let key = SigningKey::from_bytes(&bytes32(&vector["author_seed"]));
        let flags = number(&vector["flags"]);
        let head = Head {
            session: number(&vector["session"]),
            number: number(&vector["number"]),
            sent_ms: number(&vector["sent_ms"]),
            neighbors_only: flags & 1 != 0,
        };
        let (author, payload, signed) = (bytes32(&vector["author"]), bytes(&vector["payload"]), flags & 2 == 0);
        let ours = match signed {
            true => Envelope::sign(&topic, &key, &head, &payload),
            false => Envelope::claim(&author, &head, &payload),
        };
        let theirs = bytes(&vector["envelope"]);
        assert_eq!(ours, theirs);
        assert_eq!(
            Envelope::decode(&topic, theirs.clone().into(), Unsigned::Accept).unwrap(),
            Envelope { author, head, signed, payload: payload.into() }
        );
        assert_eq!(Envelope::decode(&topic, theirs.into(), Unsigned::Refuse).is_ok(), signed);
    }
}

#[test]
fn tickets() {
    for vector in vectors("tickets") {
        let root = Root::from_bytes(&bytes32(&vector["root"]));
        let nodes = vector["nodes"].as_array().unwrap().iter().map(|node| {
            let id = EndpointId::from_bytes(&bytes32(&node["id"])).unwrap();
            let addresses = node["addresses_text"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
            addresses.fold(EndpointAddr::new(id), |node, text| match text.parse() {
                Ok(address) => node.with_ip_addr(address),
                Err(_) => node.with_relay_url(text.parse().expect("a URL")),
            })
        });
        let ticket = Ticket::new(root).with_name(vector["name_text"].as_str().unwrap()).unwrap();
        let ticket = ticket.with_nodes(nodes).unwrap();
        let text = vector["ticket_text"].as_str().unwrap();
        assert_eq!(*ticket.to_text(), text);
        assert_eq!(text.parse::<Ticket>().unwrap(), ticket);
    }
}
