//! The ports of one app: opened before its traffic moves to what needs them, and closed after it has left what needed them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::machine::backoff::Backoff;
use tokio::time::sleep;

use crate::client::transport::Transport;
use crate::control::api::Refused;
use crate::route::app_route::Route;
use crate::route::entry_point::EntryPoint;
use crate::route::table::Entry;
use crate::server::listen::OpenedPort;
use crate::server::port_service::{PortOwner, PortService};
use crate::server::state::State;

/// The longest pause between two attempts to open a port.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The ports that an app is to have open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AppPorts {
    http: Option<u16>,
    tcp: BTreeSet<u16>,
}

impl AppPorts {
    /// Returns those of a route that stands so in the table.
    pub(super) fn of(entry: &Entry) -> Self {
        let tcp = entry.open_tcp();
        // A port that becomes one of HTTP is one of TCP for as long as that release has the traffic.
        let http = entry.port.filter(|port| !tcp.contains(port));
        Self { http, tcp }
    }

    /// Returns the one for HTTP, if it is not one of TCP until the traffic moves.
    pub(super) fn http(&self) -> Option<u16> {
        self.http
    }

    fn owners(&self, app: &AppName) -> Vec<(PortOwner, u16)> {
        let tcp = self.tcp.iter();
        let tcp = tcp.map(|port| (PortOwner::Tcp(app.clone(), *port), *port));
        let http = self.http.map(|port| (PortOwner::App(app.clone()), port));
        http.into_iter().chain(tcp).collect()
    }
}

/// A port that was opened, and whose it is to be.
pub(super) type Opened = (PortOwner, OpenedPort);

impl State {
    /// Opens those ports that an app has not had before, without serving them; all of them or none. One that it has and that could not
    /// be opened is its trouble, and stands in the way of nothing. To be called with the lock of the ports, as everything below.
    pub(super) fn open_new(
        &self,
        app: &AppName,
        before: &AppPorts,
        after: &AppPorts,
    ) -> Result<Vec<Opened>, Refused> {
        let before = before.owners(app);
        let new = after.owners(app).into_iter().filter(|one| !before.contains(one));
        new.map(|(owner, port)| Ok((owner, self.open_for(app, port)?)))
            .collect()
    }

    /// Opens a port for an app, whatever the app has it open for now.
    pub(super) fn open_for(&self, app: &AppName, port: u16) -> Result<OpenedPort, Refused> {
        // A port belongs to its app even if it could not be opened.
        if let Some(other) = self.other_with(app, port) {
            return Err(Refused::port_of(&other, port));
        }
        match self.listeners.reopen(app, port) {
            Some(opened) => Ok(opened),
            None => self.listeners.open(port),
        }
    }

    /// Returns the other app that a port is.
    pub(super) fn other_with(&self, app: &AppName, port: u16) -> Option<AppName> {
        let routes = self.switch.routes();
        let mut others = routes.iter().filter(|route| route.app() != app);
        let has_it = others.find(|route| route.has_port(port));
        has_it.map(|route| route.app().clone())
    }

    /// Serves what was opened, and closes what an app's route has no more.
    pub(super) async fn settle_ports(&self, route: &Arc<Route>, opened: Vec<Opened>) {
        let app = route.app();
        let ports = AppPorts::of(&route.entry());
        let wanted = ports.owners(app);
        let serve = async |(owner, opened): Opened| {
            let service = match owner {
                PortOwner::Tcp(_, port) => PortService::Tcp(Arc::clone(route), port),
                PortOwner::App(_) | PortOwner::Domains(_) => {
                    PortService::Http(EntryPoint::App(Arc::clone(route)), Transport::Plain)
                }
            };
            self.listeners.serve(service, opened).await;
        };
        let gone: Vec<PortOwner> = self
            .listeners
            .owned_by(app)
            .into_iter()
            .filter(|owner| wanted.iter().all(|(wanted, _)| wanted != owner))
            .collect();
        // Who waits at a port that is for something else from now on is not to be served as before.
        let (again, anew): (Vec<Opened>, Vec<Opened>) = opened
            .into_iter()
            .partition(|(_, opened)| self.listeners.are_any(&gone, opened.port()));
        for opened in anew {
            serve(opened).await;
        }
        for owner in &gone {
            self.listeners.close(owner).await;
        }
        for opened in again {
            serve(opened).await;
        }
        if wanted
            .iter()
            .all(|(owner, port)| self.listeners.has(owner, *port))
        {
            route.set_trouble(None);
        }
    }

    /// Opens and serves all ports of a route that can be opened; one that cannot is its trouble, and returned.
    pub(super) async fn open_ports(&self, route: &Arc<Route>) -> Result<(), Refused> {
        let app = route.app();
        let ports = AppPorts::of(&route.entry());
        let (mut opened, mut refused) = (Vec::new(), None);
        for (owner, port) in ports.owners(app) {
            if self.listeners.has(&owner, port) {
                continue;
            }
            match self.open_for(app, port) {
                Ok(port) => opened.push((owner, port)),
                Err(error) => refused = Some(error),
            }
        }
        self.settle_ports(route, opened).await;
        match refused {
            None => Ok(()),
            Some(refused) => {
                route.set_trouble(Some(refused.to_string()));
                Err(refused)
            }
        }
    }

    /// Tries to open an app's ports until all are open or the route has gone.
    pub(crate) async fn open_later(&self, app: &AppName) {
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        while self.switch.route(app).is_ok() {
            sleep(pause.take()).await;
            let _one_at_a_time = self.ports.lock().await;
            let Ok(route) = self.switch.route(app) else {
                return;
            };
            if self.open_ports(&route).await.is_ok() {
                return;
            }
        }
    }
}
