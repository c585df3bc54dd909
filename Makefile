# What CI runs, by name. `make check` before each commit.
.PHONY: check test docs demo image image-check image-arm64 conforma

check:
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	cargo test --workspace

test:
	cargo test --workspace

# Renews every generated file: docs/cli.md and the tables of the Tasks' READMEs.
docs:
	UPDATE_DOCS=1 cargo test --test integration docs

demo:
	cargo run --release --bin lab -- demo

# The time of the last commit in place of the clock, so that every build of it has one digest.
EPOCH ?= $(shell git log -1 --format=%ct)
image:
	podman build --file Containerfile --timestamp $$(git log -1 --format=%ct) \
	  --build-arg PROMOTE_COMMIT_DATE=$$(git log -1 --format=%ct) --tag localhost/promote .

# Builds the image around a static program and runs it as a cluster does: needs podman, buildah, runc and root.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
image-check:
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target $(HOST) --bin promote --bin lab
	.ci/image target/$(HOST)/release/promote target/$(HOST)/release/lab

# For arm64: needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and `rustup target add aarch64-unknown-linux-gnu`.
ARM := aarch64-unknown-linux-gnu
image-arm64:
	RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc PROMOTE_COMMIT_DATE=$(EPOCH) \
	  cargo build --profile dist --locked --bin promote --target $(ARM)
	.ci/rootfs target/$(ARM)/dist/promote target/image-arm64
	buildah build --platform linux/arm64 --file Containerfile.static --timestamp $(EPOCH) --tag localhost/promote:arm64 target/image-arm64

# Runs the Conforma policies' own tests and samples, given a checkout of them: make conforma POLICY=../policy
conforma:
	@test -d "$(POLICY)/policy/release" || { echo 'usage: make conforma POLICY=<checkout of conforma/policy>'; exit 2; }
	cargo build --release --bin promote
	cd $(POLICY) && grep -rhoE '^test_[A-Za-z0-9_]+' policy checks --include='*.rego' | wc -l | xargs printf '%s tests written\n'
	cd $(POLICY) && $(CURDIR)/target/release/promote policy test example/data/rule_data.yml policy checks
	CONFORMA_POLICY=$(abspath $(POLICY)) cargo test --lib conforma_samples
	CONFORMA_POLICY=$(abspath $(POLICY)) cargo test --test integration ec_golden
