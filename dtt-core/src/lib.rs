//! Programs find each other by a topic's name and a shared secret, and talk: no server, no address list.
//!
//! The members of a topic publish small sealed records in the BitTorrent mainline DHT, find the records of others, join
//! these others over [iroh-gossip], and keep the swarm whole.
//!
//! ```
//! # #[tokio::main] async fn main() -> Result<(), dtt_core::Error> {
//! use dtt_core::{Event, JoinOptions, Node, Testnet};
//!
//! // An embedded DHT, so that this runs anywhere; `NodeConfig::default()` uses the public one.
//! let testnet = Testnet::new()?;
//! let (alice, bob) = (Node::spawn(testnet.node_config()).await?, Node::spawn(testnet.node_config()).await?);
//!
//! let hers = alice.join("my-topic", b"my secret", JoinOptions::default()).await?;
//! let his = bob.join("my-topic", b"my secret", JoinOptions::default()).await?;
//! tokio::try_join!(hers.joined(), his.joined())?;
//!
//! let mut events = his.subscribe();
//! hers.broadcast("hello").await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Received(message) = event {
//!         assert_eq!(&message.content[..], b"hello");
//!         break;
//!     }
//! }
//! alice.close().await;
//! bob.close().await;
//! # Ok(()) }
//! ```
//!
//! # Where to look
//!
//! - [`Node`] and its [`Topic`]: for programs that have no endpoint of their own.
//! - [`AutoDiscoveryGossip`] and [`RecordPublisher`]: for programs that bring a gossip layer. The names are those of
//!   the crate `distributed-topic-tracker` 0.3, so a program moves over by changing the crate's name.
//! - [`options`]: every option in one table, and options as text.
//! - [`Testnet`]: an embedded DHT on loopback, for tests and demos without a network.
//! - [`wire`] (the meaning of bytes) and [`tracker`] (what to do next): the protocol itself, without input or output.
//!
//! # Features
//!
//! - `net` (default): everything that reaches the network: [`Node`], [`Topic`], [`AutoDiscoveryGossip`],
//!   [`RecordPublisher`], [`Dht`], [`Testnet`]. Without it, the crate is [`wire`], [`tracker`], [`parse`] and the
//!   options. It then has no socket, no clock, no async runtime, and none of their dependencies. A simulator or a
//!   fuzzer needs no more.
//! - `port-mapping` (default, implies `net`): a node may ask the router for a port.
//!
//! # Observing
//!
//! [`Topic::stats`] and [`Node::stats`] give numbers. Events go to [`tracing`] under the stable targets `dtt::node`
//! (start and close), `dtt::topic` (state, records, dials) and `dtt::dht` (lookups, stores, the client). Secrets
//! appear in none of them.
//!
//! # Limits
//!
//! Gossip promises no delivery and no order. Anyone who holds the secret is trusted as a member: the only way to expel a
//! member is a new secret, or a rotation. The DHT is reached over IPv4 only.
//!
//! In protocol version 1, anyone who knows a topic's name sees how many records its slots hold, and can fill the slots
//! with noise. Reading or writing records also takes the secret, which seals the records and not the messages: anyone
//! who knows a topic's name and a member's address can join that member directly and read along. In version 2
//! ([`Protocol::V2`]), all of this takes the secret.
//!
//! [iroh-gossip]: https://docs.rs/iroh-gossip

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod config;
mod error;
#[cfg(feature = "net")]
mod gossip;
#[cfg(feature = "net")]
mod net;
pub mod options;
pub mod parse;
#[cfg(feature = "net")]
mod publisher;
/// Not for programs: what the crates of this workspace share.
#[cfg(feature = "net")]
#[doc(hidden)]
pub mod sync;
mod table;
pub mod tracker;
pub mod wire;

pub use config::{
    AddressHints, BootstrapConfig, BootstrapConfigBuilder, BubbleMergeConfig, BubbleMergeConfigBuilder,
    BubbleMergeSettings, DhtConfig, DhtConfigBuilder, MergeConfig, MergeConfigBuilder, MessageOverlapMergeConfig,
    MessageOverlapMergeConfigBuilder, MessageOverlapMergeSettings, Protocol, PublisherConfig, PublisherConfigBuilder,
    PublisherSettings, TimeoutConfig, TimeoutConfigBuilder, TopicConfig, TopicConfigBuilder,
};
/// The names that programs of the crate `distributed-topic-tracker` use.
#[doc(no_inline)]
pub use config::{TopicConfig as Config, TopicConfigBuilder as ConfigBuilder};
pub use error::{Error, ErrorKind, RecordError, Result};
#[cfg(feature = "net")]
pub use gossip::{AutoDiscoveryGossip, ChannelError, GossipReceiver, GossipSender};
pub use iroh_base::{EndpointAddr, EndpointId, SecretKey};
#[cfg(feature = "net")]
pub use iroh_gossip::proto::DeliveryScope;
#[cfg(feature = "net")]
pub use net::{
    AddressLookups, Dht, DhtHealth, Event, Events, JoinOptions, Message, Node, NodeConfig, NodeConfigBuilder,
    NodeStats, Origin, RefusedMessages, RefusedRecords, Relays, Testnet, Topic, TopicStats, transport_config,
    unix_minute,
};
#[cfg(feature = "net")]
pub use publisher::{RecordPublisher, RecordPublisherBuilder};
#[cfg(feature = "net")]
pub use tokio_util::sync::CancellationToken;
pub use tracker::TopicState;
pub use wire::{
    DefaultSecretRotation, EncryptedRecord, GossipRecordContent, MAX_MESSAGE_HASHES, MAX_RECORD_PEERS, Record,
    RecordContent, RotationHandle, SecretRotation, TopicId, encryption_keypair, salt, signing_keypair,
    v2::{Ticket, TicketError},
};

/// The README's quick start compiles.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../../README.md")]
struct Readme;
