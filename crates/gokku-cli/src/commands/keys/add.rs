//! `gokku keys add`: a public key on standard input is let in.

use std::fmt::Write;
use std::io::IsTerminal;

use clap::Args;
use gokku_core::access::authorized_keys::BoundKey;
use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::access::public_key::PublicKey;
use gokku_core::text::read_limits::PUBLIC_KEY;
use gokku_core::{Access, AppName, KeyName};
use gokku_server::app::apps;
use gokku_server::command::keys;
use gokku_server::fs::bounded;

use super::spec_of;
use crate::commands::Run;
use crate::context::Context;
use crate::environment;
use crate::error::{DONE, Error};
use crate::printer::Look;
use crate::spec::{Io, Spec};

/// Let in a public key, read from standard input: it can push to its apps and command them, and nothing else
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The key's name, by which the record says who did what
    name: String,
    /// An app that it may reach, whether it exists yet or not; by default all
    #[arg(id = "app", short = 'a', long = "app", value_name = "APP")]
    apps: Vec<String>,
    /// A domain that it may give to them, with all below it; `*` for every one, by default none
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
}

impl Run for AddArgs {
    fn spec(&self) -> Spec<'_> {
        spec_of("keys add").with_io(Io::Input)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let name: KeyName = self.name.parse()?;
        let mut reached = Vec::new();
        let mut missing = Vec::new();
        for app in &self.apps {
            let app: AppName = app.parse()?;
            let there = apps::find(server, &app)?;
            if there.is_none() {
                missing.push(app.to_string());
            }
            reached.push(there.unwrap_or(app));
        }
        let domains: Result<DomainGrants, _> = self.domains.iter().map(|domain| domain.parse()).collect();
        let bound = BoundKey {
            name: name.clone(),
            access: Access::of(reached),
            domains: domains?,
            key: read_key(&name)?,
        };
        let facts = keys::add(server, &environment::home()?, &bound)?;
        if printer.json {
            printer.facts(&facts)?;
            return Ok(DONE);
        }
        let mut told = format!("{name} is let in, to {}", facts.access());
        if !facts.domains.is_empty() {
            let _ = write!(told, ", with {}", facts.domains);
        }
        printer.result(&told);
        if !missing.is_empty() {
            let line = format!("Not here yet: {}. The first push makes it.", missing.join(", "));
            printer.note(Look::Plain, &line);
        }
        let app = facts.apps.as_ref().and_then(|apps| apps.first());
        let app = app.map_or("APP", AppName::as_str);
        printer.note(
            Look::Plain,
            &format!("Its owner pushes to {}:{app}", environment::ssh_address()),
        );
        Ok(DONE)
    }
}

/// Reads the public key on standard input.
fn read_key(name: &KeyName) -> Result<PublicKey, Error> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(Error::usage(format!(
            "the public key is read from standard input: gokku keys add {name} < key.pub"
        )));
    }
    let what = "the key on standard input";
    let given = bounded::stream(input.lock(), PUBLIC_KEY)
        .map_err(|error| Error::usage(error).about(what).hint("nobody was let in"))?;
    let given = gokku_core::text::decode::read(&given).map_err(|error| {
        Error::usage(error)
            .worded(format!("{what}:{error}"))
            .hint("nobody was let in")
    })?;
    Ok(given.text.parse()?)
}
