//! `gokku apps`: made, listed, removed.

use std::io::IsTerminal;
use std::path::PathBuf;

use gokku_core::app::branch_name::{BranchName, BranchNameError};
use gokku_core::{AppName, EnvironmentName};
use gokku_server::Server;
use gokku_server::app::apps;
use gokku_server::worker::request::Operation;
use serde::Serialize;

use super::transition;
use crate::cli::Apps;
use crate::context;
use crate::error::Error;
use crate::printer::{Look, Printer};

pub(super) fn run(server: &Server, command: &Apps, printer: Printer) -> Result<u8, Error> {
    match command {
        Apps::Create {
            name,
            environment,
            branch,
            if_missing,
        } => create(server, name, environment, branch.as_deref(), *if_missing, printer),
        Apps::List => list(server, printer),
        Apps::Destroy { name, volumes, yes } => {
            destroy(server, &apps::resolve(server, name)?, *volumes, *yes, printer)
        }
    }
}

/// What is told of an app that can be pushed to.
#[derive(Serialize)]
struct Ready {
    name: AppName,
    environment: EnvironmentName,
    branch: Option<BranchName>,
    created: String,
    /// The folder to push to.
    repository: PathBuf,
    /// Whether it was made just now.
    made: bool,
}

fn create(
    server: &Server,
    name: &str,
    environment: &str,
    branch: Option<&str>,
    if_missing: bool,
    printer: Printer,
) -> Result<u8, Error> {
    let wrong = |error: gokku_core::app::name::NameError| Error::usage(error.to_string());
    let name: AppName = name.parse().map_err(wrong)?;
    let environment: EnvironmentName = environment.parse().map_err(wrong)?;
    let branch: Option<BranchName> = branch
        .map(str::parse)
        .transpose()
        .map_err(|error: BranchNameError| Error::usage(error.to_string()))?;
    let (app, made) = if if_missing {
        apps::ensure(server, &name, &environment, branch.as_ref())?
    } else {
        (apps::create(server, &name, &environment, branch.as_ref())?, true)
    };
    let repository = server.root.repository(&name);
    if printer.json {
        printer.facts(&Ready {
            name: app.name,
            environment: app.environment,
            branch: app.branch,
            created: app.created,
            repository,
            made,
        })?;
        return Ok(0);
    }
    printer.result(&format!("{name} is ready"));
    printer.note(
        Look::Plain,
        &format!(
            "Push to it, from your own machine:\n  gokku remote add {name}-{environment} {}\n  git push {name}-{environment} {}",
            context::address(),
            app.branch
                .map_or_else(|| "main".to_owned(), |branch| branch.to_string()),
        ),
    );
    Ok(0)
}

fn list(server: &Server, printer: Printer) -> Result<u8, Error> {
    for (name, error) in apps::unreadable(&server.root)? {
        if server.access.allows(&name) {
            printer.note(
                Look::Bad,
                &format!("{name} cannot be read, and is left out: {error}"),
            );
        }
    }
    printer.list(
        &apps::visible(server)?,
        "There are no apps yet; `gokku apps create NAME` makes one.",
        ["APP", "ENVIRONMENT", "BRANCH", "CREATED"],
        |app| {
            let branch = app
                .branch
                .as_ref()
                .map_or_else(|| "-".to_owned(), ToString::to_string);
            [
                app.name.to_string(),
                app.environment.to_string(),
                branch,
                app.created.clone(),
            ]
        },
    )?;
    Ok(0)
}

fn destroy(server: &Server, app: &AppName, volumes: bool, yes: bool, printer: Printer) -> Result<u8, Error> {
    if !yes {
        let what = if volumes {
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
    transition::run(server, app, Operation::Destroy { volumes }, printer)
}
