//! `gokku config set`: variables that are typed, or come on standard input, each with a NUL byte after it.

use clap::Args;
use gokku_core::config::env_file::{PairError, parse_pair};
use gokku_server::app::{apps, server_config};

use super::{audit_name, change, stdin};
use crate::commands::Run;
use crate::context::Context;
use crate::error::Error;
use crate::spec::{Io, Spec, words};

/// Set variables, and apply them to what runs
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// NAME=VALUE
    #[arg(required_unless_present = "stdin", value_name = "NAME=VALUE")]
    pairs: Vec<String>,
    /// Read them from standard input, a NUL byte after each
    #[arg(long, conflicts_with = "pairs")]
    stdin: bool,
    /// Leave what runs as it is
    #[arg(long)]
    no_restart: bool,
}

impl Run for SetArgs {
    fn spec(&self) -> Spec<'_> {
        let names = self
            .pairs
            .iter()
            .map(|pair| pair.split_once('=').map_or("", |(name, _)| name));
        Spec::of_apps(words("config set", names.map(audit_name)))
            .with_io(if self.stdin { Io::Input } else { Io::Output })
            .finishes()
            .with_secrets(&self.pairs)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let root = &context.server()?.root;
        let app = context.app()?;
        apps::load(&root.app_dir(&app))?;
        let limit = server_config::read(root)?.env.limit();
        let read = if self.stdin {
            stdin::read_pairs(limit)?
        } else {
            Vec::new()
        };
        let pairs = if self.stdin { &read } else { &self.pairs };
        let pairs: Result<Vec<_>, PairError> = pairs.iter().map(|pair| parse_pair(pair)).collect();
        change::set(context, &app, &pairs?, !self.no_restart)
    }
}
