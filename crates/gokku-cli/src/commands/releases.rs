//! `gokku releases`: what was deployed, and what can be gone back to.

use gokku_core::AppName;
use gokku_server::{Server, releases};

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

pub(super) fn run(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    printer.list(
        &releases::list(&server.root, app)?,
        &format!("{app} has no release yet: push one with git."),
        ["RELEASE", "COMMIT", "STATE", "BY", ""],
        |release| {
            [
                release.id.clone(),
                release.commit.get(..7).unwrap_or(&release.commit).to_owned(),
                release.state.to_owned(),
                release.by.clone().unwrap_or_default(),
                release.reason.clone().map(cut).unwrap_or_default(),
            ]
        },
    )?;
    Ok(0)
}
