/* A forked child gets an error, not a hang, and frees what it likes. The parent goes on. */
#include "test.h"
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    pair_t pair = new_pair("fork");
    dtt_events_t *events = subscribe(pair.topic[1]);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        dtt_event_t *event = NULL;
        dtt_node_t *node = NULL;
        dtt_topic_t *topic = NULL;
        FAILS(DTT_FORKED, "forked", dtt_node_spawn(NULL, &node, &error));
        FAILS(DTT_FORKED, "forked", dtt_node_join(pair.node[0], NULL, 0, NULL, 0, NULL, &topic, &error));
        FAILS(DTT_FORKED, "forked", dtt_topic_broadcast(pair.topic[0], bytes("x"), 1, &error));
        FAILS(DTT_FORKED, "forked", dtt_events_recv(events, DTT_FOREVER, &event, &error));
        FAILS(DTT_FORKED, "forked", dtt_events_try_recv(events, &event, &error));
        FAILS(DTT_FORKED, "forked", dtt_events_close(events, &error));
        FAILS(DTT_FORKED, "forked", dtt_topic_close(pair.topic[0], &error));
        FAILS(DTT_FORKED, "forked", dtt_topic_wait_joined(pair.topic[0], DTT_FOREVER, &error));
        FAILS(DTT_FORKED, "forked", dtt_node_close(pair.node[0], &error));
        dtt_events_free(events);
        dtt_topic_free(pair.topic[0]);
        dtt_node_free(pair.node[0]);
        dtt_testnet_free(pair.testnet);
        _exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    say(pair.topic[0], "the parent goes on");
    hear(events, "the parent goes on");
    dtt_events_free(events);
    free_pair(&pair);
    return 0;
}
