import DttGenerated
import Foundation

/// A subscriber's own bounded queue of events. The iteration ends when the topic is closed and everything has been read, and when
/// the task is cancelled.
///
/// Whoever stops iterating loses nothing: the next iteration goes on where this one ended. Two at the same time share the
/// events. When a reader is slow and the queue is full, the oldest events go, and a `lagged` event says exactly how
/// many. It has no number where the gossip layer lost events, which does not count.
public final class Events: AsyncSequence, @unchecked Sendable {
    public typealias Element = Event

    /// Events that cross the boundary at once.
    private static let batch: UInt32 = 256

    /// None of a topic that was closed already.
    private let raw: RawEvents?
    // Guards the two below.
    private let lock = NSLock()
    private var taken: [Event] = []
    private var next = 0

    init(_ raw: RawEvents?) {
        self.raw = raw
    }

    /// The next event; nil when the topic or this queue is closed and everything has been read, and when the task is cancelled.
    public func next(isolation: isolated (any Actor)? = #isolation) async throws -> Event? {
        guard let raw else { return nil }
        while !Task.isCancelled {
            if let event = tryNext() { return event }
            do {
                if try await !native({ try await raw.ready(cancel: $0) }) { return tryNext() }
            } catch is CancellationError {
                return nil
            }
        }
        return nil
    }

    /// The next event if there is one now.
    public func tryNext() -> Event? {
        lock.lock()
        defer { lock.unlock() }
        if next == taken.count {
            taken = raw?.take(max: Self.batch) ?? []
            next = 0
            if taken.isEmpty { return nil }
        }
        defer { next += 1 }
        return taken[next]
    }

    /// Ends the queue, and with it the iteration; the topic goes on. Twice is fine.
    public func close() {
        raw?.end()
        lock.lock()
        defer { lock.unlock() }
        (taken, next) = ([], 0)
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(events: self)
    }

    /// Goes on where the last iteration ended.
    public struct Iterator: AsyncIteratorProtocol {
        let events: Events

        public mutating func next() async throws -> Event? {
            try await events.next(isolation: nil)
        }

        @available(macOS 15, iOS 18, *)
        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Event? {
            try await events.next(isolation: actor)
        }
    }
}
