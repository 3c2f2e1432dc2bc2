//! `gokku certs add`: a certificate with its chain, and its key.

use std::path::PathBuf;

use clap::Args;
use gokku_core::text::read_limits::CERTIFICATE;
use gokku_server::command::certs;
use gokku_server::fs::bounded;

use super::spec_of;
use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{Io, Spec};

/// Serve a certificate for the domains that it is for; one with the same first name is replaced
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The certificate and those of its issuers (PEM), a file on this machine
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "stdin",
        requires = "key"
    )]
    chain: Option<PathBuf>,
    /// Its private key without a passphrase (PEM), a file on this machine
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "stdin",
        requires = "chain"
    )]
    key: Option<PathBuf>,
    /// Read both from standard input, a NUL byte after each
    #[arg(long, conflicts_with_all = ["chain", "key"])]
    stdin: bool,
}

impl Run for AddArgs {
    fn spec(&self) -> Spec<'_> {
        let files = [("--chain", &self.chain), ("--key", &self.key)];
        let files = files
            .into_iter()
            .filter_map(|(option, path)| Some((option, path.as_deref()?)));
        spec_of("certs add", &[])
            .with_io(if self.stdin { Io::Input } else { Io::Output })
            .finishes()
            .with_files(files.collect())
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        // Two, and what is added to tell them apart.
        let limit = CERTIFICATE.or(CERTIFICATE.bytes * 2 + 4);
        let given = bounded::stream(std::io::stdin().lock(), limit).map_err(|error| {
            Error::usage(error)
                .about("the certificate on standard input")
                .hint("Nothing was added")
        })?;
        let parts: Vec<&[u8]> = given.split(|byte| *byte == 0).collect();
        let [chain, key, []] = parts.as_slice() else {
            return Err(Error::usage(
                "standard input must have the chain, a NUL byte, the key, and a NUL byte; both are text (PEM), which has no other one. \
                 Nothing was added",
            ));
        };
        let added = wait(async { Ok(certs::add(server, chain, key).await?) })?;
        let facts = &added.facts;
        if printer.json {
            printer.facts(facts)?;
            return Ok(DONE);
        }
        let names = facts.names.join(", ");
        printer.result(&format!(
            "The certificate of {names} is added, valid until {}",
            facts.not_after
        ));
        if added.lacks_issuer {
            let line = "The certificate of its issuer is not with it, and many clients do not know that one: add it again with \
                        the whole chain (fullchain.pem)";
            printer.note(Look::Bad, line);
        }
        if facts.domains.is_empty() {
            let line =
                "No domain of an app has one of these names yet: `gokku domains add` has one lead to an app";
            printer.note(Look::Plain, line);
        } else {
            printer.note(Look::Plain, &format!("It serves {}", facts.domains.join(", ")));
        }
        match &added.switch {
            None => printer.note(Look::Plain, "It is served as soon as the traffic switch runs"),
            Some(status) => {
                for trouble in &status.troubles {
                    printer.note(Look::Bad, trouble);
                }
            }
        }
        Ok(DONE)
    }
}
