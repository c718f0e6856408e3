# Zweimaster: `make demo` and `make test` are all that a newcomer needs; both start with `make deps`.

SWIFT  ?= swift
CONFIG ?= debug
BIN    := .build/$(CONFIG)
# Become root only where it is needed, and only to install packages.
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help deps build demo recipe test integration examples bench bench-failover bench-elections \
  bench-kubelet bench-api failures chaos format lint clean

help: ## Show what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

deps: ## Install what is missing (Debian packages).
	@SUDO="$(SUDO)" integration/install-deps

build: deps ## Build everything (CONFIG=release for the fast binaries).
	$(SWIFT) build -c $(CONFIG)

demo: build ## Bring up two masters, kill one, see the other take over.
	$(BIN)/zweimaster demo $(DEMO_FLAGS)

recipe: build ## Bring up the recipe's machine room: masters as machines, a load balancer, nodes (root).
	$(SUDO) $(BIN)/zweimaster up --recipe --load-balancer $(RECIPE_FLAGS)

# Whole clusters come last, and alone: a small machine keeps their times only then.
test: deps ## Run all tests.
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --skip EndToEndTests
	$(SWIFT) test --skip-build --filter EndToEndTests

integration: deps ## Run the end-to-end tests against a real etcd, and etcdctl against kvstore.
	integration/run

examples: deps ## Build the packages in Examples/, as somebody would who uses the libraries.
	$(SWIFT) build --package-path Examples/Leader --scratch-path .build/examples

bench: ## Measure kvstore beside a real etcd, and write docs/benchmarks.md.
	@SUDO="$(SUDO)" integration/install-deps bench
	$(SWIFT) build -c release --product kvstore
	$(SWIFT) build -c release --product kvbench
	.build/release/kvbench --revision "$$(git describe --always --dirty)" $(BENCH_FLAGS)

bench-failover: deps ## Measure hand-overs and takeovers, on kvstore and on a real etcd.
	@for product in kvstore elector fake-kubelet zweimaster; do \
	  $(SWIFT) build -c release --product $$product; \
	done
	.build/release/zweimaster failover $(FAILOVER_FLAGS)

failures: build ## Break everything once, on kvstore and on real etcds, and judge what follows.
	$(BIN)/zweimaster failures $(FAILURES_FLAGS)

chaos: deps ## Random faults on masters in network namespaces, for CHAOS_MINUTES on each store (root).
	integration/chaos

bench-elections: deps ## Measure a thousand elections on one kvstore.
	@for product in kvstore elector zweimaster; do \
	  $(SWIFT) build -c release --product $$product; \
	done
	.build/release/zweimaster elections $(ELECTIONS_FLAGS)

bench-kubelet: deps ## Measure the fake kubelet with ten and with a thousand pods.
	@for product in fake-kubelet zweimaster; do \
	  $(SWIFT) build -c release --product $$product; \
	done
	.build/release/zweimaster kubelet $(KUBELET_FLAGS)

bench-api: deps ## Measure fake-apiserver with up to 5,000 pods and 1,000 watchers.
	@for product in kvstore fake-apiserver zweimaster; do \
	  $(SWIFT) build -c release --product $$product; \
	done
	.build/release/zweimaster api $(API_FLAGS)

format: ## Format all sources.
	$(SWIFT) format format --in-place --parallel --recursive Package.swift Sources Tests Examples

lint: ## Check the format of all sources.
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests Examples

clean: ## Remove what was built and the demo's state.
	rm -rf .build .zweimaster
