#!/usr/bin/env python3
"""Measures the crate rego beside Open Policy Agent: one image, all deny and warn documents of Conforma's release rules.

    git clone https://github.com/conforma/policy ../policy
    (cd tests/oracle/ask && GOFLAGS=-mod=mod go build -o /tmp/ask .)
    cargo build --release -p rego --example measure
    benches/rego/bench.py --ask /tmp/ask ../policy

Both programs get the same modules, data and input, one after the other, several times; the functions of Conforma's
program are undefined in both. The table has the medians. Needs PyYAML.
"""

import argparse
import json
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAMPLES = {"golden": "policy-input-golden-container", "spdx": "policy-input-spdx-sbom", "cyclonedx": "policy-input-cdx-sbom"}


def documents(modules):
    """The rules with results, as references."""
    found = set()
    for path in modules:
        source = path.read_text()
        package = re.search(r"^package ([\w.]+)", source, re.M).group(1)
        found |= {f"data.{package}.{name}" for name in re.findall(r"^(deny|warn)(?= contains)", source, re.M)}
    return sorted(found)


def ours(measure, sample, query, repeat, files):
    started = time.monotonic()
    done = subprocess.run([measure, sample, query, str(repeat), *map(str, files)], capture_output=True, text=True, check=True)
    figures = dict(re.findall(r"(\w+) ([\d.]+) ms", done.stdout))
    return {name: float(value) for name, value in figures.items()} | {"whole": (time.monotonic() - started) * 1000}


def opas(ask, modules, data, sample, query, repeat):
    asked = {"modules": [path.read_text() for path in modules], "data": data, "input": json.loads(sample.read_text()), "query": query}
    text = json.dumps(asked) + "\n" + json.dumps(asked | {"repeat": repeat}) + "\n"
    started = time.monotonic()
    process = subprocess.Popen([ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    first = (time.monotonic() - started) * 1000
    out, _ = process.communicate(text.splitlines()[1] + "\n")
    return {"whole": first, "each": json.loads(out)["each"] / 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("--ask", required=True, help="the program in tests/oracle/ask, built")
    parser.add_argument("--measure", default=str(ROOT / "target/release/examples/measure"))
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    modules = [path for part in ("lib", "release") for path in sorted((given.checkout / "policy" / part).rglob("*.rego"))]
    modules = [path for path in modules if not path.stem.endswith("_test")]
    data = {"config": {"policy": {"when_ns": 1782864000000000000}, "default_sigstore_opts": {"ignore_rekor": True}}}
    for path in sorted((given.checkout / "example/data").glob("*.y*ml")):
        data |= yaml.safe_load(path.read_text())
    data = json.loads(json.dumps(data, default=str))
    query = "[" + ", ".join(f"[v | v := {rule}]" for rule in documents(modules)) + "]"
    print(f"{len(modules)} modules, {query.count('data.')} documents; medians of {given.rounds} rounds")
    print("| input | parse | compile | first evaluation | further evaluation | OPA: compile and first | OPA: further | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "data.yml"
        file.write_text(json.dumps(data))
        for name, sample in SAMPLES.items():
            sample = given.checkout / f"acceptance/samples/{sample}.json"
            rounds = [(ours(given.measure, sample, query, given.repeat, [file, *modules]), opas(given.ask, modules, data, sample, query, given.repeat))
                      for _ in range(given.rounds)]
            mine = {key: statistics.median(own[key] for own, _ in rounds) for key in rounds[0][0]}
            theirs = {key: statistics.median(other[key] for _, other in rounds) for key in rounds[0][1]}
            cells = [mine["parse"], mine["compile"], mine["first"], mine["each"], theirs["whole"], theirs["each"]]
            print(f"| {name} | " + " | ".join(f"{cell:.1f} ms" for cell in cells) + f" | {mine['each'] / theirs['each']:.2f} |", flush=True)
    print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB (OPA's)")


main()
