//! docs/options.md.

use dtt_core::options::Row;

use super::{Group, camel};

const HEAD: &str = "\
# Options

Every option of dtt, made from the table in `dtt-core` (`tools/options`). The key names an option in C (`dtt_config_set`), in
`dtt_core::options`, and in `DTT_CONFIG`. Other languages have typed options:

- C++: a setter of `dtt::config`, with `_` where the key has a dot: `config.dht_get_timeout(2500ms)`.
- Rust: a method of the group's builder, by the last part of the key: `DhtConfig::builder().get_timeout(...)`.
- Python: a field of the group's dataclass, by the last part of the key: `DhtConfig(get_timeout=2.5)`. Times are seconds or a
  `timedelta`. A group that can be switched off is `None` if it is off, so it has no field `enabled`. The two merges are fields of
  `MergeConfig`: `TopicConfig(merge=MergeConfig(bubble_merge=None))`.
- Swift and Kotlin: a property of the group's record, by the last part of the key in camel case: `DhtConfig(getTimeout: .seconds(2))`.

## Values as text

| type | text |
|---|---|
| time | a number with a unit of `d`, `h`, `min`, `s`, `ms`, `us`, `ns`: `250ms`, `1.5s`, `2min` |
| size | bytes, or with a unit: `4096`, `4KiB`, `1MiB` |
| true or false | `true`, `false` |
| number, port | digits |
| word | one of those in the column of limits |
| list | entries with commas between them: `192.0.2.1:6881,router.example:6881`; `none` is an empty list |

`default` stands for any option's default. An unknown key, a text of the wrong type and a value outside the limits are errors that
name the key, the value and the limits; for an unknown key, the nearest key.

A topic that sets an option has its own value; what it does not set is as its node has it (in Python and with `JoinOptions::config` in Rust
a topic's configuration replaces the node's as a whole). A group that a topic switches on starts from the defaults, and settings of a group
that is switched off have no effect. Options of a node alone are refused for a topic.

## DTT_CONFIG

The command line (`dtt chat`, `dtt peek`) and the examples read options from the environment variable `DTT_CONFIG`: `key=value` with commas
between them. A piece without a key and `=` belongs to the list before it:

```sh
DTT_CONFIG=\"dht.bootstrap=192.0.2.1:6881,router.example:6881,dht.get_timeout=5s,relays=disabled\" dtt chat my-topic
```

An option of the command line wins over `DTT_CONFIG`, and `DTT_CONFIG` wins over what a program sets by itself. The library never reads it.
";

pub(crate) fn text(groups: &[Group]) -> String {
    let mut page = HEAD.to_owned();
    for group in groups {
        page += &format!("\n## {}\n\n{}\n\n", heading(group), group.doc());
        page +=
            "| key | type | default | limits | since | Swift, Kotlin | what it does |\n|---|---|---|---|---|---|---|\n";
        group.rows.iter().for_each(|row| page += &line(row));
    }
    page
}

fn heading(group: &Group) -> String {
    match (group.field(), group.name()) {
        ("", "NodeConfig") => "A node alone: `NodeConfig`".to_owned(),
        ("", name) => format!("A topic: `{name}`"),
        (field, name) => format!("A topic's `{field}`: `{name}`"),
    }
}

fn line(row: &Row) -> String {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let (name, limits) = (camel(row.name()), row.limits.to_string());
    format!(
        "| `{}` | {} | `{}` | {} | {} | {} | {} |\n",
        row.key,
        row.kind.name(),
        row.default,
        limits,
        row.since,
        code(&name),
        row.doc,
    )
}
