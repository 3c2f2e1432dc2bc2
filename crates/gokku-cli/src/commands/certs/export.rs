//! `gokku certs export`: a certificate with its key, to be taken elsewhere.

use clap::Args;
use gokku_core::domains::name::DomainName;
use gokku_server::command::certs;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Printer;
use crate::spec::Spec;

/// Print a certificate's chain and its private key (PEM)
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// What it is called in `gokku certs list`
    name: String,
}

impl Run for ExportArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("certs export", std::slice::from_ref(&self.name))
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let name: DomainName = self.name.parse()?;
        let pem = certs::export(context.server()?, &name)?;
        Printer::bytes(pem.as_bytes());
        Ok(DONE)
    }
}
