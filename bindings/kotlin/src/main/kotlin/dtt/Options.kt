package dtt

/**
 * These options with others instead, which are given as text: `key=value` with commas between them.
 *
 * A piece without a key and `=` belongs to the list before it, as in `"dht.bootstrap=192.0.2.1:6881,192.0.2.2:6881,relays=disabled"`.
 * docs/options.md has the keys. The library reads no environment variable by itself; the examples hand in `DTT_CONFIG`.
 *
 * @throws DttException `INVALID_ARGUMENT`, which names the key, the value and the limits
 */
public fun NodeConfig.withOptions(text: String): NodeConfig = native { rawNodeConfigWithOptions(this, text) }
