//! `gokku certs list`: the certificates of the server.

use clap::Args;
use gokku_server::command::certs;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// List the certificates of the server
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("certs list", &[])
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let printer = context.printer;
        let listed = certs::list(context.server()?)?;
        printer.list(
            &listed.certificates,
            "There are no certificates yet; `gokku certs add --chain FILE --key FILE` adds one.",
            ["NAME", "NAMES", "SOURCE", "VALID UNTIL", "DOMAINS"],
            |one| {
                [
                    one.name.clone(),
                    one.names.join(", "),
                    one.source.to_owned(),
                    if one.valid {
                        one.not_after.to_string()
                    } else {
                        format!("{} (not valid now)", one.not_after)
                    },
                    one.domains.join(", "),
                ]
            },
        )?;
        for trouble in &listed.troubles {
            printer.note(Look::Bad, trouble);
        }
        Ok(DONE)
    }
}
