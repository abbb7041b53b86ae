package dtt

import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.seconds

class MeetTest {
    @Test
    fun `two meet and hear each other`(): Unit = runBlocking {
        withTimeout(60.seconds) {
            Testnet.start().use { testnet ->
                val alice = Node.spawn(testnet.nodeConfig())
                val bob = Node.spawn(testnet.nodeConfig())
                val hers = alice.join("meet", "secret")
                val his = bob.join("meet", "secret")
                hers.joined()
                his.joined(30.seconds)
                val events = his.events()
                hers.broadcast("hello from Kotlin")
                val heard = events.filterIsInstance<Event.Received>().first()
                assertEquals("hello from Kotlin", heard.message.text)
                assertEquals(alice.id, heard.message.deliveredFrom)
                alice.shutdown()
                bob.shutdown()
            }
        }
    }
}
