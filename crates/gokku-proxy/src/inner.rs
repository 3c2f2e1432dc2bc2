//! Routes and the host ports they are served on, kept together: what the control API works on.

use std::sync::Arc;
use std::time::Duration;

use gokku_core::AppName;
use gokku_core::machine::backoff::Pause;
use tokio::time::sleep;

use crate::api::{PutRoute, Refused, RouteStatus, Search, Status};
use crate::listen::Listeners;
use crate::switch::Switch;

/// The switch without its way in.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) switch: Switch,
    pub(crate) listeners: Listeners,
    pub(crate) version: String,
    pub(crate) trouble: Option<String>,
    /// One port is opened or closed at a time.
    pub(crate) ports: tokio::sync::Mutex<()>,
}

impl Inner {
    pub(crate) fn status(&self) -> Status {
        let mut routes: Vec<RouteStatus> = self
            .switch
            .routes()
            .iter()
            .map(|route| self.switch.status(route))
            .collect();
        routes.sort_by(|a, b| a.app.cmp(&b.app));
        Status {
            version: self.version.clone(),
            pid: std::process::id(),
            watched: self.switch.is_watched(),
            trouble: self.trouble.clone(),
            routes,
        }
    }

    pub(crate) async fn put(&self, app: &AppName, put: PutRoute) -> Result<RouteStatus, Refused> {
        if let PutRoute::Port(0) = put {
            return Err(Refused::Request {
                reason: "port 0 is no port".to_owned(),
            });
        }
        let _one_at_a_time = self.ports.lock().await;
        let there = self.switch.route(app).ok();
        let has = there.as_ref().map(|route| route.port());
        // One that is known, or else where one is looked for.
        let wanted = match put {
            PutRoute::Port(port) => Ok(port),
            PutRoute::From(from) => has.ok_or(Search {
                from,
                except: Vec::new(),
            }),
            PutRoute::Search(search) => has.ok_or(search),
        };
        if let (Some(route), Ok(port)) = (&there, &wanted)
            && self.listeners.has(app, *port)
        {
            return Ok(self.switch.status(route));
        }
        let taken: Vec<(AppName, u16)> = self
            .switch
            .routes()
            .iter()
            .map(|route| (route.app().clone(), route.port()))
            .collect();
        let opened = match wanted {
            Ok(port) => {
                // Also a port whose listener could not be opened belongs to its app.
                if let Some((other, _)) = taken.iter().find(|(other, taken)| *taken == port && other != app) {
                    return Err(Refused::port_of(other, port));
                }
                self.listeners.open(port)?
            }
            Err(Search { from, except }) => {
                let is_taken = |port: u16| {
                    let routed = taken.iter().any(|(_, taken)| *taken == port);
                    routed || except.iter().any(|range| range.has(port))
                };
                self.listeners.open_from(from, is_taken)?
            }
        };
        let route = self.switch.put(app, opened.port()).await?;
        route.set_trouble(None);
        self.listeners.serve(Arc::clone(&route), opened).await;
        Ok(self.switch.status(&route))
    }

    pub(crate) async fn delete(&self, app: &AppName) -> Result<(), Refused> {
        let _one_at_a_time = self.ports.lock().await;
        self.switch.delete(app).await?;
        self.listeners.close(app).await;
        Ok(())
    }

    /// Tries to open a port until it can be had or the route has gone.
    pub(crate) async fn open_later(&self, app: &AppName) {
        let mut pause = Pause::up_to(Duration::from_secs(5));
        while let Ok(route) = self.switch.route(app) {
            sleep(pause.take()).await;
            let port = route.port();
            if self.listeners.has(app, port) || self.put(app, PutRoute::Port(port)).await.is_ok() {
                return;
            }
        }
    }
}
