//! References in a Pipeline: params, workspaces, results and status of its tasks.

use std::collections::BTreeMap;

use super::{
    finding::{Code, Findings},
    pipeline::{Member, PipelinePart, PipelineScope},
    scope::{ReferencePlace, Site, check_use, unknown},
    shape::nearest,
    task::unresolved,
    tree::YamlNode,
    variables::{VariableReference, references},
};

impl PipelineScope<'_> {
    /// Checks every reference below a node.
    pub(super) fn check_texts(&self, node: &YamlNode, path: &str, findings: &mut Findings<'_>) {
        // The value of a param or result may be a whole array.
        let place = match path.contains(".params") || path.contains(".results") {
            true => ReferencePlace::Value,
            false if path.ends_with(".matrix") => ReferencePlace::Value,
            false => ReferencePlace::Text,
        };
        for (scalar, item) in node.scalars() {
            let Some(text) = scalar.text() else { continue };
            let site = Site {
                at: scalar.at,
                path,
                place: match item {
                    true => ReferencePlace::Item,
                    false => place,
                },
            };
            for reference in references(text) {
                self.check_reference(&reference, &site, findings);
            }
        }
    }

    /// Checks a reference, also one in an embedded Task.
    pub(super) fn check_reference(
        &self,
        reference: &VariableReference,
        site: &Site<'_>,
        findings: &mut Findings<'_>,
    ) {
        match reference.parts().as_slice() {
            ["params", name, keys @ ..] => match self.interface.params.get(*name) {
                Some(declared) => check_use(reference, declared, keys, site, findings),
                None => {
                    let own = &self.interface.params;
                    unknown("param", name, own, reference, site, findings);
                }
            },
            ["workspaces", name, "bound"] => {
                let own = &self.interface.workspaces;
                if !own.contains_key(*name) {
                    unknown("workspace", name, own, reference, site, findings);
                }
            }
            // The value is passed on as it is, and replaced in a Task that has the workspace.
            ["workspaces", name, "path" | "claim" | "volume"] if site.path.contains(".params") => {
                let text = format!(
                    "$({}): expected a Task with a workspace {name}",
                    reference.text
                );
                findings.warn(Code::UnresolvedVariable, site.at, site.path, text);
            }
            ["tasks", task, "results", result, keys @ ..] => {
                self.result(&self.tasks, task, result, keys, reference, site, findings);
            }
            ["finally", task, "results", result, keys @ ..]
                if self.part == PipelinePart::Results =>
            {
                self.result(&self.finally, task, result, keys, reference, site, findings);
            }
            ["tasks", "status"] if self.part == PipelinePart::Finally => {}
            ["tasks", task, "status" | "reason"] if self.part == PipelinePart::Finally => {
                self.task_exists(&self.tasks, task, reference, site, findings);
            }
            ["tasks", task, "status" | "reason"] if self.part == PipelinePart::Tasks => {
                self.task_exists(&self.tasks, task, reference, site, findings);
                let text = format!("$({}) is known in finally only", reference.text);
                findings.error(Code::UnresolvedVariable, site.at, site.path, text);
            }
            ["tasks", task, "matrix", ..] | ["tasks", task, "outputs", ..] => {
                self.task_exists(&self.tasks, task, reference, site, findings);
            }
            ["context", "pipelineRun", "name" | "namespace" | "uid"]
            | ["context", "pipeline", "name"]
            | ["context", "pipelineTask", "retries"] => {}
            _ => unresolved(reference, false, site, findings),
        }
    }

    fn task_exists(
        &self,
        members: &BTreeMap<&str, Member>,
        task: &str,
        reference: &VariableReference,
        site: &Site<'_>,
        findings: &mut Findings<'_>,
    ) -> bool {
        if members.contains_key(task) {
            return true;
        }
        let near = nearest(task, members.keys().copied());
        let near = near.map(|near| format!(", did you mean {near}?"));
        let near = near.unwrap_or_default();
        let text = format!("$({}): task {task} does not exist{near}", reference.text);
        findings.error(Code::UnresolvedVariable, site.at, site.path, text);
        false
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a reference, where it is, and the tasks it may name"
    )]
    fn result(
        &self,
        members: &BTreeMap<&str, Member>,
        task: &str,
        result: &str,
        keys: &[&str],
        reference: &VariableReference,
        site: &Site<'_>,
        findings: &mut Findings<'_>,
    ) {
        if !self.task_exists(members, task, reference, site, findings) {
            return;
        }
        let member = members.get(task);
        let Some(Member {
            interface: Some(interface),
            matrix,
        }) = member
        else {
            return;
        };
        match interface.results.get(result) {
            // A matrix makes an array of each result.
            Some(_) if *matrix => {}
            Some(declared) => check_use(reference, declared, keys, site, findings),
            None => {
                let what = format!("result of {task}");
                let own = &interface.results;
                unknown(&what, result, own, reference, site, findings);
            }
        }
    }
}
