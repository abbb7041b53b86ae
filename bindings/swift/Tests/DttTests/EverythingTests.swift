import Dtt
import Foundation
import Testing

/// Every public function does what it says.
@Suite(.serialized) struct EverythingTests {
    @Test func aNodeAndItsTopics() async throws {
        let pair = try await Pair("everything")
        let (alice, bob, hers, his) = (pair.alice, pair.bob, pair.hers, pair.his)
        #expect(try alice.address().node == alice.id)
        #expect(try alice.address().addresses.allSatisfy { $0.hasPrefix("127.0.0.1:") })
        #expect(try await alice.stats().topics == 1)
        #expect(hers.id == TopicId(name: "everything"))
        #expect(hers.neighbors == [bob.id])
        #expect(hers.state == .joined && hers.isJoined)
        #expect(hers.maxMessageSize == 4057)
        let health = try await hers.dhtHealth()
        #expect(health.lookupsAnswered > 0 && health.lastSuccess! < .seconds(60))
        #expect(hers.stats.firstNeighbor! < .seconds(60))

        let events = his.events
        try await hers.broadcast(Data([0, 1, 255]))
        #expect(try await events.message() == Message(content: Data([0, 1, 255]), deliveredFrom: alice.id, scope: .swarm))
        try await hers.broadcastNeighbors(Data("only you".utf8))
        let near = try await events.message()
        #expect(near.text == "only you" && near.scope == .neighbors)
        #expect(hers.stats.sent == 2 && his.stats.received == 2)
        #expect(events.tryNext() == nil)

        // A second queue begins with the present state and neighbors.
        let second = his.events
        #expect(try await second.next() == .stateChanged(state: .joined))
        #expect(try await second.next() == .neighborUp(peer: alice.id))
        second.close()
        #expect(try await second.next() == nil)
        second.close()

        try await alice.networkChanged()
        try await his.close()
        try await his.close()
        #expect(his.state == nil && his.neighbors.isEmpty)
        #expect(his.stats.received == 2, "what it had done is still known")
        var rest = 0
        for try await event in events { if case .received = event { rest += 1 } }
        #expect(rest == 0)
        for try await _ in his.events { Issue.record("a closed topic has no events") }
        try await until("the neighbor is gone") { !hers.isJoined }
        #expect(!alice.isClosed)
        try await alice.close()
        try await alice.close()
        #expect(alice.isClosed && hers.state == nil)
        bob.closeInBackground()
        #expect(bob.isClosed)
    }

    @Test func theOtherWaysToJoin() async throws {
        let (alice, bob, third) = (try await node(), try await node(), try await node())
        let name = Data([255, 0, 7])
        let hers = try await alice.join(name, secret: Data([9]), config: TopicConfig(eventCapacity: 8))
        let his = try await bob.join(topicId: TopicId(name: name), secret: Data([9]), timeout: .seconds(60))
        #expect(his.isJoined && his.id == hers.id)
        // Peers that are known need no DHT: another secret, the same swarm.
        let direct = try await third.join(name, secret: Data("another secret".utf8))
        try await direct.joinPeers([bob.address()])
        try await direct.joined(within: .seconds(120))
        for node in [alice, bob, third] { try await node.close() }
    }

    @Test func everyOptionArrives() async throws {
        let key = SecretKey.generate()
        var config = NodeConfig(
            secretKey: key, relays: .disabled, bindAddresses: ["127.0.0.1:0"], addressLookups: .disabled, portMapping: false,
            maxMessageSize: 1000, closeTimeout: .milliseconds(500),
            topics: TopicConfig(
                maxJoinPeerCount: 2, addressHints: .all, eventCapacity: 16,
                dht: DhtConfig(
                    bootstrap: try await testnet.value.bootstrap, retries: 1, baseRetryInterval: .seconds(1),
                    maxRetryJitter: .seconds(1), putTimeout: .seconds(5), getTimeout: .seconds(5),
                    requestTimeout: .milliseconds(250), port: nil, bindAddress: "127.0.0.1", serverMode: false),
                bootstrap: BootstrapConfig(
                    maxBootstrapRecords: 4, noPeersRetryInterval: .seconds(1), perPeerJoinSettleTime: .milliseconds(50),
                    joinConfirmationWaitTime: .milliseconds(300), discoveryPollInterval: .seconds(1),
                    maxRetryInterval: .seconds(2), addressWait: .milliseconds(100), publishRecordOnStartup: true,
                    checkOlderRecordsFirstOnStartup: false),
                publisher: PublisherConfig(
                    enabled: true, initialDelay: .seconds(1), baseInterval: .seconds(1), maxJitter: .seconds(1)),
                bubbleMerge: BubbleMergeConfig(
                    enabled: true, initialInterval: .seconds(1), baseInterval: .seconds(1), maxJitter: .seconds(1),
                    minNeighbors: 1, maxJoinPeers: 1),
                messageOverlapMerge: MessageOverlapMergeConfig(
                    enabled: true, initialInterval: .seconds(1), baseInterval: .seconds(1), maxJitter: .seconds(1),
                    maxJoinPeers: 1),
                timeouts: TimeoutConfig(
                    joinPeerTimeout: .seconds(1), broadcastTimeout: .seconds(1), broadcastNeighborsTimeout: .seconds(1))))
        let one = try await Node(config)
        #expect(try one.id == NodeId(secretKey: key))
        config.secretKey = nil
        let two = try await Node(config)
        #expect(two.id != one.id)
        let topic = try await one.join("options", secret: "secret")
        #expect(topic.maxMessageSize == 961)
        let other = try await two.join("options", secret: "secret")
        try await other.joined(within: .seconds(120))
        try await topic.joined(within: .seconds(120))
        #expect(other.neighbors == [one.id])
        try await one.close()
        try await two.close()
    }

    @Test func optionsAsTextGoOverOthers() throws {
        let base = NodeConfig(portMapping: false, topics: TopicConfig(eventCapacity: 5))
        let config = try base.withOptions("dht.bootstrap=a:1,b:2,event_capacity=6,dht.get_timeout=2500ms")
        #expect(config.portMapping == false && config.topics?.eventCapacity == 6)
        #expect(config.topics?.dht == DhtConfig(bootstrap: ["a:1", "b:2"], getTimeout: .milliseconds(2500)))
        #expect(try base.withOptions("") == base)
        #expect(throws: DttError.self) { try base.withOptions("dht.retry=1") }
    }

    @Test func idsKeysSlotsAndTheVersion() throws {
        let topic = TopicId(name: "my-topic")
        #expect(topic.hex.count == 64 && "\(topic)" == topic.hex)
        #expect(try TopicId(bytes: topic.bytes()) == topic)
        let slot = try topic.slot(minute: 29_000_000)
        #expect([slot.publicKey, slot.salt, slot.target].map(\.count) == [32, 32, 20])
        #expect(try slot != topic.slot())
        #expect(try slot == topic.slot(minute: 29_000_000))
        let node = try NodeId(secretKey: SecretKey(bytes: Data(repeating: 7, count: 32)))
        #expect(try NodeId(bytes: node.bytes()) == node)
        #expect(node.hex.hasPrefix(node.short) && node.short.count == 10)
        #expect(DttLibrary.unixMinute > 29_000_000)
        #expect(DttLibrary.version.split(separator: ".").count == 3)
    }

    @Test func aSecretKeyIsNotPrinted() throws {
        let bytes = Data(repeating: 7, count: 32)
        let key = try SecretKey(bytes: bytes)
        #expect(key.bytes == bytes)
        #expect(try key == SecretKey(bytes: key.bytes))
        #expect(SecretKey.generate() != SecretKey.generate() && SecretKey.generate().bytes.count == 32)
        let config = NodeConfig(secretKey: key)
        var dumps = ["", "", ""]
        dump(config, to: &dumps[0])
        dump(config.secretKey, to: &dumps[1])
        dump(key, to: &dumps[2])
        let printed = ["\(key)", "\(config)", String(reflecting: key), String(reflecting: config), "\([key])"]
        for text in printed + dumps {
            #expect(text.contains("SecretKey(..)"))
            #expect(!text.contains("7, 7") && !text.contains("0707") && !text.contains("- 7") && !text.contains("32 bytes"))
        }
    }

    @Test func aTestnet() async throws {
        let small = try await Testnet(nodes: 3)
        #expect(small.bootstrap.allSatisfy { $0.hasPrefix("127.0.0.1:") })
        #expect(small.nodeConfig == Testnet.nodeConfig(bootstrap: small.bootstrap))
        small.close()
        small.close()
    }

    @Test func theLogHasLinesAndNoSecrets() async throws {
        let lines = Shared<String>()
        try DttLibrary.log(.debug) { level, target, text in lines.add("\(level) \(target) \(text)") }
        let node = try await node()
        try await node.join("log", secret: "a secret that no line shows").close()
        try await node.close()
        try await until("the node's start is told") {
            lines.all.contains { $0.hasPrefix("info dtt::node") && $0.contains(node.id.hex) }
        }
        try DttLibrary.endLog()
        #expect(!lines.all.contains { $0.contains("a secret that no line shows") })
        let quiet = try await DttTests.node()
        try await quiet.close()
        #expect(!lines.all.contains { $0.contains(quiet.id.hex) })
    }
}
