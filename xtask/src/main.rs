//! The project's chores. `cargo xtask --help` lists them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person who runs it"
)]

mod bench;
mod demo;
#[cfg(test)]
mod dependencies;
mod docs;
mod engine;
mod faults;
mod fuzz;
#[cfg(test)]
mod layers;
mod packages;
mod pebble;
mod projects;
#[cfg(test)]
mod promises;
mod release;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's chores
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Chores {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what is missing, start an engine if none runs, then check everything
    Test {
        #[arg(value_enum)]
        part: Option<test::Part>,
    },
    /// Make the images that tests begin with
    #[command(hide = true)]
    Images,
    /// Get the certificate authority that tests order from
    #[command(hide = true)]
    Pebble,
    /// Show the main job from nothing, on a real engine, and clean up
    Demo,
    /// Kill transitions at every step, and print what came of it
    Faults {
        /// Parts of names in the table, such as 'restart*disk' or ', worker$', where $ ends a name; all if there are none
        parts: Vec<String>,
    },
    /// Push every real project, and write down which of them live
    Projects,
    /// Look for inputs that break something, with each fuzz target, and print how many were tried
    Fuzz(fuzz::Options),
    /// Measure, side by side with what is to be beaten
    #[command(subcommand)]
    Bench(bench::What),
    /// Write the parts of the documentation that come from the code
    Docs {
        /// Change nothing; fail where they are not what the code says
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let result = match Chores::parse().chore {
        Chore::Test { part } => return test::run(part),
        Chore::Images => {
            gokku_tests::ensure_images();
            Ok(())
        }
        Chore::Pebble => pebble::ensure(),
        Chore::Demo => demo::run(),
        Chore::Faults { parts } => faults::run(&parts),
        Chore::Projects => projects::run(),
        Chore::Fuzz(options) => fuzz::run(options),
        Chore::Bench(what) => bench::run(what),
        Chore::Docs { check } => docs::run(check),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
