import DttGenerated

/// An embedded DHT on loopback: applications are tested, and demos run, without any network.
///
/// ```swift
/// let testnet = try await Testnet()
/// let node = try await Node(testnet.nodeConfig)
/// ```
///
/// It runs until it is closed or its last reference goes.
public final class Testnet: Sendable {
    private let raw: RawTestnet
    /// The nodes to enter it by, as `127.0.0.1:port`.
    public let bootstrap: [String]

    /// Starts a testnet of so many nodes: 2 to 256. It takes about a second.
    ///
    /// - Throws: ``DttError`` of the kinds `invalidArgument` and `bind`.
    public init(nodes: Int = 16) async throws {
        raw = try await native { try await RawTestnet.start(nodes: UInt32(clamping: nodes), cancel: $0) }
        bootstrap = raw.bootstrap()
    }

    /// The configuration of a node that uses it and never reaches beyond this machine. Its `topics` name this DHT: change their
    /// fields, since a new ``TopicConfig`` in their place is of the public one.
    public var nodeConfig: NodeConfig { Self.nodeConfig(bootstrap: bootstrap) }

    /// The configuration of a node that uses a testnet which another process runs.
    public static func nodeConfig(bootstrap: [String]) -> NodeConfig {
        testnetNodeConfig(bootstrap: bootstrap)
    }

    /// Ends it. Twice is fine.
    public func close() {
        raw.end()
    }
}
