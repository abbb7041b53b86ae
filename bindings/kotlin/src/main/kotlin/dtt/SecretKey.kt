package dtt

/**
 * A node's secret key, which makes its id. Printing it, or something that holds it, shows nothing of it; whoever keeps it for
 * the next start of the application asks for its [bytes].
 */
public class SecretKey internal constructor(internal val raw: ByteArray) {
    /** The 32 bytes: a copy. They are a secret. */
    public val bytes: ByteArray get() = raw.copyOf()

    override fun equals(other: Any?): Boolean = other is SecretKey && java.security.MessageDigest.isEqual(raw, other.raw)

    override fun hashCode(): Int = raw.contentHashCode()

    override fun toString(): String = "SecretKey(..)"

    public companion object {
        /**
         * The key that these 32 bytes are.
         *
         * @throws DttException `INVALID_ARGUMENT`
         */
        public fun of(bytes: ByteArray): SecretKey = native { secretKeyOfBytes(bytes) }

        /** A new one: 32 random bytes. */
        public fun generate(): SecretKey = generateSecretKey()
    }
}
