//! Checks of an object's members: required, additional, by pattern, dependencies.

use super::{Checker, Done, Outcome, ValuePath};
use crate::builtins::schema::parse::{Additional, SchemaNode};
use crate::value::{Object, Value};

impl Checker<'_> {
    pub(super) fn object(
        &mut self,
        node: &'_ SchemaNode,
        members: &Object,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let count = members.len();
        if let Some(least) = node.min_properties.filter(|least| count < *least) {
            let text = format!("Must have at least {least} properties");
            out.add("array_min_properties", place, text);
        }
        if let Some(most) = node.max_properties.filter(|most| count > *most) {
            let text = format!("Must have at most {most} properties");
            out.add("array_max_properties", place, text);
        }
        for name in &node.required {
            match members.get_str(name) {
                Some(_) => out.score += 1,
                None => out.add("required", place, format!("{name} is required")),
            }
        }
        for (name, member) in members.iter() {
            let name = name.as_str().unwrap_or_default();
            self.member(node, name, member, out, place)?;
        }
        if let Some(schema) = node.names {
            for (name, _) in members.iter() {
                let found = self.apart(schema, name, place)?;
                if !found.valid() {
                    let name = name.as_str().unwrap_or_default();
                    let text = format!("Property name of \"{name}\" does not match");
                    out.add("invalid_property_name", place, text);
                    out.merge(found);
                }
            }
        }
        out.score += 1;
        Ok(())
    }

    fn member(
        &mut self,
        node: &SchemaNode,
        name: &str,
        member: &Value,
        out: &mut Outcome,
        place: &ValuePath<'_>,
    ) -> Done {
        let below = ValuePath {
            parent: Some((place, name)),
        };
        let mut described = false;
        for (_, schema) in node
            .patterns
            .iter()
            .filter(|(pattern, _)| pattern.is_match(name))
        {
            described = true;
            let found = self.apart(*schema, member, &below)?;
            out.merge(found);
        }
        out.score += i64::from(described);
        if described || node.properties.iter().any(|(own, _)| own == name) {
            return Ok(());
        }
        match node.additional {
            Additional::Free => {}
            Additional::Forbidden => {
                let text = format!("Additional property {name} is not allowed");
                out.add("additional_property_not_allowed", place, text);
            }
            Additional::Schema(schema) => {
                let found = self.apart(schema, member, &below)?;
                out.merge(found);
            }
        }
        Ok(())
    }
}
