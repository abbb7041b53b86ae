package dtt

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Every kind of error, with its number and its message. */
class ErrorTest {
    @Test
    fun `each kind comes through with its number and its words`() {
        val words = listOf(
            "argument: on purpose", "message: 5000 bytes, the limit is 4057 bytes", "the topic is closed",
            "broadcast did not finish within 5000 ms", "cannot bind the endpoint: on purpose", "dht store failed: on purpose",
            "gossip: on purpose", "record: its signature is not valid", "internal error: on purpose",
        )
        assertEquals(words.size, ErrorKind.entries.size)
        ErrorKind.entries.forEachIndexed { n, kind ->
            val error = failsWith(kind, words[n]) { native { rawFailOnPurpose(kind) } }
            assertEquals(words[n], error.message)
            assertEquals(n + 1, error.code)
            assertEquals("DttException(${errorKindName(kind)}): ${words[n]}", error.toString())
        }
    }

    @Test
    fun `a panic is an error`() {
        failsWith(ErrorKind.INTERNAL, "on purpose") { native { rawFailOnPurpose(null) } }
    }

    @Test
    fun `bad arguments are named with their limit and value`(): Unit = live {
        fun badNode(config: NodeConfig, text: String) = failsWith(ErrorKind.INVALID_ARGUMENT, text) {
            kotlinx.coroutines.runBlocking { Node.spawn(config) }
        }
        val config = testnet.nodeConfig()
        badNode(config.copy(maxMessageSize = 1u), "maxMessageSize: 1 is given, 512 to 1MiB are possible")
        badNode(config.copy(bindAddresses = listOf("here")), "bindAddresses: \"here\" is given, an IP address with a port is needed")
        badNode(config.copy(relays = Relays.Custom(listOf())), "relays: the list is empty")
        badNode(config.copy(topics = TopicConfig(eventCapacity = 0u)), "eventCapacity: 0 is given")
        badNode(config.copy(topics = TopicConfig(dht = DhtConfig(bootstrap = listOf("router")))), "bootstrap: \"router\" is not host:port")
        badNode(config.copy(topics = TopicConfig(timeouts = TimeoutConfig(broadcastTimeout = 400.days))), "400d is given, 1ms to 365d are possible")
        badNode(config.copy(topics = TopicConfig(timeouts = TimeoutConfig(broadcastTimeout = Duration.INFINITE))), "1ms to 365d are possible")
        badNode(config.copy(topics = TopicConfig(timeouts = TimeoutConfig(broadcastTimeout = (-1).seconds))), "timeouts.broadcastTimeout: 0s is given, 1ms to 365d")
        failsWith(ErrorKind.INVALID_ARGUMENT, "secretKey: 31 bytes are given, 32 bytes are needed") { SecretKey.of(ByteArray(31)) }
        failsWith(ErrorKind.INVALID_ARGUMENT, "nodes: 1 is given, 2 to 256 are possible") { Testnet.start(1) }
        failsWith(ErrorKind.INVALID_ARGUMENT, "nodes: 0 is given") { Testnet.start(-5) }
        failsWith(ErrorKind.INVALID_ARGUMENT, "64 hexadecimal digits") { TopicId("xyz").bytes }
        failsWith(ErrorKind.INVALID_ARGUMENT, "peer: 3 bytes are given") { NodeId.of(ByteArray(3)) }
    }

    @Test
    fun `a port that is taken`(): Unit = live {
        val first = node()
        val address = first.address().addresses.single()
        val config = testnet.nodeConfig().copy(bindAddresses = listOf(address))
        failsWith(ErrorKind.BIND, "cannot bind the endpoint") { Node.spawn(config) }
        first.closeAndWait()
    }

    @Test
    fun `too large, not in time, closed`(): Unit = live {
        val node = node()
        val topic = node.join("errors", "secret")
        failsWith(ErrorKind.TOO_LARGE, "message: 4058 bytes, the limit is 4057 bytes") { topic.broadcast(ByteArray(4058)) }
        failsWith(ErrorKind.TOO_LARGE, "5000 bytes") { topic.broadcastNeighbors(ByteArray(5000)) }
        topic.broadcast(ByteArray(4057))
        failsWith(ErrorKind.TIMEOUT, "join did not finish within 200 ms") { topic.joined(200.milliseconds) }
        failsWith(ErrorKind.TIMEOUT, "join did not finish within 200 ms") { node.join("nobody", "here", timeout = 200.milliseconds) }
        topic.closeAndWait()
        failsWith(ErrorKind.CLOSED, "the topic is closed") { topic.broadcast("late") }
        failsWith(ErrorKind.CLOSED, "the topic is closed") { topic.joined() }
        failsWith(ErrorKind.CLOSED, "the topic is closed") { topic.subscribe() }
        failsWith(ErrorKind.CLOSED, "the topic is closed") { topic.listen { } }
        failsWith(ErrorKind.CLOSED, "the topic is closed") { topic.dhtHealth() }
        failsWith(ErrorKind.CLOSED, "the topic is closed") { topic.joinPeers(listOf()) }
        node.closeAndWait()
        failsWith(ErrorKind.CLOSED, "the node is closed") { node.join("late", "secret") }
        failsWith(ErrorKind.CLOSED, "the node is closed") { node.stats() }
        failsWith(ErrorKind.CLOSED, "the node is closed") { node.address() }
        failsWith(ErrorKind.CLOSED, "the node is closed") { node.networkChanged() }
        failsWith(ErrorKind.CLOSED, "the node is closed") { node.pause() }
        failsWith(ErrorKind.CLOSED, "the node is closed") { node.resume() }
    }
}
