import DttGenerated

// The records and enumerations are what the native library says they are.

/// Something that happened on a topic.
public typealias Event = DttGenerated.Event
/// A message that came in.
public typealias Message = DttGenerated.Message
/// Whom a message was sent to.
public typealias MessageScope = DttGenerated.MessageScope
/// Where a topic stands.
public typealias TopicState = DttGenerated.TopicState

/// A node's id: its public key.
public typealias NodeId = DttGenerated.NodeId
/// A node's secret key, which nothing prints.
public typealias SecretKey = DttGenerated.SecretKey
/// A topic's id, which follows from its name.
public typealias TopicId = DttGenerated.TopicId
/// A node's id with the addresses at which it can be reached.
public typealias NodeAddress = DttGenerated.NodeAddress
/// Where a topic's records of one minute stand in the DHT.
public typealias TopicSlot = DttGenerated.TopicSlot

/// How a node is built. What is not set keeps its default.
public typealias NodeConfig = DttGenerated.NodeConfig
/// Which relay servers a node uses.
public typealias Relays = DttGenerated.Relays
/// How a node finds addresses of peers beside those in the records.
public typealias AddressLookups = DttGenerated.AddressLookups
/// All options of a topic. What is not set keeps its default.
public typealias TopicConfig = DttGenerated.TopicConfig
/// How the DHT is reached, and how patiently.
public typealias DhtConfig = DttGenerated.DhtConfig
/// How a newcomer reaches its first neighbor.
public typealias BootstrapConfig = DttGenerated.BootstrapConfig
/// Whether and how often a joined topic publishes its record.
public typealias PublisherConfig = DttGenerated.PublisherConfig
/// One of the two ways in which a split swarm finds itself again.
public typealias MergeOptions = DttGenerated.MergeOptions
/// How long calls on a topic may take.
public typealias TimeoutConfig = DttGenerated.TimeoutConfig
/// Which of its own addresses a node writes into its records.
public typealias AddressHints = DttGenerated.AddressHints

/// What a topic has done since it was joined.
public typealias TopicStats = DttGenerated.TopicStats
/// What a node knows and has done.
public typealias NodeStats = DttGenerated.NodeStats
/// The state of the DHT client.
public typealias DhtHealth = DttGenerated.DhtHealth

/// What went wrong, as a number that never changes its meaning.
public typealias ErrorKind = DttGenerated.ErrorKind
/// What a listener may fail with. Whatever else it throws is taken for this too.
public typealias ListenerError = DttGenerated.ListenerError
/// What a secret rotation may fail with. Its reason is shown in errors and in the log; of other errors only the type is.
public typealias RotationError = DttGenerated.RotationError
/// How much is logged.
public typealias LogLevel = DttGenerated.LogLevel
/// Derives the encryption seed of a topic's records for one minute.
public typealias SecretRotation = DttGenerated.SecretRotation
/// Is told of everything that happens on a topic.
public typealias EventListener = DttGenerated.EventListener
