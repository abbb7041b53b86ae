//! The versions of the protocol that rows compare.

use anyhow::Result;
use dtt_core::{
    JoinOptions, Node, Ticket, Topic,
    options::Options,
    wire::v2::{Envelope, Head, Root, Unsigned},
};
use ed25519_dalek::SigningKey;

/// How a node joins the topics of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Version 1, by name and secret.
    V1,
    /// Version 2, by name and secret.
    Private,
    /// Version 2, by a ticket: no secret has to be stretched.
    Ticket,
    /// Version 2, by name and secret, with messages that are not signed.
    Unsigned,
}

impl Version {
    pub(crate) fn of(kind: &str) -> Option<Self> {
        match kind {
            "ours" => Some(Self::V1),
            "private" => Some(Self::Private),
            "ticket" => Some(Self::Ticket),
            _ => None,
        }
    }

    pub(crate) async fn join(self, node: &Node, name: &str, secret: &[u8]) -> Result<Topic> {
        let mut options = Options::new();
        options.set("protocol", if self == Self::V1 { "v1" } else { "v2" })?;
        options.set("unsigned_messages", if self == Self::Unsigned { "true" } else { "false" })?;
        let options = JoinOptions::default().options(options);
        Ok(match self {
            Self::Ticket => node.join_ticket(&ticket(name), options).await?,
            _ => node.join(name, secret, options).await?,
        })
    }
}

/// Every process makes the same ticket of a name.
fn ticket(name: &str) -> Ticket {
    let mut root = [0; 32];
    root.iter_mut().zip(name.bytes()).for_each(|(byte, of_name)| *byte = of_name);
    Ticket::new(Root::from_bytes(&root))
}

/// How many signed messages of this many bytes one core verifies in a second, one by one.
pub(crate) fn verified_per_second(bytes: usize) -> f64 {
    const ROUNDS: u64 = 20_000;
    let (topic, key) = (dtt_core::TopicId::new("verify"), SigningKey::from_bytes(&[7; 32]));
    let head = Head { session: 1, number: 2, sent_ms: 3, neighbors_only: false };
    let message = Envelope::sign(&topic, &key, &head, &vec![0x5A; bytes]);
    let start = std::time::Instant::now();
    for _ in 0..ROUNDS {
        let opened = Envelope::decode(&topic, message.clone(), Unsigned::Refuse);
        assert!(std::hint::black_box(opened).is_ok());
    }
    ROUNDS as f64 / start.elapsed().as_secs_f64()
}

/// Milliseconds that one stretching of a secret takes.
pub(crate) fn stretch_ms() -> Result<f64> {
    let start = std::time::Instant::now();
    std::hint::black_box(Root::from_secret(b"name", b"secret")?);
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
