//! `gokku prune`: what is no longer kept goes.

use clap::Args;
use gokku_core::text::size::Size;
use gokku_server::space::prune::{PruneOptions, Report, run as prune};

use super::{Run, wait};
use crate::context::Context;
use crate::error::{BUSY, DONE, Error, FAILED};
use crate::printer::{Look, Printer, plain_table};
use crate::spec::Spec;

/// Remove what is no longer kept: of one app, or of the whole server and the build cache beyond its budget
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run for PruneArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(if self.dry_run { "prune --dry-run" } else { "prune" })
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let wanted = PruneOptions {
            app: context.optional_app()?,
            dry_run: self.dry_run,
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
