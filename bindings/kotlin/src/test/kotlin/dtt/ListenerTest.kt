package dtt

import kotlinx.coroutines.delay
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration.Companion.milliseconds

/** Events by callback. */
class ListenerTest {
    private class Recorder(val act: (Event) -> Unit = {}) : EventListener {
        val events = ConcurrentLinkedQueue<Event>()
        val ends = AtomicInteger()

        override fun onEvent(event: Event) {
            events += event
            act(event)
        }

        override fun onEnd() {
            ends.incrementAndGet()
        }

        fun messages() = events.filterIsInstance<Event.Received>().map { it.message.text }
    }

    @Test
    fun `it is told of everything in order and of the end once`(): Unit = live {
        pair("told") { pair ->
            val recorder = Recorder()
            pair.his.listen(recorder)
            repeat(50) { pair.hers.broadcast("message $it") }
            until("all came") { recorder.messages().size == 50 }
            assertEquals(List(50) { "message $it" }, recorder.messages())
            pair.bob.closeAndWait()
            until("the end is told") { recorder.ends.get() > 0 }
            delay(50.milliseconds)
            assertEquals(1, recorder.ends.get())
        }
    }

    @Test
    fun `two nodes with one key are both told`(): Unit = live {
        val key = SecretKey.generate()
        val nodes = List(2) { Node.spawn(testnet.nodeConfig().copy(secretKey = key)) }
        val topics = nodes.map { it.join("one key", "secret") }
        val recorders = topics.map { topic -> Recorder().also { topic.listen(it) } }
        until("both were told") { recorders.all { Event.KeyInUse in it.events } }
        nodes.forEach { it.closeAndWait() }
    }

    @Test
    fun `one that throws gets the next event all the same and the log tells`(): Unit = live {
        val warnings = ConcurrentLinkedQueue<String>()
        Log.listen(LogLevel.WARN) { _, target, text -> if (target == "dtt::listener") warnings += text }
        pair("throws") { pair ->
            val recorder = Recorder { if (it is Event.Received) error("thrown on purpose") }
            pair.his.listen(recorder)
            val declared = Recorder { if (it is Event.Received) throw ListenerException.Failed("declared on purpose") }
            pair.his.listen(declared)
            val todo = Recorder { if (it is Event.Received) TODO("not yet, on purpose") }
            pair.his.listen(todo)
            pair.his.listen { if (it is Event.Received) throw AssertionError("asserted on purpose") }
            repeat(3) { pair.hers.broadcast("message $it") }
            until("all came") { recorder.messages().size == 3 && declared.messages().size == 3 && todo.messages().size == 3 }
        }
        for (words in listOf("thrown on purpose", "declared on purpose", "not yet, on purpose", "asserted on purpose")) {
            until("the warnings came: $words") { warnings.count { words in it } == 3 }
        }
        Log.end()
    }

    @Test
    fun `a log listener that throws anything is called again`(): Unit = live {
        val lines = AtomicInteger()
        Log.listen(LogLevel.DEBUG) { _, _, _ ->
            lines.incrementAndGet()
            throw AssertionError("on purpose")
        }
        // The start of each is told.
        repeat(2) { node().closeAndWait() }
        until("both lines came") { lines.get() > 1 }
        Log.end()
    }

    @Test
    fun `one may close its topic and its node and end itself`(): Unit = live {
        pair("closes") { pair ->
            val himself = AtomicReference<AutoCloseable>()
            val once = Recorder { if (it is Event.Received) himself.get().close() }
            himself.set(pair.his.listen(once))
            val closing = Recorder { if (it is Event.Received && it.message.text == "message 1") pair.his.close() }
            pair.his.listen(closing)
            val closingNode = Recorder { if (it is Event.Received) pair.alice.close() }
            pair.hers.listen(closingNode)
            pair.hers.broadcast("message 0")
            until("one came") { once.messages().isNotEmpty() && closing.messages().isNotEmpty() }
            pair.his.broadcast("close")
            until("alice is closed") { pair.alice.isClosed && closingNode.ends.get() == 1 }
            assertEquals(listOf("message 0"), once.messages())
            until("its end is told") { once.ends.get() == 1 }
            pair.his.close()
            until("the other one's too") { closing.ends.get() == 1 }
        }
    }

    @Test
    fun `a function will do and a slow one is told what it misses`(): Unit = live {
        val alice = node()
        val bob = node()
        val hers = alice.join("slow", "secret")
        val his = bob.join("slow", "secret", config = TopicConfig(eventCapacity = 4u))
        his.joined()
        hers.joined()
        val missed = AtomicInteger()
        val heard = AtomicInteger()
        val goOn = CountDownLatch(1)
        his.listen { event ->
            if (event is Event.Lagged) missed.addAndGet(checkNotNull(event.missed).toInt())
            if (event is Event.Received) heard.incrementAndGet()
            // So slow that everything has come before it goes on.
            goOn.await(60, TimeUnit.SECONDS)
        }
        repeat(100) { hers.broadcast("message $it") }
        until("all came") { his.stats.received == 100uL }
        goOn.countDown()
        until("all are accounted for") { missed.get() + heard.get() >= 100 }
        assertTrue(missed.get() > 0)
        alice.closeAndWait()
        bob.closeAndWait()
    }
}
