import Dtt
import DttGenerated
import Foundation
import Testing

/// One DHT for all tests of this process.
let testnet = Task { try await Testnet() }

func node() async throws -> Node {
    try await Node(try await testnet.value.nodeConfig)
}

/// Two nodes that are neighbors on a topic.
struct Pair: Sendable {
    let alice: Node
    let bob: Node
    let hers: Topic
    let his: Topic

    init(_ name: String, rotation: (any SecretRotation)? = nil) async throws {
        (alice, bob) = (try await node(), try await node())
        hers = try await alice.join(name, secret: "secret", rotation: rotation)
        his = try await bob.join(name, secret: "secret", rotation: rotation)
        try await hers.joined(within: .seconds(120))
        try await his.joined(within: .seconds(120))
    }

    func close() async throws {
        try await alice.close()
        try await bob.close()
    }
}

extension Events {
    /// The next message, whatever else comes before it.
    func message() async throws -> Message {
        for try await event in self {
            if case .received(let message) = event { return message }
        }
        throw Ended()
    }

    func hear(_ text: String) async throws {
        while try await message().text != text {}
    }
}

struct Ended: Error {}

/// Asks again and again until the answer is yes; for what gives no event.
func until(
    _ what: @autoclosure () -> Comment, limit: Duration = .seconds(60), _ check: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await check() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("not within \(limit): \(what())")
}

/// A call must fail with an error of this kind, whose message has this text.
func fails(
    _ kind: ErrorKind, _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ call: () async throws -> Void
) async {
    do {
        try await call()
        Issue.record("it did not fail", sourceLocation: sourceLocation)
    } catch let error as DttError {
        #expect(error.kind == kind, sourceLocation: sourceLocation)
        #expect(error.message.contains(text), sourceLocation: sourceLocation)
        #expect(error.localizedDescription == error.message, sourceLocation: sourceLocation)
    } catch {
        Issue.record("another error: \(error)", sourceLocation: sourceLocation)
    }
}

/// A list that several threads add to.
final class Shared<Element: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [Element] = []

    func add(_ element: Element) { lock.withLock { list.append(element) } }
    var all: [Element] { lock.withLock { list } }
    var count: Int { all.count }
}

/// How many tasks run in the library when nothing happens: as many as all through a second. Some of a node's begin a moment after
/// it, so a single reading may be one too low for ever.
func standingTasks() async throws -> UInt64 {
    var (count, times) = (rawAliveTasks(), 0)
    try await until("the number of tasks stays: \(count)") {
        let now = rawAliveTasks()
        times = now == count ? times + 1 : 0
        count = now
        return times == 50
    }
    return count
}

/// What the library holds in this process: sockets and pollers, and its threads. Dispatch starts and ends threads when it likes.
struct Held: CustomStringConvertible {
    /// What each open descriptor is, and the name of each thread.
    private let files: [String: String]
    private let tasks: [String: String]

    var descriptors: Int { files.count }
    var threads: Int { tasks.count }
    var description: String { "Held(descriptors: \(descriptors), threads: \(threads))" }

    /// Whether no more is held than before: as many, and not the same ones. The runtime lends threads for calls that block. Such
    /// calls come every few seconds, each to another one of these threads, and so keep some of them that another time end.
    /// What stands may open a socket anew before it lets the old one go.
    func isBack(_ before: Held) -> Bool {
        descriptors <= before.descriptors + Held.anew && threads <= before.threads + Held.lent
    }

    /// Both are far fewer than one for each cycle.
    static let (anew, lent) = (3, 8)

    /// What has come since, by name.
    func since(_ before: Held) -> (descriptors: [String], threads: [String]) {
        // A descriptor's number is given again to another file.
        let new = { (now: [String: String], then: [String: String]) in now.filter { then[$0.key] != $0.value }.values.sorted() }
        return (new(files, before.files), new(tasks, before.tasks))
    }

    static var now: Held {
        let manager = FileManager.default
        let files = named("/proc/self/fd", ["socket:", "anon_inode:"]) { try manager.destinationOfSymbolicLink(atPath: $0) }
        // The runtime's, which name themselves and whom they start, and those of DHT nodes.
        let tasks = named("/proc/self/task", ["dtt", "Mainline"]) { try String(contentsOfFile: $0 + "/comm", encoding: .utf8) }
        return Held(files: files, tasks: tasks)
    }

    /// What has ended before its name was read is not held any more.
    private static func named(_ folder: String, _ ours: [String], _ name: (String) throws -> String) -> [String: String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let all = entries.compactMap { entry in (try? name("\(folder)/\(entry)")).map { (entry, $0.trimmingCharacters(in: .newlines)) } }
        return Dictionary(uniqueKeysWithValues: all.filter { entry in ours.contains { entry.1.hasPrefix($0) } })
    }
}
