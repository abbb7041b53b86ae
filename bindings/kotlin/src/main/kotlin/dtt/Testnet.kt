package dtt

/**
 * An embedded DHT on loopback: applications are tested, and demos run, without any network.
 *
 * ```kotlin
 * Testnet.start().use { testnet ->
 *     val node = Node.spawn(testnet.nodeConfig())
 * }
 * ```
 *
 * It runs until it is closed or the garbage collector finds it: keep it as long as its nodes.
 */
public class Testnet private constructor(private val raw: RawTestnet) : AutoCloseable {
    /** The nodes to enter it by, as `127.0.0.1:port`. */
    public val bootstrap: List<String> = raw.bootstrap()

    /**
     * The configuration of a node that uses it and never reaches beyond this machine. Its `topics` name this DHT: change them by
     * `copy`, since a new [TopicConfig] in their place is of the public one.
     */
    public fun nodeConfig(): NodeConfig = nodeConfig(bootstrap)

    /** Ends it. Twice is fine. */
    override fun close(): Unit = raw.end()

    public companion object {
        /**
         * Starts a testnet of so many nodes: 2 to 256. It takes about a second.
         *
         * @throws DttException `INVALID_ARGUMENT`, `BIND`
         */
        public suspend fun start(nodes: Int = 16): Testnet =
            native { Testnet(RawTestnet.start(nodes.coerceAtLeast(0).toUInt(), null)) }

        /** [Testnet.nodeConfig] for a testnet that another process runs. */
        public fun nodeConfig(bootstrap: List<String>): NodeConfig = testnetNodeConfig(bootstrap)
    }
}
