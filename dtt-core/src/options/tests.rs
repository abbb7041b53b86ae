//! Loops over the table: what holds for one option holds for each.

use super::*;

/// Another value than the default, within the limits.
fn other(row: &Row) -> String {
    match (row.kind, row.limits) {
        (Kind::Flag, _) => (row.default != "true").to_string(),
        (Kind::Count | Kind::Port, _) => "77".to_owned(),
        (Kind::Size, _) => "777".to_owned(),
        (Kind::Time, _) => "7777ms".to_owned(),
        (Kind::Address, _) => "192.0.2.1".to_owned(),
        (Kind::Hosts, _) => "192.0.2.1:1,router.example:2".to_owned(),
        (Kind::Choice, Limits::Words(words)) => words.iter().find(|word| **word != row.default).unwrap().to_string(),
        (Kind::Relays, _) => "https://relay.example,http://other.example:3340".to_owned(),
        (Kind::Sockets, _) => "127.0.0.1:7,[::1]:8".to_owned(),
        (kind, limits) => panic!("{}: a test is missing for {kind:?} with {limits:?}", row.key),
    }
}

/// A text that is none of this type, and one that is outside the limits if it has any.
fn wrong(row: &Row) -> Vec<&'static str> {
    match row.kind {
        Kind::Flag => vec!["yes", "", "1"],
        Kind::Count => match row.limits {
            Limits::Count(0, _) => vec!["many", "-1", "4294967296", "1.5", ""],
            _ => vec!["0", "many", "99999999999999999999999"],
        },
        Kind::Size => vec!["511", "1025KiB", "1kB", "", "many"],
        Kind::Time => match row.limits {
            Limits::Time(least, _) if !least.is_zero() => vec!["0", "999us", "366d", "10", "soon", ""],
            _ => vec!["366d", "-1s", "10", "soon"],
        },
        Kind::Port => vec!["-1", "65536", "http", ""],
        Kind::Address => vec!["::1", "router", "192.0.2.256"],
        Kind::Hosts => vec!["router", "", "a:1,,b:2", "[::1]:1"],
        Kind::Choice => vec!["some", "", "AUTO"],
        Kind::Relays => vec!["relay.example", "none", "", "ftp://relay.example"],
        Kind::Sockets => vec!["127.0.0.1", "127.0.0.1:1,127.0.0.1:2", "here", ""],
    }
}

#[test]
fn every_key_can_be_set_and_arrives_and_changes_nothing_else() {
    let base = Options::new();
    for row in rows() {
        let mut options = base.clone();
        let text = other(row);
        options.set(row.key, &text).unwrap();
        assert_eq!(options.get(row.key).unwrap(), text);
        let config = options.to_node_config();
        config.validate().unwrap();
        assert_eq!(config.get(row.key).as_deref(), Some(text.as_str()), "{}", row.key);
        let is_switched_off = row.name() == "enabled";
        for others in rows().iter().filter(|other| other.key != row.key) {
            let expected = (!is_switched_off || others.section != row.section).then(|| others.default.to_owned());
            assert_eq!(config.get(others.key), expected, "{} by {}", others.key, row.key);
        }
        // A topic takes a topic's, and no node's.
        let topic = options.to_config();
        assert_eq!(topic != TopicConfig::default(), row.scope == Scope::Topic, "{}", row.key);
        let refused = options.check_topic().map_err(|error| error.to_string());
        match row.scope {
            Scope::Topic => assert_eq!(refused, Ok(())),
            Scope::Node => assert!(refused.unwrap_err().starts_with(&format!("{}: ", row.key)), "{}", row.key),
        }
        options.set(row.key, "default").unwrap();
        assert_eq!(options.get(row.key).unwrap(), row.default);
        assert_eq!(options.to_config(), TopicConfig::default());
    }
}

#[test]
fn every_default_is_valid_and_shown_as_the_table_has_it() {
    let config = crate::NodeConfig::default();
    config.validate().unwrap();
    for row in rows() {
        assert_eq!(config.get(row.key).as_deref(), Some(row.default), "{}", row.key);
        assert!(row.doc.ends_with('.') && row.doc.is_ascii(), "{}: {}", row.key, row.doc);
        assert!(row.key.starts_with(row.section.prefix));
        assert!(row.since.split('.').count() == 3);
    }
    let keys: std::collections::BTreeSet<_> = rows().iter().map(|row| row.key).collect();
    assert_eq!(keys.len(), rows().len());
    assert_eq!(Options::of_node(&config).unwrap(), Options::new());
}

#[test]
fn a_wrong_value_is_named_with_its_key_and_the_limits() {
    for row in rows() {
        for text in wrong(row) {
            let mut options = Options::new();
            let error = options.set(row.key, text).expect_err(row.key).to_string();
            assert!(error.starts_with(&format!("{}: ", row.key)), "{error}");
            assert!(error.contains(&row.limits.to_string()), "{error}: {}", row.limits);
            assert_eq!(options, Options::new());
        }
    }
    let told = |key: &str, text: &str| Options::new().set(key, text).unwrap_err().to_string();
    assert_eq!(told("event_capacity", "0"), "event_capacity: 0 is given, 1 to 4294967295 are possible");
    assert_eq!(told("dht.get_timeout", "0ms"), "dht.get_timeout: 0s is given, 1ms to 365d are possible");
    assert_eq!(
        told("dht.get_timeout", "10"),
        "dht.get_timeout: \"10\" is given, a time with its unit, as 250ms, 10s or 2min, of 1ms to 365d is needed"
    );
    assert_eq!(
        told("address_hints", "some"),
        "address_hints: \"some\" is given, auto, all, relay_only, off are possible"
    );
    assert_eq!(told("max_message_size", "2MiB"), "max_message_size: 2MiB is given, 512 to 1MiB are possible");
    assert_eq!(told("dht.bootstrap", "router").find("it has no port").map(|_| ()), Some(()));
}

#[test]
fn an_unknown_key_is_told_the_nearest() {
    for (wrong, nearest) in [
        ("dht.retry", "dht.retries"),
        ("relay", "relays"),
        ("Event_Capacity", "event_capacity"),
        ("bubble.enabled", "bubble_merge.enabled"),
    ] {
        let error = Options::new().set(wrong, "1").unwrap_err().to_string();
        assert_eq!(error, format!("options: {wrong:?} is not an option; did you mean {nearest}?"));
        assert_eq!(Options::new().get(wrong).unwrap_err().to_string(), error);
    }
    let long = Options::new().set(&"x".repeat(5000), "1").unwrap_err().to_string();
    assert!(long.len() < 300, "{long}");
}

#[test]
fn many_at_once_with_lists_and_all_or_none() {
    let mut options = Options::new();
    let text = "dht.bootstrap=a:1, b:2,event_capacity = 64,relays=https://one.example/?a=b,https://two.example,port_mapping=false,";
    let error = options.set_all(text).unwrap_err().to_string();
    assert!(error.starts_with("port_mapping: \"false,\" is given"), "{error}");
    assert_eq!(options, Options::new());
    options.set_all(text.trim_end_matches(',')).unwrap();
    assert_eq!(options.get("dht.bootstrap").unwrap(), "a:1,b:2");
    assert_eq!(options.get("relays").unwrap(), "https://one.example/?a=b,https://two.example");
    assert_eq!((options.get("event_capacity").unwrap(), options.get("port_mapping").unwrap()), ("64", "false"));
    options.set_all("").unwrap();
    assert!(options.set_all("here").unwrap_err().to_string().starts_with("options: \"here\" is given, key=value"));
    assert!(options.set_all("relayz=disabled").unwrap_err().to_string().contains("did you mean relays?"));
    // All of the table at once, as an environment variable would have it.
    let all: Vec<_> = rows().iter().map(|row| format!("{}={}", row.key, other(row))).collect();
    let mut options = Options::new();
    options.set_all(&all.join(",")).unwrap();
    for row in rows() {
        assert_eq!(options.get(row.key).unwrap(), other(row));
    }
    assert!(Options::new().set_list("dht.bootstrap", &["a:1,b:2".to_owned()]).is_err());
    assert!(Options::new().set_list("dht.bootstrap", &["".to_owned()]).is_err());
    for (key, word) in [("dht.bootstrap", "default"), ("dht.bootstrap", "none"), ("relays", "disabled")] {
        let error = Options::new().set_list(key, &[word.to_owned()]).unwrap_err().to_string();
        assert!(error.ends_with("is a word for the whole option, not an entry of a list"), "{error}");
    }
}

#[test]
fn what_a_topic_does_not_set_is_as_the_node_has_it() {
    let (mut node, mut topic) = (Options::new(), Options::new());
    node.set_all("dht.retries=9,event_capacity=7,publisher.enabled=false").unwrap();
    topic.set_all("event_capacity=5,bubble_merge.enabled=false,publisher.max_jitter=3s").unwrap();
    let config = topic.over(node.to_node_config().topics().clone());
    assert_eq!((config.dht_config().retries(), config.event_capacity()), (9, 5));
    assert!(config.publisher_config().enabled().is_none() && config.merge_config().bubble_merge().enabled().is_none());
    topic.set("publisher.enabled", "true").unwrap();
    let config = topic.over(node.to_node_config().topics().clone());
    assert_eq!(config.publisher_config().enabled().unwrap().max_jitter().as_secs(), 3);
    // The default, when it is set, is set.
    topic.set("event_capacity", "default").unwrap();
    assert_eq!(topic.over(node.to_config()).event_capacity(), 1024);
    assert_eq!((topic.get_set("event_capacity"), topic.get_set("dht.retries")).0.unwrap(), Some("1024"));
    assert_eq!(topic.get_set("dht.retries").unwrap(), None);
    node.extend(&topic);
    assert_eq!((node.get("event_capacity").unwrap(), node.get("dht.retries").unwrap()), ("1024", "9"));
}

#[test]
fn switched_off_groups_are_off_in_any_order() {
    for text in ["publisher.enabled=false,publisher.max_jitter=3s", "publisher.max_jitter=3s,publisher.enabled=false"] {
        let mut options = Options::new();
        options.set_all(text).unwrap();
        assert!(options.to_config().publisher_config().enabled().is_none());
        assert_eq!(options.get("publisher.max_jitter").unwrap(), "3s");
    }
}

#[test]
fn a_wrong_bootstrap_list_of_a_testnet_is_refused() {
    let wrong = ["127.0.0.1:1".to_owned(), "router".to_owned()];
    let error = crate::Testnet::options_for(&wrong).unwrap_err().to_string();
    assert!(error.starts_with("dht.bootstrap: \"router\" is not host:port"), "{error}");
    let config = crate::Testnet::node_config_for(&wrong).build();
    assert_eq!(Options::of_node(&config).unwrap_err().to_string(), error, "and never left out");
    let right = crate::Testnet::options_for(&wrong[..1]).unwrap();
    assert_eq!(right.get("dht.bootstrap").unwrap(), "127.0.0.1:1");
    right.to_node_config().validate().unwrap();
}
