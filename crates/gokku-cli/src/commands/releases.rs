//! `gokku releases`: what was deployed, and what can be gone back to.

use gokku_core::AppName;
use gokku_server::Server;
use gokku_server::command::releases;
use gokku_server::command::releases::ReleaseFacts;

use super::status::{pulled, short};
use crate::error::Error;
use crate::printer::Printer;

/// How much of a reason the table shows; `--json` has all of it.
const SHOWN: usize = 80;

fn cut(reason: String) -> String {
    match reason.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}

/// Why it failed, or else what was pulled for it.
fn about(release: &ReleaseFacts) -> String {
    let reason = release.reason.clone().map(cut);
    reason
        .or_else(|| pulled(release.image.as_ref(), release.digest.as_ref()))
        .unwrap_or_default()
}

pub(super) fn run(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    printer.list(
        &releases::list(&server.root, app)?,
        &format!("{app} has no release yet: push one with git."),
        ["RELEASE", "COMMIT", "STATE", "BY", ""],
        |release| {
            [
                release.id.clone(),
                short(release.commit.as_ref()),
                release.state.to_owned(),
                release.by.clone().unwrap_or_default(),
                about(release),
            ]
        },
    )?;
    Ok(0)
}
