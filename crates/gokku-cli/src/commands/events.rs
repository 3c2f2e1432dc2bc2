//! `gokku events`: what changed, and who changed it.

use std::io::Write;

use clap::Args;
use gokku_core::logs::audit::Recorded;
use gokku_server::os::clock;
use gokku_server::record::audit_log::{EventQuery, show};

use super::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// Show what changed, and who changed it: of one app, or of the whole server
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Wait for more
    #[arg(short, long)]
    follow: bool,
    /// How many of the last ones; by default all that are kept
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,
}

impl Run for EventsArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("events")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let wanted = EventQuery {
            app: context.optional_app()?,
            access: server.access.clone(),
            last: self.lines,
            follow: self.follow,
        };
        show(&server.root, &wanted, |recorded| {
            let line = if printer.json {
                serde_json::to_string(recorded).unwrap_or_default()
            } else {
                line(recorded)
            };
            // Whoever closed the other end does not want to know.
            writeln!(std::io::stdout().lock(), "{line}").is_ok()
        })?;
        Ok(DONE)
    }
}

fn line(recorded: &Recorded) -> String {
    let app = recorded.app.as_ref().map_or("-", |app| app.as_str());
    let at = clock::text(recorded.at.div_euclid(1000));
    format!("{at}  {app:12}  {:10}  {}", recorded.by, recorded.change)
}
