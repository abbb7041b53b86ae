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

static void configurations(void) {
    dtt_config_t *config = NULL;
    dtt_node_config_t *node = NULL;
    FAILS(DTT_NULL, "out: it is NULL", dtt_config_new(NULL, &error));
    OK(dtt_config_new(&config, &error));
    OK(dtt_node_config_new(&node, &error));
    OK(dtt_config_validate(config, &error));
    FAILS(DTT_NULL, "config: it is NULL", dtt_config_set_event_capacity(NULL, 1, &error));
    FAILS(DTT_BAD_HANDLE, "no dtt_config_t", dtt_config_set_event_capacity((dtt_config_t *)node, 1, &error));
    FAILS(DTT_BAD_UTF8, "list: it is not UTF-8", dtt_config_set_dht_bootstrap(config, not_utf8, &error));
    FAILS(DTT_INVALID_ARGUMENT, "it has no port", dtt_config_set_dht_bootstrap(config, "router", &error));
    FAILS(DTT_INVALID_ARGUMENT, "IPv4", dtt_config_set_dht_bind_address(config, "::1", &error));
    FAILS(DTT_UNKNOWN_OPTION, "hints: 4 is given, 0 to 3", dtt_config_set_address_hints(config, 4, &error));
    FAILS(DTT_UNKNOWN_OPTION, "hints: -1", dtt_config_set_address_hints(config, -1, &error));
    OK(dtt_config_set_dht_bootstrap(config, "", &error));
    FAILS(DTT_INVALID_ARGUMENT, "bootstrap: the list is empty", dtt_config_validate(config, &error));
    OK(dtt_config_set_dht_server_mode(config, true, &error));
    OK(dtt_config_validate(config, &error));
    OK(dtt_config_set_dht_bootstrap(config, NULL, &error));
    OK(dtt_config_set_event_capacity(config, 0, &error));
    FAILS(DTT_INVALID_ARGUMENT, "event_capacity: 0 is given", dtt_config_validate(config, &error));
    OK(dtt_config_set_event_capacity(config, 1, &error));
    OK(dtt_config_set_publisher_base_interval_ms(config, 0, &error));
    FAILS(DTT_INVALID_ARGUMENT, "publisher.base_interval", dtt_config_validate(config, &error));
    OK(dtt_config_set_publisher_enabled(config, false, &error));
    OK(dtt_config_validate(config, &error));
    OK(dtt_config_set_dht_get_timeout_ms(config, UINT64_MAX, &error));
    FAILS(DTT_INVALID_ARGUMENT, "get_timeout", dtt_config_validate(config, &error));
    OK(dtt_node_config_set_topics(node, config, &error));
    FAILS(DTT_INVALID_ARGUMENT, "get_timeout", dtt_node_config_validate(node, &error));
    dtt_node_t *none = NULL;
    FAILS(DTT_INVALID_ARGUMENT, "get_timeout", dtt_node_spawn(node, &none, &error));
    CHECK(none == NULL);
    dtt_node_config_free(node);
    dtt_config_free(config);

    OK(dtt_node_config_new(&node, &error));
    uint8_t key[DTT_KEY_LEN] = {0};
    FAILS(DTT_BAD_LENGTH, "key: 31 bytes are given, 32", dtt_node_config_set_secret_key(node, key, 31, &error));
    FAILS(DTT_BAD_LENGTH, "key: ", dtt_node_config_set_secret_key(node, key, SIZE_MAX, &error));
    FAILS(DTT_NULL, "key", dtt_node_config_set_secret_key(node, NULL, 32, &error));
    FAILS(DTT_UNKNOWN_OPTION, "relays: 3", dtt_node_config_set_relays(node, 3, &error));
    FAILS(DTT_INVALID_ARGUMENT, "relay.example", dtt_node_config_add_relay(node, "ftp://relay.example", &error));
    FAILS(DTT_BAD_UTF8, "url", dtt_node_config_add_relay(node, not_utf8, &error));
    FAILS(DTT_INVALID_ARGUMENT, "address", dtt_node_config_add_bind_address(node, "127.0.0.1", &error));
    OK(dtt_node_config_set_relays(node, DTT_RELAYS_CUSTOM, &error));
    FAILS(DTT_INVALID_ARGUMENT, "relays: the list", dtt_node_config_validate(node, &error));
    OK(dtt_node_config_add_relay(node, "https://relay.example", &error));
    OK(dtt_node_config_validate(node, &error));
    OK(dtt_node_config_set_max_message_size(node, 10, &error));
    FAILS(DTT_INVALID_ARGUMENT, "max_message_size: 10 bytes", dtt_node_config_validate(node, &error));
    dtt_node_config_free(node);

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

    /* An address that is taken. */
    dtt_node_config_t *config = NULL;
    OK(dtt_testnet_node_config(testnet, &config, &error));
    OK(dtt_node_config_add_bind_address(config, "127.0.0.1:0", &error));
    FAILS(DTT_INVALID_ARGUMENT, "bind_addresses: 2", dtt_node_spawn(config, &node, &error));
    dtt_node_config_free(config);
    dtt_testnet_free(testnet);
}

int main(void) {
    versions_and_names();
    a_panic_is_a_status();
    configurations();
    ids();
    a_node_and_its_topics();
    return 0;
}
