//! Maintenance of an app: its clients get a page, until it is turned off.

use gokku_core::AppName;
use gokku_core::logs::audit::Change;
use gokku_proxy::control::api::{PutMaintenance, Refused};
use gokku_proxy::control::client::Error as SwitchError;
use serde::Serialize;

use crate::app::maintenance::PageChoice;
use crate::app::{self, domains, maintenance};
use crate::command::Error;
use crate::engine::address::{DomainPorts, url_of};
use crate::plan::release_plan::Plan;
use crate::record::audit_log;
use crate::server::Server;

/// What maintenance that is on is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MaintenanceFacts {
    /// The app.
    pub app: AppName,
    /// Whether clients get a page of the app's own.
    pub has_page: bool,
    /// The address that lets a browser through to the app; with the app's own address before it where that is known.
    pub way_past: String,
    /// Whether the app's clients get it already; else they do as soon as the app has a release, or the traffic switch runs.
    pub served: bool,
}

/// Turns maintenance on.
pub async fn on(server: &Server, app: &AppName, choice: PageChoice) -> Result<MaintenanceFacts, Error> {
    if !Plan::lenient(&server.app_dir(app)).config.has_http() {
        return Err(app::Error::NoPage(app.clone()).into());
    }
    let changing = domains::begin(server).await?;
    let begun = maintenance::begin(&changing, &server.app_dir(app), choice)?;
    audit_log::note(&server.root, &server.by, Some(app), Change::MaintenanceOn);
    let is_served = tell(server, app, Some(begun.clone())).await?;
    let at = address(server, app).await.unwrap_or_default();
    Ok(MaintenanceFacts {
        app: app.clone(),
        has_page: begun.page.is_some(),
        way_past: format!("{at}{}{}", gokku_proxy::PASS_PATH, begun.pass.as_str()),
        served: is_served,
    })
}

/// Turns it off; returns whether it was on.
pub async fn off(server: &Server, app: &AppName) -> Result<bool, Error> {
    let changing = domains::begin(server).await?;
    let was_on = maintenance::end(&changing, &server.app_dir(app))?;
    if was_on {
        audit_log::note(&server.root, &server.by, Some(app), Change::MaintenanceOff);
    }
    // Also where only the traffic switch had not been told.
    tell(server, app, None).await?;
    Ok(was_on)
}

/// Tells the traffic switch; returns whether it knows the app.
async fn tell(
    server: &Server,
    app: &AppName,
    maintenance: Option<gokku_core::app::maintenance::Maintenance>,
) -> Result<bool, Error> {
    let put = PutMaintenance { maintenance };
    match server.switch.put_maintenance(app, &put).await {
        Ok(_) => Ok(true),
        Err(SwitchError::Refused(Refused::NoRoute { .. }) | SwitchError::NotRunning(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns the app's address, without a path, as whoever asks reaches it.
async fn address(server: &Server, app: &AppName) -> Option<String> {
    let status = server.switch.status().await.ok()?;
    let route = status.routes.iter().find(|route| route.app == *app)?;
    let known = url_of(server, route, &DomainPorts::of(server, &status));
    let url = known.or_else(|| Some(server.url_of_port(route.port?)))?;
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    Some(format!("{scheme}://{host}"))
}
