"""Writes the hand-over files of a promotion of one image, as verify-ec and copy-image would."""

import hashlib
import json
import pathlib
import sys

image, digest, out = sys.argv[1:4]
folder = pathlib.Path(out)
folder.mkdir(parents=True, exist_ok=True)


def write(name, document):
    text = json.dumps(document, separators=(",", ":")).encode()
    (folder / name).write_bytes(text)
    return "sha256:" + hashlib.sha256(text).hexdigest()


pinned = f"{image}@{digest}"
component = {"name": "web", "containerImage": pinned}
images = write("images.json", {"application": "web", "components": [component]})
report = write("report.json", {
    "success": True, "policy": {"sources": []}, "ec-version": "promote", "effective-time": "2026-11-28T10:00:00Z",
    "components": [{**component, "success": True}],
})
policy = "sha256:" + "2" * 64
verified = write("verified.json", {
    "version": 1, "imagesDigest": images, "gitTag": "v1.0", "commit": "1" * 40, "destinationTag": "prod-v1.0",
    "verifiedAt": "2026-11-28T10:00:00Z", "effectiveTime": "2026-11-28T10:00:00Z",
    "policy": {"uri": "https://example.com/policy", "sources": [], "digest": policy},
    "reportDigest": report, "skippedChecks": [],
    "components": [{
        **component, "success": True, "violations": 0, "warnings": 0, "exceptions": [],
        "evidence": [], "attached": [], "opened": ["sha256:" + "3" * 64], "unreadable": [],
    }],
})
write("promoted.json", {
    "version": 1, "verifiedDigest": verified, "gitTag": "v1.0", "commit": "1" * 40, "policyDigest": policy,
    "reportDigest": report, "promotedAt": "2026-11-28T10:05:00Z",
    "components": [{
        "name": "web", "source": pinned, "destinations": [f"{image}:prod-v1.0"], "digest": digest, "previousDigest": None,
        "copied": {"manifests": 0, "blobs": 0, "referrers": 0, "bytes": 0},
    }],
})
