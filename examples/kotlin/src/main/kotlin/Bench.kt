import dtt.Event
import dtt.Node
import dtt.Testnet
import kotlinx.coroutines.runBlocking
import kotlin.system.exitProcess

/** Receives for the bench (lab/bench): a byte to standard output for each 64 messages of 256 bytes. */
fun main(arguments: Array<String>) {
    val bootstrap = arguments.single().split(",")
    runBlocking {
        val node = Node.spawn(Testnet.nodeConfig(bootstrap))
        val topic = node.join("bindings", "secret")
        var received = 0L
        topic.events().collect { event ->
            if (event is Event.Received) {
                check(event.message.content.size == 256)
                received += 1
                if (received % STEP == 0L) {
                    System.out.write('.'.code)
                    System.out.flush()
                }
            }
        }
    }
    exitProcess(0)
}

private const val STEP = 64L
