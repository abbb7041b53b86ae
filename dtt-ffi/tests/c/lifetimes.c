/* Closing and freeing: from inside callbacks, while others wait, in every order; the destructor once and last. */
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>

/* What close promises. */
static const double CLOSE_S = 2.0;

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* Waits until a counter has a value; under valgrind, on a busy machine, that takes long. */
static void wait_for(atomic_int *counter, int value) {
    for (double until = now_s() + 240; atomic_load(counter) < value;) {
        CHECK(now_s() < until);
        pause_ms(1);
    }
}

enum act { ONLY_COUNT, CLOSE_NODE, CLOSE_TOPIC, CLOSE_EVENTS, FREE_ALL, SEND, BE_SLOW };

typedef struct {
    enum act act;
    pair_t *pair;
    dtt_events_t *events;
    atomic_int calls, inside, destroyed, messages;
} listener_t;

static void on_event(void *userdata, const dtt_event_t *event) {
    listener_t *this = userdata;
    CHECK(atomic_fetch_add(&this->inside, 1) == 0);
    CHECK(atomic_load(&this->destroyed) == 0);
    atomic_fetch_add(&this->calls, 1);
    if (dtt_event_kind(event) == DTT_EVENT_RECEIVED) {
        atomic_fetch_add(&this->messages, 1);
        switch (this->act) {
        case ONLY_COUNT: break;
        case CLOSE_NODE: CLOSED(dtt_node_close(this->pair->node[1], &error)); break;
        case CLOSE_TOPIC: CLOSED(dtt_topic_close(this->pair->topic[1], &error)); break;
        case CLOSE_EVENTS: CLOSED(dtt_events_close(this->events, &error)); break;
        case FREE_ALL:
            dtt_events_free(this->events);
            dtt_topic_free(this->pair->topic[1]);
            dtt_node_free(this->pair->node[1]);
            break;
        case SEND: {
            char text[32];
            int n = atomic_load(&this->messages);
            snprintf(text, sizeof text, "answer %d", n);
            if (n < 10) say(this->pair->topic[1], text);
            break;
        }
        case BE_SLOW: pause_ms(300); break;
        }
    }
    CHECK(atomic_fetch_sub(&this->inside, 1) == 1);
}

static void on_end(void *userdata) {
    listener_t *this = userdata;
    CHECK(atomic_load(&this->inside) == 0);
    CHECK(atomic_fetch_add(&this->destroyed, 1) == 0);
}

static void listen(listener_t *this, enum act act, pair_t *pair) {
    memset(this, 0, sizeof *this);
    this->act = act;
    this->pair = pair;
    this->events = subscribe(pair->topic[1]);
    OK(dtt_events_set_callback(this->events, on_event, this, on_end, &error));
}

static void inside_a_callback(enum act act) {
    pair_t pair = new_pair("inside a callback");
    listener_t listener;
    listen(&listener, act, &pair);
    say(pair.topic[0], "do it");
    wait_for(&listener.destroyed, 1);
    CHECK(atomic_load(&listener.messages) == 1);
    if (act == FREE_ALL) {
        CLOSED(dtt_node_close(pair.node[0], &error));
        dtt_topic_free(pair.topic[0]);
        dtt_node_free(pair.node[0]);
        dtt_testnet_free(pair.testnet);
        return;
    }
    dtt_event_t *event = NULL;
    /* It waits until the destructor, which was seen to run, has returned. */
    CLOSED(dtt_events_close(listener.events, &error));
    FAILS(DTT_CLOSED, "closed", dtt_events_recv(listener.events, 1000, &event, &error));
    dtt_events_free(listener.events);
    free_pair(&pair);
    CHECK(atomic_load(&listener.destroyed) == 1);
}

static void sends_inside_a_callback(void) {
    pair_t pair = new_pair("sends");
    listener_t there;
    listen(&there, SEND, &pair);
    dtt_events_t *events = subscribe(pair.topic[0]);
    say(pair.topic[0], "begin");
    hear(events, "answer 1");
    say(pair.topic[0], "more");
    hear(events, "answer 2");
    dtt_events_free(events);
    dtt_events_free(there.events);
    wait_for(&there.destroyed, 1);
    free_pair(&pair);
}

/* After close has returned, nothing is called: what was queued was called for, and the destructor has run. */
static void none_after_close(int what) {
    pair_t pair = new_pair("none after close");
    listener_t listener;
    listen(&listener, BE_SLOW, &pair);
    dtt_events_t *probe = subscribe(pair.topic[1]);
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %d", i);
        say(pair.topic[0], text);
        hear(probe, text);
    }
    wait_for(&listener.messages, 1);
    double start = now_s();
    if (what == 0) CLOSED(dtt_events_close(listener.events, &error));
    if (what == 1) CLOSED(dtt_topic_close(pair.topic[1], &error));
    if (what == 2) CLOSED(dtt_node_close(pair.node[1], &error));
    CHECK(now_s() - start < CLOSE_S);
    CHECK(atomic_load(&listener.inside) == 0);
    CHECK(atomic_load(&listener.destroyed) == 1);
    CHECK(atomic_load(&listener.messages) == 3);
    dtt_events_free(probe);
    dtt_events_free(listener.events);
    free_pair(&pair);
    CHECK(atomic_load(&listener.destroyed) == 1);
}

typedef struct {
    atomic_int messages, late, destroyed;
} heard_t;

/* The first message takes its time; those that were sent late begin with an "l". */
static void on_heard(void *userdata, const dtt_event_t *event) {
    heard_t *this = userdata;
    size_t length = 0;
    const uint8_t *data = dtt_event_data(event, &length);
    if (dtt_event_kind(event) != DTT_EVENT_RECEIVED) return;
    CHECK(atomic_load(&this->destroyed) == 0 && length > 0);
    if (data[0] == 'l') atomic_fetch_add(&this->late, 1);
    if (atomic_fetch_add(&this->messages, 1) == 0) pause_ms(1000);
}

static void on_heard_end(void *userdata) { atomic_fetch_add(&((heard_t *)userdata)->destroyed, 1); }

static atomic_int closers;

static void *close_events(void *events) {
    atomic_fetch_add(&closers, 1);
    CLOSED(dtt_events_close(events, &error));
    return NULL;
}

static void say_late(pair_t *pair, dtt_events_t *probe, const char *when) {
    char text[32];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "late, %s: %d", when, i);
        say(pair->topic[0], text);
    }
    /* They have come: another queue has the last one of them. */
    hear(probe, text);
}

/* What is sent while a queue's close waits for its callback, and after it, is not called for; what was queued before is. */
static void none_sent_late(void) {
    pair_t pair = new_pair("late");
    heard_t heard = {0, 0, 0};
    dtt_events_t *events = subscribe(pair.topic[1]), *probe = subscribe(pair.topic[1]);
    OK(dtt_events_set_callback(events, on_heard, &heard, on_heard_end, &error));
    say(pair.topic[0], "one");
    wait_for(&heard.messages, 1);
    say(pair.topic[0], "two");
    hear(probe, "two");
    pthread_t closer;
    CHECK(pthread_create(&closer, NULL, close_events, events) == 0);
    wait_for(&closers, 1);
    pause_ms(200);
    say_late(&pair, probe, "during");
    CHECK(pthread_join(closer, NULL) == 0);
    CHECK(atomic_load(&heard.destroyed) == 1 && atomic_load(&heard.messages) == 2);
    say_late(&pair, probe, "after");
    CHECK(atomic_load(&heard.late) == 0 && atomic_load(&heard.messages) == 2);
    dtt_events_free(events);
    dtt_events_free(probe);
    free_pair(&pair);
}

static void on_event_for_ever(void *userdata, const dtt_event_t *event) {
    (void)event;
    atomic_int *state = userdata;
    atomic_fetch_add(&state[0], 1);
    while (atomic_load(&state[1]) == 0) pause_ms(50);
}

static void on_end_set(void *userdata) { atomic_store((atomic_int *)userdata + 2, 1); }

/* A callback that does not return holds up nobody longer than 2 s. */
static void close_is_bounded(void) {
    pair_t pair = new_pair("bounded");
    dtt_events_t *events = subscribe(pair.topic[1]);
    atomic_int state[3] = {0, 0, 0};
    OK(dtt_events_set_callback(events, on_event_for_ever, state, on_end_set, &error));
    wait_for(&state[0], 1);
    double start = now_s();
    FAILS(DTT_TIMEOUT, "callback", dtt_node_close(pair.node[1], &error));
    double took = now_s() - start;
    printf("close beside a callback that blocks: %.3f s\n", took);
    CHECK(took < CLOSE_S);
    atomic_store(&state[1], 1);
    wait_for(&state[2], 1);
    CHECK(atomic_load(&state[0]) == 1);
    dtt_events_free(events);
    free_pair(&pair);
}

typedef struct {
    dtt_events_t *events;
    dtt_topic_t *topic;
    atomic_int waiting, woken;
} waiter_t;

static void *wait_for_end(void *argument) {
    waiter_t *this = argument;
    for (;;) {
        dtt_event_t *event = NULL;
        atomic_fetch_add(&this->waiting, 1);
        int status = (int)dtt_events_recv(this->events, DTT_FOREVER, &event, NULL);
        if (status == DTT_CLOSED) break;
        CHECK(status == DTT_OK);
        dtt_event_free(event);
    }
    atomic_fetch_add(&this->woken, 1);
    return NULL;
}

static void *wait_for_joined(void *argument) {
    waiter_t *this = argument;
    atomic_fetch_add(&this->waiting, 1);
    FAILS(DTT_CLOSED, "closed", dtt_topic_wait_joined(this->topic, DTT_FOREVER, &error));
    atomic_fetch_add(&this->woken, 1);
    return NULL;
}

/* Every waiter is woken with CLOSED. */
static void close_wakes(int what) {
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(4, &testnet, &error));
    dtt_node_t *node = spawn_on(testnet);
    waiter_t waiter = {.topic = join(node, "lonely")};
    waiter.events = subscribe(waiter.topic);
    pthread_t threads[4];
    int count = what == 0 ? 3 : 4;
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, i == 3 ? wait_for_joined : wait_for_end, &waiter) == 0);
    wait_for(&waiter.waiting, count);
    pause_ms(50);
    double start = now_s();
    if (what == 0) CLOSED(dtt_events_close(waiter.events, &error));
    if (what == 1) CLOSED(dtt_topic_close(waiter.topic, &error));
    if (what == 2) CLOSED(dtt_node_close(node, &error));
    CHECK(now_s() - start < CLOSE_S);
    wait_for(&waiter.woken, count);
    for (int i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    dtt_events_free(waiter.events);
    dtt_topic_free(waiter.topic);
    dtt_node_free(node);
    dtt_testnet_free(testnet);
}

/* What was queued when the queue, the topic or the node was closed is still there. */
static void the_queued_is_kept(int what) {
    pair_t pair = new_pair("kept");
    dtt_events_t *events = subscribe(pair.topic[1]), *probe = subscribe(pair.topic[1]);
    say(pair.topic[0], "one");
    say(pair.topic[0], "two");
    hear(probe, "one");
    hear(probe, "two");
    if (what == 0) CLOSED(dtt_events_close(events, &error));
    if (what == 1) CLOSED(dtt_topic_close(pair.topic[1], &error));
    if (what == 2) CLOSED(dtt_node_close(pair.node[1], &error));
    hear(events, "one");
    hear(events, "two");
    dtt_event_t *event = NULL;
    int status;
    while ((status = (int)dtt_events_try_recv(events, &event, NULL)) == DTT_OK) dtt_event_free(event);
    CHECK(status == DTT_CLOSED);
    if (what > 0) {
        FAILS(DTT_CLOSED, "closed", dtt_topic_broadcast(pair.topic[1], bytes("x"), 1, &error));
        CHECK(dtt_topic_state(pair.topic[1]) == DTT_STATE_CLOSED);
    }
    if (what == 2) {
        dtt_topic_t *topic = NULL;
        FAILS(DTT_CLOSED, "node", dtt_node_join(pair.node[1], NULL, 0, NULL, 0, NULL, &topic, &error));
        CHECK(topic == NULL && dtt_node_is_closed(pair.node[1]));
    }
    dtt_events_free(probe);
    dtt_events_free(events);
    free_pair(&pair);
}

/* Frees in every order of node, topic, queue with a callback, queue without, and testnet. */
static void free_in_every_order(void) {
    dtt_testnet_t *shared = NULL;
    OK(dtt_testnet_new(2, &shared, &error));
    int order[4] = {0, 1, 2, 3}, done = 0;
    for (int a = 0; a < 256; a++) {
        int used = 0;
        for (int i = 0, rest = a; i < 4; i++, rest /= 4) {
            order[i] = rest % 4;
            used |= 1 << order[i];
        }
        if (used != 15) continue;
        dtt_node_t *node = spawn_on(shared);
        dtt_topic_t *topic = join(node, "order");
        dtt_events_t *read = subscribe(topic), *called = subscribe(topic);
        atomic_int state[3] = {0, 1, 0};
        OK(dtt_events_set_callback(called, on_event_for_ever, state, on_end_set, &error));
        for (int i = 0; i < 4; i++) {
            if (order[i] == 0) dtt_node_free(node);
            if (order[i] == 1) dtt_topic_free(topic);
            if (order[i] == 2) dtt_events_free(read);
            if (order[i] == 3) dtt_events_free(called);
        }
        wait_for(&state[2], 1);
        done++;
    }
    CHECK(done == 24);
    dtt_testnet_free(shared);
}

/* Closing a topic waits for its own callbacks only: another one's goes on, even if that topic is closed and being slow. */
static void topics_do_not_wait_for_each_other(void) {
    pair_t pair = new_pair("slow");
    dtt_topic_t *other = join(pair.node[1], "other");
    listener_t listener;
    listen(&listener, BE_SLOW, &pair);
    dtt_events_t *probe = subscribe(pair.topic[1]);
    for (int i = 0; i < 8; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %d", i);
        say(pair.topic[0], text);
        hear(probe, text);
    }
    dtt_error_t *slow = NULL;
    atomic_int blocked[3] = {0, 0, 0};
    dtt_events_t *blocks = subscribe(pair.topic[1]);
    OK(dtt_events_set_callback(blocks, on_event_for_ever, blocked, on_end_set, &error));
    wait_for(&blocked[0], 1);
    CHECK(dtt_topic_close(pair.topic[1], &slow) == DTT_TIMEOUT);
    dtt_error_free(slow);
    double start = now_s();
    CLOSED(dtt_topic_close(other, &error));
    CHECK(now_s() - start < CLOSE_S);
    CHECK(atomic_load(&blocked[2]) == 0);
    atomic_store(&blocked[1], 1);
    wait_for(&blocked[2], 1);
    wait_for(&listener.destroyed, 1);
    dtt_events_free(blocks);
    dtt_events_free(probe);
    dtt_events_free(listener.events);
    dtt_topic_free(other);
    free_pair(&pair);
}

/* More callbacks block than any pool has threads; nodes still start and meet. */
static void blocked_callbacks_block_nothing_else(void) {
    enum { BLOCKED = 600 };
    static dtt_events_t *queues[BLOCKED];
    static atomic_int states[BLOCKED][3];
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(4, &testnet, &error));
    dtt_node_t *node = spawn_on(testnet);
    dtt_topic_t *topic = join(node, "blocked");
    for (int i = 0; i < BLOCKED; i++) {
        queues[i] = subscribe(topic);
        OK(dtt_events_set_callback(queues[i], on_event_for_ever, states[i], on_end_set, &error));
    }
    for (int i = 0; i < BLOCKED; i++) wait_for(&states[i][0], 1);
    pair_t pair = new_pair("beside");
    free_pair(&pair);
    for (int i = 0; i < BLOCKED; i++) atomic_store(&states[i][1], 1);
    /* A slow machine needs longer than close waits until so many have returned; the destructors come all the same. */
    dtt_error_t *late = NULL;
    dtt_status_t closed = dtt_node_close(node, &late);
    CHECK(closed == DTT_OK || closed == DTT_TIMEOUT);
    dtt_error_free(late);
    for (int i = 0; i < BLOCKED; i++) {
        wait_for(&states[i][2], 1);
        dtt_events_free(queues[i]);
    }
    dtt_topic_free(topic);
    dtt_node_free(node);
    dtt_testnet_free(testnet);
}

static uint64_t topics_of(dtt_node_t *node) {
    uint64_t stats[DTT_NODE_STATS];
    OK(dtt_node_stats(node, stats, DTT_NODE_STATS, &error));
    return stats[DTT_STAT_NODE_TOPICS];
}

/* The number that the system gives an eventfd for good; -1 if this is none, as when it was closed and another file has its place. */
static int eventfd_id(int fd) {
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    int id = -1;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "eventfd-id: %d", &id) == 1) break;
    if (file != NULL) fclose(file);
    return id;
}

/* A closed queue keeps nothing open, and a freed one keeps no descriptor: nothing need happen on its topic first. */
static void nothing_is_left_behind(void) {
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(2, &testnet, &error));
    dtt_node_t *node = spawn_on(testnet);
    dtt_topic_t *topic = join(node, "left");
    dtt_events_t *events = subscribe(topic), *called = subscribe(topic);
    atomic_int state[3] = {0, 1, 0};
    OK(dtt_events_set_callback(called, on_event_for_ever, state, on_end_set, &error));
    dtt_events_t *read = subscribe(topic);
    int fd = -1;
    OK(dtt_events_fd(read, &fd, &error));
    dtt_event_t *event = NULL;
    while (dtt_events_try_recv(read, &event, NULL) == DTT_OK) dtt_event_free(event);
    FAILS(DTT_BUSY, "descriptor", dtt_events_set_callback(read, on_event_for_ever, state, NULL, &error));
    int id = eventfd_id(fd);
    CHECK(id >= 0);
    dtt_events_free(read);
    CHECK(eventfd_id(fd) != id);
    dtt_topic_free(topic);
    CHECK(topics_of(node) == 1);
    CLOSED(dtt_events_close(events, &error));
    FAILS(DTT_CLOSED, "closed", dtt_events_set_callback(events, on_event_for_ever, state, NULL, &error));
    CLOSED(dtt_events_close(called, &error));
    for (double until = now_s() + 60; topics_of(node) > 0; pause_ms(5)) CHECK(now_s() < until);
    dtt_events_free(events);
    dtt_events_free(called);
    dtt_node_free(node);
    dtt_testnet_free(testnet);
}

static dtt_topic_t *raced;
static atomic_int raced_closed, called_after;

static void on_raced(void *userdata, const dtt_event_t *event) {
    (void)userdata;
    (void)event;
    if (atomic_load(&raced_closed)) atomic_fetch_add(&called_after, 1);
}

static void *close_raced(void *unused) {
    CLOSED(dtt_topic_close(raced, &error));
    atomic_store(&raced_closed, 1);
    return unused;
}

/* A callback that is set while the topic closes is refused, or waited for. */
static void set_while_closing(void) {
    enum { ROUNDS = 30, QUEUES = 32 };
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(2, &testnet, &error));
    dtt_node_t *node = spawn_on(testnet);
    for (int round = 0; round < ROUNDS; round++) {
        dtt_events_t *queues[QUEUES];
        raced = join(node, "raced");
        atomic_store(&raced_closed, 0);
        for (int i = 0; i < QUEUES; i++) queues[i] = subscribe(raced);
        pthread_t closer;
        CHECK(pthread_create(&closer, NULL, close_raced, NULL) == 0);
        for (int i = 0; i < QUEUES; i++) {
            int status = (int)dtt_events_set_callback(queues[i], on_raced, NULL, NULL, NULL);
            CHECK(status == DTT_OK || status == DTT_CLOSED);
        }
        CHECK(pthread_join(closer, NULL) == 0);
        pause_ms(5);
        for (int i = 0; i < QUEUES; i++) dtt_events_free(queues[i]);
        dtt_topic_free(raced);
    }
    CHECK(atomic_load(&called_after) == 0);
    dtt_node_free(node);
    dtt_testnet_free(testnet);
}

static dtt_join_options_t *rotated;
static atomic_int rotations_ended;

static void rotate(void *userdata, const uint8_t *topic, uint64_t minute, const uint8_t *secret, uint8_t *seed) {
    (void)userdata;
    CHECK(dtt_rotation_default(topic, 32, minute, secret, 32, seed, NULL) == DTT_OK);
}

static void on_rotation_end(void *userdata) {
    (void)userdata;
    OK(dtt_join_options_set_timeout_ms(rotated, 5, &error));
    atomic_fetch_add(&rotations_ended, 1);
}

/* A destructor may use what its userdata was given to. */
static void destructors_hold_no_lock(void) {
    OK(dtt_join_options_new(&rotated, &error));
    OK(dtt_join_options_set_rotation(rotated, rotate, NULL, on_rotation_end, &error));
    OK(dtt_join_options_set_rotation(rotated, rotate, NULL, NULL, &error));
    CHECK(atomic_load(&rotations_ended) == 1);
    dtt_join_options_free(rotated);
}

int main(void) {
    destructors_hold_no_lock();
    nothing_is_left_behind();
    topics_do_not_wait_for_each_other();
    set_while_closing();
    blocked_callbacks_block_nothing_else();
    none_sent_late();
    for (enum act act = CLOSE_NODE; act <= FREE_ALL; act++) inside_a_callback(act);
    sends_inside_a_callback();
    for (int what = 0; what < 3; what++) {
        none_after_close(what);
        close_wakes(what);
        the_queued_is_kept(what);
    }
    close_is_bounded();
    free_in_every_order();
    return 0;
}
