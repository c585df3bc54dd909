//! `--output FORMAT[=FILE][?option=value&…]`.

use std::{path::PathBuf, str::FromStr};

use crate::report::{Format, Show};

/// One report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// How it is written.
    pub(super) format: Format,
    /// Where it goes; standard output without.
    pub(super) path: Option<PathBuf>,
    successes: Option<bool>,
    warnings: Option<bool>,
    docs_link: Option<bool>,
}

impl Output {
    /// What is written when nothing was asked for.
    pub(super) fn text() -> Self {
        Self {
            format: Format::Text,
            path: None,
            successes: None,
            warnings: None,
            docs_link: None,
        }
    }

    /// What this report shows. Options count in text only, as upstream has it.
    pub(super) fn show(&self, show: Show) -> Show {
        if self.format != Format::Text {
            return show;
        }
        Show {
            successes: self.successes.unwrap_or(show.successes),
            warnings: self.warnings.unwrap_or(show.warnings),
            docs_link: self.docs_link.unwrap_or(show.docs_link),
            ..show
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, options) = text.split_once('?').unwrap_or((text, ""));
        let (name, path) = target.split_once('=').unwrap_or((target, ""));
        let name = if name.is_empty() { "json" } else { name };
        let names: Vec<_> = Format::ALL.iter().map(|(name, _)| *name).collect();
        let format = Format::parse(name).ok_or_else(|| {
            format!(
                "{name:?} is not a valid report format: expected one of {}",
                names.join(", ")
            )
        })?;
        let mut output = Self {
            format,
            path: Some(PathBuf::from(path)).filter(|_| !path.is_empty()),
            ..Self::text()
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let wrong = || {
                format!(
                    "option {option:?} of the report is unknown: expected show-successes, show-warnings or show-policy-docs-link, each =true or =false"
                )
            };
            let (name, value) = option.split_once('=').ok_or_else(wrong)?;
            let value = Some(value.parse().map_err(|_| wrong())?);
            match name {
                "show-successes" => output.successes = value,
                "show-warnings" => output.warnings = value,
                "show-policy-docs-link" => output.docs_link = value,
                _ => return Err(wrong()),
            }
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_format_file_and_options() {
        let output: Output = "text=a/b.txt?show-successes=true".parse().unwrap();
        assert_eq!(
            (output.format, output.successes),
            (Format::Text, Some(true))
        );
        assert_eq!(output.path, Some("a/b.txt".into()));
        let output: Output = "=r.json".parse().unwrap();
        assert_eq!(
            (output.format, output.path),
            (Format::Json, Some("r.json".into()))
        );
        for wrong in [
            "pdf",
            "text?x=true",
            "text?show-successes=maybe",
            "text?show-successes",
        ] {
            assert!(wrong.parse::<Output>().is_err(), "{wrong}");
        }
    }
}
