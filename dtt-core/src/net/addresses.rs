//! Where nodes can be reached: what the records of others say, and what ours say.

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

use crate::{
    config::AddressHints,
    error::{Error, Result},
    sync::Unpoisoned,
    wire::{AddressHint, GossipRecordContent, HintOwner, Record, decode_hints},
};

/// Nodes whose addresses are remembered; the longest unheard-of go first.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// While fewer are remembered, nodes that others only tell of are as well.
const HEARSAY: usize = 512;
/// What a node says of itself counts for this long: others cannot replace it, and our records repeat it.
const OWN_WORD: Duration = Duration::from_secs(120);
/// A dial takes no longer: the QUIC handshake is given up then.
const DIAL: Duration = Duration::from_secs(30);
/// More addresses of one node than this are not worth dialing.
const MAX_PER_NODE: usize = 16;

/// An endpoint with the address book that it looks peers up in. All topics of an endpoint share one book.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    endpoint: Endpoint,
    expects_relay: bool,
    book: Arc<Book>,
}

#[derive(Debug)]
struct Book {
    lookup: MemoryLookup,
    heard: Mutex<LruCache<EndpointId, Heard>>,
    /// Told of every change, for dials that are under way.
    changed: watch::Sender<()>,
}

/// What was heard last of a node's addresses.
#[derive(Debug, Clone, Default)]
struct Heard {
    /// When the node itself said it last, and for which minute.
    own_word: Option<(Instant, u64)>,
    /// What it said, as its record had it: the only thing that records of ours may repeat.
    said: Vec<AddressHint>,
}

/// The books of all endpoints, by id and by where their lookups are in memory: a lookup can be added to an endpoint and
/// not removed, so a second topic must find the first one's. Each endpoint owns its book.
static BOOKS: LazyLock<Mutex<Books>> = LazyLock::new(Mutex::default);
type Books = HashMap<(EndpointId, usize), Weak<Book>>;

impl Addresses {
    /// `expects_relay` tells that the endpoint looks for a relay server, as far as that is known.
    pub(crate) fn of(endpoint: &Endpoint, expects_relay: bool) -> Result<Self> {
        Ok(Self { endpoint: endpoint.clone(), expects_relay, book: Book::of(endpoint)? })
    }

    pub(crate) fn known(&self) -> usize {
        self.book.lock().len()
    }

    /// Takes in the addresses that a verified record names. Returns whether its extension was well-formed.
    pub(crate) fn learn(&self, record: &Record) -> bool {
        let extension = record.content_bytes().get(GossipRecordContent::BYTES..).unwrap_or_default();
        let Ok(hints) = decode_hints(extension) else { return false };
        let own = record.pub_key() == *self.endpoint.id().as_bytes();
        let peers = record.content::<GossipRecordContent>().unwrap_or_default().active_peers;
        let mut by_owner: HashMap<HintOwner, Vec<AddressHint>> = HashMap::new();
        for (owner, hint) in hints {
            let of_owner = by_owner.entry(owner).or_default();
            if of_owner.len() < MAX_PER_NODE && to_transport(&hint).is_some() {
                of_owner.push(hint);
            }
        }
        for (owner, hints) in by_owner {
            let (key, own_word) = match owner {
                HintOwner::Publisher => (record.pub_key(), Some(record.unix_minute())),
                HintOwner::Neighbor(index) => (peers[usize::from(index)], None),
            };
            let Ok(id) = EndpointId::from_bytes(&key) else { continue };
            // What we said ourselves is the oldest word of all.
            if id != self.endpoint.id() && !(own && self.book.knows(&id)) {
                self.book.learn(id, hints, own_word);
            }
        }
        true
    }

    /// Our own addresses as the policy allows, and those of the neighbors that a record names, as far as they have
    /// named them in records of their own: whoever asks for no addresses in records gets none.
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

    /// The addresses of its own that a record of ours would name now.
    pub(crate) fn own(&self, policy: AddressHints) -> Vec<AddressHint> {
        to_hints(self.endpoint.addr().addrs, policy)
    }

    /// Remembers addresses that the application gives.
    pub(crate) fn add(&self, address: EndpointAddr) {
        self.book.add(address);
    }

    /// Takes in what others say of a node's addresses. It counts less than what the node says itself, and drives out nothing.
    pub(super) fn hearsay(&self, address: EndpointAddr) {
        let id = address.id;
        let hints = to_hints(address.addrs, AddressHints::All);
        let hints: Vec<_> = hints.into_iter().filter(|hint| to_transport(hint).is_some()).take(MAX_PER_NODE).collect();
        if id != self.endpoint.id() && !hints.is_empty() && self.book.has_room_for(&id) {
            self.book.learn(id, hints, None);
        }
    }

    /// Remembers how a node was reached that is or was connected. Whoever dialed us is in no record that we have read, and
    /// could not be found again when the network has been cut.
    pub(crate) async fn met(&self, id: EndpointId) {
        if let Some(info) = self.endpoint.remote_info(id).await {
            self.book.met(id, info.addrs().take(MAX_PER_NODE).map(|known| known.addr().clone()).collect());
        }
    }

    pub(crate) fn expects_relay(&self) -> bool {
        self.expects_relay
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

    fn new() -> Self {
        Self {
            lookup: MemoryLookup::with_provenance("dtt"),
            heard: Mutex::new(LruCache::new(CAPACITY)),
            changed: watch::Sender::new(()),
        }
    }

    /// Takes in what a record says of a node; `own_word` is the record's minute if the node itself says it.
    fn learn(&self, id: EndpointId, hints: Vec<AddressHint>, own_word: Option<u64>) {
        let mut heard = self.lock();
        let mut entry = heard.peek(&id).cloned().unwrap_or_default();
        let known = entry.own_word.filter(|(at, _)| at.elapsed() < OWN_WORD);
        let address = EndpointAddr::from_parts(id, hints.iter().filter_map(to_transport));
        match (own_word, known) {
            // What a node says of itself counts, and an older record says less than a newer one.
            (None, Some(_)) => return,
            (Some(minute), Some((_, newer))) if minute < newer => return,
            (Some(minute), Some((_, same))) if minute == same => self.lookup.add_endpoint_info(address),
            _ => drop(self.lookup.set_endpoint_info(address)),
        }
        if let Some(minute) = own_word {
            entry = Heard { own_word: Some((Instant::now(), minute)), said: hints };
        }
        self.keep(&mut heard, id, entry);
    }

    fn knows(&self, id: &EndpointId) -> bool {
        self.lock().contains(id)
    }

    fn has_room_for(&self, id: &EndpointId) -> bool {
        let heard = self.lock();
        heard.contains(id) || heard.len() < HEARSAY
    }

    /// Remembers addresses that the application gives.
    fn add(&self, address: EndpointAddr) {
        let mut heard = self.lock();
        let entry = heard.peek(&address.id).cloned().unwrap_or_default();
        let id = address.id;
        self.lookup.add_endpoint_info(address);
        self.keep(&mut heard, id, entry);
    }

    /// Takes in where a node was reached, unless it has lately said better.
    fn met(&self, id: EndpointId, addresses: Vec<TransportAddr>) {
        let mut heard = self.lock();
        let entry = heard.peek(&id).cloned().unwrap_or_default();
        let said = entry.own_word.is_some_and(|(at, _)| at.elapsed() < OWN_WORD);
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

    /// What a node lately said of its addresses.
    fn said(&self, id: &EndpointId) -> Vec<AddressHint> {
        let heard = self.lock();
        let entry = heard.peek(id).filter(|entry| entry.own_word.is_some_and(|(at, _)| at.elapsed() < OWN_WORD));
        entry.map(|entry| entry.said.clone()).unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<EndpointId, Heard>> {
        self.heard.lock().unpoisoned()
    }
}

impl AddressLookup for Book {
    /// What is known of the node, and for as long as a dial may take, what is learned of it meanwhile: a node's first
    /// record may name an address that leads nowhere, and the dial would go on trying that one alone.
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

/// Keeps what a node could be dialed at: no port 0, no unspecified or multicast address, no broken URL.
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

fn to_hints(addresses: impl IntoIterator<Item = TransportAddr>, policy: AddressHints) -> Vec<AddressHint> {
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

    #[tokio::test]
    async fn a_dial_under_way_learns_of_new_addresses() {
        let book = Book::new();
        let [id, other] = [1, 2].map(|seed| iroh::SecretKey::from_bytes(&[seed; 32]).public());
        assert!(book.resolve(id).is_none(), "of whom nothing is known, other services may know");

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
