//! `gokku keys list`: the keys that are let in.

use clap::Args;
use gokku_server::command::keys;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// List the keys
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("keys list")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        context.printer.list(
            &keys::list(context.server()?, &environment::home()?)?,
            "There are no keys yet; `gokku keys add NAME < key.pub` lets one in.",
            ["NAME", "APPS", "DOMAINS", "TYPE", "FINGERPRINT"],
            |key| {
                [
                    key.name.to_string(),
                    key.access().to_string(),
                    key.domains.to_string(),
                    key.kind.clone(),
                    key.fingerprint.clone(),
                ]
            },
        )?;
        Ok(DONE)
    }
}
