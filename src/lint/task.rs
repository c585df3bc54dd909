//! Checks Tasks, embedded task specs and StepActions: declarations, references, steps.

use super::{
    ArgumentCheck, KnownResources,
    duration::duration,
    finding::{Code, Findings},
    house,
    pipeline::PipelineScope,
    scope::{
        Declarations, Declared, ReferencePlace, Site, ValueType, check_use, declarations,
        undeclared, unknown,
    },
    shape::nearest,
    tree::{Type, YamlNode},
    variables::{VariableReference, references},
};

/// The declared params, results and workspaces of a resource.
#[derive(Debug, Default, Clone)]
pub(super) struct TaskInterface {
    pub(super) params: Declarations,
    pub(super) results: Declarations,
    pub(super) workspaces: Declarations,
}

impl TaskInterface {
    /// Reads the declarations of a spec.
    pub(super) fn of(spec: &YamlNode, path: &str, findings: &mut Findings<'_>) -> Self {
        let mut read = |key| declarations(spec.list(key), &format!("{path}.{key}"), findings);
        Self {
            params: read("params"),
            results: read("results"),
            workspaces: read("workspaces"),
        }
    }
}

/// The declarations that references in a Task resolve against.
struct TaskScope<'a> {
    own: TaskInterface,
    steps: Vec<&'a str>,
    volumes: Vec<&'a str>,
    /// The Pipeline around an embedded spec, whose params and results are visible in it.
    outer: Option<&'a Outer<'a>>,
    step_action: bool,
    /// The file is one that Pipelines-as-Code embeds in a PipelineRun, whose params and workspaces reach into it.
    inlined: bool,
}

/// The surroundings of an embedded spec.
pub(super) struct Outer<'a> {
    pub(super) pipeline: &'a PipelineScope<'a>,
    /// The params that the Pipeline passes to it, declared or not.
    pub(super) given: Vec<&'a str>,
    /// The workspaces that the task of the Pipeline binds.
    pub(super) bound: Vec<&'a str>,
}

/// Checks the spec of a Task.
pub(super) fn check(
    spec: &YamlNode,
    path: &str,
    outer: Option<&Outer<'_>>,
    known: &KnownResources<'_>,
    arguments: &ArgumentCheck<'_>,
    findings: &mut Findings<'_>,
) {
    let steps = spec.list("steps");
    let names = |key| -> Vec<&str> {
        let nodes = spec.list(key).iter();
        nodes.filter_map(|node| node.text_of("name")).collect()
    };
    let scope = TaskScope {
        own: TaskInterface::of(spec, path, findings),
        steps: names("steps"),
        volumes: names("volumes"),
        outer,
        step_action: false,
        inlined: findings.is_below(".tekton"),
    };
    unique(steps, &format!("{path}.steps"), findings);
    unique(spec.list("volumes"), &format!("{path}.volumes"), findings);
    unique(spec.list("sidecars"), &format!("{path}.sidecars"), findings);
    if spec.get("steps").is_some() && steps.is_empty() {
        findings.error(Code::MissingField, spec.at, path, "a Task needs a step");
    }
    let template = spec.get("stepTemplate");
    if let Some(template) = template {
        let path = format!("{path}.stepTemplate");
        scope.check_container(template, &path, findings);
        house::environment(template, &path, findings);
    }
    for (at, sidecar) in spec.list("sidecars").iter().enumerate() {
        scope.check_container(sidecar, &format!("{path}.sidecars[{at}]"), findings);
    }
    for (at, step) in steps.iter().enumerate() {
        let path = format!("{path}.steps[{at}]");
        scope.check_step(step, template, &path, known, findings);
        house::step(step, template, &path, findings);
        step_arguments(step, &path, arguments, findings);
    }
    for key in ["volumes", "results"] {
        if let Some(node) = spec.get(key) {
            scope.check_texts(node, &format!("{path}.{key}"), findings);
        }
    }
}

/// Checks the spec of a StepAction.
pub(super) fn check_step_action(
    spec: &YamlNode,
    arguments: &ArgumentCheck<'_>,
    findings: &mut Findings<'_>,
) {
    let scope = TaskScope {
        own: TaskInterface::of(spec, "spec", findings),
        steps: Vec::new(),
        volumes: Vec::new(),
        outer: None,
        step_action: true,
        inlined: false,
    };
    if spec.get("image").is_none() {
        findings.error(
            Code::MissingField,
            spec.at,
            "spec",
            "field image is missing",
        );
    }
    if let Some(script) = spec.get("script")
        && script.text().is_some_and(|text| text.contains("$(params"))
    {
        let text = "a StepAction must not use params in its script, pass them by env or args";
        findings.error(Code::WrongValue, script.at, "spec.script", text);
    }
    for (key, value) in spec.entries() {
        if let Some(key) = key.text()
            && !["params", "results", "description", "volumeMounts"].contains(&key)
        {
            scope.check_texts(value, &format!("spec.{key}"), findings);
        }
    }
    script_or_command(spec, "spec", findings);
    house::step(spec, None, "spec", findings);
    step_arguments(spec, "spec", arguments, findings);
}

/// Refuses a duplicate name in a list.
pub(super) fn unique(list: &[YamlNode], path: &str, findings: &mut Findings<'_>) {
    let mut seen = Vec::new();
    for (at, node) in list.iter().enumerate() {
        let Some(name) = node.text_of("name").filter(|name| !name.is_empty()) else {
            continue;
        };
        if seen.contains(&name) {
            let text = format!("name {name} is declared twice");
            findings.error(Code::DuplicateName, node.at, &format!("{path}[{at}]"), text);
        }
        seen.push(name);
    }
}

fn script_or_command(step: &YamlNode, path: &str, findings: &mut Findings<'_>) {
    if let (Some(script), Some(_)) = (step.get("script"), step.get("command")) {
        let text = "script and command exclude each other";
        findings.error(Code::Conflict, script.at, path, text);
    }
}

impl TaskScope<'_> {
    fn check_step(
        &self,
        step: &YamlNode,
        template: Option<&YamlNode>,
        path: &str,
        known: &KnownResources<'_>,
        findings: &mut Findings<'_>,
    ) {
        self.check_container(step, path, findings);
        script_or_command(step, path, findings);
        let action = step.get("ref");
        let templated = template.and_then(|template| template.get("image"));
        match action {
            None if step.get("image").or(templated).is_none() => {
                let text = "field image is missing";
                findings.error(Code::MissingField, step.at, path, text);
            }
            Some(_) => self.check_action(step, path, known, findings),
            None if step.get("params").is_some() => {
                let text = "params without ref: only a StepAction takes them";
                findings.error(Code::Conflict, step.at, path, text);
            }
            None => {}
        }
        if let Some(on_error) = step.get("onError")
            && !matches!(on_error.text(), Some("continue" | "stopAndFail"))
            && on_error.text().is_none_or(|text| !text.contains("$("))
        {
            let text = "expected continue or stopAndFail";
            findings.error(
                Code::WrongValue,
                on_error.at,
                &format!("{path}.onError"),
                text,
            );
        }
        if let Some(timeout) = step.get("timeout") {
            duration(timeout, &format!("{path}.timeout"), findings);
        }
    }

    /// Checks a step that runs a StepAction.
    fn check_action(
        &self,
        step: &YamlNode,
        path: &str,
        known: &KnownResources<'_>,
        findings: &mut Findings<'_>,
    ) {
        for key in ["image", "command", "args", "script", "env", "volumeMounts"] {
            if let Some(node) = step.get(key) {
                let text = format!("{key} beside ref: the StepAction has it");
                findings.error(Code::Conflict, node.at, path, text);
            }
        }
        let named = step.get("ref").and_then(|action| action.text_of("name"));
        let Some(action) = named.and_then(|name| known.step_actions.get(name)) else {
            return;
        };
        given_params(
            step,
            &action.params,
            true,
            &format!("{path}.params"),
            findings,
        );
    }

    /// Checks the references of a step, sidecar or template, and its mounts.
    fn check_container(&self, node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
        for (key, value) in node.entries() {
            if let Some(key) = key.text() {
                self.check_texts(value, &format!("{path}.{key}"), findings);
            }
        }
        for (at, mount) in node.list("volumeMounts").iter().enumerate() {
            let name = mount.text_of("name").unwrap_or_default();
            if !name.contains("$(") && !self.volumes.contains(&name) {
                let near = nearest(name, self.volumes.iter().copied());
                let near = near.map(|near| format!(", did you mean {near}?"));
                let text = format!("volume {name} is not declared{}", near.unwrap_or_default());
                let path = format!("{path}.volumeMounts[{at}]");
                findings.error(Code::UnknownReference, mount.at, &path, text);
            }
        }
        for (at, used) in node.list("workspaces").iter().enumerate() {
            let name = used.text_of("name").unwrap_or_default();
            if !self.own.workspaces.contains_key(name) {
                let text = format!("workspace {name} is not declared");
                let path = format!("{path}.workspaces[{at}]");
                findings.error(Code::UnknownWorkspace, used.at, &path, text);
            }
        }
    }

    /// Checks every reference below a node.
    fn check_texts(&self, node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
        let script = path.ends_with(".script");
        for (scalar, item) in node.scalars() {
            let Some(text) = scalar.text() else { continue };
            let site = Site {
                at: scalar.at,
                path,
                place: match item {
                    true => ReferencePlace::Item,
                    false => ReferencePlace::Text,
                },
            };
            for reference in references(text) {
                self.check_reference(&reference, script, &site, findings);
            }
        }
    }

    /// Returns the declaration of a param here, else in the Pipeline around the spec.
    fn declared_param(&self, name: &str) -> Option<&Declared> {
        let own = self.own.params.get(name);
        own.or_else(|| {
            self.outer
                .and_then(|outer| outer.pipeline.interface.params.get(name))
        })
    }

    /// Tells whether a workspace is declared, or propagated from the Pipeline around the spec.
    fn has_workspace(&self, name: &str) -> bool {
        let propagated = |outer: &Outer<'_>| {
            outer.bound.contains(&name) || outer.pipeline.interface.workspaces.contains_key(name)
        };
        self.own.workspaces.contains_key(name) || self.outer.is_some_and(propagated)
    }

    fn check_reference(
        &self,
        reference: &VariableReference,
        script: bool,
        site: &Site<'_>,
        findings: &mut Findings<'_>,
    ) {
        let outer = self.outer.map(|outer| outer.pipeline);
        let is_given = |name: &&str| self.outer.is_some_and(|outer| outer.given.contains(name));
        match reference.parts().as_slice() {
            ["params", name, keys @ ..] | ["inputs", "params", name, keys @ ..] => {
                match self.declared_param(name) {
                    Some(declared) => check_use(reference, declared, keys, site, findings),
                    None if is_given(name) => {}
                    // Tekton replaces it in a template whenever the run has it, declared or not.
                    None if self.inlined || site.path.contains(".stepTemplate") => {
                        undeclared("param", name, &self.own.params, reference, site, findings);
                    }
                    None => unknown("param", name, &self.own.params, reference, site, findings),
                }
            }
            ["results", name, "path"] if !self.step_action => {
                if !self.own.results.contains_key(*name) {
                    unknown("result", name, &self.own.results, reference, site, findings);
                }
            }
            ["step", "results", name, "path"] => {
                let own = &self.own.results;
                if self.step_action && !own.contains_key(*name) {
                    unknown("result", name, own, reference, site, findings);
                }
            }
            ["workspaces", name, "path" | "bound" | "claim" | "volume"] => {
                let own = &self.own.workspaces;
                match self.has_workspace(name) {
                    true => {}
                    false if self.inlined => {
                        undeclared("workspace", name, own, reference, site, findings);
                    }
                    false => unknown("workspace", name, own, reference, site, findings),
                }
            }
            ["steps", step, "exitCode", "path"] | ["steps", step, "results" | "outputs", ..] => {
                let step = step.strip_prefix("step-").unwrap_or(step);
                if !self.steps.contains(&step) {
                    let text = format!("$({}): step {step} is not declared", reference.text);
                    findings.error(Code::UnresolvedVariable, site.at, site.path, text);
                }
            }
            ["context", "taskRun", "name" | "namespace" | "uid"]
            | ["context", "task", "name" | "retry-count"]
            | ["credentials", "path"]
            | ["artifacts" | "outputs" | "inputs", ..]
            | ["step", "artifacts" | "outputs" | "inputs", ..]
            | ["steps", _, "inputs", ..] => {}
            ["context", "pipelineRun", "name" | "namespace" | "uid"]
            | ["context", "pipeline", "name"]
                if outer.is_some() => {}
            ["tasks", ..] if outer.is_some() => {
                if let Some(outer) = outer {
                    outer.check_reference(reference, site, findings);
                }
            }
            _ => unresolved(reference, script, site, findings),
        }
    }
}

const PREFIXES: [&str; 9] = [
    "params",
    "results",
    "workspaces",
    "steps",
    "step",
    "context",
    "credentials",
    "tasks",
    "inputs",
];

/// Reports a reference that Tekton does not replace. In a script an unknown first word can be a program.
pub(super) fn unresolved(
    reference: &VariableReference,
    script: bool,
    site: &Site<'_>,
    findings: &mut Findings<'_>,
) {
    let first = reference.parts().first().copied().unwrap_or_default();
    if script && !PREFIXES.contains(&first) {
        return;
    }
    let near = nearest(first, PREFIXES.into_iter()).filter(|near| *near != first);
    let near = near.map(|near| format!(", did you mean {near}?"));
    let text = format!(
        "Tekton does not replace $({}) here{}",
        reference.text,
        near.unwrap_or_default()
    );
    findings.error(Code::UnresolvedVariable, site.at, site.path, text);
}

/// Checks given params against declared ones: missing, of another type and, where the declarations are `closed`,
/// unknown.
pub(super) fn given_params(
    node: &YamlNode,
    declared: &Declarations,
    closed: bool,
    path: &str,
    findings: &mut Findings<'_>,
) {
    let given = node.list("params");
    for (at, param) in given.iter().enumerate() {
        let Some(name) = param.text_of("name") else {
            continue;
        };
        let path = format!("{path}[{at}]");
        let Some(declared) = declared.get(name) else {
            if !closed {
                continue;
            }
            let near = nearest(name, declared.keys().map(String::as_str));
            let near = near.map(|near| format!(", did you mean {near}?"));
            let text = format!("param {name} is not declared{}", near.unwrap_or_default());
            findings.error(Code::UnknownParam, param.at, &path, text);
            continue;
        };
        param_type(param, declared, &path, findings);
    }
    for (name, declared) in declared {
        let found = given
            .iter()
            .any(|param| param.text_of("name") == Some(name));
        if declared.required && !found {
            let text = format!("param {name} has no default and is not given");
            findings.error(Code::MissingParam, node.at, path, text);
        }
    }
}

fn param_type(param: &YamlNode, declared: &Declared, path: &str, findings: &mut Findings<'_>) {
    let Some(value) = param.get("value") else {
        return;
    };
    let given = match value.ty() {
        Type::Array => ValueType::Array,
        Type::Object => ValueType::Object,
        _ => match value.text().map(references).as_deref() {
            // The reference decides, and is checked where it is resolved.
            Some([reference]) if reference.whole => return,
            _ => ValueType::String,
        },
    };
    if given != declared.ty {
        let text = format!(
            "the value of {} is of type {}, expected {}",
            param.text_of("name").unwrap_or("a param without a name"),
            given.name(),
            declared.ty.name()
        );
        findings.error(Code::WrongType, value.at, &format!("{path}.value"), text);
    }
}

/// Checks the words of a step against the command line of this program.
fn step_arguments(
    step: &YamlNode,
    path: &str,
    arguments: &ArgumentCheck<'_>,
    findings: &mut Findings<'_>,
) {
    let texts = |key| -> Vec<&str> { step.list(key).iter().filter_map(YamlNode::text).collect() };
    let (command, args) = (texts("command"), texts("args"));
    for error in arguments(&command, &args) {
        let argument = error
            .index
            .and_then(|at| Some((at, step.list("args").get(at)?)));
        match argument {
            Some((at, node)) => {
                let path = format!("{path}.args[{at}]");
                findings.error(Code::Argument, node.at, &path, error.message);
            }
            None => findings.error(Code::Argument, step.at, path, error.message),
        }
    }
}
