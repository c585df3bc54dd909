//! Good practice, as warnings: pinned images, no scripts, no secrets in the environment, requests.

use super::{
    finding::{Code, Findings},
    tree::{Type, YamlNode},
};

/// Warns of a step that breaks good practice.
pub(super) fn step(
    step: &YamlNode,
    template: Option<&YamlNode>,
    path: &str,
    findings: &mut Findings<'_>,
) {
    if let Some(script) = step.get("script") {
        let text = "a script puts params into a shell, expected command and args";
        findings.warn(Code::Script, script.at, &format!("{path}.script"), text);
    }
    if let Some(image) = step.get("image")
        && let Some(name) = image.text()
        && !name.contains("@sha256:")
        && !name.contains("$(")
    {
        let text = format!("image {name} is not pinned, expected NAME:TAG@sha256:DIGEST");
        findings.warn(
            Code::ImageWithoutDigest,
            image.at,
            &format!("{path}.image"),
            text,
        );
    }
    environment(step, path, findings);
    plain_arguments(step, path, findings);
    // v1beta1 has `resources`.
    let resources = |node: &YamlNode| {
        node.get("computeResources")
            .or(node.get("resources"))
            .is_some()
    };
    // A StepAction has no such field: the step of the Task has it.
    if path != "spec"
        && step.get("ref").is_none()
        && step.get("image").is_some()
        && !resources(step)
        && !template.is_some_and(resources)
    {
        let text = "computeResources is missing, expected requests";
        findings.warn(Code::NoResources, step.at, path, text);
    }
}

/// Warns of secrets in environment variables: Kubernetes expands them in every argument that names them.
pub(super) fn environment(node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    for (at, variable) in node.list("env").iter().enumerate() {
        let secret = variable
            .get("valueFrom")
            .and_then(|from| from.get("secretKeyRef"));
        if let Some(secret) = secret {
            let path = format!("{path}.env[{at}].valueFrom.secretKeyRef");
            let text = "a secret in the environment, expected a file in a workspace or volume";
            findings.warn(Code::SecretInEnvironment, secret.at, &path, text);
        }
    }
    for (at, source) in node.list("envFrom").iter().enumerate() {
        if let Some(secret) = source.get("secretRef") {
            let path = format!("{path}.envFrom[{at}].secretRef");
            let text = "secrets in the environment, expected files in a workspace or volume";
            findings.warn(Code::SecretInEnvironment, secret.at, &path, text);
        }
    }
}

/// Warns of a flag whose value is the next argument: a value that begins with `-` is then a flag itself.
fn plain_arguments(step: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    let args = step.list("args");
    for (at, pair) in args.windows(2).enumerate() {
        let [flag, value] = pair else { continue };
        let (Some(flag_text), Some(value_text)) = (flag.text(), value.text()) else {
            continue;
        };
        let is_flag =
            flag_text.starts_with("--") && flag_text.len() > 2 && !flag_text.contains('=');
        if is_flag && value_text.starts_with("$(params") && value.ty() == Type::String {
            let path = format!("{path}.args[{at}]");
            let text = format!(
                "the value of {flag_text} is a separate argument, expected {flag_text}={value_text}"
            );
            findings.warn(Code::PlainArgument, flag.at, &path, text);
        }
    }
}
