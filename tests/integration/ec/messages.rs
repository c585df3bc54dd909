//! Messages, log and inspection of `ec`, in upstream's words.

use super::*;

#[test]
fn messages_about_wrong_input_are_upstreams() {
    let scene = attested_image();
    let said = |run: Run| run.exits(1).stderr;
    assert_eq!(
        said(ec(
            &scene,
            &["validate", "image", "-p", "good.yaml", "-k", "cosign.pub"]
        )),
        "Error: neither Snapshot nor image reference provided to validate\n"
    );
    let image = scene.image();
    assert_eq!(
        said(ec(
            &scene,
            &["validate", "image", "-i", &image, "-p", "good.yaml"]
        )),
        "Error: certificate OIDC issuer must be provided for keyless workflow\ncertificate identity must be provided for keyless workflow\n"
    );
    let both = said(ec(&scene, &["validate", "image", "-p", "good.yaml"]));
    assert!(
        both.starts_with("Error: neither Snapshot") && both.contains("\ncertificate identity must"),
        "{both}"
    );
    assert_eq!(
        said(validate(
            &scene,
            "good.yaml",
            &["--extra-rule-data", "a=b,c"]
        )),
        "Error: incorrect syntax for --extra-rule-data 1\n"
    );
    assert!(said(validate(&scene, "good.yaml", &["--effective-time", "2001-01-01"])).contains(
        "Error: effective time 2001-01-01T00:00:00Z is in the past; use --allow-past-effective-time to override"
    ));
    assert!(
        said(validate(
            &scene,
            "good.yaml",
            &["--output", "pdf", "--output", "json=report.json"]
        ))
        .ends_with("Error: \"pdf\" is not a valid report format\n")
    );
    assert!(
        scene.dir.exists("report.json"),
        "the other reports are written"
    );
    validate(&scene, "http://policy.example/policy.yaml", &[])
        .exits(1)
        .says("attempting to download from insecure source: http://policy.example/policy.yaml");
    ec(
        &scene,
        &[
            "validate",
            "image",
            "--images",
            "[",
            "-p",
            "good.yaml",
            "-k",
            "cosign.pub",
        ],
    )
    .exits(1)
    .says("Error: unable to parse Snapshot specification from [");
    assert_eq!(
        said(ec(&scene, &["validate", "image", "--nope"])),
        "Error: unknown flag: --nope\n"
    );
    assert_eq!(
        said(validate(&scene, "good.yaml", &["--vsa"])),
        "Error: --vsa is not supported by promote\n"
    );
    assert_eq!(
        said(validate(
            &scene,
            "good.yaml",
            &["--quiet", "--timeout", "1ns"]
        )),
        "Error: exceeded allowed execution time of 1ns, the timeout can be adjusted using the --timeout command line argument\n"
    );
}

#[test]
fn an_error_of_a_component_leaves_no_report() {
    let scene = attested_image();
    scene.dir.write(
        "broken/a.rego",
        r#"package main
import rego.v1
# METADATA
# title: t
# custom:
#   short_name: r
deny contains {"code": "main.r"}
"#,
    );
    scene
        .dir
        .write("broken.yaml", "sources: [{policy: [./broken]}]\n");
    let run = validate(&scene, "broken.yaml", &["--output", "json=report.json"]).exits(1);
    let image = scene.image();
    let run = run.says(&format!(
        "Error: error validating image {image} of component Unnamed: "
    ));
    assert!(run.stdout.is_empty() && !scene.dir.exists("report.json"));
}

#[test]
fn the_log_goes_to_the_given_file() {
    let scene = attested_image();
    let run = validate(&scene, "good.yaml", &["--logfile", "ec.log", "--verbose"]).exits(0);
    assert_eq!(run.stderr, "");
    let log = scene.dir.read("ec.log");
    assert!(log.lines().all(|line| line.starts_with("time=\"")), "{log}");
    assert!(log.contains("level=info msg=examining"), "{log}");
}

#[test]
fn policies_are_checked_and_inspected() {
    let scene = unsigned_image();
    let run = ec(&scene, &["validate", "policy", "--policy", "good.yaml"]).exits(0);
    assert_eq!(
        run.stdout,
        "Policy configuration conforms to the EnterpriseContractPolicy spec\n"
    );
    scene.dir.write("wrong.yaml", "sorces: []\n");
    let run = ec(&scene, &["validate", "policy", "-p", "wrong.yaml"]).exits(1);
    run.says("Error: policy configuration does not conform to the EnterpriseContractPolicy spec");
    let run = ec(&scene, &["inspect", "policy", "--source", "./good"]).exits(0);
    assert_eq!(
        run.stdout,
        r"# Source: file::./good

main.attested (deny)
https://conforma.dev/docs/policy/packages/release_main.html#main__attested
Attested
There has to be an attestation.
[minimal]
--
"
    );
    let run = ec(
        &scene,
        &[
            "inspect",
            "policy",
            "-p",
            "bad.yaml",
            "-o",
            "short-names",
            "--package",
            "never",
        ],
    );
    assert_eq!(run.exits(0).stdout, "never.ever\n");
    let run = ec(&scene, &["inspect", "policy", "-s", "./good", "-o", "json"]);
    let chains: Value = serde_json::from_str(&run.exits(0).stdout).unwrap();
    let rule = &chains["file::./good"][0];
    assert_eq!(rule["annotations"]["custom"]["short_name"], "attested");
    assert_eq!(rule["path"][2], json!({"type": "string", "value": "deny"}));
    assert_eq!(rule["location"]["col"], 1);
    ec(&scene, &["inspect", "policy", "-s", "./good", "-o", "x"]).exits(1).says(
        "Error: invalid value for --output 'x'. accepted values: json, text, names, short-names",
    );
}
