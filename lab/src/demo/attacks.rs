//! The menu: what an attacker does, which check stops it, and the same without the lie.

use std::{fs, sync::Arc};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{registry_lies, stage::Stage};
use crate::{
    chain::{Chain, Step},
    signer::{self, Key},
    universe::{PATCH, STAGING, TAG, Universe},
};

/// The expected end of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A step refuses with this exit code and a message; no tag and no ref moves.
    Refused {
        by: Step,
        code: i32,
        /// A part of the message.
        says: &'static str,
    },
    /// The chain goes on with what was verified, and the attacker has achieved nothing.
    NoEffect(&'static str),
}

/// An action in the middle of a promotion.
type Deed = fn(&Stage) -> Result<()>;

/// An attack of the demo and its honest twin.
#[derive(Clone, Copy)]
pub struct Attack {
    /// Its name on the command line.
    pub name: &'static str,
    pub deed: &'static str,
    /// The check that stops it, for people.
    pub check: &'static str,
    pub ending: Ending,
    /// The action before the chain starts, with the lie or without.
    pub(super) prepare: fn(&mut Stage) -> Result<()>,
    /// The action when a step has ended, with the lie or without.
    pub(super) meddle: Option<(Step, Deed)>,
}

const fn refused(by: Step, code: i32, says: &'static str) -> Ending {
    Ending::Refused { by, code, says }
}

/// All attacks, in the order in which the chain meets them.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "hostile-tag",
        deed: "pushed the Git tag v1.0$(touch x), which a shell would execute",
        check: "the trigger starts no run for it; started by hand, extract-tag refuses a name that cannot be an image tag",
        ending: refused(Step::ExtractTag, 2, "v1.0$(touch"),
        prepare: hostile_tag,
        meddle: None,
    },
    Attack {
        name: "case-folded-index",
        deed: "signed off an index that lists another image under the key Manifests, which container runtimes take for manifests",
        check: "no key may equal another one without regard to case",
        ending: refused(Step::GatherImages, 4, "for readers that ignore case"),
        prepare: registry_lies::folded_index,
        meddle: None,
    },
    Attack {
        name: "unsigned-image",
        deed: "pushed an image without a signature",
        check: "the image has no signature",
        ending: refused(Step::VerifyEc, 4, "no signatures found"),
        prepare: unsigned,
        meddle: None,
    },
    Attack {
        name: "wrong-key",
        deed: "signed the image with a key of their own",
        check: "the signature is not by the trusted key",
        ending: refused(
            Step::VerifyEc,
            4,
            "the signature does not verify over these bytes",
        ),
        prepare: wrong_key,
        meddle: None,
    },
    Attack {
        name: "signature-of-another-image",
        deed: "put the good signature of another image beside this one",
        check: "the signed payload names another digest",
        ending: refused(Step::VerifyEc, 4, "the signature is for sha256:"),
        prepare: stolen_signature,
        meddle: None,
    },
    Attack {
        name: "provenance-as-signature",
        deed: "offered the signed provenance in the place of an image signature",
        check: "a statement about the build is not a signature of the image",
        ending: refused(Step::VerifyEc, 4, "not an image signature"),
        prepare: provenance_as_signature,
        meddle: None,
    },
    Attack {
        name: "attestation-of-another-image",
        deed: "put the good attestations of another image beside this one",
        check: "no subject of the statement is this image",
        ending: refused(
            Step::VerifyEc,
            4,
            "no subject of the statement is this image",
        ),
        prepare: stolen_attestation,
        meddle: None,
    },
    Attack {
        name: "provenance-for-another-commit",
        deed: "built the image from a branch and released it under the tag",
        check: "the provenance names another commit than the tag",
        ending: refused(Step::VerifyEc, 4, "source.commit"),
        prepare: other_commit,
        meddle: None,
    },
    Attack {
        name: "stricter-policy",
        deed: "released what was allowed yesterday and is forbidden today",
        check: "a rule of the policy says no",
        ending: refused(Step::VerifyEc, 4, "stricter.frozen"),
        prepare: stricter_policy,
        meddle: None,
    },
    Attack {
        name: "failing-registry",
        deed: "released a forbidden image and let the registry lose its configuration, so that no rule saw what is forbidden",
        check: "a fact that a rule refers to and that cannot be read is not absent",
        ending: refused(
            Step::VerifyEc,
            4,
            "a selected rule refers to facts that could not be read",
        ),
        prepare: registry_lies::failing_registry,
        meddle: None,
    },
    Attack {
        name: "stale-report",
        deed: "put the report of an earlier release over that of a refused one, so that the log ends with Success",
        check: "the policy says no, and the report that is shown must have the digest that verify-ec gave",
        ending: refused(Step::VerifyEc, 4, "stricter.frozen"),
        prepare: stale_report,
        meddle: Some((Step::VerifyEc, use_stale_report)),
    },
    Attack {
        name: "tag-moved-after-verify",
        deed: "moved the image tag to another image once the first was verified",
        check: "the copy takes the verified digest, not the tag",
        ending: Ending::NoEffect("production got the verified digest"),
        prepare: sign_and_attest,
        meddle: Some((Step::VerifyEc, move_tag)),
    },
    Attack {
        name: "verified-json-changed",
        deed: "wrote the digest of another image into verified.json on the workspace",
        check: "the file is not the one that verify-ec wrote",
        ending: refused(Step::CopyImage, 4, "the earlier step wrote"),
        prepare: sign_and_attest,
        meddle: Some((Step::VerifyEc, change_verdict)),
    },
    Attack {
        name: "hand-over-of-another-run",
        deed: "put the good verified.json of another release on the workspace",
        check: "the file belongs to another run",
        ending: refused(Step::CopyImage, 4, "the earlier step wrote"),
        prepare: another_run,
        meddle: Some((Step::VerifyEc, use_other_verdict)),
    },
    Attack {
        name: "gitops-push-race",
        deed: "pushed to the GitOps repository in the middle of our push",
        check: "the edit is made again on top of the other commit",
        ending: Ending::NoEffect("both commits are on the branch"),
        prepare: push_race,
        meddle: None,
    },
];

/// The case of every twin: all parts are honest.
pub(super) const HONEST: Attack = Attack {
    name: "honest",
    deed: "did nothing",
    check: "nothing had to be stopped",
    ending: Ending::NoEffect("production got the verified digest"),
    prepare: sign_and_attest,
    meddle: None,
};

fn hostile_tag(stage: &mut Stage) -> Result<()> {
    stage.universe.sign_and_attest()?;
    if stage.lie {
        let tag = "v1.0$(touch${IFS}x)";
        stage.universe.source()?.tag(tag, &stage.universe.commit)?;
        tag.clone_into(&mut stage.tag);
    }
    Ok(())
}

fn sign_and_attest(stage: &mut Stage) -> Result<()> {
    stage.universe.sign_and_attest()
}

fn unsigned(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    if !stage.lie {
        universe.sign(&universe.key)?;
    }
    universe.attest(&universe.key, &universe.commit)
}

fn wrong_key(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    let stranger = Key::generate()?;
    universe.sign(if stage.lie { &stranger } else { &universe.key })?;
    universe.attest(&universe.key, &universe.commit)
}

/// Returns another image of the same builder, properly signed and attested.
fn sibling(universe: &Universe) -> Result<signer::Image> {
    let sibling = signer::push_image(&universe.registry, STAGING, "v0.8", "sibling", 2)?;
    signer::sign(&universe.registry, &sibling, &universe.key)?;
    let statements = universe.statements(&sibling, &universe.commit);
    signer::attest(&universe.registry, &sibling, &universe.key, &statements)?;
    Ok(sibling)
}

fn stolen_signature(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    let sibling = sibling(universe)?;
    universe.attest(&universe.key, &universe.commit)?;
    match stage.lie {
        true => signer::steal(&universe.registry, "sig", &sibling, &universe.image),
        false => universe.sign(&universe.key),
    }
}

fn stolen_attestation(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    let sibling = sibling(universe)?;
    universe.sign(&universe.key)?;
    match stage.lie {
        true => signer::steal(&universe.registry, "att", &sibling, &universe.image),
        false => universe.attest(&universe.key, &universe.commit),
    }
}

/// Puts the provenance, signed by the trusted key, in both places of image signatures.
fn provenance_as_signature(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    universe.attest(&universe.key, &universe.commit)?;
    if !stage.lie {
        return universe.sign(&universe.key);
    }
    let statements = universe.statements(&universe.image, &universe.commit);
    let provenance = statements.first().context("no provenance")?.to_string();
    let payload = provenance.as_bytes();
    let signature = universe.key.sign(payload)?;
    signer::put_signature(&universe.registry, &universe.image, payload, &signature)?;
    let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundle = json!({
        "mediaType": media_type,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": signer::envelope(&universe.key, signer::IN_TOTO, payload)?,
    });
    let bundle = bundle.to_string();
    signer::push_referrer(
        &universe.registry,
        &universe.image,
        media_type,
        bundle.as_bytes(),
    )
    .map(drop)
}

fn other_commit(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    let files = [("main.c", "int main(void) { return steal(); }\n")];
    let branch = universe
        .source()?
        .commit("feature", "not reviewed", &files)?;
    universe.sign(&universe.key)?;
    let commit = if stage.lie { &branch } else { &universe.commit };
    universe.attest(&universe.key, commit)
}

fn stricter_policy(stage: &mut Stage) -> Result<()> {
    stage.universe.sign_and_attest()?;
    let frozen = "\
# METADATA
# title: Release freeze
package stricter

import rego.v1

# METADATA
# title: No releases today
# description: Nothing is released during the freeze.
# custom:
#   short_name: frozen
#   failure_msg: Releases are frozen
deny contains result if {
	count(input.attestations) > 0
	result := {\"code\": \"stricter.frozen\", \"msg\": \"Releases are frozen\"}
}
";
    if stage.lie {
        stage
            .universe
            .set_policy(&[("release/stricter.rego", frozen)])?;
    }
    Ok(())
}

fn move_tag(stage: &Stage) -> Result<()> {
    if stage.lie {
        signer::push_image(&stage.universe.registry, STAGING, TAG, "evil", 2)?;
    }
    Ok(())
}

fn change_verdict(stage: &Stage) -> Result<()> {
    let path = stage.data().join("verified.json");
    let text = fs::read_to_string(&path).context("no verified.json")?;
    let digest = match stage.lie {
        true => signer::push_image(&stage.universe.registry, STAGING, "evil", "evil", 2)?.digest,
        false => stage.universe.image.digest.clone(),
    };
    fs::write(&path, text.replace(&stage.universe.image.digest, &digest))?;
    Ok(())
}

/// Verifies another release by hand and keeps its verdict and its report.
fn another_run(stage: &mut Stage) -> Result<()> {
    let universe = &stage.universe;
    universe.sign_and_attest()?;
    universe.source()?.tag("v0.8", &universe.commit)?;
    sibling(universe)?;
    let dir = stage.path("another-run");
    let report = format!("--output=json={}", dir.join("report.json").display());
    let chain = Chain {
        universe,
        promote: stage.promote.clone(),
        dir,
        tag: "v0.8".to_owned(),
        more: vec![(Step::VerifyEc, report)],
    };
    fs::create_dir_all(&chain.dir)?;
    for step in [Step::ExtractTag, Step::GatherImages, Step::VerifyEc] {
        let ran = chain.step(step)?;
        anyhow::ensure!(ran.code == 0, "{}: {}", step.command(), ran.stderr);
    }
    Ok(())
}

/// The earlier release was accepted; the policy became stricter since.
fn stale_report(stage: &mut Stage) -> Result<()> {
    another_run(stage)?;
    let report = fs::read(stage.path("another-run").join("report.json"));
    let report = report.context("no report of the earlier release")?;
    fs::write(stage.data().join("report.json"), report)?;
    stricter_policy(stage)
}

fn use_stale_report(stage: &Stage) -> Result<()> {
    if stage.lie {
        let report = fs::read(stage.path("another-run").join("report.json"))?;
        fs::write(stage.data().join("report.json"), report)?;
    }
    Ok(())
}

fn use_other_verdict(stage: &Stage) -> Result<()> {
    let run = if stage.lie {
        stage.path("another-run")
    } else {
        stage.data()
    };
    let verdict = fs::read(run.join("verified.json")).context("no verified.json")?;
    let _: Value = serde_json::from_slice(&verdict)?;
    fs::write(stage.data().join("verified.json"), verdict)?;
    Ok(())
}

fn push_race(stage: &mut Stage) -> Result<()> {
    stage.universe.sign_and_attest()?;
    if stage.lie {
        let universe = Arc::clone(&stage.universe);
        stage.universe.git.before_next_push(move || {
            // A failure is seen: the commit is looked up at the end.
            let _ = universe.gitops().and_then(|gitops| {
                let other = PATCH.replace("/prod/", "/stage/");
                gitops.commit("main", "somebody else", &[(&other, "replicas: 1\n")])
            });
        });
    }
    Ok(())
}
