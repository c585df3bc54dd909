#!/usr/bin/env python3
"""Edits random overlays and compares `kustomize build` before and after.

Usage: random.py PROMOTE KUSTOMIZE [COUNT] [SEED]

Each repository has a base, perhaps a middle layer and components, and the overlays prod and dev.
Layers patch, rename, replace and set images in every form. Of prod only the promoted image may
differ, of dev nothing. Overlays that kustomize itself cannot build are left out.
"""

import json
import os
import random
import subprocess
import sys
import tempfile

DIGEST = "sha256:" + "ab" * 32
IMAGE = "quay.io/acme/web:v9@" + DIGEST
KINDS = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("argoproj.io/v1alpha1", "Rollout"),
]
WEB = "quay.io/acme/web"


class Repository:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = {}
        self.count = 0

    def chance(self, part):
        return self.random.random() < part

    def put(self, path, value):
        self.files[path] = value if isinstance(value, str) else json.dumps(value, indent=1) + "\n"

    def pod(self, kind, containers, extra):
        spec = {"containers": containers, **extra}
        spec = {"template": {"spec": spec}}
        return {"jobTemplate": {"spec": spec}} if kind == "CronJob" else spec

    def prefix(self):
        return "/spec/jobTemplate/spec/template/spec" if self.kind == "CronJob" else "/spec/template/spec"

    def generate(self):
        r = self.random
        self.api, self.kind = r.choice(KINDS)
        self.name = "web"
        web = {"name": "web", "image": r.choice([WEB + ":v0", WEB, WEB + "@sha256:" + "00" * 32])}
        containers = [web]
        if self.chance(0.4):
            containers.insert(r.randint(0, 1), {"name": "side", "image": "quay.io/acme/side:v1"})
        self.index = containers.index(web)
        self.containers = [one["name"] for one in containers]
        extra = {}
        if self.chance(0.2):
            extra["initContainers"] = [{"name": "init", "image": "quay.io/acme/init:v1"}]
        objects = [{"apiVersion": self.api, "kind": self.kind, "metadata": {"name": "web", "labels": {"app": "web"}},
                    "spec": self.pod(self.kind, containers, extra)}]
        if self.chance(0.5):
            objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"},
                            "spec": self.pod("Deployment", [{"name": "other", "image": "quay.io/acme/other:v1"}], {})})
        resources = []
        for at, one in enumerate(objects):
            self.put(f"base/o{at}.yaml", one)
            resources.append(f"o{at}.yaml")
        self.layer("base", resources, 0.4)
        self.put("overlays/dev/kustomization.yaml", {"resources": ["../../base"]})
        below = "../../base"
        if self.chance(0.3):
            self.layer("layers/common", ["../../base"], 0.7)
            below = "../../layers/common"
        components = []
        if self.chance(0.3):
            self.layer("components/c", [], 1.0, component=True)
            components = ["../../components/c"]
        self.layer("overlays/prod", [below], 0.9, components=components)

    def layer(self, dir, resources, share, component=False, components=()):
        r = self.random
        k = {"resources": resources} if resources else {}
        if component:
            k = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
        if components:
            k["components"] = list(components)
        steps = [self.images, self.strategic, self.strategic_inline, self.json_file, self.json_inline, self.old_strategic,
                 self.old_json, self.replacement, self.transformer, self.names, self.harmless]
        for step in r.sample(steps, r.randint(1, 3)):
            if self.chance(share):
                step(dir, k)
        if component and len(k) == 2:
            self.images(dir, k)
        self.put(f"{dir}/kustomization.yaml", k)

    def file(self, dir, end="yaml"):
        self.count += 1
        return f"p{self.count}.{end}"

    def tag(self):
        return f"{WEB}:t{self.random.randint(1, 9)}"

    def images(self, dir, k):
        entry = {"name": WEB}
        form = self.random.randint(0, 3)
        if form != 1:
            entry["newTag"] = f"t{self.random.randint(1, 9)}"
        if form in (1, 2):
            entry["digest"] = "sha256:" + "11" * 32
        if form == 3:
            entry["newName"] = WEB
        k.setdefault("images", []).append(entry)
        if self.chance(0.3):
            k["images"].append({"name": "quay.io/acme/side", "newTag": "s2"})

    def patch(self, image):
        web = {"name": "web"}
        if image:
            web["image"] = self.tag()
        else:
            web["env"] = [{"name": "A", "value": "b"}]
        items = [web]
        if self.kind == "Rollout":
            items = [{"name": "web", "image": self.tag()}]
        return {"apiVersion": self.api, "kind": self.kind, "metadata": {"name": self.name},
                "spec": self.pod(self.kind, items, {})}

    def strategic(self, dir, k):
        name = self.file(dir)
        self.put(f"{dir}/{name}", self.patch(self.chance(0.7)))
        patch = {"path": name}
        if self.chance(0.4):
            patch["target"] = self.random.choice([{"kind": self.kind}, {"labelSelector": "app=web"}, {"name": "web.*|.*web", "kind": self.kind}])
        k.setdefault("patches", []).append(patch)

    def strategic_inline(self, dir, k):
        k.setdefault("patches", []).append({"patch": json.dumps(self.patch(self.chance(0.7)))})

    def operations(self):
        path = f"{self.prefix()}/containers/{self.index}/image"
        operations = [{"op": self.random.choice(["replace", "add"]), "path": path, "value": self.tag()}]
        if self.chance(0.4):
            operations.insert(self.random.randint(0, 1), {"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}})
        return operations

    def json_file(self, dir, k):
        name = self.file(dir, self.random.choice(["yaml", "json"]))
        self.put(f"{dir}/{name}", self.operations())
        k.setdefault("patches", []).append({"path": name, "target": {"kind": self.kind}})

    def json_inline(self, dir, k):
        k.setdefault("patches", []).append({"patch": json.dumps(self.operations()), "target": {"kind": self.kind, "labelSelector": "app in (web)"}})

    def old_strategic(self, dir, k):
        name = self.file(dir)
        self.put(f"{dir}/{name}", self.patch(True))
        k.setdefault("patchesStrategicMerge", []).append(name)

    def old_json(self, dir, k):
        name = self.file(dir)
        self.put(f"{dir}/{name}", self.operations())
        group, _, version = self.api.rpartition("/")
        k.setdefault("patchesJson6902", []).append({"path": name, "target": {"group": group, "version": version, "kind": self.kind, "name": "web"}})

    def replacement(self, dir, k):
        if "kind" in k:
            return
        name = self.file(dir)
        config = f"versions{self.count}"
        self.put(f"{dir}/{name}", {"apiVersion": "v1", "kind": "ConfigMap",
                                   "metadata": {"name": config, "annotations": {"config.kubernetes.io/local-config": "true"}},
                                   "data": {"web": self.tag()}})
        k.setdefault("resources", []).append(name)
        path = self.prefix().strip("/").replace("/", ".") + ".containers.[name=web].image"
        k.setdefault("replacements", []).append({"source": {"kind": "ConfigMap", "name": config, "fieldPath": "data.web"},
                                                 "targets": [{"select": {"kind": self.kind}, "fieldPaths": [path]}]})

    def transformer(self, dir, k):
        name = self.file(dir)
        self.put(f"{dir}/{name}", {"apiVersion": "builtin", "kind": "ImageTagTransformer", "metadata": {"name": name.replace(".", "-")},
                                   "imageTag": {"name": WEB, "newTag": "x1"}})
        k.setdefault("transformers", []).append(name)

    def names(self, dir, k):
        if self.chance(0.5):
            k["namePrefix"] = "acme-"
        if self.chance(0.3):
            k["nameSuffix"] = "-x"
        if self.chance(0.3):
            k["namespace"] = "team"

    def harmless(self, dir, k):
        k["labels"] = [{"pairs": {"env": dir.split("/")[-1]}}]
        k["commonAnnotations"] = {"by": "acme"}
        if "kind" not in k:
            k["configMapGenerator"] = [{"name": "settings", "literals": ["a=b"]}]


def build(kustomize, root, dir):
    done = subprocess.run([kustomize, "build", os.path.join(root, dir)], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def main():
    promote, kustomize = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    edited = refused = wrong = left_out = 0
    reasons = {}
    at = seed * 1_000_000
    while edited + refused + wrong < count:
        at += 1
        repository = Repository(at)
        repository.generate()
        with tempfile.TemporaryDirectory() as root:
            for path, text in repository.files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w") as file:
                    file.write(text)
            before = {dir: build(kustomize, root, dir) for dir in ("overlays/prod", "overlays/dev")}
            if None in before.values() or WEB not in before["overlays/prod"]:
                left_out += 1
                continue
            command = [promote, "update-deployment", "--local", root, "--unverified", "--image", "web=" + IMAGE,
                       "--kustomize", "overlays/prod", "--create"]
            done = subprocess.run(command, capture_output=True, text=True, env={"HOME": root})
            if done.returncode != 0:
                refused += 1
                error = [line for line in done.stderr.splitlines() if line.startswith("error:")]
                reasons.setdefault(error[0].split(" ", 2)[-1][:60] if error else done.stderr[-200:], []).append(at)
                continue
            after = {dir: build(kustomize, root, dir) for dir in before}
            problem = None
            if after["overlays/dev"] != before["overlays/dev"]:
                problem = "another environment changed"
            elif after["overlays/prod"] is None:
                problem = "the overlay does not build any more"
            else:
                old, new = before["overlays/prod"].splitlines(), after["overlays/prod"].splitlines()
                changed = [(a, b) for a, b in zip(old, new) if a != b]
                if len(old) != len(new) or not changed:
                    problem = "other lines, or no change"
                elif any(b.split("image: ")[-1].strip() not in (IMAGE, WEB + "@" + DIGEST) for _, b in changed):
                    problem = f"something else changed: {changed}"
                elif not any(IMAGE in b or WEB + "@" + DIGEST in b for _, b in changed):
                    problem = "the image is not there"
            if problem:
                wrong += 1
                print(f"WRONG seed {at}: {problem}\n{done.stdout}")
            else:
                edited += 1
    for reason, seeds in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"refused {len(seeds)}: {reason} (seed {seeds[0]})")
    print(f"{count} overlays: {edited} edited ({100 * edited / count:.1f} %), {refused} refused, {wrong} wrong; {left_out} that kustomize cannot build")
    sys.exit(1 if wrong or edited < 0.95 * count else 0)


if __name__ == "__main__":
    main()
