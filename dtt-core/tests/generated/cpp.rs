//! The typed setters in include/dtt.hpp, between two marks.

use dtt_core::options::{Kind, Limits, Row};

use super::{Group, full_doc, wrapped};

const BEGIN: &str = "    // Made from the table of options by tools/options: begin\n";
const END: &str = "    // Made from the table of options by tools/options: end\n";

pub(crate) fn text(committed: &str, groups: &[Group]) -> String {
    let (before, rest) = committed.split_once(BEGIN).expect("dtt.hpp has the first mark");
    let (_, after) = rest.split_once(END).expect("dtt.hpp has the second mark");
    format!("{before}{BEGIN}{}{END}{after}", setters(groups))
}

pub(crate) fn setters(groups: &[Group]) -> String {
    groups.iter().flat_map(|group| &group.rows).map(|row| setter(row)).collect()
}

fn setter(row: &Row) -> String {
    let list = format!("detail::list(\"{}\", value)", row.key);
    let (kind, value) = match row.kind {
        Kind::Flag => ("bool", "value ? \"true\" : \"false\""),
        Kind::Count => ("std::uint32_t", "std::to_string(value)"),
        Kind::Size => ("std::size_t", "std::to_string(value)"),
        Kind::Time => ("milliseconds", "detail::time(value)"),
        Kind::Port => ("std::uint16_t", "std::to_string(value)"),
        Kind::Hosts | Kind::Sockets => ("const std::vector<std::string> &", list.as_str()),
        Kind::Address | Kind::Choice | Kind::Relays => ("const std::string &", "value"),
        kind => panic!("{}: no C++ type is known for {kind:?}", row.key),
    };
    let space = if kind.ends_with('&') { "" } else { " " };
    let doc: String = wrapped(&full_doc(row), 110).iter().map(|line| format!("    // {line}\n")).collect();
    let name = row.key.replace('.', "_");
    format!("{doc}    config &{name}({kind}{space}value) {{ return set(\"{}\", {value}); }}\n", row.key)
}

/// A test that calls every setter.
pub(crate) fn test(groups: &[Group]) -> String {
    let mut text =
        "// Calls every setter of dtt::config. Made from the table of options by tools/options: do not edit.\n"
            .to_owned();
    text += "static void every_setter(dtt::config &config) {\n";
    for row in groups.iter().flat_map(|group| &group.rows) {
        let flag = (row.default != "true").to_string();
        let (value, shown) = match (row.kind, row.limits) {
            (Kind::Flag, _) => (flag.as_str(), flag.as_str()),
            (Kind::Count | Kind::Port, _) => ("77", "77"),
            (Kind::Size, _) => ("777", "777"),
            (Kind::Time, _) => ("7777ms", "7777ms"),
            (Kind::Address, _) => ("\"192.0.2.1\"", "192.0.2.1"),
            (Kind::Hosts, _) => ("{\"192.0.2.1:1\", \"router.example:2\"}", "192.0.2.1:1,router.example:2"),
            (Kind::Sockets, _) => ("{\"127.0.0.1:7\", \"[::1]:8\"}", "127.0.0.1:7,[::1]:8"),
            (Kind::Relays, _) => ("\"https://relay.example\"", "https://relay.example"),
            (Kind::Choice, Limits::Words(words)) => {
                let word = words.iter().find(|word| **word != row.default).unwrap();
                text += &check(row, &format!("\"{word}\""), word);
                continue;
            }
            (kind, _) => panic!("{}: no C++ value is known for {kind:?}", row.key),
        };
        text += &check(row, value, shown);
    }
    text + "}\n"
}

fn check(row: &Row, value: &str, shown: &str) -> String {
    format!("    CHECK(config.{}({value}).get(\"{}\") == \"{shown}\");\n", row.key.replace('.', "_"), row.key)
}
