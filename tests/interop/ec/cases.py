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
