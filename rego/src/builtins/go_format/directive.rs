//! Directives of a format: flags, widths, precisions and indexes of arguments.

use std::fmt::Write as _;

use super::{Argument, MAX_WIDTH, Spec};

/// Reads a format. Mistakes are written into the result, as Go does.
pub(super) struct DirectiveReader<'a> {
    pub(super) rest: std::iter::Peekable<std::str::Chars<'a>>,
    pub(super) arguments: &'a [Argument],
    pub(super) next: usize,
    /// No index of this directive was wrong.
    pub(super) good: bool,
    pub(super) reordered: bool,
    pub(super) out: String,
}

impl DirectiveReader<'_> {
    /// Reads what follows `%`, and writes an argument.
    pub(super) fn directive(&mut self) {
        self.good = true;
        let mut spec = self.flags();
        let mut chosen = self.index();
        if self.rest.next_if_eq(&'*').is_some() {
            self.width_of_argument(&mut spec);
            chosen = false;
        } else {
            spec.width = self.digits();
            self.good &= !(chosen && spec.width.is_some());
        }
        // A dot at the end is a verb.
        let last = self.rest.clone().nth(1).is_none();
        if !last && self.rest.next_if_eq(&'.').is_some() {
            self.good &= !chosen;
            chosen = self.index();
            if self.rest.next_if_eq(&'*').is_some() {
                spec.precision = self.precision_of_argument();
                chosen = false;
            } else {
                spec.precision = Some(self.digits().unwrap_or(0));
            }
        }
        if !chosen {
            self.index();
        }
        self.verb(spec);
    }

    fn verb(&mut self, spec: Spec) {
        match self.rest.next() {
            None => self.out.push_str("%!(NOVERB)"),
            Some('%') => self.out.push('%'),
            Some(verb) if !self.good => {
                let _ = write!(self.out, "%!{verb}(BADINDEX)");
            }
            Some(verb) => match self.arguments.get(self.next) {
                Some(argument) => {
                    self.out.push_str(&spec.apply(verb, argument));
                    self.next += 1;
                }
                None => {
                    let _ = write!(self.out, "%!{verb}(MISSING)");
                }
            },
        }
    }

    fn flags(&mut self) -> Spec {
        let mut spec = Spec::default();
        while let Some(flag) = self.rest.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                '0' => spec.zero = true,
                _ => spec.space = true,
            }
        }
        spec
    }

    /// Reads `[n]`, which chooses the next argument. Returns `true` if it is a number.
    fn index(&mut self) -> bool {
        if self.rest.peek() != Some(&'[') {
            return false;
        }
        self.reordered = true;
        let ahead: String = self
            .rest
            .clone()
            .skip(1)
            .take_while(|c| *c != ']')
            .collect();
        let closed = self.rest.clone().any(|c| c == ']');
        self.rest.next();
        if !closed {
            self.good = false;
            return false;
        }
        self.rest.nth(ahead.chars().count());
        let digits = !ahead.is_empty() && ahead.bytes().all(|byte| byte.is_ascii_digit());
        match ahead.parse::<usize>() {
            Ok(n) if digits && (1..=self.arguments.len()).contains(&n) => self.next = n - 1,
            _ => self.good = false,
        }
        digits
    }

    /// Reads digits; a number that is too large takes the rest of the format.
    fn digits(&mut self) -> Option<usize> {
        let mut found = None;
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            if found.is_some_and(|number| number > MAX_WIDTH) {
                while self.rest.next().is_some() {}
                return None;
            }
            let digit = digit.to_digit(10).unwrap_or(0) as usize;
            found = Some(found.unwrap_or(0) * 10 + digit);
        }
        found
    }

    /// Takes an argument as a width or a precision.
    fn argument(&mut self) -> Option<i64> {
        let given = self.arguments.get(self.next)?;
        self.next += 1;
        match given {
            Argument::Integer(number) if number.unsigned_abs() <= MAX_WIDTH as u64 => Some(*number),
            _ => None,
        }
    }

    fn width_of_argument(&mut self, spec: &mut Spec) {
        match self.argument() {
            Some(width) => {
                spec.width = usize::try_from(width.unsigned_abs()).ok();
                spec.minus |= width < 0;
            }
            None => self.out.push_str("%!(BADWIDTH)"),
        }
    }

    fn precision_of_argument(&mut self) -> Option<usize> {
        let precision = self
            .argument()
            .and_then(|given| usize::try_from(given).ok());
        if precision.is_none() {
            self.out.push_str("%!(BADPREC)");
        }
        precision
    }
}
