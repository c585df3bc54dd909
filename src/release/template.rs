//! Tag templates: text with `{{ variable }}` in it, as Konflux's release pipelines have them.
//!
//! A value is inserted once: the text of an image's label is never read as a template. A
//! variable without a value is an error and never a text such as `null`.

use std::collections::BTreeMap;

use jiff::{Timestamp, fmt::strtime};

use super::Error;
use crate::{
    image::{Digest, Tag},
    text,
};

/// A parsed template of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// The text as it is written.
    pub(crate) text: String,
    parts: Vec<TemplatePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Variable(Variable),
}

/// A variable that a template may name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    Timestamp,
    ReleaseTimestamp,
    GitSha,
    GitShortSha,
    DigestSha,
    OciVersion,
    Label(String),
    Incrementer,
    ComponentIncrementer,
}

/// Facts about one image that fill its templates.
#[derive(Debug, Clone)]
pub(crate) struct ImageFacts {
    /// The digest of the image or index.
    pub(crate) digest: Digest,
    /// The source commit, as the Snapshot names it.
    pub(crate) revision: Option<String>,
    /// The time when the image was built.
    pub(crate) built: Option<Timestamp>,
    /// The time when the Release was created.
    pub(crate) released: Option<Timestamp>,
    /// The labels of its configuration; of an index, of its first platform.
    pub(crate) labels: BTreeMap<String, String>,
    /// The version by its annotation, else by its label.
    pub(crate) version: Option<String>,
    pub(crate) format: String,
}

/// The result of filling a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filled {
    Tag(Tag),
    /// A tag with a number that the registry determines.
    Numbered {
        prefix: String,
        suffix: String,
        /// Requires a number above those of all repositories of the component.
        everywhere: bool,
    },
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`Error::Tag`] for an empty one, an unknown variable and an unclosed brace.
    pub(crate) fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Tag {
            place: place.to_owned(),
            template: text.to_owned(),
            problem,
        };
        if text.is_empty() {
            return Err(wrong("is empty".to_owned()));
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, after) = behind
                .split_once("}}")
                .ok_or_else(|| wrong("has a {{ without }}".to_owned()))?;
            let variable = Variable::parse(name.trim()).ok_or_else(|| {
                wrong(format!(
                    "names the variable {:?}; known are {}",
                    name.trim(),
                    Variable::KNOWN
                ))
            })?;
            if !before.is_empty() {
                parts.push(TemplatePart::Text(before.to_owned()));
            }
            parts.push(TemplatePart::Variable(variable));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.to_owned()));
        }
        let numbers = parts.iter().filter(|part| {
            let number = [Variable::Incrementer, Variable::ComponentIncrementer];
            matches!(part, TemplatePart::Variable(variable) if number.contains(variable))
        });
        match numbers.count() {
            0 | 1 => Ok(Self {
                text: text.to_owned(),
                parts,
            }),
            _ => Err(wrong("has two numbers, expected one".to_owned())),
        }
    }

    /// Fills the template.
    ///
    /// # Errors
    /// [`Error::Tag`] for a variable without a value and for a result that is not a tag.
    pub(crate) fn fill(&self, facts: &ImageFacts, place: &str) -> Result<Filled, Error> {
        let wrong = |problem: String| Error::Tag {
            place: place.to_owned(),
            template: self.text.clone(),
            problem,
        };
        let (mut text, mut number) = (String::new(), None);
        for part in &self.parts {
            match part {
                TemplatePart::Text(plain) => text.push_str(plain),
                TemplatePart::Variable(Variable::Incrementer) => number = Some((text.len(), false)),
                TemplatePart::Variable(Variable::ComponentIncrementer) => {
                    number = Some((text.len(), true));
                }
                TemplatePart::Variable(variable) => {
                    text.push_str(&variable.value(facts).map_err(wrong)?);
                }
            }
        }
        let tag = |text: &str| {
            let tag: Result<Tag, _> = text.parse();
            tag.map_err(|error| wrong(format!("becomes {text:?}: {error}")))
        };
        let Some((at, everywhere)) = number else {
            return tag(&text).map(Filled::Tag);
        };
        let (prefix, suffix) = text.split_at(at);
        // The longest number that is recognized has six digits.
        tag(&format!("{prefix}999999{suffix}"))?;
        Ok(Filled::Numbered {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            everywhere,
        })
    }
}

impl Variable {
    const KNOWN: &'static str = "timestamp, release_timestamp, git_sha, git_short_sha, digest_sha, oci_version, labels.NAME, incrementer, component-incrementer";

    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "timestamp" => Self::Timestamp,
            "release_timestamp" => Self::ReleaseTimestamp,
            "git_sha" => Self::GitSha,
            "git_short_sha" => Self::GitShortSha,
            "digest_sha" => Self::DigestSha,
            "oci_version" => Self::OciVersion,
            "incrementer" => Self::Incrementer,
            "component-incrementer" => Self::ComponentIncrementer,
            label => {
                let name = label
                    .strip_prefix("labels.")
                    .filter(|name| !name.is_empty())?;
                Self::Label(name.to_owned())
            }
        })
    }

    fn value(&self, facts: &ImageFacts) -> Result<String, String> {
        let time = |time: Option<Timestamp>, missing: &str| {
            let time = time.ok_or_else(|| missing.to_owned())?;
            let shown = strtime::format(&facts.format, &time.to_zoned(jiff::tz::TimeZone::UTC));
            shown.map_err(|error| format!("has the time format {:?}: {error}", facts.format))
        };
        let revision = || {
            let missing = "needs the source commit, which the Snapshot does not name";
            let revision = facts.revision.clone().ok_or_else(|| missing.to_owned())?;
            match text::is_commit(&revision) {
                true => Ok(revision),
                // The name of a branch would make a tag that says nothing.
                false => Err(format!(
                    "needs the source commit, and the Snapshot names {revision:?}"
                )),
            }
        };
        match self {
            Self::Timestamp => time(facts.built, "needs the build time, which the image lacks"),
            Self::ReleaseTimestamp => time(facts.released, "needs the time of a Release"),
            Self::GitSha => revision(),
            Self::GitShortSha => revision().map(|commit| commit.chars().take(7).collect()),
            Self::DigestSha => Ok(facts.digest.hex()),
            Self::OciVersion => match facts.version.as_deref().filter(|v| !v.is_empty()) {
                // A version may have build metadata behind a plus, which a tag cannot have.
                Some(version) => Ok(version.replace('+', "_")),
                None => {
                    Err("needs org.opencontainers.image.version, which the image lacks".to_owned())
                }
            },
            Self::Label(name) => match facts.labels.get(name).filter(|value| !value.is_empty()) {
                Some(value) => Ok(value.clone()),
                None => Err(format!("needs the label {name:?}, which the image lacks")),
            },
            Self::Incrementer | Self::ComponentIncrementer => Ok(String::new()),
        }
    }
}

/// Returns the number of a tag that a template with an incrementer made: one to six digits.
pub(crate) fn number(tag: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let digits = tag.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ImageFacts {
        let labels = [
            ("version", "1.4.2"),
            ("empty", ""),
            ("evil", "{{ git_sha }}"),
            ("loop", "{{ labels.loop }}"),
            ("plus", "1.0+b"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        ImageFacts {
            digest: Digest::of(b"image"),
            revision: Some("1f2e3d4c".repeat(5)),
            built: Some("2026-08-05T10:00:00Z".parse().unwrap()),
            released: Some("2026-08-06T00:00:00Z".parse().unwrap()),
            labels: labels.into(),
            version: Some("1.4.2+b3".to_owned()),
            format: "%Y%m%d".to_owned(),
        }
    }

    fn filled(text: &str, facts: &ImageFacts) -> Result<Filled, Error> {
        Template::parse(text, "web")?.fill(facts, "web")
    }

    fn tag(text: &str) -> Filled {
        Filled::Tag(text.parse().unwrap())
    }

    #[test]
    fn fills_every_variable() {
        let facts = facts();
        for (template, expected) in [
            ("released", "released".to_owned()),
            (
                "{{ labels.version }}-{{ timestamp }}",
                "1.4.2-20260805".to_owned(),
            ),
            ("{{git_short_sha}}", "1f2e3d4".to_owned()),
            ("{{ git_sha }}", "1f2e3d4c".repeat(5)),
            ("{{ oci_version }}", "1.4.2_b3".to_owned()),
            ("r-{{ release_timestamp }}", "r-20260806".to_owned()),
            ("{{ digest_sha }}", Digest::of(b"image").hex()),
        ] {
            assert_eq!(
                filled(template, &facts).unwrap(),
                tag(&expected),
                "{template}"
            );
        }
        let seconds = ImageFacts {
            format: "%s".to_owned(),
            ..facts
        };
        let built = filled("{{ timestamp }}", &seconds).unwrap();
        assert_eq!(built, tag("1785924000"));
    }

    #[test]
    fn leaves_the_number_to_the_registry() {
        let template = "v{{ labels.version }}-{{incrementer}}";
        assert_eq!(
            filled(template, &facts()).unwrap(),
            Filled::Numbered {
                prefix: "v1.4.2-".to_owned(),
                suffix: String::new(),
                everywhere: false,
            }
        );
        assert_eq!(number("v1.4.2-7", "v1.4.2-", ""), Some(7));
        for other in [
            "v1.4.2-x",
            "v1.4.2-",
            "v1x4.2-7",
            "v1.4.2-1234567",
            "v1.4.2--7",
            "v1.4.2-7-b",
        ] {
            assert_eq!(number(other, "v1.4.2-", ""), None, "{other}");
        }
    }

    #[test]
    fn a_revision_that_is_not_a_commit_makes_no_tag() {
        for revision in ["main", "1f2e3d4", "refs/heads/main", ""] {
            let facts = ImageFacts {
                revision: Some(revision.to_owned()),
                ..facts()
            };
            for template in ["{{ git_sha }}", "{{ git_short_sha }}"] {
                assert!(filled(template, &facts).is_err(), "{template} {revision}");
            }
            assert!(filled("released", &facts).is_ok());
        }
    }

    #[test]
    fn refuses_what_is_not_a_tag() {
        let bare = ImageFacts {
            revision: None,
            version: None,
            ..facts()
        };
        let long = "a".repeat(129);
        for template in [
            "-released",
            ".released",
            &long,
            "{{ nosuch }}",
            "{{ labels. }}",
            "{{ labels.absent }}",
            "{{ labels.empty }}",
            "{{ labels.evil }}",
            "{{ labels.loop }}",
            "{{ labels.plus }}",
            "{{ git_sha }}",
            "{{ oci_version }}",
            "rel eased",
            "{{ git_sha",
            "git_sha }}",
            "{{ {{ git_sha }} }}",
            "",
            "{{ incrementer }}-{{ incrementer }}",
            "é",
        ] {
            let error = filled(template, &bare).unwrap_err();
            assert!(matches!(error, Error::Tag { .. }), "{template}: {error}");
        }
    }
}
