//! `gokku apps destroy`: an app is removed, after its name was typed.

use std::io::IsTerminal;

use clap::Args;
use gokku_core::AppName;
use gokku_server::app::apps;
use gokku_server::worker::request::Operation;

use crate::commands::{Run, transition};
use crate::context::Context;
use crate::error::Error;
use crate::spec::{AppFrom, Io, Spec, words};

/// Remove an app: its containers, images, code and environment; its volumes stay
#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    /// The app's name
    name: String,
    /// Remove its volumes as well, with all that is in them
    #[arg(long)]
    volumes: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl Run for DestroyArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(words("apps destroy", self.name.parse::<AppName>().ok()))
            .with_app(AppFrom::Argument(&self.name))
            .with_io(if self.yes { Io::Output } else { Io::Question })
            .finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let app = apps::resolve(server, &self.name)?;
        if !self.yes {
            let what = if self.volumes {
                "containers, images, code and environment, and its volumes with all that is in them"
            } else {
                "containers, images, code and environment"
            };
            if !std::io::stdin().is_terminal() {
                return Err(Error::usage(format!(
                    "this removes {app} with its {what}: say so with --yes"
                )));
            }
            let question = format!("This removes {app} with its {what}. Type its name to go on:");
            if !printer.has_typed(&question, app.as_str())? {
                return Err(Error::usage("nothing was removed"));
            }
        }
        let operation = Operation::Destroy {
            volumes: self.volumes,
        };
        transition::run(context, &app, operation)
    }
}
