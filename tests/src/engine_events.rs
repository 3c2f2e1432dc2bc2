//! What the engine tells of an app's containers, heard as it happens. Who asks afterwards gets the engine's last 256 events, of which on an
//! engine of many tests soon none are the app's.

use std::process::Command;

use crate::app::App;
use crate::docker::{self, docker};
use crate::running::Running;
use crate::server::unique;

/// One thing that happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// `create`, `start`, `die`, …
    pub action: String,
    /// The container's name then.
    pub name: String,
    /// The process that it runs, `web-1`; empty where it has no such label.
    pub process: String,
    /// All of it, as JSON.
    pub json: String,
}

impl EngineEvent {
    /// `start api-green`.
    pub fn words(&self) -> String {
        format!("{} {}", self.action, self.name)
    }
}

/// Listens to the engine.
pub struct EngineEvents {
    app: String,
    listening: Running,
}

impl EngineEvents {
    /// Begins to listen for an app.
    #[track_caller]
    pub fn of(app: &App<'_>) -> Self {
        let now = docker(["info", "--format", "{{.SystemTime}}"]).ok();
        let mut events: Command = docker::at(None);
        events.args(["events", "--since", now.line(), "--format", "{{json .}}"]);
        Self {
            app: app.name().to_owned(),
            listening: Running::start(&mut events),
        }
    }

    /// What has happened until now.
    #[track_caller]
    pub fn told(self) -> Vec<EngineEvent> {
        // Events come in their order: what was before this one is here when this one is.
        let mark = unique("mark");
        docker(["volume", "create", &mark]).ok();
        self.listening.wait_for(&mark);
        docker(["volume", "rm", &mark]).ok();
        let told = self.listening.stdout();
        told.lines().filter_map(|line| event(line, &self.app)).collect()
    }
}

fn event(line: &str, app: &str) -> Option<EngineEvent> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let attributes = &event["Actor"]["Attributes"];
    let is_its = event["Type"] == "container" && attributes["gokku.app"] == app;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    is_its.then(|| EngineEvent {
        action: text(&event["Action"]),
        name: text(&attributes["name"]),
        process: text(&attributes["gokku.process"]),
        json: line.to_owned(),
    })
}
