import Dtt
import Foundation
import Testing

@Test func twoMeetAndHearEachOther() async throws {
    let testnet = try await Testnet()
    let (alice, bob) = (try await Node(testnet.nodeConfig), try await Node(testnet.nodeConfig))
    let hers = try await alice.join("meet", secret: "secret")
    let his = try await bob.join("meet", secret: "secret")
    try await hers.joined(within: .seconds(30))
    try await his.joined()
    let events = his.events
    try await hers.broadcast("hello from Swift")
    for try await event in events {
        if case .received(let message) = event {
            #expect(message.text == "hello from Swift")
            #expect(message.deliveredFrom == alice.id)
            break
        }
    }
    try await alice.shutdown()
    try await bob.shutdown()
}
