@testable import Dtt
import DttGenerated
import Foundation
import Testing

/// Every kind of error, with its number and its message.
@Suite(.serialized) struct ErrorTests {
    @Test func eachKindComesThroughWithItsNumberAndItsWords() throws {
        let words: [(ErrorKind, String)] = [
            (.invalidArgument, "argument: on purpose"), (.tooLarge, "message: 5000 bytes, the limit is 4057 bytes"),
            (.closed, "the topic is closed"), (.timeout, "broadcast did not finish within 5000 ms"),
            (.bind, "cannot bind the endpoint: on purpose"), (.dht, "dht store failed: on purpose"),
            (.gossip, "gossip: on purpose"), (.record, "record: its signature is not valid"),
            (.internal, "internal error: on purpose"),
        ]
        for (number, (kind, words)) in words.enumerated() {
            do {
                try native { try rawFailOnPurpose(kind: kind) }
                Issue.record("it did not fail")
            } catch let error as DttError {
                #expect(error.kind == kind && error.code == number + 1 && error.message == words)
                #expect(error.localizedDescription == words)
                #expect("\(error)" == "DttError(\(errorKindName(kind: kind))): \(words)")
            }
        }
    }

    @Test func aPanicIsAnError() async {
        await fails(.internal, "on purpose") { try native { try rawFailOnPurpose(kind: nil) } }
    }

    @Test func badArgumentsAreNamedWithTheirLimitAndValue() async throws {
        let good = try await testnet.value.nodeConfig
        func bad(_ text: String, _ change: (inout NodeConfig) -> Void) async {
            var config = good
            change(&config)
            let bad = config
            await fails(.invalidArgument, text) { _ = try await Node(bad) }
        }
        await bad("maxMessageSize: 1 is given, 512 to 1MiB are possible") { $0.maxMessageSize = 1 }
        await bad("bindAddresses: \"here\" is given, an IP address with a port is needed") { $0.bindAddresses = ["here"] }
        await bad("relays: the list is empty") { $0.relays = .custom(urls: []) }
        await bad("eventCapacity: 0 is given") { $0.topics = TopicConfig(eventCapacity: 0) }
        await bad("bootstrap: \"router\" is not host:port") { $0.topics = TopicConfig(dht: DhtConfig(bootstrap: ["router"])) }
        let times: [(Duration, String)] = [
            (.seconds(400 * 86400), "400d is given, 1ms to 365d are possible"), (.seconds(Int64.max), "1ms to 365d are possible"),
            (.seconds(-1), "timeouts.broadcastTimeout: 0s is given, 1ms to 365d"),
        ]
        for (time, text) in times {
            await bad(text) { $0.topics = TopicConfig(timeouts: TimeoutConfig(broadcastTimeout: time)) }
        }
        await fails(.invalidArgument, "secretKey: 31 bytes are given, 32 bytes are needed") {
            _ = try SecretKey(bytes: Data(count: 31))
        }
        await fails(.invalidArgument, "nodes: 1 is given, 2 to 256 are possible") { _ = try await Testnet(nodes: 1) }
        await fails(.invalidArgument, "nodes: 0 is given") { _ = try await Testnet(nodes: -5) }
        await fails(.invalidArgument, "64 hexadecimal digits") { _ = try TopicId(hex: "xyz").bytes() }
        await fails(.invalidArgument, "peer: 3 bytes are given") { _ = try NodeId(bytes: Data(count: 3)) }
    }

    @Test func aPortThatIsTaken() async throws {
        let first = try await node()
        var config = try await testnet.value.nodeConfig
        config.bindAddresses = try first.address().addresses
        let taken = config
        await fails(.bind, "cannot bind the endpoint") { _ = try await Node(taken) }
        try await first.close()
    }

    @Test func tooLargeNotInTimeClosed() async throws {
        let node = try await node()
        let topic = try await node.join("errors", secret: "secret")
        await fails(.tooLarge, "message: 4058 bytes, the limit is 4057 bytes") { try await topic.broadcast(Data(count: 4058)) }
        await fails(.tooLarge, "5000 bytes") { try await topic.broadcastNeighbors(Data(count: 5000)) }
        try await topic.broadcast(Data(count: 4057))
        await fails(.timeout, "join did not finish within 200 ms") { try await topic.joined(within: .milliseconds(200)) }
        await fails(.timeout, "join did not finish within 200 ms") {
            _ = try await node.join("nobody", secret: "here", timeout: .milliseconds(200))
        }
        try await topic.close()
        await fails(.closed, "the topic is closed") { try await topic.broadcast("late") }
        await fails(.closed, "the topic is closed") { try await topic.joined() }
        await fails(.closed, "the topic is closed") { _ = try topic.listen { _ in } }
        await fails(.closed, "the topic is closed") { _ = try await topic.dhtHealth() }
        await fails(.closed, "the topic is closed") { try await topic.joinPeers([]) }
        try await node.close()
        await fails(.closed, "the node is closed") { _ = try await node.join("late", secret: "secret") }
        await fails(.closed, "the node is closed") { _ = try await node.stats() }
        await fails(.closed, "the node is closed") { _ = try node.address() }
        await fails(.closed, "the node is closed") { try await node.networkChanged() }
        await fails(.closed, "the node is closed") { try await node.pause() }
        await fails(.closed, "the node is closed") { try await node.resume() }
    }
}
