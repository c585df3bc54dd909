//! Evaluates documents and queries for one input.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::{EvalCode, EvalError, Place, Run};
use super::machine::{Flow, Limits, Machine, Printed, Replacements, UNREADABLE, Unreadable};
use super::plan::{Branch, SetKind};
use super::program::{Fact, Program, Query};
use super::trace::Trace;
use crate::builtins::CallContext;
use crate::value::Value;

/// Bytes of the stack that an evaluation runs on.
const STACK: usize = 512 << 20;

/// An evaluation of one input. Results of rules are kept for all queries of a session.
pub struct Session {
    program: Program,
    context: Replacements,
    limits: Limits,
    call: CallContext,
    steps: u64,
    strict: bool,
    trace: Option<Box<Trace>>,
    unreadable: Vec<Unreadable>,
    printed: Vec<Printed>,
}

/// The result of a query, with the facts that it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    pub value: T,
    /// Watched facts that the value rests on, as indices into the program's list.
    pub read: Vec<usize>,
    /// The value rests on a fact of the host that could not be read.
    pub unreadable: bool,
}

impl<T> Answer<T> {
    fn new(value: T, reads: u64) -> Answer<T> {
        let read = (0..63).filter(|at| reads & (1 << at) != 0).collect();
        let unreadable = reads & UNREADABLE != 0;
        Answer {
            value,
            read,
            unreadable,
        }
    }
}

/// Variables as named in the query, with their values.
pub type Bindings = Vec<(Arc<str>, Value)>;

/// The expression of a rule that failed last, with the values of its variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub file: Arc<str>,
    pub line: u32,
    /// Bytes of the expression in the file.
    pub start: u32,
    pub end: u32,
    pub variables: Bindings,
}

/// Lines of a file whose expressions were evaluated.
pub type Visited = Vec<(Arc<str>, BTreeSet<u32>)>;

impl Session {
    /// Starts an evaluation. Without an input every reference to `input` is undefined.
    #[must_use]
    pub fn new(program: &Program, input: Option<Value>) -> Session {
        Session {
            program: program.clone(),
            context: Replacements {
                input,
                ..Replacements::default()
            },
            limits: Limits::default(),
            call: CallContext::default(),
            steps: 0,
            strict: false,
            trace: None,
            unreadable: Vec::new(),
            printed: Vec::new(),
        }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Session {
        self.limits = limits;
        self
    }

    /// Sets the time of the evaluation in nanoseconds since 1970 and the seed of random values.
    #[must_use]
    pub fn with_time(mut self, now_ns: i64, seed: u64) -> Session {
        self.call.now_ns = now_ns;
        self.call.seed = seed;
        self
    }

    /// Makes errors of builtin functions errors of the evaluation.
    #[must_use]
    pub fn strict(mut self) -> Session {
        self.strict = true;
        self
    }

    /// Records the places that are visited and the expression that fails.
    #[must_use]
    pub fn traced(mut self) -> Session {
        self.trace = Some(Box::default());
        self
    }

    /// Returns the document at a path below `data`, or `None` if it is undefined.
    ///
    /// # Errors
    /// The evaluation ends with an error or exceeds a limit.
    pub fn document(&mut self, path: &[&str]) -> Result<Answer<Option<Value>>, EvalError> {
        let answers = self
            .documents(&[path.to_vec()])
            .map_err(|(_, error)| error)?;
        answers.into_iter().next().ok_or_else(|| EvalError {
            code: EvalCode::Internal,
            message: "there is no answer".to_owned(),
            rule: Arc::from(""),
            file: Arc::from(""),
            line: 0,
            column: 0,
        })
    }

    /// Returns the documents at paths below `data`, one after the other.
    ///
    /// # Errors
    /// The index of the first path whose evaluation ends with an error or exceeds a limit.
    pub fn documents(
        &mut self,
        paths: &[Vec<&str>],
    ) -> Result<Vec<Answer<Option<Value>>>, (usize, EvalError)> {
        let program = self.program.clone();
        let mut answers = Vec::with_capacity(paths.len());
        let done = self.evaluate(&program, |machine| {
            for path in paths {
                let keys: Vec<Value> = path.iter().copied().map(Value::string).collect();
                let (value, reads) = machine.reading(|machine| machine.document(&keys))?;
                answers.push(Answer::new(value, reads));
            }
            Ok(())
        });
        match done {
            Ok(_) => Ok(answers),
            Err(error) => Err((answers.len().min(paths.len().saturating_sub(1)), error)),
        }
    }

    /// Returns the bindings of a query's variables, one list for each solution.
    ///
    /// # Errors
    /// The evaluation ends with an error or exceeds a limit.
    pub fn query(&mut self, query: &Query) -> Result<Answer<Vec<Bindings>>, EvalError> {
        let program = self.program.clone();
        let query = query.clone();
        self.evaluate(&program, |machine| machine.bindings(&query.0.branch))
    }

    /// Returns state that functions keep, by its type (see [`CallContext::state`]).
    pub fn state<S: Default + Send + 'static>(&mut self) -> &mut S {
        self.call.state()
    }

    /// Returns the facts of the host that could not be read so far.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Returns what `print` wrote since the last call.
    pub fn printed(&mut self) -> Vec<Printed> {
        std::mem::take(&mut self.printed)
    }

    /// Returns the expression that failed last since the last call; for traced sessions.
    pub fn failure(&mut self) -> Option<Failure> {
        let (place, variables) = self.trace.as_mut()?.failure.take()?;
        let file = self.program.0.plan.layout.files.get(place.file as usize)?;
        let Place {
            line, start, end, ..
        } = place;
        Some(Failure {
            file: Arc::clone(file),
            line,
            start,
            end,
            variables,
        })
    }

    /// Returns the lines whose expressions were evaluated; for traced sessions.
    #[must_use]
    pub fn visited(&self) -> Visited {
        let files = &self.program.0.plan.layout.files;
        let mut lines = vec![BTreeSet::new(); files.len()];
        for (file, line, _) in self.trace.iter().flat_map(|trace| &trace.visited) {
            if let Some(lines) = lines.get_mut(*file as usize) {
                lines.insert(*line);
            }
        }
        files.iter().cloned().zip(lines).collect()
    }

    /// Moves the state of the session into a machine.
    fn machine<'p>(&mut self, program: &'p Program) -> Machine<'p> {
        self.call.memory = self.limits.memory;
        Machine {
            plan: &program.0.plan,
            constants: &program.0.constants,
            base: program.0.data.clone(),
            context: std::mem::take(&mut self.context),
            slots: Vec::new(),
            frame: 0,
            rules: Vec::new(),
            place: Place::default(),
            call: std::mem::take(&mut self.call),
            limits: self.limits.clone(),
            steps: self.steps,
            depth: 0,
            reads: 0,
            unreadable: std::mem::take(&mut self.unreadable),
            printed: std::mem::take(&mut self.printed),
            builtin_error: None,
            trace: self.trace.take(),
        }
    }

    /// Moves the state of a machine back into the session.
    fn take_back(&mut self, machine: Machine<'_>, succeeded: bool) {
        self.steps = machine.steps;
        self.call = machine.call;
        self.unreadable = machine.unreadable;
        self.printed = machine.printed;
        self.trace = machine.trace;
        // After an error documents may still be replaced.
        self.context = match succeeded {
            true => machine.context,
            false => Replacements {
                input: machine.context.input,
                ..Replacements::default()
            },
        };
    }

    /// Runs code on a machine, on a stack that is large enough for the depth limit.
    pub(crate) fn evaluate<'p, T: Send>(
        &mut self,
        program: &'p Program,
        run: impl FnOnce(&mut Machine<'p>) -> Run<T> + Send,
    ) -> Result<Answer<T>, EvalError> {
        let mut machine = self.machine(program);
        let result = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("rego".to_owned())
                .stack_size(STACK);
            let running = thread.spawn_scoped(scope, || run(&mut machine));
            match running.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(result)) => Some(result),
                // The thread could not be started, or a builtin function panicked.
                Ok(Err(_)) | Err(_) => None,
            }
        });
        let result = match result {
            Some(result) => result,
            None => Err(machine.error(EvalCode::Internal, "the evaluation did not finish")),
        };
        let (reads, error) = (machine.reads, machine.builtin_error.take());
        self.take_back(machine, result.is_ok());
        let value = result.map_err(|error| *error)?;
        if let Some(error) = error.filter(|_| self.strict) {
            return Err(*error);
        }
        Ok(Answer::new(value, reads))
    }

    /// Returns the watched facts of the program that a rule refers to.
    #[must_use]
    pub fn refers_to(&self, rule: &[&str], fact: &Fact) -> Option<bool> {
        self.program.refers_to(rule, fact)
    }
}

impl<'p> Machine<'p> {
    fn document(&mut self, path: &[Value]) -> Run<Option<Value>> {
        let plan = self.plan;
        let mut node = Some(0);
        for (at, key) in path.iter().enumerate() {
            let children = node.map(|node: usize| &plan.layout.nodes[node].children);
            node = key.as_str().and_then(|name| children?.get(name).copied());
            let Some(set) = node.and_then(|node| plan.layout.nodes[node].set) else {
                continue;
            };
            if plan.sets[set].kind == SetKind::Function {
                return Ok(None);
            }
            let value = self.rule(set)?;
            let rest = path.get(at + 1..).unwrap_or_default();
            return Ok(value.and_then(|value| {
                rest.iter()
                    .try_fold(&value, |value, key| value.get(key))
                    .cloned()
            }));
        }
        self.extent(node, path)
    }

    fn bindings(&mut self, branch: &'p Branch) -> Run<Vec<Bindings>> {
        let mut found = Vec::new();
        self.in_frame(branch.slots, |machine| {
            machine.run(&branch.body, &mut |machine| {
                let named = branch.names.iter().enumerate();
                let values = named.filter_map(|(slot, name)| {
                    Some((Arc::clone(name.as_ref()?), machine.get(slot).clone()))
                });
                found.push(values.collect());
                Ok(Flow::Next)
            })
        })?;
        Ok(found)
    }
}
