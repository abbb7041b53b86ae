//! Where nodes can be reached: the addresses that other nodes' records name, and the addresses that our records name.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Arc, LazyLock, Mutex, Weak},
    time::Duration,
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use iroh::{
    Endpoint, EndpointAddr, EndpointId, RelayUrl, TransportAddr,
    address_lookup::{AddressLookup, Error as LookupError, Item, memory::MemoryLookup},
};
use lru::LruCache;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::same_key::{SameKey, read_hint};
use crate::{
    config::{AddressHints, Protocol},
    error::{Error, Result},
    sync::Unpoisoned,
    wire::{AddressHint, GossipRecordContent, HintOwner, Record, decode_hints, v2},
};

/// Nodes whose addresses are remembered. When the book is full, the node whose entry changed longest ago is forgotten.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Below this number of nodes, the book also takes in nodes that only others tell about.
const SECOND_HAND_CAPACITY: usize = 512;
/// What a node says about itself counts for this long. Meanwhile, nothing that others say replaces it.
const FIRST_HAND: Duration = Duration::from_secs(120);
/// The longest time that a dial can take: QUIC gives up the handshake then.
const DIAL: Duration = Duration::from_secs(30);
/// Addresses of one node that are kept. More are not worth dialing.
const MAX_PER_NODE: usize = 16;

/// An endpoint with the address book in which it looks peers up. All topics of an endpoint share one book.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    endpoint: Endpoint,
    expects_relay: bool,
    book: Arc<Book>,
    /// A program's own endpoint has none.
    same_key: Option<SameKey>,
}

/// The address book of an endpoint, which looks up known addresses in it.
#[derive(Debug)]
pub(in crate::net) struct Book {
    lookup: MemoryLookup,
    heard: Mutex<LruCache<EndpointId, Heard>>,
    /// Notified of every change, for the dials that are under way.
    changed: watch::Sender<()>,
}

/// What was last heard about a node's addresses.
#[derive(Debug, Clone, Default)]
struct Heard {
    /// When the node itself last announced its addresses, and the minute of the record in which it did.
    first_hand: Option<(Instant, u64)>,
    /// The addresses that the node announced last, in its record or when it became a neighbor. Our records repeat only
    /// these, since a node decides which of its addresses a record may name.
    said: Vec<AddressHint>,
}

/// The books of endpoints that programs brought, by the endpoint's id and the memory address of its lookup services. A
/// lookup can be added to such an endpoint but not removed, so its second topic must find the book of the first. Each
/// endpoint owns its book.
static BOOKS: LazyLock<Mutex<Books>> = LazyLock::new(Mutex::default);
type Books = HashMap<(EndpointId, usize), Weak<Book>>;

impl Addresses {
    /// For a node's endpoint, which was built with `book`. `expects_relay` tells whether the endpoint looks for a relay
    /// server, as far as that is known.
    pub(in crate::net) fn new(endpoint: Endpoint, book: Arc<Book>, expects_relay: bool, same_key: SameKey) -> Self {
        Self { endpoint, expects_relay, book, same_key: Some(same_key) }
    }

    /// For an endpoint that the program brought.
    pub(crate) fn of(endpoint: &Endpoint, expects_relay: bool) -> Result<Self> {
        Ok(Self { endpoint: endpoint.clone(), expects_relay, book: Book::of(endpoint)?, same_key: None })
    }

    pub(crate) fn known(&self) -> usize {
        self.book.lock().len()
    }

    /// Learns the addresses that a verified record with this content names. Returns whether its address extension was
    /// well-formed.
    pub(crate) fn learn(&self, record: &Record, content: &GossipRecordContent, protocol: Protocol) -> bool {
        let extension = record.content_bytes().get(GossipRecordContent::BYTES..).unwrap_or_default();
        let hints = match protocol {
            Protocol::V1 => decode_hints(extension),
            Protocol::V2 => v2::decode_hints(extension),
        };
        let Ok(hints) = hints else { return false };
        let own = record.pub_key() == *self.endpoint.id().as_bytes();
        let mut by_owner: HashMap<HintOwner, Vec<AddressHint>> = HashMap::new();
        for (owner, hint) in hints {
            let of_owner = by_owner.entry(owner).or_default();
            if of_owner.len() < MAX_PER_NODE && to_transport(&hint).is_some() {
                of_owner.push(hint);
            }
        }
        for (owner, hints) in by_owner {
            let (key, first_hand) = match owner {
                HintOwner::Publisher => (record.pub_key(), Some(record.unix_minute())),
                HintOwner::Neighbor(index) => (content.active_peers[usize::from(index)], None),
            };
            let Ok(id) = EndpointId::from_bytes(&key) else { continue };
            if id == self.endpoint.id() {
                let addresses = hints.iter().filter_map(to_transport);
                match &self.same_key {
                    Some(same_key) if own => same_key.own_record(record, addresses),
                    _ => self.hint(addresses),
                }
                continue;
            }
            // Our own record only repeats what the book knew when it was written, so it must not replace anything
            // newer.
            if !(own && self.book.knows(&id)) {
                self.book.learn(id, hints, first_hand);
            }
        }
        true
    }

    /// Our own addresses as the policy allows, and the addresses of the neighbors in the content that these neighbors have
    /// announced. Without them, a newcomer that finds us gone could reach nobody. With [`AddressHints::Off`], a record carries no addresses
    /// at all.
    pub(crate) fn hints(&self, content: &GossipRecordContent, policy: AddressHints) -> Vec<(HintOwner, AddressHint)> {
        let mut hints: Vec<_> = self.own(policy).into_iter().map(|hint| (HintOwner::Publisher, hint)).collect();
        if policy != AddressHints::Off {
            for (index, peer) in content.peers().enumerate() {
                let said = EndpointId::from_bytes(peer).map(|id| self.book.said(&id)).unwrap_or_default();
                hints.extend(said.into_iter().map(|hint| (HintOwner::Neighbor(index as u8), hint)));
            }
        }
        hints
    }

    /// The addresses of this node that one of its records would name now.
    pub(crate) fn own(&self, policy: AddressHints) -> Vec<AddressHint> {
        to_hints(self.endpoint.addr().addrs, policy)
    }

    /// Where a node can be reached, by what it said of itself. Without that, it is the id alone.
    pub(super) fn address_of(&self, id: EndpointId) -> EndpointAddr {
        EndpointAddr::from_parts(id, self.book.said(&id).iter().filter_map(to_transport))
    }

    /// Remembers addresses that the application gives.
    pub(crate) fn add(&self, address: EndpointAddr) {
        self.book.add(address);
    }

    /// Learns what others say about a node's addresses. It counts less than what the node says about itself, and it
    /// evicts no other node.
    pub(super) fn learn_second_hand(&self, address: EndpointAddr) {
        let id = address.id;
        let hints = to_hints(address.addrs, AddressHints::All);
        let hints: Vec<_> = hints.into_iter().filter(|hint| to_transport(hint).is_some()).take(MAX_PER_NODE).collect();
        if id == self.endpoint.id() {
            self.hint(hints.iter().filter_map(to_transport));
        } else if !hints.is_empty() && self.book.has_room_for(&id) {
            self.book.learn(id, hints, None);
        }
    }

    /// Learns what a neighbor's records would say about itself. It may not have written any yet. Our records repeat it.
    pub(super) fn neighbor_said(&self, id: &EndpointId, hints: &[AddressHint]) {
        self.book.neighbor_said(*id, hints);
    }

    /// Remembers at which addresses a node was reached that is, or was, connected. A node that dialed us may be in no
    /// record that we have read. Without this, it could not be found again after the network was cut.
    pub(crate) async fn met(&self, id: EndpointId) {
        if let Some(info) = self.endpoint.remote_info(id).await {
            self.book.met(id, info.addrs().take(MAX_PER_NODE).map(|known| known.addr().clone()).collect());
        }
    }

    pub(crate) fn expects_relay(&self) -> bool {
        self.expects_relay
    }

    /// Looks for other processes with the node's key. `None` for an endpoint that the program brought.
    pub(super) fn same_key(&self) -> Option<&SameKey> {
        self.same_key.as_ref()
    }

    /// Takes in a datagram of a gossip connection. It may say at which other address this node's id was met.
    pub(super) fn take_datagram(&self, datagram: &[u8]) {
        let dialable = |address: &TransportAddr| match address {
            TransportAddr::Ip(address) => to_transport(&AddressHint::Ip(*address)).is_some(),
            _ => false,
        };
        self.hint(read_hint(datagram).filter(dialable).into_iter());
    }

    /// Somebody says that this node is at these addresses.
    fn hint(&self, addresses: impl Iterator<Item = TransportAddr>) {
        if let Some(same_key) = &self.same_key {
            same_key.hint(addresses);
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Book {
    fn of(endpoint: &Endpoint) -> Result<Arc<Self>> {
        let services = endpoint.address_lookup().map_err(|_| Error::Closed("the endpoint"))?;
        let mut books = BOOKS.lock().unpoisoned();
        books.retain(|_, book| book.strong_count() > 0);
        let key = (endpoint.id(), std::ptr::from_ref(services) as usize);
        if let Some(book) = books.get(&key).and_then(Weak::upgrade) {
            return Ok(book);
        }
        let book = Arc::new(Self::new());
        services.add(book.clone());
        books.insert(key, Arc::downgrade(&book));
        Ok(book)
    }

    pub(in crate::net) fn new() -> Self {
        Self {
            lookup: MemoryLookup::with_provenance("dtt"),
            heard: Mutex::new(LruCache::new(CAPACITY)),
            changed: watch::Sender::new(()),
        }
    }

    /// Learns what a record says about a node. `first_hand` is the record's minute if the node itself wrote the record.
    fn learn(&self, id: EndpointId, hints: Vec<AddressHint>, first_hand: Option<u64>) {
        let mut heard = self.lock();
        let mut entry = heard.peek(&id).cloned().unwrap_or_default();
        let known = entry.first_hand.filter(|(at, _)| at.elapsed() < FIRST_HAND);
        let address = EndpointAddr::from_parts(id, hints.iter().filter_map(to_transport));
        match (first_hand, known) {
            // What a node says about itself counts more than what others say, and a newer record counts more than an
            // older one.
            (None, Some(_)) => return,
            (Some(minute), Some((_, newer))) if minute < newer => return,
            (Some(minute), Some((_, same))) if minute == same => self.lookup.add_endpoint_info(address),
            _ => drop(self.lookup.set_endpoint_info(address)),
        }
        if let Some(minute) = first_hand {
            entry = Heard { first_hand: Some((Instant::now(), minute)), said: hints };
        }
        self.keep(&mut heard, id, entry);
    }

    /// Notes what a neighbor's records would say. This is newer than any record that was read: the neighbor may be back
    /// after a crash, at another address.
    fn neighbor_said(&self, id: EndpointId, hints: &[AddressHint]) {
        let mut heard = self.lock();
        let mut entry = heard.peek(&id).cloned().unwrap_or_default();
        entry.said = hints.iter().filter(|hint| to_transport(hint).is_some()).cloned().collect();
        if !entry.said.is_empty() || heard.contains(&id) {
            self.keep(&mut heard, id, entry);
        }
    }

    fn knows(&self, id: &EndpointId) -> bool {
        self.lock().contains(id)
    }

    fn has_room_for(&self, id: &EndpointId) -> bool {
        let heard = self.lock();
        heard.contains(id) || heard.len() < SECOND_HAND_CAPACITY
    }

    /// Remembers addresses that the application gives.
    fn add(&self, address: EndpointAddr) {
        let mut heard = self.lock();
        let entry = heard.peek(&address.id).cloned().unwrap_or_default();
        let id = address.id;
        self.lookup.add_endpoint_info(address);
        self.keep(&mut heard, id, entry);
    }

    /// Remembers where a node was reached, unless the node has announced its addresses recently.
    fn met(&self, id: EndpointId, addresses: Vec<TransportAddr>) {
        let mut heard = self.lock();
        let entry = heard.peek(&id).cloned().unwrap_or_default();
        let said = entry.first_hand.is_some_and(|(at, _)| at.elapsed() < FIRST_HAND);
        if !said && !addresses.is_empty() {
            let _ = self.lookup.set_endpoint_info(EndpointAddr::from_parts(id, addresses));
            self.keep(&mut heard, id, entry);
        }
    }

    fn keep(&self, heard: &mut LruCache<EndpointId, Heard>, id: EndpointId, entry: Heard) {
        if let Some((forgotten, _)) = heard.push(id, entry)
            && forgotten != id
        {
            self.lookup.remove_endpoint_info(forgotten);
        }
        self.changed.send_replace(());
    }

    /// The addresses that a node announced last.
    fn said(&self, id: &EndpointId) -> Vec<AddressHint> {
        self.lock().peek(id).map(|entry| entry.said.clone()).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<EndpointId, Heard>> {
        self.heard.lock().unpoisoned()
    }
}

impl AddressLookup for Book {
    /// The addresses that are known, and then, for as long as a dial may take, those that are learned meanwhile. A
    /// node's first record may name an address that leads nowhere, and the dial would keep trying only that one.
    fn resolve(&self, id: EndpointId) -> Option<BoxStream<'static, std::result::Result<Item, LookupError>>> {
        let known = self.lookup.resolve(id)?;
        let (lookup, end) = (self.lookup.clone(), Instant::now() + DIAL);
        let start = (self.changed.subscribe(), lookup.get_endpoint_info(id));
        let learned = stream::unfold(start, move |(mut changed, last)| {
            let lookup = lookup.clone();
            async move {
                while let Ok(Ok(())) = timeout_at(end, changed.changed()).await {
                    let info = lookup.get_endpoint_info(id);
                    if info != last {
                        let item = Item::new(info.clone()?, "dtt", None);
                        return Some((Ok(item), (changed, info)));
                    }
                }
                None
            }
        });
        Some(known.chain(learned).boxed())
    }
}

/// The address to dial for a hint. `None` for port 0, for an unspecified, multicast or broadcast address, and for a URL
/// that does not parse.
fn to_transport(hint: &AddressHint) -> Option<TransportAddr> {
    match hint {
        AddressHint::Relay(url) => url.parse::<RelayUrl>().ok().map(TransportAddr::Relay),
        AddressHint::Ip(address) => {
            let ip = address.ip();
            let dialable = address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast(ip);
            dialable.then_some(TransportAddr::Ip(*address))
        }
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

pub(super) fn to_hints(addresses: impl IntoIterator<Item = TransportAddr>, policy: AddressHints) -> Vec<AddressHint> {
    let (mut relays, mut direct) = (Vec::new(), Vec::new());
    for address in addresses {
        match address {
            TransportAddr::Relay(url) => relays.push(AddressHint::Relay(url.to_string())),
            TransportAddr::Ip(address) => direct.push(AddressHint::Ip(address)),
            _ => {}
        }
    }
    match policy {
        AddressHints::Off => Vec::new(),
        AddressHints::RelayOnly => relays,
        AddressHints::All => [relays, direct].concat(),
        AddressHints::Auto if relays.is_empty() => direct,
        AddressHints::Auto => relays,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn records_repeat_what_a_neighbor_said_last() {
        let book = Book::new();
        let id = iroh::SecretKey::from_bytes(&[1; 32]).public();
        let [first, second, third] = [1, 2, 3].map(|last| AddressHint::Ip(([192, 168, 1, last], 4433).into()));
        book.neighbor_said(id, &[]);
        assert!(!book.knows(&id), "it said nothing");
        book.neighbor_said(id, std::slice::from_ref(&first));
        assert_eq!(book.said(&id), [first]);
        book.learn(id, vec![second.clone()], Some(7));
        book.learn(id, vec![third.clone()], None);
        assert_eq!(book.said(&id), [second], "its own record, and not what others say");
        book.neighbor_said(id, &[third.clone(), AddressHint::Ip(([192, 168, 1, 4], 0).into())]);
        assert_eq!(book.said(&id), [third], "it is back at another address");
        book.neighbor_said(id, &[]);
        assert_eq!(book.said(&id), [], "it is back and wants to be named no longer");
    }

    #[tokio::test]
    async fn a_dial_under_way_learns_of_new_addresses() {
        let book = Book::new();
        let [id, other] = [1, 2].map(|seed| iroh::SecretKey::from_bytes(&[seed; 32]).public());
        assert!(book.resolve(id).is_none(), "other services may know a node that this book does not");

        let private = AddressHint::Ip(([192, 168, 1, 2], 4433).into());
        let relay = AddressHint::Relay("https://relay.example/".into());
        book.learn(id, vec![private.clone()], Some(7));
        let mut dial = book.resolve(id).unwrap();
        let mut next = || dial.next().now_or_never();
        let addresses = |item: Option<Option<std::result::Result<Item, LookupError>>>| {
            item.flatten().unwrap().unwrap().into_endpoint_addr().addrs.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(addresses(next()), [to_transport(&private).unwrap()]);
        assert!(next().is_none(), "it waits");
        book.learn(other, vec![private.clone()], Some(7));
        book.learn(id, vec![private], Some(7));
        assert!(next().is_none(), "nothing new of this node");
        book.learn(id, vec![relay.clone()], Some(8));
        assert_eq!(addresses(next()), [to_transport(&relay).unwrap()]);
    }
}
