//! Assigns the entries of the mapping to the components of a Snapshot.

use super::{
    Error,
    mapping::{Mapping, MappingEntry},
};

/// A component of a Snapshot: its name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComponentIdentity {
    pub(crate) name: String,
    /// The version, where the Snapshot has one.
    pub(crate) version: Option<String>,
}

impl std::fmt::Display for ComponentIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} (version {version})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The components that may be left out of a release.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssignOptions {
    /// The name of the one component that is released.
    pub(crate) single: Option<String>,
    /// Leaves out components without an entry, and entries without a component.
    pub(crate) allow_unmapped: bool,
    /// The components that changed, if only these are released.
    pub(crate) changed: Option<Changed>,
}

/// The components of a Snapshot that changed.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    /// The resource that they are compared with.
    pub(crate) since: String,
    /// Tells it of each component.
    pub(crate) components: Vec<bool>,
}

impl AssignOptions {
    /// Tells for each component whether it is released.
    fn chosen(&self, components: &[ComponentIdentity]) -> Result<Vec<bool>, Error> {
        let is_single =
            |c: &ComponentIdentity| self.single.as_ref().is_none_or(|name| *name == c.name);
        let is_changed = |number: usize| match &self.changed {
            Some(changed) => changed.components.get(number) == Some(&true),
            None => true,
        };
        let chosen = components.iter().enumerate();
        let chosen = chosen.map(|(number, component)| is_single(component) && is_changed(number));
        let chosen: Vec<_> = chosen.collect();
        let found = chosen.iter().filter(|chosen| **chosen).count();
        let since = self.changed.as_ref();
        let since = since.map(|changed| format!(" that changed since {}", changed.since));
        let refused = |problem: String| Error::Object {
            object: "the Snapshot".to_owned(),
            problem,
        };
        match &self.single {
            Some(name) if found != 1 => Err(refused(format!(
                "it has {found} components named {name:?}{}, a release of a single component needs one",
                since.unwrap_or_default()
            ))),
            None if found == 0 && since.is_some() => Err(refused(format!(
                "it has no component{}: nothing would be released",
                since.unwrap_or_default()
            ))),
            _ => Ok(chosen),
        }
    }

    /// Names components that changed and are not released all the same.
    fn name_others(&self, components: &[ComponentIdentity]) {
        let (Some(changed), Some(single)) = (&self.changed, &self.single) else {
            return;
        };
        let others = components.iter().zip(&changed.components);
        let others = others.filter(|(component, changed)| **changed && component.name != *single);
        let others: Vec<_> = others.map(|(component, _)| component.to_string()).collect();
        if !others.is_empty() {
            let (since, others) = (&changed.since, others.join(", "));
            tracing::warn!("changed since {since} too, and not released: {others}");
        }
    }
}

/// Returns for each component its entry; `None` where it is left out.
///
/// # Errors
/// [`Error::Unmapped`], naming all that do not fit; [`Error::Mapping`] for an entry that fits two
/// versions; [`Error::Object`] when a single component is not in the Snapshot exactly once.
pub(crate) fn assign<'a>(
    components: &[ComponentIdentity],
    mapping: &'a Mapping,
    choice: &AssignOptions,
) -> Result<Vec<Option<&'a MappingEntry>>, Error> {
    let chosen = choice.chosen(components)?;
    choice.name_others(components);
    check_versions(components, mapping)?;
    let assigned: Vec<_> = components
        .iter()
        .map(|component| mapping.entries.iter().find(|entry| entry.fits(component)))
        .collect();
    let without = components.iter().zip(assigned.iter().zip(&chosen));
    let without: Vec<_> = without
        .filter(|(_, (entry, chosen))| entry.is_none() && **chosen)
        .map(|(component, _)| component.to_string())
        .collect();
    let ghosts = mapping
        .entries
        .iter()
        .filter(|entry| !components.iter().any(|c| entry.fits(c)));
    let ghosts: Vec<_> = ghosts.map(|entry| entry.name.clone()).collect();
    let mut problems = Vec::new();
    if !without.is_empty() {
        problems.push(format!("the mapping does not have {}", without.join(", ")));
    }
    if !ghosts.is_empty() {
        problems.push(format!("the Snapshot does not have {}", ghosts.join(", ")));
    }
    // A single component without an entry would leave the release empty.
    let nothing = choice.single.is_some() && !without.is_empty();
    if !problems.is_empty() && (!choice.allow_unmapped || nothing) {
        return Err(Error::Unmapped(problems.join("; ")));
    }
    for problem in problems {
        tracing::warn!("{problem}: left out");
    }
    let assigned = assigned.into_iter().zip(chosen);
    Ok(assigned
        .map(|(entry, chosen)| entry.filter(|_| chosen))
        .collect())
}

/// Refuses an entry that fits several components.
fn check_versions(components: &[ComponentIdentity], mapping: &Mapping) -> Result<(), Error> {
    for entry in &mapping.entries {
        let fits = components.iter().filter(|c| entry.fits(c));
        let fits: Vec<_> = fits.map(ToString::to_string).collect();
        if fits.len() > 1 {
            return Err(Error::Mapping {
                place: format!("component {:?} of the mapping", entry.name),
                problem: format!("fits several of the Snapshot: {}", fits.join(", ")),
                way: "name the version".to_owned(),
            });
        }
    }
    Ok(())
}

impl MappingEntry {
    fn fits(&self, component: &ComponentIdentity) -> bool {
        let version = self.version.is_none() || self.version == component.version;
        self.name == component.name && version
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(entries: &[(&str, Option<&str>)]) -> Mapping {
        let entries = entries.iter().map(|(name, version)| {
            json!({"name": name, "version": version,
                "repositories": [{"url": format!("q.io/o/{name}"), "tags": ["t"]}]})
        });
        let entries: Vec<_> = entries.collect();
        Mapping::of(&json!({"mapping": {"components": entries}}), "plan").unwrap()
    }

    fn components(list: &[(&str, Option<&str>)]) -> Vec<ComponentIdentity> {
        let one = |(name, version): &(&str, Option<&str>)| ComponentIdentity {
            name: (*name).to_owned(),
            version: version.map(str::to_owned),
        };
        list.iter().map(one).collect()
    }

    const PLAIN: AssignOptions = AssignOptions {
        single: None,
        allow_unmapped: false,
        changed: None,
    };

    #[test]
    fn names_all_that_do_not_fit() {
        let components = components(&[("web", None), ("api", None)]);
        let mapping = mapping(&[("web", None), ("ghost", None)]);
        let error = assign(&components, &mapping, &PLAIN)
            .unwrap_err()
            .to_string();
        assert!(error.contains("api") && error.contains("ghost"), "{error}");
        let allowed = AssignOptions {
            allow_unmapped: true,
            ..PLAIN
        };
        let assigned = assign(&components, &mapping, &allowed).unwrap();
        assert!(assigned[0].is_some() && assigned[1].is_none());
    }

    #[test]
    fn tells_versions_apart() {
        let two = components(&[("web", Some("v1")), ("web", Some("v2"))]);
        let both = mapping(&[("web", Some("v1")), ("web", Some("v2"))]);
        let assigned = assign(&two, &both, &PLAIN).unwrap();
        assert_eq!(assigned[1].unwrap().version.as_deref(), Some("v2"));
        assert!(assign(&two, &mapping(&[("web", None)]), &PLAIN).is_err());
    }

    #[test]
    fn what_changed_tells_versions_apart_and_never_releases_nothing() {
        let two = components(&[("web", Some("v1")), ("web", Some("v2")), ("api", None)]);
        let all = mapping(&[("web", Some("v1")), ("web", Some("v2")), ("api", None)]);
        let choice = |single: Option<&str>, changed: [bool; 3]| AssignOptions {
            single: single.map(str::to_owned),
            changed: Some(Changed {
                since: "before".to_owned(),
                components: changed.to_vec(),
            }),
            ..PLAIN
        };
        let released = |choice: &AssignOptions| {
            let assigned = assign(&two, &all, choice).ok()?;
            Some(assigned.iter().map(Option::is_some).collect::<Vec<_>>())
        };
        let one = Some(vec![false, true, false]);
        assert_eq!(released(&choice(None, [false, true, false])), one);
        assert_eq!(released(&choice(Some("web"), [false, true, false])), one);
        assert_eq!(released(&choice(Some("web"), [false, true, true])), one);
        assert_eq!(released(&choice(Some("web"), [true, true, false])), None);
        assert_eq!(released(&choice(Some("web"), [false, false, true])), None);
        assert_eq!(released(&choice(None, [false; 3])), None);
    }

    #[test]
    fn a_single_component_must_be_there_once() {
        let single = |name: &str| AssignOptions {
            single: Some(name.to_owned()),
            ..PLAIN
        };
        let list = components(&[("web", None), ("api", None)]);
        let mapped = mapping(&[("web", None), ("api", None)]);
        let assigned = assign(&list, &mapped, &single("web")).unwrap();
        assert!(assigned[0].is_some() && assigned[1].is_none());
        assert!(assign(&list, &mapped, &single("none")).is_err());
        let two = components(&[("web", Some("v1")), ("web", Some("v2"))]);
        let both = mapping(&[("web", Some("v1")), ("web", Some("v2"))]);
        assert!(assign(&two, &both, &single("web")).is_err());
        let unmapped = AssignOptions {
            allow_unmapped: true,
            ..single("api")
        };
        assert!(assign(&list, &mapping(&[("web", None)]), &unmapped).is_err());
    }
}
