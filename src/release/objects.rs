//! The resources of a release: Release, ReleasePlan, ReleasePlanAdmission and Snapshot.
//!
//! Konflux application-api and release-service, `appstudio.redhat.com/v1alpha1`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Error, kind};
use crate::json;

/// The API group of the resources.
pub(crate) const GROUP: &str = "appstudio.redhat.com";
/// The groups in which the resources are looked up: the present one, and the announced one.
pub(crate) const GROUPS: [&str; 2] = [GROUP, "konflux-ci.dev"];
const TYPE: &str = "test.appstudio.openshift.io/type";
const COMPONENT: &str = "appstudio.openshift.io/component";
const AUTO_RELEASE: &str = "release.appstudio.openshift.io/auto-release";
const BLOCKED: &str = "release.appstudio.openshift.io/block-releases";
const EVENT: &str = "pac.test.appstudio.openshift.io/event-type";
const PULL_REQUEST: &str = "pac.test.appstudio.openshift.io/pull-request";

/// Parses JSON or YAML.
///
/// # Errors
/// [`Error::Object`].
pub(crate) fn document(bytes: &[u8], origin: &str) -> Result<Value, Error> {
    let wrong = |reason: String| Error::Object {
        object: origin.to_owned(),
        problem: format!("it cannot be read: {reason}"),
    };
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    json::json_or_yaml(text).map_err(|error| wrong(error.to_string()))
}

/// The kinds of resources that a release names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// One release of one Snapshot by one plan.
    Release,
    /// A tenant's plan: the application that it releases, and its data.
    Plan,
    /// The managed side's admission of releases by that plan.
    Admission,
    /// A list of images that were built together.
    Snapshot,
    /// Components that are released together, with the images that the next Snapshot starts from.
    Group,
}

impl ObjectKind {
    /// Returns the `kind` of the resource.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "Release",
            Self::Plan => "ReleasePlan",
            Self::Admission => "ReleasePlanAdmission",
            Self::Snapshot => "Snapshot",
            Self::Group => "ComponentGroup",
        }
    }

    /// Returns the name of the resource in paths of the API.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Release => "releases",
            Self::Plan => "releaseplans",
            Self::Admission => "releaseplanadmissions",
            Self::Snapshot => "snapshots",
            Self::Group => "componentgroups",
        }
    }

    /// The version of the API that has the resource.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Group => "v1beta2",
            _ => "v1alpha1",
        }
    }
}

/// A resource as read from a file or the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// Kind, namespace and name, for messages.
    pub(crate) shown: String,
    value: Map<String, Value>,
}

/// The resources of one release.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    /// The Release; `None` for a release by hand.
    pub(crate) release: Option<Object>,
    pub(crate) plan: Option<Object>,
    pub(crate) admission: Option<Object>,
    pub(crate) snapshot: Object,
}

impl Object {
    /// Takes a document of the kind.
    ///
    /// # Errors
    /// [`Error::Object`] for another kind or API group, [`Error::Shape`] for other shapes.
    pub(crate) fn new(value: Value, of: ObjectKind, origin: &str) -> Result<Self, Error> {
        let value = match value {
            Value::Object(value) => value,
            other => {
                return Err(Error::Shape {
                    object: origin.to_owned(),
                    member: "the document".to_owned(),
                    found: kind(&other),
                    expected: "an object",
                });
            }
        };
        let text = |member: &str| value.get(member).and_then(Value::as_str).unwrap_or("none");
        let group = text("apiVersion").split('/').next().unwrap_or("none");
        if text("kind") != of.name() || !GROUPS.contains(&group) {
            let problem = format!(
                "it is of kind {:?} of {:?}, expected {} of {}",
                text("kind"),
                text("apiVersion"),
                of.name(),
                GROUPS.join(" or ")
            );
            return Err(Error::Object {
                object: origin.to_owned(),
                problem,
            });
        }
        let mut object = Self {
            shown: origin.to_owned(),
            value,
        };
        let name = [
            object.member("metadata", "namespace")?,
            object.member("metadata", "name")?,
        ];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join("/");
        if !name.is_empty() {
            object.shown = format!("{} {name}", of.name());
        }
        Ok(object)
    }

    /// Returns `namespace/name`, as far as they are given.
    pub(crate) fn name(&self) -> Result<String, Error> {
        let name = [
            self.member("metadata", "namespace")?,
            self.member("metadata", "name")?,
        ];
        Ok(name.into_iter().flatten().collect::<Vec<_>>().join("/"))
    }

    /// Returns the specification.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is none.
    pub(crate) fn spec(&self) -> Result<&Value, Error> {
        let spec = self.value.get("spec").unwrap_or(&Value::Null);
        match spec {
            Value::Object(_) => Ok(spec),
            other => Err(self.shape("spec", other, "an object")),
        }
    }

    /// Returns the time when the resource was created.
    ///
    /// # Errors
    /// [`Error::Shape`] for another form than RFC 3339.
    pub(crate) fn created(&self) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.member("metadata", "creationTimestamp")? else {
            return Ok(None);
        };
        let time = text.parse();
        time.map(Some).map_err(|_| {
            self.shape(
                "metadata.creationTimestamp",
                &text.into(),
                "a time (RFC 3339)",
            )
        })
    }

    /// The value below a path of members, if it is there.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        let value = self.value.get(*first)?;
        rest.iter()
            .try_fold(value, |value, member| value.get(member))
    }

    pub(super) fn member(&self, parent: &str, member: &str) -> Result<Option<String>, Error> {
        self.texts(&[parent, member])
    }

    /// Returns the text at a path of members; `None` where one of them is absent or null.
    fn texts(&self, path: &[&str]) -> Result<Option<String>, Error> {
        let (last, parents) = match path.split_last() {
            Some(split) => split,
            None => return Ok(None),
        };
        let mut at = &self.value;
        for parent in parents {
            at = match at.get(*parent) {
                None | Some(Value::Null) => return Ok(None),
                Some(Value::Object(object)) => object,
                Some(other) => return Err(self.shape(parent, other, "an object")),
            };
        }
        match at.get(*last) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.shape(&path.join("."), other, "a text")),
        }
    }

    fn label(&self, label: &str) -> Result<Option<String>, Error> {
        self.texts(&["metadata", "labels", label])
    }

    pub(super) fn shape(&self, member: &str, found: &Value, expected: &'static str) -> Error {
        Error::Shape {
            object: self.shown.clone(),
            member: member.to_owned(),
            found: kind(found),
            expected,
        }
    }

    pub(super) fn refuse(&self, problem: impl Into<String>) -> Error {
        Error::Object {
            object: self.shown.clone(),
            problem: problem.into(),
        }
    }

    /// Returns the application or component group that the resource belongs to.
    pub(super) fn owner(&self) -> Result<Option<(&'static str, String)>, Error> {
        let mut owners = Vec::new();
        for member in ["application", "componentGroup"] {
            let owner = self.member("spec", member)?;
            let owner = owner.filter(|owner| !owner.is_empty());
            owners.extend(owner.map(|owner| (member, owner)));
        }
        match owners.as_slice() {
            [_, _] => {
                Err(self.refuse("it names an application and a componentGroup, expected one"))
            }
            _ => Ok(owners.pop()),
        }
    }
}

impl Objects {
    /// Checks that the resources belong together and may be released.
    ///
    /// # Errors
    /// [`Error::Object`], naming the resource; [`Error::Shape`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_names()?;
        self.check_owner()?;
        self.check_snapshot()?;
        match &self.admission {
            Some(admission) if admission.label(BLOCKED)?.as_deref() == Some("true") => {
                Err(admission.refuse(format!("its label {BLOCKED} stops all releases")))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a Release names its plan and its Snapshot.
    fn check_names(&self) -> Result<(), Error> {
        let Some(release) = &self.release else {
            return Ok(());
        };
        let others = [
            ("releasePlan", self.plan.as_ref()),
            ("snapshot", Some(&self.snapshot)),
        ];
        for (member, other) in others {
            let Some(other) = other else { continue };
            let (named, found) = (
                release.member("spec", member)?,
                other.member("metadata", "name")?,
            );
            if named != found {
                let shown = |name: Option<String>| name.unwrap_or_else(|| "nothing".to_owned());
                return Err(release.refuse(format!(
                    "its {member} is {}, not {}",
                    shown(named),
                    shown(found)
                )));
            }
        }
        Ok(())
    }

    /// Checks that plan, admission and Snapshot have one application or component group.
    fn check_owner(&self) -> Result<(), Error> {
        let snapshot = self.snapshot.owner()?;
        if let Some(plan) = &self.plan {
            let owner = plan.owner()?;
            if owner.is_none() || owner != snapshot {
                let shown = |owner: &Option<(&str, String)>| match owner {
                    Some((member, name)) => format!("the {member} {name}"),
                    None => "no application or componentGroup".to_owned(),
                };
                return Err(plan.refuse(format!(
                    "it is of {}, the Snapshot of {}",
                    shown(&owner),
                    shown(&snapshot)
                )));
            }
        }
        let Some(admission) = &self.admission else {
            return Ok(());
        };
        let Some((member, name)) = snapshot else {
            return Ok(());
        };
        let plural = match member {
            "application" => "applications",
            _ => "componentGroups",
        };
        match admission.spec()?.get(plural) {
            Some(Value::Array(names)) if names.contains(&Value::String(name.clone())) => Ok(()),
            _ => Err(admission.refuse(format!("its {plural} do not have {name}"))),
        }
    }

    /// Refuses a Snapshot of pull requests, and one without the consent of its label unless released by hand.
    fn check_snapshot(&self) -> Result<(), Error> {
        let snapshot = &self.snapshot;
        if snapshot.label(TYPE)?.as_deref() == Some("group") {
            return Err(
                snapshot.refuse("it is of pull requests (type group), which are not released")
            );
        }
        // GitLab's term is merge request; an event that is a comment decides nothing, the number of a pull request does.
        let is_proposal = |event: &str| {
            let event = event.to_ascii_lowercase().replace([' ', '_'], "");
            event.starts_with("pullrequest") || event.starts_with("mergerequest")
        };
        let event = snapshot.label(EVENT)?;
        let number = snapshot.label(PULL_REQUEST)?;
        if event.is_some_and(|event| is_proposal(&event))
            || number.is_some_and(|number| !number.is_empty())
        {
            return Err(snapshot.refuse("it was built for a pull request, which is not released"));
        }
        let automated = match &self.release {
            Some(release) => release.is_automated()?,
            None => false,
        };
        if snapshot.label(AUTO_RELEASE)?.as_deref() == Some("false") {
            if automated {
                let problem =
                    format!("its label {AUTO_RELEASE} is \"false\", and the Release is automatic");
                return Err(snapshot.refuse(problem));
            }
            tracing::warn!(
                "{}: released by hand despite its label {AUTO_RELEASE}",
                snapshot.shown
            );
        }
        Ok(())
    }

    /// Returns the component that the Snapshot was made for, which a release of one component needs.
    ///
    /// # Errors
    /// [`Error::Object`] for a Snapshot of another type or without the label.
    pub(crate) fn built_component(&self) -> Result<String, Error> {
        let snapshot = &self.snapshot;
        let wanted = "a release of a single component needs";
        match snapshot.label(TYPE)?.as_deref() {
            Some("component") => {}
            other => {
                let found = other.unwrap_or("none").to_owned();
                return Err(snapshot.refuse(format!("{wanted} the type component, found {found}")));
            }
        }
        let label = snapshot.label(COMPONENT)?;
        label.ok_or_else(|| snapshot.refuse(format!("{wanted} the label {COMPONENT}")))
    }

    /// Returns the data of all resources, in the order of increasing precedence.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub(crate) fn data(&self) -> Result<Vec<(String, Value)>, Error> {
        let objects = [&self.release, &self.plan, &self.admission];
        let data = objects.into_iter().flatten().map(|object| {
            let data = object.spec()?.get("data").cloned();
            Ok((object.shown.clone(), data.unwrap_or(Value::Null)))
        });
        data.collect()
    }
}

impl Object {
    /// Tells whether a machine created the Release.
    fn is_automated(&self) -> Result<bool, Error> {
        if self
            .label("release.appstudio.openshift.io/automated")?
            .as_deref()
            == Some("true")
        {
            return Ok(true);
        }
        let status = self
            .value
            .get("status")
            .and_then(|status| status.get("automated"));
        match status {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(automated)) => Ok(*automated),
            Some(other) => Err(self.shape("status.automated", other, "a boolean")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(of: ObjectKind, labels: Value, spec: Value) -> Object {
        let value = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": of.name(),
            "metadata": {"namespace": "ns", "name": of.name().to_lowercase(), "labels": labels},
            "spec": spec});
        Object::new(value, of, "file").unwrap()
    }

    fn objects(labels: Value) -> Objects {
        let release = json!({"releasePlan": "releaseplan", "snapshot": "snapshot"});
        Objects {
            release: Some(object(ObjectKind::Release, json!({}), release)),
            plan: Some(object(
                ObjectKind::Plan,
                json!({}),
                json!({"application": "shop"}),
            )),
            admission: Some(object(
                ObjectKind::Admission,
                json!({}),
                json!({"applications": ["shop"]}),
            )),
            snapshot: object(ObjectKind::Snapshot, labels, json!({"application": "shop"})),
        }
    }

    #[test]
    fn takes_what_belongs_together() {
        let label = json!({TYPE: "component", COMPONENT: "web"});
        let objects = objects(label);
        objects.check().unwrap();
        assert_eq!(objects.built_component().unwrap(), "web");
    }

    #[test]
    fn refuses_what_does_not() {
        let shop = || json!({"application": "shop"});
        let renamed = json!({"releasePlan": "releaseplan", "snapshot": "another"});
        let changes = [
            (ObjectKind::Plan, json!({}), json!({"application": "other"})),
            (ObjectKind::Plan, json!({}), json!({})),
            (
                ObjectKind::Snapshot,
                json!({}),
                json!({"componentGroup": "shop"}),
            ),
            (
                ObjectKind::Admission,
                json!({}),
                json!({"applications": []}),
            ),
            (
                ObjectKind::Admission,
                json!({BLOCKED: "true"}),
                json!({"applications": ["shop"]}),
            ),
            (ObjectKind::Release, json!({}), renamed),
            (ObjectKind::Snapshot, json!({TYPE: "group"}), shop()),
            (ObjectKind::Snapshot, json!({EVENT: "pull_request"}), shop()),
            (
                ObjectKind::Snapshot,
                json!({EVENT: "Merge Request"}),
                shop(),
            ),
            (
                ObjectKind::Snapshot,
                json!({EVENT: "retest-all-comment", PULL_REQUEST: "7"}),
                shop(),
            ),
            (ObjectKind::Snapshot, json!({TYPE: 1}), shop()),
        ];
        for (of, labels, spec) in changes {
            let mut objects = objects(json!({}));
            objects.check().unwrap();
            let shown = format!("{} {labels} {spec}", of.name());
            let other = object(of, labels, spec);
            match of {
                ObjectKind::Release => objects.release = Some(other),
                ObjectKind::Plan => objects.plan = Some(other),
                ObjectKind::Admission => objects.admission = Some(other),
                ObjectKind::Snapshot => objects.snapshot = other,
                ObjectKind::Group => unreachable!("no change of a group is listed"),
            }
            assert!(objects.check().is_err(), "{shown}");
        }
    }

    #[test]
    fn an_automatic_release_obeys_the_label_of_the_snapshot() {
        let mut objects = objects(json!({AUTO_RELEASE: "false"}));
        objects.check().unwrap();
        let labels = json!({"release.appstudio.openshift.io/automated": "true"});
        let spec = json!({"releasePlan": "releaseplan", "snapshot": "snapshot"});
        objects.release = Some(object(ObjectKind::Release, labels, spec));
        assert!(objects.check().is_err());
    }

    #[test]
    fn a_single_component_needs_its_labels() {
        for labels in [
            json!({}),
            json!({TYPE: "override", COMPONENT: "web"}),
            json!({TYPE: "component"}),
        ] {
            assert!(objects(labels).built_component().is_err());
        }
    }

    #[test]
    fn refuses_other_kinds() {
        let plan = json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "ReleasePlan"});
        assert!(Object::new(plan.clone(), ObjectKind::Plan, "f").is_ok());
        assert!(Object::new(plan, ObjectKind::Snapshot, "f").is_err());
        let other = json!({"apiVersion": "tekton.dev/v1", "kind": "ReleasePlan"});
        assert!(Object::new(other, ObjectKind::Plan, "f").is_err());
        assert!(Object::new(json!([]), ObjectKind::Plan, "f").is_err());
    }
}
