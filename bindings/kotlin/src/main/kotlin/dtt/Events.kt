package dtt

import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector

/**
 * A subscriber's own bounded queue of events: [Topic.subscribe]. Collecting it ends when the topic is closed and everything has been read.
 *
 * Whoever stops collecting, by cancellation or by an operator like `first`, loses nothing: the next collector goes on where
 * this one ended. Two at the same time share the events. When a reader is slow and the queue is full, the oldest events
 * go, and an [Event.Lagged] says exactly how many. It has no number where the gossip layer lost events, which does not count.
 */
public class Events internal constructor(private val raw: RawEvents) : Flow<Event>, AutoCloseable {
    private val taken = ArrayDeque<Event>()

    /** The next event; null when the topic or this queue is closed and everything has been read. */
    public suspend fun next(): Event? {
        while (true) {
            // Before anything is taken: afterwards nothing may be cancelled.
            currentCoroutineContext().ensureActive()
            tryNext()?.let { return it }
            if (!native { raw.ready(null) }) return tryNext()
        }
    }

    /** The next event if there is one now. */
    public fun tryNext(): Event? = synchronized(taken) {
        if (taken.isEmpty()) taken.addAll(raw.take(BATCH))
        taken.removeFirstOrNull()
    }

    // By hand: the `flow` builder may be cancelled between taking an event and handing it over.
    override suspend fun collect(collector: FlowCollector<Event>) {
        while (true) {
            collector.emit(next() ?: return)
        }
    }

    /** Ends the queue, and with it the collecting; the topic goes on. Twice is fine. */
    override fun close() {
        raw.end()
        synchronized(taken) { taken.clear() }
    }

    private companion object {
        /** Events that cross the boundary at once. */
        const val BATCH = 256u
    }
}
