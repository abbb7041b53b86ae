package dtt

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Waiting can be given up anywhere: nothing is lost, and nothing is left running. */
class CancelTest {
    @Test
    fun `what waits for ever ends at once and leaves no task behind`(): Unit = live {
        val node = node()
        val topic = node.join("nobody else", "secret")
        val events = topic.subscribe()
        while (withTimeoutOrNull(200.milliseconds) { events.next() } != null) continue
        val before = standingTasks()
        val waits: List<suspend () -> Any?> = listOf(
            { topic.joined() },
            { topic.joined(100.seconds) },
            { events.next() },
            { events.collect { } },
            { node.join("nobody", "at all", timeout = 100.seconds) },
        )
        for (wait in waits) {
            repeat(10) {
                val waiting = launch(start = CoroutineStart.UNDISPATCHED) { wait() }
                delay(5.milliseconds)
                assertTrue(waiting.isActive)
                waiting.cancelAndJoin()
            }
        }
        // Of each kind of wait that leaves one, there would be ten.
        until("no task is left:", { "${rawAliveTasks()} of $before" }) { rawAliveTasks() <= before }
        node.closeAndWait()
    }

    @Test
    fun `every call can be cancelled at any moment and the node goes on`(): Unit = live {
        pair("any moment") { pair ->
            val peers = listOf(pair.bob.address())
            val calls: List<suspend () -> Unit> = listOf(
                { node().close() },
                { pair.alice.join("some", "topic").closeAndWait() },
                { pair.alice.stats() },
                { pair.alice.networkChanged() },
                { pair.alice.pause() },
                { pair.alice.resume() },
                { pair.hers.broadcast("${Random.nextLong()}") },
                { pair.hers.broadcastNeighbors(Random.nextBytes(9)) },
                { pair.hers.joinPeers(peers) },
                { pair.hers.dhtHealth() },
                { pair.hers.joined() },
            )
            val random = Random(7)
            for (call in calls) {
                repeat(15) {
                    val running = launch { call() }
                    delay(random.nextInt(2000).microseconds)
                    running.cancelAndJoin()
                }
            }
            pair.alice.resume()
            val events = pair.his.subscribe()
            pair.hers.joined()
            pair.hers.broadcast("still here")
            events.hear("still here")
        }
    }

    @Test
    fun `who gives up reading again and again misses nothing`(): Unit = live {
        pair("again and again") { pair ->
            val events = pair.his.subscribe()
            val count = 600
            val sender = launch {
                repeat(count) {
                    // The gossip layer keeps 256 events of a topic, and drops what a busy machine does not take in time.
                    while (it - pair.his.stats.received.toInt() > 100) delay(1.milliseconds)
                    pair.hers.broadcast("message $it")
                    if (it % 20 == 0) delay(5.milliseconds)
                }
            }
            val heard = mutableListOf<String>()
            val random = Random(3)
            while (heard.size < count) {
                // Three ways to stop: a time limit, cancellation from elsewhere, and an operator.
                when (random.nextInt(3)) {
                    0 -> withTimeoutOrNull(random.nextInt(3000).microseconds) { events.collect { heard.note(it) } }
                    1 -> cancelledSoon(random) { events.collect { heard.note(it) } }
                    else -> withTimeoutOrNull(5.milliseconds) { events.take(1 + random.nextInt(5)).collect { heard.note(it) } }
                }
            }
            sender.join()
            assertEquals(List(count) { "message $it" }, heard.sortedBy { it.substringAfter(' ').toInt() })
            assertEquals(heard.toSet().size, heard.size, "nothing came twice")
        }
    }

    @Test
    fun `closing goes on without whoever waits`(): Unit = live {
        val node = node()
        val topic = node.join("given up", "secret")
        val closingTopic = launch(start = CoroutineStart.UNDISPATCHED) { topic.closeAndWait() }
        closingTopic.cancelAndJoin()
        until("the topic is closed") { topic.state == null }
        val closing = launch(start = CoroutineStart.UNDISPATCHED) { node.closeAndWait() }
        closing.cancelAndJoin()
        assertTrue(node.isClosed)
        node.closeAndWait()
    }

    @Test
    fun `closing wakes everyone who waits`(): Unit = live {
        val node = node()
        val topic = node.join("woken", "secret")
        val events = topic.subscribe()
        val reader = async { events.toList() }
        val joiner = async { runCatching { topic.joined() }.exceptionOrNull() }
        delay(50.milliseconds)
        node.closeAndWait()
        assertTrue(reader.await().isNotEmpty())
        assertEquals(ErrorKind.CLOSED, (joiner.await() as DttException).kind)
        assertNull(events.next())
    }

    @Test
    fun `a queue that is closed while someone waits for it is gone`(): Unit = live {
        pair("closed while waiting") { pair ->
            val events = pair.his.subscribe()
            while (withTimeoutOrNull(200.milliseconds) { events.next() } != null) continue
            assertEquals(1uL, pair.his.stats.subscribers)
            val waiting = async(start = CoroutineStart.UNDISPATCHED) { events.next() }
            delay(50.milliseconds)
            assertTrue(waiting.isActive)
            events.close()
            assertNull(waiting.await())
            until("nobody subscribes") { pair.his.stats.subscribers == 0uL }
            repeat(5) { pair.hers.broadcast("late $it") }
            until("they came") { pair.his.stats.received == 5uL }
            assertNull(events.tryNext())
            assertNull(events.next())
            assertEquals(emptyList<Event>(), events.toList())

            // Whether the one who closes or one who waits is quicker is chance: often, and many of them.
            val queues = List(200) { pair.his.subscribe() }
            for (queue in queues) {
                val waiters = List(8) { launch { queue.collect { } } }
                delay(1.milliseconds)
                queue.close()
                waiters.joinAll()
            }
            until("nobody subscribes any more") { pair.his.stats.subscribers == 0uL }
            assertTrue(queues.all { it.tryNext() == null })
        }
    }

    @Test
    fun `resting and going on are done to their end without whoever waits`(): Unit = live {
        val node = node()
        for (rests in listOf(true, false, true, false)) {
            val changing = launch(start = CoroutineStart.UNDISPATCHED) { if (rests) node.pause() else node.resume() }
            changing.cancelAndJoin()
            until("it rests: $rests") { node.isPaused == rests }
        }
        // What was asked for last is what it does.
        repeat(50) { n ->
            for (rests in listOf(n % 2 == 0, n % 2 == 1)) {
                launch(start = CoroutineStart.UNDISPATCHED) { if (rests) node.pause() else node.resume() }.cancelAndJoin()
            }
            if (n % 2 == 0) node.resume() else node.pause()
            assertEquals(n % 2 == 1, node.isPaused)
        }
        node.closeAndWait()
    }

    @Test
    fun `two readers share the events`(): Unit = live {
        pair("shared") { pair ->
            val events = pair.his.subscribe()
            val heard = List(2) { mutableListOf<String>() }
            coroutineScope {
                val readers = heard.map { list -> launch { events.collect { list.note(it) } } }
                repeat(200) { pair.hers.broadcast("message $it") }
                until("all came") { heard.sumOf { it.size } == 200 }
                readers.forEach { it.cancelAndJoin() }
            }
            assertEquals(200, heard.flatten().toSet().size)
        }
    }

    private fun MutableList<String>.note(event: Event) {
        if (event is Event.Received) add(event.message.text)
    }

    private suspend fun CoroutineScope.cancelledSoon(random: Random, work: suspend () -> Unit) {
        val job = launch { work() }
        delay(random.nextInt(3000).microseconds)
        job.cancelAndJoin()
    }
}
