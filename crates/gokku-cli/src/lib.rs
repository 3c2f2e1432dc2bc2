//! The gokku program: commands, output, exit codes. What they do is in `gokku-server` and `gokku-remote`.
//!
//! - `cli`: what can be typed: the global options and the list of commands
//! - `commands`: a file for each, with its arguments, its `spec` and its code; `context`: what it is given
//! - before a command runs: `argv_secrets` takes values off the command line, `argv_files` what is in files, `forwarding` sends it to another machine,
//!   `run_as_owner` makes it the server's owner's, `disconnect` ends it when whoever asked is gone
//! - `render`: events as people read them, `event_text`: the words of the longer ones, `live`: the step that runs; `printer`: which stream gets what; `terminal`:
//!   programs in containers
//! - [`error`]: what went wrong, what to do next, and every exit code; `environment`: the environment, read once

pub mod error;

mod argv_files;
mod argv_secrets;
mod cli;
mod commands;
mod context;
mod disconnect;
mod environment;
mod event_text;
mod forwarding;
mod live;
mod printer;
mod render;
mod run_as_owner;
mod spec;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Returns everything that can be typed, for whoever writes it down.
pub fn command() -> clap::Command {
    <cli::Cli as clap::CommandFactory>::command()
}

/// Runs the program.
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    let cli = cli::Cli::try_parse().unwrap_or_else(|error| {
        // An older or newer client may ask for what is not known here: that it is one comes first.
        forwarding::warn_of_difference(&typed);
        error.exit()
    });
    let printer = printer::Printer::new(&cli.options);
    match run(&cli, &typed, printer) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs what was typed, on the machine and as the user that it is for; returns the exit code.
fn run(cli: &cli::Cli, typed: &[OsString], printer: printer::Printer) -> Result<u8, error::Error> {
    let command = cli.command.inner();
    let spec = command.spec();
    argv_secrets::hide(spec.secrets, typed)?;
    argv_files::hand_on(&spec.files, typed)?;
    if let Some(forward) = forwarding::destination_of(&spec, &cli.options, printer)? {
        return forwarding::run(command, &cli.options, &forward, typed, printer);
    }
    run_as_owner::take_over(&spec, &cli.options, typed)?;
    commands::welcome_client(&spec, &cli.options, printer);
    command.run(&context::Context::new(&cli.options, printer))
}
