//! PipelineRuns: params and workspaces against the Pipeline that is named or embedded.

use super::{
    ArgumentCheck, KnownResources,
    duration::duration,
    finding::{Code, Findings},
    pipeline,
    scope::{Declared, ValueType},
    shape::nearest,
    task::{TaskInterface, given_params, unique},
    tree::{Type, YamlNode},
};

/// Checks the spec of a PipelineRun.
pub(super) fn check(
    node: &YamlNode,
    spec: &YamlNode,
    known: &KnownResources<'_>,
    arguments: &ArgumentCheck<'_>,
    findings: &mut Findings<'_>,
) {
    unique(spec.list("params"), "spec.params", findings);
    unique(spec.list("workspaces"), "spec.workspaces", findings);
    for key in ["pipeline", "tasks", "finally"] {
        let timeout = spec.get("timeouts").and_then(|timeouts| timeouts.get(key));
        if let Some(timeout) = timeout {
            duration(timeout, &format!("spec.timeouts.{key}"), findings);
        }
    }
    check_bindings(spec, findings);
    match (spec.get("pipelineRef"), spec.get("pipelineSpec")) {
        (Some(named), None) => {
            let pipeline = pipeline::referred(named).and_then(|name| known.pipelines.get(name));
            match pipeline {
                Some(pipeline) => check_against(spec, pipeline, true, findings),
                None => missing_pipeline(named, known, findings),
            }
        }
        (None, Some(embedded)) => {
            let mut unreported = Vec::new();
            let mut quiet = Findings::new("", String::new(), &mut unreported);
            let interface = TaskInterface::of(embedded, "", &mut quiet);
            // An embedded spec may use params that it does not declare.
            check_against(spec, &interface, false, findings);
            let propagated = given(spec);
            pipeline::check(
                embedded,
                "spec.pipelineSpec",
                Some(&propagated),
                known,
                arguments,
                findings,
            );
        }
        (named, _) => {
            let at = named.map_or(node.at, |named| named.at);
            let text = "expected one of pipelineRef and pipelineSpec";
            findings.error(Code::Conflict, at, "spec", text);
        }
    }
}

/// Returns the declarations that the given params and workspaces amount to.
fn given(spec: &YamlNode) -> TaskInterface {
    let declared = |node: &YamlNode, ty| {
        let spec = Declared {
            ty,
            required: false,
            keys: Vec::new(),
        };
        node.text_of("name").map(|name| (name.to_owned(), spec))
    };
    let params = spec.list("params").iter().filter_map(|param| {
        let ty = match param.get("value").map(YamlNode::ty) {
            Some(Type::Array) => ValueType::Array,
            Some(Type::Object) => ValueType::Object,
            _ => ValueType::String,
        };
        declared(param, ty)
    });
    let workspaces = spec.list("workspaces").iter();
    TaskInterface {
        params: params.collect(),
        workspaces: workspaces
            .filter_map(|node| declared(node, ValueType::String))
            .map(|(name, spec)| {
                (
                    name,
                    Declared {
                        required: true,
                        ..spec
                    },
                )
            })
            .collect(),
        ..TaskInterface::default()
    }
}

fn check_against(
    spec: &YamlNode,
    pipeline: &TaskInterface,
    closed: bool,
    findings: &mut Findings<'_>,
) {
    given_params(spec, &pipeline.params, closed, "spec.params", findings);
    let bound = spec.list("workspaces");
    for (at, node) in bound.iter().enumerate() {
        let name = node.text_of("name").unwrap_or_default();
        if !pipeline.workspaces.contains_key(name) {
            let near = nearest(name, pipeline.workspaces.keys().map(String::as_str));
            let near = near.map(|near| format!(", did you mean {near}?"));
            let near = near.unwrap_or_default();
            let text = format!("the Pipeline declares no workspace {name}{near}");
            let path = format!("spec.workspaces[{at}]");
            findings.error(Code::UnknownWorkspace, node.at, &path, text);
        }
    }
    for (name, declared) in &pipeline.workspaces {
        let is_bound = bound.iter().any(|node| node.text_of("name") == Some(name));
        if declared.required && !is_bound {
            let text = format!("workspace {name} of the Pipeline is not bound");
            findings.error(Code::MissingWorkspace, spec.at, "spec.workspaces", text);
        }
    }
}

/// Checks that each workspace is bound to exactly one volume.
fn check_bindings(spec: &YamlNode, findings: &mut Findings<'_>) {
    const SOURCES: [&str; 7] = [
        "volumeClaimTemplate",
        "persistentVolumeClaim",
        "emptyDir",
        "configMap",
        "secret",
        "projected",
        "csi",
    ];
    for (at, node) in spec.list("workspaces").iter().enumerate() {
        let has = |key: &&str| {
            node.entries()
                .iter()
                .any(|(name, _)| name.text() == Some(key))
        };
        let count = SOURCES.iter().filter(|key| has(key)).count();
        if count != 1 {
            let text = format!("{count} volumes, expected one of {}", SOURCES.join(", "));
            let path = format!("spec.workspaces[{at}]");
            findings.error(Code::Conflict, node.at, &path, text);
        }
    }
}

fn missing_pipeline(named: &YamlNode, known: &KnownResources<'_>, findings: &mut Findings<'_>) {
    let name = pipeline::referred(named).unwrap_or_default();
    if let Some(near) = nearest(name, known.pipelines.keys().copied()) {
        let text = format!("Pipeline {name} is not among the files, did you mean {near}?");
        findings.error(Code::UnknownReference, named.at, "spec.pipelineRef", text);
    }
}
