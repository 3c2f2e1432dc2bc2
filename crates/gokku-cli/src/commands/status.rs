//! `gokku status`: what runs.

use clap::Args;
use gokku_server::command::status::{self, AppStatus, ContainerStatus, Seen, VolumeStatus, ago};

use super::release_text::{pulled_image, short_commit};
use super::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error};
use crate::printer::{Look, plain_table};
use crate::spec::Spec;

/// Show what runs: of one app, or of all
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {}

impl Run for StatusArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps("status")
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let (server, printer) = (context.server()?, context.printer);
        if let Some(app) = context.optional_app()? {
            let seen = wait(async { Ok(status::one(server, &app).await?) })?;
            if printer.json {
                printer.facts(&seen.status)?;
            } else {
                printer.result(&one(&seen.status));
            }
            return end(seen);
        }
        let seen = wait(async { Ok(status::all(server).await?) })?;
        let all = &seen.status;
        if printer.json {
            printer.facts(all)?;
        } else if all.is_empty() {
            printer.note(
                Look::Plain,
                "There are no apps yet; `gokku apps create NAME` makes one.",
            );
        } else {
            printer.result(&list(all));
        }
        end(seen)
    }
}

/// Ends with the error of what could not be looked at, told last.
fn end<T>(seen: Seen<T>) -> Result<u8, Error> {
    seen.engine.map_or(Ok(DONE), |error| Err(error.into()))
}

/// Tells whether a container runs, and is well where that is known.
fn state(container: &ContainerStatus) -> String {
    let unhealthy = if container.unhealthy { ", unhealthy" } else { "" };
    format!("{}{unhealthy}", container.state)
}

/// Tells of a volume where it is: `api__data at /data, which the image declares`.
fn volume(volume: &VolumeStatus) -> String {
    let at = match &volume.path {
        Some(path) => format!("at {path}{}", if volume.read_only { ", read-only" } else { "" }),
        None => "in no container".to_owned(),
    };
    let why = if volume.of_image && volume.path.is_some() {
        ", which the image declares"
    } else {
        ""
    };
    format!("{} {at}{why}", volume.name)
}

fn dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

/// The host ports, those of TCP with that behind them: `8000, 5432/tcp`.
fn ports(app: &AppStatus) -> Option<String> {
    let tcp = app.tcp.iter().map(|port| format!("{port}/tcp"));
    let all: Vec<String> = app
        .port
        .map(|port| port.to_string())
        .into_iter()
        .chain(tcp)
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn list(all: &[AppStatus]) -> String {
    let mut table = plain_table();
    table.set_header(["APP", "RELEASE", "COMMIT", "TRAFFIC", "CONTAINER", "PORT", ""]);
    for app in all {
        let containers: Vec<String> = app
            .containers
            .iter()
            .map(|container| format!("{} {}", container.name, state(container)))
            .collect();
        table.add_row([
            app.app.clone(),
            dash(app.release.as_ref()),
            short_commit(app.commit.as_ref()),
            app.traffic.to_string(),
            if containers.is_empty() {
                "-".to_owned()
            } else {
                containers.join(", ")
            },
            ports(app).unwrap_or_else(|| "-".to_owned()),
            app.trouble.join("; "),
        ]);
    }
    table.to_string()
}

fn one(app: &AppStatus) -> String {
    let mut table = plain_table();
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row("app", format!("{} ({})", app.app, app.environment));
    row("release", dash(app.release.as_ref()));
    row("commit", short_commit(app.commit.as_ref()));
    if let Some(image) = pulled_image(app.image.as_ref(), app.digest.as_ref()) {
        row("image", image);
    }
    row("traffic", format!("{}, {} in flight", app.traffic, app.in_flight));
    row(
        "health",
        app.health
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string),
    );
    // One whose ports are all for TCP has none for HTTP.
    if app.port.is_some() || app.tcp_addresses.is_empty() {
        row(
            "port",
            match (app.port, &app.url) {
                (Some(port), Some(url)) => format!("{port} ({url})"),
                (Some(port), None) => port.to_string(),
                (None, _) => "-".to_owned(),
            },
        );
    }
    for address in &app.tcp_addresses {
        row("tcp", address.clone());
    }
    for container in &app.containers {
        let up = container
            .started
            .as_deref()
            .map_or(String::new(), |at| format!(", up {}", ago(at)));
        let slot = container.slot.map_or(String::new(), |slot| format!("{slot}, "));
        let address = container
            .address
            .as_deref()
            .map_or(String::new(), |at| format!(", {at}"));
        row(
            "container",
            format!(
                "{} ({slot}{}), release {}, {}{up}{address}",
                container.name,
                container.id.short(),
                container.release,
                state(container)
            ),
        );
    }
    for volume in &app.volumes {
        row("volume", self::volume(volume));
    }
    if let Some(last) = &app.last {
        row("last", format!("{} {}: {}", last.what, last.id, last.outcome));
    }
    if let Some(busy) = &app.busy {
        row("busy", busy.to_string());
    }
    for waiting in &app.waiting {
        row("waiting", waiting.to_string());
    }
    for trouble in &app.trouble {
        row("trouble", trouble.clone());
    }
    table.to_string()
}
