package dtt

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlin.time.Duration

/**
 * A topic that has been joined.
 *
 * Gossip promises neither delivery nor order: without neighbors a message goes nowhere, and an identical payload within
 * about 90 s is dropped.
 */
public class Topic internal constructor(private val raw: RawTopic) : AutoCloseable {
    /** The topic's id. */
    public val id: TopicId = raw.id()

    /** The most bytes that one message carries. */
    public val maxMessageSize: Int = raw.maxMessageSize().toInt()

    /** Where the topic stands; null when it is closed. */
    public val state: TopicState? get() = raw.state()

    /** Whether there is a neighbor now. */
    public val isJoined: Boolean get() = state == TopicState.JOINED

    /** The direct neighbors now. */
    public val neighbors: Set<NodeId> get() = raw.neighbors().toSet()

    /** What the topic has done so far, or had done when it was closed. */
    public val stats: TopicStats get() = raw.stats()

    /**
     * Waits until there is a neighbor, for [limit] at the most if it is given; the topic goes on looking after that.
     *
     * @throws DttException `TIMEOUT` (its message says how far joining came), `CLOSED`
     */
    public suspend fun joined(limit: Duration? = null): Unit = native { raw.joined(limit, null) }

    /**
     * Sends a message to the whole swarm.
     *
     * @throws DttException `TOO_LARGE` (see [maxMessageSize]), `CLOSED`, `TIMEOUT`, `GOSSIP`
     */
    public suspend fun broadcast(content: ByteArray): Unit = native { raw.broadcast(content, null) }

    /** [broadcast] of a text, as UTF-8. */
    public suspend fun broadcast(text: String): Unit = broadcast(text.encodeToByteArray())

    /** Sends a message to the direct neighbors only; otherwise like [broadcast]. */
    public suspend fun broadcastNeighbors(content: ByteArray): Unit = native { raw.broadcastNeighbors(content, null) }

    /** Joins peers that the application knows. Each join may make the peer drop a neighbor: do not repeat it in a loop. */
    public suspend fun joinPeers(peers: List<NodeAddress>): Unit = native { raw.joinPeers(peers, null) }

    /**
     * The events as a flow. Each collection has a queue of its own, as [subscribe] gives it, which ends with the collection: what
     * comes between two collections is missed. Of a topic that is closed it is empty.
     */
    public fun events(): Flow<Event> = flow {
        val queue = try {
            subscribe()
        } catch (error: DttException) {
            if (error.kind == ErrorKind.CLOSED) return@flow else throw error
        }
        queue.use { emitAll(it) }
    }

    /**
     * A subscriber's own queue of events, which fills until it is closed, whether or not anybody reads it: reading may stop and
     * go on without losing anything. Close it when it is done with, or it stays until the garbage collector finds it.
     *
     * The first queue of what [Node.join] returned, here or by [events], has been filling since then, so nothing is missed in
     * between; each further one begins with the present state and neighbors. A queue keeps the topic and its node open.
     *
     * @throws DttException `CLOSED`
     */
    public fun subscribe(): Events = Events(native { raw.subscribe() })

    /**
     * Has a listener called for each event, from a queue of its own, until the topic is closed or the result is. It keeps the
     * topic and its node open until then. What it throws goes to the [Log], which is off unless it is listened to.
     *
     * @throws DttException `CLOSED`
     */
    public fun listen(listener: EventListener): AutoCloseable {
        val listening = native { raw.listen(GuardedListener(listener)) }
        return AutoCloseable { listening.stop() }
    }

    /** [listen] with a function for the events. */
    public fun listen(onEvent: (Event) -> Unit): AutoCloseable = listen(
        object : EventListener {
            override fun onEvent(event: Event) = onEvent.invoke(event)

            override fun onEnd() = Unit
        },
    )

    /** The state of the DHT client. It may take a moment: the client is asked. */
    public suspend fun dhtHealth(): DhtHealth = native { raw.dhtHealth(null) }

    /**
     * Closes the topic, with every handle to it: neighbors are told, and every queue of events ends after what is in it. It
     * takes 2 s at most. Twice is fine.
     */
    public suspend fun closeAndWait(): Unit = native { raw.close(null) }

    /**
     * Begins to close the topic and returns at once. [closeAndWait] does the same and waits for the end.
     *
     * There are two functions, because `use` calls [AutoCloseable.close], which cannot suspend.
     */
    override fun close(): Unit = raw.beginClose()
}
