// What dtt.hpp adds to dtt.h: handles that free themselves, exceptions, values, lambdas.
#include <dtt.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                               \
            std::abort();                                                                                              \
        }                                                                                                              \
    } while (0)

using namespace std::chrono_literals;

#include "setters.hpp"

template <class F>
static dtt_status_t thrown(F call, const char *text) {
    try {
        call();
    } catch (const dtt::error &error) {
        CHECK(std::string(error.what()).find(text) != std::string::npos);
        CHECK(std::string(error.name()) == dtt_status_name(error.status()));
        return error.status();
    }
    return DTT_OK;
}

/* As CLOSED in test.h: a machine that is too slow for the limit of closing closes once more. */
template <class F>
static void closed(F close) {
    auto until = std::chrono::steady_clock::now() + 60s;
    for (dtt_status_t status = DTT_TIMEOUT; status != DTT_OK;) {
        CHECK(std::chrono::steady_clock::now() < until);
        status = thrown(close, "");
        CHECK(status == DTT_OK || status == DTT_TIMEOUT);
    }
}

static void hear(dtt::events &events, std::string_view text) {
    for (;;) {
        auto event = events.recv(60s);
        CHECK(event);
        if (event->is_message() && event->data().text() == text) return;
    }
}

static void errors() {
    CHECK(thrown([] { dtt::testnet(1); }, "nodes: 1") == DTT_INVALID_ARGUMENT);
    dtt::config config;
    every_setter(config);
    CHECK(dtt::config::keys().size() > 30);
    CHECK(thrown([&] { config.set("relay", "disabled"); }, "did you mean relays?") == DTT_UNKNOWN_OPTION);
    CHECK(thrown([&] { config.event_capacity(0); }, "event_capacity: 0 is given, 1 to") == DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { config.dht_get_timeout(-1s); }, "dht.get_timeout: ") == DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { config.dht_get_timeout(dtt::forever); }, "dht.get_timeout: ") == DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { config.dht_bootstrap({"a:1,b:2"}); }, "dht.bootstrap: \"a:1,b:2\" is a list in one entry") ==
          DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { config.dht_bootstrap({"default"}); }, "dht.bootstrap: \"default\" is a word") == DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { config.bind_addresses({""}); }, "bind_addresses: \"\" is an empty entry") == DTT_INVALID_ARGUMENT);
    CHECK(config.dht_get_timeout(2500ms).dht_put_timeout(1min).get("dht.get_timeout") == "2500ms");
    config = dtt::config();
    config.dht_bootstrap({});
    CHECK(thrown([&] { config.validate(); }, "dht.bootstrap: the list is empty") == DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { dtt::node{config}; }, "dht.bootstrap") == DTT_INVALID_ARGUMENT);
    CHECK(thrown([&] { config.set_all("dht.retries=5,event_capacity=x"); }, "event_capacity") == DTT_INVALID_ARGUMENT);
    CHECK(config.set_all("dht.retries=5,dht.bootstrap=a:1,b:2").get("dht.bootstrap") == "a:1,b:2");
    CHECK(thrown([&] { dtt::join_options().config(dtt::config().port_mapping(false)); }, "port_mapping: ") ==
          DTT_INVALID_ARGUMENT);
    CHECK(dtt::hex(dtt::topic_id("")).substr(0, 8) == "cf83e135");
    CHECK(dtt::version() == DTT_VERSION);
    dtt::id no_key{};
    no_key[0] = 2;
    CHECK(thrown([&] { dtt::check_node_id(no_key); }, "") == DTT_INVALID_ARGUMENT);
    dtt::check_node_id(dtt::id_of(dtt::generate_secret_key()));
    auto slot = dtt::slot_of(dtt::topic_id("a"), 1), next = dtt::slot_of(dtt::topic_id("a"), 2);
    CHECK(slot.target == dtt::slot_of(dtt::topic_id("a"), 1).target && slot.target != next.target);
    CHECK(slot.salt != next.salt && slot.public_key != decltype(slot.public_key){});
    dtt::testnet testnet(2);
    dtt::testnet moved = std::move(testnet);
    CHECK(!moved.bootstrap().empty());
    CHECK(thrown([&] { (void)testnet.bootstrap(); }, "moved") == DTT_NULL);
    CHECK(thrown([&] { (void)testnet.config(); }, "testnet") == DTT_NULL);
}

// When a queue with a callback has gone, or was assigned to, none of its calls runs, and none comes.
static void a_queue_outlives_its_calls() {
    dtt::testnet testnet(2);
    dtt::node node(testnet.config());
    dtt::topic topic = node.join_id(dtt::topic_id("scope"), "secret");
    CHECK(topic.id() == dtt::topic_id("scope"));
    topic.join_peers({});
    CHECK(topic.dht_health().size() == DTT_NODE_STATS);
    for (bool is_assigned : {false, true}) {
        std::atomic<bool> inside{false}, gone{false}, late{false};
        {
            dtt::events events = topic.subscribe();
            events.on_event([&](dtt::event_view) {
                inside = true;
                std::this_thread::sleep_for(200ms);
                if (gone) late = true;
            });
            while (!inside) std::this_thread::yield();
            if (is_assigned) {
                events = topic.subscribe();
                gone = true;
                std::this_thread::sleep_for(300ms);
                CHECK(events.recv(10s));
            }
        }
        gone = true;
        std::this_thread::sleep_for(300ms);
        CHECK(!late);
    }
}

static void a_pair() {
    std::atomic<int> lines{0};
    dtt::set_log(DTT_LOG_DEBUG, [&](dtt_log_level_t, std::string_view target, std::string_view) {
        lines += !target.empty();
    });
    dtt::testnet testnet;
    auto key = dtt::generate_secret_key();
    dtt::node alice(testnet.config().secret_key(key)), bob(testnet.config());
    CHECK(alice.id() == dtt::id_of(key));
    auto alike = [](const dtt::id &topic, std::uint64_t minute, const std::array<std::uint8_t, 32> &secret) {
        auto seed = topic;
        seed[0] = static_cast<std::uint8_t>(minute);
        seed[1] = secret[1];
        return seed;
    };
    dtt::topic hers = alice.join("c++", "secret", dtt::join_options().rotate(alike));
    dtt::topic his = bob.join("c++", "secret", dtt::join_options().rotate(alike));
    CHECK(hers.wait_joined(400s) && his.wait_joined(400s));
    CHECK(hers.neighbors() == std::vector<dtt::id>{bob.id()});
    CHECK(hers.id() == dtt::topic_id("c++") && hers.state() == DTT_STATE_JOINED);

    // In this order they get each event: what has been read is queued for the other one.
    dtt::events called = his.subscribe(), read = his.subscribe();
    auto alive = std::make_shared<std::atomic<int>>(0);
    called.on_event([alive](dtt::event_view event) { *alive += event.is_message(); });
    hers.broadcast("hello");
    hear(read, "hello");
    hers.broadcast_neighbors(std::vector<std::uint8_t>{'n', 'e', 'a', 'r'});
    hear(read, "near");
    CHECK(read.fd() >= 0);
    while (read.try_recv()) {
    }
    CHECK(!read.recv(1ms));
    CHECK(thrown([&] { hers.broadcast(std::string(5000, 'x')); }, "the limit is 4057") == DTT_TOO_LARGE);
    CHECK(thrown([&] { called.try_recv(); }, "callback") == DTT_BUSY);
    closed([&] { called.close(); });
    CHECK(*alive == 2 && alive.use_count() == 1);
    CHECK(hers.stats()[DTT_STAT_SENT] >= 2 && alice.stats()[DTT_STAT_NODE_TOPICS] == 1);

    std::thread waiter([&] { CHECK(!read.next()); });
    std::this_thread::sleep_for(20ms);
    closed([&] { bob.close(); });
    waiter.join();
    CHECK(bob.is_closed());
    CHECK(thrown([&] { read.try_recv(); }, "closed") == DTT_CLOSED);
    CHECK(thrown([&] { his.wait_joined(1s); }, "closed") == DTT_CLOSED);
    CHECK(lines > 0);
    dtt::set_log(DTT_LOG_OFF, nullptr);

    // Moved, and gone without a word.
    dtt::node moved = std::move(alice);
    dtt::topic topic = std::move(hers);
    dtt::event kept = [&] {
        dtt::events own = topic.subscribe();
        return *own.recv(1s);
    }();
    CHECK(dtt::event(*kept).kind() == DTT_EVENT_STATE_CHANGED);
}

int main() {
    errors();
    a_queue_outlives_its_calls();
    a_pair();
}
