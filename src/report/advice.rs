//! Advice for people: how to satisfy the built-in checks, and what a skipped check means.

use super::RuleFinding;

/// Returns the title of a result that did not pass: those of the built-in checks, as upstream writes them, end
/// with "passed" also when they failed.
pub(super) fn failed_title(title: &str) -> String {
    match title.strip_suffix(" passed") {
        Some(check) => format!("{check} failed"),
        None => title.to_owned(),
    }
}

/// Returns the solution that the rule names, else that of a built-in check.
pub(super) fn solution(finding: &RuleFinding) -> &str {
    if let Some(solution) = finding.text("solution") {
        return solution;
    }
    match finding.code().unwrap_or_default() {
        "builtin.image.signature_check" => {
            "Sign the image with the key or identity that is trusted here (cosign sign, Tekton Chains). \
             promote trust verify IMAGE lists every signature and why it is not accepted."
        }
        "builtin.attestation.signature_check" => {
            "Attest the image with the key or identity that is trusted here (cosign attest, Tekton Chains). \
             promote trust verify --kind=attestation IMAGE lists every attestation and why it is not accepted."
        }
        "builtin.attestation.syntax_check" => {
            "Let the builder write SLSA provenance v0.2 or v1 as the specification describes it."
        }
        "builtin.image.source_check" => {
            "Sign and attest the image under the repository and for the source that the component names."
        }
        "builtin.image.accessible" => "Check the reference and the credentials for its registry.",
        _ => "",
    }
}

/// Explains a check that was switched off; empty for one without an explanation.
pub(super) fn skipped(name: &str) -> &'static str {
    match name {
        "transparency-log" => {
            "no entry in a transparency log was required (--ignore-rekor), so the key alone decides. \
             Usual with Tekton Chains, which writes no entry by default."
        }
        "image-signature" => "the image's signature was not verified: no image passes.",
        "attestation-signature" => {
            "attestations were read without their signatures: no image passes."
        }
        "attestations" => {
            "an image without attestations was accepted (--allow-unattested): the policy saw the image and its signature."
        }
        "certificate-log" => {
            "certificates that no certificate log has were accepted (--insecure-ignore-sct)."
        }
        _ => "",
    }
}

/// Returns a time in RFC 3339 without fractions of a second.
pub(super) fn in_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, rest)) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{seconds}{zone}")
        }
        None => time.to_owned(),
    }
}

/// Returns the commit to which a Git source is pinned.
pub(super) fn commit(source: &str) -> Option<&str> {
    let (_, options) = source.split_once("?ref=")?;
    let commit = options.split('&').next()?;
    crate::text::is_commit(commit).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_never_says_passed_over_a_violation() {
        assert_eq!(
            failed_title("Image signature check passed"),
            "Image signature check failed"
        );
        assert_eq!(failed_title("SBOM is attested"), "SBOM is attested");
    }

    #[test]
    fn times_have_seconds_and_policies_their_commit() {
        assert_eq!(
            in_seconds("2026-11-28T12:24:14.643700227Z"),
            "2026-11-28T12:24:14Z"
        );
        assert_eq!(
            in_seconds("2026-11-28T12:24:14.6+01:00"),
            "2026-11-28T12:24:14+01:00"
        );
        assert_eq!(in_seconds("2026-11-28T12:24:14Z"), "2026-11-28T12:24:14Z");
        let commit_of = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7";
        let source = format!("git::https://git.example.com/policy.git//release?ref={commit_of}");
        assert_eq!(commit(&source), Some(commit_of));
        assert_eq!(commit("git::https://x?ref=main"), None);
        assert_eq!(commit("policies/release"), None);
    }
}
