package dtt

/*
 * The generated code takes only exceptions for failures. Errors, as `TODO()` and failed assertions throw them, would get lost on
 * a thread of the native library, and it would be told that all went well.
 */

internal class GuardedListener(private val listener: EventListener) : EventListener {
    override fun onEvent(event: Event) = guarded { listener.onEvent(event) }

    override fun onEnd() = guarded { listener.onEnd() }
}

internal class GuardedLog(private val onLine: (LogLevel, String, String) -> Unit) : LogListener {
    override fun onLine(level: LogLevel, target: String, text: String) = guarded { onLine.invoke(level, target, text) }
}

internal class GuardedRotation(private val rotation: SecretRotation) : SecretRotation {
    override fun derive(topic: TopicId, unixMinute: ULong, secretHash: ByteArray): ByteArray =
        try {
            rotation.derive(topic, unixMinute, secretHash)
        } catch (declared: RotationException) {
            throw declared
        } catch (thrown: Throwable) {
            // Its message may hold anything, the seed too.
            throw RotationException.Failed("it threw ${thrown.javaClass.name}")
        }
}

private inline fun guarded(call: () -> Unit) {
    try {
        call()
    } catch (declared: ListenerException) {
        throw declared
    } catch (thrown: Throwable) {
        throw ListenerException.Failed(thrown.stackTraceToString())
    }
}
