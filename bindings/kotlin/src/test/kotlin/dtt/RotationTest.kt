package dtt

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.security.MessageDigest
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger

/** A secret rotation that the application brings. */
class RotationTest {
    private class Hourly(val salt: String) : SecretRotation {
        val calls = AtomicInteger()

        override fun derive(topic: TopicId, unixMinute: ULong, secretHash: ByteArray): ByteArray {
            calls.incrementAndGet()
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(defaultRotation(topic, unixMinute / 60uL, secretHash))
            return digest.digest(salt.encodeToByteArray())
        }
    }

    @Test
    fun `members of one rotation meet`(): Unit = live {
        val rotation = Hourly("ours")
        pair("rotation", rotation) { pair ->
            val events = pair.his.subscribe()
            pair.hers.broadcast("hello")
            events.hear("hello")
            assertTrue(rotation.calls.get() > 2)
        }
    }

    @Test
    fun `others cannot read the records`(): Unit = live {
        val alice = node()
        val bob = node()
        val hers = alice.join("rotated", "secret", rotation = Hourly("hers"))
        until("her record is there") { hers.stats.stores > 0uL }
        val his = bob.join("rotated", "secret", rotation = Hourly("his"))
        until("he saw what he cannot open") { his.stats.refusedSealed > 0uL }
        assertFalse(his.isJoined)
        alice.closeAndWait()
        bob.closeAndWait()
    }

    @Test
    fun `one that fails is refused with its reason`(): Unit = live {
        val node = node()
        fun of(derive: () -> ByteArray) = object : SecretRotation {
            override fun derive(topic: TopicId, unixMinute: ULong, secretHash: ByteArray) = derive()
        }
        failsWith(ErrorKind.INVALID_ARGUMENT, "rotation: 5 bytes are given, 32 bytes are needed") {
            node.join("bad", "secret", rotation = of { ByteArray(5) })
        }
        // Of what is not declared only the type is told: the rest might be the seed.
        for (thrown in listOf(IllegalStateException("seed 0707"), AssertionError("seed 0707"), NotImplementedError("seed 0707"))) {
            val error = failsWith(ErrorKind.INVALID_ARGUMENT, "rotation: it failed: it threw ${thrown.javaClass.name}") {
                node.join("bad", "secret", rotation = of { throw thrown })
            }
            assertFalse("0707" in error.stackTraceToString())
        }
        failsWith(ErrorKind.INVALID_ARGUMENT, "no key today") {
            node.join("bad", "secret", rotation = of { throw RotationException.Failed("no key today") })
        }
        // One that fails later closes its topic and nothing else.
        val calls = AtomicInteger()
        val lines = ConcurrentLinkedQueue<String>()
        Log.listen(LogLevel.WARN) { _, target, text -> lines += "$target $text" }
        val topic = node.join("later", "secret", rotation = of { if (calls.incrementAndGet() > 1) error("seed 0707") else ByteArray(32) })
        until("the topic is closed") { topic.state == null }
        until("the log tells") { lines.any { "dtt::rotation" in it && "IllegalStateException" in it } }
        assertFalse(lines.any { "0707" in it })
        Log.end()
        assertEquals(TopicState.LOOKING_UP, node.join("fine", "secret").state)
        node.closeAndWait()
    }
}
