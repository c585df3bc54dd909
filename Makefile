# What CI runs, by name. `make check` before each commit.
.PHONY: check test docs demo image

check:
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace

test:
	cargo test --workspace

# Renews every generated file: docs/cli.md and the tables of the Tasks' READMEs.
docs:
	UPDATE_DOCS=1 cargo test --test integration docs

demo:
	cargo run --release --bin lab -- demo

image:
	podman build --file Containerfile --tag localhost/promote .
