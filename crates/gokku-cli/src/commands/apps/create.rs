//! `gokku apps create`: an app is made, ready to be pushed to.

use std::path::PathBuf;

use clap::Args;
use gokku_core::app::branch_name::BranchName;
use gokku_core::{AppName, EnvironmentName};
use gokku_server::app::apps;
use serde::Serialize;

use crate::commands::Run;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{AppFrom, Spec, words};

/// Create an app, ready to be pushed to
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The app's name
    name: String,
    /// The app's environment
    #[arg(short, long, default_value = "production")]
    environment: String,
    /// The branch that deploys; by default the first of main and master that is pushed
    #[arg(short, long)]
    branch: Option<String>,
    /// Succeed if the app is there already, for the same environment
    #[arg(long)]
    if_missing: bool,
}

/// An app that can be pushed to.
#[derive(Serialize)]
struct ReadyApp {
    name: AppName,
    environment: EnvironmentName,
    branch: Option<BranchName>,
    created: String,
    /// The folder to push to.
    repository: PathBuf,
    /// Whether it was made just now.
    made: bool,
}

impl Run for CreateArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(words("apps create", self.name.parse::<AppName>().ok()))
            .on_new_server()
            .with_app(AppFrom::Argument(&self.name))
            .finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let name: AppName = self.name.parse()?;
        let environment: EnvironmentName = self.environment.parse()?;
        let branch: Option<BranchName> = self.branch.as_deref().map(str::parse).transpose()?;
        let (app, made) = if self.if_missing {
            apps::ensure(server, &name, &environment, branch.as_ref())?
        } else {
            (apps::create(server, &name, &environment, branch.as_ref())?, true)
        };
        let repository = server.app_dir(&name).repository();
        if printer.json {
            printer.facts(&ReadyApp {
                name: app.name,
                environment: app.environment,
                branch: app.branch,
                created: app.created,
                repository,
                made,
            })?;
            return Ok(DONE);
        }
        printer.result(&format!("{name} is ready"));
        printer.note(
            Look::Plain,
            &format!(
                "Push to it, from your own machine:\n  gokku remote add {name}-{environment} {}\n  git push {name}-{environment} {}",
                environment::ssh_address(),
                app.branch
                    .map_or_else(|| "main".to_owned(), |branch| branch.to_string()),
            ),
        );
        Ok(DONE)
    }
}
