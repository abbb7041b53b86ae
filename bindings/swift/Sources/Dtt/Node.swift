import DttGenerated
import Foundation

/// An endpoint, the gossip layer on it, and the DHT: everything that topics run on.
///
/// ```swift
/// let node = try await Node()
/// let topic = try await node.join("my-topic", secret: "our secret")
/// let events = topic.events
/// try await topic.joined()
/// try await topic.broadcast("hello from \(node.id.short)")      // an identical payload would be dropped
/// for try await event in events {
///     if case .received(let message) = event { print(message.text) }
/// }
/// ```
///
/// Everything may be called from any task or thread, and every call that waits ends when its task is cancelled. When the last
/// reference to the node, its topics and their queues of events goes, and nobody listens, it closes in the background. A process ends
/// whether or not its nodes are closed; peers notice at once if they are, and within about half a minute otherwise.
public final class Node: Sendable {
    private let raw: RawNode
    /// The node's id: its public key.
    public let id: NodeId

    /// Starts a node. It returns when the sockets are bound; the DHT client and the relay connection open in the background.
    ///
    /// - Throws: ``DttError`` of the kinds `invalidArgument` and `bind`.
    public init(_ config: NodeConfig = NodeConfig()) async throws {
        raw = try await native { try await RawNode.spawn(config: config, cancel: $0) }
        id = raw.id()
    }

    /// Whether the node has been closed.
    public var isClosed: Bool { raw.isClosed() }

    /// Whether the node rests: ``pause()``.
    public var isPaused: Bool { raw.isPaused() }

    /// The node's id with the addresses at which it can be reached, as far as it knows them now.
    ///
    /// - Throws: ``DttError`` of the kind `closed`.
    public func address() throws -> NodeAddress {
        try native { try raw.address() }
    }

    /// Joins a topic by its name and a secret that its members share, both as UTF-8.
    ///
    /// It returns at once, and joining goes on in the background: see ``Topic/joined(within:)``. With a time-out it waits for a first
    /// neighbor and gives the topic up if none came, which is what the first member of a topic always gets.
    /// Joining a topic again with the same secret and rotation gives another handle to it, with the options of the first. Whoever
    /// closes one of them closes them all.
    ///
    /// - Parameters:
    ///   - name: The topic's name.
    ///   - secret: What its members share.
    ///   - timeout: How long to wait for a first neighbor; without it there is no waiting.
    ///   - config: Options of this topic; what is not set is as the node has it.
    ///   - rotation: A secret rotation of one's own, which all members must use.
    /// - Throws: ``DttError`` of the kinds `closed`, `timeout`, `invalidArgument`, `gossip`.
    public func join(
        _ name: String,
        secret: String,
        timeout: Duration? = nil,
        config: TopicConfig? = nil,
        rotation: (any SecretRotation)? = nil
    ) async throws -> Topic {
        try await join(Data(name.utf8), secret: Data(secret.utf8), timeout: timeout, config: config, rotation: rotation)
    }

    /// Joins a topic by a name and a secret of any bytes.
    public func join(
        _ name: Data,
        secret: Data,
        timeout: Duration? = nil,
        config: TopicConfig? = nil,
        rotation: (any SecretRotation)? = nil
    ) async throws -> Topic {
        try await join(topicId: TopicId(name: name), secret: secret, timeout: timeout, config: config, rotation: rotation)
    }

    /// Joins a topic by its id.
    public func join(
        topicId: TopicId,
        secret: Data,
        timeout: Duration? = nil,
        config: TopicConfig? = nil,
        rotation: (any SecretRotation)? = nil
    ) async throws -> Topic {
        let raw = raw
        return Topic(
            try await native {
                let options = RawJoinOptions(timeout: timeout, config: config, rotation: rotation.map(GuardedRotation.init))
                return try await raw.joinId(topic: topicId, secret: secret, options: options, cancel: $0)
            })
    }

    /// What the node knows and has done.
    public func stats() async throws -> NodeStats {
        try await native { [raw] in try await raw.stats(cancel: $0) }
    }

    /// Tells the node that the network may have changed. Most systems notice by themselves.
    public func networkChanged() async throws {
        try await native { [raw] in try await raw.networkChanged(cancel: $0) }
    }

    /// Rests: no topic looks anything up, publishes, or dials of its own accord until ``resume()``. For an application that goes
    /// to the background. Neighbors stay as long as the system lets packets through. A task that is cancelled while waiting does not
    /// stop it.
    public func pause() async throws {
        try await native { [raw] in try await raw.pause(cancel: $0) }
    }

    /// Ends the rest: topics without neighbors look for one at once, and records are published anew. A task that is cancelled
    /// while waiting does not stop it.
    public func resume() async throws {
        try await native { [raw] in try await raw.resume(cancel: $0) }
    }

    /// Closes all topics, tells the peers, and closes all connections, within the configured time (2 s by default). A task that is
    /// cancelled while waiting does not stop it. Twice is fine.
    public func close() async throws {
        try await native { [raw] in try await raw.close(cancel: $0) }
    }

    /// ``close()`` in the background: it never waits.
    public func closeInBackground() {
        raw.beginClose()
    }
}

/// Shows of errors that are not declared the type only: their text may hold anything, the seed too.
private final class GuardedRotation: SecretRotation {
    private let rotation: any SecretRotation

    init(_ rotation: any SecretRotation) {
        self.rotation = rotation
    }

    func derive(topic: TopicId, unixMinute: UInt64, secretHash: Data) throws -> Data {
        do {
            return try rotation.derive(topic: topic, unixMinute: unixMinute, secretHash: secretHash)
        } catch let declared as RotationError {
            throw declared
        } catch {
            throw RotationError.Failed(reason: "it threw \(String(reflecting: type(of: error)))")
        }
    }
}
