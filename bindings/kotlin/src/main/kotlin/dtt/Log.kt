package dtt

/** The library's log, for the whole process. Off until it is listened to. */
public object Log {
    /**
     * Has [onLine] called for each log line up to [level], instead of the one before: its level, where it comes from
     * (`dtt::topic` for example), and the text. From any thread, several at once; it must be quick and call nothing of this
     * library. Secrets are never in a line.
     */
    public fun listen(level: LogLevel, onLine: (level: LogLevel, target: String, text: String) -> Unit): Unit = native {
        setLogListener(level, GuardedLog(onLine))
    }

    /** Ends it. */
    public fun end(): Unit = native { setLogListener(LogLevel.OFF, null) }
}
