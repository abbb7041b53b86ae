package dtt

import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native

/**
 * The native library's threads call into the JVM whenever a waiting call is done. JNA would make each a new thread of the
 * JVM, and end it, for every such call; this way they stay what they are.
 */
private val attachOnce: Unit by lazy {
    val threads = CallbackThreadInitializer(true, false, "dtt")
    Native.setCallbackThreadInitializer(uniffiRustFutureContinuationCallbackImpl, threads)
}

internal fun quicken(): Unit = attachOnce
