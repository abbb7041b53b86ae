/* The C peer of `make demo`: it knows a topic's name, a secret, and a bootstrap list, and nothing of the other peers.
 *
 * usage: demo_peer NAME TOPIC BOOTSTRAP     (the secret is the environment variable DTT_DEMO_SECRET)
 */
#include <dtt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* It takes the error by its address, since C does not say which argument of a call is evaluated first. */
static void check(dtt_status_t status, dtt_error_t *const *error) {
    if (status == DTT_OK) return;
    fprintf(stderr, "%s\n", dtt_error_message(*error));
    exit(1);
}

static void tell(const char *what) {
    printf("%s\n", what);
    fflush(stdout);
}

/* Tells once of each thing that the counters show for the first time. */
static void tell_news(const dtt_topic_t *topic) {
    static const struct { int place; const char *what; } news[] = {
        {DTT_STAT_FIRST_STORE_MS, "published"}, {DTT_STAT_FIRST_RECORD_MS, "found"}, {DTT_STAT_FIRST_DIAL_MS, "dialed"}};
    static int told[3];
    uint64_t stats[DTT_TOPIC_STATS];
    dtt_error_t *error = NULL;
    check(dtt_topic_stats(topic, stats, DTT_TOPIC_STATS, &error), &error);
    for (int i = 0; i < 3; i++) {
        if (!told[i] && stats[news[i].place] != DTT_NEVER) {
            told[i] = 1;
            tell(news[i].what);
        }
    }
}

/* Tells of each author once. The author is the message's first word. */
static void tell_author(const dtt_event_t *event) {
    static char authors[64][64];
    static int count;
    size_t length = 0, word = 0;
    const char *text = (const char *)dtt_event_data(event, &length);
    while (word < length && text[word] != ' ') word++;
    if (word >= sizeof authors[0]) return;
    for (int i = 0; i < count; i++)
        if (strlen(authors[i]) == word && memcmp(authors[i], text, word) == 0) return;
    if (count == 64) return;
    memcpy(authors[count], text, word);
    printf("heard %s\n", authors[count++]);
    fflush(stdout);
}

/* Takes what waits. Gives 1 if it just joined, and -1 at the end. */
static int receive(dtt_events_t *events) {
    int joined = 0;
    for (;;) {
        dtt_event_t *event = NULL;
        dtt_status_t status = dtt_events_try_recv(events, &event, NULL);
        if (status == DTT_EMPTY) return joined;
        if (status != DTT_OK) return -1;
        if (dtt_event_kind(event) == DTT_EVENT_RECEIVED) tell_author(event);
        joined |= dtt_event_kind(event) == DTT_EVENT_STATE_CHANGED && dtt_event_state(event) == DTT_STATE_JOINED;
        dtt_event_free(event);
    }
}

int main(int argc, char **argv) {
    const char *secret = getenv("DTT_DEMO_SECRET");
    if (argc != 4 || secret == NULL) {
        fprintf(stderr, "usage: DTT_DEMO_SECRET=... demo_peer NAME TOPIC BOOTSTRAP\n");
        return 2;
    }
    dtt_error_t *error = NULL;
    dtt_config_t *config = NULL;
    dtt_node_t *node = NULL;
    dtt_topic_t *topic = NULL;
    dtt_events_t *events = NULL;
    check(dtt_config_new(&config, &error), &error);
    check(dtt_config_use_testnet(config, argv[3], &error), &error);
    check(dtt_node_spawn(config, &node, &error), &error);
    dtt_config_free(config);
    check(dtt_node_join(node, (const uint8_t *)argv[2], strlen(argv[2]), (const uint8_t *)secret, strlen(secret), NULL,
                        &topic, &error), &error);
    check(dtt_topic_subscribe(topic, &events, &error), &error);
    struct pollfd fds[2] = {{.fd = -1, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    check(dtt_events_fd(events, &fds[0].fd, &error), &error);

    for (int tick = 0, round = 0;; tick++) {
        poll(fds, 2, 10);
        tell_news(topic);
        int joined = receive(events);
        char byte;
        if (joined < 0 || (fds[1].revents && read(STDIN_FILENO, &byte, 1) <= 0)) break;
        if (joined) tell("joined");
        /* Whoever just joined has heard nothing yet; apart from that twice a second. An identical text would be dropped. */
        if (joined || tick % 50 == 0) {
            char text[256];
            int length = snprintf(text, sizeof text, "%s %d", argv[1], round++);
            check(dtt_topic_broadcast(topic, (const uint8_t *)text, (size_t)length, &error), &error);
        }
    }
    check(dtt_node_close(node, &error), &error);
    dtt_events_free(events);
    dtt_topic_free(topic);
    dtt_node_free(node);
    return 0;
}
