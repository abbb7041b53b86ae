import DttGenerated
import Foundation
import Testing

@testable import Dtt

/// Waiting can be given up anywhere: nothing is lost, and nothing is left running.
@Suite(.serialized) struct CancelTests {
    @Test func whatWaitsForEverEndsAtOnceAndLeavesNoTaskBehind() async throws {
        let node = try await node()
        let topic = try await node.join("nobody else", secret: "secret")
        let events = topic.events
        while events.tryNext() != nil {}
        let before = try await standingTasks()
        let waits: [@Sendable () async throws -> Void] = [
            { try await topic.joined() },
            { try await topic.joined(within: .seconds(100)) },
            { _ = try await events.next() },
            { for try await _ in events {} },
            { _ = try await node.join("nobody", secret: "at all", timeout: .seconds(100)) },
        ]
        for (which, wait) in waits.enumerated() {
            for _ in 0..<10 {
                let task = Task { try await wait() }
                try await Task.sleep(for: .milliseconds(5))
                task.cancel()
                // The iteration ends, everything else throws.
                switch await task.result {
                case .success: #expect(which == 2 || which == 3)
                case .failure(let error): #expect(error is CancellationError)
                }
            }
        }
        // Of each kind of wait that leaves one, there would be ten.
        try await until("no task is left: \(rawAliveTasks()) of \(before)") { rawAliveTasks() <= before }
        try await node.close()
    }

    @Test func everyCallCanBeCancelledAtAnyMomentAndTheNodeGoesOn() async throws {
        let pair = try await Pair("any moment")
        let peers = [try pair.bob.address()]
        let calls: [@Sendable () async throws -> Void] = [
            { try await node().closeInBackground() },
            { _ = try await Testnet(nodes: 2) },
            { try await pair.alice.join("some", secret: "topic").close() },
            { _ = try await pair.alice.stats() },
            { try await pair.alice.networkChanged() },
            { try await pair.alice.pause() },
            { try await pair.alice.resume() },
            { try await pair.hers.broadcast("\(UInt64.random(in: 0 ... .max))") },
            { try await pair.hers.broadcastNeighbors(Data("\(UInt64.random(in: 0 ... .max))".utf8)) },
            { try await pair.hers.joinPeers(peers) },
            { _ = try await pair.hers.dhtHealth() },
            { try await pair.hers.joined() },
        ]
        for call in calls {
            for _ in 0..<15 {
                let task = Task { try await call() }
                try await Task.sleep(for: .microseconds(Int.random(in: 0..<2000)))
                task.cancel()
                if case .failure(let error) = await task.result { #expect(error is CancellationError) }
            }
        }
        try await pair.alice.resume()
        let events = pair.his.events
        try await pair.hers.broadcast("still here")
        try await events.hear("still here")
        try await pair.close()
    }

    @Test func whoGivesUpReadingAgainAndAgainMissesNothing() async throws {
        let pair = try await Pair("again and again")
        let events = pair.his.events
        let count = 600
        let heard = Shared<String>()
        let end = ContinuousClock.now + .seconds(60)
        let sender = Task {
            for n in 0..<count {
                // The gossip layer keeps 256 events of a topic, and drops what a busy machine does not take in time.
                while n - heard.count > 100, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
                try await pair.hers.broadcast("message \(n)")
                if n % 20 == 0 { try await Task.sleep(for: .milliseconds(5)) }
            }
        }
        while heard.count < count, ContinuousClock.now < end {
            let reader = Task {
                for try await event in events {
                    if case .received(let message) = event { heard.add(message.text) }
                    if Int.random(in: 0..<50) == 0 { break }
                }
            }
            try await Task.sleep(for: .microseconds(Int.random(in: 0..<3000)))
            reader.cancel()
            try await reader.value
        }
        try await sender.value
        #expect(heard.all == (0..<count).map { "message \($0)" })
        try await pair.close()
    }

    @Test func closingGoesOnWithoutWhoeverWaits() async throws {
        let node = try await node()
        let topic = try await node.join("given up", secret: "secret")
        let closingTopic = Task { try await topic.close() }
        closingTopic.cancel()
        _ = await closingTopic.result
        try await until("the topic is closed") { topic.state == nil }
        let closing = Task { try await node.close() }
        closing.cancel()
        _ = await closing.result
        #expect(node.isClosed)
        try await node.close()
    }

    @Test func closingWakesEveryoneWhoWaits() async throws {
        let node = try await node()
        let topic = try await node.join("woken", secret: "secret")
        let events = topic.events
        let reader = Task {
            var count = 0
            for try await _ in events { count += 1 }
            return count
        }
        let joiner = Task { await fails(.closed, "the topic is closed") { try await topic.joined() } }
        try await Task.sleep(for: .milliseconds(50))
        try await node.close()
        #expect(try await reader.value > 0)
        await joiner.value
        #expect(try await events.next() == nil)
    }

    @Test func aQueueThatIsClosedWhileSomeoneWaitsForItIsGone() async throws {
        let pair = try await Pair("closed while waiting")
        let events = pair.his.events
        while events.tryNext() != nil {}
        #expect(pair.his.stats.subscribers == 1)
        let waiting = Task { while try await events.next() != nil {} }
        try await Task.sleep(for: .milliseconds(200))
        events.close()
        try await waiting.value
        try await until("nobody subscribes") { pair.his.stats.subscribers == 0 }
        for n in 0..<5 { try await pair.hers.broadcast("late \(n)") }
        try await until("they came") { pair.his.stats.received == 5 }
        #expect(events.tryNext() == nil)
        #expect(try await events.next() == nil)
        try await pair.close()
    }

    @Test func restingAndGoingOnAreDoneToTheirEndWithoutWhoeverWaits() async throws {
        let node = try await node()
        for rests in [true, false, true, false] {
            let changing = Task { if rests { try await node.pause() } else { try await node.resume() } }
            changing.cancel()
            _ = await changing.result
            try await until("it rests: \(rests)") { node.isPaused == rests }
        }
        try await node.close()
    }

    @Test func twoReadersShareTheEvents() async throws {
        let pair = try await Pair("shared")
        let events = pair.his.events
        let heard = Shared<String>()
        let readers = (0..<2).map { _ in
            Task {
                for try await event in events {
                    if case .received(let message) = event { heard.add(message.text) }
                }
            }
        }
        for n in 0..<200 { try await pair.hers.broadcast("message \(n)") }
        try await until("all came") { heard.count == 200 }
        for reader in readers { reader.cancel() }
        for reader in readers { try await reader.value }
        #expect(Set(heard.all).count == 200)
        try await pair.close()
    }

    @MainActor @Test func iteratingOnTheMainActor() async throws {
        let pair = try await Pair("main actor")
        let events = pair.his.events
        try await pair.hers.broadcast("hello")
        for try await event in events {
            MainActor.assertIsolated()
            if case .received(let message) = event, message.text == "hello" { break }
        }
        try await pair.close()
    }
}
