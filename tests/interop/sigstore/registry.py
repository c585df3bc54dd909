#!/usr/bin/env python3
"""Pushes small images to a registry on loopback, and exports a repository with all that hangs on it.

    registry.py push REGISTRY/REPOSITORY TAG       one image; prints its digest
    registry.py index REGISTRY/REPOSITORY TAG      an index of two images; prints its digest
    registry.py forget REGISTRY/REPOSITORY DIGEST LOG KEY  takes the log entry from a legacy signature; prints
                                                   what the Rekor v1 log says when it is asked for it
    registry.py export REGISTRY/REPOSITORY DIR     an OCI layout, untagged referrers included
"""

import base64
import hashlib
import json
import pathlib
import sys
import urllib.error
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Repository:
    def __init__(self, name):
        host, self.path = name.split("/", 1)
        self.base = f"http://{host}/v2/{self.path}"

    def ask(self, method, url, body=None, kind=None):
        headers = {"Accept": f"{MANIFEST}, {INDEX}"}
        if kind:
            headers["Content-Type"] = kind
        url = url if url.startswith("http") else self.base + url
        request = urllib.request.Request(url, body, headers, method=method)
        return urllib.request.urlopen(request)

    def blob(self, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        place = self.ask("POST", "/blobs/uploads/", b"").headers["Location"]
        if place.startswith("/"):
            place = self.base.split("/v2/")[0] + place
        mark = "&" if "?" in place else "?"
        self.ask("PUT", f"{place}{mark}digest={digest}", content, "application/octet-stream")
        return {"digest": digest, "size": len(content)}

    def manifest(self, document, reference=None):
        body = json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        self.ask("PUT", f"/manifests/{reference or digest}", body, document["mediaType"])
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(body)}

    def image(self, tag, architecture):
        # Each registry has images of its own: a log takes an RSA signature, always the same, only once.
        labels = {"tag": tag, "registry": self.base}
        config = {"architecture": architecture, "os": "linux", "config": {"Labels": labels},
                  "rootfs": {"type": "layers", "diff_ids": []}}
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(json.dumps(config).encode())}
        layer = f"{tag} {architecture}\n".encode()
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **self.blob(layer)}
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}


def push(repository, tag):
    print(repository.manifest(repository.image(tag, "amd64"), tag)["digest"])


def index(repository, tag):
    children = []
    for architecture in ["amd64", "arm64"]:
        child = repository.manifest(repository.image(tag, architecture))
        children.append({**child, "platform": {"architecture": architecture, "os": "linux"}})
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}
    print(repository.manifest(document, tag)["digest"])


def forget(repository, digest, log, key):
    tag = digest.replace(":", "-") + ".sig"
    manifest = json.load(repository.ask("GET", f"/manifests/{tag}"))
    [layer] = manifest["layers"]
    del layer["annotations"]["dev.sigstore.cosign/bundle"]
    repository.manifest(manifest, tag)
    public = base64.b64encode(pathlib.Path(key).read_bytes()).decode()
    spec = {"data": {"hash": {"algorithm": "sha256", "value": layer["digest"].removeprefix("sha256:")}},
            "signature": {"content": layer["annotations"]["dev.cosignproject.cosign/signature"],
                          "publicKey": {"content": public}}}
    asked = {"entries": [{"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}]}
    request = urllib.request.Request(log + "/api/v1/log/entries/retrieve", json.dumps(asked).encode(),
                                     {"Content-Type": "application/json", "Accept": "application/json"})
    print(json.dumps(json.load(urllib.request.urlopen(request)), indent=2))


def export(repository, target):
    blobs = pathlib.Path(target, "blobs", "sha256")
    blobs.mkdir(parents=True, exist_ok=True)
    listed, seen = [], set()

    def keep(content):
        digest = hashlib.sha256(content).hexdigest()
        blobs.joinpath(digest).write_bytes(content)
        return "sha256:" + digest

    def walk(reference, tag):
        answer = repository.ask("GET", f"/manifests/{reference}")
        kind, content = answer.headers["Content-Type"], answer.read()
        digest = keep(content)
        if tag or digest not in seen:
            entry = {"mediaType": kind, "digest": digest, "size": len(content)}
            if tag:
                entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
            listed.append(entry)
        if digest in seen:
            return
        seen.add(digest)
        document = json.loads(content)
        for child in document.get("manifests", []):
            walk(child["digest"], None)
        for blob in document.get("layers", []) + [document.get("config")]:
            if blob:
                keep(repository.ask("GET", f"/blobs/{blob['digest']}").read())
        try:
            answer = repository.ask("GET", f"/referrers/{digest}").read()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return
        for referrer in json.loads(answer)["manifests"]:
            walk(referrer["digest"], None)

    for tag in json.load(repository.ask("GET", "/tags/list"))["tags"]:
        walk(tag, tag)
    # A manifest under a tag need not stand there once more without.
    tagged = {entry["digest"] for entry in listed if "annotations" in entry}
    listed = [entry for entry in listed if "annotations" in entry or entry["digest"] not in tagged]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    pathlib.Path(target, "index.json").write_text(json.dumps(document, indent=1))
    pathlib.Path(target, "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


{"push": push, "index": index, "export": export, "forget": forget}[sys.argv[1]](Repository(sys.argv[2]), *sys.argv[3:])
