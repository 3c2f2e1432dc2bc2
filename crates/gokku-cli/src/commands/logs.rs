//! `gokku logs`: what the app prints.

use std::io::Write;

use gokku_core::AppName;
use gokku_core::log_line::{AppLine, Stream};
use gokku_core::log_place::{Place, PlaceError};
use gokku_server::logs::{Shown, Source, Wanted, show};
use gokku_server::{Server, clock};

use super::wait;
use crate::cli::Logs;
use crate::error::Error;
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, app: &AppName, logs: &Logs, printer: Printer) -> Result<u8, Error> {
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
    };
    wait(async {
        let shown = show(server, app, &wanted, |shown| match shown {
            Shown::Container(source) => {
                if logs.follow && !printer.json {
                    printer.note(Look::Heading, &heading(app, source));
                }
                true
            }
            Shown::Piece(piece) if printer.json => json(&piece),
            Shown::Piece(piece) => match piece.stream {
                Stream::Out => Printer::bytes(&piece.bytes),
                Stream::Err => std::io::stderr().write_all(&piece.bytes).is_ok(),
            },
        });
        Ok(shown.await?)
    })?;
    Ok(0)
}

fn heading(app: &AppName, source: &Source) -> String {
    let release = source
        .release
        .map(|release| format!(" release {release}"))
        .unwrap_or_default();
    format!("-----> {app}:{release} ({})", source.name)
}

fn json(piece: &AppLine) -> bool {
    serde_json::to_vec(piece).is_ok_and(|mut line| {
        line.push(b'\n');
        Printer::bytes(&line)
    })
}
