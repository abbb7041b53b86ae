package dtt

import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Opening, resting, closing, and how much stays behind. */
class LifecycleTest {
    @Test
    fun `two hundred cycles leave nothing behind`(): Unit = live(600.seconds) {
        val standing = node()
        val member = standing.join("cycle", "secret")
        member.listen { }
        suspend fun cycle(n: Int) {
            val node = node()
            val topic = node.join("cycle", "secret")
            val events = topic.subscribe()
            if (n % 10 == 0) topic.joined()
            topic.listen { }
            if (n % 3 == 0) topic.closeAndWait()
            node.closeAndWait()
            check(events.tryNext() != null)
        }
        repeat(10) { cycle(it) }
        delay(12.seconds)
        val before = Held.now()
        repeat(200) { cycle(it) }
        // Each call of its listener may keep a thread for ten seconds more.
        member.closeAndWait()
        var after = Held.now()
        until("descriptors and threads are back:", { after.since(before) }, limit = 180.seconds) {
            delay(200.milliseconds)
            after = Held.now()
            after.isBack(before)
        }
        println("200 cycles: before $before, after $after")
        Testnet.start(nodes = 16).use {
            val more = Held.now()
            assertTrue(more.descriptors >= after.descriptors + 8 && more.threads >= after.threads + 8) {
                "16 more DHT nodes are not seen: ${more.since(after)}"
            }
        }
        standing.closeAndWait()
    }

    @Test
    fun `topics that are joined while their node closes are closed with it`(): Unit = live {
        val standing = node()
        standing.join("standing", "secret").listen { }
        until("the DHT client is open") { standing.stats().dht.lookups > 0uL }
        val tasks = standingTasks()
        val before = Held.now()
        val kept = mutableListOf<Topic>()
        repeat(10) { round ->
            val node = node()
            val joins = List(30) { n -> async { runCatching { node.join("race $round $n", "secret") } } }
            delay((round * 300).microseconds)
            node.closeAndWait()
            for (join in joins) {
                join.await().onSuccess { kept += it }.onFailure { assertEquals(ErrorKind.CLOSED, (it as DttException).kind) }
            }
        }
        println("joined in time: ${kept.size} of 300")
        for (topic in kept) failsWith(ErrorKind.CLOSED, "is closed") { topic.broadcast("late") }
        until("sockets and tasks are gone:", { "${Held.now().since(before)}, ${rawAliveTasks()} tasks of $tasks" }) {
            Held.now().descriptors <= before.descriptors && rawAliveTasks() <= tasks
        }
        assertTrue(kept.all { it.state == null })
        standing.closeAndWait()
    }

    @Test
    fun `closing twice waits for the end and the numbers stay`(): Unit = live {
        pair("closing twice") { pair ->
            val events = pair.his.subscribe()
            repeat(5) { pair.hers.broadcast("message $it") }
            repeat(5) { events.hear("message $it") }
            coroutineScope {
                val closing = List(10) { launch { pair.his.closeAndWait(); assertNull(pair.his.state) } }
                while (closing.any { it.isActive }) {
                    assertEquals(5uL, pair.his.stats.received)
                    kotlinx.coroutines.yield()
                }
            }
            assertEquals(5uL, pair.his.stats.received)
        }
    }

    @Test
    fun `many topics on one node`(): Unit = live {
        val alice = node()
        val bob = node()
        val topics = List(30) { n -> alice.join("topic $n", "secret") to bob.join("topic $n", "secret") }
        coroutineScope {
            topics.forEachIndexed { n, (hers, his) ->
                launch {
                    val events = his.subscribe()
                    hers.joined()
                    his.joined()
                    hers.broadcast("for topic $n")
                    events.hear("for topic $n")
                }
            }
        }
        assertEquals(30uL, alice.stats().topics)
        alice.closeAndWait()
        bob.closeAndWait()
        assertTrue(topics.all { (hers, his) -> hers.state == null && his.state == null })
    }

    @Test
    fun `a node that rests looks for nobody and afterwards does at once`(): Unit = live {
        pair("rest") { pair ->
            pair.bob.pause()
            assertTrue(pair.bob.isPaused)
            val late = pair.bob.join("late", "secret")
            val alsoLate = pair.alice.join("late", "secret")
            val events = pair.hers.subscribe()
            pair.his.broadcast("sent at rest")
            events.hear("sent at rest")
            until("alice has looked") { alsoLate.stats.lookups >= 4uL }
            assertEquals(0uL to 0uL, late.stats.lookups to late.stats.stores)
            assertFalse(late.isJoined)
            pair.bob.networkChanged()
            pair.bob.resume()
            assertFalse(pair.bob.isPaused)
            late.joined(120.seconds)
            alsoLate.joined(120.seconds)
        }
    }

    @Test
    fun `what nobody holds any more goes by itself`(): Unit = live {
        suspend fun forgotten() {
            val node = node()
            node.join("forgotten", "secret").subscribe()
        }
        // Starts what stays: the testnet and the library's threads.
        node().closeAndWait()
        val before = Held.now()
        repeat(5) { forgotten() }
        until("the collector found them:", { Held.now().since(before) }) {
            System.gc()
            delay(100.milliseconds)
            Held.now().descriptors <= before.descriptors
        }
    }
}
