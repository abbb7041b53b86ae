/* Two processes that know a name, a secret and a bootstrap list meet and talk. */
#include "test.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* The child is done when it has heard the parent say that it was heard; the parent when it has heard the child, which has ended
 * well. So nobody leaves with words on the way that somebody needs. */
static int is_done(pid_t child, int heard, int acknowledged) {
    static int ended;
    int status = -1;
    if (child == 0) return heard && acknowledged;
    if (!ended && waitpid(child, &status, WNOHANG) == child) {
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        ended = 1;
    }
    return heard && ended;
}

static void talk(const char *bootstrap, const char *says, const char *hears, pid_t child) {
    dtt_config_t *config = NULL;
    dtt_node_t *node = NULL;
    OK(dtt_config_new(&config, &error));
    OK(dtt_config_use_testnet(config, bootstrap, &error));
    OK(dtt_node_spawn(config, &node, &error));
    dtt_config_free(config);
    dtt_topic_t *topic = join(node, "meet");
    dtt_events_t *events = subscribe(topic);
    OK(dtt_topic_wait_joined(topic, JOIN_MS, &error));
    /* Whoever joined a moment later may have missed the first. An identical payload would be dropped. */
    int heard = 0, acknowledged = 0;
    for (int round = 0; !is_done(child, heard, acknowledged); round++) {
        char text[64];
        snprintf(text, sizeof text, "%s %d %d", says, heard, round);
        say(topic, text);
        for (double until = now_s() + 0.2; now_s() < until && !is_done(child, heard, acknowledged);) {
            dtt_event_t *event = NULL;
            if (dtt_events_recv(events, 100, &event, NULL) != DTT_OK) continue;
            size_t length = 0;
            const char *data = (const char *)dtt_event_data(event, &length);
            if (dtt_event_kind(event) == DTT_EVENT_RECEIVED && length > strlen(hears) + 1 &&
                memcmp(data, hears, strlen(hears)) == 0) {
                heard = 1;
                acknowledged |= data[strlen(hears) + 1] == '1';
            }
            dtt_event_free(event);
        }
        CHECK(round < 600);
    }
    uint64_t stats[DTT_TOPIC_STATS];
    OK(dtt_topic_stats(topic, stats, DTT_TOPIC_STATS, &error));
    CHECK(stats[DTT_STAT_RECEIVED] > 0 && stats[DTT_STAT_SENT] > 0 && stats[DTT_STAT_JOINED] > 0);
    CHECK(stats[DTT_STAT_FIRST_NEIGHBOR_MS] != DTT_NEVER);
    CLOSED(dtt_node_close(node, &error));
    dtt_events_free(events);
    dtt_topic_free(topic);
    dtt_node_free(node);
}

/* Two nodes with one key, as in two processes that read the same file: both are told. */
static void one_key(const char *bootstrap) {
    const uint8_t key[32] = {7};
    dtt_node_t *nodes[2];
    dtt_topic_t *topics[2];
    dtt_events_t *events[2];
    for (int i = 0; i < 2; i++) {
        dtt_config_t *config = NULL;
        OK(dtt_config_new(&config, &error));
        OK(dtt_config_use_testnet(config, bootstrap, &error));
        OK(dtt_config_set_secret_key(config, key, sizeof key, &error));
        OK(dtt_node_spawn(config, &nodes[i], &error));
        dtt_config_free(config);
        topics[i] = join(nodes[i], "one key");
        events[i] = subscribe(topics[i]);
    }
    for (int i = 0; i < 2; i++) {
        dtt_event_kind_t kind = DTT_EVENT_NONE;
        for (double until = now_s() + 60; kind != DTT_EVENT_KEY_IN_USE && now_s() < until;) {
            dtt_event_t *event = NULL;
            if (dtt_events_recv(events[i], 1000, &event, NULL) == DTT_OK) kind = dtt_event_kind(event);
            dtt_event_free(event);
        }
        CHECK(kind == DTT_EVENT_KEY_IN_USE);
    }
    for (int i = 0; i < 2; i++) {
        CLOSED(dtt_node_close(nodes[i], &error));
        dtt_events_free(events[i]);
        dtt_topic_free(topics[i]);
        dtt_node_free(nodes[i]);
    }
}

int main(int argc, char **argv) {
    if (argc == 2) {
        talk(argv[1], "child", "parent", 0);
        return 0;
    }
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(0, &testnet, &error));
    char *arguments[] = {argv[0], (char *)dtt_testnet_bootstrap(testnet), NULL};
    pid_t child = 0;
    CHECK(posix_spawn(&child, argv[0], NULL, NULL, arguments, environ) == 0);
    talk(dtt_testnet_bootstrap(testnet), "parent", "child", child);
    one_key(dtt_testnet_bootstrap(testnet));
    dtt_testnet_free(testnet);
    return 0;
}
