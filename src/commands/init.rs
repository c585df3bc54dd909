//! `init`: writes the files that a repository needs to be promoted: `promote.yaml`, a first policy with its
//! test, and the trigger of Pipelines-as-Code. Replaces nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Context, Outcome, files::write_file};
use crate::{
    failure::{Failure, Kind},
    image::Repository,
    text,
};

const CONFIG: &str = include_str!("init/promote.yaml");
const RULE: &str = include_str!("init/owner.rego");
const RULE_TEST: &str = include_str!("init/owner_test.rego");
/// The shipped trigger of Pipelines-as-Code for Git tags.
const ON_TAG: &str = include_str!("../../pipelines/promote-to-prod/pac/on-tag.yaml");

/// The beginning of its first comment, for a reader who copies the file.
const COPY_THIS: &str = "# Copy this to .tekton/on-tag.yaml on the";

/// Values for flags that were not given; the domain `.example` has no hosts.
const IMAGE: &str = "registry.example/staging/web";
const DESTINATION: &str = "registry.example/production/web";
const SOURCE: &str = "https://git.example/team/web.git";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository to which builds push an image; NAME is its component [default: the last path segment]
    #[arg(long, value_name = "[NAME=]REPO", value_parser = image)]
    image: Option<StagedImage>,
    /// The source repository [default: the remote origin of --dir]
    #[arg(long, value_name = "URL")]
    git_url: Option<String>,
    /// The repository from which production pulls the image
    #[arg(long, value_name = "REPO")]
    to: Option<Repository>,
    /// The URL of the GitOps repository [default: the source repository with -gitops appended]
    #[arg(long, value_name = "URL")]
    gitops_repo_url: Option<String>,
    /// The environment to deploy to; its overlay is edited
    #[arg(long, value_name = "NAME", default_value = "prod")]
    environment: String,
    /// Verify signatures with this key: a file, PEM text, k8s://[NAMESPACE/]SECRET, env://VARIABLE or https://URL
    #[arg(long, value_name = "KEY", default_value = "cosign.pub")]
    public_key: String,
    /// The directory to write the files into, a checkout of the source repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// A component and the repository of its images.
#[derive(Debug, Clone)]
struct StagedImage {
    name: String,
    repository: Repository,
}

fn image(text: &str) -> Result<StagedImage, String> {
    let (name, repository) = match text.split_once('=') {
        Some((name, repository)) => (Some(name), repository),
        None => (None, text),
    };
    let repository: Repository = repository
        .parse()
        .map_err(|error| format!("{error}; expected [NAME=]REPO"))?;
    let name = name.unwrap_or_else(|| repository.last_segment()).to_owned();
    match text::is_name(&name) {
        true => Ok(StagedImage { name, repository }),
        false => Err(format!("{name:?} is not a name of a component")),
    }
}

/// Writes the files and prints what to fill in.
///
/// # Errors
/// [`Kind::NotFound`] without the directory, [`Kind::Conflict`] when one of the files exists; then nothing is
/// written.
pub(crate) fn run(args: &Args, _: &Context) -> Result<Outcome, Failure> {
    if !args.dir.is_dir() {
        let text = format!("--dir {} is not a directory", args.dir.display());
        return Err(Failure::message(Kind::NotFound, text));
    }
    let answers = TemplateValues::new(args)?;
    let files = [
        ("promote.yaml", answers.fill(CONFIG)),
        ("policy/owner.rego", RULE.to_owned()),
        ("policy/owner_test.rego", RULE_TEST.to_owned()),
        (".tekton/on-tag.yaml", answers.trigger()),
    ];
    let there = files.iter().map(|(name, _)| args.dir.join(name));
    let there: Vec<_> = there
        .filter(|path| fs::symlink_metadata(path).is_ok())
        .collect();
    if let Some(path) = there.first() {
        let text = format!("{} exists already: nothing was written", path.display());
        return Err(Failure::message(Kind::Conflict, text)
            .hint("move it away, or write into another directory by --dir"));
    }
    for (name, text) in &files {
        write_file(&args.dir.join(name), text.as_bytes())?;
    }
    Ok(Outcome {
        stdout: answers.next_steps().into_bytes(),
        ..Outcome::default()
    })
}

/// The values that are filled into the files.
struct TemplateValues {
    values: [(&'static str, String); 7],
    /// The keys of `promote.yaml` without a given value.
    open: Vec<&'static str>,
}

impl TemplateValues {
    fn new(args: &Args) -> Result<Self, Failure> {
        let mut open = Vec::new();
        let mut answer = |key, given: Option<String>, otherwise: &str| {
            if given.is_none() {
                open.push(key);
            }
            given.unwrap_or_else(|| otherwise.to_owned())
        };
        let source = args.git_url.clone();
        let source = source.map_or_else(|| origin(&args.dir), |url| Ok(Some(url)))?;
        let gitops = args.gitops_repo_url.clone();
        let gitops = gitops.or_else(|| source.as_deref().map(beside));
        let image = args.image.as_ref();
        let name = image.map_or("web", |image| image.name.as_str());
        let repository = image.map(|image| image.repository.to_string());
        let repository = answer("gather-images.image", repository, IMAGE);
        let source = answer("gather-images.git-url", source, SOURCE);
        let key = &args.public_key;
        // A path is read from the directory in which promote is started.
        let is_there =
            key.contains("://") || Path::new(key).exists() || args.dir.join(key).exists();
        let key = answer("verify-ec.public-key", is_there.then(|| key.clone()), key);
        let to = args.to.as_ref().map(ToString::to_string);
        let to = answer("copy-image.to", to, DESTINATION);
        let gitops = answer("update-deployment.gitops-repo-url", gitops, &beside(SOURCE));
        for (flag, value) in [
            ("--git-url", &source),
            ("--gitops-repo-url", &gitops),
            ("--environment", &args.environment),
            ("--public-key", &args.public_key),
        ] {
            plain(flag, value)?;
        }
        Ok(Self {
            values: [
                ("@NAME@", name.to_owned()),
                ("@IMAGE@", repository),
                ("@GIT_URL@", source),
                ("@KEY@", key),
                ("@TO@", to),
                ("@GITOPS@", gitops),
                ("@ENVIRONMENT@", args.environment.clone()),
            ],
            open,
        })
    }

    fn value(&self, key: &str) -> &str {
        let mut values = self.values.iter();
        values
            .find(|(name, _)| *name == key)
            .map_or("", |(_, value)| value)
    }

    fn fill(&self, template: &str) -> String {
        let values = self.values.iter();
        values.fold(template.to_owned(), |text, (key, value)| {
            text.replace(key, value)
        })
    }

    /// Returns the shipped trigger with the repositories of the images.
    fn trigger(&self) -> String {
        let image = format!("{}={}", self.value("@NAME@"), self.value("@IMAGE@"));
        ON_TAG
            .replace(COPY_THIS, "# Commit this to the")
            .replace("web=REGISTRY/STAGING/web", &image)
            .replace("REGISTRY/PRODUCTION/web", self.value("@TO@"))
    }

    fn next_steps(&self) -> String {
        let mut steps = String::from("Next:\n");
        if !self.open.is_empty() {
            steps.push_str(&format!(
                "  fill in promote.yaml: {}\n",
                self.open.join(", ")
            ));
        }
        steps.push_str(
            "  promote policy test policy                          # the first rule and its test\n  \
             promote doctor --config=promote.yaml                # can everything be reached?\n  \
             promote run --config=promote.yaml --tag=TAG --dry-run\n  \
             .tekton/on-tag.yaml: replace what is in capitals, such as GIT-HOST/POLICIES, then push\n",
        );
        steps
    }
}

/// Refuses a value that is not one plain scalar of YAML.
fn plain(flag: &str, value: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+~%=".contains(c);
    let starts = value.starts_with(|c: char| c.is_ascii_alphanumeric() || "./~_".contains(c));
    match starts && value.chars().all(is_plain) && !value.ends_with(':') {
        true => Ok(()),
        false => {
            let text = format!("{flag} {value:?} cannot be written into promote.yaml as it is");
            Err(Failure::message(Kind::Usage, text).hint("edit the file after promote init"))
        }
    }
}

/// Returns the repository beside a source repository: its name with `-gitops` behind it.
fn beside(url: &str) -> String {
    let name = url.trim_end_matches('/').trim_end_matches(".git");
    format!("{name}-gitops.git")
}

/// Returns the URL of the remote origin if it has no account in it.
///
/// # Errors
/// [`Kind::Usage`] for a configuration that cannot be read.
fn origin(dir: &Path) -> Result<Option<String>, Failure> {
    let path = dir.join(".git/config");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => {
            let failure = Failure::new(Kind::Usage, error);
            return Err(failure.context(format!("cannot read {}", path.display())));
        }
    };
    let section = text.split("[remote \"origin\"]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let mut urls = section.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "url").then(|| value.trim().to_owned())
    });
    let usable = |url: &String| url.starts_with("https://") && !url.contains('@');
    Ok(urls.rfind(usable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_origin_only_when_no_account_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(origin(dir.path()).unwrap(), None);
        fs::create_dir(dir.path().join(".git")).unwrap();
        for (url, found) in [
            ("https://git.example.com/a/b.git", true),
            ("https://user:secret@git.example.com/a/b.git", false),
            ("git@git.example.com:a/b.git", false),
        ] {
            let text = format!(
                "[core]\n\turl = https://wrong\n[remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/*\n[branch \"main\"]\n\tremote = origin\n"
            );
            fs::write(dir.path().join(".git/config"), text).unwrap();
            let expected = found.then(|| url.to_owned());
            assert_eq!(origin(dir.path()).unwrap(), expected);
        }
    }

    #[test]
    fn refuses_what_yaml_would_read_otherwise() {
        for good in [
            "https://git.example.com/a/b.git",
            "cosign.pub",
            "k8s://ns/key",
        ] {
            assert!(plain("--x", good).is_ok(), "{good}");
        }
        for bad in ["a: b", "a #b", "", "*a", "a\nb", "'a", "-a", "a:"] {
            assert!(plain("--x", bad).is_err(), "{bad:?}");
        }
    }
}
