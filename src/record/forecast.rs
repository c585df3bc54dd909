//! Forecasts which signatures of an image other tools read.
//!
//! cosign 3, Conforma's ec, Kyverno and policy-controller read Sigstore bundles if an image has one, and then ignore the
//! tags `.sig` and `.att`. A bundle in addition to tags therefore hides signatures from them. Artifacts of other media
//! types have no effect.

use crate::trust::SIGN;

/// Signatures and attestations that are attached to an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attachments {
    pub(crate) sig: bool,
    pub(crate) att: bool,
    /// The predicate types of the bundles; an empty text for an unknown one.
    pub(crate) bundles: Vec<String>,
}

/// The place of a statement: a referrer or a layer under a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementLayout {
    /// A Sigstore bundle that refers to the image.
    Bundle,
    /// A layer under the tag `.att`.
    Tag,
}

/// The signatures that other tools read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forecast {
    Nothing,
    Tags,
    /// The bundles, one of which is a signature.
    Bundles,
    /// Bundles of which none is a signature, though they may be attestations.
    OnlyAttestations,
    /// The same, and the signatures under tags are ignored.
    Hidden,
}

impl Attachments {
    /// Tells whether other tools would no longer read signatures of this image after `arriving` is added.
    pub(crate) fn is_hidden_by(&self, arriving: &Self) -> bool {
        let mut after = self.clone();
        after.sig |= arriving.sig;
        after.att |= arriving.att;
        after.bundles.extend(arriving.bundles.iter().cloned());
        after.forecast() == Forecast::Hidden && self.forecast() != Forecast::Hidden
    }

    fn is_signed_by_bundle(&self) -> bool {
        self.bundles.iter().any(|kind| kind == SIGN)
    }

    /// Returns the signatures that other tools read.
    pub(crate) fn forecast(&self) -> Forecast {
        match (self.bundles.is_empty(), self.sig || self.att) {
            (true, false) => Forecast::Nothing,
            (true, true) => Forecast::Tags,
            (false, _) if self.is_signed_by_bundle() => Forecast::Bundles,
            (false, false) => Forecast::OnlyAttestations,
            (false, true) => Forecast::Hidden,
        }
    }
}

impl StatementLayout {
    /// Chooses the layout that does not change the signatures that other tools read.
    pub(crate) fn of(attached: &Attachments) -> Self {
        let legacy = attached.sig || attached.att;
        match legacy && !attached.is_signed_by_bundle() {
            true => Self::Tag,
            false => Self::Bundle,
        }
    }

    /// Tells whether a statement in this layout hides existing signatures.
    pub(crate) fn hides(self, attached: &Attachments) -> bool {
        attached.is_hidden_by(&match self {
            Self::Bundle => Attachments {
                bundles: vec![String::new()],
                ..Attachments::default()
            },
            Self::Tag => Attachments {
                att: true,
                ..Attachments::default()
            },
        })
    }

    /// Returns the name of the layout in options and output.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Tag => "tag",
        }
    }
}

impl Forecast {
    /// Returns the predicate of a sentence whose subject is the names of the tools.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Nothing => "no signature or attestation to read",
            Self::Tags => "read the tags .sig and .att",
            Self::Bundles => "read the Sigstore bundles and ignore the tags .sig and .att",
            Self::OnlyAttestations => "find bundles with attestations, but no signature",
            Self::Hidden => {
                "read the Sigstore bundles, none of which is a signature, and ignore the signatures under .sig and .att: they refuse the image"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attached(sig: bool, att: bool, bundles: &[&str]) -> Attachments {
        Attachments {
            sig,
            att,
            bundles: bundles.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    }

    #[test]
    fn chooses_the_diagonal() {
        let provenance = "https://slsa.dev/provenance/v1";
        for (sig, att, bundles, expected) in [
            (true, false, &[][..], StatementLayout::Tag),
            (true, true, &[][..], StatementLayout::Tag),
            (false, true, &[][..], StatementLayout::Tag),
            (false, false, &[SIGN][..], StatementLayout::Bundle),
            (
                false,
                false,
                &[SIGN, provenance][..],
                StatementLayout::Bundle,
            ),
            (true, true, &[SIGN][..], StatementLayout::Bundle),
            (true, false, &[provenance][..], StatementLayout::Tag),
            (false, false, &[][..], StatementLayout::Bundle),
        ] {
            let attached = attached(sig, att, bundles);
            let chosen = StatementLayout::of(&attached);
            assert_eq!(chosen, expected, "{attached:?}");
            assert!(!chosen.hides(&attached), "{attached:?}");
        }
    }

    #[test]
    fn a_bundle_beside_tags_alone_hides_them() {
        assert!(StatementLayout::Bundle.hides(&attached(true, true, &[])));
        assert!(!StatementLayout::Bundle.hides(&attached(true, true, &[SIGN])));
        let hidden = attached(true, true, &["https://slsa.dev/verification_summary/v1"]);
        assert_eq!(hidden.forecast(), Forecast::Hidden);
    }
}
