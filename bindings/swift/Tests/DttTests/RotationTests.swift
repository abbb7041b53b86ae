import Dtt
import Foundation
import Testing

/// A secret rotation that the application brings.
@Suite(.serialized) struct RotationTests {
    private final class Own: SecretRotation {
        let seed: @Sendable (TopicId, UInt64, Data) throws -> Data
        let calls = Shared<UInt64>()

        init(_ seed: @escaping @Sendable (TopicId, UInt64, Data) throws -> Data) {
            self.seed = seed
        }

        /// The default one, an hour at a time, with another byte in it.
        convenience init(salt: UInt8) {
            self.init { topic, minute, secretHash in
                var seed = try DttLibrary.defaultRotation(topic: topic, unixMinute: minute / 60, secretHash: secretHash)
                seed[seed.startIndex] ^= salt
                return seed
            }
        }

        func derive(topic: TopicId, unixMinute: UInt64, secretHash: Data) throws -> Data {
            calls.add(unixMinute)
            return try seed(topic, unixMinute, secretHash)
        }
    }

    private struct NoKeyToday: Error { let seed = "0707" }

    @Test func membersOfOneRotationMeet() async throws {
        let rotation = Own(salt: 1)
        let pair = try await Pair("rotation", rotation: rotation)
        let events = pair.his.events
        try await pair.hers.broadcast("hello")
        try await events.hear("hello")
        #expect(rotation.calls.count > 2)
        try await pair.close()
    }

    @Test func othersCannotReadTheRecords() async throws {
        let (alice, bob) = (try await node(), try await node())
        let hers = try await alice.join("rotated", secret: "secret", rotation: Own(salt: 2))
        try await until("her record is there") { hers.stats.stores > 0 }
        let his = try await bob.join("rotated", secret: "secret", rotation: Own(salt: 3))
        try await until("he saw what he cannot open") { his.stats.refusedSealed > 0 }
        #expect(!his.isJoined)
        try await alice.close()
        try await bob.close()
    }

    @Test func oneThatFailsIsRefusedWithItsReason() async throws {
        let node = try await node()
        await fails(.invalidArgument, "rotation: 5 bytes are given, 32 bytes are needed") {
            _ = try await node.join("bad", secret: "secret", rotation: Own { _, _, _ in Data(count: 5) })
        }
        await fails(.invalidArgument, "NoKeyToday") {
            _ = try await node.join("bad", secret: "secret", rotation: Own { _, _, _ in throw NoKeyToday() })
        }
        // Of what is not declared only the type is told: the rest might be the seed.
        do {
            _ = try await node.join("bad", secret: "secret", rotation: Own { _, _, _ in throw NoKeyToday() })
            Issue.record("it did not fail")
        } catch {
            #expect(!"\(error)".contains("0707"))
        }
        await fails(.invalidArgument, "rotation: it failed: no key today") {
            let rotation = Own { _, _, _ in throw RotationError.Failed(reason: "no key today") }
            _ = try await node.join("bad", secret: "secret", rotation: rotation)
        }
        // One that fails later closes its topic and nothing else.
        let calls = Shared<Bool>()
        let later = Own { _, _, _ in
            calls.add(true)
            return Data(count: calls.count > 1 ? 0 : 32)
        }
        let topic = try await node.join("later", secret: "secret", rotation: later)
        try await until("the topic is closed") { topic.state == nil }
        #expect(try await node.join("fine", secret: "secret").state == .lookingUp)
        try await node.close()
    }
}
