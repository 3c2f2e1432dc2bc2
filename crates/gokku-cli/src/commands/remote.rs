//! `gokku remote`: git remotes that are apps on a server.

use std::ffi::OsString;
use std::path::Path;

use gokku_remote::remotes::{self, AppReady};
use gokku_remote::ssh::Needs;

use super::remote_setup;
use crate::cli::{Options, Remote};
use crate::elsewhere;
use crate::error::Error;
use crate::printer::{Look, Printer};

pub(super) fn run(command: &Remote, options: &Options, printer: Printer) -> Result<u8, Error> {
    let here = std::env::current_dir().map_err(|error| Error::failed(format!("this folder: {error}")))?;
    match command {
        Remote::Add { name, server } => add(&here, name, server, options.app.as_deref(), printer),
        Remote::Setup(setup) => remote_setup::set_up(setup, &options.root, printer),
        Remote::Teardown(teardown) => remote_setup::take_down(teardown, &options.root, printer),
        Remote::List => list(&here, printer),
        Remote::Remove { name } => {
            let address = remotes::remove(&here, name)?;
            let server = &address.destination;
            let words = format!(
                "{name} is removed here. {address} goes on as it is; `gokku apps destroy {} --remote {server}` removes it",
                address.app
            );
            printer.note(Look::Plain, &words);
            Ok(0)
        }
    }
}

fn add(here: &Path, name: &str, server: &str, app: Option<&str>, printer: Printer) -> Result<u8, Error> {
    let server = elsewhere::destination(server)?;
    let wanted = remotes::prepare(here, name, app)?;
    let there = elsewhere::to(server.clone(), printer);
    let mut words = vec![
        "apps".to_owned(),
        "create".to_owned(),
        wanted.app.to_string(),
        "--environment".to_owned(),
        wanted.environment.to_string(),
        "--if-missing".to_owned(),
        "--json".to_owned(),
    ];
    if let Some(branch) = &wanted.branch {
        words.extend(["--branch".to_owned(), branch.to_string()]);
    }
    let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    let (exit, answer) = there.capture(&words)?;
    elsewhere::tell(&there, &exit, Needs::default(), printer);
    if exit.code != 0 {
        return Err(Error {
            code: exit.code,
            message: format!(
                "no remote was added. If {} is to serve two environments there, give this one's app another name: gokku remote add {name} {server} --app {}-{}",
                wanted.app, wanted.app, wanted.environment
            ),
        });
    }
    let ready: AppReady = serde_json::from_slice(&answer).map_err(|error| {
        Error::failed(format!(
            "{server} answered what was not understood ({error}); `gokku doctor --remote {server}` shows what runs there"
        ))
    })?;
    let url = remotes::add(here, &wanted, &server, &ready)?;
    if printer.json {
        let all = remotes::list(here)?;
        printer.facts(&all.iter().find(|remote| remote.name == name))?;
        return Ok(0);
    }
    printer.result(&format!("{name} is {url}"));
    let verb = if ready.made { "was made" } else { "is there" };
    let branch = wanted
        .branch
        .map_or_else(|| "main".to_owned(), |branch| branch.to_string());
    printer.note(
        Look::Plain,
        &format!(
            "The app {} {verb} on {server}, for {}. Deploy to it: git push {name} {branch}",
            wanted.app, wanted.environment
        ),
    );
    Ok(0)
}

fn list(here: &Path, printer: Printer) -> Result<u8, Error> {
    printer.list(
        &remotes::list(here)?,
        "There are none yet; `gokku remote add api-production user@host` adds one.",
        ["REMOTE", "APP", "SERVER"],
        |remote| [remote.name.clone(), remote.app.to_string(), remote.server.clone()],
    )?;
    Ok(0)
}
