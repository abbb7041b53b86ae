//! Tickets: what one member gives to another in place of a name and a secret.

mod content;
mod error;
mod text;

use std::{fmt, str::FromStr};

use iroh_base::{EndpointAddr, TransportAddr};
use zeroize::Zeroizing;

pub use error::TicketError;

use super::Root;
use crate::error::{Error, Result};

/// What lets a program into a topic: its root, and for convenience a name for people and nodes to begin with.
///
/// As text it is `dtt` and then lower-case base32, without padding. It has at least 66 characters. A checksum tells a
/// typing error from a ticket of another topic. Upper case and spaces around it are accepted.
///
/// A ticket is as secret as the secret of its topic. So `Debug` shows nothing and there is no `Display`: a log cannot
/// hold one by accident. [`Ticket::to_text`] gives the text to whoever asks for it.
///
/// ```
/// use dtt_core::wire::v2::Ticket;
///
/// let ticket = Ticket::random().with_name("Book club")?;
/// let text = ticket.to_text();
/// let received: Ticket = text.parse()?;
/// assert_eq!(received, ticket);
/// assert_eq!(format!("{received:?}"), "Ticket");
/// # Ok::<(), dtt_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    root: Root,
    name: Option<String>,
    nodes: Vec<EndpointAddr>,
}

impl Ticket {
    /// The longest name in bytes (UTF-8).
    pub const MAX_NAME_BYTES: usize = 255;
    /// How many nodes a ticket names at most.
    pub const MAX_NODES: usize = 8;
    /// How many addresses of one node a ticket has at most.
    pub const MAX_ADDRESSES: usize = 8;
    /// The longest text in characters.
    pub const MAX_CHARACTERS: usize = text::characters(content::MAX_BYTES);
    /// The shortest text in characters: a ticket with nothing but a root.
    pub const MIN_CHARACTERS: usize = text::characters(content::MIN_BYTES);

    /// The ticket of a topic whose root is known.
    pub fn new(root: Root) -> Self {
        Self { root, name: None, nodes: Vec::new() }
    }

    /// A ticket of a new topic, with a random root. Nobody can guess it, so this topic needs no secret.
    pub fn random() -> Self {
        Self::new(Root::random())
    }

    /// The ticket of a topic with a name and a secret. The ticket has the name, too. This takes as long as
    /// [`Root::from_secret`]. Names that [`Ticket::with_name`] refuses need [`Ticket::new`].
    pub fn from_secret(name: &str, secret: &[u8]) -> Result<Self> {
        let name = checked_name(name)?;
        let root = Root::from_secret(name.as_deref().unwrap_or_default().as_bytes(), secret)?;
        Ok(Self { name, ..Self::new(root) })
    }

    /// Gives the ticket a name for people to see: at most 255 bytes, without control characters. No bytes are no name.
    ///
    /// The name decides nothing. Whoever passes a ticket on can change it, so show it as their words.
    pub fn with_name(mut self, name: &str) -> Result<Self> {
        self.name = checked_name(name)?;
        Ok(self)
    }

    /// Whether a ticket can have this name, see [`Ticket::with_name`].
    pub fn is_name(name: &str) -> bool {
        checked_name(name).is_ok_and(|name| name.is_some())
    }

    /// Gives the ticket nodes to begin with, at most 8.
    ///
    /// Of each node, the ticket keeps up to 8 addresses, relays first. It leaves out further ones, and those that have
    /// no form in a ticket: custom transports, and relay URLs of more than 255 bytes.
    pub fn with_nodes(mut self, nodes: impl IntoIterator<Item = EndpointAddr>) -> Result<Self> {
        let nodes: Vec<_> = nodes.into_iter().map(content::reduced).collect();
        if nodes.len() > Self::MAX_NODES {
            return Err(Error::argument("nodes", format!("{} nodes, the limit is {}", nodes.len(), Self::MAX_NODES)));
        }
        self.nodes = nodes;
        Ok(self)
    }

    /// The topic's root.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The name for people to see, if there is one. It is whatever the ticket's writer chose.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The nodes to begin with.
    pub fn nodes(&self) -> &[EndpointAddr] {
        &self.nodes
    }

    /// The ticket as text. It is a secret: show it to people who are to be members, and to nobody else.
    pub fn to_text(&self) -> Zeroizing<String> {
        text::encode(&content::encode(self))
    }
}

/// Reads a ticket. The error says what is wrong, and repeats no secret.
impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        content::decode(&text::decode(text)?)
    }
}

/// Shows nothing.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

fn checked_name(name: &str) -> Result<Option<String>> {
    if name.len() > Ticket::MAX_NAME_BYTES {
        let problem = format!("{} bytes, the limit is {} bytes", name.len(), Ticket::MAX_NAME_BYTES);
        return Err(Error::argument("name", problem));
    }
    if let Some((at, control)) = name.char_indices().find(|(_, character)| character.is_control()) {
        return Err(Error::argument("name", format!("{control:?} at byte {at} is a control character")));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests;
