//! `gokku prune`: what is no longer kept goes.

use gokku_core::text::size::Size;
use gokku_server::Server;
use gokku_server::space::prune::{Report, Wanted, run as prune};

use super::wait;
use crate::cli::Options;
use crate::context;
use crate::error::{BUSY, DONE, Error, FAILED};
use crate::printer::{Look, Printer, plain_table};

pub(super) fn run(server: &Server, options: &Options, dry_run: bool, printer: Printer) -> Result<u8, Error> {
    let app = context::names_app(options).then(|| context::app(server, options));
    let wanted = Wanted {
        app: app.transpose()?,
        dry_run,
    };
    let report = wait(async { Ok(prune(server, &wanted).await?) })?;
    if printer.json {
        printer.facts(&report)?;
    } else {
        show(&report, printer);
    }
    Ok(match &report.skipped[..] {
        skipped if skipped.iter().any(|one| !one.busy) => FAILED,
        // Whoever names an app wants that one.
        [_, ..] if wanted.app.is_some() => BUSY,
        _ => DONE,
    })
}

fn show(report: &Report, printer: Printer) {
    let mut table = plain_table();
    for thing in &report.removed {
        let app = thing.app.as_ref().map_or("-", |app| app.as_str());
        table.add_row([
            app,
            thing.kind.as_str(),
            &thing.name,
            &Size(thing.bytes).to_string(),
        ]);
    }
    if !report.removed.is_empty() {
        printer.result(&table.to_string());
    }
    for skipped in &report.skipped {
        let app = skipped.app.as_ref().map_or("-", |app| app.as_str());
        printer.alert(Look::Plain, &format!("{app} is left as it is: {}", skipped.why));
    }
    let size = Size(report.bytes);
    let words = match (report.removed.len(), report.dry_run) {
        (0, _) => "There is nothing to remove".to_owned(),
        (_, true) => format!("This would be removed, about {size}"),
        (_, false) => format!("Removed, about {size}"),
    };
    printer.note(Look::Plain, &words);
}
