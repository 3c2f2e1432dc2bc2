//! An app's ports at the traffic switch, seen to before anything is changed: whether they may be taken by whoever asks for them,
//! and whether they can be had.

use gokku_core::AppName;
use gokku_core::access::host_ports::HostPorts;
use gokku_core::config::env_file::{EnvKey, EnvValue};
use gokku_core::config::settings::PORT;
use gokku_core::{Access, Asker, EnvironmentName};
use gokku_proxy::control::api::{PutDomains, PutMaintenance, PutRoute, Refused, RouteStatus};
use gokku_proxy::control::client::Error as Theirs;
use gokku_proxy::server::listen::check_port;

use crate::app::{apps, domains, env_store, maintenance, server_config};
use crate::fs::root::Root;
use crate::plan;
use crate::plan::release_plan::Plan;
use crate::server::Server;
use crate::worker::Error;
use crate::worker::error::PortFrom;
use crate::worker::request::Request;

/// Sees to the app's host ports and domains before anything is built. The ports of an app that has traffic change only with the
/// switch, and so do all TCP ports; that the new ones can be had is checked here.
pub(crate) async fn reserve(server: &Server, request: &Request, plan: &Plan) -> Result<(), Error> {
    let app = &request.app;
    let status = server.switch.status().await?;
    let mine = status.routes.iter().find(|route| route.app == *app);
    may_take(&server.root, request, plan, mine)?;
    let can_be_had = |port: u16| {
        // One that is open is the app's; one of a stopped app may be another program's by now.
        let is_open = |route: &RouteStatus| route.port == Some(port) || route.open_tcp().contains(&port);
        if mine.is_some_and(is_open) {
            return Ok(());
        }
        let mut others = status.routes.iter().filter(|other| other.app != *app);
        match others.find(|other| other.has_port(port)) {
            Some(other) => Err(Refused::port_of(&other.app, port)),
            None => check_port(plan.server.proxy.bind, port),
        }
        .map_err(|refused| told(server, refused))
    };
    for port in &plan.config.tcp_ports {
        can_be_had(port.host)?;
    }
    let wanted = plan.host_port(app);
    if let Some(route) = mine.filter(|route| !route.targets.is_empty()) {
        match wanted {
            PutRoute::Port(port) if route.port != Some(port) => return can_be_had(port),
            // One is looked for when it is needed.
            PutRoute::From(_) | PutRoute::Search(_) if route.port.is_none() => return Ok(()),
            _ => {}
        }
    }
    let put = server.switch.put(app, wanted).await;
    put.map_err(|error| refused_to(server, error))?;
    put_own(server, app).await
}

/// Has the traffic switch know an app's own domains and its maintenance: it may have had no route for them when they were given.
async fn put_own(server: &Server, app: &AppName) -> Result<(), Error> {
    let dir = server.app_dir(app);
    // Whoever gives the first one after this tells the switch of it, which has the route now.
    if domains::of(&dir)?.is_empty() && maintenance::of(&dir)?.is_none() {
        return Ok(());
    }
    let _changing = domains::begin(server).await?;
    let (switch, refused) = (&server.switch, |error| refused_to(server, error));
    let domains = domains::of(&dir)?;
    switch
        .put_domains(app, &PutDomains { domains })
        .await
        .map_err(refused)?;
    let maintenance = maintenance::of(&dir)?;
    let put = switch.put_maintenance(app, &PutMaintenance { maintenance }).await;
    put.map(drop).map_err(refused)
}

/// The traffic switch's refusal, to whoever asked.
fn refused_to(server: &Server, error: Theirs) -> Error {
    match error {
        Theirs::Refused(refused) => told(server, refused),
        error => error.into(),
    }
}

/// Whose a port is, to whoever may know that.
fn told(server: &Server, refused: Refused) -> Error {
    if server.access == Access::All {
        return Error::PortNotHad(refused);
    }
    Error::PortNotHad(refused.without_names(|app| server.access.allows(app)))
}

/// Whether an app may come to the ports it is to have. Of code that is deployed every port is looked at that it names: one
/// that does not count now may when a variable is set or unset, and then it is the owner, or the server, who asks.
fn may_take(root: &Root, request: &Request, plan: &Plan, mine: Option<&RouteStatus>) -> Result<(), Error> {
    let app = &request.app;
    let had = mine.into_iter().flat_map(RouteStatus::ports).collect();
    let ports = plan.server.host_ports_of(app, had);
    let settings = root.config().display().to_string();
    let check = |port| ports.check(request.asker, app, port, &settings);
    if request.operation.deploys() {
        let environment: EnvironmentName = apps::load(&root.app_dir(app))?.environment;
        for named in plan.config.host_ports_in(&environment) {
            check(named.value.port).map_err(|refused| {
                let what = format!("{}: {refused}", named.value.key);
                plan::Error::from(named.refused(what))
            })?;
        }
    }
    for port in &plan.config.tcp_ports {
        let at = PortFrom::Yml;
        check(port.host).map_err(|source| Error::PortNotToTake { at, source })?;
    }
    let Some(port) = plan.said_port() else {
        return Ok(());
    };
    let at = if plan.config.ports.is_some() {
        PortFrom::Yml
    } else {
        PortFrom::Setting
    };
    check(port).map_err(|source| Error::PortNotToTake { at, source })
}

/// Whether `PORT` may be set to this, whatever counts before it now: a variable that is set stays, and whoever asks for the
/// app next may be its owner.
pub(crate) async fn may_set(
    server: &Server,
    app: &AppName,
    pairs: &[(EnvKey, EnvValue)],
) -> Result<(), Error> {
    let dir = server.app_dir(app);
    if server.asker == Asker::Owner {
        return Ok(());
    }
    let env = env_store::read(&dir)?;
    let is_there = |value: &EnvValue| env.get(PORT) == Some(value);
    let pairs = pairs.iter();
    let said = pairs.filter(|(key, value)| key.as_str() == PORT && !is_there(value));
    // What is no port is told by whoever reads the settings.
    let wanted: Vec<u16> = said
        .filter_map(|(_, value)| value.expose().parse().ok())
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    // Of a switch that cannot be asked nothing is known, and so that the app has no port.
    let route = server.switch.find_route(app).await.unwrap_or_default();
    let config = server_config::read(&server.root)?;
    let had = route.iter().flat_map(RouteStatus::ports).collect();
    let ports: HostPorts = config.host_ports_of(app, had);
    let settings = server.root.config().display().to_string();
    for port in wanted {
        let may = ports.check(server.asker, app, port, &settings);
        may.map_err(Error::PortNotToSet)?;
    }
    Ok(())
}
