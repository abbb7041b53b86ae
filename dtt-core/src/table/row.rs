//! What the table says of one option.

use std::{
    fmt::{Display, Formatter},
    time::Duration,
};

use super::{
    setting::Setting,
    text::{show_size, show_time},
};

/// Whose option it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A topic's. A node has them too, for topics that do not set them.
    Topic,
    /// A node's alone.
    Node,
}

/// The type of an option's value. Its text is in the comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count,
    /// A number of bytes: `4096`, `4KiB`, `1MiB`.
    Size,
    /// A time with its unit, of `d`, `h`, `min`, `s`, `ms`, `us` and `ns`: `250ms`, `1.5s`, `2min`.
    Time,
    /// A port, or `default`.
    Port,
    /// An IPv4 address, or `default`.
    Address,
    /// Entries of `host:port` with commas between them, `none` for an empty list, or `default`.
    Hosts,
    /// One of the words that the limits name.
    Choice,
    /// `default`, `disabled`, or URLs of `https` or `http` with commas between them.
    Relays,
    /// IP addresses with ports, with commas between them, or `default`.
    Sockets,
}

impl Kind {
    /// What the type is called in documentation.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Flag => "true or false",
            Kind::Count => "number",
            Kind::Size => "size",
            Kind::Time => "time",
            Kind::Port => "port",
            Kind::Address => "IPv4 address",
            Kind::Hosts => "list of host:port",
            Kind::Choice => "word",
            Kind::Relays => "word, or list of URLs",
            Kind::Sockets => "list of address:port",
        }
    }
}

/// The values that an option takes. Both ends are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limits {
    /// Those of its type.
    None,
    /// Numbers.
    Count(u64, u64),
    /// Bytes.
    Size(u64, u64),
    /// Times.
    Time(Duration, Duration),
    /// One of these words.
    Words(&'static [&'static str]),
}

impl Display for Limits {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Limits::None => Ok(()),
            Limits::Count(least, most) => write!(f, "{least} to {most}"),
            Limits::Size(least, most) => write!(f, "{} to {}", show_size(*least), show_size(*most)),
            Limits::Time(least, most) => write!(f, "{} to {}", show_time(*least), show_time(*most)),
            Limits::Words(words) => f.write_str(&words.join(", ")),
        }
    }
}

/// A group of options: a structure in most languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// The name of its structure in Rust.
    pub name: &'static str,
    /// What the keys of its options begin with; nothing for those of a topic or a node itself.
    pub prefix: &'static str,
    /// What the group is for: Rust documentation of some paragraphs.
    pub doc: &'static str,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Its name, with the group's before it: `dht.retries`.
    pub key: &'static str,
    /// Its group.
    pub section: Section,
    /// Whose it is.
    pub scope: Scope,
    /// Its type.
    pub kind: Kind,
    /// Its default, as text.
    pub default: &'static str,
    /// Its limits.
    pub limits: Limits,
    /// The version that had it first.
    pub since: &'static str,
    /// What it does, in a few sentences.
    pub doc: String,
}

impl Row {
    pub(crate) fn new<T: Setting>(
        section: Section,
        scope: Scope,
        key: &'static str,
        doc: &str,
        default: &'static str,
        limits: Limits,
        since: &'static str,
    ) -> Self {
        let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { key, section, scope, kind: T::kind(&limits), default, limits, since, doc }
    }

    /// Its name without the group's.
    pub fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }
}
