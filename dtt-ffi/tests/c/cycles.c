/* Nodes and topics come and go, 1,000 times (or as often as the argument says), and leave nothing behind. */
#include "test.h"
#include <dirent.h>
#include <stdatomic.h>
#include <sys/resource.h>

static int descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL) count++;
    if (folder != NULL) closedir(folder);
    return count;
}

static long memory_kib(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &pages, &resident) == 2);
    fclose(file);
    return resident * 4;
}

static void on_event(void *userdata, const dtt_event_t *event) {
    (void)event;
    atomic_fetch_add((atomic_int *)userdata, 1);
}

static void cycle(const dtt_testnet_t *testnet, int n) {
    /* How long closing the node takes is not what is tested. */
    dtt_config_t *config = NULL;
    dtt_node_t *node = NULL;
    OK(dtt_testnet_config(testnet, &config, &error));
    OK(dtt_config_set(config, "close_timeout", "60s", &error));
    OK(dtt_node_spawn(config, &node, &error));
    dtt_config_free(config);
    dtt_topic_t *topic = join(node, "cycle");
    dtt_events_t *events = subscribe(topic), *called = subscribe(topic);
    int fd = -1;
    atomic_int calls = 0;
    OK(dtt_events_fd(events, &fd, &error));
    OK(dtt_events_set_callback(called, on_event, &calls, NULL, &error));
    say(topic, "into the void");
    /* Closing waits for calls, but not for ever: the first must have come by itself. */
    for (double until = now_s() + 60; atomic_load(&calls) == 0; nanosleep(&(struct timespec){0, 100000}, NULL)) CHECK(now_s() < until);
    if (n % 2 == 0) CLOSED(dtt_topic_close(topic, &error));
    CLOSED(dtt_node_close(node, &error));
    dtt_events_free(called);
    dtt_events_free(events);
    dtt_topic_free(topic);
    dtt_node_free(node);
}

int main(int argc, char **argv) {
    int cycles = argc > 1 ? atoi(argv[1]) : 1000, warm = cycles / 2;
    dtt_testnet_t *testnet = NULL;
    OK(dtt_testnet_new(4, &testnet, &error));
    double start = now_s();
    for (int n = 0; n < warm; n++) cycle(testnet, n);
    int fds = descriptors(), left = 0, blocks = 0;
    long kib = 0, grown = 0;
    /* Nodes that are closing overlap, and the allocator keeps what the most of them at once held. So memory grows for a while, by
     * chance: a leak is what makes it grow in every block of cycles. Under a checker it says nothing: that keeps what was freed. */
    do {
        kib = memory_kib();
        for (int n = warm; n < cycles; n++) cycle(testnet, n);
        grown = memory_kib() - kib;
    } while (++blocks < 10 && cycles >= 600 && grown > 8L * (cycles - warm));
    /* What closed last may still be closing. */
    for (double until = now_s() + 60; (left = descriptors()) > fds + 8 && now_s() < until;)
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    printf("%d cycles in %.1f s; descriptors %d, then %d; memory %ld KiB, in %d blocks, and %ld KiB more in the last\n",
           warm + blocks * (cycles - warm), now_s() - start, fds, left, kib, blocks, grown);
    CHECK(left <= fds + 8);
    if (cycles >= 600) CHECK(grown <= 8L * (cycles - warm));
    dtt_testnet_free(testnet);
    return 0;
}
