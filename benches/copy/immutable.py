#!/usr/bin/env python3
"""Two overlapping `copy-image --immutable` of different images to one tag, many times.

    cargo build && python3 benches/copy/immutable.py [PAIRS] [MAX_DELAY_SECONDS]

A proxy holds each write of a tag back for a random time up to the delay. Prints how many pairs
ended with no, one and two successes. Below one second (docs/threat-model.md) there are no two.
"""
import collections, concurrent.futures, hashlib, http.client, http.server, json, os, random, subprocess, sys, tempfile, threading, time

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
DELAY = float(sys.argv[2]) if len(sys.argv) > 2 else 0.7
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BIN = os.environ.get("PROMOTE_BIN", os.path.join(ROOT, "target", "debug", "promote"))
store, tags, lock = {}, {}, threading.Lock()


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of a registry as a re-tag needs, with slow writes of tags."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", digest=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if digest:
            self.send_header("Docker-Content-Digest", digest)
            self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        with lock:
            digest = tags.get(name, name)
            body = store.get(digest)
        if body is None or "/manifests/" not in self.path:
            return self.answer(404)
        self.answer(200, body, digest)

    do_HEAD = do_GET

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(random.uniform(0, DELAY))
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        with lock:
            store[digest] = body
            tags[self.path.rsplit("/", 1)[1]] = digest
        self.answer(201, digest=digest)

    def log_message(self, *_):
        pass


def image(text):
    empty = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest(), "size": 2}
    body = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": empty, "layers": [], "annotations": {"name": text}}).encode()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    store[digest] = body
    return digest


def pair(number, host, images, home):
    def copy(digest):
        with tempfile.TemporaryDirectory(dir=home) as work:
            command = [BIN, "copy-image", f"{host}/app@{digest}", f"{host}/app:v{number}", "--unverified", "--immutable", "--data-dir=" + work]
            return subprocess.run(command, env={"HOME": home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    with concurrent.futures.ThreadPoolExecutor(2) as both:
        return sorted(both.map(copy, images))


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    images = [image("a"), image("b")]
    with tempfile.TemporaryDirectory() as home, concurrent.futures.ThreadPoolExecutor(12) as pool:
        host = f"127.0.0.1:{server.server_port}"
        codes = collections.Counter(map(tuple, pool.map(lambda n: pair(n, host, images, home), range(PAIRS))))
    won = collections.Counter()
    for code, count in codes.items():
        won[sum(c == 0 for c in code)] += count
    print(f"{PAIRS} pairs, writes delayed by up to {DELAY} s: exit codes {dict(codes)}; successes {dict(won)}")
    return 1 if won[2] and DELAY < 1 else 0


if __name__ == "__main__":
    sys.exit(main())
