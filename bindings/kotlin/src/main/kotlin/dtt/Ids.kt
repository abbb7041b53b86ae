package dtt

import kotlin.time.Duration

/** The 32 bytes of the id. */
public val NodeId.bytes: ByteArray get() = native { nodeIdBytes(this) }

/** The first ten digits, for logs and lists. */
public val NodeId.short: String get() = hex.take(SHORT)

/** The id that these 32 bytes are; they must be a valid Ed25519 public key. */
public fun NodeId.Companion.of(bytes: ByteArray): NodeId = native { nodeIdOfBytes(bytes) }

/** The id of the node with this secret key. */
public fun NodeId.Companion.ofSecretKey(key: SecretKey): NodeId = native { nodeIdOfSecretKey(key) }

/** The 32 bytes of the id. */
public val TopicId.bytes: ByteArray get() = native { topicIdBytes(this) }

/** The id of the topic of this name. */
public fun TopicId.Companion.ofName(name: String): TopicId = topicIdOfName(name.encodeToByteArray())

/** The id of the topic of this name: any bytes. */
public fun TopicId.Companion.ofName(name: ByteArray): TopicId = topicIdOfName(name)

/** The id that these 32 bytes are. */
public fun TopicId.Companion.of(bytes: ByteArray): TopicId = native { topicIdOfBytes(bytes) }

/** Where the topic's records of one minute (unix time / 60) stand in the DHT. */
public fun TopicId.slot(unixMinute: ULong = unixMinute()): TopicSlot = native { topicSlot(this, unixMinute) }

/** The message as text. */
public val Message.text: String get() = content.decodeToString()

private const val SHORT = 10

/** As the native library takes it; what is negative is none. */
internal fun Duration.wireMillis(): ULong = inWholeMilliseconds.coerceAtLeast(0).toULong()
