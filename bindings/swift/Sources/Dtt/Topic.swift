import DttGenerated
import Foundation

/// A topic that has been joined.
///
/// Gossip promises neither delivery nor order: without neighbors a message goes nowhere, and an identical payload within
/// about 90 s is dropped.
public final class Topic: Sendable {
    private let raw: RawTopic
    /// The topic's id.
    public let id: TopicId
    /// The most bytes that one message carries.
    public let maxMessageSize: Int

    init(_ raw: RawTopic) {
        self.raw = raw
        id = raw.id()
        maxMessageSize = Int(raw.maxMessageSize())
    }

    /// Where the topic stands; nil when it is closed.
    public var state: TopicState? { raw.state() }

    /// Whether there is a neighbor now.
    public var isJoined: Bool { state == .joined }

    /// The direct neighbors now.
    public var neighbors: Set<NodeId> { Set(raw.neighbors()) }

    /// What the topic has done so far, or had done when it was closed.
    public var stats: TopicStats { raw.stats() }

    /// A subscriber's own queue of events: another one each time, which fills until its last reference goes or it is closed.
    ///
    /// The first time it is the queue that has been filling since the topic was joined, so nothing is missed in between; each
    /// further time it is a new one, which begins with the present state and neighbors. Of a closed topic it has ended already. A
    /// queue keeps the topic and its node open.
    public var events: Events { Events(try? raw.subscribe()) }

    /// Waits until there is a neighbor, for so long at the most if a limit is given; the topic goes on looking after that.
    ///
    /// - Throws: ``DttError`` of the kinds `timeout` (its message says how far joining came) and `closed`.
    public func joined(within limit: Duration? = nil) async throws {
        try await native { [raw] in try await raw.joined(limit: limit, cancel: $0) }
    }

    /// Sends a message to the whole swarm.
    ///
    /// - Throws: ``DttError`` of the kinds `tooLarge` (see ``maxMessageSize``), `closed`, `timeout`, `gossip`.
    public func broadcast(_ content: Data) async throws {
        try await native { [raw] in try await raw.broadcast(content: content, cancel: $0) }
    }

    /// Sends a text to the whole swarm, as UTF-8.
    public func broadcast(_ text: String) async throws {
        try await broadcast(Data(text.utf8))
    }

    /// Sends a message to the direct neighbors only; otherwise like ``broadcast(_:)-(Data)``.
    public func broadcastNeighbors(_ content: Data) async throws {
        try await native { [raw] in try await raw.broadcastNeighbors(content: content, cancel: $0) }
    }

    /// Joins peers that the application knows. Each join may make the peer drop a neighbor: do not repeat it in a loop.
    public func joinPeers(_ peers: [NodeAddress]) async throws {
        try await native { [raw] in try await raw.joinPeers(peers: peers, cancel: $0) }
    }

    /// Has a listener called for each event, from a queue of its own, until the topic is closed or listening is ended. It keeps the
    /// topic and its node open until then.
    ///
    /// - Throws: ``DttError`` of the kind `closed`.
    @discardableResult
    public func listen(_ listener: any EventListener) throws -> Listening {
        Listening(try native { try raw.listen(listener: listener) })
    }

    /// Has a function called for each event, one at a time and in order. What it throws goes to the log, which
    /// is off until ``DttLibrary/log(_:_:)``, and the next event comes.
    @discardableResult
    public func listen(_ onEvent: @escaping @Sendable (Event) throws -> Void) throws -> Listening {
        try listen(Function(onEvent: onEvent))
    }

    /// The state of the DHT client. It may take a moment: the client is asked.
    public func dhtHealth() async throws -> DhtHealth {
        try await native { [raw] in try await raw.dhtHealth(cancel: $0) }
    }

    /// Closes the topic, with every handle to it: neighbors are told, and every queue of events ends after what is in it. It takes 2 s
    /// at most. Twice is fine.
    public func close() async throws {
        try await native { [raw] in try await raw.close(cancel: $0) }
    }

    /// ``close()`` in the background: it never waits.
    public func closeInBackground() {
        raw.beginClose()
    }
}

/// A listener at work. It goes on when this object goes.
public final class Listening: Sendable {
    private let raw: RawListening

    init(_ raw: RawListening) {
        self.raw = raw
    }

    /// Ends it: no further call begins, but one that has just begun may still be running. Twice is fine, and so is calling it in the
    /// listener.
    public func stop() {
        raw.stop()
    }
}

private final class Function: EventListener {
    private let function: @Sendable (Event) throws -> Void

    init(onEvent: @escaping @Sendable (Event) throws -> Void) {
        function = onEvent
    }

    func onEvent(event: Event) throws {
        try function(event)
    }

    func onEnd() {}
}
