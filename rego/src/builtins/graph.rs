//! Builtins over graphs: `graph.reachable` and `graph.reachable_paths`.

use std::collections::{HashSet, VecDeque};

use super::operand::{Answer, Failure, elements, give, object};
use crate::value::{Object, Value};

/// The most steps of a search for paths, whose number grows with the factorial of the nodes.
const MAX_STEPS: usize = 5_000_000;

fn neighbours(edges: &Value) -> &[Value] {
    match edges {
        Value::Array(items) => items,
        Value::Set(items) => items.items(),
        _ => &[],
    }
}

/// `graph.reachable(graph, starts)`: the nodes of the graph that can be reached.
pub(super) fn reachable(operands: &[Value]) -> Answer {
    let graph = object(operands, 0)?;
    let mut queue: VecDeque<_> = elements(operands, 1, &["{array, set}"])?.iter().collect();
    let mut reached = HashSet::new();
    while let Some(node) = queue.pop_front() {
        if let Some(edges) = graph.get(node)
            && reached.insert(node)
        {
            queue.extend(
                neighbours(edges)
                    .iter()
                    .filter(|next| !reached.contains(next)),
            );
        }
    }
    give(Value::set(reached.into_iter().cloned().collect()))
}

/// A search for all paths without circles.
struct PathSearch<'a> {
    graph: &'a Object,
    path: Vec<&'a Value>,
    found: Vec<Value>,
    steps: usize,
}

/// `graph.reachable_paths(graph, starts)`: each path, up to a node that it has already or that has no edges.
pub(super) fn reachable_paths(operands: &[Value]) -> Answer {
    let graph = object(operands, 0)?;
    let mut search = PathSearch {
        graph,
        path: Vec::new(),
        found: Vec::new(),
        steps: 0,
    };
    for start in elements(operands, 1, &["{array, set}"])? {
        if graph.contains_key(start) {
            search.visit(start)?;
        }
    }
    give(Value::set(search.found))
}

impl<'a> PathSearch<'a> {
    fn keep(&mut self) {
        self.found
            .push(Value::array(self.path.iter().copied().cloned().collect()));
    }

    fn visit(&mut self, node: &'a Value) -> Result<(), Failure> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            let text = format!("graph.reachable_paths: more than {MAX_STEPS} steps");
            return Err(Failure::Halt(text));
        }
        let Some(edges) = self.graph.get(node) else {
            self.keep();
            return Ok(());
        };
        self.path.push(node);
        let edges = neighbours(edges);
        if edges.is_empty() {
            self.keep();
        }
        for next in edges {
            if self.path.contains(&next) {
                self.keep();
            } else {
                self.visit(next)?;
            }
        }
        self.path.pop();
        Ok(())
    }
}
