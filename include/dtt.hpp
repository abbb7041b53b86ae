// libdtt for C++17: what dtt.h has, with handles that free themselves, views, exceptions, and lambdas as callbacks.
//
// Header-only; link libdtt. dtt.h is the manual: every function here does what the C function of its name does, on the
// same threads. Every call that fails throws dtt::error with the status and the message; what may well happen (a time-out, no
// event, the end) is a value where a loop would otherwise be made of exceptions.

#ifndef DTT_HPP
#define DTT_HPP

#include "dtt.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dtt {

// Bytes that are someone else's: what std::span<const std::uint8_t> is in C++20.
class bytes_view {
public:
    constexpr bytes_view() noexcept = default;
    constexpr bytes_view(const std::uint8_t *data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes_view(std::string_view text) noexcept
        : data_(reinterpret_cast<const std::uint8_t *>(text.data())), size_(text.size()) {}
    bytes_view(const char *text) noexcept : bytes_view(std::string_view(text)) {}
    bytes_view(const std::string &text) noexcept : bytes_view(std::string_view(text)) {}
    bytes_view(const std::vector<std::uint8_t> &bytes) noexcept : data_(bytes.data()), size_(bytes.size()) {}
    template <std::size_t N>
    constexpr bytes_view(const std::array<std::uint8_t, N> &bytes) noexcept : data_(bytes.data()), size_(N) {}

    constexpr const std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const std::uint8_t *begin() const noexcept { return data_; }
    constexpr const std::uint8_t *end() const noexcept { return data_ + size_; }
    constexpr std::uint8_t operator[](std::size_t place) const { return data_[place]; }
    std::string_view text() const noexcept { return {reinterpret_cast<const char *>(data_), size_}; }
    std::vector<std::uint8_t> to_vector() const { return {begin(), end()}; }

private:
    const std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

// A topic id or a node's id.
using id = std::array<std::uint8_t, DTT_ID_LEN>;
// A node's secret key. It is not wiped when it goes: keep it where it belongs.
using secret_key = std::array<std::uint8_t, DTT_KEY_LEN>;
using milliseconds = std::chrono::milliseconds;
// A time-out that never comes.
inline constexpr milliseconds forever = milliseconds::max();

// A call that failed.
class error : public std::runtime_error {
public:
    error(dtt_status_t status, const char *message) : std::runtime_error(message), status_(status) {}
    dtt_status_t status() const noexcept { return status_; }
    const char *name() const noexcept { return dtt_status_name(status_); }

private:
    dtt_status_t status_;
};

namespace detail {

template <auto Free>
struct freer {
    template <class T>
    void operator()(T *handle) const noexcept {
        Free(handle);
    }
};
template <class T, auto Free>
using handle = std::unique_ptr<T, freer<Free>>;

// Frees a queue. If it has a callback, that has ended before: what the function refers to may go right after. Inside a callback
// it does not wait, as dtt_events_close does not.
struct events_freer {
    bool is_calling = false;
    void operator()(dtt_events_t *queue) const noexcept {
        while (is_calling && dtt_events_close(queue, nullptr) == DTT_TIMEOUT) {
        }
        dtt_events_free(queue);
    }
};

// The message of a call under way: `err` goes where C wants a dtt_error_t **.
class report {
public:
    report() = default;
    report(const report &) = delete;
    report &operator=(const report &) = delete;
    ~report() { dtt_error_free(error_); }
    operator dtt_error_t **() noexcept { return &error_; }
    [[noreturn]] void raise(dtt_status_t status) const { throw error(status, dtt_error_message(error_)); }

private:
    dtt_error_t *error_ = nullptr;
};

template <class F, class... A>
void call(F function, A... arguments) {
    report err;
    if (dtt_status_t status = function(arguments..., err); status != DTT_OK) err.raise(status);
}

// A call whose last argument before the error is the pointer that it fills.
template <class T, class F, class... A>
T *make(F function, A... arguments) {
    T *out = nullptr;
    call(function, arguments..., &out);
    return out;
}

inline std::uint64_t ms(milliseconds time) {
    if (time == forever) return DTT_FOREVER;
    return time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
}

// A time and a list as the text of an option.
inline std::string time(milliseconds span) { return std::to_string(span.count()) + "ms"; }
inline std::string list(const std::string &key, const std::vector<std::string> &entries) {
    std::string joined;
    for (const std::string &entry : entries) {
        const std::string shown = key + ": \"" + entry.substr(0, 100) + "\" is ";
        if (entry.empty()) throw error(DTT_INVALID_ARGUMENT, (shown + "an empty entry").c_str());
        if (entry.find(',') != std::string::npos)
            throw error(DTT_INVALID_ARGUMENT, (shown + "a list in one entry; split it at its commas").c_str());
        if (entry == "default" || entry == "none" || entry == "disabled")
            throw error(DTT_INVALID_ARGUMENT, (shown + "a word for the whole option, not an entry of a list").c_str());
        joined += (joined.empty() ? "" : ",") + entry;
    }
    return entries.empty() ? "none" : joined;
}

inline std::string text(char *from_c) {
    std::unique_ptr<char, freer<dtt_string_free>> owned(from_c);
    return owned.get();
}

} // namespace detail

// The version of the library that runs.
inline std::string_view version() noexcept { return dtt_version(); }

inline id topic_id(bytes_view name) {
    id out{};
    detail::call(dtt_topic_id_of_name, name.data(), name.size(), out.data());
    return out;
}
inline secret_key generate_secret_key() {
    secret_key out{};
    detail::call(dtt_secret_key_generate, out.data());
    return out;
}
inline id id_of(const secret_key &key) {
    id out{};
    detail::call(dtt_secret_key_id, key.data(), key.size(), out.data());
    return out;
}
inline std::string hex(const id &of) { return detail::text(detail::make<char>(dtt_id_to_hex, of.data(), of.size())); }
// Throws INVALID_ARGUMENT for what cannot be a node's id.
inline void check_node_id(const id &of) { detail::call(dtt_node_id_check, of.data(), of.size()); }

// Where a topic's records of one minute stand in the DHT.
struct topic_slot {
    std::array<std::uint8_t, 32> public_key;
    std::array<std::uint8_t, 32> salt;
    std::array<std::uint8_t, DTT_TARGET_LEN> target;
};
inline topic_slot slot_of(const id &topic, std::uint64_t unix_minute) {
    topic_slot out{};
    detail::call(dtt_topic_slot, topic.data(), topic.size(), unix_minute, out.public_key.data(), out.salt.data(),
                 out.target.data());
    return out;
}

// An event in a callback: a view that ends with the call. In other words a const dtt_event_t *.
class event_view {
public:
    explicit event_view(const dtt_event_t *event) noexcept : event_(event) {}
    dtt_event_kind_t kind() const noexcept { return dtt_event_kind(event_); }
    bool is_message() const noexcept { return kind() == DTT_EVENT_RECEIVED; }
    bytes_view data() const noexcept {
        std::size_t size = 0;
        const std::uint8_t *data = dtt_event_data(event_, &size);
        return {data, size};
    }
    // The node that the event is about; all zero for events that are about none.
    id peer() const noexcept {
        id out{};
        if (const std::uint8_t *peer = dtt_event_peer(event_)) std::copy(peer, peer + out.size(), out.begin());
        return out;
    }
    // How many events are missing at a DTT_EVENT_LAGGED, exactly; nothing if the number is not known; 0 for other events.
    std::optional<std::uint64_t> missed() const noexcept {
        const std::uint64_t missed = dtt_event_missed(event_);
        if (missed == DTT_MISSED_UNKNOWN) return std::nullopt;
        return missed;
    }
    dtt_state_t state() const noexcept { return dtt_event_state(event_); }
    bool is_direct() const noexcept { return dtt_event_is_direct(event_); }
    const dtt_event_t *get() const noexcept { return event_; }

private:
    const dtt_event_t *event_;
};

// An event of one's own.
class event {
public:
    explicit event(dtt_event_t *owned) noexcept : handle_(owned) {}
    // Keeps what a callback was lent.
    explicit event(event_view lent) : handle_(detail::make<dtt_event_t>(dtt_event_clone, lent.get())) {}
    event_view view() const noexcept { return event_view(handle_.get()); }
    event_view operator*() const noexcept { return view(); }
    dtt_event_kind_t kind() const noexcept { return view().kind(); }
    bool is_message() const noexcept { return view().is_message(); }
    bytes_view data() const noexcept { return view().data(); }
    id peer() const noexcept { return view().peer(); }

private:
    detail::handle<dtt_event_t, dtt_event_free> handle_;
};

// Options of a node and of topics. There is a setter for each option, and set() and get() by key and as text; docs/options.md has
// them in one table. A node takes all of them; a topic takes its own, and has those that are not set from its node.
class config {
public:
    config() : handle_(detail::make<dtt_config_t>(dtt_config_new)) {}
    explicit config(dtt_config_t *owned) noexcept : handle_(owned) {}
    config &set(const std::string &key, const std::string &value) {
        detail::call(dtt_config_set, handle_.get(), key.c_str(), value.c_str());
        return *this;
    }
    // "key=value" with commas between them: see dtt_config_set_all.
    config &set_all(const std::string &text) {
        detail::call(dtt_config_set_all, handle_.get(), text.c_str());
        return *this;
    }
    std::string get(const std::string &key) const {
        return detail::text(detail::make<char>(dtt_config_get, handle_.get(), key.c_str()));
    }
    // Every option's key.
    static std::vector<std::string> keys() {
        std::vector<std::string> found;
        while (const char *key = dtt_config_key(found.size())) found.emplace_back(key);
        return found;
    }
    config &secret_key(const dtt::secret_key &key) {
        detail::call(dtt_config_set_secret_key, handle_.get(), key.data(), key.size());
        return *this;
    }
    config &use_testnet(const std::string &bootstrap) {
        detail::call(dtt_config_use_testnet, handle_.get(), bootstrap.c_str());
        return *this;
    }
    void validate() const { detail::call(dtt_config_validate, handle_.get()); }
    dtt_config_t *get() const noexcept { return handle_.get(); }

    // Made from the table of options by tools/options: begin
    // Which relay servers the node uses where it finds no direct path: iroh's public ones (`default`), none
    // (`disabled`), or a list of URLs.
    config &relays(const std::string &value) { return set("relays", value); }
    // The UDP addresses that the node binds, as `0.0.0.0:4433` or `[::]:0`: at most one of IPv4 and one of IPv6.
    // Port 0 takes a free port. By default it binds all interfaces.
    config &bind_addresses(const std::vector<std::string> &value) { return set("bind_addresses", detail::list("bind_addresses", value)); }
    // How addresses of peers are found beside those in the records: by iroh's public services (`default`), or not at
    // all (`none`). The public services also tell others this node's addresses. One of default, none.
    config &address_lookups(const std::string &value) { return set("address_lookups", value); }
    // Whether the node asks the router for a port (UPnP, PCP, NAT-PMP), if the library was built with that. Default:
    // true.
    config &port_mapping(bool value) { return set("port_mapping", value ? "true" : "false"); }
    // The size of a gossip message with its frame, in bytes. All nodes of a topic need the same. Default: 4KiB.
    // Limits: 512 to 1MiB.
    config &max_message_size(std::size_t value) { return set("max_message_size", std::to_string(value)); }
    // How long closing a node may take, for peers to take notice. Default: 2s.
    config &close_timeout(milliseconds value) { return set("close_timeout", detail::time(value)); }
    // The version of the protocol. All members of a topic must use the same one. Default: v1. One of v1, v2. Since
    // 0.2.0.
    config &protocol(const std::string &value) { return set("protocol", value); }
    // Whether messages go without signatures, and messages of others without signatures are accepted. This is for
    // topics with very many messages and members who trust each other: any member can then speak in the name of any
    // other. All members of the topic should use the same value. Version 1 has no signatures, and this changes
    // nothing there. Default: false. Since 0.2.0.
    config &unsigned_messages(bool value) { return set("unsigned_messages", value ? "true" : "false"); }
    // How many peers are dialed one after another, `bootstrap.per_peer_join_settle_time` apart, before a pause for
    // confirmation. Default: 4. Limits: 1 to 4294967295.
    config &max_join_peer_count(std::uint32_t value) { return set("max_join_peer_count", std::to_string(value)); }
    // Which of its own addresses a node writes into its sealed records. Default: auto. One of auto, all, relay_only,
    // off.
    config &address_hints(const std::string &value) { return set("address_hints", value); }
    // How many events wait for a subscriber at most (up to about 4 KiB each with default messages). If one more
    // comes, the oldest goes, and the subscriber is told how many it missed. Default: 1024. Limits: 1 to 4294967295.
    config &event_capacity(std::uint32_t value) { return set("event_capacity", std::to_string(value)); }
    // The nodes to enter the DHT by, each as `host:port` with a name or an IPv4 address. By default they are
    // mainline's public nodes. An empty list (`none` as text) is for the first node of a private DHT, and needs
    // `server_mode`. Start that node before the others: a node that came earlier may need 15 minutes to find it.
    config &dht_bootstrap(const std::vector<std::string> &value) { return set("dht.bootstrap", detail::list("dht.bootstrap", value)); }
    // How often a failed store is tried again. Default: 3.
    config &dht_retries(std::uint32_t value) { return set("dht.retries", std::to_string(value)); }
    // The shortest pause before a store is tried again. Default: 5s.
    config &dht_base_retry_interval(milliseconds value) { return set("dht.base_retry_interval", detail::time(value)); }
    // A random time up to this is added to the pause before a store is tried again. Default: 10s.
    config &dht_max_retry_jitter(milliseconds value) { return set("dht.max_retry_jitter", detail::time(value)); }
    // The longest time that a store may take. Default: 10s. Limits: 1ms to 365d.
    config &dht_put_timeout(milliseconds value) { return set("dht.put_timeout", detail::time(value)); }
    // The longest time that a lookup may take. Records that arrive until then are used. Default: 10s. Limits: 1ms to
    // 365d.
    config &dht_get_timeout(milliseconds value) { return set("dht.get_timeout", detail::time(value)); }
    // How long one DHT node may take to answer. A query ends when its last silent node has timed out, so this
    // decides how long a store takes on the real network, where some node is always silent. Default: 1s. Limits: 1ms
    // to 365d.
    config &dht_request_timeout(milliseconds value) { return set("dht.request_timeout", detail::time(value)); }
    // The UDP port of the DHT client; 0 takes any free port. By default it is 6881 if that port is free, and any
    // other if not.
    config &dht_port(std::uint16_t value) { return set("dht.port", std::to_string(value)); }
    // The IPv4 address that the DHT client binds. By default it binds all interfaces.
    config &dht_bind_address(const std::string &value) { return set("dht.bind_address", value); }
    // Whether this process serves the DHT to others from the start. If not, it starts as a client, and serves once
    // it has found that others can reach it. Default: false.
    config &dht_server_mode(bool value) { return set("dht.server_mode", value ? "true" : "false"); }
    // A node that joins publishes no record of its own in a slot that shows this many records of others, unless it
    // dialed the nodes that those records name in vain. Default: 5.
    config &bootstrap_max_bootstrap_records(std::uint32_t value) { return set("bootstrap.max_bootstrap_records", std::to_string(value)); }
    // Sets the pauses between lookups that find no record. The first pause is an eighth of this time, so that two
    // nodes that start together meet soon. Each later pause is four times as long, up to `max_retry_interval`.
    // Default: 1500ms. Limits: 1ms to 365d.
    config &bootstrap_no_peers_retry_interval(milliseconds value) { return set("bootstrap.no_peers_retry_interval", detail::time(value)); }
    // How long a dialed peer has before the next peer is dialed too. Default: 100ms.
    config &bootstrap_per_peer_join_settle_time(milliseconds value) { return set("bootstrap.per_peer_join_settle_time", detail::time(value)); }
    // How long the dials of one lookup have, after the last of them, to give a neighbor. Default: 500ms.
    config &bootstrap_join_confirmation_wait_time(milliseconds value) { return set("bootstrap.join_confirmation_wait_time", detail::time(value)); }
    // The pause after a lookup that found records but no peer that answered. It doubles up to `max_retry_interval`.
    // Default: 2s. Limits: 1ms to 365d.
    config &bootstrap_discovery_poll_interval(milliseconds value) { return set("bootstrap.discovery_poll_interval", detail::time(value)); }
    // The longest pause between two lookups of a topic without neighbors. Newcomers can still find the topic by its
    // record. Default: 1min. Limits: 1ms to 365d.
    config &bootstrap_max_retry_interval(milliseconds value) { return set("bootstrap.max_retry_interval", detail::time(value)); }
    // How long the first record may wait for the node's first address, or for its relay. Most DHT nodes do not
    // replace a record within its minute, so a record without an address lasts. Default: 1s.
    config &bootstrap_address_wait(milliseconds value) { return set("bootstrap.address_wait", detail::time(value)); }
    // Whether a node publishes a record as soon as it joins. Default: true.
    config &bootstrap_publish_record_on_startup(bool value) { return set("bootstrap.publish_record_on_startup", value ? "true" : "false"); }
    // Whether the first lookup starts with the slots of one minute further back. Default: false.
    config &bootstrap_check_older_records_first_on_startup(bool value) { return set("bootstrap.check_older_records_first_on_startup", value ? "true" : "false"); }
    // Whether a joined topic publishes its record. If not, newcomers depend on the records of others. Default: true.
    config &publisher_enabled(bool value) { return set("publisher.enabled", value ? "true" : "false"); }
    // The time from joining to the first turn. A record that newcomers need at once does not wait for it. Default:
    // 10s.
    config &publisher_initial_delay(milliseconds value) { return set("publisher.initial_delay", detail::time(value)); }
    // Up to 60 s there is one turn for each minute, and this node and its neighbors take turns. Above 60 s this node
    // publishes that often, whatever others do. Default: 10s. Limits: 1ms to 365d.
    config &publisher_base_interval(milliseconds value) { return set("publisher.base_interval", detail::time(value)); }
    // A random time up to this is added to a `base_interval` above 60 s. Default: 50s.
    config &publisher_max_jitter(milliseconds value) { return set("publisher.max_jitter", detail::time(value)); }
    // Whether a topic with few neighbors looks for more. Default: true.
    config &bubble_merge_enabled(bool value) { return set("bubble_merge.enabled", value ? "true" : "false"); }
    // The time from joining to the first look. Default: 30s.
    config &bubble_merge_initial_interval(milliseconds value) { return set("bubble_merge.initial_interval", detail::time(value)); }
    // The shortest time from one look to the next. Later looks use the slots that the publisher looks up. Default:
    // 1min. Limits: 1ms to 365d.
    config &bubble_merge_base_interval(milliseconds value) { return set("bubble_merge.base_interval", detail::time(value)); }
    // A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once.
    // Default: 2min.
    config &bubble_merge_max_jitter(milliseconds value) { return set("bubble_merge.max_jitter", detail::time(value)); }
    // A topic with this many neighbors does not look for more. Default: 4.
    config &bubble_merge_min_neighbors(std::uint32_t value) { return set("bubble_merge.min_neighbors", std::to_string(value)); }
    // How many peers are joined at once. Default: 2. Limits: 1 to 4294967295.
    config &bubble_merge_max_join_peers(std::uint32_t value) { return set("bubble_merge.max_join_peers", std::to_string(value)); }
    // Whether a topic compares its messages with those that the records name, to notice a split. Default: true.
    config &message_overlap_merge_enabled(bool value) { return set("message_overlap_merge.enabled", value ? "true" : "false"); }
    // The time from joining to the first comparison. Default: 30s.
    config &message_overlap_merge_initial_interval(milliseconds value) { return set("message_overlap_merge.initial_interval", detail::time(value)); }
    // The shortest time from one comparison to the next. Later ones use the slots that the publisher looks up.
    // Default: 1min. Limits: 1ms to 365d.
    config &message_overlap_merge_base_interval(milliseconds value) { return set("message_overlap_merge.base_interval", detail::time(value)); }
    // A random time up to this is added if the topic has no publisher, so that the nodes do not look all at once.
    // Default: 2min.
    config &message_overlap_merge_max_jitter(milliseconds value) { return set("message_overlap_merge.max_jitter", detail::time(value)); }
    // How many peers are joined at once. Default: 2. Limits: 1 to 4294967295.
    config &message_overlap_merge_max_join_peers(std::uint32_t value) { return set("message_overlap_merge.max_join_peers", std::to_string(value)); }
    // How long a call that adds peers may take. Default: 5s. Limits: 1ms to 365d.
    config &timeouts_join_peer_timeout(milliseconds value) { return set("timeouts.join_peer_timeout", detail::time(value)); }
    // How long a broadcast to all may take. Default: 5s. Limits: 1ms to 365d.
    config &timeouts_broadcast_timeout(milliseconds value) { return set("timeouts.broadcast_timeout", detail::time(value)); }
    // How long a broadcast to the neighbors may take. Default: 5s. Limits: 1ms to 365d.
    config &timeouts_broadcast_neighbors_timeout(milliseconds value) { return set("timeouts.broadcast_neighbors_timeout", detail::time(value)); }
    // Made from the table of options by tools/options: end

private:
    detail::handle<dtt_config_t, dtt_config_free> handle_;
};

// An embedded DHT on loopback.
class testnet {
public:
    explicit testnet(std::size_t nodes = 0) : handle_(detail::make<dtt_testnet_t>(dtt_testnet_new, nodes)) {}
    std::string bootstrap() const {
        const char *list = dtt_testnet_bootstrap(handle_.get());
        if (list == nullptr) throw error(DTT_NULL, "testnet: it is NULL; was it moved from?");
        return list;
    }
    // The options of a node that uses it and never reaches beyond this machine.
    dtt::config config() const {
        return dtt::config(detail::make<dtt_config_t>(dtt_testnet_config, handle_.get()));
    }

private:
    detail::handle<dtt_testnet_t, dtt_testnet_free> handle_;
};

// Derives the 32-byte seed of a topic's records for one minute; see dtt_rotation_t. It must not throw.
using rotation = std::function<std::array<std::uint8_t, 32>(const id &topic, std::uint64_t minute,
                                                            const std::array<std::uint8_t, 32> &secret_hash)>;

// How a topic is joined.
class join_options {
public:
    join_options() : handle_(detail::make<dtt_join_options_t>(dtt_join_options_new)) {}
    join_options &timeout(milliseconds limit) {
        detail::call(dtt_join_options_set_timeout_ms, handle_.get(), detail::ms(limit));
        return *this;
    }
    join_options &config(const dtt::config &config) {
        detail::call(dtt_join_options_set_config, handle_.get(), config.get());
        return *this;
    }
    join_options &rotate(rotation derive) {
        auto owned = std::make_unique<rotation>(std::move(derive));
        detail::call(
            dtt_join_options_set_rotation, handle_.get(),
            +[](void *userdata, const std::uint8_t *topic, std::uint64_t minute, const std::uint8_t *secret,
                std::uint8_t *seed) noexcept {
                std::array<std::uint8_t, 32> id_bytes, secret_bytes;
                std::copy(topic, topic + 32, id_bytes.begin());
                std::copy(secret, secret + 32, secret_bytes.begin());
                auto derived = (*static_cast<rotation *>(userdata))(id_bytes, minute, secret_bytes);
                std::copy(derived.begin(), derived.end(), seed);
            },
            static_cast<void *>(owned.get()),
            +[](void *userdata) noexcept { delete static_cast<rotation *>(userdata); });
        owned.release();
        return *this;
    }
    dtt_join_options_t *get() const noexcept { return handle_.get(); }

private:
    detail::handle<dtt_join_options_t, dtt_join_options_free> handle_;
};

// A queue of events: recv, try_recv, fd, or a callback. Freed with the object. If it has a callback, it is closed before, by the
// destructor and by being assigned to: what is queued is called for, within 2 s, and then no call runs or comes any more, however
// long the one that runs takes. Inside a callback nobody waits: what the function refers to then has to outlive it.
class events {
public:
    explicit events(dtt_events_t *owned) noexcept : handle_(owned) {}

    // The next event; none when the time is over. Throws CLOSED at the end.
    std::optional<event> recv(milliseconds limit = forever) {
        detail::report err;
        dtt_event_t *out = nullptr;
        dtt_status_t status = dtt_events_recv(handle_.get(), detail::ms(limit), &out, err);
        return result(status, DTT_TIMEOUT, out, err);
    }
    // The next event if there is one now. Throws CLOSED at the end.
    std::optional<event> try_recv() {
        detail::report err;
        dtt_event_t *out = nullptr;
        dtt_status_t status = dtt_events_try_recv(handle_.get(), &out, err);
        return result(status, DTT_EMPTY, out, err);
    }
    // Waits for the next event; none at the end: `while (auto event = events.next())`.
    std::optional<event> next() {
        detail::report err;
        dtt_event_t *out = nullptr;
        dtt_status_t status = dtt_events_recv(handle_.get(), DTT_FOREVER, &out, err);
        return result(status, DTT_CLOSED, out, err);
    }
    int fd() const {
        int out = -1;
        detail::call(dtt_events_fd, handle_.get(), &out);
        return out;
    }
    // Calls for each event, on a thread of the library's, one at a time. What the function holds is destroyed after the last call.
    // An exception that leaves it ends the program (std::terminate).
    template <class F>
    void on_event(F function) {
        auto owned = std::make_unique<F>(std::move(function));
        detail::call(
            dtt_events_set_callback, handle_.get(),
            +[](void *userdata, const dtt_event_t *event) noexcept { (*static_cast<F *>(userdata))(event_view(event)); },
            static_cast<void *>(owned.get()), +[](void *userdata) noexcept { delete static_cast<F *>(userdata); });
        owned.release();
        handle_.get_deleter().is_calling = true;
    }
    void close() { detail::call(dtt_events_close, handle_.get()); }
    dtt_events_t *get() const noexcept { return handle_.get(); }

private:
    static std::optional<event> result(dtt_status_t status, dtt_status_t none, dtt_event_t *out, detail::report &err) {
        if (status == DTT_OK) return event(out);
        if (status == none) return std::nullopt;
        err.raise(status);
    }
    std::unique_ptr<dtt_events_t, detail::events_freer> handle_;
};

// A topic that has been joined.
class topic {
public:
    explicit topic(dtt_topic_t *owned) noexcept : handle_(owned) {}
    events subscribe() const { return events(detail::make<dtt_events_t>(dtt_topic_subscribe, handle_.get())); }
    void broadcast(bytes_view data) const {
        detail::call(dtt_topic_broadcast, handle_.get(), data.data(), data.size());
    }
    void broadcast_neighbors(bytes_view data) const {
        detail::call(dtt_topic_broadcast_neighbors, handle_.get(), data.data(), data.size());
    }
    void join_peer(const id &peer, const std::string &addresses = {}) const {
        detail::call(dtt_topic_join_peer, handle_.get(), peer.data(), peer.size(), addresses.c_str());
    }
    void join_peers(const std::vector<dtt::id> &peers) const {
        const std::uint8_t *first = peers.empty() ? nullptr : peers.data()->data();
        detail::call(dtt_topic_join_peers, handle_.get(), first, peers.size());
    }
    // Whether there is a neighbor within the time.
    bool wait_joined(milliseconds limit = forever) const {
        detail::report err;
        dtt_status_t status = dtt_topic_wait_joined(handle_.get(), detail::ms(limit), err);
        if (status != DTT_OK && status != DTT_TIMEOUT) err.raise(status);
        return status == DTT_OK;
    }
    std::vector<dtt::id> neighbors() const {
        std::vector<dtt::id> found(16);
        for (;;) {
            std::size_t count = 0;
            detail::call(dtt_topic_neighbors, handle_.get(), found.data()->data(), found.size(), &count);
            bool all = count <= found.size();
            found.resize(count);
            if (all) return found;
        }
    }
    dtt_state_t state() const noexcept { return dtt_topic_state(handle_.get()); }
    std::size_t max_message_size() const noexcept { return dtt_topic_max_message_size(handle_.get()); }
    // Indexed by dtt_topic_stat_t.
    std::array<std::uint64_t, DTT_TOPIC_STATS> stats() const {
        std::array<std::uint64_t, DTT_TOPIC_STATS> out{};
        detail::call(dtt_topic_stats, handle_.get(), out.data(), out.size());
        return out;
    }
    // Indexed by dtt_node_stat_t: the state of the topic's DHT client.
    std::array<std::uint64_t, DTT_NODE_STATS> dht_health() const {
        std::array<std::uint64_t, DTT_NODE_STATS> out{};
        detail::call(dtt_topic_dht_health, handle_.get(), out.data(), out.size());
        return out;
    }
    dtt::id id() const {
        dtt::id out{};
        detail::call(dtt_topic_id, handle_.get(), out.data());
        return out;
    }
    void close() { detail::call(dtt_topic_close, handle_.get()); }
    dtt_topic_t *get() const noexcept { return handle_.get(); }

private:
    detail::handle<dtt_topic_t, dtt_topic_free> handle_;
};

// What topics run on. Freed with the object, which closes it in the background once its topics have gone too; close() waits.
class node {
public:
    node() : handle_(detail::make<dtt_node_t>(dtt_node_spawn, static_cast<const dtt_config_t *>(nullptr))) {}
    explicit node(const config &options) : handle_(detail::make<dtt_node_t>(dtt_node_spawn, options.get())) {}
    topic join(bytes_view name, bytes_view secret) const { return open(name, secret, nullptr); }
    topic join(bytes_view name, bytes_view secret, const join_options &options) const {
        return open(name, secret, options.get());
    }
    // By the topic's id instead of its name.
    topic join_id(const dtt::id &of, bytes_view secret) const { return open_id(of, secret, nullptr); }
    topic join_id(const dtt::id &of, bytes_view secret, const join_options &options) const {
        return open_id(of, secret, options.get());
    }
    dtt::id id() const {
        dtt::id out{};
        detail::call(dtt_node_id, handle_.get(), out.data());
        return out;
    }
    std::string addresses() const { return detail::text(detail::make<char>(dtt_node_addresses, handle_.get())); }
    // Indexed by dtt_node_stat_t.
    std::array<std::uint64_t, DTT_NODE_STATS> stats() const {
        std::array<std::uint64_t, DTT_NODE_STATS> out{};
        detail::call(dtt_node_stats, handle_.get(), out.data(), out.size());
        return out;
    }
    void network_changed() const { detail::call(dtt_node_network_changed, handle_.get()); }
    /// Rests until resume: nothing is looked up, published or dialed of the node's own accord. See dtt_node_pause.
    void pause() const { detail::call(dtt_node_pause, handle_.get()); }
    void resume() const { detail::call(dtt_node_resume, handle_.get()); }
    bool is_paused() const noexcept { return dtt_node_is_paused(handle_.get()); }
    bool is_closed() const noexcept { return dtt_node_is_closed(handle_.get()); }
    void close() { detail::call(dtt_node_close, handle_.get()); }
    dtt_node_t *get() const noexcept { return handle_.get(); }

private:
    topic open(bytes_view name, bytes_view secret, const dtt_join_options_t *options) const {
        return topic(detail::make<dtt_topic_t>(dtt_node_join, handle_.get(), name.data(), name.size(), secret.data(),
                                               secret.size(), options));
    }
    topic open_id(const dtt::id &of, bytes_view secret, const dtt_join_options_t *options) const {
        return topic(detail::make<dtt_topic_t>(dtt_node_join_id, handle_.get(), of.data(), of.size(), secret.data(),
                                               secret.size(), options));
    }
    detail::handle<dtt_node_t, dtt_node_free> handle_;
};

// Calls for each log line up to `level`; see dtt_log_set_callback. An empty function ends it. It must not throw.
using log_function = std::function<void(dtt_log_level_t level, std::string_view target, std::string_view message)>;
inline void set_log(dtt_log_level_t level, log_function function) {
    if (!function) {
        detail::call(dtt_log_set_callback, static_cast<std::int32_t>(DTT_LOG_OFF), dtt_log_callback_t{},
                     static_cast<void *>(nullptr), dtt_destructor_t{});
        return;
    }
    auto owned = std::make_unique<log_function>(std::move(function));
    detail::call(
        dtt_log_set_callback, static_cast<std::int32_t>(level),
        +[](void *userdata, std::int32_t of, const char *target, const char *message) noexcept {
            (*static_cast<log_function *>(userdata))(static_cast<dtt_log_level_t>(of), target, message);
        },
        static_cast<void *>(owned.get()), +[](void *userdata) noexcept { delete static_cast<log_function *>(userdata); });
    owned.release();
}

} // namespace dtt

#endif
