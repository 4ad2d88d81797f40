# What a person types. Everything lives in ~/.cache/longshore (or $LONGSHORE_CACHE) and in containers of this machine.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CLUSTER := e2e/cluster
export LONGSHORE_CACHE ?= $(HOME)/.cache/longshore
export CARGO_TARGET_DIR ?= $(LONGSHORE_CACHE)/target
# One profile, and always the whole workspace with its tests: what is chosen decides the features of what is shared, and
# another choice would compile all of it once more.
CARGO_TEST := cargo test --release --workspace
# Tests wait for processes and sockets more than they compute.
export RUST_TEST_THREADS ?= 4
PROGRAMS = $(CARGO_TARGET_DIR)/$(shell rustc -vV | sed -n 's/^host: //p')/release
RESULTS := $(LONGSHORE_CACHE)/log/results.txt

.NOTPARALLEL:
.PHONY: help demo demo-down test check e2e bench sim fuzz conformance compat generate libraries images build tools target

help: ## say what there is
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## a cluster, the operator, an example model, and a weak device outside that uses it
	@$(CLUSTER)/demo.sh

demo-down: ## remove what the demo made
	@$(CLUSTER)/demo-down.sh

test: ## everything: check, then e2e; ends with the sum of their results
	@mkdir -p $(dir $(RESULTS)); : > $(RESULTS)
	@status=0; $(MAKE) --no-print-directory check e2e 2>&1 | tee $(RESULTS) || status=$$?; \
		$(CLUSTER)/results.sh $(RESULTS) || status=1; exit $$status

check: tools target ## formatting, lints, unit and golden tests, tests against a real API server
	cargo fmt --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	$(CARGO_TEST)
	cargo clippy --release --workspace --features longshore-sidecar/otlp --all-targets -- -D warnings
	$(CARGO_TEST) --features longshore-sidecar/otlp --test sidecar -- traces

e2e: build ## the tests on a real cluster of five nodes
	@$(CLUSTER)/tools.sh
	@$(CLUSTER)/images.sh
	@$(CLUSTER)/up.sh longshore-e2e $(CLUSTER)/kind-more.yaml
	@$(CLUSTER)/load.sh longshore-e2e
	KUBECONFIG=$(LONGSHORE_CACHE)/clusters/longshore-e2e/kubeconfig PATH=$(LONGSHORE_CACHE)/bin:$$PATH \
		$(CARGO_TEST) --test kind

bench: build ## the sidecar beside HAProxy, nginx and Envoy; UPDATE=1 puts the figures into the docs
	@e2e/bench/bench.sh

sim: build ## fleets and recorded links in virtual time, ours and others: tables and plots in the docs; fails without a MUST
	$(PROGRAMS)/longshore-sim report docs --device $(PROGRAMS)/longshore-device

fuzz: target ## every parser against made-up input, FUZZ_SECONDS (60) for each
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(CARGO_TEST) fuzzed -- --nocapture

conformance: target ## HTTP/2 of the real sidecar, in the clear and in TLS, as h2spec judges it; needs Go 1.25 or later
	@mkdir -p $(LONGSHORE_CACHE)/bin
	cd sidecar/tests/h2spec && go build -mod=readonly -o $(LONGSHORE_CACHE)/bin/h2spec github.com/summerwind/h2spec/cmd/h2spec
	H2SPEC=$(LONGSHORE_CACHE)/bin/h2spec $(CARGO_TEST) --test sidecar conformance -- --ignored --nocapture

compat: build ## real model servers and clients: each call at the server and through the sidecar, compared
	@e2e/compat/run.sh

generate: target ## write again whatever is generated and committed
	UPDATE=1 $(CARGO_TEST) committed

libraries: target ## the device library for C and Python, for this machine, in ~/.cache/longshore/libraries
	cargo build --release -p longshore-c
	@device/libraries.sh $(CARGO_TARGET_DIR)/$$(rustc -vV | sed -n 's/^host: //p')/release/liblongshore.a $(LONGSHORE_CACHE)/libraries

images: build ## the images localhost/longshore/*:dev
	@$(CLUSTER)/tools.sh
	@$(CLUSTER)/images.sh

build: target
	cargo build --release --workspace --all-targets

tools:
	@$(CLUSTER)/tools.sh

target:
	@$(CLUSTER)/target.sh
