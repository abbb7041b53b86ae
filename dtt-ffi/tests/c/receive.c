/* All ways to receive, and what an event says. */
#include "test.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { MESSAGES = 500 };

static int readable(int fd, int wait_ms) {
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, wait_ms) == 1;
}

static void pause_ms(long ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

static uint64_t stat_of(const dtt_topic_t *topic, int which) {
    uint64_t stats[DTT_TOPIC_STATS];
    OK(dtt_topic_stats(topic, stats, DTT_TOPIC_STATS, &error));
    return stats[which];
}

/* No faster than they come: of more than 256 that wait the gossip layer drops some. */
static void *send_all(void *argument) {
    const pair_t *pair = argument;
    for (int i = 0; i < MESSAGES; i++) {
        double until = now_s() + 60;
        char text[32];
        snprintf(text, sizeof text, "number %d", i);
        say(pair->topic[0], text);
        for (; stat_of(pair->topic[1], DTT_STAT_RECEIVED) + 64 < (uint64_t)i; pause_ms(1)) CHECK(now_s() < until);
    }
    return NULL;
}

/* Takes what waits: counts messages, frees events, and gives the status that ended it. */
static int take(dtt_events_t *events, int *messages) {
    for (;;) {
        dtt_event_t *event = NULL;
        int status = (int)dtt_events_try_recv(events, &event, NULL);
        if (status != DTT_OK) return status;
        *messages += dtt_event_kind(event) == DTT_EVENT_RECEIVED;
        dtt_event_free(event);
    }
}

static void by_descriptor(void) {
    pair_t pair = new_pair("descriptor");
    dtt_events_t *events = subscribe(pair.topic[1]);
    int fd = -1, same = -1, messages = 0;
    OK(dtt_events_fd(events, &fd, &error));
    OK(dtt_events_fd(events, &same, &error));
    CHECK(fd >= 0 && fd == same);
    CHECK(readable(fd, 0));
    CHECK(take(events, &messages) == DTT_EMPTY);
    CHECK(messages == 0 && !readable(fd, 0));
    pthread_t sender;
    CHECK(pthread_create(&sender, NULL, send_all, &pair) == 0);
    int wakes = 0;
    while (messages < MESSAGES) {
        CHECK(readable(fd, 60000));
        wakes++;
        if (wakes % 2) {
            /* One at a time is fine as well: it stays readable. */
            dtt_event_t *event = NULL;
            int status = (int)dtt_events_try_recv(events, &event, NULL);
            messages += status == DTT_OK && dtt_event_kind(event) == DTT_EVENT_RECEIVED;
            dtt_event_free(event);
        } else {
            CHECK(take(events, &messages) == DTT_EMPTY);
        }
    }
    CHECK(pthread_join(sender, NULL) == 0);
    take(events, &messages);
    CHECK(messages == MESSAGES);
    CLOSED(dtt_topic_close(pair.topic[1], &error));
    CHECK(readable(fd, 60000));
    CHECK(take(events, &messages) == DTT_CLOSED);
    CHECK(readable(fd, 0));
    dtt_events_free(events);
    free_pair(&pair);
}

static void by_recv(void) {
    pair_t pair = new_pair("recv");
    dtt_events_t *events = subscribe(pair.topic[1]);
    dtt_event_t *event = NULL;
    int status;
    /* On a topic of nobody else's nothing happens once its beginning has been read. */
    dtt_topic_t *lonely = join(pair.node[1], "nobody else");
    dtt_events_t *quiet = subscribe(lonely);
    while ((status = (int)dtt_events_recv(quiet, 0, &event, NULL)) == DTT_OK) dtt_event_free(event);
    CHECK(status == DTT_TIMEOUT);
    double start = now_s();
    event = NULL;
    FAILS(DTT_TIMEOUT, "50 ms", dtt_events_recv(quiet, 50, &event, &error));
    CHECK(event == NULL && now_s() - start >= 0.049);
    dtt_events_free(quiet);
    dtt_topic_free(lonely);
    pthread_t sender;
    CHECK(pthread_create(&sender, NULL, send_all, &pair) == 0);
    int messages = 0;
    static char seen[MESSAGES];
    while (messages < MESSAGES) {
        OK(dtt_events_recv(events, 60000, &event, &error));
        if (dtt_event_kind(event) == DTT_EVENT_RECEIVED) {
            /* Gossip promises no order, but each message comes once. */
            size_t length = 0;
            char text[32] = {0};
            int number = -1;
            const uint8_t *data = dtt_event_data(event, &length);
            memcpy(text, data, length < sizeof text ? length : 0);
            CHECK(sscanf(text, "number %d", &number) == 1 && number >= 0 && number < MESSAGES && !seen[number]);
            seen[number] = 1;
            messages++;
        }
        dtt_event_free(event);
    }
    CHECK(pthread_join(sender, NULL) == 0);
    dtt_events_free(events);
    free_pair(&pair);
}

typedef struct {
    atomic_int messages;
    dtt_event_t *kept;
} seen_t;

static void on_event(void *userdata, const dtt_event_t *event) {
    seen_t *seen = userdata;
    if (dtt_event_kind(event) != DTT_EVENT_RECEIVED) return;
    if (seen->kept == NULL) OK(dtt_event_clone(event, &seen->kept, &error));
    atomic_fetch_add(&seen->messages, 1);
}

static void by_callback(void) {
    pair_t pair = new_pair("callback");
    dtt_events_t *events = subscribe(pair.topic[1]);
    seen_t seen = {0, NULL};
    OK(dtt_events_set_callback(events, on_event, &seen, NULL, &error));
    dtt_event_t *event = NULL;
    int fd = -1;
    FAILS(DTT_BUSY, "callback", dtt_events_recv(events, 1000, &event, &error));
    FAILS(DTT_BUSY, "callback", dtt_events_try_recv(events, &event, &error));
    FAILS(DTT_BUSY, "callback", dtt_events_fd(events, &fd, &error));
    FAILS(DTT_BUSY, "callback", dtt_events_set_callback(events, on_event, &seen, NULL, &error));
    send_all(&pair);
    for (double until = now_s() + 60; atomic_load(&seen.messages) < MESSAGES; pause_ms(1)) CHECK(now_s() < until);
    CLOSED(dtt_events_close(events, &error));
    CHECK(atomic_load(&seen.messages) == MESSAGES);
    CHECK(dtt_event_kind(seen.kept) == DTT_EVENT_RECEIVED);
    uint8_t id[DTT_ID_LEN];
    OK(dtt_node_id(pair.node[0], id, &error));
    CHECK(memcmp(dtt_event_peer(seen.kept), id, DTT_ID_LEN) == 0);
    CHECK(dtt_event_is_direct(seen.kept));
    CHECK(dtt_event_missed(seen.kept) == 0 && dtt_event_state(seen.kept) == DTT_STATE_CLOSED);
    dtt_event_free(seen.kept);
    dtt_events_free(events);
    free_pair(&pair);
}

/* A queue of its own tells of the present state and neighbors, and a slow reader how much is missing. */
static void what_events_say(void) {
    pair_t pair = new_pair("events");
    uint8_t there[DTT_ID_LEN], found[2 * DTT_ID_LEN];
    size_t count = 0;
    OK(dtt_node_id(pair.node[0], there, &error));
    OK(dtt_topic_neighbors(pair.topic[1], found, 2, &count, &error));
    CHECK(count == 1 && memcmp(found, there, DTT_ID_LEN) == 0);
    OK(dtt_topic_neighbors(pair.topic[1], NULL, 0, &count, &error));
    CHECK(count == 1);
    CHECK(dtt_topic_state(pair.topic[1]) == DTT_STATE_JOINED);
    dtt_events_free(subscribe(pair.topic[1]));
    dtt_events_t *events = subscribe(pair.topic[1]);
    dtt_event_t *event = NULL;
    OK(dtt_events_recv(events, 1000, &event, &error));
    CHECK(dtt_event_kind(event) == DTT_EVENT_STATE_CHANGED && dtt_event_state(event) == DTT_STATE_JOINED);
    CHECK(dtt_event_peer(event) == NULL);
    dtt_event_free(event);
    OK(dtt_events_recv(events, 1000, &event, &error));
    CHECK(dtt_event_kind(event) == DTT_EVENT_NEIGHBOR_UP && memcmp(dtt_event_peer(event), there, DTT_ID_LEN) == 0);
    dtt_event_free(event);
    OK(dtt_topic_broadcast_neighbors(pair.topic[0], bytes("near"), 4, &error));
    hear(events, "near");

    /* A queue that holds two. */
    dtt_config_t *config = NULL;
    dtt_join_options_t *options = NULL;
    dtt_topic_t *small = NULL;
    OK(dtt_config_new(&config, &error));
    OK(dtt_config_set(config, "event_capacity", "2", &error));
    OK(dtt_join_options_new(&options, &error));
    OK(dtt_join_options_set_config(options, config, &error));
    dtt_config_free(config);
    OK(dtt_node_join(pair.node[1], bytes("small"), 5, bytes("secret"), 6, options, &small, &error));
    dtt_join_options_free(options);
    dtt_topic_t *big = join(pair.node[0], "small");
    OK(dtt_topic_wait_joined(small, JOIN_MS, &error));
    OK(dtt_topic_wait_joined(big, JOIN_MS, &error));
    dtt_events_t *slow = subscribe(small);
    for (int i = 0; i < 10; i++) {
        char text[32];
        snprintf(text, sizeof text, "many %d", i);
        say(big, text);
    }
    uint64_t stats[DTT_TOPIC_STATS + 4], missed = 0;
    double until = now_s() + 60;
    do {
        CHECK(now_s() < until);
        pause_ms(1);
        OK(dtt_topic_stats(small, stats, DTT_TOPIC_STATS + 4, &error));
    } while (stats[DTT_STAT_LAGGED] < 8);
    CHECK(stats[DTT_TOPIC_STATS] == DTT_NEVER);
    OK(dtt_events_recv(slow, 1000, &event, &error));
    CHECK(dtt_event_kind(event) == DTT_EVENT_LAGGED);
    missed = dtt_event_missed(event);
    CHECK(missed >= 8 && missed != DTT_MISSED_UNKNOWN);
    dtt_event_free(event);
    OK(dtt_node_stats(pair.node[1], stats, DTT_NODE_STATS, &error));
    CHECK(stats[DTT_STAT_NODE_TOPICS] == 2 && stats[DTT_STAT_DHT_LOOKUPS] > 0);
    OK(dtt_topic_dht_health(small, stats, DTT_NODE_STATS, &error));
    CHECK(stats[DTT_STAT_NODE_TOPICS] == DTT_NEVER && stats[DTT_STAT_DHT_ROUTING_TABLE] > 0);
    dtt_events_free(slow);
    dtt_topic_free(small);
    dtt_topic_free(big);
    dtt_events_free(events);
    free_pair(&pair);
}

/* A peer that is known need not be looked for: an address book goes from one node to the other. */
static void known_peers(void) {
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(2, &testnet, &error));
    dtt_config_t *config = NULL;
    OK(dtt_testnet_config(testnet, &config, &error));
    OK(dtt_config_set_all(config, "bootstrap.publish_record_on_startup=false,publisher.enabled=false", &error));
    uint8_t key[DTT_KEY_LEN], id[DTT_ID_LEN], same[DTT_ID_LEN];
    OK(dtt_secret_key_generate(key, &error));
    OK(dtt_secret_key_id(key, sizeof key, id, &error));
    OK(dtt_node_id_check(id, sizeof id, &error));
    dtt_node_t *one = NULL, *two = NULL;
    OK(dtt_node_spawn(config, &two, &error));
    OK(dtt_config_set_secret_key(config, key, sizeof key, &error));
    OK(dtt_node_spawn(config, &one, &error));
    OK(dtt_node_id(one, same, &error));
    CHECK(memcmp(id, same, DTT_ID_LEN) == 0);
    dtt_topic_t *ours = join(one, "known"), *theirs = join(two, "known");
    char *addresses = NULL;
    OK(dtt_node_addresses(one, &addresses, &error));
    CHECK(strncmp(addresses, "127.0.0.1:", 10) == 0);
    OK(dtt_topic_join_peer(theirs, id, sizeof id, addresses, &error));
    dtt_string_free(addresses);
    OK(dtt_topic_wait_joined(ours, JOIN_MS, &error));
    OK(dtt_topic_join_peers(ours, id, 0, &error));
    OK(dtt_node_network_changed(one, &error));
    CHECK(!dtt_node_is_paused(one));
    OK(dtt_node_pause(one, &error));
    OK(dtt_node_pause(one, &error));
    CHECK(dtt_node_is_paused(one));
    OK(dtt_node_resume(one, &error));
    CHECK(!dtt_node_is_paused(one));
    dtt_config_free(config);
    dtt_topic_free(ours);
    dtt_topic_free(theirs);
    dtt_node_free(one);
    dtt_node_free(two);
    dtt_testnet_free(testnet);
}

static atomic_int rotations, rotation_ends;

static void rotate(void *userdata, const uint8_t *topic, uint64_t minute, const uint8_t *secret, uint8_t *seed) {
    CHECK(userdata == &rotations);
    atomic_fetch_add(&rotations, 1);
    OK(dtt_rotation_default(topic, 32, minute + 7, secret, 32, seed, &error));
}

static void rotation_ended(void *userdata) {
    CHECK(userdata == &rotations);
    atomic_fetch_add(&rotation_ends, 1);
}

/* Only who rotates alike meets. */
static void own_rotation(void) {
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(0, &testnet, &error));
    dtt_join_options_t *options = NULL;
    OK(dtt_join_options_new(&options, &error));
    OK(dtt_join_options_set_rotation(options, rotate, &rotations, rotation_ended, &error));
    dtt_node_t *node[3];
    dtt_topic_t *topic[3];
    for (int i = 0; i < 3; i++) {
        node[i] = spawn_on(testnet);
        OK(dtt_node_join(node[i], bytes("rotated"), 7, bytes("s"), 1, i < 2 ? options : NULL, &topic[i], &error));
        /* The stranger only then: all three share a slot, and a record that it writes last hides theirs for a minute. */
        if (i == 1) OK(dtt_topic_wait_joined(topic[0], JOIN_MS, &error));
    }
    dtt_join_options_free(options);
    OK(dtt_topic_wait_joined(topic[1], JOIN_MS, &error));
    CHECK(atomic_load(&rotations) > 0);
    double until = now_s() + 60;
    for (; stat_of(topic[2], DTT_STAT_REFUSED_SEALED) == 0; pause_ms(1)) CHECK(now_s() < until);
    CHECK(stat_of(topic[2], DTT_STAT_NEIGHBORS) == 0);
    CHECK(atomic_load(&rotation_ends) == 0);
    for (int i = 0; i < 3; i++) {
        CLOSED(dtt_node_close(node[i], &error));
        dtt_topic_free(topic[i]);
        dtt_node_free(node[i]);
    }
    for (until = now_s() + 60; atomic_load(&rotation_ends) == 0; pause_ms(1)) CHECK(now_s() < until);
    CHECK(atomic_load(&rotation_ends) == 1);
    dtt_testnet_free(testnet);
}

static atomic_int log_lines, log_ends;

static void on_log(void *userdata, int32_t level, const char *target, const char *message) {
    CHECK(userdata == &log_lines && level >= DTT_LOG_ERROR && level <= DTT_LOG_DEBUG);
    CHECK(strlen(target) > 0 && strstr(message, "secret of the log") == NULL);
    atomic_fetch_add(&log_lines, 1);
}

static void log_ended(void *userdata) {
    CHECK(userdata == &log_lines);
    atomic_fetch_add(&log_ends, 1);
}

static void logging(void) {
    FAILS(DTT_UNKNOWN_OPTION, "level: 6", dtt_log_set_callback(6, on_log, &log_lines, log_ended, &error));
    OK(dtt_log_set_callback(DTT_LOG_DEBUG, on_log, &log_lines, log_ended, &error));
    pair_t pair = new_pair("secret of the log");
    CHECK(atomic_load(&log_lines) > 0 && atomic_load(&log_ends) == 0);
    OK(dtt_log_set_callback(DTT_LOG_OFF, NULL, NULL, NULL, &error));
    double until = now_s() + 60;
    for (; atomic_load(&log_ends) == 0; pause_ms(1)) CHECK(now_s() < until);
    int lines = atomic_load(&log_lines);
    free_pair(&pair);
    CHECK(atomic_load(&log_lines) == lines && atomic_load(&log_ends) == 1);
}

int main(void) {
    by_descriptor();
    by_recv();
    by_callback();
    what_events_say();
    known_peers();
    own_rotation();
    logging();
    return 0;
}
