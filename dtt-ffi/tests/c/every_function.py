#!/usr/bin/env python3
"""Writes a C program that calls every function of dtt.h with one argument wrong at a time, and all others valid: NULL, what is no
handle, another type's handle, and an unaligned pointer. The status has to be exactly the documented one, and the message has to
begin with the argument's name.

usage: every_function.py dtt.h > every_function.c
"""
import re
import sys

text = re.sub(r"/\*.*?\*/", "", open(sys.argv[1]).read(), flags=re.S)
found = re.findall(r"((?:^//[^\n]*\n)+)(\w[\w ]*?[ \*]+)(dtt_\w+)\(([^;]*?)\);", text, flags=re.S | re.M)
declared = re.findall(r"^\w[\w ]*?[ \*]+(dtt_\w+)\([^;]*?\);", re.sub(r"//.*", "", text), flags=re.S | re.M)
assert [name for _, _, name, _ in found] == declared, "a function has no comment"

HANDLES = ["config", "join_options", "node", "topic", "events", "event", "testnet", "error"]
# Arguments that may be NULL, as the header says of them.
OPTIONAL = {
    "dtt_node_spawn": {"config"},
    "dtt_node_join": {"options"},
    "dtt_node_join_id": {"options"},
    "dtt_topic_slot": {"public_key", "salt", "target"},
    "dtt_topic_join_peer": {"addresses"},
    "dtt_log_set_callback": {"callback", "userdata", "destructor"},
    "dtt_events_set_callback": {"userdata", "destructor"},
    "dtt_join_options_set_rotation": {"userdata", "destructor"},
}
# What functions without a status answer when their handle is wrong.
ANSWERS = {
    "dtt_error_message": "strcmp({}, \"\") == 0",
    "dtt_event_kind": "{} == DTT_EVENT_NONE",
    "dtt_event_data": "{} == NULL && size == 0",
    "dtt_event_peer": "{} == NULL",
    "dtt_event_missed": "{} == 0",
    "dtt_event_state": "{} == DTT_STATE_CLOSED",
    "dtt_event_is_direct": "!{}",
    "dtt_node_is_closed": "{}",
    "dtt_node_is_paused": "!{}",
    "dtt_testnet_bootstrap": "{} == NULL",
    "dtt_topic_state": "{} == DTT_STATE_CLOSED",
    "dtt_topic_max_message_size": "{} == 0",
}


def valid(function, kind, name):
    """A valid argument of this type."""
    handle = re.fullmatch(r"(?:const )?dtt_(\w+)_t \*", kind)
    if handle and handle[1] in HANDLES:
        return handle[1]
    made = re.fullmatch(r"dtt_(\w+)_t \*\*", kind)
    if name == "error":
        return "&failed"
    if made:
        return f"&(dtt_{made[1]}_t *){{NULL}}"
    if name == "count" and kind == "size_t":
        return {"dtt_topic_stats": "DTT_TOPIC_STATS", "dtt_topic_join_peers": "1"}.get(function, "DTT_NODE_STATS")
    if function.startswith("dtt_config_") and kind == "const char *":
        return {"key": '"event_capacity"', "value": '"1"', "text": '"event_capacity=1"'}.get(name, '"127.0.0.1:1"')
    if name.endswith("_len") or name in ("length", "capacity") and kind == "size_t":
        return "1" if name == "capacity" else "32"
    return {
        "const uint8_t *": "id", "uint8_t *": "room", "uint64_t *": "values", "size_t *": "&size", "int *": "&number",
        "char **": "&(char *){NULL}", "char *": "NULL", "const char *": '"127.0.0.1:1"', "dtt_rotation_t": "rotate", "dtt_event_callback_t": "on_event",
        "dtt_log_callback_t": "NULL", "dtt_destructor_t": "NULL", "void *": "NULL", "bool": "true", "size_t": "2", "uint64_t": "1",
        "uint16_t": "1", "int32_t": "0",
    }[kind]  # fmt: skip


checks, tested = [], set()
for comment, result, function, parameters in found:
    kinds = [re.fullmatch(r"(.*?)(\w+)", " ".join(p.split())).groups() for p in parameters.split(",")]
    kinds = [(kind.strip(), name) for kind, name in kinds]
    if parameters.strip() == "void":
        continue
    arguments = [valid(function, kind, name) for kind, name in kinds]

    def with_wrong(place, value):
        return f"{function}({', '.join(arguments[:place] + [value] + arguments[place + 1 :])})"

    for place, (kind, name) in enumerate(kinds):
        is_handle = re.fullmatch(r"(?:const )?dtt_\w+_t \*", kind)
        is_pointer = "*" in kind or kind in ("dtt_rotation_t", "dtt_event_callback_t")
        if not is_pointer or kind == "dtt_error_t **":
            continue
        if result.strip() == "dtt_status_t":
            own_error = int(kinds[-1] == ("dtt_error_t **", "error"))
            if name in OPTIONAL.get(function, ()):
                spoken = comment if "NULL" in comment else ""
                # dtt_node_join_id refers to dtt_node_join.
                assert spoken or "dtt_node_join " in comment, (function, name, "the header does not say that it may be NULL")
            else:
                checks.append(f'    REFUSED(DTT_NULL, "{name}", {own_error}, {with_wrong(place, "NULL")});')
                tested.add((function, name))
            if is_handle:
                for wrong in ("nonsense", "unaligned", "another_type(%s)" % arguments[place]):
                    call = with_wrong(place, f"(void *){wrong}")
                    checks.append(f'    REFUSED(DTT_BAD_HANDLE, "{name}", {own_error}, {call});')
        elif is_handle:
            for wrong in ("NULL", "nonsense", "unaligned", "another_type(%s)" % arguments[place]):
                call = with_wrong(place, wrong if wrong == "NULL" else f"(void *){wrong}")
                if result.strip() == "void":
                    checks.append(f"    {call};")
                else:
                    checks.append(f"    size = 7;\n    CHECK({ANSWERS[function].format(call)});")
            tested.add((function, name))
        elif function == "dtt_string_free":
            checks.append("    dtt_string_free(NULL);")
            tested.add((function, name))

untested = {name for _, _, name, p in found if p.strip() != "void"} - {function for function, _ in tested}
assert untested == {"dtt_log_set_callback", "dtt_debug_panic", "dtt_status_name", "dtt_config_key", "dtt_config_about"}, untested
assert len(tested) > 100, len(tested)

print('#include "test.h"')
print("enum { FUNCTIONS = %d, CHECKS = %d };" % (len({function for function, _ in tested}), len(checks)))
print(
    r"""
/* A call with one wrong argument: this status, and a message that begins with the argument's name. */
#define REFUSED(status, argument, says_why, call)                                                                      \
    do {                                                                                                               \
        dtt_error_t *failed = NULL;                                                                                    \
        int status_ = (int)(call);                                                                                     \
        const char *why = dtt_error_message(failed);                                                                   \
        if (status_ != status) FAIL("%s: %s instead of %s: %s", #call, dtt_status_name(status_), #status, why);        \
        if (says_why && strncmp(why, argument ": ", sizeof argument + 1) != 0)                                         \
            FAIL("%s: \"%s\" does not begin with \"%s\"", #call, why, argument);                                       \
        dtt_error_free(failed);                                                                                        \
    } while (0)

/* What begins with no tag of the library's, and is large enough to look at. */
static uint64_t nonsense[64] = {0x5A5A5A5A5A5A5A5A};
static char *unaligned = (char *)nonsense + 1;

static dtt_config_t *config;
static dtt_join_options_t *join_options;
static dtt_testnet_t *testnet;
static dtt_node_t *node;
static dtt_topic_t *topic;
static dtt_events_t *events;
static dtt_event_t *event;
static dtt_error_t *error;

static void *another_type(const void *handle) { return handle == (const void *)config ? (void *)join_options : (void *)config; }

static void rotate(void *u, const uint8_t *t, uint64_t m, const uint8_t *h, uint8_t *s) {
    (void)u, (void)t, (void)m, (void)h, (void)s;
}
static void on_event(void *u, const dtt_event_t *e) { (void)u, (void)e; }
"""
)
print("static void all(const uint8_t *id, uint8_t *room, uint64_t *values) {")
print("    size_t size = 0;\n    int number = 0;")
print(*checks, sep="\n")
print("    (void)size, (void)number;\n}")
print(
    r"""
int main(void) {
    uint8_t id[DTT_ID_LEN], room[64];
    uint64_t values[DTT_NODE_STATS + DTT_TOPIC_STATS];
    CHECK(dtt_debug_panic(&error) == DTT_PANIC);
    OK(dtt_config_new(&config, &error));
    OK(dtt_join_options_new(&join_options, &error));
    OK(dtt_testnet_new(2, &testnet, &error));
    node = spawn_on(testnet);
    topic = join(node, "every function");
    events = subscribe(topic);
    OK(dtt_events_recv(events, 10000, &event, &error));
    OK(dtt_node_id(node, id, &error));
    all(id, room, values);
    /* All of it has done nothing. */
    CHECK(dtt_error_status(error) == DTT_PANIC);
    CHECK(dtt_event_kind(event) == DTT_EVENT_STATE_CHANGED && !dtt_node_is_closed(node));
    CHECK(dtt_topic_state(topic) != DTT_STATE_CLOSED && dtt_testnet_bootstrap(testnet) != NULL);
    OK(dtt_config_validate(config, &error));
    printf("%d calls with a wrong argument, %d functions\n", CHECKS, FUNCTIONS);
    dtt_event_free(event);
    dtt_events_free(events);
    OK(dtt_node_close(node, &error));
    dtt_topic_free(topic);
    dtt_node_free(node);
    dtt_testnet_free(testnet);
    dtt_join_options_free(join_options);
    dtt_config_free(config);
    dtt_error_free(error);
    return 0;
}"""
)
