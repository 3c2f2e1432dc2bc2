//! `gokku releases`: what was deployed, and what can be gone back to.

use clap::Args;
use gokku_server::command::releases::{self, ReleaseFacts};

use super::Run;
use super::release_text::{pulled_image, short_commit};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// List the app's releases
#[derive(Debug, Args)]
pub(crate) struct ReleasesArgs {}

impl Run for ReleasesArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("releases")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let app = context.app()?;
        context.printer.list(
            &releases::list(&context.server()?.app_dir(&app))?,
            &format!("{app} has no release yet: push one with git."),
            ["RELEASE", "COMMIT", "STATE", "BY", ""],
            |release| {
                [
                    release.id.clone(),
                    short_commit(release.commit.as_ref()),
                    release.state.to_owned(),
                    release.by.clone().unwrap_or_default(),
                    about(release),
                ]
            },
        )?;
        Ok(DONE)
    }
}

/// How much of a reason the table shows; `--json` has all of it.
const SHOWN: usize = 80;

fn cut(reason: String) -> String {
    match reason.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}

/// Returns why it failed, or else what was pulled for it.
fn about(release: &ReleaseFacts) -> String {
    let reason = release.reason.clone().map(cut);
    reason
        .or_else(|| pulled_image(release.image.as_ref(), release.digest.as_ref()))
        .unwrap_or_default()
}
