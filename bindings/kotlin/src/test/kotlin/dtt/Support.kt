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
import java.nio.file.Files
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** One DHT for all tests of this process. */
internal val testnet: Testnet by lazy { runBlocking { Testnet.start() } }

/** A test with a bound that only a defect reaches. */
internal fun live(limit: Duration = 400.seconds, test: suspend CoroutineScope.() -> Unit): Unit =
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
internal suspend fun until(
    what: String,
    details: () -> String = { "" },
    limit: Duration = 60.seconds,
    check: suspend () -> Boolean,
) {
    val came = withTimeoutOrNull(limit) {
        while (!check()) delay(20.milliseconds)
        true
    }
    assertTrue(came == true) { "not within $limit: $what ${details()}".trim() }
}

/** A call must fail with an error of this kind, whose message has this text. */
internal inline fun failsWith(kind: ErrorKind, text: String, call: () -> Unit): DttException {
    val error = assertThrows<DttException> { call() }
    assertTrue(error.kind == kind) { "$error" }
    assertTrue(text in error.message!!) { "$error" }
    return error
}

/**
 * How many tasks run in the library when nothing happens: as many as all through a second. Some of a node's begin a moment after
 * it, so a single reading may be one too low for ever.
 */
internal suspend fun standingTasks(): ULong {
    var (count, times) = rawAliveTasks() to 0
    until("the number of tasks stays:", { "$count" }) {
        val now = rawAliveTasks()
        times = if (now == count) times + 1 else 0
        count = now
        times == 50
    }
    return count
}

/**
 * What the library holds in this process: sockets and pollers, and its threads. The JVM and Maven's runner, which asks `ps` for
 * its parent every half minute, open files and start threads when they like.
 */
internal class Held private constructor(private val files: Map<String, String>, private val tasks: Map<String, String>) {
    val descriptors get() = files.size
    val threads get() = tasks.size

    /** Whether no more is held than [before]: as many, and not the same ones. */
    fun isBack(before: Held): Boolean = descriptors <= before.descriptors + ANEW && threads <= before.threads + LENT

    /** What has come since [before], by name. */
    fun since(before: Held): String =
        "$before, then $this with ${new(files, before.files).map(::described)} and ${new(tasks, before.tasks)}"

    /** A descriptor's number is given again to another file. */
    private fun new(now: Map<String, String>, then: Map<String, String>) = now.filter { then[it.key] != it.value }.values.sorted()

    override fun toString(): String = "Held(descriptors=$descriptors, threads=$threads)"

    companion object {
        /**
         * The runtime lends threads for calls that block. Such calls come every few seconds, each to another one of these threads, and so
         * keep some of them that another time end. It is far fewer than one for each cycle.
         */
        private const val LENT = 8

        /** What stands may open a socket anew before it lets the old one go. It is far fewer than one for each cycle, too. */
        private const val ANEW = 3

        /** A socket's line in the system's tables tells of which kind it is. */
        private fun described(file: String): String {
            val inode = file.substringAfter('[').substringBefore(']')
            val tables = listOf("udp", "udp6", "tcp", "tcp6", "netlink", "unix").map { File("/proc/self/net", it) }
            val found = tables.firstNotNullOfOrNull { table ->
                runCatching { table.readLines() }.getOrDefault(emptyList()).find { inode in it.split(' ') }?.let { "${table.name} $it" }
            }
            return found ?: file
        }

        private val file = Regex("^(socket|anon_inode):.*")

        /** The runtime's, which name themselves and whom they start, and those of DHT nodes. */
        private val thread = Regex("^(dtt|Mainline).*")

        fun now(): Held = Held(
            named("/proc/self/fd") { Files.readSymbolicLink(it.toPath()).toString() }.filterValues(file::matches),
            named("/proc/self/task") { File(it, "comm").readText().trim() }.filterValues(thread::matches),
        )

        /** What has ended before its name was read is not held any more. */
        private fun named(folder: String, name: (File) -> String): Map<String, String> =
            File(folder).listFiles().orEmpty()
                .mapNotNull { entry -> runCatching { entry.name to name(entry) }.getOrNull() }.toMap()
    }
}
