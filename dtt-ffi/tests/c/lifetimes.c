/* Closing and freeing: from inside callbacks, while others wait, in every order; the destructor once and last. */
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* Waits until a counter has a value; 60 s at the most. */
static void wait_for(atomic_int *counter, int value) {
    for (double until = now_s() + 60; atomic_load(counter) < value;) {
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
        case CLOSE_NODE: OK(dtt_node_close(this->pair->node[1], &error)); break;
        case CLOSE_TOPIC: OK(dtt_topic_close(this->pair->topic[1], &error)); break;
        case CLOSE_EVENTS: OK(dtt_events_close(this->events, &error)); break;
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
        OK(dtt_node_close(pair.node[0], &error));
        dtt_topic_free(pair.topic[0]);
        dtt_node_free(pair.node[0]);
        dtt_testnet_free(pair.testnet);
        return;
    }
    dtt_event_t *event = NULL;
    FAILS(DTT_CLOSED, "closed", dtt_events_recv(listener.events, 1000, &event, &error));
    OK(dtt_events_close(listener.events, &error));
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
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %d", i);
        say(pair.topic[0], text);
    }
    wait_for(&listener.messages, 1);
    pause_ms(100);
    double start = now_s();
    if (what == 0) OK(dtt_events_close(listener.events, &error));
    if (what == 1) OK(dtt_topic_close(pair.topic[1], &error));
    if (what == 2) OK(dtt_node_close(pair.node[1], &error));
    CHECK(now_s() - start < 2.5);
    CHECK(atomic_load(&listener.inside) == 0);
    CHECK(atomic_load(&listener.destroyed) == 1);
    CHECK(atomic_load(&listener.messages) == 3);
    dtt_events_free(listener.events);
    free_pair(&pair);
    CHECK(atomic_load(&listener.destroyed) == 1);
}

static void on_event_for_ever(void *userdata, const dtt_event_t *event) {
    (void)event;
    atomic_int *state = userdata;
    atomic_fetch_add(&state[0], 1);
    while (atomic_load(&state[1]) == 0) pause_ms(5);
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
    CHECK(took < 2.5);
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
    if (what == 0) OK(dtt_events_close(waiter.events, &error));
    if (what == 1) OK(dtt_topic_close(waiter.topic, &error));
    if (what == 2) OK(dtt_node_close(node, &error));
    wait_for(&waiter.woken, count);
    CHECK(now_s() - start < 2.5);
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
    if (what == 0) OK(dtt_events_close(events, &error));
    if (what == 1) OK(dtt_topic_close(pair.topic[1], &error));
    if (what == 2) OK(dtt_node_close(pair.node[1], &error));
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

int main(void) {
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
