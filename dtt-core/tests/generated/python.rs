//! python/dtt/_options.py: the dataclasses.

use dtt_core::options::{Kind, Limits, Row, parse_size, parse_time};

use super::{Group, node_and_topic, own_limits, parts, wrapped};

const HEAD: &str = "\
\"\"\"The options: frozen dataclasses, checked when they are made. Made from the table of options by tools/options: do not edit.\"\"\"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from dtt._checks import Duration, NodeBase, Options, TopicBase
from dtt._dtt import SecretKey
";

const MERGE: &str = "

@dataclass(frozen=True)
class MergeConfig(Options):
    \"\"\"Both ways in which a split swarm finds itself again; None switches one off.\"\"\"

";

pub(crate) fn text(groups: &[Group]) -> String {
    let (node, topic) = node_and_topic(groups);
    let mut text = HEAD.to_owned();
    for row in groups.iter().flat_map(|group| &group.rows) {
        text += &alias(row);
    }
    for part in parts(groups) {
        text += &class(part, "Options");
        part.settings().for_each(|row| text += &option(row));
    }
    text += MERGE;
    parts(groups).filter(|part| is_merge(part)).for_each(|part| text += &group_field(part));
    text += &class(topic, "TopicBase");
    topic.settings().for_each(|row| text += &option(row));
    parts(groups).filter(|part| !is_merge(part)).for_each(|part| text += &group_field(part));
    text += &field("merge", "MergeConfig", "MergeConfig()", "How a split swarm finds itself again.");
    text += &class(node, "NodeBase");
    let key = "The node's secret key, which makes its id: a :class:`SecretKey` or its 32 bytes; None for a new one.";
    text += &field("secret_key", "SecretKey | bytes | None", "None", key);
    node.settings().for_each(|row| text += &option(row));
    let topics = "The options of topics that are joined without options of their own, the DHT's among them.";
    text += &field("topics", "TopicConfig", "field(default_factory=TopicConfig)", topics);
    text + &keywords(node)
}

/// The fields of a `NodeConfig` once more, for keyword arguments.
fn keywords(node: &Group) -> String {
    let mut text = "\n\nclass NodeOptions(TypedDict, total=False):\n".to_owned();
    text += "    \"\"\"The fields of :class:`NodeConfig`, as keyword arguments.\"\"\"\n\n    secret_key: SecretKey | bytes | None\n";
    for row in node.settings() {
        text += &format!("    {}: {}\n", row.name(), kind(row).0);
    }
    text + "    topics: TopicConfig\n"
}

/// Python has both merges in a group of their own, as Rust has.
fn is_merge(part: &Group) -> bool {
    part.field().ends_with("_merge")
}

fn class(group: &Group, base: &str) -> String {
    let prefix =
        if group.field().is_empty() { String::new() } else { format!(", prefix=\"{}\"", group.section.prefix) };
    format!("\n\n@dataclass(frozen=True)\nclass {}({base}{prefix}):\n{}\n", group.name(), docstring(&group.doc()))
}

fn group_field(part: &Group) -> String {
    let (kind, default) = (part.name(), format!("{}()", part.name()));
    if part.has_switch() {
        let doc = format!("{} None switches it off.", part.doc());
        return field(part.field(), &format!("{kind} | None"), &default, &doc);
    }
    field(part.field(), kind, &default, &part.doc())
}

fn option(row: &Row) -> String {
    let (kind, default) = kind(row);
    let limits = own_limits(row).map(|limits| format!(" Limits: {limits}.")).unwrap_or_default();
    let since = if row.since == "0.1.0" { String::new() } else { format!(" Since {}.", row.since) };
    field(row.name(), &kind, &default, &format!("{}{limits}{since}", row.doc))
}

fn field(name: &str, kind: &str, default: &str, doc: &str) -> String {
    format!("    {name}: {kind} = {default}\n{}", docstring(doc))
}

fn docstring(doc: &str) -> String {
    let lines = wrapped(
        &doc.replace('`', "``").replace("````", "``").replace(":class:``SecretKey``", ":class:`SecretKey`"),
        110,
    );
    format!("    \"\"\"{}\"\"\"\n", lines.join("\n    "))
}

/// The type of words.
fn alias(row: &Row) -> String {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    match (row.kind, row.limits) {
        (Kind::Choice, Limits::Words(words)) => {
            let doc: String = wrapped(&row.doc, 110).iter().map(|line| format!("#: {line}\n")).collect();
            format!("\n{doc}{} = Literal[{}]\n", pascal(row.name()), quoted(words))
        }
        (Kind::Relays, _) => format!(
            "\n#: {}\n{} = Literal[\"default\", \"disabled\"] | Sequence[str]\n",
            "Which relay servers are used: iroh's public ones, none, or a list of URLs.",
            pascal(row.name())
        ),
        _ => String::new(),
    }
}

fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The annotation of an option, and its default.
fn kind(row: &Row) -> (String, String) {
    let (kind, default) = match row.kind {
        Kind::Flag => ("bool", if row.default == "true" { "True" } else { "False" }.to_owned()),
        Kind::Count | Kind::Size => ("int", parse_size(row.default).unwrap().to_string()),
        Kind::Time => ("Duration", format!("{:?}", parse_time(row.default).unwrap().as_secs_f64())),
        Kind::Port => ("int | None", "None".to_owned()),
        Kind::Address => ("str | None", "None".to_owned()),
        Kind::Hosts => ("Sequence[str] | None", "None".to_owned()),
        Kind::Sockets => ("Sequence[str]", "()".to_owned()),
        Kind::Choice | Kind::Relays => return (pascal(row.name()), format!("\"{}\"", row.default)),
        kind => panic!("{}: no Python type is known for {kind:?}", row.key),
    };
    (kind.to_owned(), default)
}
