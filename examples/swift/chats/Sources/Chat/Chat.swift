import Dtt
import Foundation

/// A chat: run it twice with the same topic and secret. With `DTT_BOOTSTRAP` set it is on a testnet. `DTT_CONFIG` sets options.
@main struct Chat {
    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 2, let name = arguments.first, let secret = arguments.last else {
            FileHandle.standardError.write(Data("usage: chat TOPIC SECRET\n".utf8))
            exit(2)
        }
        do {
            try await chat(name, secret)
        } catch {
            FileHandle.standardError.write(Data("\(error.localizedDescription)\n".utf8))
            exit((error as? DttError)?.kind == .invalidArgument ? 2 : 1)
        }
    }

    static func chat(_ name: String, _ secret: String) async throws {
        let node = try await Node(config())
        let topic = try await node.join(name, secret: secret)
        say("I am \(node.id.short)")
        let events = topic.events
        let reader = Task {
            for try await event in events {
                switch event {
                case .neighborUp(let peer): say("* met \(peer.short)")
                case .neighborDown(let peer): say("* lost \(peer.short)")
                case .received(let message): say(message.text)
                case .lagged(let missed): say("* too slow: \(missed.map { "\($0) " } ?? "")events are missing")
                case .keyInUse: say("* Another process uses this key")
                case .stateChanged(.lookingUp): say("* Looking for others")
                case .stateChanged(.joined): say("* Joined")
                case .stateChanged(.alone): say("* Alone")
                }
            }
        }
        for await line in lines() {
            do {
                try await topic.broadcast("\(node.id.short): \(line)")
            } catch let error as DttError {
                FileHandle.standardError.write(Data("not sent: \(error.message)\n".utf8))
            }
        }
        try await node.close()
        try await reader.value
    }

    /// The public network, or the testnet that `DTT_BOOTSTRAP` names, with the options in `DTT_CONFIG`.
    static func config() throws -> NodeConfig {
        let environment = ProcessInfo.processInfo.environment
        let list = (environment["DTT_BOOTSTRAP"] ?? "").split(separator: ",").map(String.init)
        let config = list.isEmpty ? NodeConfig() : Testnet.nodeConfig(bootstrap: list)
        return try config.withOptions(environment["DTT_CONFIG"] ?? "")
    }

    /// The input's lines. A thread of its own reads them, since reading blocks.
    static func lines() -> AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
    }
}

/// A line at once, also into a pipe.
private func say(_ line: some StringProtocol) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}
