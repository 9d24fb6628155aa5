# `make run` and `make test` do all set-up themselves: they fetch what they need, pinned, and cache it
# below ~/.cache/keelson.

CACHE := $(HOME)/.cache/keelson
export CARGO_TARGET_DIR ?= $(CACHE)/target
DATA_DIR ?= $(CURDIR)/.data
BINARY := $(CARGO_TARGET_DIR)/release/kube-apiserver
# What end-to-end tests and benchmarks run beside the server; the scripts bring it and print its path.
TOOLS = KEELSON_ETCD=$$(e2e/tools/etcd.sh) KEELSON_KUBECTL=$$(e2e/tools/kubectl.sh) \
  KEELSON_CLIENT_GO=$$(e2e/tools/client-go.sh) KEELSON_HELM=$$(e2e/tools/helm.sh)
# The rest of a control plane, and what watches it, for the suites with real controllers.
CONTROLLERS = KEELSON_CONTROLLER_MANAGER=$$(e2e/tools/kube-controller-manager.sh) \
  KEELSON_SCHEDULER=$$(e2e/tools/kube-scheduler.sh) KEELSON_KWOK=$$(e2e/tools/kwok.sh)
CLUSTER_TOOLS = $(CONTROLLERS) KEELSON_PROMETHEUS=$$(e2e/tools/prometheus.sh) \
  KEELSON_PROMTOOL=$$(e2e/tools/promtool.sh) KEELSON_LOAD=$$(e2e/tools/load.sh)

.PHONY: run test soak lint bench image image-files e2e e2e-smoke e2e-image e2e-kind test-crash fuzz build system-packages cargo-deny

## run: build the server and start it on its embedded store
run: build
	$(BINARY) --data-dir=$(DATA_DIR)

build: system-packages
	cargo build --locked --release --bin kube-apiserver

## test: every test that CI runs, against the embedded store and a real etcd; property tests try the same
## cases each time, so that a red run is the change's fault (`make soak` tries others)
test: export PROPTEST_RNG_SEED ?= 1
test: system-packages
	for tool in etcd kubectl client-go helm kube-controller-manager kube-scheduler kwok; do \
	  e2e/tools/$$tool.sh >/dev/null || exit 1; done
	cargo build --locked --bin kube-apiserver
	$(TOOLS) $(CONTROLLERS) cargo test --locked --workspace

## e2e: the heavy suites: kubectl, client-go, kube-rs, the model test, and workloads under the real controllers,
## against the release build; the recordings where they are present
e2e: build
	$(TOOLS) $(CLUSTER_TOOLS) KEELSON_BINARY=$(BINARY) KEELSON_E2E_FULL=1 cargo test --locked --package keelson-e2e -- --nocapture

## e2e-smoke: a Deployment and the end of its namespace under the real controllers, against the debug build
e2e-smoke: system-packages
	cargo build --locked --bin kube-apiserver
	$(TOOLS) $(CONTROLLERS) cargo test --locked --package keelson-e2e --test smoke -- --nocapture

## test-crash: 200 rounds of kill -9 under load on the embedded store
test-crash: system-packages
	KEELSON_CRASH_ROUNDS=200 cargo test --locked --release --package keelson-storage crash -- --nocapture

## soak: property tests with many new cases
PROPTEST_CASES ?= 5000
soak: system-packages
	PROPTEST_CASES=$(PROPTEST_CASES) cargo test --locked --workspace --lib --exclude keelson-e2e

## lint: formatting, clippy, licences and sources of dependencies, scripts; warnings are errors
lint: system-packages cargo-deny
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	$(CACHE)/cargo/bin/cargo-deny --locked check bans licenses sources
	e2e/tools/system-packages.sh shellcheck
	shellcheck .ci/run $$(git ls-files '*.sh')

## bench: CPU, throughput, latency and memory of the release build, beside the design's targets; all of it, or
## what WHAT names (benches/README.md)
bench: build
	$(if $(filter-out decisions,$(WHAT)),,cargo bench --locked --bench decisions)
	$(if $(filter decisions,$(WHAT)),,$(TOOLS) KEELSON_BINARY=$(BINARY) cargo bench --locked --bench apiserver -- $(WHAT))

## fuzz: each fuzz target for FUZZ_SECONDS (needs a nightly toolchain and cargo-fuzz)
FUZZ_SECONDS ?= 60
fuzz:
	for room in . crates/apimachinery crates/cel; do (cd $$room && for target in $$(cargo +nightly fuzz list); do \
	  cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 || exit 1; \
	  done) || exit 1; done

## image: a container image with a static server and nothing else (needs Docker's engine). The files are made with
## this machine's toolchain; the image is the last stage of the Dockerfile, which makes them itself when it is built
## as it is
IMAGE ?= keelson/kube-apiserver:$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
FILES := $(CARGO_TARGET_DIR)/image
image: image-files
	docker build --tag $(IMAGE) $(FILES)

image-files: system-packages
	image/files.sh $(FILES)
	sed '1,/^FROM scratch/{/^FROM scratch/!d}; s|--from=build ||; s| /files/| |' Dockerfile > $(FILES)/Dockerfile

## e2e-image: what the image claims, by a Docker engine: size, no shell, no root, read-only, probes, end, kept data
e2e-image: image-files
	$(TOOLS) image/engine.sh sh -c 'docker build --tag $(IMAGE) $(FILES) && image/test.sh $(IMAGE)'

## e2e-kind: the image in the place of kube-apiserver in a cluster of kind's (needs Docker's engine, kind, kubectl,
## e2e.test and a network: e2e/kind/run.sh says what is missing)
e2e-kind: image
	e2e/kind/run.sh $(IMAGE)

system-packages:
	@e2e/tools/system-packages.sh

cargo-deny:
	@e2e/tools/cargo-deny.sh
