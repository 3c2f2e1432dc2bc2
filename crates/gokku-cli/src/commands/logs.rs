//! `gokku logs`: what the app prints.

use std::ffi::OsString;
use std::io::Write;

use clap::Args;
use gokku_core::logs::log_cursor::LogCursor;
use gokku_core::logs::log_line::AppLine;
use gokku_core::machine::stream::Stream;
use gokku_core::{AppName, ProcessKey, ReleaseId, Slot};
use gokku_remote::ssh::{Exit, Forward, LogUpdate, follow_logs};
use gokku_server::command::logs::{LogQuery, Shown, show};
use gokku_server::os::clock;

use super::{Run, wait};
use crate::cli::Options;
use crate::context::{Context, no_app_named};
use crate::error::{DONE, Error};
use crate::printer::{Look, Printer};
use crate::spec::Spec;

/// Show what the app prints
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Wait for more, also across deploys
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,
    /// Show what was printed since then: 10m, 2h, or 2024-01-15T11:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The process: worker, or worker-2; by default the first web process, or the first of an app without web
    #[arg(long, value_name = "PROCESS")]
    process: Option<String>,
    /// Go on after this line: CONTAINER@AT as `--json` gives them, and #NTH where it gives that
    #[arg(long, value_name = "PLACE", hide = true, conflicts_with_all = ["lines", "since"])]
    resume: Option<String>,
}

impl Run for LogsArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("logs")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let app = &context.app()?;
        let mut showing = Showing::new(self.follow.then_some(app), printer);
        let wanted = self.wanted()?;
        if context.options.client.is_some() && self.follow {
            // By this the client knows that it has come through, before the app prints anything.
            Printer::bytes(b"\n");
        }
        wait(async {
            let mut on_shown = |shown: Shown<'_>| match shown {
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
            };
            Ok(show(server, app, &wanted, &mut on_shown).await?)
        })?;
        Ok(DONE)
    }

    /// Follows an app's output on its server, across connections that are lost.
    fn run_from_afar(
        &self,
        options: &Options,
        forward: &Forward,
        printer: Printer,
    ) -> Option<Result<Exit, Error>> {
        let is_followed = self.follow && self.resume.is_none();
        is_followed.then(|| self.follow_from_afar(options, forward, printer))
    }
}

impl LogsArgs {
    /// Reads what is asked for.
    fn wanted(&self) -> Result<LogQuery, Error> {
        let since = self.since.as_deref().map(|given| {
            clock::since(given).ok_or_else(|| {
                Error::usage(format!("--since {given}: it is 10m, 2h, or 2024-01-15T11:30:00Z"))
            })
        });
        let after = self.resume.as_deref().map(|given| {
            given
                .parse::<LogCursor>()
                .map_err(|error| Error::from(error).about("--resume"))
        });
        Ok(LogQuery {
            follow: self.follow,
            lines: self.lines,
            since: since.transpose()?,
            after: after.transpose()?,
            process: self.process()?,
        })
    }

    /// Reads whose output is asked for: a type means its first process.
    fn process(&self) -> Result<Option<ProcessKey>, Error> {
        let Some(given) = self.process.as_deref() else {
            return Ok(None);
        };
        given
            .parse::<ProcessKey>()
            .or_else(|_| format!("{given}-1").parse())
            .map(Some)
            .map_err(|error| Error::from(error).about("--process"))
    }

    fn follow_from_afar(
        &self,
        options: &Options,
        forward: &Forward,
        printer: Printer,
    ) -> Result<Exit, Error> {
        let mut always: Vec<OsString> = Vec::new();
        // A server of before there were processes does not know it.
        if let Some(process) = self.process()? {
            always.extend(["--process".into(), process.to_string().into()]);
        }
        let mut asked: Vec<OsString> = Vec::new();
        if let Some(lines) = self.lines {
            asked.extend(["--lines".into(), lines.to_string().into()]);
        }
        if let Some(since) = &self.since {
            asked.extend(["--since".into(), since.into()]);
        }
        let mut forward = forward.clone();
        if forward.app.is_none() {
            // Named as the server is to find it.
            let named = options.app.as_deref().ok_or_else(no_app_named)?;
            forward.app = Some(named.parse()?);
        }
        let mut showing = Showing::new(forward.app.as_ref(), printer);
        let server = forward.ssh.destination().clone();
        let exit = follow_logs(&forward, &always, &asked, |update| match update {
            LogUpdate::Line(piece) => showing.show(piece),
            LogUpdate::ConnectionLost(error) => {
                printer.note(Look::Dim, &format!("{error}; trying again"));
                true
            }
            LogUpdate::Reconnected => {
                printer.note(Look::Dim, &format!("{server} can be reached again"));
                true
            }
        })?;
        Ok(exit)
    }
}

/// Shows an app's output: the app's own bytes, or JSON; and which release prints, when that changes.
struct Showing<'a> {
    /// The app, when it is to be told whose output it is.
    app: Option<&'a AppName>,
    printer: Printer,
    container: Option<String>,
}

impl<'a> Showing<'a> {
    fn new(app: Option<&'a AppName>, printer: Printer) -> Self {
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

    /// Shows a piece; returns false when nobody reads it any more.
    fn show(&mut self, piece: &AppLine) -> bool {
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
