# make          build ./tinit, static and stripped
# make test     all tests; what needs root or a container engine says why it is skipped
# make help     the other targets

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
DESTDIR ?=
GO      ?= go

VERSION ?= $(patsubst v%,%,$(shell git describe --tags --dirty 2>/dev/null || echo devel))
COMMIT  ?= $(shell git rev-parse --short=7 HEAD 2>/dev/null || echo unknown)

LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
MANPAGES = $(notdir $(wildcard docs/*.[15]))
ARCHES   = amd64 arm64 arm 386 riscv64 ppc64le s390x loong64
FUZZTIME ?= 10s

.PHONY: all build test race fuzz lint man cross demo matrix bench install uninstall clean help

all: build

build: ## ./tinit
	$(BUILD) -o tinit ./cmd/tinit

test: ## all tests
	$(GO) test ./...

race: ## all tests under the race detector (needs cgo)
	GORACE=atexit_sleep_ms=0 CGO_ENABLED=1 $(GO) test -race ./...

fuzz: ## each fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

lint: ## formatting, vet, linters, go.mod, the manual pages
	.ci/lint

man: ## check the manual pages, and show them
	mandoc -T lint -W warning docs/*.[15]
	man -l $(MANPAGES:%=docs/%)

cross: ## dist/tinit-ARCH for every architecture
	@set -e; for arch in $(ARCHES); do \
		echo "dist/tinit-$$arch"; GOOS=linux GOARCH=$$arch $(BUILD) -o dist/tinit-$$arch ./cmd/tinit; \
	done

demo: ## tinit on a program that leaves orphans
	$(GO) run ./test/demo

matrix: ## tinit beside the installed tini, dumb-init and catatonit, and in their place, into README.md and docs (root, two minutes)
	$(GO) run ./test/matrix -write

bench: ## what tinit costs, beside tini, dumb-init, catatonit and its goals (root, two minutes)
	$(GO) run ./test/bench

install: build ## into DESTDIR and PREFIX
	install -D -m 755 tinit $(DESTDIR)$(BINDIR)/tinit
	for page in $(MANPAGES); do install -D -m 644 docs/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit; done

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/tinit
	for page in $(MANPAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

clean:
	rm -rf tinit dist

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile
