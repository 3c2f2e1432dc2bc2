//! `gokku domains list`: the domains of an app, or of all.

use std::fmt::Write;

use clap::Args;
use gokku_server::app::certificate_orders::OrderState;
use gokku_server::command::domains::{self, CertificateState, DomainFacts};

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::spec::Spec;

/// List the domains of an app, or of all apps
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

/// Says where a certificate comes from, and until when it is valid.
fn state_of(certificate: &CertificateState) -> String {
    let (source, until) = (certificate.source, certificate.not_after);
    if certificate.valid {
        format!("{source}, until {until}")
    } else {
        format!("{source}, not valid now (until {until})")
    }
}

/// Says which certificate a domain has, and what becomes of an order for it.
fn certificate_of(domain: &DomainFacts) -> String {
    let certificate = domain.certificate.as_ref().map(state_of);
    match (certificate, domain.order.as_ref().map(order_of)) {
        (Some(certificate), None) => certificate,
        (Some(certificate), Some(order)) => format!("{certificate}; {order}"),
        (None, Some(order)) => format!("none: {order}"),
        (None, None) => "none".to_owned(),
    }
}

/// Says what becomes of an order, and why.
fn order_of(order: &OrderState) -> String {
    match order {
        OrderState::UnderWay => "being ordered".to_owned(),
        OrderState::Hindered { problem, advice } => format!("{problem}: {advice}"),
        OrderState::Failed {
            problem,
            said,
            advice,
            next_attempt,
            ..
        } => {
            let problem = problem.with(said);
            format!("{problem}; tried again at {next_attempt}; {advice}")
        }
    }
}

impl Run for ListArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("domains list")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, app) = (context.server()?, context.optional_app()?);
        let all = wait(async { Ok(domains::list(server, app.as_ref()).await?) })?;
        context.printer.list(
            &all,
            "There are no domains yet; `gokku domains add DOMAIN -a APP` has one lead to an app.",
            ["DOMAIN", "APP", "BY", "SERVED AT", "CERTIFICATE"],
            |one| {
                let at = one.url.as_ref().or(one.trouble.as_ref());
                let mut at = at.cloned().unwrap_or_default();
                if let Some(to) = &one.redirect_to {
                    let _ = write!(at, ", redirects to {to}");
                }
                [
                    one.domain.clone(),
                    one.app.to_string(),
                    if one.of_release {
                        "gokku.yml"
                    } else {
                        "domains add"
                    }
                    .to_owned(),
                    at,
                    certificate_of(one),
                ]
            },
        )?;
        Ok(DONE)
    }
}
