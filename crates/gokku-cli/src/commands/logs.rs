//! `gokku logs`: what the app prints.

use std::io::Write;

use gokku_core::app::process_key::ProcessKeyError;
use gokku_core::logs::log_cursor::{Place, PlaceError};
use gokku_core::logs::log_line::AppLine;
use gokku_core::machine::stream::Stream;
use gokku_core::{AppName, ProcessKey, ReleaseId, Slot};
use gokku_server::Server;
use gokku_server::command::logs::{Shown, Wanted, show};
use gokku_server::os::clock;

use super::wait;
use crate::cli::{Logs, Options};
use crate::context;
use crate::error::Error;
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, options: &Options, logs: &Logs, printer: Printer) -> Result<u8, Error> {
    let app = &context::app(server, options)?;
    let since = logs.since.as_deref().map(|given| {
        clock::since(given)
            .ok_or_else(|| Error::usage(format!("--since {given}: it is 10m, 2h, or 2024-01-15T11:30:00Z")))
    });
    let after = logs.resume.as_deref().map(|given| {
        given
            .parse::<Place>()
            .map_err(|error: PlaceError| Error::usage(format!("--resume: {error}")))
    });
    let wanted = Wanted {
        follow: logs.follow,
        lines: logs.lines,
        since: since.transpose()?,
        after: after.transpose()?,
        process: process(logs)?,
    };
    let mut showing = Showing::new(logs.follow.then_some(app), printer);
    if options.client.is_some() && logs.follow {
        // By this the client knows that it has come through, before the app prints anything.
        Printer::bytes(b"\n");
    }
    wait(async {
        let shown = show(server, app, &wanted, |shown| match shown {
            Shown::Container(source) => {
                showing.heading(
                    source.container.as_str(),
                    source.release,
                    source.slot,
                    Some(&source.process),
                );
                true
            }
            Shown::Piece(piece) => showing.show(&piece),
        });
        Ok(shown.await?)
    })?;
    Ok(0)
}

/// Whose output is asked for: a type means its first.
pub(crate) fn process(logs: &Logs) -> Result<Option<ProcessKey>, Error> {
    let Some(given) = logs.process.as_deref() else {
        return Ok(None);
    };
    let first = || format!("{given}-1").parse();
    given
        .parse()
        .or_else(|_| first())
        .map(Some)
        .map_err(|error: ProcessKeyError| Error::usage(format!("--process: {error}")))
}

/// Shows an app's output: the app's bytes, or JSON; and which release prints, when that changes.
pub(crate) struct Showing<'a> {
    /// The app, when it is to be told whose output it is.
    app: Option<&'a AppName>,
    printer: Printer,
    container: Option<String>,
}

impl<'a> Showing<'a> {
    pub(crate) fn new(app: Option<&'a AppName>, printer: Printer) -> Self {
        Self {
            app,
            printer,
            container: None,
        }
    }

    /// Says whose output comes now, if that is another container than before.
    fn heading(
        &mut self,
        container: &str,
        release: Option<ReleaseId>,
        slot: Option<Slot>,
        process: Option<&ProcessKey>,
    ) {
        let short = container.get(..12).unwrap_or(container);
        if self.container.as_deref() == Some(short) {
            return;
        }
        self.container = Some(short.to_owned());
        let Some(app) = self.app.filter(|_| !self.printer.json) else {
            return;
        };
        let release = release.map_or_else(String::new, |release| format!(" release {release}"));
        let name = slot.zip(process).map_or_else(String::new, |(slot, process)| {
            format!(" ({})", slot.container_name(app, process))
        });
        self.printer
            .note(Look::Heading, &format!("-----> {app}:{release}{name}"));
    }

    /// Shows a piece; false when nobody reads it any more.
    pub(crate) fn show(&mut self, piece: &AppLine) -> bool {
        self.heading(
            &piece.container,
            piece.release,
            piece.slot,
            piece.process.as_ref(),
        );
        if self.printer.json {
            return json(piece);
        }
        match piece.stream {
            Stream::Out => Printer::bytes(&piece.bytes),
            Stream::Err => std::io::stderr().write_all(&piece.bytes).is_ok(),
        }
    }
}

fn json(piece: &AppLine) -> bool {
    serde_json::to_vec(piece).is_ok_and(|mut line| {
        line.push(b'\n');
        Printer::bytes(&line)
    })
}
