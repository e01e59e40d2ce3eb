# Go and make are enough; the race detector also wants gcc. `make help` lists the targets.

# Packages where goroutines meet: tested with the race detector.
CONCURRENT = $(patsubst %,./%/...,$(wildcard persistence cluster actors/host))

FUZZTIME ?= 30s
SEEDS    ?= 1000
SEED     ?=

# A tool as messages/tools/go.mod pins it, built on first use.
tool = go tool -modfile=$(CURDIR)/messages/tools/go.mod

# What messages are compared with: main, or its remote in a clone without it.
base = $(shell for ref in main origin/main; do \
	git cat-file -e $$ref:messages/buf.yaml 2>/dev/null && echo $$ref && break; done)

.PHONY: help build run test lint proto fuzz sim bench cover clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## fetch what it depends on and build bin/zonecast
	go build -o bin/zonecast ./cmd/zonecast

run: ## generate a trace, replay it, print the report
	go run ./cmd/zonecast demo

ifneq ($(shell command -v gcc),)
test: ## run every test, with the race detector where goroutines meet
	go test -race $(CONCURRENT)
	go test $$(go list ./... | grep -vxF "$$(go list $(CONCURRENT))")
else
test:
	@echo "race detector left out: gcc is missing"
	go test ./...
endif

lint: ## gofmt, vet, staticcheck, buf lint, generated code current, no breaking message
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "run gofmt -w on:" $$unformatted; exit 1; }
	go vet ./...
	$(tool) staticcheck ./...
	cd messages && $(tool) buf lint
	@new=$$(mktemp -d); trap 'rm -rf '$$new EXIT; \
	(cd messages && $(tool) buf generate -o $$new) && cat $$new/*.pb.go >$$new/all && \
	cat messages/*.pb.go | cmp -s - $$new/all || { echo "messages/*.pb.go are not current: run make proto"; exit 1; }
ifeq ($(base),)
	@echo "buf breaking left out: no main branch with messages here"
else
	@old=$$(mktemp -d); trap 'rm -rf '$$old EXIT; git archive $(base) messages | tar -x -C $$old && \
	cd messages && $(tool) buf breaking --against $$old/messages
endif

proto: ## regenerate messages/*.pb.go from messages/*.proto
	cd messages && $(tool) buf build -o /dev/null && rm -f *.pb.go && $(tool) buf generate

fuzz: ## run every fuzz test, FUZZTIME=30s each
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's|/[^/]*:[0-9]+:func | |' | \
	while read -r dir name; do \
		echo "$$name in $$dir"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
	done

sim: ## simulate SEEDS=1000 worlds, or replay one with its trace: SEED=k
	ZONECAST_SIM_SEEDS=$(SEEDS) ZONECAST_SIM_SEED=$(SEED) \
	go test ./actors/sim -run '^TestWorlds$$' -count=1 -timeout 0 -v

bench: ## measure, and write bench/results
	go run ./cmd/zonecast bench --out bench/results

cover: ## run every test and print the share of statements covered
	go test -coverprofile=cover.out -coverpkg=./... ./...
	go tool cover -func=cover.out | tail -n 1

clean: ## remove what builds, tests and profiles left behind
	rm -rf bin zonecast *.out *.prof *.test
