// A chat: run it twice with the same topic and secret.
//
// usage: chat TOPIC SECRET        (with DTT_BOOTSTRAP set, on a testnet; DTT_CONFIG sets options: docs/options.md)
#include <dtt.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

static std::string brief(const dtt::id &id) { return dtt::hex(id).substr(0, 10); }

// Runs on a thread of the library's, for one event after the other.
static void print(dtt::event_view event) {
    switch (event.kind()) {
    case DTT_EVENT_RECEIVED: std::cout << event.data().text() << std::endl; break;
    case DTT_EVENT_NEIGHBOR_UP: std::cout << "* met " << brief(event.peer()) << std::endl; break;
    case DTT_EVENT_NEIGHBOR_DOWN: std::cout << "* lost " << brief(event.peer()) << std::endl; break;
    case DTT_EVENT_LAGGED:
        std::cout << "* too slow: " << (event.missed() ? std::to_string(*event.missed()) + " " : "") << "events are missing" << std::endl;
        break;
    case DTT_EVENT_STATE_CHANGED:
        std::cout << (event.state() == DTT_STATE_JOINED ? "* Joined" : "* looking for others") << std::endl;
        break;
    case DTT_EVENT_KEY_IN_USE: std::cout << "* another process uses this key" << std::endl; break;
    default: break;
    }
}

static void chat(const std::string &name, const std::string &secret) {
    dtt::config config;
    if (const char *testnet = std::getenv("DTT_BOOTSTRAP")) config.use_testnet(testnet);
    if (const char *options = std::getenv("DTT_CONFIG")) config.set_all(options);
    dtt::node node(config);
    dtt::topic topic = node.join(name, secret);
    std::cout << "I am " << brief(node.id()) << std::endl;
    dtt::events events = topic.subscribe();
    events.on_event(print);
    for (std::string line; std::getline(std::cin, line);) {
        try {
            topic.broadcast(brief(node.id()) + ": " + line);
        } catch (const dtt::error &error) {
            std::cerr << "not sent: " << error.what() << std::endl;
        }
    }
    node.close();
}

int main(int argc, char **argv) {
    if (argc != 3 || !*argv[1] || !*argv[2]) {
        std::cerr << "usage: chat TOPIC SECRET\n";
        return 2;
    }
    try {
        chat(argv[1], argv[2]);
    } catch (const dtt::error &error) {
        std::cerr << error.what() << "\n";
        return error.status() == DTT_INVALID_ARGUMENT ? 2 : 1;
    }
    return 0;
}
