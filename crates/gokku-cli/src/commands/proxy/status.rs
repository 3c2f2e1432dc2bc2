//! `gokku proxy status`: the traffic switch's routes.

use clap::Args;
use gokku_core::access::scope::Reach;

use crate::commands::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::plain_table;
use crate::spec::Spec;

/// Show the traffic switch's routes
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {}

impl Run for StatusArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_server("proxy status", Reach::Server)
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        let status = wait(async {
            let status = server.switch.status().await;
            Ok(status.map_err(gokku_server::Error::from)?)
        })?;
        if printer.json {
            printer.facts(&status)?;
            return Ok(DONE);
        }
        let mut table = plain_table();
        table.set_header(["APP", "PORT", "TARGET", "IN FLIGHT", "WAITING", "REQUESTS", ""]);
        for route in &status.routes {
            let targets: Vec<String> = route
                .targets
                .iter()
                .map(|target| {
                    // Port 0 is that of nobody who answers requests.
                    let at = match (target.address.port(), &target.tcp[..]) {
                        (0, [_, ..]) => target.address.ip().to_string(),
                        _ => target.address.to_string(),
                    };
                    let behind = target.tcp.iter().map(|port| format!(" {}/tcp", port.container));
                    format!(
                        "{} {at}{} ({}){}{}",
                        target.container.short(),
                        behind.collect::<String>(),
                        target.release,
                        if target.down { " down" } else { "" },
                        if target.unhealthy { " unhealthy" } else { "" }
                    )
                })
                .collect();
            let tcp = route.open_tcp().iter().map(|port| format!("{port}/tcp"));
            let http = route.port.map(|port| port.to_string());
            let ports: Vec<String> = http.into_iter().chain(tcp).collect();
            let in_flight: u64 = route
                .targets
                .iter()
                .chain(&route.retired)
                .map(|target| target.in_flight)
                .sum();
            table.add_row([
                route.app.to_string(),
                if ports.is_empty() {
                    "none".to_owned()
                } else {
                    ports.join(", ")
                },
                if targets.is_empty() {
                    "none".to_owned()
                } else {
                    targets.join(", ")
                },
                in_flight.to_string(),
                if route.held {
                    format!("{} (held)", route.waiting)
                } else {
                    "0".to_owned()
                },
                route.requests.to_string(),
                route.trouble.clone().unwrap_or_default(),
            ]);
        }
        printer.result(&table.to_string());
        if let Some(trouble) = status.trouble {
            return Err(Error::failed(trouble));
        }
        Ok(DONE)
    }
}
