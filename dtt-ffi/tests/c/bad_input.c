/* Whatever is wrong has a status of its own and a message that says which argument and why. Nothing aborts. */
#include "test.h"

static const char not_utf8[] = {'a', '\xFF', 'b', 0};

static void versions_and_names(void) {
    CHECK(strcmp(dtt_version(), DTT_VERSION) == 0);
    CHECK(dtt_version_number() == DTT_VERSION_NUMBER && dtt_abi_version() == DTT_ABI_VERSION);
    CHECK(strcmp(dtt_status_name(DTT_CLOSED), "CLOSED") == 0);
    CHECK(strcmp(dtt_status_name(DTT_UNKNOWN_OPTION), "UNKNOWN_OPTION") == 0);
    CHECK(strcmp(dtt_status_name(12345), "UNKNOWN") == 0);
    CHECK(strcmp(dtt_error_message(NULL), "") == 0);
    CHECK(dtt_error_status(NULL) == DTT_NULL);
}

static void a_panic_is_a_status(void) {
    FAILS(DTT_PANIC, "on purpose", dtt_debug_panic(&error));
    CHECK(dtt_debug_panic(NULL) == DTT_PANIC);
}

/* Another value than the default, by the type that the library tells. */
static const char *another_value(const char *key) {
    const char *type = dtt_config_about(key, DTT_ABOUT_TYPE), *value = dtt_config_about(key, DTT_ABOUT_DEFAULT);
    if (strcmp(type, "true or false") == 0) return strcmp(value, "true") == 0 ? "false" : "true";
    if (strcmp(type, "number") == 0 || strcmp(type, "port") == 0) return "77";
    if (strcmp(type, "size") == 0) return "777";
    if (strcmp(type, "time") == 0) return "7777ms";
    if (strcmp(type, "IPv4 address") == 0) return "192.0.2.1";
    if (strcmp(type, "list of host:port") == 0) return "192.0.2.1:1,router.example:2";
    if (strcmp(type, "list of address:port") == 0) return "127.0.0.1:7,[::1]:8";
    if (strcmp(type, "word, or list of URLs") == 0) return "https://relay.example";
    if (strcmp(key, "protocol") == 0) return strcmp(value, "v1") == 0 ? "v2" : "v1";
    if (strcmp(type, "word") == 0) return strstr(dtt_config_about(key, DTT_ABOUT_LIMITS), "off") != NULL ? "off" : "none";
    FAIL("%s: a test is missing for the type %s", key, type);
}

static void is_now(dtt_config_t *config, const char *key, const char *value) {
    char *now = NULL;
    OK(dtt_config_get(config, key, &now, &error));
    if (strcmp(now, value) != 0) FAIL("%s: %s instead of %s", key, now, value);
    dtt_string_free(now);
}

static void every_option(void) {
    dtt_join_options_t *options = NULL;
    OK(dtt_join_options_new(&options, &error));
    size_t count = 0, of_nodes = 0;
    for (const char *key; (key = dtt_config_key(count)) != NULL; count++) {
        dtt_config_t *config = NULL;
        OK(dtt_config_new(&config, &error));
        for (int what = DTT_ABOUT_DOC; what <= DTT_ABOUT_SCOPE; what++) CHECK(dtt_config_about(key, what) != NULL);
        is_now(config, key, dtt_config_about(key, DTT_ABOUT_DEFAULT));
        OK(dtt_config_set(config, key, another_value(key), &error));
        is_now(config, key, another_value(key));
        OK(dtt_config_validate(config, &error));
        char prefix[80];
        snprintf(prefix, sizeof prefix, "%s: ", key);
        FAILS(DTT_INVALID_ARGUMENT, prefix, dtt_config_set(config, key, "what nobody means", &error));
        is_now(config, key, another_value(key));
        /* A topic takes a topic's, and refuses a node's by name. */
        if (strcmp(dtt_config_about(key, DTT_ABOUT_SCOPE), "topic") == 0) {
            OK(dtt_join_options_set_config(options, config, &error));
        } else {
            FAILS(DTT_INVALID_ARGUMENT, prefix, dtt_join_options_set_config(options, config, &error));
            of_nodes++;
        }
        OK(dtt_config_set(config, key, "default", &error));
        is_now(config, key, dtt_config_about(key, DTT_ABOUT_DEFAULT));
        dtt_config_free(config);
    }
    CHECK(count > 30 && of_nodes > 3 && dtt_config_key(SIZE_MAX) == NULL);
    CHECK(dtt_config_about("nothing", DTT_ABOUT_DOC) == NULL && dtt_config_about("relays", 6) == NULL);
    CHECK(dtt_config_about("relays", -1) == NULL && dtt_config_about(NULL, 0) == NULL);
    dtt_join_options_free(options);
}

static void configurations(void) {
    dtt_config_t *config = NULL;
    dtt_join_options_t *other = NULL;
    FAILS(DTT_NULL, "out: it is NULL", dtt_config_new(NULL, &error));
    OK(dtt_config_new(&config, &error));
    OK(dtt_join_options_new(&other, &error));
    OK(dtt_config_validate(config, &error));
    FAILS(DTT_NULL, "config: it is NULL", dtt_config_set(NULL, "event_capacity", "1", &error));
    FAILS(DTT_BAD_HANDLE, "no dtt_config_t", dtt_config_set((dtt_config_t *)other, "event_capacity", "1", &error));
    FAILS(DTT_BAD_UTF8, "value: it is not UTF-8", dtt_config_set(config, "dht.bootstrap", not_utf8, &error));
    FAILS(DTT_BAD_UTF8, "key: it is not UTF-8", dtt_config_set(config, not_utf8, "1", &error));
    FAILS(DTT_UNKNOWN_OPTION, "did you mean event_capacity?", dtt_config_set(config, "event_capazity", "1", &error));
    FAILS(DTT_UNKNOWN_OPTION, "did you mean dht.retries?", dtt_config_set(config, "dht.retry", "1", &error));
    FAILS(DTT_INVALID_ARGUMENT, "it has no port", dtt_config_set(config, "dht.bootstrap", "router", &error));
    FAILS(DTT_INVALID_ARGUMENT, "dht.bind_address: \"::1\" is given, an IPv4 address is needed",
          dtt_config_set(config, "dht.bind_address", "::1", &error));
    FAILS(DTT_INVALID_ARGUMENT, "auto, all, relay_only, off are possible", dtt_config_set(config, "address_hints", "4", &error));
    FAILS(DTT_INVALID_ARGUMENT, "event_capacity: 0 is given, 1 to", dtt_config_set(config, "event_capacity", "0", &error));
    FAILS(DTT_INVALID_ARGUMENT, "publisher.base_interval: 0s is given, 1ms to 365d are possible",
          dtt_config_set(config, "publisher.base_interval", "0ms", &error));
    FAILS(DTT_INVALID_ARGUMENT, "512 to 1MiB are possible", dtt_config_set(config, "max_message_size", "10", &error));
    FAILS(DTT_INVALID_ARGUMENT, "ftp://relay.example", dtt_config_set(config, "relays", "ftp://relay.example", &error));
    FAILS(DTT_INVALID_ARGUMENT, "bind_addresses: \"127.0.0.1\"", dtt_config_set(config, "bind_addresses", "127.0.0.1", &error));
    FAILS(DTT_INVALID_ARGUMENT, "2 IPv4 addresses",
          dtt_config_set(config, "bind_addresses", "127.0.0.1:0,127.0.0.1:0", &error));

    /* What concerns two options is told when they are used. */
    OK(dtt_config_set(config, "dht.bootstrap", "none", &error));
    FAILS(DTT_INVALID_ARGUMENT, "dht.bootstrap: the list is empty", dtt_config_validate(config, &error));
    dtt_node_t *none = NULL;
    FAILS(DTT_INVALID_ARGUMENT, "dht.bootstrap: the list is empty", dtt_node_spawn(config, &none, &error));
    CHECK(none == NULL);
    OK(dtt_config_set(config, "dht.server_mode", "true", &error));
    OK(dtt_config_validate(config, &error));

    /* Many at once: all or none. */
    FAILS(DTT_INVALID_ARGUMENT, "event_capacity: 0", dtt_config_set_all(config, "dht.retries=9,event_capacity=0", &error));
    is_now(config, "dht.retries", "3");
    OK(dtt_config_set_all(config, "dht.retries=9,dht.bootstrap=a:1,b:2,max_message_size=1KiB", &error));
    is_now(config, "dht.retries", "9");
    is_now(config, "dht.bootstrap", "a:1,b:2");
    is_now(config, "max_message_size", "1KiB");
    FAILS(DTT_INVALID_ARGUMENT, "key=value", dtt_config_set_all(config, "nothing", &error));

    uint8_t key[DTT_KEY_LEN] = {0};
    FAILS(DTT_BAD_LENGTH, "key: 31 bytes are given, 32", dtt_config_set_secret_key(config, key, 31, &error));
    FAILS(DTT_BAD_LENGTH, "key: ", dtt_config_set_secret_key(config, key, SIZE_MAX, &error));
    FAILS(DTT_NULL, "key", dtt_config_set_secret_key(config, NULL, 32, &error));
    dtt_config_free(config);
    OK(dtt_config_new(&config, &error));
    OK(dtt_config_set_secret_key(config, key, sizeof key, &error));
    FAILS(DTT_INVALID_ARGUMENT, "secret_key: ", dtt_join_options_set_config(other, config, &error));
    dtt_config_free(config);
    dtt_join_options_free(other);

    dtt_join_options_t *options = NULL;
    OK(dtt_join_options_new(&options, &error));
    FAILS(DTT_NULL, "config", dtt_join_options_set_config(options, NULL, &error));
    FAILS(DTT_NULL, "rotation", dtt_join_options_set_rotation(options, NULL, NULL, NULL, &error));
    dtt_join_options_free(options);
}

static void ids(void) {
    uint8_t id[DTT_ID_LEN], key[32], salt[32], target[DTT_TARGET_LEN];
    char *hex = NULL;
    OK(dtt_topic_id_of_name(NULL, 0, id, &error));
    OK(dtt_id_to_hex(id, sizeof id, &hex, &error));
    /* The first half of SHA-512 of nothing. */
    CHECK(strcmp(hex, "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce") == 0);
    dtt_string_free(hex);
    FAILS(DTT_NULL, "name: it is NULL, and its length is 3", dtt_topic_id_of_name(NULL, 3, id, &error));
    FAILS(DTT_BAD_LENGTH, "name", dtt_topic_id_of_name(id, SIZE_MAX, id, &error));
    FAILS(DTT_BAD_LENGTH, "id: 3 bytes", dtt_id_to_hex(id, 3, &hex, &error));
    memset(id, 2, sizeof id);
    FAILS(DTT_INVALID_ARGUMENT, "not a valid Ed25519", dtt_node_id_check(id, sizeof id, &error));
    OK(dtt_topic_slot(id, sizeof id, dtt_unix_minute(), key, salt, target, &error));
    OK(dtt_topic_slot(id, sizeof id, dtt_unix_minute(), NULL, NULL, NULL, &error));
    FAILS(DTT_BAD_LENGTH, "topic_id: 31", dtt_topic_slot(id, 31, 0, key, salt, target, &error));
    CHECK(dtt_unix_minute() > 27000000);
}

static void a_node_and_its_topics(void) {
    dtt_testnet_t *testnet = NULL;
    FAILS(DTT_INVALID_ARGUMENT, "nodes: 1 is given, 2 to 256", dtt_testnet_new(1, &testnet, &error));
    FAILS(DTT_INVALID_ARGUMENT, "nodes: 257", dtt_testnet_new(257, &testnet, &error));
    CHECK(testnet == NULL);
    OK(dtt_testnet_new(4, &testnet, &error));
    dtt_node_t *node = spawn_on(testnet);
    dtt_topic_t *topic = NULL;
    uint8_t id[DTT_ID_LEN] = {0};
    FAILS(DTT_NULL, "out", dtt_node_join(node, NULL, 0, NULL, 0, NULL, NULL, &error));
    FAILS(DTT_NULL, "secret", dtt_node_join(node, id, 1, NULL, 1, NULL, &topic, &error));
    FAILS(DTT_BAD_LENGTH, "id: 5", dtt_node_join_id(node, id, 5, NULL, 0, NULL, &topic, &error));
    FAILS(DTT_BAD_HANDLE, "options", dtt_node_join(node, id, 1, id, 1, (void *)node, &topic, &error));
    CHECK(topic == NULL);

    dtt_join_options_t *options = NULL;
    OK(dtt_join_options_new(&options, &error));
    OK(dtt_join_options_set_timeout_ms(options, 300, &error));
    FAILS(DTT_TIMEOUT, "join did not finish within 300 ms", dtt_node_join(node, id, 1, id, 1, options, &topic, &error));
    CHECK(topic == NULL);
    dtt_join_options_free(options);

    OK(dtt_node_join_id(node, id, sizeof id, NULL, 0, NULL, &topic, &error));
    uint8_t same[DTT_ID_LEN];
    OK(dtt_topic_id(topic, same, &error));
    CHECK(memcmp(id, same, sizeof id) == 0);
    FAILS(DTT_TIMEOUT, "join did not finish within 100 ms", dtt_topic_wait_joined(topic, 100, &error));
    size_t limit = dtt_topic_max_message_size(topic), count = 7;
    CHECK(limit == 4057);
    uint8_t *big = calloc(1, limit + 1);
    FAILS(DTT_TOO_LARGE, "4058 bytes, the limit is 4057", dtt_topic_broadcast(topic, big, limit + 1, &error));
    FAILS(DTT_TOO_LARGE, "the limit is 4057", dtt_topic_broadcast(topic, big, SIZE_MAX, &error));
    FAILS(DTT_NULL, "data", dtt_topic_broadcast(topic, NULL, 4, &error));
    OK(dtt_topic_broadcast(topic, big, limit, &error));
    OK(dtt_topic_broadcast(topic, NULL, 0, &error));
    free(big);
    memset(id, 2, sizeof id);
    FAILS(DTT_INVALID_ARGUMENT, "Ed25519", dtt_topic_join_peers(topic, id, 1, &error));
    FAILS(DTT_NULL, "ids", dtt_topic_join_peers(topic, NULL, 1, &error));
    FAILS(DTT_BAD_LENGTH, "ids", dtt_topic_join_peers(topic, id, SIZE_MAX, &error));
    OK(dtt_node_id(node, id, &error));
    FAILS(DTT_INVALID_ARGUMENT, "nowhere", dtt_topic_join_peer(topic, id, sizeof id, "nowhere", &error));
    FAILS(DTT_BAD_UTF8, "addresses", dtt_topic_join_peer(topic, id, sizeof id, not_utf8, &error));
    FAILS(DTT_NULL, "ids", dtt_topic_neighbors(topic, NULL, 2, &count, &error));
    FAILS(DTT_NULL, "count", dtt_topic_neighbors(topic, NULL, 0, NULL, &error));
    FAILS(DTT_NULL, "values", dtt_topic_stats(topic, NULL, 5, &error));
    dtt_events_t *events = subscribe(topic);
    FAILS(DTT_NULL, "callback", dtt_events_set_callback(events, NULL, NULL, NULL, &error));
    FAILS(DTT_NULL, "out", dtt_events_recv(events, 0, NULL, &error));

    /* Closed is closed, as often as one likes. */
    for (int i = 0; i < 2; i++) CLOSED(dtt_topic_close(topic, &error));
    FAILS(DTT_CLOSED, "closed", dtt_topic_join_peers(topic, id, 1, &error));
    FAILS(DTT_CLOSED, "closed", dtt_topic_broadcast_neighbors(topic, id, 1, &error));
    FAILS(DTT_CLOSED, "closed", dtt_topic_wait_joined(topic, 100, &error));
    for (int i = 0; i < 2; i++) CLOSED(dtt_node_close(node, &error));
    dtt_topic_t *none = NULL;
    FAILS(DTT_CLOSED, "the node is closed", dtt_node_join(node, id, 1, id, 1, NULL, &none, &error));
    for (int i = 0; i < 2; i++) CLOSED(dtt_events_close(events, &error));
    dtt_events_free(events);
    dtt_topic_free(topic);
    dtt_node_free(node);

    /* An address of another machine. */
    dtt_config_t *config = NULL;
    OK(dtt_testnet_config(testnet, &config, &error));
    OK(dtt_config_set(config, "bind_addresses", "192.0.2.1:0", &error));
    FAILS(DTT_BIND, "cannot bind the endpoint", dtt_node_spawn(config, &node, &error));
    dtt_config_free(config);
    dtt_testnet_free(testnet);
}

int main(void) {
    versions_and_names();
    a_panic_is_a_status();
    configurations();
    every_option();
    ids();
    a_node_and_its_topics();
    return 0;
}
