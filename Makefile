# The commands of the project. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: run install uninstall test lint accessibility-tools screenshots public-interface check-public-interface certs bench bench-writes bench-listing bench-notes bench-routes bench-allocations weight fuzz siege large-uploads soak clean help

## run: serve www/ on http://127.0.0.1:4040/, with the demonstration services, writing into data/
run:
	cargo run --release --bin hearken -- --demo --write data www

PREFIX = /usr/local
destination = $(DESTDIR)$(PREFIX)
programs = hearken hearken-client
man = $(destination)/share/man/man1
bash = $(destination)/share/bash-completion/completions
fish = $(destination)/share/fish/vendor_completions.d
zsh = $(destination)/share/zsh/site-functions

## install: build both programs and install them, with man pages and completions, below PREFIX (/usr/local)
install:
	cargo build --release --bins
	install -d $(destination)/bin $(man) $(bash) $(fish) $(zsh)
	set -e; for program in $(programs); do \
		case $$program in hearken) generate=--generate;; *) generate=generate;; esac; \
		made=target/release/$$program; \
		install $$made $(destination)/bin; \
		$$made $$generate man > $(man)/$$program.1; \
		$$made $$generate complete-bash > $(bash)/$$program; \
		$$made $$generate complete-fish > $(fish)/$$program.fish; \
		$$made $$generate complete-zsh > $(zsh)/_$$program; \
	done

## uninstall: remove what install has put below PREFIX
uninstall:
	for program in $(programs); do \
		rm -f $(destination)/bin/$$program $(man)/$$program.1 $(bash)/$$program $(fish)/$$program.fish $(zsh)/_$$program; \
	done

## test: formatting, lints, all tests, the programs in tests/apps, the public interface, and the documentation in three feature sets
test: lint
	@if command -v npm >/dev/null || [ "$$CI" ]; then $(MAKE) --no-print-directory accessibility-tools; fi
	cargo test
	cargo build --features tiny_http --example on_tiny_http
	cargo test --features tiny_http bridge::
	cargo test --features tiny_http --doc
	cargo test --no-default-features --lib
	cd tests/apps && cargo test --workspace --locked
	cd tests/public_interface && cargo test --locked
	# 3: this toolchain's rustdoc writes a format that the check does not read, as it has said. .ci/run does not accept that.
	cd tests/public_interface && { cargo run --quiet --locked -- check || [ "$$?$$CI" = 3 ]; }
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --no-default-features
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --no-default-features --features tls
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features --document-private-items
	@! cargo tree -e normal,build,dev --features tiny_http --prefix none | grep -E '^(tokio|async-std|smol|mio|hyper|futures-executor) ' \
		|| { echo 'an asynchronous runtime is in the dependency tree'; exit 1; }

## lint: formatting and clippy, warnings as errors
lint:
	cargo fmt --check
	cargo clippy --features tiny_http --all-targets -- -D warnings
	cargo clippy --no-default-features --all-targets -- -D warnings
	cargo clippy --no-default-features --features cli --bin hearken -- -D warnings
	cargo clippy --no-default-features --features client --lib --examples -- -D warnings
	cd tests/apps && cargo fmt --check && cargo clippy --workspace --all-targets --locked -- -D warnings
	cd tests/public_interface && cargo fmt --check && cargo clippy --all-targets --locked -- -D warnings

AXE = tests/accessibility/node_modules/axe-core/axe.min.js

## accessibility-tools: install what the tests of the pages check accessibility with
accessibility-tools: $(AXE)

$(AXE): tests/accessibility/package-lock.json
	npm ci --prefix tests/accessibility --no-audit --no-fund
	@touch $@

## screenshots: make docs/screenshot.png, with Chromium
screenshots:
	cargo test --test it -- --ignored screenshot_of_a_listing

## public-interface: list what the library exports in tests/public_interface/interface.txt
public-interface:
	cd tests/public_interface && cargo run --quiet --locked -- write

## check-public-interface: fail with the difference if the library exports other items than that list says
check-public-interface:
	cd tests/public_interface && cargo run --quiet --locked -- check

## certs: make the development certificate in certs/, unless a valid one is there
certs:
	cargo run --release --bin hearken -- --make-certs

## bench: measure beside nginx, static-web-server and axum with wrk, and write the tables of docs/performance.md
bench: bench-writes bench-listing bench-notes bench-routes bench-allocations
	bash benches/run.sh

## bench-writes: measure how many files one writer and 32 store in a second, and write the table in docs/performance.md
bench-writes:
	cargo bench --bench writes | bash benches/publish.sh writes bench-writes

## bench-notes: measure how long it takes to find one of a million notes, and write the table in docs/performance.md
bench-notes:
	cargo bench --bench notes | bash benches/publish.sh notes bench-notes

## bench-allocations: count how often the server allocates memory for a request, and write the table in docs/performance.md
bench-allocations:
	cargo bench --bench allocations | bash benches/publish.sh allocations bench-allocations

## bench-routes: measure how long finding a handler takes among 5, 50 or 500 routes, and write the table in docs/performance.md
bench-routes:
	cargo bench --no-default-features --bench routes | bash benches/publish.sh routes bench-routes

## weight: count the crates that a program builds with the library, time the build, and write the table in docs/performance.md
weight:
	bash benches/weight.sh | bash benches/publish.sh weight weight

## siege: measure fresh requests beside thousands of slow clients of each kind, and write the table in docs/performance.md
siege:
	cargo bench --bench siege | bash benches/publish.sh siege siege

## bench-listing: measure the listing of a directory of 100,000 files, and write the table in docs/performance.md
bench-listing:
	bash benches/listing.sh | bash benches/publish.sh listing bench-listing

## fuzz: give a million random inputs to each parser of what a peer sends, divided at random
fuzz:
	PROPTEST_CASES=1000000 cargo test --release --lib -- http:: --test-threads 2

## large-uploads: upload files of more than 4 GiB, and check that the server takes little memory for them
large-uploads:
	cargo test --test it -- --ignored several_gibibytes --nocapture

## soak: check that no response goes to another client, and that memory, threads and descriptors stay flat under mixed load
soak:
	bash benches/soak.sh

## clean: remove what was built
clean:
	cargo clean

help:
	@sed -n 's/^## /  make /p' Makefile
