import dtt.Event
import dtt.Node
import dtt.Testnet
import dtt.Topic
import dtt.TopicState
import dtt.text
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.milliseconds

/**
 * A peer of `make demo-all`: it greets twice a second, prints a line for each thing that happens (`published`, `found`,
 * `dialed`, `joined`, `heard NAME`), and ends when its input ends.
 */
fun main(arguments: Array<String>) {
    val secret = System.getenv("DTT_DEMO_SECRET")
    if (arguments.size != 3 || secret == null) {
        System.err.println("usage: DTT_DEMO_SECRET=... demo-peer NAME TOPIC BOOTSTRAP")
        exitProcess(2)
    }
    val (name, topic, bootstrap) = arguments
    runBlocking { peer(name, topic, secret, bootstrap.split(",")) }
    exitProcess(0)
}

private suspend fun peer(name: String, topicName: String, secret: String, bootstrap: List<String>) = coroutineScope {
    val node = Node.spawn(Testnet.nodeConfig(bootstrap))
    val topic = node.join(topicName, secret)
    val joined = Channel<Unit>(Channel.CONFLATED)
    launch {
        val told = mutableSetOf<String>()
        while (true) {
            firsts(topic).filter { told.add(it) }.forEach(::println)
            delay(10.milliseconds)
        }
    }
    launch {
        var round = 0
        while (true) {
            topic.broadcast("$name ${round++}")
            // Whoever just joined has heard nothing yet.
            withTimeoutOrNull(500.milliseconds) { joined.receive() }
        }
    }
    launch {
        val heard = mutableSetOf<String>()
        topic.events().collect { event ->
            if (event == Event.StateChanged(TopicState.JOINED)) {
                println("joined")
                joined.send(Unit)
            } else if (event is Event.Received) {
                val author = event.message.text.substringBefore(' ')
                if (heard.add(author)) println("heard $author")
            }
        }
    }
    withContext(Dispatchers.IO) { while (readlnOrNull() != null) continue }
    coroutineContext.cancelChildren()
    node.closeAndWait()
}

/** What has happened at least once. */
private fun firsts(topic: Topic): List<String> {
    val stats = topic.stats
    val all = listOf("published" to stats.firstStore, "found" to stats.firstRecord, "dialed" to stats.firstDial)
    return all.filter { it.second != null }.map { it.first }
}
