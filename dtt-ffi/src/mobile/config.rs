//! Options: what the generated records of `options` are made of.

use dtt_core::options::{self, Options};

use super::{call::Outcome, millis::Millis};

/// The version of the protocol that a topic speaks. A topic of one version and a topic of the other are two topics, even
/// with the same name and secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ProtocolVersion {
    /// The protocol of the crate distributed-topic-tracker 0.3. Whoever knows a topic's name can see that it is in use,
    /// and read along with the address of one member. A message has no author.
    V1,
    /// Private topics: without the secret, nobody can find the topic or take part in it, and each message has an author.
    V2,
}

/// Which of its own addresses a node writes into its sealed records, for others to dial without any other lookup. Only
/// who holds the topic's secret can read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AddressHints {
    /// The relay URL if there is one, else the direct addresses.
    Auto,
    /// The relay URL and the direct addresses.
    All,
    /// The relay URL only: no IP address of the node ever stands in a record.
    RelayOnly,
    /// No addresses. Others then need an address lookup of their own to dial this node.
    Off,
}

/// Which relay servers a node uses, to be reached where no direct path is found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Relays {
    /// iroh's public relay servers.
    Public,
    /// No relay: only direct paths.
    Disabled,
    /// Relay servers of one's own; at least one.
    Custom {
        /// Their URLs.
        urls: Vec<String>,
    },
}

/// How a node finds addresses of peers beside those in the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AddressLookups {
    /// iroh's public services (DNS and pkarr).
    Public,
    /// None: peers are dialed at the addresses in their records only.
    Disabled,
}

/// The value of an option, as text and back.
pub(super) trait Value: Sized {
    fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()>;

    /// What the text of an option stands for; none for the default of an option that has no value of its own.
    fn of(text: &str) -> Option<Self>;
}

/// Options that are all optional, a part of the engine's.
pub(super) trait Record: Default + PartialEq {
    fn set_all(&self, options: &mut Options) -> Outcome;

    fn of(options: &Options) -> Self;
}

/// Sets an option if there is a value.
pub(super) fn set<T: Value>(options: &mut Options, key: &str, value: &Option<T>) -> Outcome {
    Ok(value.as_ref().map_or(Ok(()), |value| value.set(options, key))?)
}

/// The value that an option was set to.
pub(super) fn get<T: Value>(options: &Options, key: &str) -> Option<T> {
    T::of(options.get_set(key).ok()??)
}

/// Sets those of a group if there is one.
pub(super) fn set_group<T: Record>(options: &mut Options, group: &Option<T>) -> Outcome {
    group.as_ref().map_or(Ok(()), |group| group.set_all(options))
}

/// A group, if one of its options was set.
pub(super) fn get_group<T: Record>(options: &Options) -> Option<T> {
    Some(T::of(options)).filter(|group| *group != T::default())
}

macro_rules! plain {
    ($($type:ty)*) => {
        $(impl Value for $type {
            fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
                options.set(key, &self.to_string())
            }

            fn of(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })*
    };
}
plain! { bool u16 }

/// A count or a number of bytes.
impl Value for u32 {
    fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
        options.set(key, &self.to_string())
    }

    fn of(text: &str) -> Option<Self> {
        u32::try_from(options::parse_size(text)?).ok()
    }
}

impl Value for Millis {
    fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
        options.set(key, &options::show_time(self.0))
    }

    fn of(text: &str) -> Option<Self> {
        options::parse_time(text).map(Self)
    }
}

impl Value for String {
    fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
        options.set(key, self)
    }

    fn of(text: &str) -> Option<Self> {
        (text != "default").then(|| text.to_owned())
    }
}

impl Value for Vec<String> {
    fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
        options.set_list(key, self)
    }

    fn of(text: &str) -> Option<Self> {
        match text {
            "default" => None,
            "none" => Some(Vec::new()),
            _ => Some(text.split(',').map(str::to_owned).collect()),
        }
    }
}

impl Value for Relays {
    fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
        match self {
            Relays::Public => options.set(key, "default"),
            Relays::Disabled => options.set(key, "disabled"),
            Relays::Custom { urls } => options.set_list(key, urls),
        }
    }

    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "default" => Relays::Public,
            "disabled" => Relays::Disabled,
            _ => Relays::Custom { urls: Value::of(text)? },
        })
    }
}

macro_rules! words {
    ($type:ty: $($text:literal = $value:path),+) => {
        impl Value for $type {
            fn set(&self, options: &mut Options, key: &str) -> dtt_core::Result<()> {
                options.set(key, match self { $($value => $text,)+ })
            }

            fn of(text: &str) -> Option<Self> {
                match text { $($text => Some($value),)+ _ => None }
            }
        }
    };
}
words! { ProtocolVersion: "v1" = Self::V1, "v2" = Self::V2 }
words! { AddressHints: "auto" = Self::Auto, "all" = Self::All, "relay_only" = Self::RelayOnly, "off" = Self::Off }
words! { AddressLookups: "default" = Self::Public, "none" = Self::Disabled }
