#!/usr/bin/env python3
"""Evaluates the filters and overlays of triggers/release with Tekton Triggers' own cel-eval.

    python3 tests/interop/triggers/evaluate.py CEL-EVAL [--bindings BINDING-EVAL] [PAYLOAD.json ...]

CEL-EVAL and BINDING-EVAL are the programs built from cmd/cel-eval and cmd/binding-eval of tektoncd/triggers. With the
second one the bindings of what fires are evaluated too: they must yield exactly the params of the TriggerTemplate. Without payloads the ones of this
script are used; with payloads each is shown with what it fires. Needs PyYAML; exit code 1 when an event
that must not fire does, or the other way round.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
LISTENER = ROOT / "triggers/release/event-listener.yaml"
TEMPLATE = ROOT / "triggers/release/trigger-template.yaml"
URL = "https://GIT-HOST/ACME/web.git"
COMMIT = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"


def triggers():
    document = yaml.safe_load(LISTENER.read_text())
    for trigger in document["spec"]["triggers"]:
        params = {p["name"]: p["value"] for p in trigger["interceptors"][1]["params"]}
        overlays = {o["key"]: o["expression"] for o in params["overlays"]}
        yield trigger["name"], params["filter"], overlays


def evaluate(program, expression, body, header=""):
    text = json.dumps(body)
    head = f"POST / HTTP/1.1\r\nHost: hooks\r\n{header}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    with tempfile.TemporaryDirectory() as directory:
        request, condition = pathlib.Path(directory, "request"), pathlib.Path(directory, "expression")
        request.write_bytes((head + text).encode())
        condition.write_text(expression)
        command = [program, "-e", condition, "-r", request]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip()


def bound(program, trigger, values):
    """The params that the bindings of a trigger yield, by the overlays' values.

    The program knows no extensions: they are read from a member of the body of that name.
    """
    listener = yaml.safe_load(LISTENER.read_text())
    bindings = next(t for t in listener["spec"]["triggers"] if t["name"] == trigger)["bindings"]
    params = [{"name": b["name"], "value": b["value"].replace("$(extensions.", "$(body.extensions.")} for b in bindings]
    document = {"apiVersion": "triggers.tekton.dev/v1beta1", "kind": "TriggerBinding", "metadata": {"name": "x"},
                "spec": {"params": params}}
    text = json.dumps({"extensions": values})
    head = f"POST / HTTP/1.1\r\nHost: hooks\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    with tempfile.TemporaryDirectory() as directory:
        request, binding = pathlib.Path(directory, "request"), pathlib.Path(directory, "binding.yaml")
        request.write_bytes((head + text).encode())
        binding.write_text(yaml.safe_dump(document))
        done = subprocess.run([program, "-b", binding, "-r", request], capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stdout + done.stderr
    return {param["name"]: param["value"] for param in json.loads(done.stdout)}


def fits(program, trigger, values):
    """Tells what is wrong with the params of a trigger; nothing where they are those of the template."""
    if not program:
        return ""
    found = bound(program, trigger, values)
    if not isinstance(found, dict):
        return found
    declared = yaml.safe_load(TEMPLATE.read_text())["spec"]["params"]
    needed = {param["name"] for param in declared if "default" not in param}
    known = {param["name"] for param in declared}
    if not needed <= set(found) <= known:
        return f"params {sorted(found)}, the template has {sorted(known)}"
    other = [name for name, value in found.items() if value != values[name.replace("-", "_")]]
    return f"other values: {other}" if other else ""


def gitlab():
    return {
        "object_kind": "release", "action": "create", "tag": "v1.0", "id": 12345678,
        "released_at": "2026-08-05 10:00:00 UTC", "description": 'Notes "quoted" $(params.x)\nline',
        "commit": {"id": COMMIT}, "project": {"id": 23456789, "git_http_url": URL},
    }


def github():
    return {
        "action": "published",
        "release": {"id": 34567890, "tag_name": "v1.0", "draft": False, "prerelease": False,
                    "published_at": "2026-08-05T10:00:00Z", "body": 'Notes "quoted" $(params.x)'},
        "repository": {"id": 45678901, "clone_url": URL},
    }


def changed(base, path, value):
    event = copy.deepcopy(base)
    at = event
    for member in path[:-1]:
        at = at[member]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return event


# What people write into a release, and what Tekton would read in it.
NOTES = ["plain", 'say "hi"\nsecond line\\n', "$(params.secret) $(tasks.x.results.y)", "$(tt.params.url)"]


def cases():
    for notes in NOTES:
        yield "gitlab-release", f"notes {notes!r}", changed(changed(gitlab(), ["description"], notes), ["name"], notes), True
        yield "github-or-gitea-release", f"notes {notes!r}", changed(github(), ["release", "body"], notes), True
    yield "gitlab-release", "created", gitlab(), True
    yield "gitlab-release", "in the future", changed(gitlab(), ["released_at"], "2099-01-01 00:00:00 UTC"), True
    for path, value in [(["action"], "update"), (["action"], "delete"), (["action"], None), (["tag"], None),
                        (["tag"], 'v1"};$(params.x)'), (["tag"], "-v1"), (["tag"], "v1\nx"), (["tag"], 7),
                        (["commit", "id"], "main"), (["commit"], None), (["released_at"], "now\"}"),
                        (["project", "git_http_url"], "https://GIT-HOST/other/web.git")]:
        yield "gitlab-release", f"{'.'.join(path)} {value!r}", changed(gitlab(), path, value), False
    yield "github-or-gitea-release", "published", github(), True
    for path, value in [(["action"], "created"), (["action"], "released"), (["action"], "edited"),
                        (["action"], "updated"), (["action"], "deleted"), (["release", "draft"], True),
                        (["release", "prerelease"], True), (["release", "draft"], None),
                        (["release", "tag_name"], "$(tt.params.url)"), (["release", "tag_name"], "v1\n"),
                        (["release", "published_at"], None),
                        (["repository", "clone_url"], "https://GIT-HOST/other/web.git")]:
        yield "github-or-gitea-release", f"{'.'.join(path)} {value!r}", changed(github(), path, value), False


def main():
    program, *payloads = sys.argv[1:]
    bindings = ""
    if payloads[:1] == ["--bindings"]:
        _, bindings, *payloads = payloads
    known = {name: (condition, overlays) for name, condition, overlays in triggers()}
    if payloads:
        for path in payloads:
            body = json.loads(pathlib.Path(path).read_text())
            urls = [body.get("project", {}).get("git_http_url"), body.get("repository", {}).get("clone_url")]
            for name, (condition, overlays) in known.items():
                condition = condition.replace(URL, next(filter(None, urls), URL))
                fires = evaluate(program, condition, body) == "true"
                values = {key: evaluate(program, expression, body) for key, expression in overlays.items()} if fires else ""
                print(f"{path}: {name}: {'fires' if fires else 'does not fire'} {values}")
        return 0
    wrong = 0
    expression = known["github-or-gitea-release"][1]["run"]
    runs = [evaluate(program, expression, github(), header) for header in ("", "X-Gitea-Event: release\r\n")]
    if runs != ["release-gh-45678901-34567890", "release-gt-45678901-34567890"]:
        wrong += 1
        print(f"WRONG the runs of two hosts: {runs}")
    same = {}
    for name, what, body, expected in cases():
        condition, overlays = known[name]
        fires = evaluate(program, condition, body) == "true"
        values = {key: evaluate(program, expression, body) for key, expression in overlays.items()} if fires else {}
        problem = fits(bindings, name, values) if fires else ""
        if what.startswith("notes") and same.setdefault(name, values) != values:
            problem = f"the notes change the params: {same[name]}"
        good = fires == expected and not problem and not any("e+" in value for value in values.values())
        wrong += not good
        print(f"{'ok   ' if good else 'WRONG'} {name}: {what}: {'fires' if fires else 'does not fire'} {values or ''} {problem}")
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
