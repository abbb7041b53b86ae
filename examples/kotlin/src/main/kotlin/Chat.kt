import dtt.DttException
import dtt.ErrorKind
import dtt.Event
import dtt.Node
import dtt.NodeConfig
import dtt.Testnet
import dtt.TopicState
import dtt.short
import dtt.text
import dtt.withOptions
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlin.system.exitProcess

/** A chat: run it twice with the same topic and secret. With `DTT_BOOTSTRAP` set it is on a testnet. `DTT_CONFIG` sets options. */
fun main(arguments: Array<String>) {
    if (arguments.size != 2) {
        System.err.println("usage: chat TOPIC SECRET")
        exitProcess(2)
    }
    try {
        runBlocking { chat(arguments[0], arguments[1]) }
    } catch (error: DttException) {
        System.err.println(error.message)
        exitProcess(if (error.kind == ErrorKind.INVALID_ARGUMENT) 2 else 1)
    }
}

private suspend fun chat(name: String, secret: String) {
    val node = Node.spawn(config())
    val topic = node.join(name, secret)
    println("I am ${node.id.short}")
    coroutineScope {
        launch {
            topic.events().collect { event ->
                when (event) {
                    is Event.NeighborUp -> println("* met ${event.peer.short}")
                    is Event.NeighborDown -> println("* lost ${event.peer.short}")
                    is Event.Received -> println(event.message.text)
                    is Event.Lagged -> println("* too slow: ${event.missed?.let { "$it " } ?: ""}events are missing")
                    Event.KeyInUse -> println("* another process uses this key")
                    is Event.StateChanged -> println("* ${words.getValue(event.state)}")
                }
            }
        }
        while (true) {
            val line = withContext(Dispatchers.IO) { readlnOrNull() } ?: break
            try {
                topic.broadcast("${node.id.short}: $line")
            } catch (error: DttException) {
                System.err.println("not sent: ${error.message}")
            }
        }
        node.closeAndWait()
    }
}

private val words = mapOf(TopicState.LOOKING_UP to "Looking for others", TopicState.JOINED to "Joined", TopicState.ALONE to "Alone")

/** The public network, or the testnet that `DTT_BOOTSTRAP` names, with the options in `DTT_CONFIG`. */
private fun config(): NodeConfig {
    val config = System.getenv("DTT_BOOTSTRAP")?.takeIf { it.isNotEmpty() }?.let { Testnet.nodeConfig(it.split(",")) } ?: NodeConfig()
    return config.withOptions(System.getenv("DTT_CONFIG") ?: "")
}
