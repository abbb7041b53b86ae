//! DHT nodes that lie. They have real sockets on loopback, each with an address of its own, and claim to stand next to
//! every target that they are asked for.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use dtt_core::{
    GossipRecordContent, MAX_RECORD_PEERS, Record, RotationHandle, TopicId, encryption_keypair, unix_minute,
    wire::{AddressHint, HintOwner, RecordContent, Slot, encode_hints, secret_hash},
};
use ed25519_dalek::{Signer, SigningKey};
use serde_bencode::value::Value;
use tokio::{net::UdpSocket, task::JoinSet};

/// What a node does when it is asked for a value. Anyone who knows a topic's name can tell the first half of these
/// lies, and a member the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// The signature is of something else.
    Signature,
    /// The item has a valid signature of another key.
    Key,
    /// The item has a valid signature for another salt.
    Salt,
    /// A value that is larger than the DHT allows, with a valid signature.
    Oversized,
    /// Bytes that are no bencode.
    Noise,
    /// Lists in lists in lists.
    Nested,
    /// Numbers where texts should be, and the other way round.
    Types,
    /// The node says that it is read-only, and answers all the same.
    ReadOnly,
    /// The answer comes from another address.
    Elsewhere,
    /// The answer is to another question.
    Transaction,
    /// No answer.
    Silent,
    /// A value of the right form that nobody can open, with a valid signature, and another one each time.
    Sealed,
    /// A value of no valid form, with a valid signature.
    Malformed,
    /// Sealed by a member: a record of another topic.
    OtherTopic,
    /// Sealed by a member: a record of another minute.
    OtherMinute,
    /// Sealed by a member: a record with a broken signature.
    Forged,
    /// Sealed by a member: a good record of a node that does not exist, with addresses where nobody is.
    Invented,
    /// Sealed by a member: good records that are always of the same node, but with other content each time.
    Chatter,
    /// The same as `Invented`, with a malformed address extension.
    BadHints,
}

/// What the liars know: the topic's name, and its secret if the lie needs it.
struct Knowledge {
    topic: TopicId,
    secret: Vec<u8>,
    fellows: Vec<SocketAddrV4>,
    /// How many fellows a node names. Each names fellows that claim to be nearer than itself.
    names: usize,
    asked: Mutex<HashMap<usize, u64>>,
    made: AtomicU64,
}

/// Running liars. They stop when this is dropped.
pub(crate) struct Liars {
    knowledge: Arc<Knowledge>,
    _tasks: JoinSet<()>,
}

impl Liars {
    /// One node for each lie.
    pub(crate) async fn start(topic: &str, secret: &[u8], lies: &[Lie], names: usize) -> Self {
        let mut sockets = Vec::new();
        for n in 0..lies.len() {
            let ip = Ipv4Addr::new(127, 66, (n / 250) as u8, (n % 250) as u8 + 1);
            sockets.push(UdpSocket::bind((ip, 0)).await.expect("a socket on loopback"));
        }
        let address = |socket: &UdpSocket| match socket.local_addr() {
            Ok(SocketAddr::V4(address)) => address,
            other => panic!("{other:?} is no IPv4 address"),
        };
        let knowledge = Arc::new(Knowledge {
            topic: TopicId::new(topic),
            secret: secret.to_vec(),
            fellows: sockets.iter().map(address).collect(),
            names,
            asked: Mutex::default(),
            made: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        for (n, (socket, lie)) in sockets.into_iter().zip(lies.iter().copied()).enumerate() {
            tasks.spawn(serve(n, socket, lie, knowledge.clone()));
        }
        Self { knowledge, _tasks: tasks }
    }

    /// The nodes by which to enter the DHT.
    pub(crate) fn bootstrap(&self) -> Vec<String> {
        self.knowledge.fellows.iter().take(4).map(ToString::to_string).collect()
    }

    /// How many liars were asked for the topic's values, and how many times in total.
    pub(crate) fn asked(&self) -> (usize, u64) {
        let asked = self.knowledge.asked.lock().unwrap();
        (asked.len(), asked.values().sum())
    }
}

async fn serve(n: usize, socket: UdpSocket, lie: Lie, knowledge: Arc<Knowledge>) {
    let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket on loopback");
    let mut packet = [0; 2048];
    loop {
        let Ok((size, from)) = socket.recv_from(&mut packet).await else { continue };
        let Some(question) = Question::read(&packet[..size]) else { continue };
        if let Some(answer) = knowledge.answer(n, lie, &question) {
            let via =
                if lie == Lie::Elsewhere && question.slot(&knowledge.topic).is_some() { &elsewhere } else { &socket };
            let _ = via.send_to(&answer, from).await;
        }
    }
}

struct Question {
    transaction: Vec<u8>,
    method: Vec<u8>,
    target: [u8; 20],
}

impl Question {
    fn read(packet: &[u8]) -> Option<Self> {
        let Value::Dict(message) = serde_bencode::from_bytes(packet).ok()? else { return None };
        let Value::Dict(arguments) = message.get(&b"a"[..])? else { return None };
        let bytes = |value: Option<&Value>| match value {
            Some(Value::Bytes(bytes)) => Some(bytes.clone()),
            _ => None,
        };
        let target = bytes(arguments.get(&b"target"[..])).or_else(|| bytes(arguments.get(&b"id"[..])))?;
        Some(Self {
            transaction: bytes(message.get(&b"t"[..]))?,
            method: bytes(message.get(&b"q"[..]))?,
            target: target.try_into().ok()?,
        })
    }

    /// The slot that the question asks for, if it is one of the topic's.
    fn slot(&self, topic: &TopicId) -> Option<Slot> {
        let minute = unix_minute(0);
        let slots = (minute - 2..=minute + 1).map(|minute| Slot::new(topic, minute));
        slots.filter(|_| self.method == b"get").find(|slot| slot.target() == self.target)
    }
}

impl Knowledge {
    fn answer(&self, n: usize, lie: Lie, question: &Question) -> Option<Vec<u8>> {
        let slot = question.slot(&self.topic);
        let mut reply = HashMap::from([(b"id".to_vec(), Value::Bytes(self.near(&question.target, n).to_vec()))]);
        if question.method != b"ping" && question.method != b"put" {
            reply.insert(b"nodes".to_vec(), Value::Bytes(self.nodes(&question.target, n)));
            reply.insert(b"token".to_vec(), Value::Bytes(b"come back".to_vec()));
        }
        let mut message = HashMap::from([
            (b"t".to_vec(), Value::Bytes(question.transaction.clone())),
            (b"y".to_vec(), Value::Bytes(b"r".to_vec())),
        ]);
        if let Some(slot) = slot {
            *self.asked.lock().unwrap().entry(n).or_default() += 1;
            match lie {
                Lie::Silent => return None,
                Lie::Noise => return Some(vec![0xA5; 900]),
                Lie::Nested => return Some(vec![b'l'; 2000]),
                Lie::Transaction => drop(message.insert(b"t".to_vec(), Value::Bytes(vec![0xFF; 4]))),
                Lie::ReadOnly => drop(message.insert(b"ro".to_vec(), Value::Int(1))),
                _ => {}
            }
            self.put_item(lie, &slot, &mut reply);
        }
        message.insert(b"r".to_vec(), Value::Dict(reply));
        Some(serde_bencode::to_bytes(&Value::Dict(message)).expect("a message can be written"))
    }

    /// An id for a node. The larger the node's number, the nearer its id is to the target.
    fn near(&self, target: &[u8; 20], n: usize) -> [u8; 20] {
        let mut id = *target;
        let distance = (self.fellows.len() - n) as u16;
        id[17] ^= distance.to_be_bytes()[0];
        id[18] ^= distance.to_be_bytes()[1];
        id
    }

    /// The next fellows, in the DHT's compact form, and as many addresses without a node.
    fn nodes(&self, target: &[u8; 20], n: usize) -> Vec<u8> {
        let mut nodes = Vec::new();
        let mut name = |id: [u8; 20], address: SocketAddrV4| {
            nodes.extend_from_slice(&id);
            nodes.extend_from_slice(&address.ip().octets());
            nodes.extend_from_slice(&address.port().to_be_bytes());
        };
        for at in (n + 1..self.fellows.len()).take(self.names) {
            name(self.near(target, at), self.fellows[at]);
            let mut id = self.near(target, at);
            id[19] ^= 1;
            name(id, SocketAddrV4::new(Ipv4Addr::new(127, 67, (at / 250) as u8, (at % 250) as u8 + 1), 9));
        }
        nodes
    }

    fn put_item(&self, lie: Lie, slot: &Slot, reply: &mut HashMap<Vec<u8>, Value>) {
        let value = self.value(lie, slot);
        let other = SigningKey::from_bytes(&[13; 32]);
        let (key, salt): (&SigningKey, &[u8]) = match lie {
            Lie::Key => (&other, slot.salt()),
            Lie::Salt => (slot.signing_key(), b"another salt"),
            _ => (slot.signing_key(), slot.salt()),
        };
        let mut signature = key.sign(&mainline_signable(Slot::SEQ, &value, salt)).to_bytes();
        if lie == Lie::Signature {
            signature[0] ^= 1;
        }
        let sequence = if lie == Lie::Types { Value::Bytes(b"first".to_vec()) } else { Value::Int(Slot::SEQ) };
        let item = [
            (&b"k"[..], Value::Bytes(key.verifying_key().to_bytes().to_vec())),
            (b"seq", sequence),
            (b"sig", Value::Bytes(signature.to_vec())),
            (b"v", Value::Bytes(value)),
        ];
        reply.extend(item.map(|(name, value)| (name.to_vec(), value)));
    }

    fn value(&self, lie: Lie, slot: &Slot) -> Vec<u8> {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let who = if lie == Lie::Chatter { 0 } else { n };
        let node = SigningKey::from_bytes(&[&who.to_le_bytes()[..], &[77; 24]].concat().try_into().expect("32 bytes"));
        let noise = |size: usize| (0..size).map(|at| (n as usize * 31 + at * at) as u8).collect::<Vec<u8>>();
        let peers: [[u8; 32]; MAX_RECORD_PEERS] = std::array::from_fn(|at| {
            let seed = [&n.to_le_bytes()[..], &[at as u8; 24]].concat().try_into().expect("32 bytes");
            SigningKey::from_bytes(&seed).verifying_key().to_bytes()
        });
        let content = RecordContent::from_arbitrary(&GossipRecordContent::new(&peers, [])).expect("it encodes");
        let seal = |topic: [u8; 32], minute: u64, extension: &[u8], broken: bool| {
            let content = RecordContent([&content.0[..], extension].concat());
            let mut bytes = Record::sign_content(topic, minute, content, &node).to_bytes();
            bytes[80] ^= u8::from(broken);
            let record = Record::from_bytes(bytes).expect("the size is right");
            let hash = secret_hash(&self.secret);
            let key = encryption_keypair(&self.topic, &RotationHandle::default(), hash, slot.minute());
            record.encrypt(&key).to_bytes().expect("it fits")
        };
        let nowhere = AddressHint::Ip(SocketAddrV4::new(Ipv4Addr::new(127, 68, 0, 1), 9 + (n % 50_000) as u16).into());
        match lie {
            Lie::Oversized => noise(1500),
            Lie::Malformed => noise(500),
            Lie::OtherTopic => seal([9; 32], slot.minute(), &[], false),
            Lie::OtherMinute => seal(self.topic.hash(), slot.minute() ^ 1, &[], false),
            Lie::Forged => seal(self.topic.hash(), slot.minute(), &[], true),
            Lie::Invented | Lie::Chatter => {
                let hints = encode_hints([(HintOwner::Publisher, &nowhere), (HintOwner::Neighbor(0), &nowhere)]);
                seal(self.topic.hash(), slot.minute(), &hints, false)
            }
            Lie::BadHints => seal(self.topic.hash(), slot.minute(), &[0xD7, 1, 2, 3], false),
            // The lengths are right, but the rest is noise.
            _ => [&512u32.to_le_bytes()[..], &noise(512), &32u64.to_le_bytes(), &noise(80)].concat(),
        }
    }
}

/// The bytes that the signature of a mutable item covers (BEP 44).
fn mainline_signable(seq: i64, value: &[u8], salt: &[u8]) -> Vec<u8> {
    let head = [format!("4:salt{}:", salt.len()).as_bytes(), salt].concat();
    [&head[..], format!("3:seqi{seq}e1:v{}:", value.len()).as_bytes(), value].concat()
}
