//! Every option in one table, and options as text.
//!
//! [`rows`] is the table: key, type, default, limits, documentation. All other languages' options, and `docs/options.md`, are made
//! from it. [`Options`] holds those that were set, for programs that get them as text: from a file, a command line, or another
//! language. Rust programs have the builders of [`crate::TopicConfig`] and `NodeConfig` as well.
//!
//! ```
//! use std::time::Duration;
//! use dtt_core::options::Options;
//!
//! let mut options = Options::new();
//! options.set("dht.get_timeout", "2500ms")?;
//! options.set_all("event_capacity=64,dht.bootstrap=192.0.2.1:6881,router.example:6881")?;
//! assert_eq!(options.get("dht.get_timeout")?, "2500ms");
//! assert_eq!(options.get("dht.retries")?, "3");
//! assert_eq!(options.to_config().dht_config().get_timeout(), Duration::from_millis(2500));
//! let error = options.set("dht.retry", "5").unwrap_err();
//! assert_eq!(error.to_string(), "options: \"dht.retry\" is not an option; did you mean dht.retries?");
//! # Ok::<(), dtt_core::Error>(())
//! ```

use std::{collections::BTreeMap, sync::LazyLock};

#[cfg(not(feature = "net"))]
use crate::config::TopicConfig as Root;
#[cfg(feature = "net")]
use crate::net::NodeConfig as Root;
pub use crate::table::{Kind, Limits, Row, Scope, Section, parse_size, parse_time, show_size, show_time};
use crate::{
    config::TopicConfig,
    error::{Error, Result, shown},
    table::{DEFAULT, Group, WORDS, joined},
};

/// The table of all options, a node's first.
pub fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(Root::rows);
    &ROWS
}

/// The row of a key. The error names the nearest key.
pub fn row(key: &str) -> Result<&'static Row> {
    rows().iter().find(|row| row.key == key).ok_or_else(|| {
        let nearest = rows().iter().map(|row| (strsim::damerau_levenshtein(key, row.key), row.key)).min();
        let hint = nearest.map(|(_, key)| format!("; did you mean {key}?")).unwrap_or_default();
        Error::argument("options", format!("{} is not an option{hint}", shown(key)))
    })
}

/// Options that were set. What was not set is as what they are laid over has it: a topic's over its node's, a node's over the
/// defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The texts, as [`Group::get`] writes them, by their place in the table.
    set: BTreeMap<usize, String>,
}

impl Options {
    /// None that is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those that differ from the defaults in this configuration. Its secret key is no option. Fails if one of them is outside its
    /// limits.
    #[cfg(feature = "net")]
    pub fn of_node(config: &crate::NodeConfig) -> Result<Self> {
        config.check()?;
        let differs = |(place, row): (usize, &Row)| {
            let text = config.get(row.key)?;
            (text != row.default).then_some((place, text))
        };
        Ok(Self { set: rows().iter().enumerate().filter_map(differs).collect() })
    }

    /// Sets an option by its key. The word `default` sets it to its default.
    ///
    /// What is wrong with the text is told at once. What concerns several options is checked when they are used.
    pub fn set(&mut self, key: &str, text: &str) -> Result<()> {
        let row = row(key)?;
        let text = if text == DEFAULT { row.default } else { text };
        let mut scratch = Root::default();
        scratch.set(key, text).unwrap_or(Ok(())).map_err(|problem| Error::argument(row.key, problem))?;
        let text = scratch.get(key).unwrap_or_else(|| text.to_owned());
        self.set.insert(place(row), text);
        Ok(())
    }

    /// Sets an option that is a list.
    pub fn set_list(&mut self, key: &str, entries: &[String]) -> Result<()> {
        let row = row(key)?;
        let wrong = |entry: &String| {
            if entry.is_empty() {
                Some("is an empty entry")
            } else if entry.contains(',') {
                Some("is a list in one entry; split it at its commas")
            } else {
                WORDS.contains(&entry.as_str()).then_some("is a word for the whole option, not an entry of a list")
            }
        };
        if let Some((entry, problem)) = entries.iter().find_map(|entry| Some((entry, wrong(entry)?))) {
            return Err(Error::argument(row.key, format!("{} {problem}", shown(entry))));
        }
        self.set(key, &joined(entries))
    }

    /// Sets several options: `key=value` with commas between them. A piece without a key and `=` belongs to the list before it, as
    /// in `dht.bootstrap=192.0.2.1:6881,192.0.2.2:6881,event_capacity=64`. If one of them is wrong, none is set.
    pub fn set_all(&mut self, text: &str) -> Result<()> {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let is_key =
            |key: &str| !key.is_empty() && key.bytes().all(|c| c.is_ascii_lowercase() || matches!(c, b'.' | b'_'));
        for piece in text.split(',').map(str::trim) {
            if let Some((key, value)) = piece.split_once('=').filter(|(key, _)| is_key(key.trim())) {
                pairs.push((key.trim(), value.trim().to_owned()));
            } else if let Some((_, list)) = pairs.last_mut() {
                *list = format!("{list},{piece}");
            } else if !piece.is_empty() {
                let problem = format!("{} is given, key=value with commas between them is needed", shown(piece));
                return Err(Error::argument("options", problem));
            }
        }
        let mut changed = self.clone();
        pairs.iter().try_for_each(|(key, value)| changed.set(key, value))?;
        *self = changed;
        Ok(())
    }

    /// An option as text: what it was set to, or its default.
    pub fn get(&self, key: &str) -> Result<&str> {
        let row = row(key)?;
        Ok(self.set.get(&place(row)).map_or(row.default, String::as_str))
    }

    /// What an option was set to, if it was.
    pub fn get_set(&self, key: &str) -> Result<Option<&str>> {
        Ok(self.set.get(&place(row(key)?)).map(String::as_str))
    }

    /// The options that were set, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Row, &str)> {
        self.set.iter().map(|(place, text)| (&rows()[*place], text.as_str()))
    }

    /// Sets what the others have set.
    pub fn extend(&mut self, others: &Options) {
        self.set.extend(others.set.iter().map(|(place, text)| (*place, text.clone())));
    }

    /// Refuses options of a node alone, by name: a topic cannot have them.
    pub fn check_topic(&self) -> Result<()> {
        match self.iter().find(|(row, _)| row.scope == Scope::Node) {
            Some((row, text)) => {
                let problem = format!("{} is given for a topic, but this is an option of the node", shown(text));
                Err(Error::argument(row.key, problem))
            }
            None => Ok(()),
        }
    }

    /// A topic's options: these over the defaults. Those of a node alone are left out.
    pub fn to_config(&self) -> TopicConfig {
        self.over(TopicConfig::default())
    }

    /// A topic's options: these over others. Those of a node alone are left out.
    pub fn over(&self, mut config: TopicConfig) -> TopicConfig {
        self.write(&mut config);
        config
    }

    /// A node's options: these over the defaults. Topics without options of their own have the topic options among them.
    #[cfg(feature = "net")]
    pub fn to_node_config(&self) -> crate::NodeConfig {
        let mut config = crate::NodeConfig::default();
        self.write(&mut config);
        config
    }

    /// [`Options::to_node_config`], to be completed by a secret key.
    #[cfg(feature = "net")]
    pub fn to_node_builder(&self) -> crate::NodeConfigBuilder {
        self.to_node_config().into_builder()
    }

    fn write(&self, config: &mut impl Group) {
        for (row, text) in self.iter() {
            // It was checked when it was set.
            let _ = config.set(row.key, text);
        }
    }
}

fn place(row: &'static Row) -> usize {
    rows().iter().position(|other| std::ptr::eq(row, other)).unwrap_or_default()
}

#[cfg(all(test, feature = "net"))]
mod tests;
