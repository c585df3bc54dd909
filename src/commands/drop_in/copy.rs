//! `skopeo-copy`: one image, or the lines of a file, with all platforms and everything attached.

use std::{fs, path::PathBuf};

use super::Globals;
use crate::{
    commands::{Context, Outcome, copy_image},
    failure::{Failure, Kind, OrFail as _},
    image::Reference,
};

/// Arguments of skopeo that request what is done anyway.
const NEEDLESS: [&str; 5] = [
    "--all",
    "--multi-arch=all",
    "--preserve-digests",
    "--multi-arch",
    "all",
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The image to copy
    #[arg(long, value_name = "REF")]
    source_image_url: Option<String>,
    /// Where to copy the image
    #[arg(long, value_name = "REF")]
    destination_image_url: Option<String>,
    /// Verify the certificate of the source registry
    #[arg(long, value_name = "BOOL", hide_possible_values = true, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    src_tls_verify: bool,
    /// Verify the certificate of the destination registry
    #[arg(long, value_name = "BOOL", hide_possible_values = true, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dest_tls_verify: bool,
    /// Accepted for compatibility, without effect; see --log-level
    #[arg(long)]
    verbose: bool,
    /// A directory with the file url.txt: one source and one destination per line
    #[arg(long, value_name = "DIR")]
    images_url: Option<PathBuf>,
    /// More arguments of skopeo, separated by white space; only those that ask for the default behaviour are accepted
    #[arg(last = true, value_name = "ARGUMENT", allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    // The original's param ARGS is one text, which its shell splits at white space.
    let mut words = args.args.iter().flat_map(|text| text.split_whitespace());
    if let Some(unsupported) = words.find(|word| !NEEDLESS.contains(word)) {
        let text = format!("skopeo's argument {unsupported:?} is not supported");
        return Err(Failure::message(Kind::Usage, text)
            .hint("promote copy-image --help lists the options of a copy"));
    }
    let pairs = args.pairs()?;
    if pairs.is_empty() {
        let text = "no image is named: neither SOURCE_IMAGE_URL with DESTINATION_IMAGE_URL nor a line of url.txt";
        return Err(Failure::message(Kind::NotFound, text));
    }
    let mut outcome = Outcome::default();
    for (source, destination) in pairs {
        let request = copy_image::Args::unverified(source, destination).try_into()?;
        let done = copy_image::perform(&request, context).await?.outcome();
        outcome.stdout.extend(done.stdout);
        for name in ["SOURCE_DIGEST", "DESTINATION_DIGEST"] {
            if let Some(value) = done.results.get(name) {
                outcome.results.set(name, value);
            }
        }
    }
    Ok(outcome)
}

impl Args {
    /// Returns each image with its destination.
    fn pairs(&self) -> Result<Vec<(String, String)>, Failure> {
        match (
            &self.source_image_url,
            &self.destination_image_url,
            &self.images_url,
        ) {
            (Some(source), Some(destination), _) => Ok(vec![(source.clone(), destination.clone())]),
            (None, None, Some(dir)) => self.of_file(&dir.join("url.txt")),
            (None, None, None) => Ok(Vec::new()),
            _ => {
                let text = "a copy needs both SOURCE_IMAGE_URL and DESTINATION_IMAGE_URL";
                Err(Failure::message(Kind::Usage, text))
            }
        }
    }

    fn of_file(&self, path: &std::path::Path) -> Result<Vec<(String, String)>, Failure> {
        let text = fs::read_to_string(path).or_fail(Kind::NotFound);
        let text = text.map_err(|failure| failure.context(path.display().to_string()))?;
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let pair = |(at, line): (usize, &str)| {
            let parts: Vec<_> = line.split_whitespace().collect();
            match parts.as_slice() {
                [source, destination] => Ok(((*source).to_owned(), (*destination).to_owned())),
                _ => {
                    let text = format!(
                        "{}, line {}: expected a source and a destination",
                        path.display(),
                        at + 1
                    );
                    Err(Failure::message(Kind::Usage, text))
                }
            }
        };
        lines.map(pair).collect()
    }

    /// The registries whose certificates are not checked. A file that cannot be read is refused by the run.
    pub(super) fn globals(&self) -> Globals {
        let pairs = self.pairs().unwrap_or_default();
        let host = |text: &String| {
            let text = text.strip_prefix("docker://").unwrap_or(text);
            let reference: Result<Reference, _> = text.parse();
            let host = reference.ok()?.repository.registry().to_owned();
            // The loopback host gets plain HTTP, as from skopeo without the check.
            (!crate::http::is_loopback(&host)).then_some(host)
        };
        let sources = pairs
            .iter()
            .map(|(source, _)| source)
            .filter(|_| !self.src_tls_verify);
        let destinations = pairs
            .iter()
            .map(|(_, to)| to)
            .filter(|_| !self.dest_tls_verify);
        Globals {
            unchecked: sources.chain(destinations).filter_map(host).collect(),
            git_credentials: None,
        }
    }
}
