//! `gokku releases`: what was deployed, and what can be gone back to.

use gokku_core::AppName;
use gokku_server::{Server, releases};

use crate::error::Error;
use crate::printer::{Look, Printer, plain_table};

/// How much of a reason the table shows; `--json` has all of it.
const SHOWN: usize = 80;

fn cut(reason: String) -> String {
    match reason.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}

pub(super) fn run(server: &Server, app: &AppName, printer: Printer) -> Result<u8, Error> {
    let all = releases::list(&server.root, app)?;
    if printer.json {
        printer.facts(&all)?;
        return Ok(0);
    }
    if all.is_empty() {
        printer.note(
            Look::Plain,
            &format!("{app} has no release yet: push one with git."),
        );
        return Ok(0);
    }
    let mut table = plain_table();
    table.set_header(["RELEASE", "COMMIT", "STATE", "BY", ""]);
    for release in all {
        table.add_row([
            release.id,
            release.commit.get(..7).unwrap_or(&release.commit).to_owned(),
            release.state.to_owned(),
            release.by.unwrap_or_default(),
            release.reason.map(cut).unwrap_or_default(),
        ]);
    }
    printer.result(&table.to_string());
    Ok(0)
}
