#!/usr/bin/env python3
"""Counts requests and bytes of an update of a GitOps repository, beside git's own.

Usage: traffic.py PROMOTE

A repository of 400 files and 60 commits is served by `git http-backend` behind a server that counts.
`git clone --depth 1`, a commit and a push are the measure; `promote update-deployment` does the same edit.
The look at the branch after the push (was it really moved?) is told apart from the rest.
"""

import http.server
import os
import socketserver
import subprocess
import sys
import tempfile
import threading
import zlib

FILE = "overlays/prod/deployment-patch.yaml"
PATCH = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: web, image: 'quay.io/acme/web:v0'}
"""
IMAGE = "web=quay.io/acme/web:v9@sha256:" + "ab" * 32


def git(dir, *args, **more):
    env = {"PATH": os.environ["PATH"], "HOME": dir, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
           "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", "-C", dir, *args], check=True, capture_output=True, env={**env, **more})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = None
    seen = []

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                parts.append(self.rfile.read(size))
                self.rfile.readline()
                if size == 0:
                    return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def serve(self):
        path, _, query = self.path.partition("?")
        raw = self.body()
        body = zlib.decompress(raw, 31) if self.headers.get("Content-Encoding") == "gzip" else raw
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "a", "REMOTE_ADDR": "127.0.0.1",
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "2",
               "GIT_CONFIG_KEY_0": "http.receivepack", "GIT_CONFIG_VALUE_0": "true",
               "GIT_CONFIG_KEY_1": "uploadpack.allowFilter", "GIT_CONFIG_VALUE_1": "true"}
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.seen.append((f"{self.command} {self.path.split('.git')[-1]}", len(str(self.headers)) + len(raw), len(content) + len(head)))

    do_GET = do_POST = serve


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def counted(work):
    Handler.seen.clear()
    work()
    return list(Handler.seen)


def show(name, seen):
    sent, received = sum(one[1] for one in seen), sum(one[2] for one in seen)
    print(f"{name}: {len(seen)} requests, {sent} bytes sent, {received} received")
    for line, out, back in seen:
        print(f"    {line}: {out} sent, {back} received")
    return sent + received


def main():
    promote = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as root:
        work = os.path.join(root, "work")
        os.makedirs(work)
        git(work, "init", "-q", "-b", "main", ".")
        for at in range(400):
            path = os.path.join(work, f"apps/a{at % 20}/file{at}.yaml")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write("".join(f"key{n}: value-{at}-{n * at}\n" for n in range(60)))
        os.makedirs(os.path.dirname(os.path.join(work, FILE)))
        with open(os.path.join(work, FILE), "w") as file:
            file.write(PATCH)
        for at in range(60):
            with open(os.path.join(work, "apps/a0/file0.yaml"), "a") as file:
                file.write(f"more{at}: {at}\n")
            git(work, "add", ".")
            git(work, "commit", "-q", "-m", f"change {at}")
        for name in ("git", "promote"):
            git(root, "clone", "-q", "--bare", work, f"{name}.git")
        Handler.root = root
        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"

        def by_git():
            git(root, "clone", "-q", "--depth", "1", f"{url}/git.git", "clone")
            clone = os.path.join(root, "clone")
            with open(os.path.join(clone, FILE), "w") as file:
                file.write(PATCH.replace("quay.io/acme/web:v0", IMAGE.split("=")[1]))
            git(clone, "commit", "-qam", "promote")
            git(clone, "push", "-q", "origin", "main")

        def by_promote():
            done = subprocess.run([promote, "update-deployment", f"--gitops-repo-url={url}/promote.git", "--unverified",
                                   f"--image={IMAGE}"], capture_output=True, text=True, env={"HOME": root})
            if done.returncode != 0:
                sys.exit(done.stderr)

        measure = show("git clone --depth 1, commit, push", counted(by_git))
        seen = counted(by_promote)
        show("promote update-deployment", seen)
        pushed = max(at for at, one in enumerate(seen) if "git-receive-pack" in one[0] and one[0].startswith("POST"))
        own = sum(one[1] + one[2] for one in seen[: pushed + 1])
        print(f"promote up to the push: {pushed + 1} requests, {own} bytes, {own / measure:.3f} x git's; "
              f"{len(seen) - pushed - 1} requests read the branch back")
        blobless = counted(lambda: git(root, "clone", "-q", "--depth", "1", "--filter=blob:none", "--no-checkout", f"{url}/git.git", "blobless"))
        total = sum(one[1] + one[2] for one in blobless)
        print(f"for comparison, git clone --filter=blob:none --no-checkout: {len(blobless)} requests, {total} bytes, {total / measure:.3f} x")
        sys.exit(0 if own <= measure else 1)


if __name__ == "__main__":
    main()
