import Dtt
import Foundation

/// A peer of `make demo-all`: it greets twice a second, prints a line for each thing that happens (`published`, `found`,
/// `dialed`, `joined`, `heard NAME`), and ends when its input ends.
@main struct DemoPeer {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count == 3, let secret = ProcessInfo.processInfo.environment["DTT_DEMO_SECRET"] else {
            FileHandle.standardError.write(Data("usage: DTT_DEMO_SECRET=... demo-peer NAME TOPIC BOOTSTRAP\n".utf8))
            exit(2)
        }
        let bootstrap = arguments[2].split(separator: ",").map(String.init)
        let node = try await Node(Testnet.nodeConfig(bootstrap: bootstrap))
        let topic = try await node.join(arguments[1], secret: secret)
        let name = arguments[0]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await tell(topic) }
            group.addTask { try await greet(topic, name) }
            group.addTask { try await hear(topic, name) }
            await endOfInput()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        try await node.close()
    }

    /// Tells once of each thing that the counters show for the first time.
    static func tell(_ topic: Topic) async throws {
        var told: Set<String> = []
        while true {
            let stats = topic.stats
            let firsts = [("published", stats.firstStore), ("found", stats.firstRecord), ("dialed", stats.firstDial)]
            for (what, at) in firsts where at != nil && told.insert(what).inserted { say(what) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    static func greet(_ topic: Topic, _ name: String) async throws {
        for round in 0... {
            try await topic.broadcast("\(name) \(round)")
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    static func hear(_ topic: Topic, _ name: String) async throws {
        var heard: Set<Substring> = []
        for try await event in topic.events {
            switch event {
            case .stateChanged(.joined):
                say("joined")
                // Whoever just joined has heard nothing yet.
                try await topic.broadcast("\(name) joined")
            case .received(let message):
                let author = message.text.split(separator: " ").first ?? ""
                if heard.insert(author).inserted { say("heard \(author)") }
            default: break
            }
        }
    }

    static func endOfInput() async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                while readLine() != nil {}
                continuation.resume()
            }
        }
    }
}

/// A line at once, also into a pipe.
private func say(_ line: some StringProtocol) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}
