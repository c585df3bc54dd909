//! Images of objects: their places, and the selection of a component's images.

use super::{
    resource::BuiltResource,
    value::{Scalar, Value, path_of, quoted},
};
use crate::{
    gitops::{Error, TargetComponent, error::Position},
    image::Repository,
};

/// The image of a container in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagePlace {
    /// `KIND/NAME`.
    pub(crate) object: String,
    pub(crate) resource: usize,
    /// The container's name; of an image volume, the volume's.
    pub(crate) container: String,
    /// Set for init and ephemeral containers and for image volumes.
    pub(crate) aside: bool,
    pub(crate) path: String,
    pub(crate) scalar: Scalar,
}

impl ImagePlace {
    /// Identifies the place that sets the image last: two images with one key are set by one edit.
    pub(crate) fn key(&self) -> String {
        if let Some(entry) = &self.scalar.entry {
            return format!("{}{}", entry.file, entry.path);
        }
        let marks = self
            .scalar
            .pieces
            .iter()
            .filter_map(|piece| piece.mark.as_ref());
        let keys: Vec<_> = marks
            .map(|mark| format!("{}{}", mark.file, mark.path))
            .collect();
        keys.join("+")
    }

    /// Returns the position of that place.
    pub(crate) fn position(&self, file: &str) -> Position {
        match (&self.scalar.entry, self.scalar.mark()) {
            (Some(entry), _) => entry.position(),
            (None, Some(mark)) => mark.position(),
            (None, None) => Position::start(file),
        }
    }

    /// Describes the image as `KIND/NAME container web (IMAGE)`.
    pub(crate) fn describe(&self) -> String {
        format!("{} {} ({})", self.object, self.container, self.scalar.text)
    }
}

/// Lists every image of the objects.
pub(crate) fn places(resources: &[BuiltResource]) -> Vec<ImagePlace> {
    let mut found = Vec::new();
    for (index, resource) in resources.iter().enumerate() {
        let id = resource.id();
        if id.kind == "CustomResourceDefinition" {
            continue;
        }
        let mut walk = ImageWalk {
            object: resource.kind_and_name(),
            resource: index,
            found: &mut found,
        };
        walk.value(&resource.value, "", "");
    }
    found
}

struct ImageWalk<'a> {
    object: String,
    resource: usize,
    found: &'a mut Vec<ImagePlace>,
}

impl ImageWalk<'_> {
    fn value(&mut self, value: &Value, key: &str, path: &str) {
        match value {
            Value::Map(entries) => {
                for (name, inner) in entries {
                    let below = format!("{path}.{}", quoted(name));
                    // A container or script of a workflow, and the defaults for all steps of a Task.
                    if matches!(
                        name.as_str(),
                        "container" | "script" | "stepTemplate" | "stepSpec"
                    ) && let Some(Value::Scalar(image)) = inner.get("image")
                    {
                        self.add(value, image, false, &format!("{below}.image"));
                    }
                    self.value(inner, name, &below);
                }
            }
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let below = path_of(path, at, items);
                    let aside = match key {
                        "containers" | "steps" | "sidecars" => Some(false),
                        "initContainers" | "ephemeralContainers" => Some(true),
                        _ => None,
                    };
                    if let (Some(aside), Some(Value::Scalar(image))) = (aside, item.get("image")) {
                        self.add(item, image, aside, &format!("{below}.image"));
                    }
                    if key == "volumes"
                        && let Some(Value::Scalar(image)) = item.at(&["image", "reference"])
                    {
                        self.add(item, image, true, &format!("{below}.image.reference"));
                    }
                    self.value(item, "", &below);
                }
            }
            Value::Scalar(_) => {}
        }
    }

    fn add(&mut self, owner: &Value, image: &Scalar, aside: bool, path: &str) {
        if image.null || image.text.is_empty() {
            return;
        }
        self.found.push(ImagePlace {
            object: self.object.clone(),
            resource: self.resource,
            container: owner
                .get("name")
                .and_then(Value::text)
                .unwrap_or_default()
                .to_owned(),
            aside,
            path: path.to_owned(),
            scalar: image.clone(),
        });
    }
}

/// The places to edit, and places of the same repository that are not edited.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) edit: Vec<ImagePlace>,
    pub(crate) stay: Vec<ImagePlace>,
}

/// Selects the component's images: by the container's name, else by repository, else the only one.
///
/// # Errors
/// [`Error::NoContainer`] and [`Error::Ambiguous`].
pub(crate) fn choose(
    all: Vec<ImagePlace>,
    component: &TargetComponent,
    options: &crate::gitops::EditOptions,
    at: &Position,
) -> Result<Chosen, Error> {
    let of_repository: Vec<_> = all
        .iter()
        .filter(|place| component.knows(&place.scalar.text))
        .collect();
    let mut chosen = candidates(&all, &of_repository, component, options);
    if chosen.is_empty() {
        chosen.extend(only_container(&all, options));
    }
    if chosen.is_empty() {
        let found: Vec<_> = all.iter().collect();
        return Err(Error::NoContainer {
            at: at.clone(),
            name: component.name.clone(),
            containers: if found.is_empty() {
                "none".to_owned()
            } else {
                descriptions(&found)
            },
        });
    }
    if distinct(&chosen) > 1 && !options.all {
        return Err(Error::Ambiguous {
            at: chosen.first().map_or_else(|| at.clone(), |place| place.position(&at.file)),
            name: component.name.clone(),
            places: descriptions(&chosen),
            hint: "--all edits each of them; --document KIND/NAME or --file FILE --path PATH names one".to_owned(),
        });
    }
    let keys: Vec<_> = chosen.iter().map(|place| place.key()).collect();
    let stay = of_repository
        .into_iter()
        .filter(|place| !chosen.contains(place) && !keys.contains(&place.key()))
        .cloned()
        .collect();
    Ok(Chosen {
        edit: chosen.into_iter().cloned().collect(),
        stay,
    })
}

/// Returns the images by container name, else by repository. With `--all` those of the repository
/// are added, else several are narrowed down to those of the repository and to main containers.
fn candidates<'a>(
    all: &'a [ImagePlace],
    of_repository: &[&'a ImagePlace],
    component: &TargetComponent,
    options: &crate::gitops::EditOptions,
) -> Vec<&'a ImagePlace> {
    let named: Vec<_> = all
        .iter()
        .filter(|place| place.container == component.name)
        .collect();
    let mut chosen: Vec<&ImagePlace> = if named.is_empty() {
        of_repository.to_vec()
    } else {
        named
    };
    if options.all {
        for place in of_repository {
            if !chosen.contains(place) {
                chosen.push(place);
            }
        }
        return chosen;
    }
    let tests: [&dyn Fn(&ImagePlace) -> bool; 2] = [
        &|place: &ImagePlace| component.knows(&place.scalar.text),
        &|place: &ImagePlace| !place.aside,
    ];
    for test in tests {
        let narrower: Vec<_> = chosen.iter().filter(|place| test(place)).copied().collect();
        if distinct(&chosen) > 1 && !narrower.is_empty() {
            chosen = narrower;
        }
    }
    chosen
}

fn descriptions(places: &[&ImagePlace]) -> String {
    let places: Vec<_> = places.iter().map(|place| place.describe()).collect();
    places.join(", ")
}

fn distinct(places: &[&ImagePlace]) -> usize {
    let keys: std::collections::BTreeSet<_> = places.iter().map(|place| place.key()).collect();
    keys.len()
}

/// Returns the only container, when one image is promoted and it has a placeholder, or with `--adopt`.
fn only_container<'a>(
    all: &'a [ImagePlace],
    options: &crate::gitops::EditOptions,
) -> Option<&'a ImagePlace> {
    let mut main = all.iter().filter(|place| !place.aside);
    match (main.next(), main.next()) {
        (Some(place), None)
            if options.adopt || options.single && is_placeholder(&place.scalar.text) =>
        {
            Some(place)
        }
        _ => None,
    }
}

/// Tells whether a text is not an image yet: a variable, a word in capitals, a name without a registry host.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let (name, ..) = super::images::split(text);
    let host = name.split_once('/').map(|(first, _)| first);
    let has_host = host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
    text.contains("${") || name.parse::<Repository>().is_err() || !has_host
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitops::{EditOptions, graph::value::load};

    fn of(text: &str) -> Vec<ImagePlace> {
        let documents = load("f", text).unwrap();
        let resources: Vec<_> = documents
            .into_iter()
            .map(|value| BuiltResource::new(value, "f"))
            .collect();
        places(&resources)
    }

    fn choice(text: &str, options: EditOptions) -> Result<(Vec<String>, usize), Error> {
        let component = TargetComponent {
            name: "web".to_owned(),
            repositories: vec!["q.io/acme/web".to_owned()],
        };
        let chosen = choose(of(text), &component, &options, &Position::start("f"))?;
        let edit = chosen
            .edit
            .iter()
            .map(|place| place.container.clone())
            .collect();
        Ok((edit, chosen.stay.len()))
    }

    const ONE: EditOptions = EditOptions {
        all: false,
        create: false,
        shared_base: false,
        allow_shared: false,
        adopt: false,
        overwrite_variable: false,
        single: true,
        copy: false,
    };

    #[test]
    fn finds_images_in_every_kind() {
        for text in [
            "spec: {template: {spec: {containers: [{name: web, image: x}]}}}",
            "spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: web, image: x}]}}}}}",
            "spec: {jobTargetRef: {template: {spec: {containers: [{name: web, image: x}]}}}}",
            "spec: {containers: [{name: web, image: x}]}",
            "spec: {volumes: [{name: web, image: {reference: x}}]}",
            "spec: {templates: [{name: web, container: {image: x}}]}",
            "spec: {workflowSpec: {templates: [{name: web, script: {image: x}}]}}",
            "spec: {taskSpec: {steps: [{name: web, image: x}]}}",
        ] {
            let found = of(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].container, "web", "{text}");
        }
        assert!(of("kind: CustomResourceDefinition\nspec: {containers: [{image: x}]}").is_empty());
    }

    #[test]
    fn chooses_by_name_then_repository_then_the_only_one() {
        let pod = |containers: &str| format!("spec: {{containers: [{containers}]}}");
        let web = "{name: web, image: 'q.io/acme/web:v0'}";
        let worker = "{name: worker, image: 'q.io/acme/web:v0'}";
        let side = "{name: side, image: 'q.io/x/y:v0'}";
        let (edit, stay) = choice(&pod(&format!("{worker}, {web}, {side}")), ONE).unwrap();
        assert_eq!((edit, stay), (vec!["web".to_owned()], 1));
        let all = EditOptions { all: true, ..ONE };
        let (edit, stay) = choice(&pod(&format!("{worker}, {web}")), all).unwrap();
        assert_eq!((edit.len(), stay), (2, 0));
        assert_eq!(
            choice(&pod(&format!("{worker}, {side}")), ONE).unwrap().0,
            ["worker"]
        );
        assert!(matches!(
            choice(&pod(side), ONE),
            Err(Error::NoContainer { .. })
        ));
        assert_eq!(
            choice(&pod(side), EditOptions { adopt: true, ..ONE })
                .unwrap()
                .0,
            ["side"]
        );
        for image in ["IMAGE_URL", "web", "'${WEB_IMAGE}'"] {
            let one = pod(&format!("{{name: main, image: {image}}}"));
            assert_eq!(choice(&one, ONE).unwrap().0, ["main"], "{image}");
            assert!(
                choice(
                    &one,
                    EditOptions {
                        single: false,
                        ..ONE
                    }
                )
                .is_err(),
                "{image}"
            );
        }
    }
}
