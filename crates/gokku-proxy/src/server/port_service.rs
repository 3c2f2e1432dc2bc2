//! Whose an open port is, and what becomes of its connections.

use std::net::SocketAddr;
use std::sync::Arc;

use gokku_core::AppName;
use gokku_core::domains::scheme::Scheme;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::client::connection_limit::ConnectionPermit;
use crate::client::serve_context::{ServeContext, Shutdown};
use crate::client::transport::Transport;
use crate::client::turn_away::turn_away;
use crate::control::api::Refused;
use crate::forward::tcp::reset;
use crate::http::error_reason::ErrorReason;
use crate::route::app_route::Route;
use crate::route::entry_point::EntryPoint;
use crate::server::serve::serve;
use crate::server::serve_tcp::serve_tcp;

/// Whose a port is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PortOwner {
    /// An app: its host port for HTTP.
    App(AppName),
    /// An app: this one of its TCP ports.
    Tcp(AppName, u16),
    /// The domains of all apps, by this scheme.
    Domains(Scheme),
}

impl PortOwner {
    /// Returns the app that it is one of.
    pub(crate) fn app(&self) -> Option<&AppName> {
        match self {
            Self::App(app) | Self::Tcp(app, _) => Some(app),
            Self::Domains(_) => None,
        }
    }

    /// Returns the refusal of a port that is this one's.
    pub(crate) fn refuses(&self, port: u16) -> Refused {
        match self {
            Self::App(app) | Self::Tcp(app, _) => Refused::port_of(app, port),
            Self::Domains(scheme) => Refused::PortTaken {
                port,
                holder: format!("the domains of this server ([proxy] {scheme} in config.toml)"),
                app: None,
            },
        }
    }
}

/// What becomes of a port's connections.
#[derive(Clone, Debug)]
pub(crate) enum PortService {
    /// They bring requests.
    Http(EntryPoint, Transport),
    /// They are passed on to an app's containers as they are. With the server's port.
    Tcp(Arc<Route>, u16),
}

impl PortService {
    /// Returns whose the port is.
    pub(crate) fn owner(&self) -> PortOwner {
        match self {
            Self::Http(EntryPoint::App(route), _) => PortOwner::App(route.app().clone()),
            Self::Http(EntryPoint::Domains { .. }, transport) => PortOwner::Domains(transport.scheme()),
            Self::Tcp(route, port) => PortOwner::Tcp(route.app().clone(), *port),
        }
    }

    /// Returns the app that all connections are for; none where their requests say whose they are.
    pub(crate) fn app(&self) -> Option<&AppName> {
        match self {
            Self::Http(entry, _) => entry.app(),
            Self::Tcp(route, _) => Some(route.app()),
        }
    }

    /// Ends a connection for which there is no room.
    pub(crate) fn turn_away(&self, stream: TcpStream) {
        match self {
            Self::Http(entry, transport) => turn_away(entry.errors(), transport.scheme(), &stream),
            Self::Tcp(route, port) => {
                route.errors().log_closed(*port, ErrorReason::Crowded, None);
                reset(stream);
            }
        }
    }

    /// Serves a connection in a task of its own. It ends with its port where that is for requests: it knows where this one leads, and
    /// no other that may come after it. One of a TCP port has a container by then, and stays with it.
    pub(crate) fn serve(
        &self,
        tasks: &TaskTracker,
        (stream, peer): (TcpStream, SocketAddr),
        permit: ConnectionPermit,
        context: &Arc<ServeContext>,
        shutdown: &Shutdown,
    ) {
        let context = Arc::clone(context);
        match self {
            Self::Http(entry, transport) => {
                let served = (entry.clone(), transport.clone());
                tasks.spawn(serve(stream, peer, permit, served, context, shutdown.clone()));
            }
            Self::Tcp(route, port) => {
                let (route, cutting) = (Arc::clone(route), shutdown.cutting.clone());
                tasks.spawn(serve_tcp(
                    (stream, peer),
                    permit,
                    (route, *port),
                    context,
                    cutting,
                ));
            }
        }
    }
}
