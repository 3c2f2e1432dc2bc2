//! `gokku maintenance on`: an app's clients get a page.

use std::path::PathBuf;

use clap::Args;
use gokku_core::app::maintenance::{LONGEST_PAGE, Page};
use gokku_core::text::read_limits::PAGE;
use gokku_server::app::maintenance::PageChoice;
use gokku_server::command::maintenance;
use gokku_server::fs::bounded;

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{Io, Spec, TypedFile};

/// Have the app's clients get a page: 503, until `gokku maintenance off`
#[derive(Debug, Args)]
pub(crate) struct OnArgs {
    /// The page from now on (HTML, up to 256 kB), a file on this machine; without, the one of the last time
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Give a plain line of text instead of a page from now on
    #[arg(long, conflicts_with = "page")]
    plain: bool,
    /// Read the page from standard input, a NUL byte after it
    #[arg(long, conflicts_with_all = ["page", "plain"])]
    stdin: bool,
}

impl Run for OnArgs {
    fn spec(&self) -> Spec<'_> {
        let page = self.page.as_deref().map(|path| TypedFile {
            option: "--page",
            path,
            form: "this is no text: a page is HTML",
        });
        Spec::of_apps("maintenance on")
            .with_io(if self.stdin { Io::Input } else { Io::Output })
            .finishes()
            .with_files(page.into_iter().collect())
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app, printer) = (context.server()?, context.app()?, context.printer);
        let choice = self.choice()?;
        let facts = wait(async { Ok(maintenance::on(server, &app, choice).await?) })?;
        if printer.json {
            printer.facts(&facts)?;
            return Ok(DONE);
        }
        let page = if facts.has_page {
            "its own page"
        } else {
            "a plain line of text"
        };
        printer.result(&if facts.served {
            format!("{app} is in maintenance: its clients get {page}")
        } else {
            format!("{app} will be in maintenance, with {page}, as soon as it has a release and the traffic switch runs")
        });
        let way = format!("The way past it, for a browser and a day: {}", facts.way_past);
        printer.note(Look::Plain, &way);
        Ok(DONE)
    }
}

impl OnArgs {
    fn choice(&self) -> Result<PageChoice, Error> {
        if self.plain {
            return Ok(PageChoice::Plain);
        }
        if self.page.is_some() {
            // It would have been taken off the command line on the machine whose file it is.
            return Err(Error::usage(
                "--page names a file of the machine on which it is typed; a key's own command gives the page with --stdin. Nothing was \
                 changed",
            ));
        }
        if !self.stdin {
            return Ok(PageChoice::AsBefore);
        }
        let about = "the page on standard input";
        // The page and the byte after it.
        let limit = PAGE.or(u64::try_from(LONGEST_PAGE).unwrap_or(u64::MAX) + 1);
        let given = bounded::stream(std::io::stdin().lock(), limit);
        let mut given =
            given.map_err(|error| Error::usage(error).about(about).hint("Nothing was changed"))?;
        if given.last() == Some(&0) {
            given.pop();
        }
        let text = String::from_utf8(given)
            .map_err(|_| Error::usage("a page is text in UTF-8; nothing was changed").about(about))?;
        let page = Page::try_from(text);
        let page = page.map_err(|error| Error::usage(error).about(about).hint("Nothing was changed"))?;
        Ok(PageChoice::Own(page))
    }
}
