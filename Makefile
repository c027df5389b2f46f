# SPDX-License-Identifier: Apache-2.0
# The front door. `make help` lists every verb.
SHELL := /bin/bash
BUILD := build/release
.DEFAULT_GOAL := help
IDP ?= oidc
TIME ?= 60
CYCLES ?= 1000
VERSIONS ?=
SYSTEMS ?=
# A fresh clone in another folder finds what was compiled before.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
# What tools/setup has fetched, where the machine has none that will do.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/openunison/path:$(PATH)

help: ## Lists the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Finds or installs everything that building needs
	@tools/setup build

build: setup ## Builds build/release/bin/openunison
	@cmake --preset release > build-configure.log 2>&1 || { cat build-configure.log; exit 1; }; rm -f build-configure.log
	@ninja -C $(BUILD) openunison

plugin: setup ## Builds build/plugin/bin/kubectl-oulogin, the plugin of kubectl, linked statically
	@cmake --preset plugin > plugin-configure.log 2>&1 || { cat plugin-configure.log; exit 1; }; rm -f plugin-configure.log
	@ninja -C build/plugin kubectl-oulogin

package: setup ## Archives of the plugin for every system, sums and krew's manifest in build/packages; SYSTEMS="linux-x86_64 linux-arm64 ..."
	@tools/setup package "$(SYSTEMS)"
	@tools/package $(SYSTEMS)

test-package: build package ## Installs, runs and signs in with what `make package` makes, by qemu, wine and krew
	@tools/setup test
	@tools/cluster_tools > /dev/null
	@tools/package_tests

demo: build plugin ## Starts portal, provider and a real API server, signs in, runs kubectl; IDP=local for built-in users
	@exec node --import tsx tests/e2e/demo.ts $(IDP)

test: test-unit test-e2e ## Everything: unit tests, then the whole thing from outside

test-unit: setup ## The unit tests
	@tools/unit_tests release

test-e2e: build plugin ## The built program with a real API server, kubectl, browser and identity provider
	@tools/setup test
	@tools/cluster_tools > /dev/null
	@tools/e2e_tests

test-versions: build ## The kubectl tests on every Kubernetes version we pin, by flags and by file; VERSIONS="1.34.4 ..."
	@tools/setup test
	@tools/version_tests $(VERSIONS)

lint: setup ## What CI holds the sources against
	@tools/lint

check-layers: ## Includes go downward only
	@tools/check_layers

format: setup ## Formats the C++ sources
	@find src tests/unit tests/fuzz tests/differential -name '*.cc' -o -name '*.h' | xargs clang-format-19 -i

sanitize: setup ## The unit tests under address, undefined and thread sanitizers
	@tools/unit_tests asan; address=$$?; tools/unit_tests tsan && [ $$address -eq 0 ]

faults: build ## kill -9 while refresh tokens rotate, CYCLES times (1000), failing disks, damaged state; counts what is lost
	@tools/setup test
	@cd tests/e2e && node --import tsx faults.ts $(CYCLES)

bench: build plugin ## Speed and memory beside peers: build/bench/*.json, docs/performance.md; BENCH_RUNS=5 BENCH_SECONDS=3 BENCH_ROWS=all
	@tools/setup bench
	@ninja -C $(BUILD) bench_load bench_inside bench_floor bench_timing
	@$(BUILD)/bin/bench_timing
	@cd tests/e2e && node --import tsx bench.ts $(BENCH_ROWS)
	@tools/bench_report

soak: build ## Mixed load for TIME seconds (600) with kills and key rotations; prints slopes of memory, descriptors and p99
	@tools/setup test
	@cd tests/e2e && node --import tsx soak.ts $(if $(filter command line environment,$(origin TIME)),$(TIME),600)

fuzz: setup ## Fuzzes every parser for TIME seconds each (60; 0 replays the seeds only)
	@tools/fuzz $(TIME)

screenshots: build ## Pictures of every page into build/screenshots
	@tools/setup test
	@tools/cluster_tools > /dev/null
	@cd tests/e2e && npx vitest run browser

build-times: ## The slowest files of the release build
	@tools/build_times

clean: ## Removes build/
	@rm -rf build

.PHONY: help setup build plugin package test-package demo test test-unit test-e2e test-versions lint check-layers format sanitize faults soak bench fuzz screenshots build-times clean
