//! `gokku maintenance on`: an app's clients get a page.

use clap::Args;
use gokku_core::app::page::Page;
use gokku_core::text::read_limits::PAGE;
use gokku_server::app::maintenance::PageChoice;
use gokku_server::command::maintenance;
use gokku_server::fs::bounded;

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{Io, Spec};

/// Have the app's clients get a page: 503, until `gokku maintenance off`
#[derive(Debug, Args)]
pub(crate) struct OnArgs {
    /// Read the page from now on from standard input (HTML, up to 256 kB); without, it is the one of the last time
    #[arg(long)]
    page: bool,
    /// Give a plain line of text instead of a page from now on
    #[arg(long, conflicts_with = "page")]
    plain: bool,
}

impl Run for OnArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("maintenance on")
            .with_io(if self.page { Io::Input } else { Io::Output })
            .finishes()
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
        if !self.page {
            return Ok(PageChoice::AsBefore);
        }
        let about = "the page on standard input";
        let given = bounded::stream(std::io::stdin().lock(), PAGE);
        let given = given.map_err(|error| Error::usage(error).about(about).hint("Nothing was changed"))?;
        let text = String::from_utf8(given)
            .map_err(|_| Error::usage("a page is text in UTF-8; nothing was changed").about(about))?;
        let page = Page::try_from(text);
        let page = page.map_err(|error| Error::usage(error).about(about).hint("Nothing was changed"))?;
        Ok(PageChoice::Own(page))
    }
}
