/* A forked child gets an error, not a hang, and frees what it likes. The parent goes on. */
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 100 };

static void ended_well(pid_t child) {
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) FAIL("the child was ended by signal %d", WTERMSIG(status));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The first call of all, which starts no thread, is enough: what the child would go on with is the parent's. */
static void after_any_call(void) {
    uint8_t key[3][DTT_KEY_LEN] = {{0}};
    OK(dtt_secret_key_generate(key[0], &error));
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        FAILS(DTT_FORKED, "forked", dtt_secret_key_generate(key[1], &error));
        _exit(0);
    }
    ended_well(child);
    OK(dtt_secret_key_generate(key[2], &error));
    CHECK(memcmp(key[0], key[2], DTT_KEY_LEN) != 0);
    OK(dtt_secret_key_generate(key[1], &error));
    CHECK(memcmp(key[1], key[0], DTT_KEY_LEN) != 0 && memcmp(key[1], key[2], DTT_KEY_LEN) != 0);
}

/* Every call of a child that was forked from a process with open handles. */
static void with_handles(pair_t *pair) {
    dtt_events_t *events = subscribe(pair->topic[1]);
    CHECK(!dtt_node_is_closed(pair->node[0]));
    CHECK(dtt_topic_state(pair->topic[0]) == DTT_STATE_JOINED && dtt_topic_max_message_size(pair->topic[0]) == 4057);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        dtt_event_t *event = NULL;
        dtt_node_t *node = NULL;
        dtt_topic_t *topic = NULL;
        FAILS(DTT_FORKED, "forked", dtt_node_spawn(NULL, &node, &error));
        FAILS(DTT_FORKED, "forked", dtt_node_join(pair->node[0], NULL, 0, NULL, 0, NULL, &topic, &error));
        FAILS(DTT_FORKED, "forked", dtt_topic_broadcast(pair->topic[0], bytes("x"), 1, &error));
        FAILS(DTT_FORKED, "forked", dtt_events_recv(events, DTT_FOREVER, &event, &error));
        FAILS(DTT_FORKED, "forked", dtt_events_try_recv(events, &event, &error));
        FAILS(DTT_FORKED, "forked", dtt_events_close(events, &error));
        FAILS(DTT_FORKED, "forked", dtt_topic_close(pair->topic[0], &error));
        FAILS(DTT_FORKED, "forked", dtt_topic_wait_joined(pair->topic[0], DTT_FOREVER, &error));
        FAILS(DTT_FORKED, "forked", dtt_node_close(pair->node[0], &error));
        CHECK(dtt_node_is_closed(pair->node[0]));
        CHECK(dtt_topic_state(pair->topic[0]) == DTT_STATE_CLOSED && dtt_topic_max_message_size(pair->topic[0]) == 0);
        dtt_events_free(events);
        dtt_topic_free(pair->topic[0]);
        dtt_node_free(pair->node[0]);
        dtt_testnet_free(pair->testnet);
        _exit(0);
    }
    ended_well(child);
    say(pair->topic[0], "the parent goes on");
    hear(events, "the parent goes on");
    dtt_events_free(events);
}

static atomic_int over;

static void *look(void *argument) {
    const pair_t *pair = argument;
    while (!atomic_load(&over)) {
        (void)dtt_node_is_closed(pair->node[0]);
        (void)dtt_topic_state(pair->topic[0]);
    }
    return NULL;
}

/* Forked while other threads hold the engine's locks, a child does not wait for them. */
static void amid_calls(pair_t *pair) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, look, pair) == 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            _exit(dtt_node_is_closed(pair->node[0]) && dtt_topic_state(pair->topic[0]) == DTT_STATE_CLOSED ? 0 : 1);
        }
        ended_well(child);
    }
    atomic_store(&over, 1);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void) {
    after_any_call();
    pair_t pair = new_pair("fork");
    with_handles(&pair);
    amid_calls(&pair);
    free_pair(&pair);
    return 0;
}
