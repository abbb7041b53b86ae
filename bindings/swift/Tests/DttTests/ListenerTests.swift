import Dtt
import Foundation
import Testing

/// Events by callback.
@Suite(.serialized) struct ListenerTests {
    private final class Recorder: EventListener {
        let events = Shared<Event>()
        let ends = Shared<Bool>()
        let act: @Sendable (Event) throws -> Void

        init(_ act: @escaping @Sendable (Event) throws -> Void = { _ in }) {
            self.act = act
        }

        func onEvent(event: Event) throws {
            events.add(event)
            try act(event)
        }

        func onEnd() { ends.add(true) }

        var messages: [String] {
            events.all.compactMap { if case .received(let message) = $0 { message.text } else { nil } }
        }
    }

    private struct OnPurpose: Error {}

    @Test func itIsToldOfEverythingInOrderAndOfTheEndOnce() async throws {
        let pair = try await Pair("told")
        let recorder = Recorder()
        try pair.his.listen(recorder)
        for n in 0..<50 { try await pair.hers.broadcast("message \(n)") }
        try await until("all came") { recorder.messages.count == 50 }
        #expect(recorder.messages == (0..<50).map { "message \($0)" })
        try await pair.bob.close()
        try await until("the end is told") { recorder.ends.count > 0 }
        try await Task.sleep(for: .milliseconds(50))
        #expect(recorder.ends.count == 1)
        try await pair.alice.close()
    }

    @Test func twoNodesWithOneKeyAreBothTold() async throws {
        let key = SecretKey.generate()
        var told: [Recorder] = []
        var nodes: [Node] = []
        for _ in 0..<2 {
            var config = try await testnet.value.nodeConfig
            config.secretKey = key
            let node = try await Node(config)
            let recorder = Recorder()
            try (try await node.join("one key", secret: "secret")).listen(recorder)
            told.append(recorder)
            nodes.append(node)
        }
        let recorders = told
        try await until("both were told") { recorders.allSatisfy { $0.events.all.contains(.keyInUse) } }
        for node in nodes { try await node.close() }
    }

    @Test func oneThatThrowsGetsTheNextEventAllTheSameAndTheLogTells() async throws {
        let warnings = Shared<String>()
        try DttLibrary.log(.warn) { _, target, text in if target == "dtt::listener" { warnings.add(text) } }
        let pair = try await Pair("throws")
        let recorder = Recorder { if case .received = $0 { throw OnPurpose() } }
        try pair.his.listen(recorder)
        let declared = Recorder { if case .received = $0 { throw ListenerError.Failed(reason: "declared on purpose") } }
        try pair.his.listen(declared)
        for n in 0..<3 { try await pair.hers.broadcast("message \(n)") }
        try await until("all came") { recorder.messages.count == 3 && declared.messages.count == 3 }
        try await until("the warnings came") { warnings.all.filter { $0.contains("OnPurpose") }.count == 3 }
        try await until("the declared ones too") { warnings.all.filter { $0.contains("declared on purpose") }.count == 3 }
        try DttLibrary.endLog()
        try await pair.close()
    }

    @Test func oneMayCloseItsTopicAndItsNodeAndEndItself() async throws {
        let pair = try await Pair("closes")
        let himself = Shared<Listening>()
        let once = Recorder { if case .received = $0 { himself.all.first?.stop() } }
        himself.add(try pair.his.listen(once))
        let closingNode = Recorder { if case .received = $0 { pair.alice.closeInBackground() } }
        try pair.hers.listen(closingNode)
        let closing = Recorder { if case .received(let message) = $0, message.text == "end" { pair.his.closeInBackground() } }
        try pair.his.listen(closing)
        try await pair.hers.broadcast("message 0")
        try await until("it came") { once.messages.count == 1 && closing.messages.count == 1 }
        try await pair.hers.broadcast("end")
        try await until("both ends are told") { once.ends.count == 1 && closing.ends.count == 1 }
        #expect(once.messages == ["message 0"])
        #expect(pair.his.state == nil)
        let again = try await pair.bob.join("closes", secret: "secret")
        try await again.joined(within: .seconds(120))
        try await again.broadcast("close")
        try await until("alice is closed") { pair.alice.isClosed && closingNode.ends.count == 1 }
        try await pair.bob.close()
    }

    @Test func aFunctionWillDoAndASlowOneIsToldWhatItMisses() async throws {
        let (alice, bob) = (try await node(), try await node())
        let hers = try await alice.join("slow", secret: "secret")
        let his = try await bob.join("slow", secret: "secret", config: TopicConfig(eventCapacity: 4))
        try await his.joined(within: .seconds(120))
        try await hers.joined(within: .seconds(120))
        let seen = Shared<Int>()
        let missed = Shared<Int>()
        let goOn = DispatchSemaphore(value: 0)
        try his.listen { event in
            if case .lagged(.some(let count)) = event { missed.add(Int(count)) }
            if case .received = event { seen.add(1) }
            // So slow that everything has come before it goes on.
            if goOn.wait(timeout: .now() + 60) == .success { goOn.signal() }
        }
        for n in 0..<100 { try await hers.broadcast("message \(n)") }
        try await until("all came") { his.stats.received == 100 }
        goOn.signal()
        try await until("all are accounted for") { missed.all.reduce(0, +) + seen.count >= 100 }
        #expect(missed.count > 0)
        try await alice.close()
        try await bob.close()
    }
}
