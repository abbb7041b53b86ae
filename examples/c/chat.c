/* A chat by callback: run it twice with the same topic and secret.
 *
 * usage: chat TOPIC SECRET        (with DTT_BOOTSTRAP set, on a testnet; DTT_CONFIG sets options: docs/options.md)
 */
#include <dtt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program with the library's words; 2 stands for what the user gave being wrong. */
/* It takes the error by its address, since C does not say which argument of a call is evaluated first. */
static void check(dtt_status_t status, dtt_error_t *const *error) {
    if (status == DTT_OK) return;
    fprintf(stderr, "%s\n", dtt_error_message(*error));
    exit(status == DTT_INVALID_ARGUMENT ? 2 : 1);
}

static void print_id(const char *before, const uint8_t *id, const char *after) {
    printf("%s", before);
    for (int i = 0; i < 5; i++) printf("%02x", id[i]);
    printf("%s", after);
}

/* Runs on a thread of the library's, for one event after the other. */
static void on_event(void *userdata, const dtt_event_t *event) {
    (void)userdata;
    size_t length = 0;
    const uint8_t *data = dtt_event_data(event, &length);
    switch (dtt_event_kind(event)) {
    case DTT_EVENT_RECEIVED: printf("%.*s\n", (int)length, (const char *)data); break;
    case DTT_EVENT_NEIGHBOR_UP: print_id("* met ", dtt_event_peer(event), "\n"); break;
    case DTT_EVENT_NEIGHBOR_DOWN: print_id("* lost ", dtt_event_peer(event), "\n"); break;
    case DTT_EVENT_LAGGED:
        if (dtt_event_missed(event) == DTT_MISSED_UNKNOWN) printf("* too slow: events are missing\n");
        else printf("* too slow: %llu events are missing\n", (unsigned long long)dtt_event_missed(event));
        break;
    case DTT_EVENT_STATE_CHANGED: printf("* %s\n", dtt_event_state(event) == DTT_STATE_JOINED ? "Joined" : "looking for others"); break;
    case DTT_EVENT_KEY_IN_USE: printf("* another process uses this key\n"); break;
    default: break;
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 3 || *argv[1] == 0 || *argv[2] == 0) {
        fprintf(stderr, "usage: chat TOPIC SECRET\n");
        return 2;
    }
    dtt_error_t *error = NULL;
    dtt_config_t *config = NULL;
    dtt_node_t *node = NULL;
    dtt_topic_t *topic = NULL;
    dtt_events_t *events = NULL;
    const char *name = argv[1], *secret = argv[2], *testnet = getenv("DTT_BOOTSTRAP"), *options = getenv("DTT_CONFIG");

    check(dtt_config_new(&config, &error), &error);
    if (testnet != NULL) check(dtt_config_use_testnet(config, testnet, &error), &error);
    if (options != NULL) check(dtt_config_set_all(config, options, &error), &error);
    check(dtt_node_spawn(config, &node, &error), &error);
    dtt_config_free(config);
    check(dtt_node_join(node, (const uint8_t *)name, strlen(name), (const uint8_t *)secret, strlen(secret), NULL, &topic,
                        &error), &error);
    uint8_t id[DTT_ID_LEN];
    check(dtt_node_id(node, id, &error), &error);
    print_id("I am ", id, "\n");
    fflush(stdout);
    check(dtt_topic_subscribe(topic, &events, &error), &error);
    check(dtt_events_set_callback(events, on_event, NULL, NULL, &error), &error);

    char line[8192], message[8300];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        int length = snprintf(message, sizeof message, "%02x%02x%02x%02x%02x: %s", id[0], id[1], id[2], id[3], id[4], line);
        if (dtt_topic_broadcast(topic, (const uint8_t *)message, (size_t)length, &error) != DTT_OK) {
            fprintf(stderr, "not sent: %s\n", dtt_error_message(error));
            dtt_error_free(error);
            error = NULL;
        }
    }
    check(dtt_node_close(node, &error), &error);
    dtt_events_free(events);
    dtt_topic_free(topic);
    dtt_node_free(node);
    return 0;
}
