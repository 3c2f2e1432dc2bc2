//! Runs commands on a server as the user whose folder it is. Whoever may act as that user is made to, so that all that
//! gokku writes there is that user's, whoever asked.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use gokku_server::os::owner;

use crate::cli::Options;
use crate::environment;
use crate::error::Error;
use crate::spec::{RunsOn, Spec};

/// Starts this program again in this one's place, as the folder's owner. Returns only when that is who it runs as, or
/// when it could not be.
pub(crate) fn take_over(spec: &Spec, options: &Options, typed: &[OsString]) -> Result<(), Error> {
    if spec.runs_on == RunsOn::ThisMachine {
        return Ok(());
    }
    let Some(owner) = owner::other(&options.root) else {
        return Ok(());
    };
    let program = environment::program()?;
    let mut command = owner.command(&program, &environment::user())?;
    // What the environment said is said again: it does not come along.
    command.arg("--root").arg(&options.root);
    if let Some(host) = &options.docker_host {
        command.arg("--docker-host").arg(host);
    }
    if let Some(host) = environment::reached_at(options) {
        command.arg("--reached-at").arg(host.to_string());
    }
    let error = command.args(without_root(typed)).exec();
    let root = options.root.display();
    Err(Error::failed(error).about(format!(
        "{root} belongs to another user, and this could not be run as that one"
    )))
}

/// Returns what was typed, without what is said again.
fn without_root(typed: &[OsString]) -> Vec<OsString> {
    let mut rest = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--root" || text == "--docker-host" || text == "--reached-at" {
            words.next();
            continue;
        }
        if ["--root=", "--docker-host=", "--reached-at="]
            .iter()
            .any(|option| text.starts_with(option))
        {
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
