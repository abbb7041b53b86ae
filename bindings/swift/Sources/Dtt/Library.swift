import DttGenerated
import Foundation

/// What belongs to no node: the log, the clock.
public enum DttLibrary {
    /// The version of the native library.
    public static var version: String { libraryVersion() }

    /// The minute that now is: unix time / 60.
    public static var unixMinute: UInt64 { DttGenerated.unixMinute() }

    /// What everyone derives who sets no rotation, to build one's own on: 32 bytes.
    public static func defaultRotation(topic: TopicId, unixMinute: UInt64, secretHash: Data) throws -> Data {
        try native { try DttGenerated.defaultRotation(topic: topic, unixMinute: unixMinute, secretHash: secretHash) }
    }

    /// Has a function called for each log line (there is no log without one) up to a level, instead of the one before, for the whole process: with its level, where
    /// it comes from (`dtt::topic` for example), and the text. From any thread, several at once; it must be quick and call nothing
    /// of this library. Secrets are never in a line.
    public static func log(_ level: LogLevel, _ onLine: @escaping @Sendable (LogLevel, String, String) -> Void) throws {
        try native { try setLogListener(level: level, listener: Lines(onLine: onLine)) }
    }

    /// Ends the log.
    public static func endLog() throws {
        try native { try setLogListener(level: .off, listener: nil) }
    }
}

private final class Lines: LogListener {
    private let function: @Sendable (LogLevel, String, String) -> Void

    init(onLine: @escaping @Sendable (LogLevel, String, String) -> Void) {
        function = onLine
    }

    func onLine(level: LogLevel, target: String, text: String) {
        function(level, target, text)
    }
}
