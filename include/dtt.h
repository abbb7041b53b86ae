/*
 * libdtt: programs find each other by a topic's name and a shared secret, and talk. No server, no address list.
 *
 * This header is the manual. docs/c-api.md explains the ideas and has complete programs.
 *
 * For every function:
 *
 * - It may be called from any thread, at any time, by several threads at once, unless it says otherwise. Only a free must
 *   not overlap with another call that uses the same handle.
 * - It ends with a status: DTT_OK, or why not. Beside those that it names, every function may end with DTT_PANIC (a defect
 *   of the library, which never ends the process), DTT_FORKED (see there) and, where memory or threads run out,
 *   DTT_SYSTEM. A `dtt_error_t **` that is not NULL gets the message.
 * - Results go to `out` pointers, which are written only when the call works.
 * - Bytes and texts that go in are copied, or not needed any more, when the call returns. What comes out says whose it is.
 * - Handles are made by functions that end in _new, _spawn, _join, _subscribe or _clone, and freed by the _free of their
 *   type, in any order. _free takes NULL and never waits. _close may be called twice, and is bounded in time.
 * - Texts are UTF-8 and end with a zero. Names, secrets and payloads are bytes with a length. Times are milliseconds.
 */


#ifndef DTT_H
#define DTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define DTT_STRINGIFY_(x) #x
#define DTT_STRINGIFY(x) DTT_STRINGIFY_(x)
/* The version of this header as a text, "0.1.0" for example. */
#define DTT_VERSION                                                                                                    \
    DTT_STRINGIFY(DTT_VERSION_MAJOR) "." DTT_STRINGIFY(DTT_VERSION_MINOR) "." DTT_STRINGIFY(DTT_VERSION_PATCH)
/* The version of this header as a number that can be compared: dtt_version_number. */
#define DTT_VERSION_NUMBER ((DTT_VERSION_MAJOR << 16) | (DTT_VERSION_MINOR << 8) | DTT_VERSION_PATCH)

/* A time-out that never comes. */
#define DTT_FOREVER UINT64_MAX
/* A time in the statistics that has not come. */
#define DTT_NEVER UINT64_MAX
/* The number of missing events, where nobody counted them: dtt_event_missed. */
#define DTT_MISSED_UNKNOWN UINT64_MAX

// The bytes of a topic id and of a node's id.
#define DTT_ID_LEN 32

// The bytes of a secret key.
#define DTT_KEY_LEN 32

// The bytes of a DHT target.
#define DTT_TARGET_LEN 20

// How many places this header knows for dtt_topic_stats.
#define DTT_TOPIC_STATS 27

// How many places this header knows for dtt_node_stats and dtt_topic_dht_health.
#define DTT_NODE_STATS 8

// The version of this header.
#define DTT_VERSION_MAJOR 0

// The version of this header.
#define DTT_VERSION_MINOR 1

// The version of this header.
#define DTT_VERSION_PATCH 0

// The version of the ABI, which the library's soname has too. Within one, functions, numbers and options are only added.
#define DTT_ABI_VERSION 0

// How a call ended. The numbers never change their meaning and are never reused; new ones may come, so treat an
// unknown number as a failure.
enum dtt_status_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It worked.
    DTT_OK = 0,
    // An argument or option is outside its limits. The message names it, the limit and the value.
    DTT_INVALID_ARGUMENT = 1,
    // A payload is larger than one message can carry.
    DTT_TOO_LARGE = 2,
    // The node, the topic or the event queue is closed.
    DTT_CLOSED = 3,
    // The time allowed for the call is over.
    DTT_TIMEOUT = 4,
    // A socket could not be opened, or the node's endpoint could not start.
    DTT_BIND = 5,
    // The DHT could not be reached, or nobody stored the record.
    DTT_DHT = 6,
    // The gossip layer refused or ended.
    DTT_GOSSIP = 7,
    // A record is malformed, foreign, stale, or not signed or sealed as it must be.
    DTT_RECORD = 8,
    // A defect of this library. Please report it.
    DTT_INTERNAL = 9,
    // The library panicked; the message is the panic's text. Nothing else is affected. Please report it.
    DTT_PANIC = 100,
    // This process was forked from one that used the library. The child cannot use the parent's handles or threads;
    // start the library in the child only if the parent never did, or use exec.
    DTT_FORKED = 101,
    // Nothing is there now. Not an error: dtt_events_try_recv says so when no event waits.
    DTT_EMPTY = 102,
    // A pointer is NULL that must not be.
    DTT_NULL = 103,
    // A length is not the one that is needed, or more than memory can hold.
    DTT_BAD_LENGTH = 104,
    // A text is not UTF-8.
    DTT_BAD_UTF8 = 105,
    // A pointer is no handle of the type that is asked for, but another type's, or something else. What was freed must not
    // be used at all: its memory may be anything by now, and nothing can tell for sure.
    DTT_BAD_HANDLE = 106,
    // A number stands for none of the choices of its option.
    DTT_UNKNOWN_OPTION = 107,
    // The event queue has a callback; it cannot be read, or given a callback, as well.
    DTT_BUSY = 108,
    // The system refused: out of descriptors, of threads, or of memory for them.
    DTT_SYSTEM = 109,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_status_t dtt_status_t;
#else
typedef int32_t dtt_status_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an event is. New kinds may come: pass over those that are not known.
enum dtt_event_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // No event: the pointer is NULL or something else.
    DTT_EVENT_NONE = 0,
    // A message came: dtt_event_data, dtt_event_peer.
    DTT_EVENT_RECEIVED = 1,
    // A node became a direct neighbor: dtt_event_peer.
    DTT_EVENT_NEIGHBOR_UP = 2,
    // A direct neighbor went: dtt_event_peer.
    DTT_EVENT_NEIGHBOR_DOWN = 3,
    // Events are missing here: the reader was too slow and its queue full, or the gossip layer lost them. dtt_event_missed says how many.
    DTT_EVENT_LAGGED = 4,
    // The topic looks for neighbors, has joined, or is alone again: dtt_event_state.
    DTT_EVENT_STATE_CHANGED = 5,
    // Something that this version of the library has no name for.
    DTT_EVENT_OTHER = 6,
    // Another process uses this node's key. Other nodes think that the two are one node, so each misses messages and
    // neighbors. Each node needs a key of its own. If the two find each other, this comes once on each topic of both.
    DTT_EVENT_KEY_IN_USE = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_event_kind_t dtt_event_kind_t;
#else
typedef int32_t dtt_event_kind_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where a topic stands.
enum dtt_state_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It is closed (or what was asked about is no topic and no event of a state).
    DTT_STATE_CLOSED = 0,
    // It looks for a first neighbor.
    DTT_STATE_LOOKING_UP = 1,
    // It has a neighbor.
    DTT_STATE_JOINED = 2,
    // Its last neighbor went; it looks for another one.
    DTT_STATE_ALONE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_state_t dtt_state_t;
#else
typedef int32_t dtt_state_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The places of a topic's statistics, for dtt_topic_stats. Times are milliseconds from joining, DTT_NEVER if it has not
// happened. Places never change; new ones come at the end.
enum dtt_topic_stat_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Slot lookups begun.
    DTT_STAT_LOOKUPS = 0,
    // Slot lookups that no DHT node answered.
    DTT_STAT_LOOKUPS_UNANSWERED = 1,
    // Records of others that were opened and verified.
    DTT_STAT_RECORDS_ACCEPTED = 2,
    // Values refused: too short, too long, or with lengths that do not match.
    DTT_STAT_REFUSED_MALFORMED = 3,
    // Values refused that do not open: another secret or rotation, or noise.
    DTT_STAT_REFUSED_SEALED = 4,
    // Values refused that are signed for another topic.
    DTT_STAT_REFUSED_TOPIC = 5,
    // Values refused that are signed for another minute.
    DTT_STAT_REFUSED_MINUTE = 6,
    // Values refused for a bad key or signature.
    DTT_STAT_REFUSED_SIGNATURE = 7,
    // Address extensions that were malformed; their records were accepted.
    DTT_STAT_HINTS_MALFORMED = 8,
    // Records that DHT nodes stored.
    DTT_STAT_STORES = 9,
    // Attempts to store that failed.
    DTT_STAT_STORES_FAILED = 10,
    // Peers dialed because there was no neighbor.
    DTT_STAT_DIALS_BOOTSTRAP = 11,
    // Peers dialed because there were few neighbors, or because records named nodes that nothing showed to be in the same
    // swarm.
    DTT_STAT_DIALS_BUBBLE = 12,
    // Peers dialed because the swarm looked split.
    DTT_STAT_DIALS_OVERLAP = 13,
    // Times that a first or only neighbor came.
    DTT_STAT_JOINED = 14,
    // Times that the last neighbor went.
    DTT_STAT_ALONE = 15,
    // Messages received.
    DTT_STAT_RECEIVED = 16,
    // Messages handed to the gossip layer.
    DTT_STAT_SENT = 17,
    // Current neighbors.
    DTT_STAT_NEIGHBORS = 18,
    // Current event queues.
    DTT_STAT_SUBSCRIBERS = 19,
    // Events that wait in the fullest queue.
    DTT_STAT_QUEUE_DEPTH = 20,
    // Events that slow readers have missed, over all queues. What the gossip layer lost is not in it.
    DTT_STAT_LAGGED = 21,
    // Time to the first record that the DHT stored.
    DTT_STAT_FIRST_STORE_MS = 22,
    // Time to the first record of another node.
    DTT_STAT_FIRST_RECORD_MS = 23,
    // Time to the first dial.
    DTT_STAT_FIRST_DIAL_MS = 24,
    // Time to the first neighbor.
    DTT_STAT_FIRST_NEIGHBOR_MS = 25,
    // Times that the gossip layer lost events, for every reader: how many, it does not say.
    DTT_STAT_GOSSIP_LAGGED = 26,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_topic_stat_t dtt_topic_stat_t;
#else
typedef int32_t dtt_topic_stat_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The places of a node's statistics, for dtt_node_stats and dtt_topic_dht_health. Places never change; new ones come at
// the end.
enum dtt_node_stat_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Nodes in the DHT client's routing table.
    DTT_STAT_DHT_ROUTING_TABLE = 0,
    // Lookups begun, of all topics of the DHT client.
    DTT_STAT_DHT_LOOKUPS = 1,
    // Lookups that at least one DHT node answered.
    DTT_STAT_DHT_LOOKUPS_ANSWERED = 2,
    // Stores tried.
    DTT_STAT_DHT_STORES = 3,
    // Stores that at least one DHT node acknowledged.
    DTT_STAT_DHT_STORES_ACKNOWLEDGED = 4,
    // Milliseconds since the last answered lookup or acknowledged store; DTT_NEVER if there was none.
    DTT_STAT_DHT_LAST_SUCCESS_MS = 5,
    // Topics that are joined now (not for dtt_topic_dht_health, where it is DTT_NEVER).
    DTT_STAT_NODE_TOPICS = 6,
    // Nodes whose addresses are remembered from records (likewise).
    DTT_STAT_NODE_KNOWN_ADDRESSES = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_node_stat_t dtt_node_stat_t;
#else
typedef int32_t dtt_node_stat_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What dtt_config_about tells of an option.
enum dtt_about_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // What it does.
    DTT_ABOUT_DOC = 0,
    // The type of its value: "time", "number", "size", "true or false" and others.
    DTT_ABOUT_TYPE = 1,
    // Its default, as text.
    DTT_ABOUT_DEFAULT = 2,
    // Its limits, "1ms to 365d" for example; empty if it has none but those of its type.
    DTT_ABOUT_LIMITS = 3,
    // The version that had it first.
    DTT_ABOUT_SINCE = 4,
    // "node" for an option of a node alone, "topic" for one that a topic can have as well.
    DTT_ABOUT_SCOPE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_about_t dtt_about_t;
#else
typedef int32_t dtt_about_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How much is logged: each level includes those before it.
enum dtt_log_level_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Nothing.
    DTT_LOG_OFF = 0,
    // What went wrong for good.
    DTT_LOG_ERROR = 1,
    // What went wrong and is being mended.
    DTT_LOG_WARN = 2,
    // What happens seldom: a node starts or ends.
    DTT_LOG_INFO = 3,
    // What happens often: records, lookups, dials.
    DTT_LOG_DEBUG = 4,
    // Everything.
    DTT_LOG_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dtt_log_level_t dtt_log_level_t;
#else
typedef int32_t dtt_log_level_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Options of a node and of topics. What is not set has its default. They are copied by whatever they are given to, so that they
// can be changed and freed right after.
//
// A node takes all of them: dtt_node_spawn. A topic takes the topic options, and has those that are not set from its node:
// dtt_join_options_set_config. docs/options.md has every option, and so has dtt_config_key.
typedef struct dtt_config_t dtt_config_t;

// Why a call failed: a status and a message that names the argument, the limit and the value. Secrets are never in it.
//
// Every function that can fail takes a `dtt_error_t **` as its last argument. It may be NULL. When the call fails and
// it is not NULL, a new error is written to it, which the caller frees with dtt_error_free; what was in it before is
// not looked at. When the call works, nothing is written.
typedef struct dtt_error_t dtt_error_t;

// Something that happened on a topic.
//
// In a callback it is lent: valid until the callback returns. From dtt_events_recv, dtt_events_try_recv and
// dtt_event_clone it is the caller's, who frees it with dtt_event_free. It never changes, and may be looked at from any
// thread.
typedef struct dtt_event_t dtt_event_t;

// A subscriber's own bounded queue of events. It keeps its topic open until it is closed or freed (with a callback: and the
// last call has returned).
//
// Events are received in one of these ways; the first three may be mixed, and used from several threads at once (each event
// goes to one of them):
//
// - dtt_events_recv waits for the next one, with a limit;
// - dtt_events_try_recv takes the next one if there is one;
// - dtt_events_fd gives a descriptor for poll, epoll, kqueue or libuv, which is readable when it is time to call
//   dtt_events_try_recv until it says DTT_EMPTY;
// - dtt_events_set_callback has a function called for each event; the other ways end with DTT_BUSY from then on, and a queue
//   whose descriptor was asked for ends dtt_events_set_callback with DTT_BUSY.
//
// When a reader is slow and the queue is full, the oldest events go, and a DTT_EVENT_LAGGED says how many.
//
// When the topic or its node is closed, what is in the queue can still be received; after that every call ends with
// DTT_CLOSED, and whoever waits is woken with it.
typedef struct dtt_events_t dtt_events_t;

// How a topic is joined. What is not set has its default. It is copied by what it is given to, so that it can be
// changed and freed right after. Its setters may be called from any thread; each ends with DTT_OK, DTT_NULL,
// DTT_BAD_HANDLE, and what is said at it.
typedef struct dtt_join_options_t dtt_join_options_t;

// An endpoint, the gossip layer on it, and the DHT: everything that topics run on. Topics keep it alive; when it and the
// last of them are freed, it closes in the background.
typedef struct dtt_node_t dtt_node_t;

// An embedded DHT on loopback: programs are tested, and demos run, without any network. Its nodes run until it is freed;
// each takes a thread and a UDP port of 127.0.0.1.
typedef struct dtt_testnet_t dtt_testnet_t;

// A topic that has been joined. It stays open as long as any of its handles or event queues does.
typedef struct dtt_topic_t dtt_topic_t;

// Is called for each event of a queue, one at a time and in order, on a thread of the library's, which need not be the same
// each time. The event is valid until the callback returns. The callback may block, and may call any dtt function, those
// that close and free included. It must not throw.
typedef void (*dtt_event_callback_t)(void *userdata, const dtt_event_t *event);

// Is called with a callback's `userdata` when it is not used any more, exactly once, on any thread. NULL for none.
typedef void (*dtt_destructor_t)(void *userdata);

// Derives the 32-byte encryption seed of a topic's records for one minute (unix time / 60), from the topic's id (32
// bytes) and the hash of its secret (32 bytes), and writes it to `seed`. All members must derive alike.
//
// It is called from any of the library's threads, from several at once, once per minute and slot. It must be quick, must not
// throw, and must not call dtt functions that take a handle. The pointers are valid during the call. `secret_hash`
// and `seed` are secrets.
typedef void (*dtt_rotation_t)(void *userdata,
                               const uint8_t *topic_id,
                               uint64_t unix_minute,
                               const uint8_t *secret_hash,
                               uint8_t *seed);

// Is called for each log line: its level (one of dtt_log_level_t), where it comes from ("dtt::topic" for example), and
// the text, both UTF-8 and valid during the call. From any thread, several at once; it must be quick, must not throw, and must
// not call dtt functions that take a node, a topic, an event queue or a testnet. Secrets are never in it.
typedef void (*dtt_log_callback_t)(void *userdata, int32_t level, const char *target, const char *message);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes options of which none is set. Freed with dtt_config_free. Any thread. DTT_OK, DTT_NULL.
dtt_status_t dtt_config_new(dtt_config_t **out, dtt_error_t **error);

// Frees options. NULL is fine. Any thread.
void dtt_config_free(dtt_config_t *config);

// Sets an option by its key: dtt_config_set(config, "dht.get_timeout", "2500ms", &error).
//
// Times have a unit: "250ms", "10s", "2min" (d, h, min, s, ms, us, ns). Sizes are bytes, or have a unit: "4096", "4KiB", "1MiB".
// Switches are "true" or "false". Entries of a list have commas between them: "192.0.2.1:6881,router.example:6881". "default" sets
// any option to its default. The option's limits are checked at once, and what concerns several options by dtt_config_validate.
//
// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, DTT_UNKNOWN_OPTION with the nearest key in the message,
// DTT_INVALID_ARGUMENT with the key, the value and the limits.
dtt_status_t dtt_config_set(dtt_config_t *config,
                            const char *key,
                            const char *value,
                            dtt_error_t **error);

// Sets several options: "key=value" with commas between them. A piece without a key belongs to the list before it:
// "dht.bootstrap=192.0.2.1:6881,192.0.2.2:6881,event_capacity=64". If one of them is wrong, none is set. The library reads no
// environment variable by itself; programs can hand one in here, as the examples do with DTT_CONFIG.
//
// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, and DTT_INVALID_ARGUMENT, for an unknown key too.
dtt_status_t dtt_config_set_all(dtt_config_t *config,
                                const char *text,
                                dtt_error_t **error);

// An option as text: what it was set to, or its default. Freed with dtt_string_free. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, DTT_UNKNOWN_OPTION.
dtt_status_t dtt_config_get(const dtt_config_t *config, const char *key, char **out, dtt_error_t **error);

// Checks what concerns several options, as dtt_node_spawn does, and dtt_node_join on a node with the default options. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE,
// DTT_INVALID_ARGUMENT with a message that names the option.
dtt_status_t dtt_config_validate(const dtt_config_t *config,
                                 dtt_error_t **error);

// The secret key of a node, which makes its id: 32 bytes, DTT_KEY_LEN. They are copied. Without one, each node has a new key.
// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_LENGTH.
dtt_status_t dtt_config_set_secret_key(dtt_config_t *config,
                                       const uint8_t *key,
                                       size_t key_len,
                                       dtt_error_t **error);

// Sets the options of a node of a testnet that another process runs, by its bootstrap list (with commas between the entries, as
// dtt-testnet prints it and dtt_testnet_bootstrap gives it): its DHT with little patience, loopback only, no relay, no address
// lookup, no port mapping, so that nothing reaches beyond this machine. Other options stay.
// Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE, DTT_BAD_UTF8, DTT_INVALID_ARGUMENT.
dtt_status_t dtt_config_use_testnet(dtt_config_t *config,
                                    const char *bootstrap,
                                    dtt_error_t **error);

// The key of the option with this number, counted from 0; NULL at the end. So a loop finds every option. The text is static. Any
// thread.
const char *dtt_config_key(size_t index);

// What the library knows of an option, by its key: `what` is one of dtt_about_t. NULL for an unknown key and for an unknown number.
// The text is static. Any thread.
const char *dtt_config_about(const char *key,
                             int32_t what);

// The status that the call ended with; DTT_NULL or DTT_BAD_HANDLE if this is no error. Any thread.
dtt_status_t dtt_error_status(const dtt_error_t *error);

// The message: UTF-8, never NULL, valid until the error is freed. For NULL it is an empty text. Any thread.
const char *dtt_error_message(const dtt_error_t *error);

// Frees an error. NULL is fine. Any thread, also in a forked child.
void dtt_error_free(dtt_error_t *error);

// What the event is; DTT_EVENT_NONE for NULL. Any thread.
dtt_event_kind_t dtt_event_kind(const dtt_event_t *event);

// The payload of a DTT_EVENT_RECEIVED; NULL and a length of 0 for other events. It lives as long as the event. `length`
// may be NULL. An empty payload has a length of 0 and may have any pointer. Any thread.
const uint8_t *dtt_event_data(const dtt_event_t *event, size_t *length);

// The node that the event is about, DTT_ID_LEN bytes that live as long as the event; NULL for events that are about none. For
// DTT_EVENT_RECEIVED it is the neighbor that handed the message over, not its author. Any thread.
const uint8_t *dtt_event_peer(const dtt_event_t *event);

// How many events are missing at a DTT_EVENT_LAGGED, exactly, since the reader's queue was full; DTT_MISSED_UNKNOWN if the gossip layer
// lost them, which does not count; 0 for other events. Any thread.
uint64_t dtt_event_missed(const dtt_event_t *event);

// The state that a DTT_EVENT_STATE_CHANGED tells of; DTT_STATE_CLOSED for other events. Any thread.
dtt_state_t dtt_event_state(const dtt_event_t *event);

// Whether the message of a DTT_EVENT_RECEIVED came straight from its author, so that dtt_event_peer is the author; false for
// other events. Any thread.
bool dtt_event_is_direct(const dtt_event_t *event);

// An event of one's own that says the same: keeps what a callback is lent. The payload is shared, not copied. Freed with
// dtt_event_free. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_event_clone(const dtt_event_t *event,
                             dtt_event_t **out,
                             dtt_error_t **error);

// Frees an event that is the caller's. NULL is fine. Any thread, also in a forked child. Never for an event that a
// callback was lent.
void dtt_event_free(dtt_event_t *event);

// Waits for the next event, at most `timeout_ms` milliseconds; 0 only looks, DTT_FOREVER waits without a limit. The event is the
// caller's and freed with dtt_event_free. Any thread, several at once; dtt_events_close, dtt_topic_close and dtt_node_close
// wake it. DTT_OK, DTT_TIMEOUT, DTT_CLOSED, DTT_BUSY, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_events_recv(dtt_events_t *events,
                             uint64_t timeout_ms,
                             dtt_event_t **out,
                             dtt_error_t **error);

// Takes the next event if there is one now, and never waits. The event is the caller's and freed with dtt_event_free. When
// there is none, it ends with DTT_EMPTY and writes no error. Any thread. DTT_OK, DTT_EMPTY, DTT_CLOSED, DTT_BUSY, DTT_NULL,
// DTT_BAD_HANDLE.
dtt_status_t dtt_events_try_recv(dtt_events_t *events,
                                 dtt_event_t **out,
                                 dtt_error_t **error);

// A descriptor that poll, select, epoll, kqueue and libuv can watch for being readable. It is level-triggered: it is readable
// as long as events may wait, and after the end of the queue. Then call dtt_events_try_recv until it ends with DTT_EMPTY, or
// with DTT_CLOSED for the end. Now and then it is readable and there is no event.
//
// It belongs to the queue: never read it, write to it or close it; it is closed when the queue is freed, so take it out of
// the loop before. The same one at each call. Any thread. DTT_OK, DTT_BUSY, DTT_SYSTEM (no descriptor is left), DTT_NULL,
// DTT_BAD_HANDLE.
dtt_status_t dtt_events_fd(dtt_events_t *events,
                           int *out,
                           dtt_error_t **error);

// Has a function called for each event of the queue, those that wait already included, until the queue ends: one at a time and in
// order, on a thread of the library's (see dtt_event_callback_t). Queues of different topics call independently of each other.
//
// After the last call, `destructor` (which may be NULL) is called with `userdata`, exactly once. That is: after the topic, its
// node or the queue was closed and every event in it was called for; or after the queue was freed. A queue has one callback for
// all its life. If this call fails, the destructor is not called.
//
// No call runs or begins any more when dtt_events_close, dtt_topic_close or dtt_node_close has returned DTT_OK outside of a
// callback. Inside a callback they do not wait for callbacks: those for what is queued, and the destructor, come afterwards.
// When the queue, its topic or its node is closed already, it ends with DTT_CLOSED, and what is queued can be received.
//
// Each queue that is busy has a thread, which goes when nothing has come for a moment; where the system has none left, the events
// wait until it has. Any thread. DTT_OK, DTT_BUSY (it has a callback, or dtt_events_fd was called), DTT_CLOSED, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_events_set_callback(dtt_events_t *events,
                                     dtt_event_callback_t callback,
                                     void *userdata,
                                     dtt_destructor_t destructor,
                                     dtt_error_t **error);

// Ends the queue: no further event comes into it, and whoever waits for one is woken with DTT_CLOSED. What is in it can still
// be received, or is still called for. Closing twice is fine.
//
// With a callback, it waits until the last call and the destructor have returned, 2 s at most; then it ends with DTT_TIMEOUT, and
// no further call begins. Inside a callback it does not wait. Any thread. DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_events_close(dtt_events_t *events,
                              dtt_error_t **error);

// Frees the queue, and never waits. No further callback begins; one that runs may still be running when this returns, and the
// destructor, which comes after it, tells the end. NULL is fine. Any thread, also inside the queue's own callback; no other thread
// may be in a call with this queue.
void dtt_events_free(dtt_events_t *events);

// The id of the topic of this name (any bytes, none too): DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL.
dtt_status_t dtt_topic_id_of_name(const uint8_t *name, size_t name_len, uint8_t *id, dtt_error_t **error);

// An id as 64 lower-case hexadecimal digits. The text is freed with dtt_string_free. Any thread. DTT_OK, DTT_NULL,
// DTT_BAD_LENGTH.
dtt_status_t dtt_id_to_hex(const uint8_t *id, size_t id_len, char **out, dtt_error_t **error);

// A new secret key for a node: DTT_KEY_LEN random bytes of the system's to `key`. Any thread. DTT_OK, DTT_NULL,
// DTT_SYSTEM (the system has no random bytes).
dtt_status_t dtt_secret_key_generate(uint8_t *key, dtt_error_t **error);

// The id of the node with this secret key: DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL, DTT_BAD_LENGTH.
dtt_status_t dtt_secret_key_id(const uint8_t *key, size_t key_len, uint8_t *id, dtt_error_t **error);

// Whether these bytes can be a node's id. Any thread. DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_INVALID_ARGUMENT.
dtt_status_t dtt_node_id_check(const uint8_t *id, size_t id_len, dtt_error_t **error);

// The minute that now is: unix time / 60. Any thread.
uint64_t dtt_unix_minute(void);

// Where a topic's records of one minute stand in the DHT, as a BEP 44 mutable item: its public key (32 bytes), its salt
// (32 bytes) and its target (DTT_TARGET_LEN bytes). Each of the three may be NULL if it is not wanted. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_LENGTH.
dtt_status_t dtt_topic_slot(const uint8_t *topic_id,
                            size_t topic_id_len,
                            uint64_t unix_minute,
                            uint8_t *public_key,
                            uint8_t *salt,
                            uint8_t *target,
                            dtt_error_t **error);

// Frees a text that the library gave as `char *`. NULL is fine. Any thread.
void dtt_string_free(char *text);

// Makes options that all have their defaults. Freed with dtt_join_options_free. Any thread. DTT_OK, DTT_NULL.
dtt_status_t dtt_join_options_new(dtt_join_options_t **out, dtt_error_t **error);

// Frees options. NULL is fine. Any thread.
void dtt_join_options_free(dtt_join_options_t *options);

// Joining waits for a first neighbor, for this long at the most, and gives the topic up with DTT_TIMEOUT if none came.
// The first member of a topic, whom nobody can find yet, always times out: where any member may be the first, join
// without this and call dtt_topic_wait_joined, which leaves the topic open. Default: joining returns at once.
dtt_status_t dtt_join_options_set_timeout_ms(dtt_join_options_t *options, uint64_t value, dtt_error_t **error);

// Options of this topic. They are copied. What they do not set is as the node has it. Options of a node alone, and a secret key, are
// refused by name: DTT_INVALID_ARGUMENT.
dtt_status_t dtt_join_options_set_config(dtt_join_options_t *options,
                                         const dtt_config_t *config,
                                         dtt_error_t **error);

// A secret rotation of one's own; see dtt_rotation_t. All members of the topic must use the same.
//
// Topics that are joined with these options use the callback and `userdata` until the last of them, and the options, are
// gone; then `destructor` (which may be NULL) is called with `userdata`, exactly once. If this call fails, it is not called.
dtt_status_t dtt_join_options_set_rotation(dtt_join_options_t *options,
                                           dtt_rotation_t rotation,
                                           void *userdata,
                                           dtt_destructor_t destructor,
                                           dtt_error_t **error);

// Has a function called for each log line up to `level` (one of dtt_log_level_t), instead of the one before, for the whole process.
// The library's own lines come at any level, those of the libraries below it as errors and warnings only. DTT_LOG_OFF or a NULL
// `callback` ends it.
//
// `destructor` (which may be NULL) is called with `userdata` when the callback was replaced and no call runs any more, exactly
// once. If this call fails, it is not called. Any thread, but not inside a log callback. DTT_OK, DTT_UNKNOWN_OPTION, DTT_BUSY
// (the process has another subscriber of Rust's `tracing`).
dtt_status_t dtt_log_set_callback(int32_t level,
                                  dtt_log_callback_t callback,
                                  void *userdata,
                                  dtt_destructor_t destructor,
                                  dtt_error_t **error);

// Starts a node. `config` may be NULL for the defaults, and may be freed right after. It returns when the sockets are bound; the
// DHT and the relay connection open in the background. Freed with dtt_node_free. Any thread; it blocks for
// a moment as a rule, with no limit of its own: it takes as long as the system takes to open sockets and start threads.
// DTT_OK, DTT_INVALID_ARGUMENT, DTT_BIND, DTT_SYSTEM, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_node_spawn(const dtt_config_t *config,
                            dtt_node_t **out,
                            dtt_error_t **error);

// Joins a topic by its name (any bytes) and a secret that its members share (any bytes). Both are copied. `options` may be NULL.
//
// It returns at once, and joining goes on in the background (see dtt_topic_wait_joined), unless the options have a time-out.
// Joining a topic again with the same secret and rotation gives another handle to it; closing one closes them all.
// Freed with dtt_topic_free. Any thread.
// DTT_OK, DTT_CLOSED, DTT_TIMEOUT, DTT_INVALID_ARGUMENT, DTT_GOSSIP, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_node_join(dtt_node_t *node,
                           const uint8_t *name,
                           size_t name_len,
                           const uint8_t *secret,
                           size_t secret_len,
                           const dtt_join_options_t *options,
                           dtt_topic_t **out,
                           dtt_error_t **error);

// dtt_node_join by the topic's id (DTT_ID_LEN bytes) instead of its name.
dtt_status_t dtt_node_join_id(dtt_node_t *node,
                              const uint8_t *id,
                              size_t id_len,
                              const uint8_t *secret,
                              size_t secret_len,
                              const dtt_join_options_t *options,
                              dtt_topic_t **out,
                              dtt_error_t **error);

// The node's id, its public key: DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_node_id(const dtt_node_t *node, uint8_t *id, dtt_error_t **error);

// The addresses at which the node can be reached, as far as it knows them now: relay URLs and IP addresses with ports,
// comma-separated, as dtt_topic_join_peer takes them. The text is freed with dtt_string_free. Any thread. DTT_OK, DTT_NULL,
// DTT_BAD_HANDLE.
dtt_status_t dtt_node_addresses(const dtt_node_t *node,
                                char **out,
                                dtt_error_t **error);

// What the node knows and has done: numbers to the places of dtt_node_stat_t. `count` is how many `values` have room,
// DTT_NODE_STATS as a rule; a place that this library does not know is DTT_NEVER. Any thread; it may block for a moment.
// DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_node_stats(const dtt_node_t *node,
                            uint64_t *values,
                            size_t count,
                            dtt_error_t **error);

// Tells the node that the network may have changed. Most systems notice by themselves; Android needs it. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_node_network_changed(const dtt_node_t *node, dtt_error_t **error);

// Lets the node rest: none of its topics looks anything up, publishes, or dials of its own accord until dtt_node_resume. For an
// application that goes to the background. Neighbors stay while the system lets packets through, and what the application asks
// for is done. Newcomers do not find a node that rests for minutes. Pausing twice is fine. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_node_pause(const dtt_node_t *node,
                            dtt_error_t **error);

// Ends the rest: topics without neighbors look for one at once, records are published anew, and the sockets look at the network as
// after dtt_node_network_changed. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_node_resume(const dtt_node_t *node,
                             dtt_error_t **error);

// Whether the node rests; false for what is no node. Any thread.
bool dtt_node_is_paused(const dtt_node_t *node);

// Whether the node has been closed; true for what is no node. Any thread.
bool dtt_node_is_closed(const dtt_node_t *node);

// Closes the node and all its topics: peers are told, whoever waits for an event or for a topic to be joined is woken with
// DTT_CLOSED, and further calls end with it. What is in the event queues can still be received.
//
// It returns within 2 s whatever the network does (the option close_timeout), as soon as the connected peers
// could take notice, and as callbacks and their destructors have returned; if those take longer, with DTT_TIMEOUT, and no
// further one begins. Inside a callback it does not wait for callbacks. Closing twice is fine. Any thread.
// DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_node_close(dtt_node_t *node,
                            dtt_error_t **error);

// Frees a node, and never waits; its topics go on. NULL is fine. Any thread, also inside a callback; no other thread may be in a
// call with this node.
void dtt_node_free(dtt_node_t *node);

// What everyone derives who sets no rotation, to build one's own on: 32 bytes to `seed`. Any thread, also inside a
// rotation. DTT_OK, DTT_NULL, DTT_BAD_LENGTH.
dtt_status_t dtt_rotation_default(const uint8_t *topic_id,
                                  size_t topic_id_len,
                                  uint64_t unix_minute,
                                  const uint8_t *secret_hash,
                                  size_t secret_hash_len,
                                  uint8_t *seed,
                                  dtt_error_t **error);

// The fixed name of a status, "CLOSED" for example; "UNKNOWN" for a number that is none. The text is static. Any thread.
const char *dtt_status_name(int32_t status);

// Starts a testnet of so many nodes: 2 to 256, or 0 for 16. Blocks for about a second. Freed with dtt_testnet_free. Any
// thread. DTT_OK, DTT_NULL, DTT_INVALID_ARGUMENT, DTT_BIND.
dtt_status_t dtt_testnet_new(size_t nodes, dtt_testnet_t **out, dtt_error_t **error);

// Its bootstrap list, comma-separated, for other processes. Valid until the testnet is freed; NULL if this is none. Any
// thread.
const char *dtt_testnet_bootstrap(const dtt_testnet_t *testnet);

// The options of a node that uses it and never reaches beyond this machine. Freed with dtt_config_free. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_testnet_config(const dtt_testnet_t *testnet, dtt_config_t **out, dtt_error_t **error);

// Ends a testnet. NULL is fine. Any thread.
void dtt_testnet_free(dtt_testnet_t *testnet);

// Takes an event queue of one's own. The first queue of a handle has been filling since the topic was joined, so that nothing is
// missed in between; each further one begins with the present state and neighbors. Freed with dtt_events_free. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_HANDLE. On a closed topic it gives a queue that ends after what is in it.
dtt_status_t dtt_topic_subscribe(dtt_topic_t *topic,
                                 dtt_events_t **out,
                                 dtt_error_t **error);

// Sends a message to the whole swarm: `length` bytes, which are copied; dtt_topic_max_message_size is the limit.
//
// Gossip promises no delivery and no order: without neighbors a message goes nowhere, and an identical payload within about 90 s is
// dropped as a duplicate. It returns when the gossip layer has taken the message. Any thread.
// DTT_OK, DTT_TOO_LARGE, DTT_CLOSED, DTT_TIMEOUT, DTT_GOSSIP, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_broadcast(dtt_topic_t *topic,
                                 const uint8_t *data,
                                 size_t length,
                                 dtt_error_t **error);

// Sends a message to the direct neighbors only; otherwise like dtt_topic_broadcast.
dtt_status_t dtt_topic_broadcast_neighbors(dtt_topic_t *topic, const uint8_t *data, size_t length, dtt_error_t **error);

// Joins peers that the application knows, by their ids: `count` times DTT_ID_LEN bytes one after another. Each join may make the
// peer drop a neighbor of its own: do not repeat it in a loop. Any thread.
// DTT_OK, DTT_CLOSED, DTT_TIMEOUT, DTT_GOSSIP, DTT_INVALID_ARGUMENT, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_join_peers(dtt_topic_t *topic,
                                  const uint8_t *ids,
                                  size_t count,
                                  dtt_error_t **error);

// Joins a peer that the application knows by its id (DTT_ID_LEN bytes) and its addresses: relay URLs and IP addresses with
// ports, comma-separated, as dtt_node_addresses gives them; NULL for none. Otherwise like dtt_topic_join_peers; also
// DTT_BAD_UTF8.
dtt_status_t dtt_topic_join_peer(dtt_topic_t *topic,
                                 const uint8_t *id,
                                 size_t id_len,
                                 const char *addresses,
                                 dtt_error_t **error);

// The direct neighbors now: the ids of up to `capacity` of them to `ids` (DTT_ID_LEN bytes each), and to `count` how many there
// are, which may be more. `ids` may be NULL with a capacity of 0. Any thread. DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_neighbors(const dtt_topic_t *topic,
                                 uint8_t *ids,
                                 size_t capacity,
                                 size_t *count,
                                 dtt_error_t **error);

// Where the topic stands; DTT_STATE_CLOSED also for what is no topic. Any thread.
dtt_state_t dtt_topic_state(const dtt_topic_t *topic);

// Waits until the topic has a neighbor, at most `timeout_ms` milliseconds; DTT_FOREVER waits without a limit. When the time is over,
// the message says how far joining came, and the topic goes on looking. Any thread; closing the topic or its node wakes it.
// DTT_OK, DTT_TIMEOUT, DTT_CLOSED, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_wait_joined(dtt_topic_t *topic,
                                   uint64_t timeout_ms,
                                   dtt_error_t **error);

// The topic's id: DTT_ID_LEN bytes to `id`. Any thread. DTT_OK, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_id(const dtt_topic_t *topic, uint8_t *id, dtt_error_t **error);

// The most bytes that one message carries: 4,057 with the default message size; 0 for what is no topic. Any thread.
size_t dtt_topic_max_message_size(const dtt_topic_t *topic);

// What the topic has done so far: numbers to the places of dtt_topic_stat_t. `count` is how many `values` have room,
// DTT_TOPIC_STATS as a rule; a place that this library does not know is DTT_NEVER. Any thread.
// DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_stats(const dtt_topic_t *topic, uint64_t *values, size_t count, dtt_error_t **error);

// The state of the DHT client that the topic uses: numbers to the places of dtt_node_stat_t, as dtt_node_stats. Any thread; it
// may block for a moment. DTT_OK, DTT_NULL, DTT_BAD_LENGTH, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_dht_health(const dtt_topic_t *topic,
                                  uint64_t *values,
                                  size_t count,
                                  dtt_error_t **error);

// Closes the topic: neighbors are told, all its handles are closed with it, and whoever waits is woken with DTT_CLOSED. What is
// in its event queues can still be received.
//
// It returns within 2 s, and waits until the callbacks of the topic's queues and their destructors have returned; if those take
// longer, it ends with DTT_TIMEOUT, and no further call begins. Inside a callback it does not wait for callbacks.
// Closing twice is fine. Any thread. DTT_OK, DTT_TIMEOUT, DTT_NULL, DTT_BAD_HANDLE.
dtt_status_t dtt_topic_close(dtt_topic_t *topic,
                             dtt_error_t **error);

// Frees a topic's handle, and never waits. The topic ends when its last handle and event queue are freed. NULL is fine. Any thread,
// also inside a callback; no other thread may be in a call with this handle.
void dtt_topic_free(dtt_topic_t *topic);

// The version of the library that runs, "0.1.0" for example. The text is static. Any thread.
const char *dtt_version(void);

// The version of the library that runs, to be compared with DTT_VERSION_NUMBER. Any thread.
uint32_t dtt_version_number(void);

// The version of the ABI that the library has, to be compared with DTT_ABI_VERSION. Any thread.
uint32_t dtt_abi_version(void);

// Panics inside the library on purpose, so that programs and bindings can test how they treat DTT_PANIC. It changes
// nothing. Any thread. DTT_PANIC always, with the text "on purpose".
dtt_status_t dtt_debug_panic(dtt_error_t **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* DTT_H */
