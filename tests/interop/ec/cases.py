"""Which images, policies and flags `compare` runs, and where the two programs are meant to differ."""

IMAGES = ["good", "unsigned", "unattested", "stolen", "stranger", "both", "bundle", "bare"]
FORMATS = ["text", "yaml", "summary", "summary-markdown", "junit", "appstudio", "attestation", "policy-input"]
NOW = ["--effective-time", "2026-11-01T00:00:00Z", "--allow-past-effective-time"]
SOON = ["--effective-time", "2099-01-01"]
PAST = ["--effective-time", "2023-01-01T00:00:00Z", "--allow-past-effective-time"]
ATTESTED = ["--effective-time", "attestation"]


def without_signatures(report):
    """The results as if no attestation had signatures."""
    def of(component):
        listed = [{name: value for name, value in one.items() if name != "signatures"}
                  for one in component.get("attestations") or []]
        return {**component, "attestations": listed or None}
    return {name: of(part) if isinstance(part, dict) and "attestations" in part else part
            for name, part in report.items()}


# Where ours is meant to differ: flag of the case, what is left of ec's results then, and why.
KNOWN = [
    ("--skip-att-sig-check", without_signatures,
     "signatures of attestations that nobody checked are not listed as signatures"),
]


def include(*names, exclude=()):
    return {"config": {"include": list(names), **({"exclude": list(exclude)} if exclude else {})}}


def dated(*rules):
    return {"volatileConfig": {"exclude": [
        {"value": rules[0], "effectiveUntil": "2020-01-01"},
        {"value": rules[1], "effectiveOn": "2020-01-01", "effectiveUntil": "2098-12-31"},
        {"value": rules[2], "effectiveOn": "2098-01-01"}]}}


def conforma_policies(checkout):
    def group(**more):
        return {"policy": [f"file::{checkout}/policy/lib", f"file::{checkout}/policy/release"],
                "data": [f"file::{checkout}/example/data"], **more}
    off = dated("slsa_source_version_controlled", "slsa_source_correlated", "slsa_build_scripted_build")
    return {
        **{name: [group(**include(f"@{name}"))] for name in
           ["slsa3", "minimal", "github", "redhat", "policy_data", "redhat_rpms", "redhat_security", "rhtap-github"]},
        "groups": [group(**include("@slsa3")), group(**include("attestation_type", "tasks"))],
        "terms": [group(**include("@slsa3", "no_such_package",
                                  exclude=["slsa_build_scripted_build.build_script_used"]))],
        "dates": [group(**include("@slsa3"), **off)],
    }


def own_policies():
    """Small policies of ours; answers about them are frozen."""
    def group(*policy, **more):
        return {"policy": [f"./policies/{name}" for name in policy], "data": ["./policies/data"], **more}
    both = ("build", "release")
    material = "git+https://git.example/team/app.git"
    return {
        "own": [group(*both)],
        "own-strict": [group(*both, **include("@strict"))],
        "own-lax": [group(*both, **include("@lax"))],
        "own-none": [group(*both, **include("@nobody"))],
        "own-unmatched": [group(*both, **include("@lax", "no_such_package", "build.no_such_rule"))],
        "own-excluded": [group(*both, **include("*", exclude=["build.source_named", "release"]))],
        "own-term": [group(*both, **include("*", exclude=[f"build.source_named:{material}"]))],
        "own-groups": [group("build", **include("@lax")), group("release", **include("release.one_signer"))],
        "own-data": [group(*both, ruleData={"builders": ["https://tekton.dev/chains/v2"]})],
        "own-dates": [group(*both, **dated("build.known_builder", "build.source_named", "release.one_signer"))],
        "nothing": [],
    }


def conforma_cases():
    for image in [*IMAGES, "absent"]:
        yield image, "minimal", []
    for policy in ["slsa3", "github", "redhat", "policy_data", "redhat_rpms", "redhat_security", "rhtap-github",
                   "groups", "terms", "dates"]:
        yield "good", policy, []
    yield "good", "slsa3", ["--info"]
    yield "good", "redhat", ["--info"]
    for times in [SOON, PAST, ATTESTED]:
        for policy in ["slsa3", "dates", "redhat"]:
            yield "good", policy, times
    yield "unsigned", "minimal", ["--skip-image-sig-check"]
    yield "good", "slsa3", ["--strict=false"]
    for form in FORMATS:
        yield "good", "slsa3", ["--output", form]
        yield "unsigned", "slsa3", ["--output", form, "--info"]
    yield "good", "slsa3", ["--output", "text?show-successes=true&show-policy-docs-link=true"]


def own_cases():
    for image in [*IMAGES, "absent"]:
        yield image, "own", NOW
    for policy in own_policies():
        yield "good", policy, NOW
        if policy != "own":
            yield "both", policy, NOW
    for times in [SOON, PAST, ATTESTED]:
        for policy in ["own-strict", "own-dates"]:
            yield "good", policy, times
    yield "good", "own", [*NOW, "--info"]
    yield "bundle", "own-strict", [*NOW, "--info"]
    yield "good", "own", [*NOW, "--strict=false"]
    yield "good", "own-lax", [*NOW, "--extra-rule-data", "builders=tekton"]
    for image in ["unsigned", "stranger", "bundle"]:
        yield image, "own", [*NOW, "--skip-image-sig-check"]
    for image in ["good", "unattested", "stranger", "stolen", "bare"]:
        yield image, "own", [*NOW, "--skip-att-sig-check"]
    yield "stranger", "own", [*NOW, "--skip-att-sig-check", "--skip-image-sig-check"]
    for form in FORMATS:
        yield "good", "own", [*NOW, "--output", form]
        yield "both", "own-lax", [*NOW, "--output", form, "--info", "--show-successes"]
    yield "good", "own", [*NOW, "--output", "text", "--no-color"]
    yield "good", "own", [*NOW, "--output", "text", "--color"]
    yield "good", "own", [*NOW, "--output", "text", "--show-warnings=false"]
    yield "good", "own", [*NOW, "--output", "text?show-successes=true&show-policy-docs-link=true"]
    yield "good", "own", [*NOW, "--output", "json", "--output", "text=written", "--output", "appstudio"]
    yield "good", "own", [*NOW, "--output", "yaml=written", "--output", "summary"]


def inspections(sources):
    """What `inspect policy` is asked; ec itself breaks down where a rule has no annotations in JSON."""
    filters = [[], ["--package", "release"], ["--package", "tasks"], ["--collection", "minimal"],
               ["--rule", "pipeline_has_tasks"]]
    for source in sources:
        for form in ["text", "names", "short-names", "json"]:
            for more in filters:
                yield ["inspect", "policy", "--source", source, "--output", form, *more]


# --- rows of upstream's other commands and of how it is set up ---------------------------------------------------------

SPAM = """package main

import rego.v1

# METADATA
# title: Spam
# description: Has spam
# custom:
#   short_name: spam
deny contains result if {
	input.spam
	result := {"code": "main.spam", "msg": "has spam"}
}

# METADATA
# title: Kind
# custom:
#   short_name: kind
warn contains result if {
	not input.kind
	result := {"code": "main.kind", "msg": "no kind"}
}
"""

# Files that `validate input` reads, by name.
INPUT_FILES = {
    "spam/main.rego": SPAM,
    "spam.yaml": "name: t\nsources: [{policy: [./spam]}]\n",
    "in/a.json": '{"spam": true}', "in/b.yaml": "kind: x\n", "in/c.yaml": "a: 1\n---\nspam: true\n", "in/d.json": "[1, 2]",
    "in/e.yaml": "---\nspam: yes\n---\n---\nkind: a\n", "in/f.yaml": "spam: no\nkind: on\n", "in/g.yaml": "- spam: true\n- kind: 1\n",
    "in/h.yaml": "a: 1\n---\n- spam: true\n", "in/i.yaml": "kind: 010\n", "in/j.json": '{"kind": 1} {"spam": true}', "in/k.json": '{"x":',
    "in/l.txt": "hello", "in/m.yml": "kind: &x 1\nb: *x\n", "in/n.yaml": "kind: {{ x }}\n", "in/o.json": "3", "in/p.json": "null",
    "in/q.json": '{"kind": 12345678901234567890123}', "in/r.yaml": "", "in/s.yaml": "kind: 2020-01-01\n",
    "dir/a.json": '{"spam": true}', "dir/b.yaml": "kind: x\n", "dir/sub/c.yaml": "a: 1\n", "dir/sub/notes.txt": "x",
    "mixed/a.json": "{}", "mixed/notes.txt": "x",
}

# What is different on purpose: arguments behind `validate input`, the exit codes of ec and of promote, and why.
INPUT_KNOWN = [
    (["in/twice.json"], 0, 1, "a key that is there twice"),
    (["in/twice.yaml"], 0, 1, "a key that is there twice"),
    (["in/empty.json"], 0, 1, "an empty list"),
    (["in/hidden.yaml"], 0, 1, "a document behind another separator"),
    (["in/x.toml"], 0, 1, "TOML"),
]
INPUT_KNOWN_FILES = {"in/twice.json": '{"kind": 1, "kind": 2}', "in/twice.yaml": "kind: 1\nkind: 2\n", "in/empty.json": "[]",
                     "in/hidden.yaml": "kind: 1\n...\nspam: true\n", "in/x.toml": "kind = 1\n"}


def inputs():
    """What follows `validate input`."""
    policy = ["--policy", "spam.yaml"]
    for name in sorted(name for name in INPUT_FILES if name.startswith("in/")):
        yield [name, *policy, "--output", "json", "--show-successes"]
    for paths in [["in/a.json", "in/b.yaml"], ["in/a.json", "in/a.json"], ["dir"], ["dir", "in/b.yaml"], ["mixed"], ["nope.json"],
                  ["nope.json", "in/k.json"], []]:
        yield [*paths, *policy, "--output", "json"]
    for form in ["text", "yaml", "json", "summary", "text?show-successes=true", "junit", "appstudio", "bogus"]:
        yield ["in/a.json", "in/b.yaml", *policy, "--output", form]
        yield ["in/a.json", *policy, "--output", form, "--info", "--show-successes"]
    for more in [["--show-warnings=false"], ["--show-policy-docs-link"], ["--strict=false"], ["-s=f"], ["--info"], ["--no-color"],
                 ["--effective-time", "2020-01-01"], ["--effective-time", "soon"],
                 ["--effective-time", "2020-01-01", "--allow-past-effective-time"], ["--extra-rule-data", "a=b"], ["--workers", "2"]]:
        yield ["in/a.json", *policy, *more]
    yield ["--file", "in/a.json", "--file", "in/b.yaml", *policy]
    yield ["-f", "in/a.json,in/b.yaml", "dir/sub/c.yaml", *policy]
    yield ["in/b.yaml"]
    yield ["in/b.yaml", "--policy", '{"sources": []}']
    yield ["in/b.yaml", "--policy", "in/b.yaml"]


def setups():
    """What follows `validate image --image IMAGE`, and the variables: how policies, clusters and logs are named."""
    by_key = ["--public-key", "ours.pub", "--ignore-rekor", "--output", "json"]
    yield "good", ["--policy", "OCI", *by_key], {}
    yield "good", ["--policy", "team/default", *by_key], {"KUBECONFIG": "kubeconfig"}
    yield "good", ["--policy", "team/default", *by_key, "--kubeconfig", "kubeconfig"], {}
    yield "good", ["--policy", "team/absent", *by_key, "--kubeconfig", "kubeconfig"], {}
    # A name alone is looked up in the namespace of the kubeconfig.
    yield "good", ["--policy", "default", *by_key], {"KUBECONFIG": "kubeconfig"}
    yield "good", ["--policy", "absent", *by_key], {"KUBECONFIG": "kubeconfig"}
    yield "good", ["--policy", "broken-date.json", *by_key], {}
    yield "good", ["--policy", "own.json", "--public-key", "ours.pub", "--rekor-url", "http://127.0.0.1:1", "--output", "json"], \
        {"SIGSTORE_REKOR_PUBLIC_KEY": "ours.pub"}
    yield "unsigned", ["--policy", "own.json", "--public-key", "ours.pub", "--rekor-url", "http://127.0.0.1:1", "--output", "json"], \
        {"SIGSTORE_REKOR_PUBLIC_KEY": "ours.pub"}


def snapshots(image):
    """Snapshots as lax as Go's decoder takes them, and as strict."""
    yield f'{{"Components": [{{"NAME": "a", "containerimage": "{image}"}}]}}'
    yield f'{{"components": [{{"name": "a", "containerImage": "{image}", "source": {{"git": {{}}}}}}]}}'
    yield f'{{"components": [{{"name": 1, "containerImage": "{image}"}}]}}'
    yield f'{{"spec": {{"components": [{{"name": "a", "containerImage": "{image}"}}]}}}}'
    yield f"components:\n- name: a\n  containerImage: {image}\n"
    yield "{"


# A rule that the good image passes.
PASSING = """package main

import rego.v1

# METADATA
# title: Attested
# custom:
#   short_name: attested
deny contains {"code": "main.attested", "msg": "no attestation"} if count(input.attestations) == 0
"""


def keys(pem, passing, git):
    """How the key and a source with credentials may be written: a name, the configuration, further arguments, the environment."""
    def policy(**more):
        return {"sources": [{"policy": [passing]}], **more}
    cluster = {"KUBECONFIG": "kubeconfig"}
    flag = lambda key: ["--public-key", key]
    yield "publicKey: a PEM", policy(publicKey=pem), [], {}
    yield "publicKey: a PEM with lines around it", policy(publicKey=f"\n{pem}\n"), [], {}
    yield "publicKey: a PEM of another signer, and the flag", policy(publicKey=pem), flag("theirs.pub"), {}
    yield "publicKey: a file", policy(publicKey="ours.pub"), [], {}
    yield "publicKey: an absolute path that is not there", policy(publicKey="/no/such.pub"), [], {}
    yield "publicKey: a text that is no key", policy(publicKey="-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), [], {}
    yield "publicKey: empty", policy(publicKey=""), [], {}
    yield "--public-key: a PEM", policy(), flag(pem), {}
    for key in ["k8s://team/keys", "k8s://team/absent", "k8s://team/empty", "k8s://keys", "k8s://team/keys/cosign.pub", "k8s://"]:
        yield f"--public-key={key}", policy(), flag(key), cluster
    yield "publicKey: k8s://team/keys", policy(publicKey="k8s://team/keys"), [], cluster
    yield "publicKey: k8s://team/keys without a cluster", policy(publicKey="k8s://team/keys"), [], {}
    remote = lambda account: [{"policy": [f"git::https://{account}{git}//policies/passing"]}]
    trusting = {"GIT_SSL_NO_VERIFY": "true"}
    for account in ["", "user:token@", "user:wrong@", "token@"]:
        yield f"git::https://{account}", {"sources": remote(account)}, flag("ours.pub"), trusting


# The rows of `keys` that differ: both exit codes and the reason.
KEYS_KNOWN = {
    "--public-key=k8s://keys": (1, 0, "the namespace of the pod or the kubeconfig is taken"),
    "git::https://user:token@": (0, 1, "a password in a URL ends up in logs, credentials are read from files"),
}
