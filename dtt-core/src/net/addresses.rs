//! Where nodes can be reached: what the records of others say, and what ours say.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, LazyLock, Mutex, Weak},
    time::Duration,
};

use futures_util::stream::BoxStream;
use iroh::{
    Endpoint, EndpointAddr, EndpointId, RelayUrl, TransportAddr,
    address_lookup::{AddressLookup, Error as LookupError, Item, memory::MemoryLookup},
};
use lru::LruCache;
use tokio::time::Instant;

use crate::{
    config::AddressHints,
    error::{Error, Result},
    wire::{AddressHint, GossipRecordContent, HintOwner, Record, decode_hints},
};

/// Nodes whose addresses are remembered; the longest unheard-of go first.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// What a node says of itself is not replaced by what its neighbors say of it for this long.
const OWN_WORD: Duration = Duration::from_secs(120);
/// More addresses of one node than this are not worth dialling.
const MAX_PER_NODE: usize = 16;

/// An endpoint with the address book that it looks peers up in. All topics of an endpoint share one book.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    endpoint: Endpoint,
    book: Arc<Book>,
}

#[derive(Debug)]
struct Book {
    lookup: MemoryLookup,
    heard: Mutex<LruCache<EndpointId, Instant>>,
}

/// The books of all endpoints, by id and sockets: a lookup can be added to an endpoint and not removed, so a second
/// topic must find the first one's. The endpoint owns its book.
static BOOKS: LazyLock<Mutex<Books>> = LazyLock::new(Mutex::default);
type Books = HashMap<(EndpointId, Vec<SocketAddr>), Weak<Book>>;

impl Addresses {
    pub(crate) fn of(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self { endpoint: endpoint.clone(), book: Book::of(endpoint)? })
    }

    pub(crate) fn known(&self) -> usize {
        self.book.lock().len()
    }

    /// Takes in the addresses that a verified record names. Returns whether its extension was well-formed.
    pub(crate) fn learn(&self, record: &Record) -> bool {
        let extension = record.content_bytes().get(GossipRecordContent::BYTES..).unwrap_or_default();
        let Ok(hints) = decode_hints(extension) else { return false };
        let peers = record.content::<GossipRecordContent>().unwrap_or_default().active_peers;
        let mut by_owner: Vec<(HintOwner, Vec<TransportAddr>)> = Vec::new();
        for (owner, hint) in hints {
            let Some(address) = to_transport(&hint) else { continue };
            match by_owner.iter_mut().find(|(known, _)| *known == owner) {
                Some((_, addresses)) => addresses.push(address),
                None => by_owner.push((owner, vec![address])),
            }
        }
        for (owner, mut addresses) in by_owner {
            let key = match owner {
                HintOwner::Publisher => record.pub_key(),
                HintOwner::Neighbor(index) => peers[usize::from(index)],
            };
            addresses.truncate(MAX_PER_NODE);
            if let Ok(id) = EndpointId::from_bytes(&key)
                && id != self.endpoint.id()
            {
                self.book.learn(EndpointAddr::from_parts(id, addresses), owner == HintOwner::Publisher);
            }
        }
        true
    }

    /// Our own addresses and those of the neighbors that a record names, as the policy allows.
    pub(crate) async fn hints(
        &self,
        content: &GossipRecordContent,
        policy: AddressHints,
    ) -> Vec<(HintOwner, AddressHint)> {
        let mut hints = Vec::new();
        hints.extend(self.own(policy).into_iter().map(|hint| (HintOwner::Publisher, hint)));
        for (index, peer) in content.peers().enumerate() {
            let Ok(id) = EndpointId::from_bytes(peer) else { continue };
            let Some(info) = self.endpoint.remote_info(id).await else { continue };
            let addresses = info.into_addrs().map(|address| address.into_addr());
            let neighbor = HintOwner::Neighbor(index as u8);
            hints.extend(to_hints(addresses, policy).into_iter().map(|hint| (neighbor, hint)));
        }
        hints
    }

    /// The addresses of its own that a record of ours would name now.
    pub(crate) fn own(&self, policy: AddressHints) -> Vec<AddressHint> {
        to_hints(self.endpoint.addr().addrs, policy)
    }

    /// Remembers addresses that the application gives.
    pub(crate) fn add(&self, address: EndpointAddr) {
        self.book.learn(address, true);
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Book {
    fn of(endpoint: &Endpoint) -> Result<Arc<Self>> {
        let services = endpoint.address_lookup().map_err(|_| Error::Closed("the endpoint"))?;
        let mut books = BOOKS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        books.retain(|_, book| book.strong_count() > 0);
        let key = (endpoint.id(), endpoint.bound_sockets());
        if let Some(book) = books.get(&key).and_then(Weak::upgrade) {
            return Ok(book);
        }
        let book =
            Arc::new(Self { lookup: MemoryLookup::with_provenance("dtt"), heard: Mutex::new(LruCache::new(CAPACITY)) });
        services.add(book.clone());
        books.insert(key, Arc::downgrade(&book));
        Ok(book)
    }

    fn learn(&self, address: EndpointAddr, own_word: bool) {
        let id = address.id;
        let mut heard = self.lock();
        let trusted = heard.peek(&id).is_some_and(|at| at.elapsed() < OWN_WORD);
        if trusted && !own_word {
            return;
        }
        if let Some((forgotten, _)) = heard.push(id, Instant::now())
            && forgotten != id
        {
            self.lookup.remove_endpoint_info(forgotten);
        }
        self.lookup.set_endpoint_info(address);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<EndpointId, Instant>> {
        self.heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl AddressLookup for Book {
    fn resolve(&self, id: EndpointId) -> Option<BoxStream<'static, std::result::Result<Item, LookupError>>> {
        self.lookup.resolve(id)
    }
}

/// Keeps what a node could be dialled at: no port 0, no unspecified or multicast address, no broken URL.
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
