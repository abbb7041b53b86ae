package dtt

import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Every public function does what it says. */
class EverythingTest {
    @Test
    fun `a node and its topics`(): Unit = live {
        pair("everything") { (alice, bob, hers, his) ->
            assertEquals(alice.id, alice.address().node)
            assertTrue(alice.address().addresses.single().startsWith("127.0.0.1:"))
            assertEquals(1uL, alice.stats().topics)
            assertEquals(TopicId.ofName("everything"), hers.id)
            assertEquals(setOf(bob.id), hers.neighbors)
            assertEquals(TopicState.JOINED, hers.state)
            assertTrue(hers.isJoined)
            assertEquals(4057, hers.maxMessageSize)
            val health = hers.dhtHealth()
            assertTrue(health.lookupsAnswered > 0uL && health.lastSuccess!! < 120.seconds) { "$health" }
            assertTrue(hers.stats.firstNeighbor!! < 120.seconds)

            val events = his.subscribe()
            hers.broadcast(byteArrayOf(0, 1, -1))
            val raw = events.filterIsInstance<Event.Received>().first().message
            assertEquals(Message(byteArrayOf(0, 1, -1), alice.id, MessageScope.SWARM), raw)
            hers.broadcastNeighbors("only you".encodeToByteArray())
            val near = events.filterIsInstance<Event.Received>().first().message
            assertEquals("only you" to MessageScope.NEIGHBORS, near.text to near.scope)
            assertEquals(2uL, hers.stats.sent)
            assertEquals(2uL, his.stats.received)
            assertNull(events.tryNext())

            // A second queue begins with the present state and neighbors.
            val second = his.subscribe()
            assertEquals(listOf(Event.StateChanged(TopicState.JOINED), Event.NeighborUp(alice.id)), List(2) { second.next() })
            second.close()
            assertNull(second.next())
            second.close()

            alice.networkChanged()
            his.closeAndWait()
            his.closeAndWait()
            assertNull(his.state)
            assertEquals(emptySet<NodeId>(), his.neighbors)
            assertEquals(2uL, his.stats.received, "what it had done is still known")
            assertEquals(emptyList<Event>(), events.toList().filterIsInstance<Event.Received>())
            until("the neighbor is gone") { !hers.isJoined }
            assertFalse(alice.isClosed)
            alice.closeAndWait()
            alice.closeAndWait()
            assertTrue(alice.isClosed)
            assertNull(hers.state)
            bob.close()
            assertTrue(bob.isClosed)
        }
    }

    @Test
    fun `a flow of events ends its queue with each collection`(): Unit = live {
        pair("flow") { (_, _, hers, his) ->
            val standing = his.subscribe()
            assertEquals(1uL, his.stats.subscribers)
            repeat(50) { assertEquals(Event.StateChanged(TopicState.JOINED), his.events().first()) }
            // A collector that throws, too.
            assertTrue(runCatching { his.events().collect { error("on purpose") } }.exceptionOrNull() is IllegalStateException)
            assertEquals(1uL, his.stats.subscribers)
            hers.broadcast("for the one that stands")
            standing.hear("for the one that stands")
            his.closeAndWait()
            assertEquals(emptyList<Event>(), his.events().toList())
        }
    }

    @Test
    fun `the other ways to join`(): Unit = live {
        val alice = node()
        val bob = node()
        val name = byteArrayOf(-1, 0, 7)
        val hers = alice.join(name, byteArrayOf(9), config = TopicConfig(eventCapacity = 8u))
        val his = bob.join(TopicId.ofName(name), byteArrayOf(9), timeout = 120.seconds)
        assertTrue(his.isJoined)
        assertEquals(hers.id, his.id)
        // Peers that are known need no DHT: another secret, the same swarm.
        val third = node()
        val direct = third.join(name, "another secret".encodeToByteArray())
        direct.joinPeers(listOf(bob.address()))
        direct.joined(120.seconds)
        listOf(alice, bob, third).forEach { it.close() }
    }

    @Test
    fun `every option arrives`(): Unit = live {
        val key = SecretKey.generate()
        val config = NodeConfig(
            secretKey = key,
            relays = Relays.Disabled,
            addressLookups = AddressLookups.DISABLED,
            bindAddresses = listOf("127.0.0.1:0"),
            portMapping = false,
            maxMessageSize = 1000u,
            closeTimeout = 500.milliseconds,
            topics = TopicConfig(
                maxJoinPeerCount = 2u,
                addressHints = AddressHints.ALL,
                eventCapacity = 16u,
                dht = DhtConfig(
                    bootstrap = testnet.bootstrap, port = null, bindAddress = "127.0.0.1", serverMode = false, retries = 1u,
                    baseRetryInterval = 1.seconds, maxRetryJitter = 1.seconds, putTimeout = 5.seconds, getTimeout = 5.seconds,
                    requestTimeout = 250.milliseconds,
                ),
                bootstrap = BootstrapConfig(
                    maxBootstrapRecords = 4u, noPeersRetryInterval = 1.seconds, perPeerJoinSettleTime = 50.milliseconds,
                    joinConfirmationWaitTime = 300.milliseconds, discoveryPollInterval = 1.seconds, maxRetryInterval = 2.seconds,
                    addressWait = 100.milliseconds, publishRecordOnStartup = true, checkOlderRecordsFirstOnStartup = false,
                ),
                publisher = PublisherConfig(enabled = true, initialDelay = 1.seconds, baseInterval = 1.seconds, maxJitter = 1.seconds),
                bubbleMerge = BubbleMergeConfig(
                    enabled = true, initialInterval = 1.seconds, baseInterval = 1.seconds, maxJitter = 1.seconds, minNeighbors = 1u,
                    maxJoinPeers = 1u,
                ),
                messageOverlapMerge = MessageOverlapMergeConfig(
                    enabled = true, initialInterval = 1.seconds, baseInterval = 1.seconds, maxJitter = 1.seconds, maxJoinPeers = 1u,
                ),
                timeouts = TimeoutConfig(joinPeerTimeout = 1.seconds, broadcastTimeout = 1.seconds, broadcastNeighborsTimeout = 1.seconds),
            ),
        )
        val one = Node.spawn(config)
        assertEquals(NodeId.ofSecretKey(key), one.id)
        val two = Node.spawn(config.copy(secretKey = null))
        assertNotEquals(one.id, two.id)
        val topic = one.join("options", "secret")
        assertEquals(961, topic.maxMessageSize)
        val other = two.join("options", "secret")
        other.joined(120.seconds)
        topic.joined(120.seconds)
        assertEquals(setOf(one.id), other.neighbors)
        one.closeAndWait()
        two.closeAndWait()
    }

    @Test
    fun `options as text go over others`() {
        val base = NodeConfig(portMapping = false, topics = TopicConfig(eventCapacity = 5u))
        val config = base.withOptions("dht.bootstrap=a:1,b:2,event_capacity=6,dht.get_timeout=2500ms")
        assertEquals(false, config.portMapping)
        assertEquals(6u, config.topics?.eventCapacity)
        assertEquals(DhtConfig(getTimeout = 2500.milliseconds, bootstrap = listOf("a:1", "b:2")), config.topics?.dht)
        assertEquals(base, base.withOptions(""))
        assertThrows<DttException> { base.withOptions("dht.retry=1") }
    }

    @Test
    fun `ids keys slots and the version`() {
        val topic = TopicId.ofName("my-topic")
        assertEquals(64, topic.hex.length)
        assertEquals(topic.hex, topic.toString())
        assertEquals(topic, TopicId.of(topic.bytes))
        val slot = topic.slot(29_000_000uL)
        assertEquals(listOf(32, 32, 20), listOf(slot.publicKey, slot.salt, slot.target).map { it.size })
        assertFalse(slot.target.contentEquals(topic.slot().target))
        assertArrayEquals(slot.target, topic.slot(29_000_000uL).target)
        val node = NodeId.ofSecretKey(SecretKey.of(ByteArray(32) { 7 }))
        assertEquals(node, NodeId.of(node.bytes))
        assertEquals(node.hex.take(10), node.short)
        assertTrue(unixMinute() > 29_000_000uL)
        assertTrue(Regex("\\d+\\.\\d+\\.\\d+").matches(libraryVersion()))
    }

    @Test
    fun `a secret key is not printed`() {
        val key = SecretKey.of(ByteArray(32) { 7 })
        assertArrayEquals(ByteArray(32) { 7 }, key.bytes)
        assertEquals(key, SecretKey.of(key.bytes))
        assertEquals(key.hashCode(), SecretKey.of(key.bytes).hashCode())
        assertNotEquals(SecretKey.generate(), SecretKey.generate())
        key.bytes.fill(0)
        assertArrayEquals(ByteArray(32) { 7 }, key.bytes, "what it gives is a copy")
        val config = NodeConfig(secretKey = key)
        assertEquals(config, config.copy(secretKey = SecretKey.of(key.bytes)))
        for (printed in listOf("$key", "$config", "${config.copy(portMapping = false)}", "${listOf(key)}", "${kotlin.Pair(key, config)}")) {
            assertTrue("SecretKey(..)" in printed) { printed }
            assertFalse("7, 7" in printed || "0707" in printed) { printed }
        }
    }

    @Test
    fun `a testnet`(): Unit = live {
        val small = Testnet.start(nodes = 3)
        assertTrue(small.bootstrap.all { it.startsWith("127.0.0.1:") }) { "${small.bootstrap}" }
        assertEquals(small.nodeConfig(), Testnet.nodeConfig(small.bootstrap))
        small.close()
        small.close()
    }

    @Test
    fun `the log has lines and no secrets`(): Unit = live {
        val lines = ConcurrentLinkedQueue<String>()
        Log.listen(LogLevel.DEBUG) { level, target, text -> lines += "$level $target $text" }
        val node = node()
        node.join("log", "a secret that no line shows").closeAndWait()
        node.closeAndWait()
        until("the node's start is told") { lines.any { it.startsWith("INFO dtt::node") && node.id.hex in it } }
        Log.end()
        assertTrue(lines.none { "a secret that no line shows" in it })
        // A line about what was there before may still be on its way.
        val quiet = node()
        quiet.closeAndWait()
        assertTrue(lines.none { quiet.id.hex in it })
    }

    private operator fun Pair.component1() = alice

    private operator fun Pair.component2() = bob

    private operator fun Pair.component3() = hers

    private operator fun Pair.component4() = his
}
