//! The status of a run that has ended, with the results of the Pipeline.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Schedule, documents};
use crate::tekton::{
    status::{Fate, Status},
    variables::{references, result_reference},
};

impl Schedule<'_> {
    /// Ends the run: takes the statuses of its Tasks and shows the result.
    pub(super) fn status(&mut self, started: Timestamp) -> Status {
        let plan = self.plan;
        let results = self.results();
        let all = plan.spec.tasks.iter().chain(&plan.spec.finally);
        let tasks: Vec<_> = all
            .filter_map(|task| self.done.remove(&task.name))
            .collect();
        let count =
            |wanted: fn(&Fate) -> bool| tasks.iter().filter(|task| wanted(&task.fate)).count();
        let failed = count(|fate| *fate == Fate::Failed);
        let ignored = count(|fate| *fate == Fate::Ignored);
        let skipped = count(|fate| matches!(fate, Fate::Skipped(_)));
        let completed = count(|fate| *fate == Fate::Succeeded) + failed + ignored;
        let of_them = match ignored {
            0 => String::new(),
            ignored => format!(" (Ignored: {ignored})"),
        };
        let counts = format!(
            "Tasks Completed: {completed} (Failed: {}{of_them}, Cancelled 0), Skipped: {skipped}",
            failed + ignored
        );
        let (reason, message) = match &self.invalid {
            Some(message) => ("PipelineValidationFailed", message.clone()),
            None if self.cancelled => ("Cancelled", counts),
            None if failed > 0 => ("Failed", counts),
            None if skipped > 0 => ("Completed", counts),
            None => ("Succeeded", counts),
        };
        let declared = plan.spec.results.iter();
        let status = Status {
            spec: match plan.document.is_null() {
                true => serde_json::Value::Null,
                false => documents::pipeline_spec(&plan.document, &self.given()),
            },
            result_order: declared.map(|result| result.name.clone()).collect(),
            name: plan.name.clone(),
            pipeline: plan.pipeline.clone(),
            succeeded: failed == 0 && self.invalid.is_none() && !self.cancelled,
            reason,
            message,
            started,
            finally_started: None,
            completed: Timestamp::now(),
            tasks,
            results,
        };
        self.picture.finish(&status);
        status
    }

    /// The Pipeline's results whose parts are all there.
    fn results(&self) -> BTreeMap<String, String> {
        let variables = self.variables();
        let complete = |value: &str| {
            let mut used = references(value).into_iter().filter_map(result_reference);
            used.all(|(task, result)| {
                self.done
                    .get(task)
                    .is_some_and(|done| done.result(result).is_some())
            })
        };
        let declared = self.plan.spec.results.iter();
        declared
            .filter(|result| complete(&result.value))
            .map(|result| (result.name.clone(), variables.replace(&result.value)))
            .collect()
    }
}
