//! Requires that each image was promoted to an earlier environment, as to stage before production.

use std::time::Duration;

use crate::{
    commands::{
        Context,
        record_failures::{record_failure, trust_file},
    },
    failure::Failure,
    record::Requirement,
    snapshot::Images,
};

/// The earlier promotion that each image must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PromotionDemand {
    pub(crate) environment: String,
    /// The trust file of accepted verifiers.
    pub(crate) trust: String,
    /// The least age of the promotion.
    pub(crate) min_age: Option<Duration>,
}

/// Refuses the list when one of its images was not promoted; then no rule is evaluated, and no verdict is written.
pub(super) async fn check(
    demand: Option<&PromotionDemand>,
    images: &Images,
    context: &Context,
) -> Result<(), Failure> {
    let Some(demand) = demand else {
        return Ok(());
    };
    let trusted = trust_file(&demand.trust, context)?;
    let now = context.clock.now();
    let requirement =
        Requirement::new(trusted, demand.min_age, now, &context.env, &context.http).await;
    let requirement = requirement.map_err(record_failure)?;
    for (component, image) in images.components() {
        let promotion = requirement
            .promotion(&context.registry, image, None, &demand.environment)
            .await
            .map_err(record_failure)?;
        tracing::info!(
            "{} was promoted to {} by {} at {}",
            component.name,
            demand.environment,
            promotion.verifier,
            promotion.at
        );
    }
    Ok(())
}
