# make test   everything that must hold, on a machine that has only Go
# make stress each package's tests STRESS times, plain and with the race detector
# make bench  this project beside its peers, as tables; BENCHFLAGS=-help says more
# make bench-growth  what becomes slower as the data grows
# make lint   linters, vet among them, and formatting
# make fuzz   each fuzz target for FUZZTIME
# make tools  linters and the MongoDB-wire server of the tests
# make run    the reference server with its defaults
# make release  static binaries of VERSION for each of PLATFORMS, in dist, with checksums

GO       ?= go
BIN      := $(CURDIR)/.bin
FUZZTIME ?= 30s
STRESS   ?= 20
VERSION  ?= $(shell git describe --tags --always --dirty)
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# A service that is missing is a failure here, and a skip under plain go test.
export REQUIRE_SERVICES := 1
# Nothing here needs cgo but the race detector. The tools, the build, vet, lint
# and the plain tests compile without it, and so compile each package once.
export CGO_ENABLED := 0

# A pipe fails if any of its commands fails.
SHELL       := bash
.SHELLFLAGS := -o pipefail -c

# SQLite is C translated to Go: checking it for races and bad pointers takes
# most of the time of the tests and finds nothing of ours.
RACE := -race -gcflags='modernc.org/...=-d=checkptr=0' -gcflags='modernc.org/sqlite/lib=-d=checkptr=0 -race=false'

# These run without the race detector: the crash tests and the histories start a
# process each time that they kill one, storetest's own tests check broken stores in
# memory (every backend runs the suite itself with the detector), and the block
# encoder has no goroutines.
PLAIN := internal/test/crashtest internal/test/history store/storetest store/internal/columnar

# These run whole without the race detector, and in their short form with it: most
# of their time goes into many rows and files, which one goroutine reads or damages.
# The short form runs the same code, with fewer of them.
TWICE := store/sqlitestore

# The packages that take longest start first, so that none of them is left to
# run alone at the end.
SLOW := internal/test/faulttest cmd/refserver internal/test/browsertest queue/redisqueue store/mongostore

# Many tests wait for servers and processes: more of them run side by side than
# there are cores. Vet runs beside them, among the linters.
TESTFLAGS := -vet=off -parallel 4 -timeout 20m

twice := $(addprefix ./,$(TWICE))
plain := $(addprefix ./,$(PLAIN))
slow  := $(addprefix ./,$(SLOW))
other  = $(shell $(GO) list ./... | grep -vE '/($(subst $(space),|,$(PLAIN) $(TWICE) $(SLOW)))$$')
space := $(subst ,, )

.PHONY: release test test-race test-short test-plain stress bench bench-growth lint fuzz run build deps tools

test: deps $(BIN)/mongotestd build
	$(MAKE) -j4 test-race test-short test-plain lint
	@echo "slowest packages:"; cat $(BIN)/test-*.log | awk '$$1 == "ok" { print $$3, $$2 }' | sort -rn | head -5

test-race:
	cd internal/tools && CGO_ENABLED=1 $(GO) test -race -vet=off ./mongotestd/serialize
	CGO_ENABLED=1 $(GO) test $(RACE) -p 2 $(TESTFLAGS) $(slow) $(other) | tee $(BIN)/test-race.log

test-short:
	CGO_ENABLED=1 $(GO) test $(RACE) -short $(TESTFLAGS) $(twice) | tee $(BIN)/test-short.log

test-plain:
	$(GO) test -p 2 $(TESTFLAGS) $(plain) $(twice) | tee $(BIN)/test-plain.log
	$(GO) test $(TESTFLAGS) -run TestMemoryIs ./cmd/refserver # the race detector takes memory

# STRESSFLAGS=-short is a shorter run, PKGS='./queue/...' one of some packages.
PKGS ?= ./...
stress: deps tools
	@for pkg in $$($(GO) list $(PKGS)); do \
	  $(GO) test -vet=off -count=$(STRESS) -failfast -timeout 0 $(STRESSFLAGS) $$pkg && \
	  CGO_ENABLED=1 $(GO) test $(RACE) -vet=off -count=$(STRESS) -failfast -timeout 0 $(STRESSFLAGS) $$pkg || exit 1; \
	done

# What is shipped builds without cgo.
build:
	$(GO) build ./...

deps:
	@./internal/test/testenv/install.sh

tools: $(BIN)/golangci-lint $(BIN)/mongotestd
$(BIN)/golangci-lint: internal/tools/go.mod internal/tools/go.sum
	cd internal/tools && GOBIN=$(BIN) $(GO) install tool

# The MongoDB-wire server of the tests; without the tag it would link pgx.
$(BIN)/mongotestd: internal/tools/go.mod internal/tools/go.sum $(shell find internal/tools/mongotestd -name '*.go')
	cd internal/tools && $(GO) build -tags ferretdb_no_postgresql -o $@ ./mongotestd

lint: tools
	$(BIN)/golangci-lint run --allow-parallel-runners ./...
	cd internal/tools && $(BIN)/golangci-lint run --allow-parallel-runners --build-tags ferretdb_no_postgresql ./...
	cd internal/tools/bench && $(GO) vet ./...
	@test -z "$$($(BIN)/gofumpt -l . | tee /dev/stderr)" || { echo "run $(BIN)/gofumpt -w ." >&2; exit 1; }

# Its peers need cgo. The tables of README.md are written by
# make bench BENCHFLAGS='-o README.md', those of docs/growth.md likewise.
bench: deps tools
	cd internal/tools/bench && CGO_ENABLED=1 $(GO) build -o $(BIN)/bench .
	$(BIN)/bench $(GROWTH) $(BENCHFLAGS)

bench-growth: GROWTH := -growth
bench-growth: bench

fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

run:
	$(GO) run ./cmd/refserver

# Each platform is an archive of one program and its license. The manual and the
# completion come from the program itself.
release:
	rm -rf dist && mkdir dist
	@for p in $(PLATFORMS); do \
	  os=$${p%/*} arch=$${p#*/} exe=refserver; [ $$os = windows ] && exe=refserver.exe; \
	  name=refserver-$(VERSION)-$$os-$$arch; mkdir dist/$$name; cp LICENSE dist/$$name; echo $$name; \
	  GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags='-s -w -X main.version=$(VERSION)' -o dist/$$name/$$exe ./cmd/refserver || exit 1; \
	  tar -C dist --sort=name --owner=0 --group=0 --numeric-owner -czf dist/$$name.tar.gz $$name && rm -r dist/$$name || exit 1; \
	done
	cd dist && sha256sum *.tar.gz > SHA256SUMS
