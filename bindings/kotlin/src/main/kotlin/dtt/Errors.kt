package dtt

/**
 * A call of this library failed.
 *
 * @property kind what went wrong; its number never changes its meaning
 */
public class DttException(public val kind: ErrorKind, message: String) : Exception(message) {
    /** The number of [kind], the same in every language. */
    public val code: Int get() = kind.value.toInt()

    override fun toString(): String = "DttException(${errorKindName(kind)}): $message"
}

/** Runs a call of the native library, with its errors as applications see them. */
internal inline fun <T> native(call: () -> T): T =
    try {
        call()
    } catch (error: RawException) {
        throw readable(error)
    } catch (error: InternalException) {
        throw DttException(ErrorKind.INTERNAL, "the library panicked: ${error.message}")
    }

internal fun readable(error: RawException): Exception = when (error) {
    is RawException.Failed -> DttException(error.kind, error.reason)
    is RawException.Cancelled -> java.util.concurrent.CancellationException("the call was cancelled")
}
