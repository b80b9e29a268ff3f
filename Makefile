# Voicefleet's commands. `make run` and `make test` need only the Rust toolchain, Python 3 with pip, npm and apt.
# The chart has no commands of its own here: scripts/test-chart checks it, scripts/render-manifests writes what is made from it.
# The folders can be moved: VOICEFLEET_MODELS, VOICEFLEET_DATA, CARGO_TARGET_DIR; VOICEFLEET_CLUSTER keeps what `make cluster` stores.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET  := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release/voicefleet
LISTEN  := $(or $(VOICEFLEET_LISTEN),127.0.0.1:8080)
MODELS  := $(or $(VOICEFLEET_MODELS),$(HOME)/.cache/voicefleet/models)

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: ## System packages for building and running (says which and why)
	@scripts/system-packages build

.PHONY: setup-test
setup-test: setup
	@scripts/system-packages test

.PHONY: setup-bench
setup-bench: setup-test
	@scripts/system-packages bench

.PHONY: build
build: setup ## The program, optimised
	cargo build --release --locked --bin voicefleet

.PHONY: models
models: build ## Native libraries and the models of a first run, checked by sha256
	$(RELEASE) models pull default

.PHONY: run
run: models ## Build, fetch the models, serve on 127.0.0.1:8080, run the sample, keep serving
	@scripts/serve-and-sample $(RELEASE) $(LISTEN) keep

.PHONY: demo
demo: models ## As run, but ends: with 0 only if every transcript matches
	@scripts/serve-and-sample $(RELEASE) $(LISTEN) once

.PHONY: cluster
cluster: models setup-test ## A cluster on this machine (RabbitMQ, Redis, two API servers, three workers) until Ctrl-C
	@scripts/cluster $(RELEASE) $(VOICEFLEET_CLUSTER)

.PHONY: test-models
test-models: setup-test
	cargo build --locked --bin voicefleet
	$(TARGET)/debug/voicefleet models pull default test

.PHONY: test
# Begins with scripts/test-chart, which takes half a minute and needs neither a cluster nor Docker; ends with scripts/test-clients.
test: test-models ## The whole suite, with real models
	@scripts/run-tests

.PHONY: guard
guard: test-models ## What the hot parts cost, in instructions, against its limits (a part of the tests)
	@scripts/guard

.PHONY: chaos
chaos: test-models ## A cluster under load while its parts are killed: figures for each promise (about 40 min)
	cargo test --locked -p voicefleet-tests --test chaos -- --ignored --nocapture --test-threads 1
	@scripts/test-clients --full $(TARGET)/debug/voicefleet

.PHONY: lint
lint: setup ## Formatting, clippy, docs, licences and bans
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --locked --document-private-items
	@scripts/cargo-deny

.PHONY: bench
bench: setup-test models ## Criterion benches of the pure parts and the throughput comparison
	cargo bench --locked -p voicefleet-benches

.PHONY: bench-overhead
bench-overhead: setup-test ## What a job costs that is no work, beside Celery behind FastAPI (about 5 min)
	cargo bench --locked -p voicefleet-benches --bench overhead -- --celery "$$(benches/peers/celery/setup)"

.PHONY: bench-piper
bench-piper: setup-test models ## Piper as a server, beside piper-tts's own (about 30 min)
	cargo bench --locked -p voicefleet-benches --bench piper -- --piper "$$(benches/peers/piper/setup)"

.PHONY: bench-start
bench-start: setup-test models ## Process start to first audio or text, beside piper-tts and faster-whisper (about 5 min)
	$(RELEASE) models pull test ctranslate2 whisper-base-ct2
	cargo bench --locked -p voicefleet-benches --bench start -- --piper "$$(benches/peers/piper/setup)" --whisper "$$(benches/peers/whisper/setup)"

.PHONY: bench-cached
bench-cached: setup-bench ## Speech that is there already, beside nginx and Redis (about 5 min)
	cargo bench --locked -p voicefleet-benches --bench cached

.PHONY: bench-scale
bench-scale: setup-test ## What a job costs as jobs wait, tenants come and workers are there (about 6 min)
	cargo bench --locked -p voicefleet-benches --bench scale

.PHONY: bench-memory
bench-memory: models ## Resident memory over 50,000 mixed requests with real models (about 15 min)
	$(RELEASE) models pull test
	cargo bench --locked -p voicefleet-benches --bench memory

.PHONY: bench-kokoro
bench-kokoro: models ## Kokoro beside kokoro-onnx and fastkokoro: CPU, time, memory (about 20 min)
	"$$(benches/peers/kokoro/setup)/bin/python" benches/peers/kokoro/measure.py --program $(RELEASE) --models "$(MODELS)"

.PHONY: bench-whisper
bench-whisper: models ## Whisper beside faster-whisper: CPU, wrong words, memory (about 45 min)
	$(RELEASE) models pull test ctranslate2 whisper-base-ct2 whisper-tiny.en-ct2
	cargo build --release --locked -p voicefleet-whisper --example transcribe
	peer="$$(benches/peers/whisper/setup)"; "$$peer/bin/python" benches/peers/whisper/measure.py --program $(RELEASE) --ours $(TARGET)/release/examples/transcribe --tokenizers "$$peer/tokenizers" --models "$(MODELS)"

.PHONY: bench-gpu
bench-gpu: ## On an NVIDIA card: Kokoro and Whisper beside kokoro-onnx and faster-whisper on the same one (about an hour)
	@benches/peers/gpu/card
	@$(MAKE) --no-print-directory models
	$(RELEASE) models pull onnxruntime-cuda whisper-base-ct2 bench
	cargo run --release --locked -p voicefleet-kokoro --example floats -- "$(MODELS)/kokoro/kokoro-v1.0.int8.onnx" "$(TARGET)/kokoro-floats.onnx"
	"$$(benches/peers/gpu/setup)/bin/python" benches/peers/gpu/measure.py --program $(RELEASE) --models "$(MODELS)" --float-model "$(TARGET)/kokoro-floats.onnx"

.PHONY: clean
clean: ## Build output (models and data stay)
	cargo clean
