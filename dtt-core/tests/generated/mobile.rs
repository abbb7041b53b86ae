//! dtt-ffi/src/mobile/options.rs: the records that UniFFI turns into structures of Swift and Kotlin.

use dtt_core::options::{Kind, Row};

use super::{Group, full_doc, node_and_topic, parts, wrapped};

const HEAD: &str = "\
//! The records of options. Made from the table of options by `tools/options`: do not edit.

use dtt_core::options::Options;

use super::{
    call::Outcome,
    config::{AddressHints, AddressLookups, ProtocolVersion, Record, Relays, get, get_group, set, set_group},
    key::RawSecretKey,
    millis::Millis,
};
";

/// A field of a record that is no option.
struct Other {
    name: String,
    kind: String,
    doc: String,
}

pub(crate) fn text(groups: &[Group]) -> String {
    let (node, topic) = node_and_topic(groups);
    let mut text = HEAD.to_owned();
    for part in parts(groups) {
        text += &record(part, &[], None);
    }
    let others: Vec<_> = parts(groups)
        .map(|part| Other { name: part.field().to_owned(), kind: part.name().to_owned(), doc: part.doc() })
        .collect();
    text += &record(topic, &others, None);
    let doc = "The options of topics that are joined without options of their own, the DHT's among them.";
    let topics = Other { name: "topics".to_owned(), kind: topic.name().to_owned(), doc: doc.to_owned() };
    let key = Other {
        name: "secret_key".to_owned(),
        kind: "RawSecretKey".to_owned(),
        doc: "The node's secret key, which makes its id. Default: a new one.".to_owned(),
    };
    text + &record(node, &[topics], Some(&key))
}

fn record(group: &Group, groups: &[Other], first: Option<&Other>) -> String {
    let name = group.name();
    let mut text =
        format!("\n{}#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]\n", comment("", &group.doc()));
    text += &format!("pub struct {name} {{\n");
    if let Some(other) = first {
        text += &field(&other.doc, &other.name, &other.kind);
    }
    for row in &group.rows {
        text += &field(&full_doc(row), row.name(), kind(row));
    }
    for other in groups {
        text += &field(&other.doc, &other.name, &other.kind);
    }
    text += &format!("}}\n\nimpl Record for {name} {{\n    fn set_all(&self, options: &mut Options) -> Outcome {{\n");
    for row in &group.rows {
        text += &format!("        set(options, \"{}\", &self.{})?;\n", row.key, row.name());
    }
    for other in groups {
        text += &format!("        set_group(options, &self.{})?;\n", other.name);
    }
    text += "        Ok(())\n    }\n\n    fn of(options: &Options) -> Self {\n        Self {\n";
    if let Some(other) = first {
        text += &format!("            {}: None,\n", other.name);
    }
    for row in &group.rows {
        text += &format!("            {}: get(options, \"{}\"),\n", row.name(), row.key);
    }
    for other in groups {
        text += &format!("            {}: get_group(options),\n", other.name);
    }
    text + "        }\n    }\n}\n"
}

fn field(doc: &str, name: &str, kind: &str) -> String {
    format!("{}    #[uniffi(default = None)]\n    pub {name}: Option<{kind}>,\n", comment("    ", doc))
}

fn comment(indent: &str, doc: &str) -> String {
    wrapped(doc, 110).iter().map(|line| format!("{indent}/// {line}\n")).collect()
}

fn kind(row: &Row) -> &'static str {
    match row.kind {
        Kind::Flag => "bool",
        Kind::Count | Kind::Size => "u32",
        Kind::Time => "Millis",
        Kind::Port => "u16",
        Kind::Address => "String",
        Kind::Hosts | Kind::Sockets => "Vec<String>",
        Kind::Relays => "Relays",
        Kind::Choice => match row.name() {
            "protocol" => "ProtocolVersion",
            "address_hints" => "AddressHints",
            "address_lookups" => "AddressLookups",
            name => panic!("{name}: no enumeration in dtt-ffi/src/mobile/config.rs is known"),
        },
        kind => panic!("{}: no type is known for {kind:?}", row.key),
    }
}
