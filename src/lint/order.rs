//! The order of a Pipeline's tasks: a task must not wait for itself.

use std::collections::BTreeMap;

use super::{
    finding::{Code, Findings},
    tree::YamlNode,
    variables::references,
};

/// Reports tasks that wait for themselves, by `runAfter` and by results.
pub(super) fn cycles(tasks: &[YamlNode], path: &str, findings: &mut Findings<'_>) {
    let mut waits: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for node in tasks {
        let Some(name) = node.text_of("name") else {
            continue;
        };
        let mut before: Vec<String> = node
            .list("runAfter")
            .iter()
            .filter_map(|after| after.text().map(str::to_owned))
            .collect();
        let scalars = node.scalars();
        let texts = scalars.iter().filter_map(|(scalar, _)| scalar.text());
        for reference in texts.flat_map(references) {
            if let ["tasks", task, "results" | "matrix", ..] = reference.parts().as_slice() {
                before.push((*task).to_owned());
            }
        }
        waits.insert(name, before);
    }
    // A task whose predecessors are all done is done, until no more follow.
    let mut done: Vec<&str> = Vec::new();
    loop {
        let ready: Vec<_> = waits
            .iter()
            .filter(|(name, before)| {
                !done.contains(name)
                    && before.iter().all(|task| {
                        done.contains(&task.as_str()) || !waits.contains_key(task.as_str())
                    })
            })
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            break;
        }
        done.extend(ready);
    }
    for (at, node) in tasks.iter().enumerate() {
        if let Some(name) = node.text_of("name")
            && !done.contains(&name)
        {
            let text = format!("task {name} waits for itself");
            findings.error(Code::Cycle, node.at, &format!("{path}[{at}]"), text);
        }
    }
}
