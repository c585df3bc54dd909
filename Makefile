# What CI runs, by name. `make check` before each commit.
.PHONY: check test docs demo image conforma

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
	podman build --file Containerfile --build-arg PROMOTE_COMMIT_DATE=$$(git log -1 --format=%ct) --tag localhost/promote .

# Runs the Conforma policies' own tests and samples, given a checkout of them: make conforma POLICY=../policy
conforma:
	@test -d "$(POLICY)/policy/release" || { echo 'usage: make conforma POLICY=<checkout of conforma/policy>'; exit 2; }
	cargo build --release --bin promote
	cd $(POLICY) && grep -rhoE '^test_[A-Za-z0-9_]+' policy checks --include='*.rego' | wc -l | xargs printf '%s tests written\n'
	cd $(POLICY) && $(CURDIR)/target/release/promote policy test example/data/rule_data.yml policy checks
	CONFORMA_POLICY=$(abspath $(POLICY)) cargo test --lib conforma_samples
	CONFORMA_POLICY=$(abspath $(POLICY)) cargo test --test integration ec_golden
