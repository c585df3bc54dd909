#!/usr/bin/env python3
"""Measures `promote copy-image` and skopeo side by side and prints a Markdown table.

Two registries of Docker (Debian package docker-registry) are started on loopback with their
data in memory. Images are made of random bytes and pushed over plain HTTP by this script.
Requests and bytes are counted in the registries' access logs, CPU time comes from wait4(2) and
peak memory from GNU time. See README.md for what is needed and what the columns mean.
"""

import argparse
import glob
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time

MIB = 1 << 20
TYPE = "application/vnd.oci.image."
MANIFEST, INDEX = TYPE + "manifest.v1+json", TYPE + "index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
LINE = re.compile(r'"([A-Z]+) (/v2\S*) HTTP/[\d.]+" (\d+) (\d+)')
CACHES = "/var/lib/containers/cache/blob-info-cache-v1*"


class Registry:
    """One docker-registry with its storage and its access log."""

    def __init__(self, binary, root, port):
        self.address, self.data, self.log = f"127.0.0.1:{port}", f"{root}/data{port}", f"{root}/log{port}"
        config = f"{root}/config{port}.yml"
        with open(config, "w") as file:
            file.write(
                "version: 0.1\nlog: {level: error, accesslog: {disabled: false}}\n"
                f"storage: {{filesystem: {{rootdirectory: {self.data}}}, maintenance: {{uploadpurging: {{enabled: false}}}}}}\n"
                f"http: {{addr: '{self.address}'}}\n"
            )
        log = open(self.log, "wb")
        self.process = subprocess.Popen([binary, "serve", config], stdout=log, stderr=log)
        for _ in range(100):
            try:
                self.call("GET", "/v2/")
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{binary} does not answer on {self.address}")

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def blob(self, repository, size, pieces):
        """Uploads a blob of known size from a function that yields its pieces."""
        digest = hashlib.sha256()
        for piece in pieces():
            digest.update(piece)
        digest = "sha256:" + digest.hexdigest()
        _, headers, _ = self.call("POST", f"/v2/{repository}/blobs/uploads/")
        path = headers["location"].split(self.address, 1)[-1] + f"&digest={digest}"
        status, _, text = self.call("PUT", path, pieces(), {"content-length": str(size)})
        assert status == 201, text
        return {"digest": digest, "size": size}

    def bytes(self, repository, content, kind):
        return {"mediaType": kind, **self.blob(repository, len(content), lambda: iter([content]))}

    def manifest(self, repository, reference, document):
        body = json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        path = f"/v2/{repository}/manifests/{reference or digest}"
        status, _, text = self.call("PUT", path, body, {"content-type": document["mediaType"]})
        assert status == 201, text
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(body)}

    def image(self, repository, tag, sizes, seed):
        """Pushes an image of random layers of these sizes."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"seed": seed}}, "rootfs": {"type": "layers", "diff_ids": []}})
        layers = []
        for number, size in enumerate(sizes):
            def pieces(number=number, size=size):
                source = random.Random(f"{seed} {number}")
                for start in range(0, size, 4 * MIB):
                    yield source.randbytes(min(4 * MIB, size - start))
            layers.append({"mediaType": TYPE + "layer.v1.tar+gzip", **self.blob(repository, size, pieces)})
        return self.manifest(repository, tag, {
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": self.bytes(repository, config.encode(), TYPE + "config.v1+json"), "layers": layers,
        })

    def artifact(self, repository, reference, kind, subject=None):
        content = random.Random(kind + str(reference)).randbytes(3000)
        document = {
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
            "config": self.bytes(repository, b"{}", EMPTY), "layers": [self.bytes(repository, content, kind)],
        }
        if subject:
            document["subject"] = subject
        return {**self.manifest(repository, reference, document), "artifactType": kind}

    def digest(self, repository, tag):
        headers = {"accept": f"{MANIFEST}, {INDEX}"}
        status, _, content = self.call("GET", f"/v2/{repository}/manifests/{tag}", headers=headers)
        return status == 200 and "sha256:" + hashlib.sha256(content).hexdigest()

    def forget(self, repository="", tag=""):
        """Takes a tag, a repository or everything away; nothing of it is cached."""
        below = f"{self.data}/docker/registry/v2"
        path = f"{below}/repositories/{repository}/_manifests/tags/{tag}" if tag else f"{below}/repositories/{repository}"
        shutil.rmtree(path if repository else below, ignore_errors=True)

    def position(self):
        return os.path.getsize(self.log)

    def since(self, position):
        """Requests, and bytes of blobs that were read, since a position in the log."""
        with open(self.log, errors="replace") as file:
            file.seek(position)
            found = [LINE.search(line) for line in file]
        found = [match for match in found if match]
        read = sum(int(match[4]) for match in found if match[1] == "GET" and "/blobs/" in match[2])
        return len(found), read


class Bench:
    def __init__(self, options):
        self.options, self.rows = options, []
        self.root = tempfile.mkdtemp(prefix="copy-bench-", dir=options.dir)
        self.near = Registry(options.registry, self.root, options.port)
        self.far = Registry(options.registry, self.root, options.port + 1)

    def stop(self):
        for registry in (self.near, self.far):
            registry.process.terminate()
            registry.process.wait()
        shutil.rmtree(self.root)

    def run(self, command, directory=None):
        """Runs a command in a fresh home: seconds, CPU seconds, peak MB, requests, bytes read."""
        home = directory or tempfile.mkdtemp(dir=self.root)
        for cache in glob.glob(CACHES):
            os.remove(cache)
        env = {"PATH": os.environ["PATH"], "HOME": home, "XDG_RUNTIME_DIR": home, "NO_COLOR": "1"}
        at = [registry.position() for registry in (self.near, self.far)]
        output, memory = open(f"{home}/output", "w+b"), f"{home}/memory"
        began = time.perf_counter()
        timed = ["/usr/bin/time", "-q", "-o", memory, "-f", "%M", *command]
        process = subprocess.Popen(timed, env=env, cwd=home, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{command}\n{output.read().decode(errors='replace')[-2000:]}")
        time.sleep(0.05)
        seen = [registry.since(position) for registry, position in zip((self.near, self.far), at)]
        peak = int(open(memory).read().split()[-1]) / 1024
        return {
            "wall": wall, "cpu": used.ru_utime + used.ru_stime, "rss": peak,
            "requests": sum(one[0] for one in seen), "read": sum(one[1] for one in seen),
        }

    def promote(self, source, destination, *flags):
        return [self.options.promote, "copy-image", "--unverified", "--log-level=warn", *flags, source, destination]

    def skopeo(self, source, destination):
        safe = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests", "--all", "-q"]
        return [self.options.skopeo, "--insecure-policy", "copy", *safe, f"docker://{source}", f"docker://{destination}"]

    def case(self, name, repository, destination, reset, target, *flags, runs=None):
        """Runs ours and skopeo in turns on one case and checks what arrived."""
        registry, to, tag = destination
        source, wanted = f"{self.near.address}/{repository}:v1", self.near.digest(repository, "v1")
        results = {"ours": [], "skopeo": []}
        for _ in range(runs or self.options.runs):
            for tool, taken in results.items():
                reset(tool)
                place = f"{registry.address}/{to}:{tag}"
                command = self.promote(source, place, *flags) if tool == "ours" else self.skopeo(source, place)
                taken.append(self.run(command))
                assert registry.digest(to, tag) == wanted, f"{name}: {tool} copied something else"
        self.add(name, results["ours"], results["skopeo"], target)

    def add(self, name, ours, theirs, target):
        def best(runs):
            middle = lambda key: statistics.median(run[key] for run in runs)
            return {
                "wall": min(run["wall"] for run in runs), "cpu": middle("cpu"), "rss": middle("rss"),
                "requests": max(run["requests"] for run in runs), "read": middle("read"),
            }
        row = (name, best(ours), best(theirs) if theirs else None, target)
        self.rows.append(row)
        print(self.line(row), flush=True)

    HEAD = (
        "| case | requests | target | skopeo | MB read | skopeo | CPU s | skopeo | wall s | skopeo | ratio | peak MB | skopeo |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )

    def line(self, row):
        name, ours, theirs, target = row
        none = {"requests": "", "read": None, "cpu": None, "wall": None, "rss": None}
        theirs = theirs or none
        def number(value, form):
            return "" if value is None else form.format(value)
        ratio = "" if theirs["wall"] is None else f"{theirs['wall'] / ours['wall']:.1f}"
        cells = [name, ours["requests"], target, theirs["requests"]]
        for key, form in (("read", "{:.1f}"), ("cpu", "{:.3f}"), ("wall", "{:.3f}")):
            scale = MIB if key == "read" else 1
            cells += [form.format(ours[key] / scale), number(theirs[key] and theirs[key] / scale, form)]
        cells += [ratio, f"{ours['rss']:.1f}", number(theirs["rss"], "{:.1f}")]
        return "| " + " | ".join(str(cell) for cell in cells) + " |"

    def layers(self, count):
        name, alone = f"bench/{count}", "--attached=none"
        self.near.image(name, "v1", [MIB // 4] * count, f"layers {count}")
        here, there = (self.near, f"mount/{count}", "v1"), (self.far, name, "v1")
        limits = {12: ("<= 16", "<= 43"), 40: ("<= 44", "<= 127")}[count]
        title = f"{count} layers"
        self.case(f"retag, {title}", name, (self.near, name, "prod"), lambda _: self.near.forget(name, "prod"), "<= 3", alone)
        self.case(f"mount, {title}", name, here, lambda _: self.near.forget(f"mount/{count}"), limits[0], alone)
        self.case(f"cross, {title}", name, there, lambda _: self.far.forget(), limits[1], alone)
        self.case(f"repeat, {title}", name, there, lambda _: None, "2", alone)
        self.case(f"nothing attached, {title}", name, here, lambda _: self.near.forget(f"mount/{count}"), f"<= {int(limits[0][3:]) + 5}")

    def signed(self):
        name = "bench/signed"
        image = self.near.image(name, "v1", [3 * MIB, 3 * MIB // 2, MIB // 2], "signed")
        tag = image["digest"].replace(":", "-")
        for kind in ("sig", "att", "sbom"):
            self.near.artifact(name, f"{tag}.{kind}", f"application/vnd.dev.cosign.{kind}.v1+json")
        kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
        bundles = []
        for seed in ("one", "two"):
            content = self.near.bytes(name, random.Random(seed).randbytes(3000), kind)
            bundles.append({**self.near.manifest(name, None, {
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "subject": image,
                "config": self.near.bytes(name, b"{}", EMPTY), "layers": [content],
            }), "artifactType": kind})
        self.near.manifest(name, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": bundles})
        # skopeo copies none of the five: its numbers stand for the image alone.
        self.case("signed, mount", name, (self.near, "mount/signed", "v1"), lambda _: self.near.forget("mount/signed"), "<= 37")
        self.case("signed, cross", name, (self.far, name, "v1"), lambda _: self.far.forget(), "<= 59")

    def large(self, gib):
        name, size = f"bench/large{gib}", gib << 30
        self.near.image(name, "v1", [size], f"large {gib}")
        if gib == 1:
            self.case("1 GiB, same registry (<= 0.05 s)", name, (self.near, "mount/large", "v1"), lambda _: self.near.forget("mount/large"), "", "--attached=none")
            self.raw(name)
        self.case(f"{gib} GiB, cross", name, (self.far, name, "v1"), lambda _: self.far.forget(), "", "--attached=none", runs=2 if gib > 1 else None)
        self.near.forget(name)
        self.far.forget()

    def raw(self, name):
        """The limit: the layer's file by one PUT of curl's."""
        _, _, manifest = self.near.call("GET", f"/v2/{name}/manifests/v1", headers={"accept": MANIFEST})
        digest = json.loads(manifest)["layers"][0]["digest"]
        file = f"{self.near.data}/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"
        taken = []
        for _ in range(self.options.runs):
            self.far.forget()
            _, headers, _ = self.far.call("POST", "/v2/raw/blobs/uploads/")
            url = headers["location"] + f"&digest={digest}"
            taken.append(self.run(["curl", "-sf", "-o", "/dev/null", "-H", "Expect:", "-H", "content-type: application/octet-stream", "-T", file, url]))
        self.add("1 GiB, raw PUT by curl (reads a file)", taken, None, "")

    def memory(self):
        name = "bench/six"
        self.near.image(name, "v1", [64 * MIB] * 6, "six")
        taken = [self.run([self.options.promote, "--help"]) for _ in range(5)]
        self.add("--help", taken, None, "0")
        self.case("6 blobs of 64 MiB in flight", name, (self.far, name, "v1"), lambda _: self.far.forget(), "", "--attached=none", "--jobs=6")
        self.near.forget(name)
        self.far.forget()

    def components(self, count=200):
        images, commands = [], []
        for number in range(count):
            name = f"team/app{number}"
            digest = self.near.image(name, "v1", [2000] * 5, name)["digest"]
            images.append({"name": f"app{number}", "containerImage": f"{self.near.address}/{name}@{digest}", "success": True, "violations": 0, "warnings": 0, "exceptions": []})
            place = f"{self.near.address}/{name}"
            commands.append(" ".join(self.skopeo(f"{place}:v1", f"{place}:prod")))
        zero = "sha256:" + "0" * 64
        verdict = {
            "version": 1, "imagesDigest": zero, "gitTag": "v1", "commit": "0" * 40, "destinationTag": "prod", "verifiedAt": "2025-11-24T16:00:00Z",
            "effectiveTime": "2025-11-24T16:00:00Z", "policy": {"sources": [], "digest": zero}, "reportDigest": zero, "skippedChecks": [], "components": images,
        }
        home = tempfile.mkdtemp(dir=self.root)
        with open(f"{home}/verified.json", "w") as file:
            json.dump(verdict, file)
        ours = self.run([self.options.promote, "copy-image", "--tag=prod", "--log-level=warn"], home)
        for number in range(count):
            assert self.near.digest(f"team/app{number}", "prod")
            self.near.forget(f"team/app{number}", "prod")
        theirs = self.run(["sh", "-ec", "\n".join(commands)])
        self.add(f"{count} components of 5 layers, re-tagged", [ours], [theirs], f"{3 * count}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--promote", default="target/dist/promote")
    arguments.add_argument("--skopeo", default="skopeo")
    arguments.add_argument("--registry", default="docker-registry")
    arguments.add_argument("--dir", default="/dev/shm", help="where the registries keep their data (default /dev/shm)")
    arguments.add_argument("--port", type=int, default=5781, help="the first of two ports")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--cases", default="layers,signed,memory,components,large", help="also: huge (a layer of 3 GiB)")
    options = arguments.parse_args()
    options.promote = os.path.abspath(options.promote)
    for tool in (options.promote, options.skopeo, options.registry, "curl", "/usr/bin/time"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: see README.md")
    bench = Bench(options)
    try:
        print(Bench.HEAD)
        for case in options.cases.split(","):
            if case == "layers":
                bench.layers(12)
                bench.layers(40)
            elif case == "large":
                bench.large(1)
            elif case == "huge":
                bench.large(3)
            else:
                {"signed": bench.signed, "memory": bench.memory, "components": bench.components}[case]()
        load = os.getloadavg()
        print(f"\nload average {load[0]:.1f} on {os.cpu_count()} CPUs; {options.runs} runs; wall: best, CPU and memory: median")
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
