package dtt

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** One DHT for all tests of this process. */
internal val testnet: Testnet by lazy { runBlocking { Testnet.start() } }

/** A test with a bound that only a defect reaches. */
internal fun live(limit: Duration = 120.seconds, test: suspend CoroutineScope.() -> Unit): Unit =
    runBlocking(Dispatchers.Default) { withTimeout(limit, test) }

internal suspend fun node(): Node = Node.spawn(testnet.nodeConfig())

/** Two nodes that are neighbors on a topic, which end with the test. */
internal suspend fun pair(name: String, rotation: SecretRotation? = null, test: suspend (Pair) -> Unit) {
    val pair = Pair(node(), node())
    try {
        pair.hers = pair.alice.join(name, "secret", rotation = rotation)
        pair.his = pair.bob.join(name, "secret", rotation = rotation)
        pair.hers.joined()
        pair.his.joined()
        test(pair)
    } finally {
        pair.alice.close()
        pair.bob.close()
    }
}

internal class Pair(val alice: Node, val bob: Node) {
    lateinit var hers: Topic
    lateinit var his: Topic
}

/** Reads events until this message comes. */
internal suspend fun Events.hear(text: String) {
    while (true) {
        val event = checkNotNull(next()) { "the topic is closed" }
        if (event is Event.Received && event.message.text == text) return
    }
}

/** Asks again and again until the answer is yes; for what gives no event. */
internal suspend fun until(what: String, check: suspend () -> Boolean) {
    val came = withTimeoutOrNull(60.seconds) {
        while (!check()) delay(20.milliseconds)
        true
    }
    assertTrue(came == true) { "not within 60 s: $what" }
}

/** A call must fail with an error of this kind, whose message has this text. */
internal inline fun failsWith(kind: ErrorKind, text: String, call: () -> Unit): DttException {
    val error = assertThrows<DttException> { call() }
    assertTrue(error.kind == kind) { "$error" }
    assertTrue(text in error.message!!) { "$error" }
    return error
}

/** What this process holds; threads of the JVM itself come and go. */
internal data class Held(val descriptors: Int, val threads: Int) {
    companion object {
        private val jvm = Regex("^(C1|C2|GC|G1|VM |Default|kotlinx|Common-Cl|Sweeper|Attach|Notif|Cleaner|JNA).*")

        fun now(): Held {
            val threads = File("/proc/self/task").listFiles().orEmpty().count { task ->
                val name = runCatching { File(task, "comm").readText().trim() }.getOrDefault("C1")
                !jvm.matches(name)
            }
            return Held(File("/proc/self/fd").list().orEmpty().size, threads)
        }
    }
}
