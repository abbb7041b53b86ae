//! From the records of options to the engine's, and how a topic is joined.

use std::sync::Arc;

use dtt_core::{JoinOptions as CoreJoin, NodeConfig as CoreNode, Testnet, options::Options};

use super::{
    call::Outcome,
    config::Record,
    millis::Millis,
    options::{NodeConfig, TopicConfig},
    rotation::{self, SecretRotation},
};

/// How a topic is joined.
#[derive(Clone, Default, uniffi::Record)]
pub struct RawJoinOptions {
    /// Joining waits for a first neighbor, for this long at the most.
    #[uniffi(default = None)]
    pub timeout: Option<Millis>,
    /// Options of this topic; what is not set is as the node has it.
    #[uniffi(default = None)]
    pub config: Option<TopicConfig>,
    /// A secret rotation of one's own.
    #[uniffi(default = None)]
    pub rotation: Option<Arc<dyn SecretRotation>>,
}

impl NodeConfig {
    /// A node that never reaches beyond this machine.
    pub(super) fn of_testnet(bootstrap: &[String]) -> Self {
        let mut config = Self::of(&Testnet::options_for(&[]).unwrap_or_default());
        // A list that is wrong is refused when a node is built with it. It must not be left out: that would be the public DHT.
        let dht = config.topics.get_or_insert_default().dht.get_or_insert_default();
        dht.bootstrap = Some(bootstrap.to_vec());
        config
    }

    pub(super) fn build(&self) -> Outcome<CoreNode> {
        let mut options = Options::new();
        self.set_all(&mut options)?;
        match &self.secret_key {
            Some(key) => Ok(options.to_node_builder().secret_key(key.parse()?).build()),
            None => Ok(options.to_node_config()),
        }
    }
}

impl RawJoinOptions {
    pub(super) fn build(self, topic: &dtt_core::TopicId) -> Outcome<CoreJoin> {
        let mut join = CoreJoin::default();
        if let Some(timeout) = self.timeout {
            join = join.timeout(timeout.into());
        }
        if let Some(config) = self.config {
            let mut options = Options::new();
            config.set_all(&mut options)?;
            join = join.options(options);
        }
        if let Some(rotation) = self.rotation {
            join = join.rotation(rotation::handle(rotation, topic)?);
        }
        Ok(join)
    }
}

/// The options of a node, from `key=value` with commas between them, over others. A piece without a key belongs to the list before
/// it.
#[uniffi::export]
pub fn raw_node_config_with_options(config: NodeConfig, text: String) -> Outcome<NodeConfig> {
    let mut options = Options::new();
    config.set_all(&mut options)?;
    options.set_all(&text)?;
    Ok(NodeConfig { secret_key: config.secret_key, ..NodeConfig::of(&options) })
}

#[cfg(test)]
mod tests {
    use dtt_core::options::{Kind, Limits, Scope, rows};

    use super::*;

    #[test]
    fn a_testnets_configuration_is_the_engines() {
        let bootstrap = vec!["127.0.0.1:4444".to_owned()];
        let ours = NodeConfig::of_testnet(&bootstrap).build().unwrap();
        let engines = Testnet::node_config_for(&bootstrap).build();
        assert_eq!(format!("{ours:?}"), format!("{engines:?}"));
    }

    #[test]
    fn what_is_not_set_keeps_the_engines_default() {
        let ours = NodeConfig::default().build().unwrap();
        assert_eq!(format!("{ours:?}"), format!("{:?}", CoreNode::default()));
        assert_eq!(NodeConfig::of(&Options::new()), NodeConfig::default());
    }

    /// Another value than the default, as text.
    fn other(kind: Kind, limits: Limits, default: &str) -> String {
        let text = match (kind, limits) {
            (Kind::Flag, _) if default == "true" => "false",
            (Kind::Flag, _) => "true",
            (Kind::Count | Kind::Port, _) => "77",
            (Kind::Size, _) => "777",
            (Kind::Time, _) => "7777ms",
            (Kind::Address, _) => "192.0.2.1",
            (Kind::Hosts, _) => "192.0.2.1:1,router.example:2",
            (Kind::Choice, Limits::Words(words)) => words.iter().find(|word| **word != default).unwrap(),
            (Kind::Relays, _) => "https://relay.example,https://other.example",
            (Kind::Sockets, _) => "127.0.0.1:7,[::1]:8",
            other => panic!("a test is missing for {other:?}"),
        };
        text.to_owned()
    }

    #[test]
    fn every_option_of_the_table_goes_into_a_record_and_arrives() {
        for row in rows() {
            let mut options = Options::new();
            options.set(row.key, &other(row.kind, row.limits, row.default)).unwrap();
            let record = NodeConfig::of(&options);
            assert_ne!(record, NodeConfig::default(), "{} has a field", row.key);
            let mut again = Options::new();
            record.set_all(&mut again).unwrap();
            assert_eq!(again, options, "{}", row.key);
            assert_eq!(format!("{:?}", record.build().unwrap()), format!("{:?}", options.to_node_config()));
            // A topic's are in a topic's record as well.
            let mut topic = Options::new();
            TopicConfig::of(&options).set_all(&mut topic).unwrap();
            assert_eq!(topic == options, row.scope == Scope::Topic, "{}", row.key);
        }
    }

    #[test]
    fn options_as_text_are_laid_over_a_record() {
        let base = NodeConfig { port_mapping: Some(false), max_message_size: Some(600), ..Default::default() };
        let text = "dht.bootstrap=a:1,b:2,max_message_size=1KiB";
        let config = raw_node_config_with_options(base, text.into()).unwrap();
        assert_eq!((config.port_mapping, config.max_message_size), (Some(false), Some(1024)));
        let dht = config.topics.unwrap().dht.unwrap();
        assert_eq!(dht.bootstrap.unwrap(), ["a:1", "b:2"]);
        let error =
            raw_node_config_with_options(NodeConfig::default(), "dht.get_timeout=10".into()).unwrap_err().to_string();
        assert!(error.starts_with("dht.getTimeout: \"10\" is given, a time with its unit"), "{error}");
        let error =
            raw_node_config_with_options(NodeConfig::default(), "relay=disabled".into()).unwrap_err().to_string();
        assert!(error.ends_with("did you mean relays?"), "{error}");
    }

    #[test]
    fn wrong_values_name_the_option_and_its_limits() {
        use super::super::options::{DhtConfig, TimeoutConfig};
        let told = |topics: TopicConfig| {
            NodeConfig { topics: Some(topics), ..Default::default() }.build().unwrap_err().to_string()
        };
        let dht = |dht: DhtConfig| TopicConfig { dht: Some(dht), ..Default::default() };
        let error = told(dht(DhtConfig { bind_address: Some("::1".into()), ..Default::default() }));
        assert_eq!(error, "dht.bindAddress: \"::1\" is given, an IPv4 address is needed");
        let error = told(dht(DhtConfig { bootstrap: Some(vec!["a:1,b:2".into()]), ..Default::default() }));
        assert_eq!(error, "dht.bootstrap: \"a:1,b:2\" is a list in one entry; split it at its commas");
        let error = told(TopicConfig { event_capacity: Some(0), ..Default::default() });
        assert_eq!(error, "eventCapacity: 0 is given, 1 to 4294967295 are possible");
        for millis in [0, u64::MAX] {
            let timeouts = TimeoutConfig {
                broadcast_timeout: Some(Millis(std::time::Duration::from_millis(millis))),
                ..Default::default()
            };
            let error = told(TopicConfig { timeouts: Some(timeouts), ..Default::default() });
            assert!(
                error.starts_with("timeouts.broadcastTimeout: ") && error.ends_with("1ms to 365d are possible"),
                "{error}"
            );
        }
    }
}
