//! What is made from the table of options is what is committed. With `DTT_WRITE=1` it is written instead: `tools/options`.

mod cpp;
mod mobile;
mod page;
mod python;

use std::{fs, path::Path};

use dtt_core::options::{Limits, Row, Scope, Section, rows};

/// A group of options with its rows.
struct Group {
    section: Section,
    rows: Vec<&'static Row>,
}

impl Group {
    /// The name of its structure, the same in every language.
    fn name(&self) -> &'static str {
        self.section.name
    }

    /// What holds it in a topic's options; nothing for a topic's and a node's own.
    fn field(&self) -> &'static str {
        self.section.prefix.trim_end_matches('.')
    }

    /// What it is for: the first paragraph, as a sentence or two.
    fn doc(&self) -> String {
        let lines = self.section.doc.lines().map(str::trim);
        lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Its options, without the switch of the whole group.
    fn settings(&self) -> impl Iterator<Item = &&'static Row> {
        self.rows.iter().filter(|row| row.name() != "enabled")
    }

    fn has_switch(&self) -> bool {
        self.rows.iter().any(|row| row.name() == "enabled")
    }
}

/// The groups in the order of the table: the node, the topic, and the topic's parts.
fn groups() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows() {
        match groups.last_mut() {
            Some(group) if group.section == row.section => group.rows.push(row),
            _ => groups.push(Group { section: row.section, rows: vec![row] }),
        }
    }
    groups
}

/// What a topic's options are made of besides its own.
fn parts(groups: &[Group]) -> impl Iterator<Item = &Group> {
    groups.iter().filter(|group| !group.field().is_empty())
}

fn node_and_topic(groups: &[Group]) -> (&Group, &Group) {
    let own = |scope| groups.iter().find(|group| group.field().is_empty() && group.rows[0].scope == scope).unwrap();
    (own(Scope::Node), own(Scope::Topic))
}

/// The limits of an option, unless they are only those of its type.
fn own_limits(row: &Row) -> Option<String> {
    let is_of_type = match row.limits {
        Limits::None | Limits::Words(_) => true,
        Limits::Count(least, _) => least == 0,
        Limits::Time(least, _) => least.is_zero(),
        _ => false,
    };
    (!is_of_type).then(|| row.limits.to_string())
}

/// An option's documentation with its default and its limits. The text of an option without a value of its own tells its default.
fn full_doc(row: &Row) -> String {
    let mut doc = row.doc.clone();
    if row.default != "default" {
        doc += &format!(" Default: {}.", row.default);
    }
    if let Limits::Words(words) = row.limits {
        doc += &format!(" One of {}.", words.join(", "));
    }
    if let Some(limits) = own_limits(row) {
        doc += &format!(" Limits: {limits}.");
    }
    if row.since != "0.1.0" {
        doc += &format!(" Since {}.", row.since);
    }
    doc
}

/// Breaks a text into lines of at most so many characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// `max_message_size` as `maxMessageSize`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// Compares a file with what it should be, or writes it.
fn hold(path: &str, make: impl FnOnce(&str) -> String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let made = make(&committed);
    if std::env::var_os("DTT_WRITE").is_some() {
        fs::write(&file, made).unwrap();
        return;
    }
    let line = committed.lines().zip(made.lines()).position(|(one, other)| one != other);
    let line = line.unwrap_or_else(|| committed.lines().count().min(made.lines().count())) + 1;
    assert!(
        committed == made,
        "{path} is not what the table of options says, from line {line} on: run tools/options and commit it"
    );
}

#[test]
fn the_page_is_made_from_the_table() {
    hold("docs/options.md", |_| page::text(&groups()));
}

#[test]
fn the_setters_of_cpp_are_made_from_the_table() {
    hold("include/dtt.hpp", |committed| cpp::text(committed, &groups()));
    hold("dtt-ffi/tests/cpp/setters.hpp", |_| cpp::test(&groups()));
}

#[test]
fn the_records_of_swift_and_kotlin_are_made_from_the_table() {
    hold("dtt-ffi/src/mobile/options.rs", |_| mobile::text(&groups()));
}

#[test]
fn the_dataclasses_of_python_are_made_from_the_table() {
    hold("python/dtt/_options.py", |_| python::text(&groups()));
}

#[test]
fn every_option_is_in_every_language() {
    let groups = groups();
    let (page, mobile, python) = (page::text(&groups), mobile::text(&groups), python::text(&groups));
    let cpp = cpp::setters(&groups);
    for row in rows() {
        assert!(page.contains(&format!("| `{}` |", row.key)), "{}", row.key);
        assert!(mobile.contains(&format!("set(options, \"{}\", &self.{})?;", row.key, row.name())), "{}", row.key);
        assert!(cpp.contains(&format!(" &{}(", row.key.replace('.', "_"))), "{}", row.key);
        if row.name() != "enabled" {
            assert!(python.contains(&format!("\n    {}: ", row.name())), "{}", row.key);
        }
    }
}
