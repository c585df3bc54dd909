//! Changes to a source text, collected while its tree is walked and applied together.

use std::ops::Range;

/// One change: the range that goes and the text that comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// Changes to one source.
#[derive(Debug)]
pub(super) struct Edits<'a> {
    source: &'a str,
    list: Vec<Edit>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            list: Vec::new(),
        }
    }

    /// The text without the changes.
    pub(super) fn source(&self) -> &'a str {
        self.source
    }

    /// Puts a text before the byte.
    pub(super) fn insert(&mut self, at: usize, text: &str) {
        self.push(at..at, text.to_owned());
    }

    /// Replaces a range, which may hold no other changes.
    pub(super) fn push(&mut self, range: Range<usize>, text: String) {
        self.list.push(Edit {
            start: range.start,
            end: range.end,
            text,
        });
    }

    /// Replaces a range together with the changes made in it so far.
    pub(super) fn replace(&mut self, range: Range<usize>, text: String) {
        self.list.retain(|edit| !within(edit, &range));
        self.push(range, text);
    }

    /// Replaces a reference and gives its text with the changes made in it so far. What was put before
    /// its first byte belongs to the expression around it and stays.
    pub(super) fn exchange(&mut self, range: Range<usize>, text: String) -> String {
        let around = |edit: &Edit| edit.start == range.start && edit.end == range.start;
        let (around, own) = std::mem::take(&mut self.list).into_iter().partition(around);
        self.list = own;
        let before = self.text(range.clone());
        self.replace(range, text);
        self.list.extend::<Vec<_>>(around);
        before
    }

    /// The text of a range with the changes made in it so far.
    pub(super) fn text(&self, range: Range<usize>) -> String {
        let mut inner: Vec<_> = self
            .list
            .iter()
            .filter(|edit| within(edit, &range))
            .collect();
        inner.sort();
        inner.dedup();
        let (mut text, mut at) = (String::new(), range.start);
        for edit in inner {
            text.push_str(self.source.get(at..edit.start).unwrap_or_default());
            text.push_str(&edit.text);
            at = at.max(edit.end);
        }
        text.push_str(self.source.get(at..range.end).unwrap_or_default());
        text
    }

    /// Sets the changes aside, so that only those made from now on are looked at.
    pub(super) fn set_aside(&mut self) -> Self {
        Self {
            source: self.source,
            list: std::mem::take(&mut self.list),
        }
    }

    /// Adds the changes of another collection for the same source.
    pub(super) fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
    }

    /// The whole changed source.
    pub(super) fn apply(self) -> String {
        self.text(0..self.source.len())
    }
}

fn within(edit: &Edit, range: &Range<usize>) -> bool {
    edit.start >= range.start && edit.end <= range.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applies_nested_changes_once() {
        let mut edits = Edits::new("not f(a.b)");
        edits.push(6..7, "data.a".to_owned());
        edits.push(6..7, "data.a".to_owned());
        assert_eq!(edits.text(6..9), "data.a.b");
        edits.replace(6..9, "x".to_owned());
        edits.insert(0, "x := 1; ");
        assert_eq!(edits.apply(), "x := 1; not f(x)");
    }

    #[test]
    fn what_stands_around_a_reference_stays() {
        let mut edits = Edits::new("some x in a.b[k]");
        edits.push(10..11, "data.a".to_owned());
        edits.insert(10, "guard(");
        edits.insert(16, ")");
        assert_eq!(edits.exchange(10..13, "h".to_owned()), "data.a.b");
        assert_eq!(edits.apply(), "some x in guard(h[k])");
    }
}
