/* Random valid sequences of the API from several threads, for so many seconds (10), by a seed (1). Each world is a node with a
 * topic and a queue; a call takes its lock for reading, since calls may overlap, and only a free takes it for writing. */
#include "test.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WORLDS = 3, THREADS = 4 };

typedef struct {
    pthread_rwlock_t lock;
    dtt_node_t *node;
    dtt_topic_t *topic;
    dtt_events_t *events;
} world_t;

static dtt_testnet_t *testnet;
static world_t worlds[WORLDS];
static atomic_int over;
static atomic_long calls, callbacks, made, destroyed;

static unsigned draw(unsigned *state, unsigned below) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

/* What a call may end with when others close at the same time. */
static int may_be(dtt_status_t status) {
    atomic_fetch_add(&calls, 1);
    int known = status == DTT_OK || status == DTT_CLOSED || status == DTT_TIMEOUT || status == DTT_EMPTY ||
                status == DTT_BUSY || status == DTT_GOSSIP;
    if (!known) FAIL("%s", dtt_status_name((int)status));
    return status == DTT_OK;
}

static void on_event(void *userdata, const dtt_event_t *event) {
    size_t length = 0;
    const uint8_t *data = dtt_event_data(event, &length);
    CHECK(atomic_load((atomic_int *)userdata) == 1);
    if (length > 0) CHECK(data[0] == 'x');
    atomic_fetch_add(&callbacks, 1);
}

static void on_end(void *userdata) {
    CHECK(atomic_exchange((atomic_int *)userdata, 2) == 1);
    atomic_fetch_add(&destroyed, 1);
}

/* Whether a callback's userdata is in use. Not on the heap: a checker that does not see into the library would not know that what is
 * allocated here is handed over there. */
static atomic_int users[65536];
static atomic_int user_count;

static void set_callback(dtt_events_t *events) {
    int place = atomic_fetch_add(&user_count, 1);
    CHECK(place < 65536);
    atomic_int *alive = &users[place];
    atomic_store(alive, 1);
    /* Counted before: the destructor may run before the call has returned. */
    atomic_fetch_add(&made, 1);
    if (!may_be(dtt_events_set_callback(events, on_event, alive, on_end, NULL))) {
        atomic_fetch_sub(&made, 1);
    }
}

static void take(dtt_status_t status, dtt_event_t **out) {
    if (!may_be(status)) return;
    dtt_event_t *event = *out;
    size_t length = 0;
    const uint8_t *data = dtt_event_data(event, &length);
    if (length > 0) CHECK(data[0] == 'x');
    dtt_event_free(event);
}

static void use(world_t *world, unsigned *seed) {
    dtt_event_t *event = NULL;
    uint64_t stats[DTT_TOPIC_STATS];
    uint8_t ids[2 * DTT_ID_LEN], text[16] = "x";
    size_t count = 0;
    struct pollfd fd = {-1, POLLIN, 0};
    switch (draw(seed, 16)) {
    case 0: case 1: case 2: case 3:
        snprintf((char *)text + 1, sizeof text - 1, "%u", draw(seed, 1u << 24));
        may_be(dtt_topic_broadcast(world->topic, text, sizeof text, NULL));
        break;
    case 4: take(dtt_events_recv(world->events, 1, &event, NULL), &event); break;
    case 5: case 6: take(dtt_events_try_recv(world->events, &event, NULL), &event); break;
    case 7:
        /* Seldom: a queue that has a descriptor takes no callback any more. */
        if (draw(seed, 8) > 0) break;
        if (may_be(dtt_events_fd(world->events, &fd.fd, NULL)) && poll(&fd, 1, 1) == 1)
            take(dtt_events_try_recv(world->events, &event, NULL), &event);
        break;
    case 8: may_be(dtt_topic_stats(world->topic, stats, DTT_TOPIC_STATS, NULL)); break;
    case 9: may_be(dtt_topic_neighbors(world->topic, ids, 2, &count, NULL)); break;
    case 10: may_be(dtt_node_stats(world->node, stats, DTT_NODE_STATS, NULL)); break;
    case 11: may_be(dtt_topic_wait_joined(world->topic, 1, NULL)); break;
    case 12: may_be(dtt_topic_broadcast_neighbors(world->topic, text, 1, NULL)); break;
    case 13: if (draw(seed, 4) == 0) set_callback(world->events); break;
    case 14: if (draw(seed, 32) == 0) may_be(dtt_events_close(world->events, NULL)); break;
    default:
        if (draw(seed, 64) == 0) may_be(dtt_topic_close(world->topic, NULL));
        if (draw(seed, 128) == 0) may_be(dtt_node_close(world->node, NULL));
    }
}

/* Frees some of it, in some order, and makes it anew. */
static void renew(world_t *world, unsigned *seed) {
    unsigned what = draw(seed, 8);
    if (what == 0) {
        dtt_node_free(world->node);
        world->node = spawn_on(testnet);
    }
    if (what <= 2 || dtt_topic_state(world->topic) == DTT_STATE_CLOSED) {
        dtt_topic_free(world->topic);
        world->topic = NULL;
        if (!may_be(dtt_node_join(world->node, bytes("stress"), 6, bytes("s"), 1, NULL, &world->topic, NULL))) {
            dtt_node_free(world->node);
            world->node = spawn_on(testnet);
            world->topic = join(world->node, "stress");
        }
    }
    dtt_events_free(world->events);
    world->events = subscribe(world->topic);
}

static void *run(void *argument) {
    unsigned seed = (unsigned)(size_t)argument;
    while (!atomic_load(&over)) {
        world_t *world = &worlds[draw(&seed, WORLDS)];
        if (draw(&seed, 200) == 0) {
            CHECK(pthread_rwlock_wrlock(&world->lock) == 0);
            renew(world, &seed);
        } else {
            CHECK(pthread_rwlock_rdlock(&world->lock) == 0);
            use(world, &seed);
        }
        CHECK(pthread_rwlock_unlock(&world->lock) == 0);
    }
    return NULL;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    size_t seed = argc > 2 ? (size_t)atoi(argv[2]) : 1;
    /* First of all, so that a run that fails can be run again. */
    printf("seed %zu\n", seed);
    CHECK(fflush(stdout) == 0);
    OK(dtt_testnet_new(4, &testnet, &error));
    for (int i = 0; i < WORLDS; i++) {
        CHECK(pthread_rwlock_init(&worlds[i].lock, NULL) == 0);
        worlds[i].node = spawn_on(testnet);
        worlds[i].topic = join(worlds[i].node, "stress");
        worlds[i].events = subscribe(worlds[i].topic);
    }
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)(seed * 1000 + i)) == 0);
    /* On a slow machine, or under valgrind, two may not have met by then. */
    for (double begin = now_s(); now_s() < begin + seconds || atomic_load(&callbacks) == 0;) {
        CHECK(now_s() < begin + seconds + 120);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    atomic_store(&over, 1);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < WORLDS; i++) {
        dtt_events_free(worlds[i].events);
        dtt_topic_free(worlds[i].topic);
        dtt_node_free(worlds[i].node);
        CHECK(pthread_rwlock_destroy(&worlds[i].lock) == 0);
    }
    for (double end = now_s() + 60; atomic_load(&destroyed) < atomic_load(&made);) CHECK(now_s() < end);
    CHECK(atomic_load(&destroyed) == atomic_load(&made));
    printf("%ld calls, %ld callbacks, %ld destructors\n", atomic_load(&calls), atomic_load(&callbacks),
           atomic_load(&destroyed));
    CHECK(atomic_load(&calls) > 0 && atomic_load(&callbacks) > 0);
    dtt_testnet_free(testnet);
    return 0;
}
