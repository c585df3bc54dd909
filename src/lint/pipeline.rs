//! Checks Pipelines: their tasks against each other and against the Tasks among the files.

use std::collections::BTreeMap;

use super::{
    ArgumentCheck, KnownResources,
    duration::duration,
    finding::{Code, Findings},
    order::cycles,
    scope::{Declared, ValueType},
    shape::nearest,
    task::{self, Outer, TaskInterface, given_params, unique},
    tree::YamlNode,
    variables::{ElementIndex, VariableReference, references},
};

/// The declarations that references in a Pipeline resolve against.
pub(super) struct PipelineScope<'a> {
    pub(super) interface: TaskInterface,
    pub(super) tasks: BTreeMap<&'a str, Member>,
    pub(super) finally: BTreeMap<&'a str, Member>,
    /// The part of the Pipeline that is being checked.
    pub(super) part: PipelinePart,
}

/// A part of a Pipeline; each may use other variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PipelinePart {
    Tasks,
    Finally,
    Results,
}

/// A task of a Pipeline, with the interface of its Task.
pub(super) struct Member {
    /// The declarations of its Task, where that is embedded or among the files.
    pub(super) interface: Option<TaskInterface>,
    pub(super) matrix: bool,
}

/// Checks the spec of a Pipeline. `propagated` are the declarations of a PipelineRun around it.
pub(super) fn check(
    spec: &YamlNode,
    path: &str,
    propagated: Option<&TaskInterface>,
    known: &KnownResources<'_>,
    arguments: &ArgumentCheck<'_>,
    findings: &mut Findings<'_>,
) {
    let mut interface = TaskInterface::of(spec, path, findings);
    if let Some(outer) = propagated {
        for (name, declared) in &outer.params {
            let own = interface.params.entry(name.clone());
            own.or_insert_with(|| declared.clone());
        }
        interface.workspaces.extend(outer.workspaces.clone());
    }
    let mut scope = PipelineScope {
        interface,
        tasks: members(spec.list("tasks"), known),
        finally: members(spec.list("finally"), known),
        part: PipelinePart::Tasks,
    };
    let all: Vec<_> = [spec.list("tasks"), spec.list("finally")].concat();
    unique(&all, &format!("{path}.tasks"), findings);
    for (part, key) in [
        (PipelinePart::Tasks, "tasks"),
        (PipelinePart::Finally, "finally"),
    ] {
        scope.part = part;
        for (at, node) in spec.list(key).iter().enumerate() {
            let path = format!("{path}.{key}[{at}]");
            scope.check_task(node, &path, known, arguments, findings);
        }
    }
    scope.part = PipelinePart::Results;
    for (at, result) in spec.list("results").iter().enumerate() {
        if let Some(value) = result.get("value") {
            let path = format!("{path}.results[{at}].value");
            scope.check_texts(value, &path, findings);
        }
    }
    cycles(spec.list("tasks"), &format!("{path}.tasks"), findings);
}

fn members<'a>(list: &'a [YamlNode], known: &KnownResources<'_>) -> BTreeMap<&'a str, Member> {
    let named = list.iter().filter_map(|node| {
        let member = Member {
            interface: interface_of(node, known),
            matrix: node.get("matrix").is_some(),
        };
        Some((node.text_of("name")?, member))
    });
    named.collect()
}

/// Returns the declarations of the Task that a task of a Pipeline runs, where they are known.
fn interface_of(node: &YamlNode, known: &KnownResources<'_>) -> Option<TaskInterface> {
    if let Some(spec) = node.get("taskSpec") {
        // A custom task has a spec of its own kind.
        if spec.get("apiVersion").is_some() {
            return None;
        }
        let mut unreported = Vec::new();
        let mut quiet = Findings::new("", String::new(), &mut unreported);
        return Some(TaskInterface::of(spec, "", &mut quiet));
    }
    let (named, tasks) = match (node.get("taskRef"), node.get("pipelineRef")) {
        (Some(named), _) => (named, &known.tasks),
        (None, named) => (named?, &known.pipelines),
    };
    let custom = named
        .text_of("kind")
        .is_some_and(|kind| !["Task", "Pipeline"].contains(&kind));
    if custom {
        return None;
    }
    tasks.get(referred(named)?).cloned()
}

/// Returns the name of a reference: its own, or that in the params of a resolver.
pub(super) fn referred(named: &YamlNode) -> Option<&str> {
    if named.get("resolver").is_none() {
        return named.text_of("name");
    }
    let params = named.list("params").iter();
    let mut named = params.filter(|param| param.text_of("name") == Some("name"));
    named.next().and_then(|param| param.text_of("value"))
}

impl PipelineScope<'_> {
    fn check_task(
        &self,
        node: &YamlNode,
        path: &str,
        known: &KnownResources<'_>,
        arguments: &ArgumentCheck<'_>,
        findings: &mut Findings<'_>,
    ) {
        self.check_form(node, path, findings);
        for (key, value) in node.entries() {
            let Some(key) = key.text() else { continue };
            let path = format!("{path}.{key}");
            match key {
                "taskSpec" if value.get("apiVersion").is_none() => {
                    let params = node.list("params").iter();
                    let bound = node.list("workspaces").iter();
                    let outer = Outer {
                        pipeline: self,
                        given: params.filter_map(|param| param.text_of("name")).collect(),
                        bound: bound.filter_map(|used| used.text_of("name")).collect(),
                    };
                    task::check(value, &path, Some(&outer), known, arguments, findings);
                }
                "taskSpec" | "pipelineSpec" => {}
                _ => self.check_texts(value, &path, findings),
            }
        }
        self.check_when(node, path, findings);
        let interface = interface_of(node, known);
        if let Some(interface) = &interface {
            let embedded = node.get("taskSpec").is_some();
            self.check_params(node, interface, embedded, path, findings);
        } else if let Some(named) = node.get("taskRef") {
            missing_task(named, path, known, findings);
        }
        self.check_workspaces(node, interface.as_ref(), path, findings);
    }

    /// Checks the parts of a task that exclude or need each other.
    fn check_form(&self, node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
        if node.get("name").is_none() {
            let text = "field name is missing";
            findings.error(Code::MissingField, node.at, path, text);
        }
        let forms = ["taskRef", "taskSpec", "pipelineRef", "pipelineSpec"];
        let count = forms.iter().filter(|key| node.get(key).is_some()).count();
        if count != 1 {
            let text = format!("{count} of taskRef, taskSpec and pipelineRef, expected one");
            findings.error(Code::Conflict, node.at, path, text);
        }
        if self.part == PipelinePart::Finally
            && let Some(after) = node.get("runAfter")
        {
            let text = "tasks of finally have no order";
            findings.error(Code::Conflict, after.at, &format!("{path}.runAfter"), text);
        }
        for after in node.list("runAfter") {
            let name = after.text().unwrap_or_default();
            if self.part == PipelinePart::Tasks && !self.tasks.contains_key(name) {
                let near = nearest(name, self.tasks.keys().copied());
                let near = near.map(|near| format!(", did you mean {near}?"));
                let text = format!("task {name} does not exist{}", near.unwrap_or_default());
                let path = format!("{path}.runAfter");
                findings.error(Code::UnknownReference, after.at, &path, text);
            }
        }
        if let Some(timeout) = node.get("timeout") {
            duration(timeout, &format!("{path}.timeout"), findings);
        }
        if let Some(on_error) = node.get("onError") {
            let path = format!("{path}.onError");
            if !matches!(on_error.text(), Some("continue" | "stopAndFail")) {
                let text = "expected continue or stopAndFail";
                findings.error(Code::WrongValue, on_error.at, &path, text);
            }
            if node
                .text_of("retries")
                .is_some_and(|retries| retries != "0")
                && on_error.text() == Some("continue")
            {
                let text = "onError: continue excludes retries";
                findings.error(Code::Conflict, on_error.at, &path, text);
            }
        }
    }

    fn check_when(&self, node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
        for (at, when) in node.list("when").iter().enumerate() {
            if when.get("cel").is_some() {
                continue;
            }
            for key in ["input", "operator", "values"] {
                if !when
                    .entries()
                    .iter()
                    .any(|(name, _)| name.text() == Some(key))
                {
                    let path = format!("{path}.when[{at}]");
                    let text = format!("field {key} is missing");
                    findings.error(Code::MissingField, when.at, &path, text);
                }
            }
        }
    }

    /// Checks the given params, those of a matrix included, against the Task's.
    fn check_params(
        &self,
        node: &YamlNode,
        interface: &TaskInterface,
        embedded: bool,
        path: &str,
        findings: &mut Findings<'_>,
    ) {
        let mut declared = interface.params.clone();
        let matrix = node.get("matrix");
        let mut of_matrix: Vec<&YamlNode> = Vec::new();
        if let Some(matrix) = matrix {
            of_matrix.extend(matrix.list("params"));
            let include = matrix.list("include").iter();
            of_matrix.extend(include.flat_map(|include| include.list("params")));
        }
        for param in of_matrix {
            let Some(name) = param.text_of("name") else {
                continue;
            };
            if declared.remove(name).is_none() && !interface.params.contains_key(name) {
                let text = format!("param {name} is not declared by the Task");
                let path = format!("{path}.matrix");
                findings.error(Code::UnknownParam, param.at, &path, text);
            }
        }
        // Params of the Pipeline are visible in an embedded spec by their names.
        if embedded {
            for (name, spec) in &mut declared {
                if self.interface.params.contains_key(name) {
                    spec.required = false;
                }
            }
        }
        // An embedded spec may use params that it does not declare.
        given_params(
            node,
            &declared,
            !embedded,
            &format!("{path}.params"),
            findings,
        );
        for (at, param) in node.list("params").iter().enumerate() {
            let target = param.text_of("name").and_then(|name| declared.get(name));
            if let (Some(target), Some(value)) = (target, param.get("value")) {
                let path = format!("{path}.params[{at}].value");
                let name = param.text_of("name").unwrap_or_default();
                self.check_value_type(name, value, target, &path, findings);
            }
        }
    }

    /// Checks a value that is one reference alone: an array is passed on as `$(params.x[*])`.
    fn check_value_type(
        &self,
        name: &str,
        value: &YamlNode,
        target: &Declared,
        path: &str,
        findings: &mut Findings<'_>,
    ) {
        let Some(text) = value.text() else { return };
        let found = references(text);
        let [reference] = found.as_slice() else {
            return;
        };
        if !reference.whole {
            return;
        }
        let Some(source) = self.declared(reference) else {
            return;
        };
        let given = match reference.index {
            ElementIndex::All => source,
            _ => ValueType::String,
        };
        if given != target.ty {
            let text = format!(
                "$({}) is of type {}, {name} has type {}",
                reference.text,
                given.name(),
                target.ty.name()
            );
            findings.error(Code::WrongType, value.at, path, text);
        }
    }

    /// Returns the type that a reference names.
    fn declared(&self, reference: &VariableReference) -> Option<ValueType> {
        match reference.parts().as_slice() {
            ["params", name] => self.interface.params.get(*name).map(|declared| declared.ty),
            ["tasks", task, "results", result] => {
                let member = self.tasks.get(task)?;
                if member.matrix {
                    return Some(ValueType::Array);
                }
                let results = &member.interface.as_ref()?.results;
                results.get(*result).map(|declared| declared.ty)
            }
            _ => None,
        }
    }

    fn check_workspaces(
        &self,
        node: &YamlNode,
        interface: Option<&TaskInterface>,
        path: &str,
        findings: &mut Findings<'_>,
    ) {
        let own = &self.interface.workspaces;
        let given = node.list("workspaces");
        for (at, used) in given.iter().enumerate() {
            let name = used.text_of("name").unwrap_or_default();
            let bound = used.text_of("workspace").filter(|name| !name.is_empty());
            let path = format!("{path}.workspaces[{at}]");
            let source = bound.unwrap_or(name);
            if !own.contains_key(source) && !source.contains("$(") {
                let near = nearest(source, own.keys().map(String::as_str));
                let near = near.map(|near| format!(", did you mean {near}?"));
                let near = near.unwrap_or_default();
                let text = format!("the Pipeline declares no workspace {source}{near}");
                findings.error(Code::UnknownWorkspace, used.at, &path, text);
            }
            // A workspace is visible in an embedded spec that does not declare it.
            let declares = interface.is_none_or(|task| task.workspaces.contains_key(name));
            if !declares && node.get("taskSpec").is_none() {
                let text = format!("the Task declares no workspace {name}");
                findings.error(Code::UnknownWorkspace, used.at, &path, text);
            }
        }
        let Some(interface) = interface else { return };
        let embedded = node.get("taskSpec").is_some();
        for (name, declared) in &interface.workspaces {
            let bound = given.iter().find(|used| used.text_of("name") == Some(name));
            // A workspace of the same name is propagated into an embedded spec.
            let propagated = embedded && own.contains_key(name);
            if bound.is_none() && declared.required && !propagated {
                let text = format!("workspace {name} of the Task is not bound");
                let path = format!("{path}.workspaces");
                findings.error(Code::MissingWorkspace, node.at, &path, text);
            }
            let source = bound
                .and_then(|used| used.text_of("workspace"))
                .unwrap_or(name);
            let optional = own.get(source).is_some_and(|source| !source.required);
            if bound.is_some() && declared.required && optional {
                let text =
                    format!("workspace {name} of the Task is required, {source} is optional");
                let path = format!("{path}.workspaces");
                findings.error(Code::MissingWorkspace, node.at, &path, text);
            }
        }
    }
}

/// Reports a Task that is named but not among the files, when others are.
fn missing_task(
    named: &YamlNode,
    path: &str,
    known: &KnownResources<'_>,
    findings: &mut Findings<'_>,
) {
    let name = named.text_of("name").unwrap_or_default();
    let unclear = known.unclear.contains(name);
    let custom = named.text_of("kind").is_some_and(|kind| kind != "Task");
    if custom || named.get("resolver").is_some() || known.tasks.is_empty() || unclear {
        return;
    }
    let near = nearest(name, known.tasks.keys().copied());
    if let Some(near) = near.filter(|near| *near != name.trim()) {
        let text = format!("Task {name} is not among the files, did you mean {near}?");
        let path = format!("{path}.taskRef");
        findings.error(Code::UnknownReference, named.at, &path, text);
    } else {
        let text = format!("Task {name} is not among the files, so its params were not checked");
        let path = format!("{path}.taskRef");
        findings.warn(Code::Unused, named.at, &path, text);
    }
}
