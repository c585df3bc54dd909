#!/usr/bin/env python3
"""Edits variants of image volumes, and of several components and environments in one commit, beside `kustomize build`.

Usage: variants.py PROMOTE KUSTOMIZE

Each variant is a small repository. Of the environments that are promoted only the promoted images may differ, of the others
nothing, and a second run changes nothing. Needs PyYAML.
"""

import json
import os
import subprocess
import sys
import tempfile

import yaml

PROMOTE, KUSTOMIZE = sys.argv[1:3]
DIGEST = "sha256:" + "ab" * 32
OLD = "sha256:" + "cd" * 32
NAMES = ["web", "api", "data", "proxy"]
IMAGES = {name: f"quay.io/acme/{name}:v9@{DIGEST}" for name in NAMES}
VOLUME = {"name": "data", "image": {"reference": "quay.io/acme/data:v0"}}
ENVIRONMENTS = ["prod", "stage", "eu", "dev"]


def path_of(kind):
    """Where a kind has its pod."""
    return {"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"], "Pod": ["spec"]}.get(kind, ["spec", "template", "spec"])


def nested(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


def workload(kind, name, containers, volumes=(), inits=()):
    group = {"CronJob": "batch/v1", "Job": "batch/v1", "Pod": "v1"}.get(kind, "apps/v1")
    pod = {"containers": containers, "initContainers": list(inits), "volumes": list(volumes)}
    made = {"apiVersion": group, "kind": kind, "metadata": {"name": name}, **nested(path_of(kind), pod)}
    if group == "apps/v1":
        made["spec"]["selector"] = {"matchLabels": {"app": name}}
        made["spec"]["template"]["metadata"] = {"labels": {"app": name}}
    if kind == "CronJob":
        made["spec"]["schedule"] = "* * * * *"
    return made


def entry(name, tag="v1"):
    return {"name": f"quay.io/acme/{name}", "newTag": tag}


def volumes():
    """An image volume of each kind, set in each way."""
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"]:
        base = workload(kind, "web", [{"name": "web", "image": "quay.io/acme/web:v0"}], [VOLUME, {"name": "tmp", "emptyDir": {}}])
        at = path_of(kind)
        head = {key: base[key] for key in ["apiVersion", "kind", "metadata"]}
        patch = json.dumps([{"op": "replace", "path": "/" + "/".join(at) + "/volumes/0/image/reference", "value": "quay.io/acme/data:v1"}])
        source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "v"}, "data": {"image": "quay.io/acme/data:v1"}}
        field = ".".join(at) + ".volumes.[name=data].image.reference"
        forms = {
            "own": ({"resources": ["d.yaml"]}, {"overlays/prod/d.yaml": base}),
            "entry": ({"images": [entry("data")]}, {}),
            "digest entry": ({"images": [{"name": "quay.io/acme/data", "digest": OLD}]}, {}),
            "strategic patch": ({"patches": [{"path": "p.yaml"}]}, {"overlays/prod/p.yaml": {**head, **nested(at, {"volumes": [
                {"name": "data", "image": {"reference": "quay.io/acme/data:v1"}}]})}}),
            "JSON patch": ({"patches": [{"target": {"kind": kind}, "patch": patch}]}, {}),
            "component": ({"components": ["../../pin"]}, {"pin/kustomization.yaml": {
                "apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": [{"target": {"kind": kind}, "patch": patch}]}}),
            "replacement": ({"resources": ["../../base", "v.yaml"], "replacements": [{
                "source": {"kind": "ConfigMap", "name": "v", "fieldPath": "data.image"},
                "targets": [{"select": {"kind": kind}, "fieldPaths": [field]}]}]}, {"overlays/prod/v.yaml": source}),
        }
        for form, (prod, more) in forms.items():
            files = {"base/d.yaml": base, "base/kustomization.yaml": {"resources": ["d.yaml"]},
                     "overlays/dev/kustomization.yaml": {"resources": ["../../base"]},
                     "overlays/prod/kustomization.yaml": {"resources": ["../../base"], **prod}, **more}
            yield f"volume of a {kind}, {form}", files, ["data"], ["prod"], ["dev"], ["--kustomize=overlays/prod"]


def together():
    """Several components and environments in one commit."""
    containers = lambda tag: [{"name": name, "image": f"quay.io/acme/{name}:{tag}"} for name in ["web", "proxy"]]
    first = lambda tag: [{"name": "migrate", "image": f"quay.io/acme/web:{tag}"}]
    api = lambda tag: [{"name": "api", "image": f"quay.io/acme/api:{tag}"}]
    volume = lambda tag: [{"name": "data", "image": {"reference": f"quay.io/acme/data:{tag}"}}]
    base = {"base/web.yaml": workload("Deployment", "web", containers("v0"), inits=first("v0")),
            "base/api.yaml": workload("StatefulSet", "api", api("v0"), volume("v0")),
            "base/kustomization.yaml": {"resources": ["web.yaml", "api.yaml"]}}
    patch = lambda kind, name, pod: {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, **nested(path_of(kind), pod)}
    overlays = {
        "entries": lambda at: {at + "kustomization.yaml": {"resources": ["../../base"], "images": [entry(name) for name in NAMES]}},
        "patches": lambda at: {
            at + "kustomization.yaml": {"resources": ["../../base"], "patches": [{"path": "w.yaml"}, {"path": "a.yaml"}]},
            at + "w.yaml": patch("Deployment", "web", {"containers": containers("v1"), "initContainers": first("v1")}),
            at + "a.yaml": patch("StatefulSet", "api", {"containers": api("v1"), "volumes": volume("v1")})},
        "created": lambda at: {at + "kustomization.yaml": {"resources": ["../../base"]}},
    }
    for count in [1, 2, 3]:
        for components in [1, 2, 3, 4]:
            for form, overlay in overlays.items():
                files = dict(base)
                for name in ENVIRONMENTS:
                    files |= overlay(f"overlays/{name}/")
                flags = ["--all", *(["--create"] if form == "created" else [])]
                flags += [f"--environment={name}" for name in ENVIRONMENTS[:count]]
                yield f"{components} components in {count} environments, {form}", files, NAMES[:components], ENVIRONMENTS[:count], ENVIRONMENTS[count:], flags
    files = base | {"overlays/stage/kustomization.yaml": {"resources": ["../../base"], "images": [entry("web")]},
                    "overlays/prod/kustomization.yaml": {"resources": ["../stage"], "images": [entry("web", "v2")]}}
    yield "an environment on another one", files, ["web"], ["prod"], ["stage"], ["--all", "--environment=prod"]


def scalars(text):
    found = {}

    def walk(value, path):
        if isinstance(value, (dict, list)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                walk(item, (*path, key))
        else:
            found[path] = value
    for at, document in enumerate(yaml.safe_load_all(text)):
        walk(document, (at,))
    return found


def problem(before, after, names):
    """What differs although it must not, or stays although it must differ."""
    if before.keys() != after.keys():
        return "other fields"
    for path, old in before.items():
        new, name = after[path], str(old).split("@")[0].split(":")[0].rsplit("/", 1)[-1]
        ours = str(old).startswith("quay.io/acme/") and name in names
        # An entry with a digest alone gets the digest alone.
        right = ours and new in (IMAGES[name], f"quay.io/acme/{name}@{DIGEST}")
        if old != new and not right:
            return f"{path}: {old} became {new}"
        if ours and not right and path[-1] in ("image", "reference"):
            return f"{path}: {old} stays"
    return None


def main():
    edited = wrong = 0
    refused = []
    for name, files, names, environments, others, flags in [*volumes(), *together()]:
        with tempfile.TemporaryDirectory() as directory:
            for path, value in files.items():
                path = os.path.join(directory, "repo", path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    yaml.safe_dump(value, file, sort_keys=False)

            def built():
                return {one: subprocess.run([KUSTOMIZE, "build", f"{directory}/repo/overlays/{one}"], capture_output=True, text=True,
                                            check=True).stdout for one in [*environments, *others]}

            def update():
                line = [PROMOTE, "update-deployment", "--local=repo", "--unverified", *[f"--image={one}={IMAGES[one]}" for one in names]]
                return subprocess.run([*line, *flags], cwd=directory, capture_output=True, text=True)
            before, done, after = built(), update(), built()
            found = [f"{one} changed" for one in others if before[one] != after[one]]
            if done.returncode:
                refused.append(f"{name}: {done.stderr.strip().splitlines()[-2]}")
                found += [f"{one} changed by a refusal" for one in environments if before[one] != after[one]]
            else:
                found += [f"{one}: {text}" for one in environments if (text := problem(scalars(before[one]), scalars(after[one]), names))]
                found += [] if update().returncode == 0 and built() == after else ["a second run changes something"]
                edited += not found
            wrong += bool(found)
            for text in found:
                print(f"WRONG {name}: {text}")
    print(*refused, sep="\n")
    print(f"{edited} edited, {len(refused)} refused, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
