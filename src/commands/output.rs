//! Reports named by `--output FORMAT[=FILE][?option=value&…]`.

use std::{path::PathBuf, str::FromStr};

use crate::{
    commands::{
        Context,
        files::{self, write_file},
    },
    failure::{Failure, Kind, OrFail as _},
    gate::Keep,
    image::Digest,
    report::{Report, ReportFormat, Show},
};

/// A requested report with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportOutput {
    format: ReportFormat,
    /// The file that it is written to; `None` is standard output.
    path: Option<PathBuf>,
    successes: Option<bool>,
    warnings: Option<bool>,
    docs_link: Option<bool>,
}

/// Returns which parts of each component's evaluation are kept for these reports.
pub(crate) fn keep(outputs: &[ReportOutput], show: Show) -> Keep {
    let any = |format| outputs.iter().any(|output| output.format == format);
    let lists = |show: Show| show.successes || show.info;
    let listed = outputs.iter().any(|output| lists(output.show(show)));
    Keep {
        statements: any(ReportFormat::Attestation),
        inputs: any(ReportFormat::PolicyInput),
        passed: lists(show) || listed || any(ReportFormat::Html) || any(ReportFormat::Junit),
    }
}

/// Removes the reports of an earlier run at the paths of these.
///
/// # Errors
/// [`Kind::Usage`] for a file that cannot be removed.
pub(crate) fn remove_old(outputs: &[ReportOutput], context: &Context) -> Result<(), Failure> {
    let paths = outputs.iter().filter_map(|output| output.path.as_deref());
    for path in paths {
        files::remove_file(&context.path(Some(path), ""))?;
    }
    Ok(())
}

/// The results of writing every report.
#[derive(Debug)]
pub(crate) struct WrittenReports {
    /// The text of the reports without a file.
    pub(crate) stdout: Vec<u8>,
    /// The value of the Tekton result `TEST_OUTPUT`.
    pub(crate) test_output: String,
    /// SHA-256 of the report as JSON.
    pub(crate) report_digest: Digest,
}

/// Writes every report.
///
/// # Errors
/// As [`write()`].
pub(crate) fn write_all(
    outputs: &[ReportOutput],
    report: &Report,
    show: Show,
    context: &Context,
) -> Result<WrittenReports, Failure> {
    let json = report.render(ReportFormat::Json, show).or_fail(Kind::Bug)?;
    Ok(WrittenReports {
        stdout: write(outputs, report, show, context)?,
        test_output: report
            .render(ReportFormat::Appstudio, show)
            .or_fail(Kind::Bug)?,
        report_digest: Digest::of(json.as_bytes()),
    })
}

/// Writes every report and returns the text for standard output. Text is written when none is named.
///
/// # Errors
/// [`Kind::Usage`] for a file that cannot be written.
pub(crate) fn write(
    outputs: &[ReportOutput],
    report: &Report,
    show: Show,
    context: &Context,
) -> Result<Vec<u8>, Failure> {
    let text = ReportOutput::text();
    let outputs = match outputs {
        [] => std::slice::from_ref(&text),
        outputs => outputs,
    };
    let mut stdout = Vec::new();
    for output in outputs {
        // Colours are for terminals, not for files.
        let show = Show {
            color: show.color && (show.dialect.is_conforma() || output.path.is_none()),
            ..output.show(show)
        };
        let rendered = report.render(output.format, show).or_fail(Kind::Bug)?;
        match &output.path {
            Some(path) => write_file(&context.path(Some(path), ""), rendered.as_bytes())?,
            None => stdout.extend(rendered.as_bytes()),
        }
    }
    Ok(stdout)
}

impl ReportOutput {
    /// Names the file after a part of the list, so that parts on one volume do not share it.
    pub(crate) fn of_part(mut self, name: impl Fn(&str) -> String) -> Self {
        self.path = self.path.map(
            |path| match path.file_name().and_then(|file| file.to_str()) {
                // `file:report.json` is a name in the data directory, and keeps its prefix.
                Some(file) => path.with_file_name(name(file)),
                None => path,
            },
        );
        self
    }

    /// Returns the report of a run without `--output`: text on standard output.
    pub(crate) fn text() -> Self {
        Self {
            format: ReportFormat::Text,
            path: None,
            successes: None,
            warnings: None,
            docs_link: None,
        }
    }

    /// Returns the report as JSON in the data directory.
    pub(crate) fn report() -> Self {
        Self {
            format: ReportFormat::Json,
            path: Some(PathBuf::from("file:report.json")),
            ..Self::text()
        }
    }

    /// Parses as upstream does: unknown options are ignored, and so is everything behind a wrong one.
    ///
    /// # Errors
    /// Upstream's message for an unknown format.
    pub(crate) fn lenient(text: &str) -> Result<Self, String> {
        let (target, options) = text.split_once('?').unwrap_or((text, ""));
        let (name, path) = target.split_once('=').unwrap_or((target, ""));
        let name = if name.is_empty() { "json" } else { name };
        let format = ReportFormat::parse(name);
        let format = format.ok_or_else(|| format!("{name:?} is not a valid report format"))?;
        let mut output = Self {
            format,
            path: Some(PathBuf::from(path)).filter(|_| !path.is_empty()),
            ..Self::text()
        };
        let given = |wanted: &str| {
            let pairs = options.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(name, _)| *name == wanted);
            values
                .next()
                .map(|(_, value)| value)
                .filter(|value| !value.is_empty())
        };
        for (name, shown) in [
            ("show-successes", &mut output.successes),
            ("show-warnings", &mut output.warnings),
            ("show-policy-docs-link", &mut output.docs_link),
        ] {
            match given(name).map(str::parse) {
                Some(Ok(value)) => *shown = Some(value),
                Some(Err(_)) => break,
                None => {}
            }
        }
        Ok(output)
    }

    /// Returns the format of the report.
    pub(crate) fn format(&self) -> ReportFormat {
        self.format
    }

    /// Returns the file that the report is written to; `None` is standard output.
    pub(crate) fn path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }

    /// Returns the parts that this report shows. Options apply to text only, as upstream has it.
    pub(crate) fn show(&self, show: Show) -> Show {
        if self.format != ReportFormat::Text {
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

impl FromStr for ReportOutput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, options) = text.split_once('?').unwrap_or((text, ""));
        let (name, path) = target.split_once('=').unwrap_or((target, ""));
        let name = if name.is_empty() { "json" } else { name };
        let names: Vec<_> = ReportFormat::ALL.iter().map(|(name, _)| *name).collect();
        let format = ReportFormat::parse(name).ok_or_else(|| {
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
        let output: ReportOutput = "text=a/b.txt?show-successes=true".parse().unwrap();
        assert_eq!(
            (output.format, output.successes),
            (ReportFormat::Text, Some(true))
        );
        assert_eq!(output.path, Some("a/b.txt".into()));
        let output: ReportOutput = "=r.json".parse().unwrap();
        assert_eq!(
            (output.format, output.path),
            (ReportFormat::Json, Some("r.json".into()))
        );
        for wrong in [
            "pdf",
            "text?x=true",
            "text?show-successes=maybe",
            "text?show-successes",
        ] {
            assert!(wrong.parse::<ReportOutput>().is_err(), "{wrong}");
        }
    }
}
