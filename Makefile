# A thin face over Meson; "make help" lists the targets.
BUILD ?= build
SAN_BUILD = build-san
FUZZ_BUILD = build-fuzz
FUZZ_SECONDS ?= 60
PYTHON = /usr/bin/python3

.DEFAULT_GOAL := help
.PHONY: help deps build build-san demo check check-san check-kernels bench \
    bench-docs bench-gateway bench-gateway-docs simulation lint format fuzz install clean

help: ## this list
	@echo "spinat: an SPI-aware NAT. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 28
	@echo "  make check SAN=1  the tests under AddressSanitizer and UBSan"

deps: ## install the Debian packages that all the rest needs
	@tools/install-deps

$(BUILD)/build.ninja:
	meson setup $(BUILD)

build: $(BUILD)/build.ninja ## compile: build/spinat, build/spinatd, the library
	@ninja -C $(BUILD)

demo: deps build ## real IPsec through spinatd, beside the kernel's masquerade
	@$(PYTHON) -m lab.demo --build $(BUILD)

ifeq ($(SAN),1)
check: check-san
else
check: deps build ## all tests (SAN=1: under the sanitizers)
	@$(PYTHON) tests/run.py --build $(BUILD)
endif

$(SAN_BUILD)/build.ninja:
	meson setup $(SAN_BUILD) -Db_sanitize=address,undefined -Db_lundef=false

build-san: $(SAN_BUILD)/build.ninja
	@ninja -C $(SAN_BUILD)

check-san: deps build-san
	@$(PYTHON) tests/run.py --build $(SAN_BUILD) --suites unit,sim,replay,netns

check-kernels: deps build ## the fast path on other kernels, each in a guest (QEMU)
	@tools/install-deps qemu-system-x86
	@$(PYTHON) tests/run.py --build $(BUILD) --suites kernels

bench: deps build ## machine-readable figures of the engine
	@bash -o pipefail -c 'for one in hash engine adopt programs; do $(BUILD)/bench/bench-$$one || exit 1; done | \
	    tee $(BUILD)/bench.txt'

bench-docs: ## put the figures of the last bench into docs/
	@$(PYTHON) -m bench.table $(BUILD)/bench.txt docs/benchmarks.md

bench-gateway: deps build ## ... of whole gateways, beside netfilter (BENCH_ARGS=--quick)
	@SPINAT_BUILD=$(BUILD) $(PYTHON) -m bench.gateway.run --output $(BUILD)/bench-gateway.txt $(BENCH_ARGS)
	@$(PYTHON) -m bench.gateway.plot $(BUILD)/bench-gateway.txt $(BUILD)/bench-gateway.svg

bench-gateway-docs: ## put the figures of the last bench-gateway into docs/
	@$(PYTHON) -m bench.gateway.plot $(BUILD)/bench-gateway.txt docs/bench-gateway.svg
	@$(PYTHON) -m bench.gateway.table $(BUILD)/bench-gateway.txt docs/benchmarks.md

simulation: deps build ## measure the figures of docs/simulation.md anew
	@tools/simulation-table $(BUILD)

fuzz: deps ## each fuzz target for FUZZ_SECONDS (60), from the kept corpus
	@FUZZ_BUILD=$(FUZZ_BUILD) fuzz/run.sh $(FUZZ_SECONDS)

lint: deps build ## formatting, cppcheck, manual pages
	@tools/lint

format: ## clang-format over all C
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: build ## into the system (DESTDIR is honoured)
	meson install -C $(BUILD)

clean: ## remove the build directories
	rm -rf $(BUILD) $(SAN_BUILD) $(FUZZ_BUILD)
