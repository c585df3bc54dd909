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
    let single = |identity: &ComponentIdentity| {
        choice
            .single
            .as_ref()
            .is_none_or(|name| *name == identity.name)
    };
    if let Some(name) = &choice.single {
        let found = components.iter().filter(|c| single(c)).count();
        if found != 1 {
            return Err(Error::Object {
                object: "the Snapshot".to_owned(),
                problem: format!(
                    "it has {found} components named {name:?}, a release of a single component needs one"
                ),
            });
        }
    }
    check_versions(components, mapping)?;
    let assigned: Vec<_> = components
        .iter()
        .map(|component| mapping.entries.iter().find(|entry| entry.fits(component)))
        .collect();
    let without = components.iter().zip(&assigned);
    let without = without.filter(|(component, entry)| entry.is_none() && single(component));
    let without: Vec<_> = without
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
    let chosen = components.iter().zip(assigned);
    Ok(chosen
        .map(|(component, entry)| entry.filter(|_| single(component)))
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
