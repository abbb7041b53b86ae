package dtt

import kotlin.time.Duration

/**
 * An endpoint, the gossip layer on it, and the DHT: everything that topics run on.
 *
 * ```kotlin
 * Node.spawn().use { node ->
 *     val topic = node.join("my-topic", "our secret")
 *     val events = topic.subscribe()
 *     topic.joined()
 *     topic.broadcast("hello from ${node.id.short}")      // an identical payload would be dropped
 *     events.collect { event ->
 *         if (event is Event.Received) println(event.message.text)
 *     }
 * }
 * ```
 *
 * Every function may be called from any thread, and every `suspend` function may be cancelled. A node that is forgotten closes when
 * the garbage collector finds it, unless a topic or a queue of events is still held, or something listens. A process ends whether or not its
 * nodes are closed; peers notice at once if they are, and within about half a minute otherwise.
 */
public class Node private constructor(private val raw: RawNode) : AutoCloseable {
    /** The node's id: its public key. */
    public val id: NodeId = raw.id()

    /** Whether the node has been closed. */
    public val isClosed: Boolean get() = raw.isClosed()

    /** Whether the node rests: [pause]. */
    public val isPaused: Boolean get() = raw.isPaused()

    /** The node's id with the addresses at which it can be reached, as far as it knows them now. */
    public fun address(): NodeAddress = native { raw.address() }

    /**
     * Joins a topic by its name and a secret that its members share, both as UTF-8.
     *
     * It returns at once, and joining goes on in the background: see [Topic.joined]. With a [timeout] it waits for a first
     * neighbor and gives the topic up if none came, which is what the first member of a topic always gets.
     * Joining a topic again with the same secret and rotation gives another handle to it, with the options of the first. Whoever
     * closes one of them closes them all.
     *
     * @param config options of this topic; what is not set is as the node has it
     * @param rotation a secret rotation of one's own, which all members must use
     * @throws DttException `CLOSED`, `TIMEOUT`, `INVALID_ARGUMENT`, `GOSSIP`
     */
    public suspend fun join(
        name: String,
        secret: String,
        timeout: Duration? = null,
        config: TopicConfig? = null,
        rotation: SecretRotation? = null,
    ): Topic = join(name.encodeToByteArray(), secret.encodeToByteArray(), timeout, config, rotation)

    /** [join] with a name and a secret of any bytes. */
    public suspend fun join(
        name: ByteArray,
        secret: ByteArray,
        timeout: Duration? = null,
        config: TopicConfig? = null,
        rotation: SecretRotation? = null,
    ): Topic = native { Topic(raw.join(name, secret, options(timeout, config, rotation), null)) }

    /** [join] by the topic's id. */
    public suspend fun join(
        topic: TopicId,
        secret: ByteArray,
        timeout: Duration? = null,
        config: TopicConfig? = null,
        rotation: SecretRotation? = null,
    ): Topic = native { Topic(raw.joinId(topic, secret, options(timeout, config, rotation), null)) }

    /** What the node knows and has done. */
    public suspend fun stats(): NodeStats = native { raw.stats(null) }

    /** Tells the node that the network may have changed. Android needs it; other systems notice by themselves. */
    public suspend fun networkChanged(): Unit = native { raw.networkChanged(null) }

    /**
     * Rests: no topic looks anything up, publishes, or dials of its own accord until [resume]. For an application that goes
     * to the background. Neighbors stay as long as the system lets packets through. Who is cancelled while waiting does not
     * stop it.
     */
    public suspend fun pause(): Unit = native { raw.pause(null) }

    /**
     * Ends the rest: topics without neighbors look for one at once, and records are published anew. Who is cancelled while
     * waiting does not stop it.
     */
    public suspend fun resume(): Unit = native { raw.resume(null) }

    /**
     * Closes all topics, tells the peers, and closes all connections, within the configured time (2 s by default). Who is
     * cancelled while waiting does not stop it. Twice is fine.
     */
    public suspend fun closeAndWait(): Unit = native { raw.close(null) }

    /**
     * Begins to close the node and returns at once. [closeAndWait] does the same and waits for the end.
     *
     * There are two functions, because `use` calls [AutoCloseable.close], which cannot suspend.
     */
    override fun close(): Unit = raw.beginClose()

    private fun options(timeout: Duration?, config: TopicConfig?, rotation: SecretRotation?) =
        RawJoinOptions(timeout, config, rotation?.let(::GuardedRotation))

    public companion object {
        /**
         * Starts a node. It returns when the sockets are bound; the DHT client and the relay connection open in the
         * background.
         *
         * @throws DttException `INVALID_ARGUMENT`, `BIND`
         */
        public suspend fun spawn(config: NodeConfig = NodeConfig()): Node {
            quicken()
            return native { Node(RawNode.spawn(config, null)) }
        }
    }
}
