//! Whom commands on a server run as: the user whose folder it is. Whoever may act as that user is made to, so that all
//! that gokku writes there is that user's, whoever asked.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use gokku_server::os::owner;

use crate::cli::{Cli, Command, Config};
use crate::context;
use crate::error::Error;

/// Starts this program again in this one's place, as the folder's owner. Returns only when that is who it runs as, or
/// when it could not be.
pub(crate) fn take_over(cli: &Cli, typed: &[OsString]) -> Result<(), Error> {
    if let Command::Remote(_) | Command::Completion { .. } | Command::Config(Config::Check { .. }) =
        cli.command
    {
        return Ok(());
    }
    let options = &cli.options;
    let Some(owner) = owner::other(&options.root) else {
        return Ok(());
    };
    let program = context::program()?;
    let mut command = owner.command(&program, &context::user())?;
    // What the environment said is said again: it does not come along.
    command.arg("--root").arg(&options.root);
    if let Some(host) = &options.docker_host {
        command.arg("--docker-host").arg(host);
    }
    let error = command.args(without_root(typed)).exec();
    Err(Error::failed(format!(
        "{} belongs to another user, and this could not be run as that one: {error}",
        options.root.display()
    )))
}

/// What was typed, without what is said again.
fn without_root(typed: &[OsString]) -> Vec<OsString> {
    let mut rest = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--root" || text == "--docker-host" {
            words.next();
            continue;
        }
        if text.starts_with("--root=") || text.starts_with("--docker-host=") {
            continue;
        }
        rest.push(word.clone());
        // The program that runs in a container has its own.
        if word == "run" || word == "exec" || word == "--" {
            break;
        }
    }
    rest.extend(words.cloned());
    rest
}
