//! The gokku program: commands, output, exit codes. What they do is in `gokku-server`.
//!
//! - [`cli`]: what can be typed
//! - `context`: what the environment says, read once
//! - `elsewhere`: commands that run on another machine; `hang_up`: when whoever asked from there is gone
//! - `set_aside`: values that are taken off the command line; `owner`: whom commands on a server run as
//! - `commands`: a file for each
//! - `render`: events as people read them, `live`: the step that runs; `printer`: which stream gets what; `terminal`: programs in containers
//! - [`error`]: errors and their exit codes

pub mod cli;
pub mod error;

mod commands;
mod context;
mod elsewhere;
mod hang_up;
mod live;
mod owner;
mod printer;
mod render;
mod set_aside;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Everything that can be typed, for whoever writes it down.
pub fn command() -> clap::Command {
    <cli::Cli as clap::CommandFactory>::command()
}

/// The program.
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    let cli = cli::Cli::try_parse().unwrap_or_else(|error| {
        // An older or newer client may ask for what is not known here: that it is one comes first.
        elsewhere::tell_difference(&typed);
        error.exit()
    });
    let printer = printer::Printer::new(&cli.options);
    match run(&cli, &typed, printer) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.code)
        }
    }
}

/// Here or there, and as whom.
fn run(cli: &cli::Cli, typed: &[OsString], printer: printer::Printer) -> Result<u8, error::Error> {
    set_aside::secrets(cli, typed)?;
    if let Some(there) = elsewhere::of(cli, printer)? {
        return elsewhere::run(cli, &there, typed, printer);
    }
    owner::take_over(cli, typed)?;
    commands::greet(cli, printer);
    commands::run(cli, printer)
}
