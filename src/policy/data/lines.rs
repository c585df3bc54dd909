//! Finds the line of a member in a YAML or JSON document.

use granit_parser::{Event, Parser};

/// An open collection; in a mapping with the key of the next value.
struct OpenCollection {
    mapping: bool,
    key: Option<String>,
}

/// Returns the line, counted from 1, of the key at the path (names joined by dots). If `whole` is false,
/// the path starts with names of directories that the document does not contain.
pub(super) fn of(text: &str, path: &str, whole: bool) -> Option<usize> {
    let mut open: Vec<OpenCollection> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        match event {
            Event::Scalar(name, ..) => {
                let Some(collection) = open.last_mut() else {
                    continue;
                };
                if !collection.mapping || collection.key.take().is_some() {
                    continue;
                }
                collection.key = Some(name.into_owned());
                if leads_to(&open, path, whole) {
                    let before = text.get(..span.byte_range()?.start)?;
                    return Some(before.matches('\n').count() + 1);
                }
            }
            Event::Alias(_) => value_read(&mut open),
            Event::MappingStart(..) | Event::SequenceStart(..) => open.push(OpenCollection {
                mapping: matches!(event, Event::MappingStart(..)),
                key: None,
            }),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                value_read(&mut open);
            }
            _ => {}
        }
    }
    None
}

fn value_read(open: &mut [OpenCollection]) {
    if let Some(collection) = open.last_mut() {
        collection.key = None;
    }
}

/// Tells whether the keys of the open mappings equal the path, or its end.
fn leads_to(open: &[OpenCollection], path: &str, whole: bool) -> bool {
    let keys: Option<Vec<_>> = open.iter().map(|open| open.key.as_deref()).collect();
    keys.is_some_and(|keys| {
        let here = keys.join(".");
        let below = || path.strip_suffix(&here);
        path == here || !whole && below().is_some_and(|above| above.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_members_in_yaml_and_json() {
        let yaml = "# c\nx:\n  - a: 1\n  - [b]\na: &n\n  c: 1\n  'b': *n\n  d: {e: 1}\n";
        assert_eq!(of(yaml, "a", true), Some(5));
        assert_eq!(of(yaml, "a.b", true), Some(7));
        assert_eq!(of(yaml, "a.d.e", true), Some(8));
        assert_eq!(of(yaml, "a.x", true), None);
        assert_eq!(of("{\n\"a\": {\"x\": 1,\n\"b\": 2}}", "a.b", true), Some(3));
        assert_eq!(of("b: 1", "nested.b", false), Some(1));
        assert_eq!(of("b: 1", "nested.b", true), None);
        assert_eq!(of("a: [", "b", true), None);
    }
}
