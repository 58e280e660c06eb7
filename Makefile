# make test   everything that must hold, on a machine that has only Go
# make bench  the benchmarks, each beside its peer
# make lint   linters and formatting
# make fuzz   each fuzz target for FUZZTIME
# make tools  linters and the MongoDB-wire server of the tests
# make run    the reference server with its defaults

GO       ?= go
BIN      := $(CURDIR)/.bin
FUZZTIME ?= 30s
BENCHROWS ?= 1000000
# benchstat of two such outputs tells a change from noise; make tools installs it.

# A service that is missing is a failure here, and a skip under plain go test.
export REQUIRE_SERVICES := 1
# The race detector needs cgo; nothing that is shipped does.
export CGO_ENABLED := 1

# SQLite is C in the form of Go: looking for races and bad pointers within it
# takes most of the time of the tests, and finds nothing of ours.
RACE := -race -gcflags='modernc.org/...=-d=checkptr=0' -gcflags='modernc.org/sqlite/lib=-d=checkptr=0 -race=false'
# Without the detector: the crash tests start a process for each step before which
# it is killed, which took longer than all the others; the suite's own tests check
# broken stores in memory (what the suite itself does at a time, it does for each
# store too); the encoder of blocks has no goroutines.
PLAIN := /(crashtest|storetest|columnar)$$

.PHONY: test bench lint fuzz run build deps tools

test: deps lint build
	$(GO) vet ./...
	cd internal/tools && $(GO) test -race ./mongotestd/serialize
	$(GO) test $(RACE) -timeout 20m $$($(GO) list ./... | grep -vE '$(PLAIN)')
	$(GO) test -timeout 20m $$($(GO) list ./... | grep -E '$(PLAIN)')

# What is shipped builds without cgo.
build:
	CGO_ENABLED=0 $(GO) build ./...

deps:
	@./internal/test/testenv/install.sh

tools: $(BIN)/golangci-lint $(BIN)/mongotestd
$(BIN)/golangci-lint: internal/tools/go.mod internal/tools/go.sum
	cd internal/tools && GOBIN=$(BIN) $(GO) install tool

# The MongoDB-wire server of the tests; without the tag it would link pgx.
$(BIN)/mongotestd: internal/tools/go.mod internal/tools/go.sum $(shell find internal/tools/mongotestd -name '*.go')
	cd internal/tools && $(GO) build -tags ferretdb_no_postgresql -o $@ ./mongotestd

lint: tools
	$(BIN)/golangci-lint run ./...
	cd internal/tools && $(BIN)/golangci-lint run --build-tags ferretdb_no_postgresql ./...
	@test -z "$$($(BIN)/gofumpt -l . | tee /dev/stderr)" || { echo "run $(BIN)/gofumpt -w ." >&2; exit 1; }

bench: deps tools
	BENCHROWS=$(BENCHROWS) $(GO) test -run '^$$' -bench . -benchtime 3x -timeout 30m .
	$(GO) test -run '^$$' -bench . -timeout 30m ./metrics ./ingest ./store/... ./queue/... ./ratelimit/...
	cd internal/tools/queuebench && $(GO) run .

fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

run:
	$(GO) run ./cmd/refserver
