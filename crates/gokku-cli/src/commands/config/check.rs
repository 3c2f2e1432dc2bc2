//! `gokku config check`: a `gokku.yml` of this machine.

use std::path::PathBuf;

use clap::Args;
use gokku_core::AppName;
use gokku_core::access::scope::Reach;
use gokku_server::plan::check;

use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// Check a gokku.yml and the Procfile beside it; every mistake is told, with its line
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The file
    #[arg(default_value = "gokku.yml")]
    file: PathBuf,
}

impl Run for CheckArgs {
    fn spec(&self) -> Spec<'_> {
        // It reads whatever file is named, and says what stands there.
        Spec::of_this_machine("config check", Reach::Machine).finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (file, printer) = (&self.file, context.printer);
        let checked = check::gokku_yml(file)?;
        for file in &checked.not_read {
            printer.note(Look::Plain, &file.to_string());
        }
        if printer.json {
            printer.facts(&checked.apps)?;
        } else {
            let names: Vec<&str> = checked.apps.iter().map(AppName::as_str).collect();
            let line = format!("{} is good; its apps: {}", file.display(), names.join(", "));
            printer.result(&line);
        }
        Ok(DONE)
    }
}
