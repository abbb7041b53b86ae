import Dtt
import Foundation

/// Receives for the bench (lab/bench): a byte to standard output for each 64 messages of 256 bytes.
@main struct Bench {
    static let step = 64

    static func main() async throws {
        let bootstrap = CommandLine.arguments[1].split(separator: ",").map(String.init)
        let node = try await Node(Testnet.nodeConfig(bootstrap: bootstrap))
        let topic = try await node.join("bindings", secret: "secret")
        var received = 0
        for try await event in topic.events {
            if case .received(let message) = event {
                precondition(message.content.count == 256)
                received += 1
                if received % step == 0 { write(1, ".", 1) }
            }
        }
    }
}
