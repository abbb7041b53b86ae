import Dtt
import Foundation
import Testing

/// Opening, resting, closing, and how much stays behind.
@Suite(.serialized) struct LifecycleTests {
    @Test func twoHundredCyclesLeaveNothingBehind() async throws {
        let standing = try await node()
        let member = try await standing.join("cycle", secret: "secret")
        try member.listen { _ in }
        @Sendable func cycle(_ n: Int) async throws {
            let node = try await node()
            let topic = try await node.join("cycle", secret: "secret")
            let events = topic.events
            // The slot may hold the record of the one before, who has ended; then it takes until the member's record of the next minute.
            if n % 10 == 0 { try await topic.joined(within: .seconds(120)) }
            let listening = try topic.listen { _ in }
            if n % 3 == 0 { try await topic.close() }
            // Every fourth is closed by nobody: its last reference goes.
            if n % 4 == 0 { listening.stop() } else { try await node.close() }
            #expect(events.tryNext() != nil)
        }
        for n in 0..<10 { try await cycle(n) }
        try await Task.sleep(for: .seconds(12))
        let before = Held.now
        for n in 0..<200 { try await cycle(n) }
        // Each call of its listener may keep a thread for ten seconds more, on a busy machine longer; only a leak keeps it for ever.
        try await member.close()
        let back: () -> Comment = { "descriptors and threads are back: \(before), then \(Held.now) with \(Held.now.since(before))" }
        try await until(back(), limit: .seconds(180)) { Held.now.isBack(before) }
        let after = Held.now
        print("200 cycles: before \(before), after \(after)")
        let dht = try await Testnet(nodes: 16)
        let more = Held.now.since(after)
        #expect(more.descriptors.count >= 16 && more.threads.count >= 16, "the measure does not see 16 DHT nodes: \(more)")
        dht.close()
        try await standing.close()
    }

    @Test func manyTopicsOnOneNode() async throws {
        let (alice, bob) = (try await node(), try await node())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<30 {
                let hers = try await alice.join("topic \(n)", secret: "secret")
                let his = try await bob.join("topic \(n)", secret: "secret")
                group.addTask {
                    let events = his.events
                    try await hers.joined(within: .seconds(120))
                    try await his.joined(within: .seconds(120))
                    try await hers.broadcast("for topic \(n)")
                    try await events.hear("for topic \(n)")
                }
            }
            try await group.waitForAll()
        }
        try await alice.close()
        try await bob.close()
    }

    @Test func aNodeThatRestsLooksForNobodyAndAfterwardsDoesAtOnce() async throws {
        let pair = try await Pair("rest")
        try await pair.bob.pause()
        #expect(pair.bob.isPaused)
        let late = try await pair.bob.join("late", secret: "secret")
        let alsoLate = try await pair.alice.join("late", secret: "secret")
        let events = pair.hers.events
        try await pair.his.broadcast("sent at rest")
        try await events.hear("sent at rest")
        try await until("alice has looked") { alsoLate.stats.lookups >= 4 }
        #expect(late.stats.lookups == 0 && late.stats.stores == 0 && !late.isJoined)
        try await pair.bob.networkChanged()
        try await pair.bob.resume()
        #expect(!pair.bob.isPaused)
        try await late.joined(within: .seconds(120))
        try await alsoLate.joined(within: .seconds(120))
        try await pair.close()
    }
}
