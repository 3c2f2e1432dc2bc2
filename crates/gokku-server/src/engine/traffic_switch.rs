//! What is asked of the traffic switch, as a trait: behind it stands the switch that runs, which is asked by its socket.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gokku_core::AppName;
use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::tcp_port::ProxyProtocol;
use gokku_proxy::Client;
use gokku_proxy::control::api::{
    Clear, Drain, Drained, Hold, PutDomains, PutMaintenance, PutRoute, Refused, RouteStatus, Status, SwitchTo,
};
use gokku_proxy::control::client::Error;
use gokku_proxy::health::probe::{AskedName, Probe, probe, probe_tcp};

/// What becomes of a request to the switch.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What is needed of whatever brings requests to containers.
pub trait TrafficSwitch: fmt::Debug + Send + Sync + 'static {
    /// Returns the status of the switch.
    fn status(&self) -> Answer<'_, Status>;
    /// Returns the status of an app's route.
    fn route<'a>(&'a self, app: &'a AppName) -> Answer<'a, RouteStatus>;
    /// Gives an app a route, and its host port for HTTP.
    fn put<'a>(&'a self, app: &'a AppName, put: PutRoute) -> Answer<'a, RouteStatus>;
    /// Gives an app its domains.
    fn put_domains<'a>(&'a self, app: &'a AppName, put: &'a PutDomains) -> Answer<'a, RouteStatus>;
    /// Has an app's clients get a page, or the app.
    fn put_maintenance<'a>(&'a self, app: &'a AppName, put: &'a PutMaintenance) -> Answer<'a, RouteStatus>;
    /// Forgets an app.
    fn delete<'a>(&'a self, app: &'a AppName) -> Answer<'a, ()>;
    /// Gives a route new targets, and lets waiting requests go to them.
    fn switch<'a>(&'a self, app: &'a AppName, to: &'a SwitchTo) -> Answer<'a, RouteStatus>;
    /// Makes requests wait.
    fn hold<'a>(&'a self, app: &'a AppName, hold: Hold) -> Answer<'a, RouteStatus>;
    /// Lets waiting requests go on.
    fn release<'a>(&'a self, app: &'a AppName) -> Answer<'a, RouteStatus>;
    /// Takes a route's targets away.
    fn clear<'a>(&'a self, app: &'a AppName, clear: &'a Clear) -> Answer<'a, RouteStatus>;
    /// Waits for a container's requests to end.
    fn drain<'a>(&'a self, app: &'a AppName, drain: &'a Drain) -> Answer<'a, Drained>;
    /// Checks once whether whoever listens there is healthy, as the switch checks its targets: in the app's protocol, and by this
    /// name, or else by its address.
    fn probe<'a>(
        &'a self,
        at: (SocketAddr, AppProtocol),
        path: &'a str,
        name: Option<&'a AskedName>,
        limit: Duration,
    ) -> BoxFuture<'a, Probe>;
    /// Checks once whether a TCP port accepts connections, as the switch checks its targets'.
    fn probe_tcp(
        &self,
        at: SocketAddr,
        proxy_protocol: Option<ProxyProtocol>,
        limit: Duration,
    ) -> BoxFuture<'static, Probe>;

    /// Returns the status of an app's route, or nothing when there is no route.
    fn find_route<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<RouteStatus>> {
        let found = |asked| match asked {
            Ok(route) => Ok(Some(route)),
            Err(Error::Refused(Refused::NoRoute { .. })) => Ok(None),
            Err(error) => Err(error),
        };
        self.route(app).map(found).boxed()
    }
}

impl TrafficSwitch for Client {
    fn status(&self) -> Answer<'_, Status> {
        Client::status(self).boxed()
    }
    fn route<'a>(&'a self, app: &'a AppName) -> Answer<'a, RouteStatus> {
        Client::route(self, app).boxed()
    }
    fn put<'a>(&'a self, app: &'a AppName, put: PutRoute) -> Answer<'a, RouteStatus> {
        Client::put(self, app, put).boxed()
    }
    fn put_domains<'a>(&'a self, app: &'a AppName, put: &'a PutDomains) -> Answer<'a, RouteStatus> {
        Client::put_domains(self, app, put).boxed()
    }
    fn put_maintenance<'a>(&'a self, app: &'a AppName, put: &'a PutMaintenance) -> Answer<'a, RouteStatus> {
        Client::put_maintenance(self, app, put).boxed()
    }
    fn delete<'a>(&'a self, app: &'a AppName) -> Answer<'a, ()> {
        Client::delete(self, app).boxed()
    }
    fn switch<'a>(&'a self, app: &'a AppName, to: &'a SwitchTo) -> Answer<'a, RouteStatus> {
        Client::switch(self, app, to).boxed()
    }
    fn hold<'a>(&'a self, app: &'a AppName, hold: Hold) -> Answer<'a, RouteStatus> {
        Client::hold(self, app, hold).boxed()
    }
    fn release<'a>(&'a self, app: &'a AppName) -> Answer<'a, RouteStatus> {
        Client::release(self, app).boxed()
    }
    fn clear<'a>(&'a self, app: &'a AppName, clear: &'a Clear) -> Answer<'a, RouteStatus> {
        Client::clear(self, app, clear).boxed()
    }
    fn drain<'a>(&'a self, app: &'a AppName, drain: &'a Drain) -> Answer<'a, Drained> {
        Client::drain(self, app, drain).boxed()
    }
    fn probe<'a>(
        &'a self,
        at: (SocketAddr, AppProtocol),
        path: &'a str,
        name: Option<&'a AskedName>,
        limit: Duration,
    ) -> BoxFuture<'a, Probe> {
        probe(at, path, name, limit)
    }
    fn probe_tcp(
        &self,
        at: SocketAddr,
        proxy_protocol: Option<ProxyProtocol>,
        limit: Duration,
    ) -> BoxFuture<'static, Probe> {
        probe_tcp(at, proxy_protocol, limit)
    }
}
