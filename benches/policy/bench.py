#!/usr/bin/env python3
"""Measures `promote verify-ec` over Conforma policies, beside the real `ec` where it is there.

Starts `lab registry` on loopback, pushes images with three attestations each (provenance, an SBOM of
200 kB, a scan), signed by one key, and runs the programs over 1, 10, 50 and 200 of them. CPU time and
peak memory come from wait4(2). See README.md.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
# The goals in CPU seconds and MB, by selection and number of images.
GOALS = {("@slsa3", 1): (0.5, 48), ("@slsa3", 10): (1.2, 64), ("@slsa3", 50): (4, 96), ("*", 10): (3, None), ("@slsa3", 200): (15, 128)}


class Registry:
    """The lab's registry with what the images need."""

    def __init__(self, lab, folder):
        self.folder = folder
        self.process = subprocess.Popen([lab, "registry", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        key = folder / "key.pem"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
        subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", folder / "cosign.pub"], check=True, stderr=subprocess.DEVNULL)

    def put(self, path, content, kind):
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", content, {"Content-Type": kind}, method="PUT")
        urllib.request.urlopen(request).close()

    def blob(self, repository, content, kind, annotations=None):
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        start = urllib.request.Request(f"http://{self.address}/v2/{repository}/blobs/uploads/", b"", method="POST")
        with urllib.request.urlopen(start) as answer:
            location = answer.headers["Location"]
        location = location if location.startswith("http") else f"http://{self.address}{location}"
        joint = "&" if "?" in location else "?"
        upload = urllib.request.Request(f"{location}{joint}digest={digest}", content, {"Content-Type": "application/octet-stream"}, method="PUT")
        urllib.request.urlopen(upload).close()
        found = {"mediaType": kind, "digest": digest, "size": len(content)}
        return {**found, "annotations": annotations} if annotations else found

    def manifest(self, repository, reference, layers):
        config = self.blob(repository, b'{"config": {"Labels": {"name": "bench"}}}', "application/vnd.oci.image.config.v1+json")
        document = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
        digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
        self.put(f"{repository}/manifests/{reference or digest}", document, MANIFEST)
        return digest

    def sign(self, message):
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.folder / "key.pem"], input=message, capture_output=True, check=True)
        return base64.b64encode(signed.stdout).decode()

    def image(self, number):
        """One image with its signature and attestations."""
        repository = f"bench/app{number}"
        layer = self.blob(repository, f"layer {number}".encode(), "application/vnd.oci.image.layer.v1.tar")
        digest = self.manifest(repository, None, [layer])
        tag = digest.replace(":", "-")
        claims = {"critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": digest}, "type": "cosign container image signature"}, "optional": None}
        claims = json.dumps(claims).encode()
        signature = self.blob(repository, claims, "application/vnd.dev.cosign.simplesigning.v1+json", {SIGNATURE: self.sign(claims)})
        self.manifest(repository, f"{tag}.sig", [signature])
        layers = [self.envelope(repository, statement) for statement in statements(self.address, repository, digest)]
        self.manifest(repository, f"{tag}.att", layers)
        return f"{self.address}/{repository}@{digest}"

    def envelope(self, repository, statement):
        payload = json.dumps(statement).encode()
        message = f"DSSEv1 {len(IN_TOTO)} {IN_TOTO} {len(payload)} ".encode() + payload
        envelope = {"payloadType": IN_TOTO, "payload": base64.b64encode(payload).decode(), "signatures": [{"keyid": "", "sig": self.sign(message)}]}
        kind = {SIGNATURE: "", "predicateType": statement["predicateType"]}
        return self.blob(repository, json.dumps(envelope).encode(), "application/vnd.dsse.envelope.v1+json", kind)


def statements(registry, repository, digest):
    """Provenance of a Tekton pipeline, an SPDX document of 200 kB, a scan.

    The Tekton bundle would be at the same registry, which says at once that it has none: a host that
    does not exist costs every program its retries.
    """
    subject = [{"name": repository, "digest": {"sha256": digest.split(":")[1]}}]

    def statement(kind, predicate):
        return {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind, "subject": subject, "predicate": predicate}

    commit = hashlib.sha1(repository.encode()).hexdigest()
    source = "https://git.example.com/bench/app.git"
    bundle = f"{registry}/tasks/build:0.1@sha256:{'a' * 64}"
    tasks = [
        {
            "name": name, "ref": {"name": name, "kind": "Task", "bundle": bundle}, "status": "Succeeded",
            "startedOn": "2026-01-02T03:00:00Z", "finishedOn": "2026-01-02T03:04:00Z",
            "invocation": {"parameters": {"url": source}, "environment": {"labels": {}}},
            "results": [{"name": "IMAGE_DIGEST", "type": "string", "value": digest}, {"name": "IMAGE_URL", "type": "string", "value": repository},
                        {"name": "commit", "type": "string", "value": commit}, {"name": "url", "type": "string", "value": source}],
        }
        for name in ("git-clone", "buildah", "unit-tests", "clair-scan")
    ]
    provenance = {
        "builder": {"id": "https://tekton.dev/chains/v2"}, "buildType": "tekton.dev/v1/PipelineRun",
        "invocation": {"configSource": {}, "parameters": {}}, "buildConfig": {"tasks": tasks},
        "metadata": {"buildStartedOn": "2026-01-02T03:00:00Z", "buildFinishedOn": "2026-01-02T03:04:00Z"},
        "materials": [{"uri": f"git+{source}", "digest": {"sha1": commit}}],
    }
    packages = [
        {"SPDXID": f"SPDXRef-{n}", "name": f"package{n}", "versionInfo": f"1.{n}", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
         "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": f"pkg:rpm/redhat/package{n}@1.{n}?arch=x86_64"}]}
        for n in range(720)
    ]
    sbom = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": repository,
            "documentNamespace": f"https://example.com/{repository}", "creationInfo": {"created": "2026-01-02T03:04:00Z", "creators": ["Tool: bench"]}, "packages": packages}
    scan = {"scanner": {"uri": "https://example.com", "result": {"vulnerabilities": []}}, "metadata": {"scanFinishedOn": "2026-01-02T03:02:00Z"}}
    return [statement("https://slsa.dev/provenance/v0.2", provenance), statement("https://spdx.dev/Document", sbom),
            statement("https://cosign.sigstore.dev/attestation/vuln/v1", scan)]


def measured(command, folder, environment):
    """CPU seconds, wall seconds and peak MB of a run, and its JSON report."""
    out = folder / "report.json"
    out.unlink(missing_ok=True)
    start = time.monotonic()
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([*command, "--output", f"json={out}"], cwd=folder, env=environment, stdout=log, stderr=log)
        _, _, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if not out.exists():
        raise SystemExit(f"{command[0]} wrote no report: {(folder / 'log').read_text()[-2000:]}")
    found = {(part["containerImage"], result["metadata"].get("code"), result["msg"])
             for part in json.loads(out.read_text())["components"] for result in part.get("violations") or []}
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policies", type=pathlib.Path, help="a checkout of github.com/conforma/policy")
    parser.add_argument("--promote", type=pathlib.Path, default=ROOT / "target/dist/promote")
    parser.add_argument("--lab", default=str(ROOT / "target/release/lab"))
    parser.add_argument("--before", type=pathlib.Path, help="an older promote, measured too")
    parser.add_argument("--ec", help="the real ec, measured too, with its EC_USE_OPA=1 too")
    parser.add_argument("--counts", default="1,10,50,200")
    parser.add_argument("--select", default="@slsa3,*")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        registry = Registry(given.lab, folder)
        try:
            images = [registry.image(number) for number in range(max(counts))]
            print("| rules | images | program | CPU s | wall s | peak MB | goal | violations |\n|---|---|---|---|---|---|---|---|")
            for select in given.select.split(","):
                for count in counts:
                    row(given, registry, folder, select, images[:count])
        finally:
            registry.process.terminate()


def row(given, registry, folder, select, images):
    components = [{"name": f"app{number}", "containerImage": image} for number, image in enumerate(images)]
    (folder / "images.json").write_text(json.dumps({"application": "bench", "components": components}))
    # Policies have to be below the configuration.
    for part in ("policy/lib", "policy/release", "example/data"):
        if not (folder / part).exists():
            shutil.copytree(given.policies / part, folder / part)
    sources = {"policy": ["./policy/lib", "./policy/release"], "data": ["./example/data"], "config": {"include": [select]}}
    config = {"sources": [sources]}
    (folder / "policy.yaml").write_text(json.dumps(config))
    flags = ["--images", "images.json", "--policy", "policy.yaml", "--public-key", "cosign.pub", "--ignore-rekor", "--strict=false"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    programs = [("promote", [given.promote.resolve(), "verify-ec", *flags], environment)]
    if given.before:
        programs.append(("before", [given.before.resolve(), "verify-ec", *flags], environment))
    if given.ec:
        command = [given.ec, "validate", "image", "--timeout", "0", *flags]
        programs.append(("ec", command, environment))
        programs.append(("ec, EC_USE_OPA=1", command, {**environment, "EC_USE_OPA": "1"}))
    goal = GOALS.get((select, len(images)))
    shown = "" if goal is None else f"{goal[0]} s" + (f", {goal[1]} MB" if goal[1] else "")
    for name, command, environment in programs:
        runs = [measured(command, folder, environment) for _ in range(given.runs)]
        cpu, wall, memory = (statistics.median(run[at] for run in runs) for at in range(3))
        goal = shown if name == "promote" else ""
        print(f"| `{select}` | {len(images)} | {name} | {cpu:.2f} | {wall:.2f} | {memory:.0f} | {goal} | {len(runs[0][3])} |", flush=True)


if __name__ == "__main__":
    main()
