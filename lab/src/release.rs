//! A release of `promote` itself, rehearsed: the embedded registry and the signer take the place of the public ones.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    evidence::SCAN,
    registry,
    signer::{self, Image, Key},
    sigstore::{self, Sigstore},
};

/// The predicate type of SLSA provenance v1.
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// The predicate type of a CycloneDX document.
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const STAGING: &str = "promote/staging";
const RELEASED: &str = "promote/promote";

/// Sign the files of a release as its workflow does, then verify and promote it by the starter policy
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory with the image, the statements and the checksums of the release
    #[arg(long, value_name = "DIR")]
    dist: PathBuf,
    /// The checkout whose tag is released
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// The Git tag that is released
    #[arg(long, value_name = "TAG")]
    tag: String,
    /// The builder that the provenance names
    #[arg(long, value_name = "URL")]
    builder: String,
}

/// Rehearses the release: first without signatures, which must be refused, then whole.
pub fn run(args: &Args, promote: &Path) -> Result<()> {
    let registry = registry::Server::start(registry::Options::default())?;
    let work = tempfile::tempdir()?;
    let release = Rehearsal {
        args,
        promote,
        registry: &registry,
        work: work.path(),
    };
    let index = release.push()?;
    let key = Key::generate()?;
    let public = release.work.join("cosign.pub");
    fs::write(&public, key.public_pem())?;
    let flags = [
        format!("--public-key={}", public.display()),
        "--ignore-rekor".to_owned(),
    ];

    let code = release.verify(&flags)?;
    ensure!(code == 4, "without signatures it ended with {code}, not 4");
    say("refused before it was signed, as it must be");

    for image in release.images(&index)? {
        signer::sign(&registry, &image, &key)?;
        let statements = release.statements(&image)?;
        signer::attest(&registry, &image, &key, &statements)?;
    }
    let code = release.verify(&flags)?;
    ensure!(code == 0, "the signed release ended with {code}");
    let version = args.tag.trim_start_matches('v');
    let released = registry.manifest(RELEASED, version);
    ensure!(
        released == registry.manifest(STAGING, &args.tag) && released.is_some(),
        "{RELEASED}:{version} is another image than the one that was pushed"
    );
    release.checksums()?;
    say(&format!("released {RELEASED}:{version} {}", index.digest));
    Ok(())
}

struct Rehearsal<'a> {
    args: &'a Args,
    promote: &'a Path,
    registry: &'a registry::Server,
    work: &'a Path,
}

impl Rehearsal<'_> {
    /// Pushes the image by `promote` itself and returns its index.
    fn push(&self) -> Result<Image> {
        let tag = &self.args.tag;
        let from = format!("oci:{}:{tag}", self.args.dist.join("image").display());
        let to = format!("{}/{STAGING}:{tag}", self.registry.address());
        let mut command = Command::new(self.promote);
        command.args(["copy-image", "--unverified", &from, &to]);
        let status = command.status().context("promote does not run")?;
        ensure!(status.success(), "the image was not pushed: {status}");
        let manifest = self.registry.manifest(STAGING, tag);
        let manifest = manifest.context("the pushed tag is missing")?;
        let tags = self.registry.tags();
        let digest = tags.get(&format!("{STAGING}:{tag}"));
        Ok(Image {
            repository: STAGING.to_owned(),
            digest: digest.context("the pushed tag is missing")?.clone(),
            size: manifest.len(),
            media_type: signer::INDEX,
        })
    }

    /// The index and the image of each platform: each is signed and attested.
    fn images(&self, index: &Image) -> Result<Vec<Image>> {
        let bytes = self.registry.manifest(STAGING, &index.digest);
        let document: Value = serde_json::from_slice(&bytes.context("no index")?)?;
        let mut images = vec![index.clone()];
        for child in document["manifests"].as_array().into_iter().flatten() {
            let digest = child["digest"]
                .as_str()
                .context("an entry without digest")?;
            let size = child["size"].as_u64().context("an entry without size")?;
            images.push(Image {
                repository: STAGING.to_owned(),
                digest: digest.to_owned(),
                size: usize::try_from(size)?,
                media_type: signer::MANIFEST,
            });
        }
        ensure!(images.len() > 1, "the image is not an index of platforms");
        Ok(images)
    }

    fn statements(&self, image: &Image) -> Result<Vec<Value>> {
        let files = [
            (PROVENANCE, "provenance.json"),
            (CYCLONEDX, "sbom.cdx.json"),
            (SCAN, "scan.json"),
        ];
        let statements = files.iter().map(|(predicate_type, name)| {
            let path = self.args.dist.join(name);
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            let predicate: Value = serde_json::from_slice(&bytes)?;
            Ok(signer::statement(image, predicate_type, &predicate))
        });
        statements.collect()
    }

    /// Runs the script by which the workflow verifies and promotes; returns its exit code.
    fn verify(&self, flags: &[String]) -> Result<i32> {
        let (address, source) = (self.registry.address(), &self.args.source);
        let mut command = Command::new(source.join(".ci/release/verify"));
        command
            .arg(source)
            .arg(&self.args.tag)
            .arg(format!("{address}/{STAGING}"))
            .arg(format!("{address}/{RELEASED}"))
            .arg(&self.args.builder)
            .args(flags)
            .env("PROMOTE", self.promote);
        let status = command.status().context("the script does not run")?;
        status.code().context("the script was killed")
    }

    /// Signs the checksums, verifies them by the bundle, and checks that another text is refused.
    fn checksums(&self) -> Result<()> {
        let path = self.args.dist.join("SHA256SUMS");
        let bytes = fs::read(&path)?;
        let (key, log) = (Key::generate()?, Sigstore::new()?);
        let signature = key.sign(&bytes)?;
        let entry = sigstore::hashedrekord(&bytes, &signature, &sigstore::Signer::key(&key));
        let entry = log.log.add(&entry, sigstore::SIGNED)?;
        let bundle = sigstore::message_bundle(&log.log, &bytes, &signature, &key, &entry)?;
        let bundle_path = self.args.dist.join("SHA256SUMS.sigstore.json");
        fs::write(&bundle_path, bundle.to_string())?;
        let root = self.work.join("root.json");
        fs::write(&root, log.trusted_root().to_string())?;
        let other = self.work.join("other");
        fs::write(&other, b"another text\n")?;
        for (artifact, expected) in [(&path, 0), (&other, 4)] {
            let mut command = Command::new(self.promote);
            command.args(["trust", "verify-bundle", "--bundle"]);
            command.arg(&bundle_path).arg("--trusted-root").arg(&root);
            command.args(["--key", &key.public_pem()]).arg(artifact);
            let code = command.output()?.status.code();
            if code != Some(expected) {
                bail!("{}: {code:?}, not {expected}", artifact.display());
            }
        }
        say("the signed checksums hold, another text is refused");
        Ok(())
    }
}

fn say(text: &str) {
    // A closed standard output is not an error.
    let _ = writeln!(io::stdout(), "✓ {text}");
}
