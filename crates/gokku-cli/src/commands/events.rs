//! `gokku events`: what changed, and who changed it.

use std::io::Write;

use gokku_core::logs::audit::Recorded;
use gokku_server::Server;
use gokku_server::os::clock;
use gokku_server::record::audit_log::{Wanted, show};

use crate::cli::Options;
use crate::context;
use crate::error::Error;
use crate::printer::Printer;

pub(super) fn run(
    server: &Server,
    options: &Options,
    follow: bool,
    lines: Option<usize>,
    printer: Printer,
) -> Result<u8, Error> {
    let app = context::names_app(options).then(|| context::app(server, options));
    let wanted = Wanted {
        app: app.transpose()?,
        access: server.access.clone(),
        last: lines,
        follow,
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
    Ok(0)
}

fn line(recorded: &Recorded) -> String {
    let app = recorded.app.as_ref().map_or("-", |app| app.as_str());
    let at = clock::text(recorded.at.div_euclid(1000));
    format!("{at}  {app:12}  {:10}  {}", recorded.by, recorded.change)
}
