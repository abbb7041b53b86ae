#!/usr/bin/env python3
"""Writes a C program that calls every function of dtt.h with nothing but NULL, and with handles of another type.

usage: every_function.py dtt.h > every_function.c
"""
import re
import sys

header = re.sub(r"/\*.*?\*/", "", re.sub(r"//.*", "", open(sys.argv[1]).read()), flags=re.S)
functions = re.findall(r"^(\w[\w ]*?[ \*]+)(dtt_\w+)\(([^;]*?)\);", header, flags=re.S | re.M)
HANDLES = ("config", "node_config", "join_options", "node", "topic", "events", "event", "testnet", "error")
# These are fine with NULL, as documented, or end something that is not there.
FINE_WITH_NULL = {"dtt_node_spawn", "dtt_log_set_callback", "dtt_events_set_callback"}
# They have no argument that could be wrong.
WITHOUT_HANDLE = {"dtt_debug_panic"}

calls, other = [], []
for result, name, parameters in functions:
    kinds = [" ".join(p.split()) for p in parameters.split(",")]
    if kinds == ["void"]:
        continue
    null = ["NULL" if "*" in k or "callback" in k or "dtt_rotation_t" in k or "destructor" in k else "0" for k in kinds]
    if name == "dtt_testnet_new":
        null[0] = "2"
    call = f"{name}({', '.join(null)})"
    status = result.strip() == "dtt_status_t"
    if status and name not in {"dtt_error_status", "dtt_log_set_callback"} | WITHOUT_HANDLE:
        calls.append(f"    REFUSED({call});")
    else:
        calls.append(f"    (void){call};" if result.strip() != "void" else f"    {call};")
    for place, kind in enumerate(kinds):
        match = re.fullmatch(r"(?:const )?dtt_(\w+)_t \*\w+", kind)
        if not match or match[1] not in HANDLES:
            continue
        wrong = list(null)
        wrong[place] = f"(dtt_{match[1]}_t *)wrong"
        if match[1] == "error" and name in ("dtt_error_free",):
            continue
        call = f"{name}({', '.join(wrong)})"
        other.append(f"    REFUSED({call});" if status else f"    (void){call};" if result.strip() != "void" else f"    {call};")

assert len(calls) > 100 and len(other) > 80, (len(calls), len(other))
print('#include "test.h"')
print("#define REFUSED(call) do { if ((int)(call) == DTT_OK) FAIL(\"%s: OK\", #call); } while (0)")
print("static void with_null(void) {", *calls, "}", sep="\n")
print("static void with_another_type(void *wrong) {", *other, "}", sep="\n")
print(
    """
/* What begins with no tag of the library's, and is large enough to look at. */
static uint64_t nonsense[64] = {0x5A5A5A5A5A5A5A5A};

int main(void) {
    with_null();
    with_another_type(nonsense);
    dtt_error_t *wrong = NULL;
    CHECK(dtt_debug_panic(&wrong) == DTT_PANIC);
    for (int i = 0; i < 2; i++) {
        with_another_type((char *)nonsense + i);
        with_another_type(wrong);
    }
    CHECK(dtt_error_status(wrong) == DTT_PANIC);
    dtt_error_free(wrong);
    return 0;
}"""
)
