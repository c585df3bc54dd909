//! Evaluates `print`, which shows undefined operands instead of failing.

use super::error::Run;
use super::machine::{Machine, Printed};
use super::plan::PlanExpr;
use crate::value::Value;

impl<'p> Machine<'p> {
    /// Writes each combination of the values of the operands; an undefined one as `<undefined>`.
    pub(crate) fn print(&mut self, args: &'p [PlanExpr]) -> Run<bool> {
        let Some(args) = self.eval_all(args)? else {
            return Ok(true);
        };
        let mut lines = vec![String::new()];
        let operands = match args.as_slice() {
            [Value::Array(operands)] => operands.to_vec(),
            other => other.to_vec(),
        };
        for (at, operand) in operands.iter().enumerate() {
            let texts: Vec<String> = match operand {
                Value::Set(values) if values.is_empty() => vec!["<undefined>".to_owned()],
                Value::Set(values) => values.iter().map(printed).collect(),
                other => vec![printed(other)],
            };
            let space = if at > 0 { " " } else { "" };
            let mut longer = Vec::with_capacity(lines.len() * texts.len());
            for line in &lines {
                self.charge(line.len())?;
                longer.extend(texts.iter().map(|text| format!("{line}{space}{text}")));
            }
            lines = longer;
        }
        let (file, line) = (self.file(self.place), self.place.line);
        let printed = lines.into_iter().map(|text| Printed {
            text,
            file: file.clone(),
            line,
        });
        self.printed.extend(printed);
        Ok(true)
    }
}

fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    }
}
