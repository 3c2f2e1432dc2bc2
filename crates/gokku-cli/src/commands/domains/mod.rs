//! `gokku domains`: the hosts and paths that lead to an app.

mod add;
mod list;
mod remove;

use clap::Subcommand;
use gokku_core::AppName;
use gokku_core::domains::domain::Domain;
use gokku_core::domains::path::PathPrefix;
use gokku_server::app::certificate_orders::OrderState;
use gokku_server::command::domains::{Changed, DomainFacts};

use super::Run;
use crate::context::Context;
use crate::error::Error;
use crate::printer::Look;
use crate::spec::{Spec, words};

/// The domains that lead to an app
#[derive(Debug, Subcommand)]
pub(crate) enum Domains {
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
    List(list::ListArgs),
}

impl Domains {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Add(args) => args,
            Self::Remove(args) => args,
            Self::List(args) => args,
        }
    }
}

/// Describes a command that changes domains. A key gives it for domains that it was given.
fn spec_of<'a>(audit: &str, names: &[String]) -> Spec<'a> {
    Spec::of_apps(words(audit, names)).finishes()
}

/// Reads the domains that were typed: names, and the path that holds for all of them.
fn domains(names: &[String], path: Option<&str>) -> Result<Vec<Domain>, Error> {
    let path = path.map_or(Ok(PathPrefix::root()), str::parse)?;
    let domain = |name: &String| {
        Ok(Domain {
            path: path.clone(),
            ..Domain::whole(name.parse()?)
        })
    };
    names.iter().map(domain).collect()
}

/// Says what a change came to; `done` is what was done.
fn tell(context: &Context, app: &AppName, done: &str, changed: &Changed) {
    let printer = context.printer;
    printer.result(done);
    match changed {
        Changed::Served(domains) => {
            for domain in domains {
                tell_address(context, app, domain);
            }
            tell_orders(context, domains);
        }
        Changed::NotDeployed => printer.note(
            Look::Plain,
            &format!("{app} has no release yet: its domains are served from its first deploy on."),
        ),
        Changed::NoSwitch => printer.alert(
            Look::Plain,
            "The traffic switch does not run; the domains are served as soon as it does: `gokku proxy run` starts it, the next deploy does too.",
        ),
    }
}

/// Says where a domain is served.
fn tell_address(context: &Context, app: &AppName, domain: &DomainFacts) {
    let printer = context.printer;
    match (&domain.url, &domain.trouble) {
        (Some(url), _) => {
            let to = domain.redirect_to.as_deref();
            let does = to.map_or(format!("leads to {app}"), |to| format!("redirects to {to}"));
            printer.note(Look::Plain, &format!("{url} {does}"));
        }
        (None, Some(trouble)) => {
            let name = &domain.domain;
            printer.note(Look::Plain, &format!("{name} is not served yet: {trouble}"));
        }
        (None, None) => {}
    }
}

/// Says whether certificates come by themselves.
fn tell_orders(context: &Context, domains: &[DomainFacts]) {
    let printer = context.printer;
    let mut under_way = Vec::new();
    let mut hindered: Vec<(&str, Vec<&str>)> = Vec::new();
    for domain in domains {
        let name = domain.domain.as_str();
        match &domain.order {
            Some(OrderState::UnderWay) => under_way.push(name),
            Some(OrderState::Hindered { advice, .. }) => {
                match hindered.iter_mut().find(|(there, _)| there == advice) {
                    Some((_, names)) => names.push(name),
                    None => hindered.push((advice, vec![name])),
                }
            }
            Some(OrderState::Failed {
                problem,
                advice,
                next_attempt,
                ..
            }) => {
                let text = format!(
                    "No certificate for {name} yet: {problem}; tried again at {next_attempt}; {advice}."
                );
                printer.note(Look::Bad, &text);
            }
            None => {}
        }
    }
    if !under_way.is_empty() {
        let names = under_way.join(", ");
        let text = format!(
            "A certificate is being ordered for {names}; `gokku domains list` shows what becomes of it."
        );
        printer.note(Look::Plain, &text);
    }
    for (advice, names) in hindered {
        let text = format!("No certificate is ordered for {}: {advice}.", names.join(", "));
        printer.note(Look::Plain, &text);
    }
}
