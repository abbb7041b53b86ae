import DttGenerated
import Foundation

extension NodeId {
    /// The id that these 32 bytes are; they must be a valid Ed25519 public key.
    public init(bytes: Data) throws {
        self = try native { try nodeIdOfBytes(bytes: bytes) }
    }

    /// The id of the node with this secret key.
    public init(secretKey: SecretKey) throws {
        self = try native { try nodeIdOfSecretKey(key: secretKey) }
    }

    /// The 32 bytes of the id.
    public func bytes() throws -> Data {
        try native { try nodeIdBytes(id: self) }
    }

    /// The first ten digits, for logs and lists.
    public var short: String { String(hex.prefix(10)) }
}

extension SecretKey {
    /// The key that these 32 bytes are.
    ///
    /// - Throws: ``DttError`` of the kind `invalidArgument`.
    public init(bytes: Data) throws {
        self = try native { try secretKeyOfBytes(bytes: bytes) }
    }

    /// A new one: 32 random bytes.
    public static func generate() -> SecretKey {
        generateSecretKey()
    }
}

extension TopicId {
    /// The id of the topic of this name.
    public init(name: String) {
        self.init(name: Data(name.utf8))
    }

    /// The id of the topic of this name: any bytes.
    public init(name: Data) {
        self = topicIdOfName(name: name)
    }

    /// The id that these 32 bytes are.
    public init(bytes: Data) throws {
        self = try native { try topicIdOfBytes(bytes: bytes) }
    }

    /// The 32 bytes of the id.
    public func bytes() throws -> Data {
        try native { try topicIdBytes(id: self) }
    }

    /// Where the topic's records of one minute (unix time / 60) stand in the DHT.
    public func slot(minute: UInt64 = DttLibrary.unixMinute) throws -> TopicSlot {
        try native { try topicSlot(topic: self, unixMinute: minute) }
    }
}

extension Message {
    /// The message as text.
    public var text: String { String(decoding: content, as: UTF8.self) }
}
