//! `gokku certs remove`: a certificate is served no more.

use clap::Args;
use gokku_core::domains::name::DomainName;
use gokku_server::command::certs;

use super::spec_of;
use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::Spec;

/// Remove a certificate
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// What it is called in `gokku certs list`
    name: String,
}

impl Run for RemoveArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("certs remove", std::slice::from_ref(&self.name)).finishes()
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let server = context.server()?;
        let name: DomainName = self.name.parse()?;
        let switch = wait(async { Ok(certs::remove(server, &name).await?) })?;
        context
            .printer
            .result(&format!("The certificate {name} is removed"));
        for trouble in switch.into_iter().flat_map(|status| status.troubles) {
            context.printer.note(Look::Bad, &trouble);
        }
        Ok(DONE)
    }
}
