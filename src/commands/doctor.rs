//! `doctor`: tries what a promotion needs, before anything moves.
//!
//! Every check is made, also after a failure, and printed as a line of its own. Nothing is written:
//! an upload that is opened is cancelled, the edit is a dry run, and no hand-over file is made.

mod checks;
mod lines;

use checks::PromotionChecks;
use lines::Lines;

use super::{
    Context, Outcome,
    run::{self, PreparedRun},
};
use crate::failure::{Failure, Kind, OrFail as _};

/// Flags of `doctor`: those of `run`.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(mut_arg("dry_run", |arg| arg.hide(true)))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) run: run::Args,
}

/// Runs the command.
///
/// # Errors
/// Never directly: a check that failed is in [`Outcome::failure`], because the lines are printed then.
pub(crate) async fn run(mut args: Args, context: &Context) -> Result<Outcome, Failure> {
    args.run.tag_is_optional = true;
    let context = args.run.context(context);
    let mut lines = Lines::default();
    match PreparedRun::new(&args.run, &context) {
        Ok(prepared) => {
            lines.add(
                "configuration",
                Ok("the flags of the five steps fit".to_owned()),
                "",
            );
            data_directory(&context, &mut lines);
            PromotionChecks::new(prepared, &context)
                .run_all(&mut lines)
                .await;
        }
        Err(failure) => lines.add(
            "configuration",
            Err(failure),
            "promote run --help lists the flags; docs/cli.md has the keys of promote.yaml",
        ),
    }
    Ok(lines.outcome())
}

/// Writes a file into the data directory and removes it.
fn data_directory(context: &Context, lines: &mut Lines) {
    let Some(dir) = &context.data_dir else {
        return;
    };
    let made = tempfile::NamedTempFile::new_in(dir).and_then(tempfile::NamedTempFile::close);
    let made = made.or_fail(Kind::Usage);
    let shown = format!("{} can be written", dir.display());
    let made = made
        .map(|()| shown)
        .map_err(|failure| failure.context(format!("cannot write into {}", dir.display())));
    lines.add(
        "data directory",
        made,
        "let the volume belong to the group of the steps: podTemplate.securityContext.fsGroup",
    );
}
