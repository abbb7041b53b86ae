/* Closing while nothing gets through. Run in a network namespace of its own; the argument is a command that makes it dark: every
 * packet is lost without a word. A node that has peers closes then, and one that never reached anything. */
#include "test.h"
#include <pthread.h>

static void *receive_until_closed(void *events) {
    for (;;) {
        dtt_event_t *event = NULL;
        int status = (int)dtt_events_recv(events, DTT_FOREVER, &event, NULL);
        if (status == DTT_CLOSED) return NULL;
        CHECK(status == DTT_OK);
        /* Nothing is said before it is dark. */
        CHECK(dtt_event_kind(event) != DTT_EVENT_RECEIVED);
        dtt_event_free(event);
    }
}

/* 2 s are promised; a busy machine may run this process a little later. */
static void close_in_time(dtt_node_t *node, const char *which) {
    double start = now_s();
    OK(dtt_node_close(node, &error));
    double took = now_s() - start;
    printf("close in the dark, %s: %.3f s\n", which, took);
    CHECK(took < 2.5);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    pair_t pair = new_pair("dark");
    dtt_events_t *events = subscribe(pair.topic[1]);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, receive_until_closed, events) == 0);
    CHECK(system(argv[1]) == 0);
    for (int i = 0; i < 50; i++) {
        char text[32];
        snprintf(text, sizeof text, "into the dark %d", i);
        say(pair.topic[i % 2], text);
    }
    close_in_time(pair.node[0], "a node with a neighbor");
    close_in_time(pair.node[1], "its neighbor, with a thread in recv");
    CHECK(pthread_join(thread, NULL) == 0);

    /* The options of the real world: public bootstrap nodes, relays and name servers, none of which answers. */
    dtt_node_t *node = NULL;
    double start = now_s();
    OK(dtt_node_spawn(NULL, &node, &error));
    dtt_topic_t *topic = join(node, "dark");
    printf("close in the dark: spawn and join took %.3f s\n", now_s() - start);
    FAILS(DTT_TIMEOUT, "no DHT node answered", dtt_topic_wait_joined(topic, 3000, &error));
    say(topic, "nobody");
    close_in_time(node, "a node that never reached anything");
    OK(dtt_node_spawn(NULL, &node, &error));
    close_in_time(node, "a node just started");

    dtt_topic_free(topic);
    dtt_node_free(node);
    dtt_events_free(events);
    free_pair(&pair);
    return 0;
}
