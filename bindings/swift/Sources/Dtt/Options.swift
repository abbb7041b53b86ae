import DttGenerated

extension NodeConfig {
    /// These options with others instead, which are given as text: `key=value` with commas between them.
    ///
    /// A piece without a key and `=` belongs to the list before it, as in
    /// `"dht.bootstrap=192.0.2.1:6881,192.0.2.2:6881,relays=disabled"`. docs/options.md has the keys. The library reads no
    /// environment variable by itself; the examples hand in `DTT_CONFIG`.
    ///
    /// - Throws: ``DttError`` of the kind `invalidArgument`, which names the key, the value and the limits.
    public func withOptions(_ text: String) throws -> NodeConfig {
        try native { try rawNodeConfigWithOptions(config: self, text: text) }
    }
}
