// The C++ peer of `make demo`: it knows a topic's name, a secret, and a bootstrap list, and nothing of the other peers.
//
// usage: demo_peer NAME TOPIC BOOTSTRAP     (the secret is the environment variable DTT_DEMO_SECRET)
#include <dtt.hpp>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <set>
#include <thread>

using namespace std::chrono_literals;

// What is told, once each, from whatever thread.
class news {
public:
    void tell(const std::string &what) {
        std::lock_guard lock(mutex_);
        if (told_.insert(what).second) std::cout << what << std::endl;
    }

private:
    std::mutex mutex_;
    std::set<std::string> told_;
};

static void take_part(const std::string &name, const std::string &topic_name, const std::string &bootstrap,
                      const std::string &secret) {
    dtt::node node(dtt::config().use_testnet(bootstrap));
    dtt::topic topic = node.join(topic_name, secret);
    news told;
    int round = 0;
    auto greet = [&] { topic.broadcast(name + " " + std::to_string(round++)); };

    // The input's end ends the program: closing the node ends the loop below.
    std::thread input([&] {
        while (std::cin.get() != std::char_traits<char>::eof()) {
        }
        node.close();
    });
    dtt::events events = topic.subscribe();
    auto next_greeting = std::chrono::steady_clock::now();
    try {
        for (;;) {
            auto stats = topic.stats();
            if (stats[DTT_STAT_FIRST_STORE_MS] != DTT_NEVER) told.tell("published");
            if (stats[DTT_STAT_FIRST_RECORD_MS] != DTT_NEVER) told.tell("found");
            if (stats[DTT_STAT_FIRST_DIAL_MS] != DTT_NEVER) told.tell("dialed");
            if (std::chrono::steady_clock::now() >= next_greeting) {
                greet();
                next_greeting += 500ms;
            }
            auto event = events.recv(10ms);
            if (!event) continue;
            if (event->is_message()) {
                auto text = event->data().text();
                told.tell("heard " + std::string(text.substr(0, text.find(' '))));
            } else if (event->kind() == DTT_EVENT_STATE_CHANGED && event->view().state() == DTT_STATE_JOINED) {
                told.tell("joined");
                // Whoever just joined has heard nothing yet.
                greet();
            }
        }
    } catch (const dtt::error &error) {
        if (error.status() != DTT_CLOSED) {
            std::cerr << error.what() << std::endl;
            std::_Exit(1);
        }
    }
    input.join();
}

int main(int argc, char **argv) {
    const char *secret = std::getenv("DTT_DEMO_SECRET");
    if (argc != 4 || !secret) {
        std::cerr << "usage: DTT_DEMO_SECRET=... demo_peer NAME TOPIC BOOTSTRAP\n";
        return 2;
    }
    try {
        take_part(argv[1], argv[2], argv[3], secret);
    } catch (const dtt::error &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
