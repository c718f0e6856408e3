# Zweimaster: `make demo` and `make test` are all that a newcomer needs; both start with `make deps`.

SWIFT  ?= swift
CONFIG ?= debug
BIN    := .build/$(CONFIG)
# Become root only where it is needed, and only to install packages.
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help deps build demo demo-film recipe test integration examples bench failures chaos nightly dist dist-test \
  format lint tidy docs hooks clean

help: ## Show what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

deps: ## Install what is missing (Debian packages).
	@SUDO="$(SUDO)" integration/install-deps

build: deps ## Build everything (CONFIG=release for the fast binaries).
	$(SWIFT) build -c $(CONFIG)

# Its first lines say what will happen and how long that takes, so nothing comes before it.
demo: ## Bring up two nodes, kill one, see the other take over.
	@SUDO="$(SUDO)" SWIFT="$(SWIFT)" CONFIG="$(CONFIG)" integration/demo $(DEMO_FLAGS)

demo-film: demo ## Film the demo anew for the README: docs/demo.svg.
	@integration/demo-film $(BIN)/zweimaster docs/demo.svg

recipe: build ## Bring up the recipe's machine room: masters as machines, a load balancer, nodes (root).
	$(SUDO) $(BIN)/zweimaster up --recipe --load-balancer $(RECIPE_FLAGS)

# Whole clusters come last, and alone: a small machine keeps their times only then.
test: deps ## Run all tests.
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --skip EndToEndTests
	$(SWIFT) test --skip-build --filter EndToEndTests

integration: deps ## Run the end-to-end tests against a real etcd, etcdctl against kvstore, a foreign page in a browser.
	@SUDO="$(SUDO)" integration/install-deps browser
	integration/run

# One scratch directory for all of them: what the libraries are made of is compiled once.
EXAMPLES := Store Keys Leader Pods Takeover

examples: deps ## Build and run the packages in Examples/, as a user of the libraries would.
	@for product in kvstore elector fake-kubelet; do \
	  $(SWIFT) build --product $$product || exit 1; \
	done
	@for example in $(EXAMPLES); do \
	  echo "examples: $$example"; \
	  ZWEIMASTER_BIN="$(CURDIR)/.build/debug" $(SWIFT) test \
	    --package-path Examples/$$example --scratch-path .build/examples || exit 1; \
	done

# What each benchmark runs besides zweimaster-bench itself.
BENCH_kvstore   := kvstore
BENCH_failover  := kvstore elector fake-kubelet
BENCH_elections := kvstore elector
BENCH_kubelet   := fake-kubelet
BENCH_api       := kvstore fake-apiserver
BENCH_start     := kvstore elector fake-kubelet fake-apiserver
WHAT            ?= kvstore failover elections kubelet api start

bench: ## Measure: WHAT=kvstore, failover, elections, kubelet, api or start for one alone, BENCH_FLAGS for its flags.
	@SUDO="$(SUDO)" integration/install-deps bench
	@for product in zweimaster-bench $(sort $(foreach what,$(WHAT),$(BENCH_$(what)))); do \
	  $(SWIFT) build -c release --product $$product || exit 1; \
	done
	@for what in $(WHAT); do .build/release/zweimaster-bench $$what $(BENCH_FLAGS) || exit 1; done

failures: build ## Break everything once, on kvstore and on real etcds, and judge what follows.
	$(BIN)/zweimaster failures $(FAILURES_FLAGS)

nightly: deps ## What takes a night's hour: mutants, seeds, fuzzers, kvstore beside etcd, chaos (root).
	integration/nightly

chaos: deps ## Random faults on masters in network namespaces, for CHAOS_MINUTES on each store (root).
	integration/chaos

# What dist/ has; zweimaster-bench belongs to the sources, whose pages it writes.
PACKAGED := kvstore elector zweimaster fake-kubelet fake-apiserver kube-scheduler-stand-in \
  kube-controller-manager-stand-in WallClock

dist: deps ## Make dist/: packages, a tar.gz, what container images are built of, an SBOM, checksums.
	@SUDO="$(SUDO)" integration/install-deps dist
	@for product in $(PACKAGED); do \
	  $(SWIFT) build -c release --static-swift-stdlib --product $$product || exit 1; \
	done
	$(SWIFT) build --package-path .build/checkouts/swift-argument-parser --scratch-path .build/manual --product generate-manual
	packaging/build

dist-test: ## Install dist/ on machines under a real systemd, upgrade and remove it, and run the images (root).
	@SUDO="$(SUDO)" integration/install-deps dist-test
	$(SUDO) integration/packages

format: ## Format all sources.
	$(SWIFT) format format --in-place --parallel --recursive Package.swift Sources Tests Examples

LIBRARIES := KVStore EtcdClient Elector KubernetesObjects KubernetesClient FakeKubelet FakeAPIServer HTTPListening \
  TestCluster

lint: tidy ## Check the format of all sources, the documentation of the libraries, and the documents.
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests Examples
	$(SWIFT) package --disable-sandbox generate-documentation $(LIBRARIES:%=--target %) --warnings-as-errors

tidy: deps ## Check the documents: links, sizes, the tests that they name, tables of flags, words.
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter '^DocumentTests\.'

docs: deps ## Write the tables of flags in the documents anew, from the programs.
	$(SWIFT) build --build-tests
	REWRITE_DOCS=1 $(SWIFT) test --skip-build --filter DocumentTests.FlagTableTests

hooks: ## Install the commit hooks: they look at the subject and at the format of what is committed.
	git config core.hooksPath integration/hooks

clean: ## Remove what was built and the demo's state.
	rm -rf .build .zweimaster dist
