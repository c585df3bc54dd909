#!/usr/bin/env python3
"""Peak resident memory of inputs that are too large, under several budgets: never above the budget and 64 MiB.

    cargo build --release --bin promote
    benches/bounds/bench.py [--program target/release/promote] [--only NAME]

A small registry that lies, on loopback, and Git repositories by their path serve the inputs. Needs git, openssl and Python 3.
"""
import argparse, base64, hashlib, json, os, re, subprocess, sys, tempfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MIB = 1 << 20
INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
ENVELOPE, CONFIG = "application/vnd.dsse.envelope.v1+json", "application/vnd.oci.image.config.v1+json"
POLICY = """package main

import rego.v1

# METADATA
# title: A component is attested
# custom:
#   short_name: attested
deny contains result if {
	count(input.attestations) == 0
	result := {"code": "main.attested", "msg": "no attestation"}
}
"""


def digest(data): return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """Serves documents by their path; a list of referrers may have many pages."""

    def __init__(self):
        self.documents, self.pages, self.subject = {}, None, ""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def do_GET(self):
                path = self.path.split("?")[0]
                headers, body = {}, None
                if "/referrers/" in path and registry.pages and path.endswith(registry.subject):
                    at = int((re.search(r"page=(\d+)", self.path) or [0, "0"])[1])
                    kind, body = INDEX, registry.pages[1]
                    if at + 1 < registry.pages[0]: headers["Link"] = f'<{path}?page={at + 1}>; rel="next"'
                elif path in registry.documents:
                    kind, body = registry.documents[path]
                elif "/referrers/" in path and registry.pages:
                    kind, body = INDEX, b'{"schemaVersion": 2, "manifests": []}'
                self.send_response(200 if body is not None else 404)
                for name, value in headers.items(): self.send_header(name, value)
                self.send_header("Content-Type", kind if body is not None else "text/plain")
                if body is not None: self.send_header("Docker-Content-Digest", digest(body))
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command == "GET":
                    try: self.wfile.write(body or b"")
                    except OSError: pass
            do_HEAD = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = "127.0.0.1:%d" % self.server.server_address[1]

    def blob(self, name, data, kind, **more):
        self.documents[f"/v2/{name}/blobs/{digest(data)}"] = ("application/octet-stream", data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}

    def manifest(self, name, layers, tag=None, config=b"{}", **more):
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(name, config, CONFIG), "layers": layers, **more}
        data = json.dumps(document).encode()
        for reference in filter(None, (digest(data), tag)):
            self.documents[f"/v2/{name}/manifests/{reference}"] = (MANIFEST, data)
        return digest(data), len(data)

    def image(self, name, tag):
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        return self.manifest(name, [self.blob(name, tag.encode(), "application/vnd.oci.image.layer.v1.tar")], tag, config)


class Key:
    def __init__(self, folder):
        self.private, self.public = folder + "/k.pem", folder + "/k.pub"
        run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True)
        run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.private)
        run("ec", "-in", self.private, "-pubout", "-out", self.public)

    def envelope(self, statement):
        kind = b"application/vnd.in-toto+json"
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(statement), statement)
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.private], input=signed, check=True, capture_output=True)
        encode = lambda data: base64.b64encode(data).decode()
        return json.dumps({"payloadType": kind.decode(), "payload": encode(statement), "signatures": [{"keyid": "", "sig": encode(made.stdout)}]}).encode()


def statement(image, predicate, kind="https://example.com/any"):
    head = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind,
            "subject": [{"name": "x", "digest": {"sha256": image.split(":")[1]}}]}
    return json.dumps(head)[:-1].encode() + b',"predicate":' + predicate + b"}"


def attest(registry, name, image, *envelopes):
    layers = [registry.blob(name, one, ENVELOPE, annotations={"dev.cosignproject.cosign/signature": ""}) for one in envelopes]
    registry.manifest(name, layers, image.replace(":", "-") + ".att")


def git(*arguments, cwd, data=None):
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
                   "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, input=data, env=environment).stdout.decode().strip()


def repository(folder, name):
    path = f"{folder}/{name}.git"
    git("init", "-q", "--bare", "-b", "main", path, cwd=folder)
    return path


def tree(path, entries):
    return git("mktree", cwd=path, data="".join(f"{mode} {kind} {oid}\t{name}\n" for mode, kind, oid, name in entries).encode())


def commit(path, root):
    git("update-ref", "refs/heads/main", git("commit-tree", root, "-m", "x", cwd=path), cwd=path)


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder, self.key, self.rows, self.wrong = program, folder, Key(folder), [], 0
        os.makedirs(folder + "/policy")
        with open(folder + "/policy/main.rego", "w") as file: file.write(POLICY)

    def peak(self, memory, arguments):
        script = "import resource,subprocess,sys;p=subprocess.run(sys.argv[1:]);print('PEAK',resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);sys.exit(p.returncode%256)"
        began = time.time()
        done = subprocess.run([sys.executable, "-c", script, self.program, f"--memory={memory}MiB", *arguments], capture_output=True, cwd=self.folder,
                              env={"PATH": os.environ["PATH"], "HOME": self.folder}, timeout=900)
        peak = int(re.findall(rb"PEAK (\d+)", done.stdout)[-1]) // 1024
        return done.returncode, time.time() - began, peak, done.stderr.decode("utf-8", "replace")

    def case(self, name, arguments, budgets=(192, 448), expected=(0, 2)):
        for memory in budgets:
            code, seconds, peak, error = self.peak(memory, arguments)
            good = peak <= memory + 64 and code in expected
            self.wrong += not good
            last = [line for line in error.splitlines() if line.startswith("error:")]
            print(f"| {name} | {memory} | {code} | {peak} | {seconds:.1f} | {'' if good else 'WRONG '}{last[-1][7:97] if last else ''} |", flush=True)

    def verify(self, images, policy=None):
        return ["verify-ec", f"--policy={policy or self.folder + '/policy'}", f"--public-key={self.key.public}", "--ignore-rekor", "--skip-image-sig-check", *images]


def cases(bench):
    folder, key = bench.folder, bench.key

    def pages(count):
        registry = Registry(); image, _ = registry.image("a", "v1")
        attest(registry, "a", image, key.envelope(statement(image, b"{}")))
        filler = {"mediaType": MANIFEST, "digest": "sha256:" + "0" * 64, "size": 10, "annotations": {"x": "a" * (4 * MIB - 600)}}
        registry.pages = (count, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [filler]}).encode())
        return bench.verify([f"--image={registry.host}/a@{image}"])

    def nodes():
        registry = Registry(); image, _ = registry.image("a", "v1")
        small = b'{"m":[' + b",".join([b"[]"] * (23 * MIB // 3)) + b"]}"
        attest(registry, "a", image, key.envelope(statement(image, small)))
        return bench.verify([f"--image={registry.host}/a@{image}"])

    def candidates():
        registry = Registry(); components = []
        one = key.envelope(statement("sha256:" + "0" * 64, json.dumps({"x": "a" * 500_000}).encode()))
        for number in range(5):
            name = f"c{number}"; image, _ = registry.image(name, "v1")
            attest(registry, name, image, *[one + b" " * at for at in range(249)], key.envelope(statement(image, b"{}")))
            components.append({"name": name, "containerImage": f"{registry.host}/{name}@{image}"})
        path = folder + "/many.json"
        with open(path, "w") as file: json.dump({"application": "a", "components": components}, file)
        return bench.verify([f"--images={path}"])

    def bundle():
        registry = Registry(); image, _ = registry.image("a", "v1")
        layers = [registry.blob("p", b'{"k%d":"' % at + b"a" * (100 * MIB) + b'"}', "x", annotations={"org.opencontainers.image.title": f"d{at}.json"}) for at in range(3)]
        registry.manifest("p", layers, "latest")
        return bench.verify([f"--image={registry.host}/a@{image}"], f"oci::{registry.host}/p:latest")

    def bomb():
        path = repository(folder, "bomb"); blob = git("hash-object", "-w", "--stdin", cwd=path, data=b"a: 1\n")
        at = tree(path, [("100644", "blob", blob, f"f{n}.yaml") for n in range(10)])
        for _ in range(9): at = tree(path, [("040000", "tree", at, f"d{n}") for n in range(10)])
        commit(path, at)
        return ["update-deployment", f"--gitops-repo-url={path}", "--image=web=r.example/p/web:n@sha256:" + "a" * 64, "--unverified", "--auto"]

    def overlay():
        path = repository(folder, "huge"); zeros = folder + "/zeros"
        with open(zeros, "wb") as file: file.truncate(1500 * MIB)
        blob = git("hash-object", "-w", zeros, cwd=path); os.remove(zeros)
        at = tree(path, [("100644", "blob", blob, "deployment-patch.yaml")])
        for name in ("prod", "overlays"): at = tree(path, [("040000", "tree", at, name)])
        commit(path, at)
        return ["update-deployment", f"--gitops-repo-url={path}", "--image=web=r.example/p/web:n@sha256:" + "a" * 64, "--unverified"]

    def sbom(count=110_000):
        packages = [{"name": f"p{n}", "SPDXID": f"SPDXRef-{n}", "versionInfo": "1.0", "licenseConcluded": "MIT", "copyrightText": "c" * 330} for n in range(count)]
        return json.dumps({"spdxVersion": "SPDX-2.3", "packages": packages}).encode()

    def attested_sbom(count=110_000):
        registry = Registry(); image, _ = registry.image("a", "v1")
        attest(registry, "a", image, key.envelope(statement(image, sbom(count), "https://spdx.dev/Document")))
        return bench.verify([f"--image={registry.host}/a@{image}"])

    def attached_sbom(count=110_000):
        """A rule fetches the blob by its digest, as Conforma's rules do, and reads it."""
        registry = Registry(); image, _ = registry.image("a", "v1")
        blob = registry.blob("a", sbom(count), "text/spdx+json")
        registry.manifest("a", [blob], image.replace(":", "-") + ".sbom")
        attest(registry, "a", image, key.envelope(statement(image, b"{}")))
        rules = POLICY.replace("count(input.attestations) == 0", f'count(json.unmarshal(ec.oci.blob("{registry.host}/a@{blob["digest"]}")).packages) != {count}')
        policy = tempfile.mkdtemp(dir=folder)
        with open(policy + "/main.rego", "w") as file: file.write(rules)
        return bench.verify([f"--image={registry.host}/a@{image}"], policy)

    def referrers(count):
        registry = Registry(); image, size = registry.image("a", "v1")
        attest(registry, "a", image, key.envelope(statement(image, b"{}")))
        kind, subject = "application/vnd.example.scan+json", {"mediaType": MANIFEST, "digest": image, "size": size}
        entries = []
        for number in range(count):
            layer = registry.blob("a", b"%d" % number, kind)
            digest_, size_ = registry.manifest("a", [layer], artifactType=kind, subject=subject)
            entries.append({"mediaType": MANIFEST, "digest": digest_, "size": size_, "artifactType": kind})
        bench.last, registry.subject = registry, image
        registry.pages = (1, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode())
        return bench.verify([f"--image={registry.host}/a@{image}"])

    def nested_referrers():
        """A registry that gives the same list for every manifest."""
        arguments = referrers(300)
        bench.last.subject = ""
        return arguments

    def components(count):
        registry = Registry(); listed = []
        for number in range(count):
            name = f"team/c{number}"; image, _ = registry.image(name, f"v{number}")
            attest(registry, name, image, key.envelope(statement(image, sbom(200), "https://spdx.dev/Document")))
            listed.append({"name": f"c{number}", "containerImage": f"{registry.host}/{name}@{image}"})
        path = folder + "/components.json"
        with open(path, "w") as file: json.dump({"application": "a", "components": listed}, file)
        return bench.verify([f"--images={path}"])

    def snapshot(count):
        registry = Registry(); listed = []
        for number in range(count):
            image, _ = registry.image(f"team/s{number}", f"v{number}")
            listed.append({"name": f"s{number}", "containerImage": f"{registry.host}/team/s{number}@{image}"})
        path = folder + "/snapshot.json"
        with open(path, "w") as file: json.dump({"application": "a", "components": listed}, file)
        return ["gather-images", f"--snapshot={path}"]

    def files(count):
        """A fresh repository for each run: the first one edits it."""
        path = repository(folder, f"files{count}"); filler = git("hash-object", "-w", "--stdin", cwd=path, data=b"a: 1\n")
        dirs = [("040000", "tree", tree(path, [("100644", "blob", filler, f"f{n}.yaml") for n in range(100)]), f"d{at}") for at in range(count // 100)]
        edited = git("hash-object", "-w", "--stdin", cwd=path, data=b"spec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: r.example/p/web:old\n")
        at = tree(path, [("100644", "blob", edited, "deployment-patch.yaml")])
        for name in ("prod", "overlays"): at = tree(path, [("040000", "tree", at, name)])
        commit(path, tree(path, dirs + [tuple(git("ls-tree", at, cwd=path).split(None, 3))]))
        return ["update-deployment", f"--gitops-repo-url={path}", "--image=web=r.example/p/web:new@sha256:" + "a" * 64, "--unverified"]

    yield "120 pages of 4 MB", lambda: pages(120), {}
    yield "attestation of 23 MB of tiny nodes", nodes, {}
    yield "250 candidates x 5 components", candidates, {}
    # A fixed limit of one image, 10,000 artifacts, is a refusal and not a matter of memory.
    yield "each referrer has the same 300 referrers", nested_referrers, {"expected": (2, 4)}
    yield "policy bundle of 3 x 100 MB", bundle, {"expected": (2,)}
    yield "tree bomb of 10^10 files", bomb, {"expected": (2,)}
    yield "overlay of 1.5 GB", overlay, {"expected": (2,)}
    honest = {"budgets": (1024,), "expected": (0,)}
    yield "honest: SBOM of 50 MB as attestation", attested_sbom, honest
    yield "honest: SBOM of 50 MB as attached blob", attached_sbom, honest
    yield "honest: 5,000 referrers", lambda: referrers(5000), honest
    yield "honest: 200 components", lambda: components(200), honest
    yield "honest: repository of 10,000 files", lambda: files(10_000), honest
    # What fits the limits of the Tasks: 512 MiB for verify-ec, 256 MiB for the others.
    step, small = {"budgets": (448,), "expected": (0,)}, {"budgets": (192,), "expected": (0,)}
    yield "Task: SBOM of 10 MB as attestation", lambda: attested_sbom(22_000), step
    yield "Task: SBOM of 10 MB as attached blob", lambda: attached_sbom(22_000), step
    yield "Task: 50 components", lambda: components(50), step
    yield "Task: 1,000 referrers", lambda: referrers(1000), step
    yield "Task: Snapshot of 200 components", lambda: snapshot(200), small
    yield "Task: repository of 2,000 files", lambda: files(2000), small


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="target/release/promote")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(given.program), folder)
        print("| input | budget MiB | code | peak MiB | s | error |\n|---|---|---|---|---|---|")
        for name, make, more in cases(bench):
            if given.only in name: bench.case(name, make(), **more)
    sys.exit(1 if bench.wrong else 0)


main()
