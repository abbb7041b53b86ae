/* What the test programs share: checks that say where they failed, and a pair of nodes on a testnet. */
#ifndef DTT_TEST_H
#define DTT_TEST_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <dtt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAIL(...)                                                                                                      \
    do {                                                                                                               \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                \
        fprintf(stderr, __VA_ARGS__);                                                                                  \
        fprintf(stderr, "\n");                                                                                         \
        abort();                                                                                                       \
    } while (0)

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) FAIL("not so: %s", #condition);                                                              \
    } while (0)

/* `call` is written with `&error` as its last argument. */
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        dtt_error_t *error = NULL;                                                                                     \
        int status_ = (int)(call);                                                                                     \
        if (status_ != DTT_OK) FAIL("%s: %s: %s", #call, dtt_status_name(status_), dtt_error_message(error));          \
        CHECK(error == NULL);                                                                                          \
    } while (0)

/* `call` closes something, with `&error` as its last argument. A machine that is too slow for the limit of closing closes once
 * more: the limit has tests of its own. */
#define CLOSED(call)                                                                                                   \
    do {                                                                                                               \
        dtt_error_t *error = NULL;                                                                                     \
        int status_;                                                                                                   \
        for (double until_ = now_s() + 60; (status_ = (int)(call)) == DTT_TIMEOUT && now_s() < until_;) {              \
            dtt_error_free(error);                                                                                     \
            error = NULL;                                                                                              \
        }                                                                                                              \
        if (status_ != DTT_OK) FAIL("%s: %s: %s", #call, dtt_status_name(status_), dtt_error_message(error));          \
        CHECK(error == NULL);                                                                                          \
    } while (0)

/* It ends with this status, and with a message that has this text. */
#define FAILS(status, text, call)                                                                                      \
    do {                                                                                                               \
        dtt_error_t *error = NULL;                                                                                     \
        int status_ = (int)(call);                                                                                     \
        if (status_ != (int)(status))                                                                                  \
            FAIL("%s: %s instead of %s: %s", #call, dtt_status_name(status_), #status, dtt_error_message(error));      \
        CHECK((int)dtt_error_status(error) == status_);                                                                \
        if (strstr(dtt_error_message(error), text) == NULL)                                                            \
            FAIL("%s: \"%s\" does not say \"%s\"", #call, dtt_error_message(error), text);                             \
        dtt_error_free(error);                                                                                         \
    } while (0)

/* In which members find each other. If the first stores fail, the look that finds somebody may come after 80 s only. */
enum { JOIN_MS = 400000 };

static inline double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline const uint8_t *bytes(const char *text) { return (const uint8_t *)text; }

/* valgrind runs one thread at a time: where the machine is busy, answers of the testnet come seconds late. */
static inline void be_patient(dtt_config_t *config) {
    if (getenv("DTT_TEST_SLOW") == NULL) return;
    OK(dtt_config_set_all(config, "dht.request_timeout=10s,dht.get_timeout=1min,dht.put_timeout=1min", &error));
}

static inline dtt_node_t *spawn_on(const dtt_testnet_t *testnet) {
    dtt_config_t *config = NULL;
    dtt_node_t *node = NULL;
    OK(dtt_testnet_config(testnet, &config, &error));
    be_patient(config);
    OK(dtt_node_spawn(config, &node, &error));
    dtt_config_free(config);
    return node;
}

static inline dtt_topic_t *join(dtt_node_t *node, const char *name) {
    dtt_topic_t *topic = NULL;
    OK(dtt_node_join(node, bytes(name), strlen(name), bytes("secret"), 6, NULL, &topic, &error));
    return topic;
}

static inline dtt_events_t *subscribe(dtt_topic_t *topic) {
    dtt_events_t *events = NULL;
    OK(dtt_topic_subscribe(topic, &events, &error));
    return events;
}

static inline void say(dtt_topic_t *topic, const char *text) {
    OK(dtt_topic_broadcast(topic, bytes(text), strlen(text), &error));
}

static inline int is_message(const dtt_event_t *event, const char *text) {
    size_t length = 0;
    const uint8_t *data = dtt_event_data(event, &length);
    return dtt_event_kind(event) == DTT_EVENT_RECEIVED && length == strlen(text) && memcmp(data, text, length) == 0;
}

/* Receives until this message comes. */
static inline void hear(dtt_events_t *events, const char *text) {
    for (;;) {
        dtt_event_t *event = NULL;
        OK(dtt_events_recv(events, 60000, &event, &error));
        int found = is_message(event, text);
        dtt_event_free(event);
        if (found) return;
    }
}

/* Two nodes that are neighbors on one topic. */
typedef struct {
    dtt_testnet_t *testnet;
    dtt_node_t *node[2];
    dtt_topic_t *topic[2];
} pair_t;

static inline pair_t new_pair(const char *name) {
    pair_t pair;
    OK(dtt_testnet_new(0, &pair.testnet, &error));
    for (int i = 0; i < 2; i++) {
        pair.node[i] = spawn_on(pair.testnet);
        pair.topic[i] = join(pair.node[i], name);
    }
    for (int i = 0; i < 2; i++) OK(dtt_topic_wait_joined(pair.topic[i], JOIN_MS, &error));
    return pair;
}

static inline void free_pair(pair_t *pair) {
    for (int i = 0; i < 2; i++) {
        CLOSED(dtt_node_close(pair->node[i], &error));
        dtt_topic_free(pair->topic[i]);
        dtt_node_free(pair->node[i]);
    }
    dtt_testnet_free(pair->testnet);
}

#endif
