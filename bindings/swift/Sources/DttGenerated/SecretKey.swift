import Foundation

/// A node's secret key, which makes its id. Printing it, or something that holds it, shows nothing of it; whoever keeps it for
/// the next start of the application asks for its ``bytes``.
public struct SecretKey: Hashable, Sendable {
    let raw: Data

    init(raw: Data) {
        self.raw = raw
    }

    /// The 32 bytes. They are a secret.
    public var bytes: Data { raw }
}

extension SecretKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SecretKey(..)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
