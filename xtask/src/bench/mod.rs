//! `cargo xtask bench`: what a speed claim rests on. Whatever is compared is run in turns, in one run.

mod build;
mod cli;
mod deploy;
mod numbers;
mod proxy;

use clap::Subcommand;

use crate::release::Profile;
use crate::{engine, packages, release};

/// What is measured.
#[derive(Clone, Copy, Subcommand)]
pub(crate) enum What {
    /// A tiny change deployed, in turns with a hand-written script that does the same (xtask/bench/floor.sh)
    Deploy {
        /// How often
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// Nothing to build, and a changed line in a project of a thousand files, in turns with the same build by hand
    Build {
        /// How often
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// The processor time of a request at the traffic switch, in turns with nginx and haproxy
    Proxy {
        /// How often
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Commands that people wait for
    Cli {
        /// How often
        #[arg(long, default_value_t = 100)]
        rounds: usize,
    },
}

/// Measures, with a release build.
pub(crate) fn run(what: What) -> Result<(), String> {
    if !release::is_ready() {
        packages::install_missing()?;
        engine::ensure()?;
        let (name, rounds, profile) = match what {
            What::Deploy { rounds } => ("deploy", rounds, Profile::Release),
            What::Build { rounds } => ("build", rounds, Profile::Release),
            // What is shipped is what others are compared with.
            What::Proxy { rounds } => ("proxy", rounds, Profile::Dist),
            What::Cli { rounds } => ("cli", rounds, Profile::Release),
        };
        return release::again(profile, &["bench", name, "--rounds", &rounds.to_string()]);
    }
    match what {
        What::Deploy { rounds } => deploy::run(rounds),
        What::Build { rounds } => build::run(rounds),
        What::Proxy { rounds } => proxy::run(rounds),
        What::Cli { rounds } => {
            cli::run(rounds);
            Ok(())
        }
    }
}
