//! The gokku program: commands, output, exit codes. What they do is in `gokku-server`.
//!
//! - [`cli`]: what can be typed
//! - `context`: what the environment says, read once
//! - `commands`: a file for each
//! - `render`: events as people read them, `live`: the step that runs; `printer`: which stream gets what; `terminal`: programs in containers
//! - [`error`]: errors and their exit codes

pub mod cli;
pub mod error;

mod commands;
mod context;
mod live;
mod printer;
mod render;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

/// Everything that can be typed, for whoever writes it down.
pub fn command() -> clap::Command {
    <cli::Cli as clap::CommandFactory>::command()
}

/// The program.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let printer = printer::Printer::new(&cli.options);
    match commands::run(&cli, printer) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.code)
        }
    }
}
