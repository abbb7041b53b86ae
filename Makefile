# Everything that is done with this project, by name. `make help` lists it.
# Without --workspace cargo builds the default members: what is shipped, and the examples. Their dependencies have the same
# features as in the whole workspace (lab/features), so nothing is compiled twice.

CARGO ?= cargo
export TOPIC SECRET
BUILD = $(CARGO) build --locked
PROGRAMS = --lib --bin demo --bin demo-peer --bin dtt-testnet
TARGET = $(or $(CARGO_TARGET_DIR),target)
BIN = $(TARGET)/debug

.DEFAULT_GOAL := help
.PHONY: help bindings demo demo-all test-kotlin test-python test-swift testnet chat test test-c wheel lint bench sim interop fuzz netlab doc header options library install jar soak test-engine

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Four processes, in C, C++, Rust and Python, meet over an embedded DHT and hear each other (no network needed)
	@tools/need cargo cc
	@echo "demo: building (the first time takes some minutes: iroh is large)"
	@$(BUILD) $(PROGRAMS)
	@tools/demo $(BIN)

demo-all: ## The same with a peer in every language whose tools are there: C, C++, Kotlin, Python, Rust, Swift
	@tools/need cargo cc
	@$(BUILD) $(PROGRAMS)
	@tools/demo $(BIN) all

testnet: ## A DHT on loopback for other processes, until Ctrl-D; its first line is the bootstrap list
	@tools/need cargo cc
	@$(BUILD) --quiet --bin dtt-testnet
	@$(BIN)/dtt-testnet

chat: ## A chat: TOPIC=... SECRET=..., and DTT_BOOTSTRAP=... for a testnet
	@tools/need cargo cc
	@$(BUILD) --quiet --bin chat
	@$(BIN)/chat "$$TOPIC" "$$SECRET"

test: ## Every test; ends with a line of how many passed, failed and were skipped
	@tools/need cargo cc python3
	@tools/test

test-engine: ## The Rust engine's unit and integration tests alone
	@tools/need cargo cc python3
	@tools/test engine

soak: ## What repeats: minutes of fuzzing and random C calls, a thousand cycles, the whole matrix of compilers (root, about 45 min)
	@tools/need cargo cc c++ python3 pkg-config cargo-fuzz
	@tools/soak

test-c: ## libdtt alone, as C and C++ programs see it: gcc and clang, shared and static, sanitizers, valgrind
	@tools/need cargo cc c++ python3 pkg-config
	@$(BUILD) $(PROGRAMS)
	@tools/test-c

test-kotlin: ## The Kotlin library alone: JUnit, and programs that use its jar (Java 17, Maven)
	@tools/need cargo cc mvn java
	@$(BUILD) $(PROGRAMS)
	@tools/test-kotlin

test-swift: ## The Swift package alone: its tests, and programs that use it (Swift 6, or root and mmdebstrap)
	@tools/need cargo cc
	@$(BUILD) $(PROGRAMS)
	@tools/test-swift

bindings: ## Make the generated part of the Swift and Kotlin bindings anew
	@tools/need cargo cc uniffi-bindgen
	@$(BUILD) --lib
	@tools/bindings

# The Rust library is left out: beside it the compiler does no link-time optimization, and the others are a third larger.
library: ## libdtt for others, optimized and stripped: target/release/libdtt.so and libdtt.a
	@tools/need cargo cc
	@$(CARGO) rustc --release --locked --package dtt-ffi --lib --crate-type cdylib,staticlib

install: library ## Install libdtt, its headers, dtt.pc and dttConfig.cmake: PREFIX=/usr/local, DESTDIR=
	@PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DESTDIR="$(DESTDIR)" \
		tools/install $(TARGET)/release

jar: ## The Kotlin library with the optimized libdtt of this system inside, in Maven's local repository (Java 17, Maven)
	@tools/need cargo cc mvn java
	@$(MAKE) --no-print-directory library
	@tools/kotlin-jar $(TARGET)/release -DskipTests

options: ## Make anew what comes from the table of options: docs/options.md, and the options of C++, Swift, Kotlin and Python
	@tools/need cargo cc
	@tools/options

header: ## Make include/dtt.h anew from the comments of dtt-ffi
	@tools/need cbindgen
	@tools/header

test-python: ## The Python package alone: lint, types, every test, and the wheel in an empty environment
	@tools/need cargo cc python3
	@$(BUILD) --lib
	@tools/test-python && tools/test-python alone && tools/python-wheel && tools/test-python wheel

wheel: ## The Python package as a wheel: target/python/wheels (the first build takes some minutes)
	@tools/need cargo cc python3
	@tools/python-wheel

lint: ## Format, clippy and documentation without warnings, scripts, licenses, generated files
	@tools/need cargo cc c++ python3
	@$(BUILD) --quiet --lib
	@tools/lint

bench: ## Beside the peer implementation and raw iroh-gossip: a table, and target/bench/report.json (root)
	@tools/need cargo cc ip python3
	@echo "bench: building"
	@$(BUILD) --profile lab --package dtt-ffi --package dtt-lab-bench --lib --bin dtt-lab-bench
	@$(BUILD) --lib
	@tools/python-wheel
	@mkdir -p target/bench/library
	@for name in libdtt.so libdtt.so.0; do objcopy --strip-debug $(TARGET)/lab/libdtt.so target/bench/library/$$name; done
	@$(TARGET)/lab/dtt-lab-bench

sim: ## Up to 10,000 simulated nodes beside the peer's rules: docs/evaluation/simulation.md and its plots (30 min)
	@tools/need cargo cc
	@$(BUILD) --profile lab --package dtt-lab-sim --bin dtt-lab-sim
	@$(TARGET)/lab/dtt-lab-sim --out docs/evaluation --page docs/evaluation/simulation.md

interop: ## Live swarms with the peer implementation in network namespaces (root)
	@tools/need cargo cc ip
	@$(CARGO) test --workspace --locked --test swarms -- --test-threads 3

fuzz: ## Every decoder and the tracker against hostile input, FUZZ_SECONDS each (60; 0 only replays the committed inputs)
	@tools/need cargo cc c++ cargo-fuzz
	@FUZZ_SECONDS="$(or $(FUZZ_SECONDS),60)" tools/fuzz

netlab: ## Real nodes in bad networks, beside the peer implementation: a table, and target/netlab/report.json (root)
	@tools/need cargo cc ip nft
	@tools/netlab

doc: ## The API documentation, in target/doc
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --locked --no-deps
