//! `gokku apps`: made, listed, removed.

use std::io::{IsTerminal, Write};

use gokku_core::{AppName, EnvironmentName};
use gokku_server::request::Ask;
use gokku_server::{Server, apps};

use super::transition;
use crate::cli::Apps;
use crate::context;
use crate::error::Error;
use crate::printer::{Look, Printer, plain_table};

pub(super) fn run(server: &Server, command: &Apps, printer: Printer) -> Result<u8, Error> {
    match command {
        Apps::Create { name, environment } => create(server, name, environment, printer),
        Apps::List => list(server, printer),
        Apps::Destroy { name, yes } => destroy(server, &apps::resolve(server, name)?, *yes, printer),
    }
}

fn create(server: &Server, name: &str, environment: &str, printer: Printer) -> Result<u8, Error> {
    let wrong = |error: gokku_core::name::NameError| Error::usage(error.to_string());
    let name: AppName = name.parse().map_err(wrong)?;
    let environment: EnvironmentName = environment.parse().map_err(wrong)?;
    let app = apps::create(server, &name, &environment)?;
    let repository = server.root.repository(&name);
    if printer.json {
        printer.facts(&app)?;
        return Ok(0);
    }
    printer.result(&format!("{name} is ready"));
    printer.note(
        Look::Plain,
        &format!(
            "Push to it:\n  git remote add {name}-{environment} {}:{}\n  git push {name}-{environment} main",
            context::address(),
            repository.display()
        ),
    );
    Ok(0)
}

fn list(server: &Server, printer: Printer) -> Result<u8, Error> {
    let all = apps::visible(server)?;
    if printer.json {
        printer.facts(&all)?;
        return Ok(0);
    }
    if all.is_empty() {
        printer.note(
            Look::Plain,
            "There are no apps yet; `gokku apps create NAME` makes one.",
        );
        return Ok(0);
    }
    let mut table = plain_table();
    table.set_header(["APP", "ENVIRONMENT", "BRANCH", "CREATED"]);
    for app in all {
        let branch = app
            .branch
            .map_or_else(|| "-".to_owned(), |branch| branch.to_string());
        table.add_row([
            app.name.to_string(),
            app.environment.to_string(),
            branch,
            app.created,
        ]);
    }
    printer.result(&table.to_string());
    Ok(0)
}

fn destroy(server: &Server, app: &AppName, yes: bool, printer: Printer) -> Result<u8, Error> {
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Error::usage(format!(
                "this removes {app} with its containers, images, code and environment: say so with --yes"
            )));
        }
        printer.alert(
            Look::Bad,
            &format!("This removes {app} with its containers, images, code and environment. Type its name to go on:"),
        );
        let mut typed = String::new();
        let _ = std::io::stderr().flush();
        std::io::stdin()
            .read_line(&mut typed)
            .map_err(|error| Error::failed(error.to_string()))?;
        if typed.trim() != app.as_str() {
            return Err(Error::usage("nothing was removed"));
        }
    }
    transition::run(server, app, Ask::Destroy, printer)
}
