/* A chat in one thread: an epoll loop over standard input and the topic's descriptor.
 *
 * usage: epoll TOPIC SECRET        (with DTT_BOOTSTRAP set, on a testnet; DTT_CONFIG sets options: docs/options.md)
 */
#include <dtt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* It takes the error by its address, since C does not say which argument of a call is evaluated first. */
static void check(dtt_status_t status, dtt_error_t *const *error) {
    if (status == DTT_OK) return;
    fprintf(stderr, "%s\n", dtt_error_message(*error));
    exit(status == DTT_INVALID_ARGUMENT ? 2 : 1);
}

/* Takes every event that waits. Gives 0 at the end. */
static int receive(dtt_events_t *events) {
    for (;;) {
        dtt_event_t *event = NULL;
        dtt_status_t status = dtt_events_try_recv(events, &event, NULL);
        if (status == DTT_EMPTY) return 1;
        if (status != DTT_OK) return 0;
        size_t length = 0;
        const uint8_t *data = dtt_event_data(event, &length);
        if (dtt_event_kind(event) == DTT_EVENT_RECEIVED) printf("%.*s\n", (int)length, (const char *)data);
        if (dtt_event_kind(event) == DTT_EVENT_STATE_CHANGED && dtt_event_state(event) == DTT_STATE_JOINED) printf("* Joined\n");
        fflush(stdout);
        dtt_event_free(event);
    }
}

/* Sends the lines that are complete, and keeps the rest. Gives 0 when the input has ended. */
static int send_lines(dtt_topic_t *topic) {
    static char buffer[16384];
    static size_t used;
    ssize_t got = read(STDIN_FILENO, buffer + used, sizeof buffer - used);
    if (got <= 0) return 0;
    used += (size_t)got;
    char *start = buffer, *end;
    while ((end = memchr(start, '\n', used)) != NULL || used == sizeof buffer) {
        size_t length = end != NULL ? (size_t)(end - start) : used;
        dtt_error_t *error = NULL;
        if (dtt_topic_broadcast(topic, (const uint8_t *)start, length, &error) != DTT_OK) {
            fprintf(stderr, "not sent: %s\n", dtt_error_message(error));
            dtt_error_free(error);
        }
        size_t taken = length + (end != NULL);
        start += taken;
        used -= taken;
    }
    memmove(buffer, start, used);
    return 1;
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        perror("epoll_ctl");
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 3 || *argv[1] == 0 || *argv[2] == 0) {
        fprintf(stderr, "usage: epoll TOPIC SECRET\n");
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
    check(dtt_topic_subscribe(topic, &events, &error), &error);
    int topic_fd = -1, epoll = epoll_create1(EPOLL_CLOEXEC);
    check(dtt_events_fd(events, &topic_fd, &error), &error);
    watch(epoll, topic_fd);
    watch(epoll, STDIN_FILENO);

    for (int goes_on = 1; goes_on;) {
        struct epoll_event ready[2];
        int count = epoll_wait(epoll, ready, 2, -1);
        for (int i = 0; i < count; i++)
            goes_on &= ready[i].data.fd == topic_fd ? receive(events) : send_lines(topic);
    }
    check(dtt_node_close(node, &error), &error);
    close(epoll);
    dtt_events_free(events);
    dtt_topic_free(topic);
    dtt_node_free(node);
    return 0;
}
