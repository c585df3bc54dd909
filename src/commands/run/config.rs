//! `promote.yaml`: one section per command, that command's flags as keys.
//!
//! A key is checked to be the name of a flag before it is compared: written into an
//! argument, `public-key=evil.pub` would be another flag than it appears.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use clap::{Args as _, Command, FromArgMatches};
use serde_json::{Map, Value};

use crate::{
    commands::{attest, copy_image, extract_tag, gather_images, update_deployment, verify_ec},
    failure::{Failure, Kind},
    json,
    lint::nearest,
    text,
};

/// The sections that a configuration may have: the steps.
pub(super) const STEPS: [&str; 6] = [
    "extract-tag",
    "gather-images",
    "verify-ec",
    "copy-image",
    "attest",
    "update-deployment",
];

/// Flags that `run` sets itself; a setting in the file would have no effect.
const OWN: [(&str, &[&str]); 5] = [
    (
        "gather-images",
        &["revision", "commit", "destination-tag", "images-out"],
    ),
    (
        "verify-ec",
        &["images", "images-digest", "image", "verified-out"],
    ),
    (
        "copy-image",
        &[
            "verified",
            "verified-digest",
            "unverified",
            "source",
            "destination",
            "dry-run",
            // The deployment would name tags that have not moved, or images without a verdict.
            "stage-only",
            "check-tags",
            "tags-only",
            "promoted",
            "promoted-digest",
        ],
    ),
    (
        "attest",
        &[
            "images",
            "verified",
            "verified-digest",
            "promoted",
            "promoted-digest",
            "report",
            "environment",
            "gitops-repo-url",
            "dry-run",
        ],
    ),
    (
        "update-deployment",
        &[
            "evidence",
            "promoted",
            "promoted-digest",
            "unverified",
            "image",
            "dry-run",
        ],
    ),
];

/// The settings of the configuration file, by step.
#[derive(Debug, Clone, Default)]
pub(super) struct RunConfig(BTreeMap<String, StepFlags>);

/// The flags of one step, in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct StepFlags(Vec<(String, Vec<String>)>);

impl RunConfig {
    /// Reads YAML.
    ///
    /// # Errors
    /// [`Kind::Usage`], naming the file, the section and the key.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, Failure> {
        let wrong =
            |reason: String| Failure::message(Kind::Usage, format!("{}: {reason}", path.display()));
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let document = json::yaml(text).map_err(|error| wrong(error.to_string()))?;
        let steps = match &document {
            Value::Null => &Map::new(),
            Value::Object(steps) => steps,
            _ => return Err(wrong("expected one section per command".to_owned())),
        };
        let mut config = Self::default();
        for (step, keys) in steps {
            let (step, mut flags) = (step.clone(), StepFlags::default());
            check_step(&step).map_err(&wrong)?;
            let keys = match keys {
                Value::Null => &Map::new(),
                Value::Object(keys) => keys,
                _ => return Err(wrong(format!("{step}: expected flags with their values"))),
            };
            for (key, value) in keys {
                let key = key.clone();
                check_key(&step, &key).map_err(&wrong)?;
                let values = values(value).ok_or_else(|| {
                    wrong(format!(
                        "{step}.{key} is not a text, number, boolean or list"
                    ))
                })?;
                flags.0.push((key, values));
            }
            config.0.insert(step, flags);
        }
        Ok(config)
    }

    /// Takes settings of the form `STEP.FLAG=VALUE`, which replace those of the file; an empty value
    /// is absent, and several of one flag are its values.
    ///
    /// # Errors
    /// [`Kind::Usage`], naming the setting.
    pub(super) fn set(&mut self, settings: &[String]) -> Result<(), Failure> {
        let mut given: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for setting in settings {
            let wrong = |reason: String| {
                let setting = text::line(setting);
                Failure::message(Kind::Usage, format!("--set {setting}: {reason}"))
            };
            let parts = setting.split_once('=').and_then(|(name, value)| {
                let (step, key) = name.split_once('.')?;
                Some((step, key, value))
            });
            let (step, key, value) =
                parts.ok_or_else(|| wrong("expected STEP.FLAG=VALUE".to_owned()))?;
            check_step(step).map_err(wrong)?;
            check_key(step, key).map_err(wrong)?;
            if !value.is_empty() {
                given.entry((step, key)).or_default().push(value.to_owned());
            }
        }
        for ((step, key), values) in given {
            let flags = self.0.entry(step.to_owned()).or_default();
            flags.set_all(key, &values);
        }
        Ok(())
    }

    /// Returns every setting of the file: command, flag and value.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let steps = self.0.iter();
        let keys = steps.flat_map(|(step, flags)| flags.0.iter().map(move |flag| (step, flag)));
        keys.flat_map(|(step, (key, values))| {
            let values = values.iter();
            values.map(move |value| (step.as_str(), key.as_str(), value.as_str()))
        })
    }

    /// Returns the flags that the file sets for the step.
    pub(super) fn step(&self, step: &str) -> StepFlags {
        self.0.get(step).cloned().unwrap_or_default()
    }
}

/// Returns a question for the known name that is most like the given one, if any is.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!(" (did you mean {known}?)"))
}

/// Refuses a name that is not one of the steps.
fn check_step(step: &str) -> Result<(), String> {
    match STEPS.contains(&step) {
        true => Ok(()),
        false => Err(format!(
            "no command {step:?}{}: expected one of {}",
            meant(step, STEPS.into_iter()),
            STEPS.join(", ")
        )),
    }
}

/// Refuses a key that is not a flag of the step, or that `run` sets itself.
fn check_key(step: &str, key: &str) -> Result<(), String> {
    let flags = flags_of(step);
    if !flags.contains(key) {
        let name = key.trim_start_matches('-');
        let meant = match flags.contains(name) {
            true => format!(": write {name}, without dashes"),
            false => meant(name, flags.iter().map(String::as_str)),
        };
        return Err(format!("{step} has no flag --{}{meant}", text::line(name)));
    }
    let own = OWN.iter().find(|(name, _)| *name == step);
    match own.is_some_and(|(_, keys)| keys.contains(&key)) {
        true => Err(format!("{step}.{key} is set by run itself: leave it out")),
        false => Ok(()),
    }
}

/// Returns the names of a command's own flags.
fn flags_of(step: &str) -> BTreeSet<String> {
    let command = Command::new("step");
    let command = match step {
        "extract-tag" => extract_tag::Args::augment_args(command),
        "gather-images" => gather_images::Args::augment_args(command),
        "verify-ec" => verify_ec::Args::augment_args(command),
        "copy-image" => copy_image::Args::augment_args(command),
        "attest" => attest::Args::augment_args(command),
        _ => update_deployment::Args::augment_args(command),
    };
    let longs = command.get_arguments().filter_map(clap::Arg::get_long);
    longs.map(str::to_owned).collect()
}

/// Returns a scalar or a list of scalars as the values of one flag; `null` has none.
fn values(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(_) | Value::Number(_) => Some(vec![value.to_string()]),
        Value::Array(items) if items.iter().all(|item| !item.is_array()) => items
            .iter()
            .map(values)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

impl StepFlags {
    /// Sets a flag in place of the file's values.
    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.set_all(key, &[value.into()])
    }

    /// Sets a repeatable flag unless there is nothing to set.
    pub(super) fn set_all(&mut self, key: &str, values: &[String]) -> &mut Self {
        if !values.is_empty() {
            self.0.retain(|(known, _)| known != key);
            self.0.push((key.to_owned(), values.to_vec()));
        }
        self
    }

    /// Sets a flag if there is a value.
    pub(super) fn set_some(&mut self, key: &str, value: Option<&String>) -> &mut Self {
        self.set_all(key, value.map(std::slice::from_ref).unwrap_or_default())
    }

    /// Returns the first value of a flag.
    pub(super) fn first(&self, key: &str) -> Option<String> {
        let mut flags = self.0.iter().filter(|(known, _)| known == key);
        flags.next().and_then(|(_, values)| values.first().cloned())
    }

    /// Sets a flag unless the file already did.
    pub(super) fn set_default(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        if self.has(key) {
            self
        } else {
            self.set(key, value)
        }
    }

    /// Adds a value to a repeatable flag.
    pub(super) fn add(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.0.push((key.to_owned(), vec![value.into()]));
        self
    }

    /// Tells whether the flag is set.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }

    /// Removes a flag with its values.
    pub(super) fn remove(&mut self, key: &str) -> &mut Self {
        self.0.retain(|(known, _)| known != key);
        self
    }

    /// Removes several flags with their values.
    pub(super) fn remove_all(&mut self, keys: &[&str]) {
        self.0.retain(|(known, _)| !keys.contains(&known.as_str()));
    }

    /// Parses the flags as the step's command line is parsed.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the message that a user of the step would read.
    pub(super) fn parse<A: clap::Args + FromArgMatches>(
        &self,
        step: &'static str,
    ) -> Result<A, Failure> {
        let wrong = |error: clap::Error| {
            let text = error.to_string();
            let text = text
                .trim_start_matches("error: ")
                .lines()
                .next()
                .unwrap_or_default();
            Failure::message(Kind::Usage, format!("{step}: {text}"))
        };
        let command =
            crate::commands::booleans(A::augment_args(Command::new(step).no_binary_name(true)));
        let switches: Vec<_> = crate::commands::switches(&command)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let is_off =
            |key: &String, values: &[String]| *values == ["false"] && switches.contains(key);
        let arguments = self
            .0
            .iter()
            .filter(|(key, values)| !key.is_empty() && !is_off(key, values))
            .flat_map(|(key, values)| values.iter().map(move |value| format!("--{key}={value}")));
        let matches = command.try_get_matches_from(arguments).map_err(wrong)?;
        A::from_arg_matches(&matches).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Args, PartialEq)]
    struct Example {
        #[arg(long)]
        tag: Vec<String>,
        #[arg(long)]
        immutable: bool,
    }

    fn parse(text: &str) -> Result<RunConfig, Failure> {
        RunConfig::parse(text.as_bytes(), Path::new("promote.yaml"))
    }

    #[test]
    fn keys_become_flags_and_later_values_win() {
        let config = parse("copy-image:\n  tag: [a, b]\n  immutable: true\n").unwrap();
        let mut flags = config.step("copy-image");
        let tags = |flags: &StepFlags| flags.parse::<Example>("copy-image").unwrap();
        let expected = Example {
            tag: vec!["a".into(), "b".into()],
            immutable: true,
        };
        assert_eq!(tags(&flags), expected);
        flags.set("tag", "c").set_default("immutable", "false");
        assert_eq!(
            tags(&flags),
            Example {
                tag: vec!["c".into()],
                immutable: true
            }
        );
    }

    #[test]
    fn names_the_section_the_key_and_the_file() {
        let unknown = parse("copy-images: {}\n").unwrap_err().to_string();
        assert!(
            unknown.contains("promote.yaml") && unknown.contains("copy-images"),
            "{unknown}"
        );
        let own = parse("copy-image:\n  verified: x\n")
            .unwrap_err()
            .to_string();
        assert!(own.contains("copy-image.verified"), "{own}");
        let nested = parse("copy-image:\n  tag: {a: b}\n")
            .unwrap_err()
            .to_string();
        assert!(nested.contains("copy-image.tag"), "{nested}");
        let flag = parse("copy-image:\n  nope: 1\n").unwrap_err();
        assert_eq!(flag.kind(), Kind::Usage);
        assert!(flag.to_string().contains("--nope"), "{flag}");
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_nearest_one() {
        for (text, near) in [
            ("copy-imag: {}\n", "did you mean copy-image?"),
            ("copy-image:\n  imutable: x\n", "did you mean immutable?"),
            ("copy-image:\n  --tag: x\n", "write tag, without dashes"),
        ] {
            let refused = parse(text).unwrap_err().to_string();
            assert!(refused.contains(near), "{refused}");
        }
        let far = parse("copy-image:\n  quite-another: x\n").unwrap_err();
        assert!(!far.to_string().contains("did you mean"), "{far}");
        assert!(parse("copy-image:\n  tag: x\n").is_ok());
    }

    #[test]
    fn settings_of_the_line_replace_those_of_the_file() {
        let mut config = parse("copy-image:\n  tag: [a, b]\n").unwrap();
        let settings = ["copy-image.tag=c", "copy-image.tag=d=e", "copy-image.to="];
        config.set(&settings.map(str::to_owned)).unwrap();
        let example = config.step("copy-image").parse::<Example>("copy-image");
        assert_eq!(example.unwrap().tag, ["c", "d=e"]);
        for bad in [
            "copy-image.tag",
            "tag=x",
            "copy-image.nope=x",
            "copy-image.verified=x",
            "x.tag=y",
        ] {
            let refused = config.set(&[bad.to_owned()]).unwrap_err();
            assert_eq!(refused.kind(), Kind::Usage, "{bad}");
            assert!(refused.to_string().contains(bad), "{refused}");
        }
    }

    #[test]
    fn a_value_cannot_become_a_flag() {
        let flags = parse("copy-image:\n  tag: --immutable\n")
            .unwrap()
            .step("copy-image");
        let example = flags.parse::<Example>("copy-image").unwrap();
        assert_eq!(
            example,
            Example {
                tag: vec!["--immutable".into()],
                immutable: false
            }
        );
    }

    #[test]
    fn a_key_is_the_name_of_a_flag_and_nothing_more() {
        for key in [
            "public-key=evil.pub",
            "unverified=true",
            "ignore-rekor ",
            "plain-http",
            "data-dir",
            "Policy",
            "--policy",
            "",
        ] {
            for step in ["verify-ec", "copy-image"] {
                let refused = parse(&format!("{step}:\n  \"{key}\": \"x\"\n"));
                assert_eq!(refused.unwrap_err().kind(), Kind::Usage, "{step} {key:?}");
            }
        }
        assert!(parse("verify-ec:\n  public-key: good.pub\n").is_ok());
        let twice = parse("verify-ec: {strict: true}\nverify-ec: {strict: false}\n");
        assert!(twice.is_err());
    }
}
