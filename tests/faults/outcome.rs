//! What must be true within 10 seconds of a fault, with no person's help.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use gokku_tests::App;
use serde_json::Value;

/// How an app may be at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// One container of each process that serves, or as many as there are to be.
    One,
    /// That, or nothing, and no traffic.
    OneOrNone,
    /// Nothing that runs.
    Stopped,
    /// Nothing at all.
    Gone,
}

const LIMIT: Duration = Duration::from_secs(10);

/// Waits for it; the outcome in a word, or what was wrong to the last.
pub(crate) fn await_good_end(app: &App<'_>, expected: Expected) -> Result<String, String> {
    let began = Instant::now();
    loop {
        match look(app, expected) {
            Ok(outcome) => return Ok(outcome),
            Err(wrong) if began.elapsed() > LIMIT => return Err(wrong),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn nothing(what: &str, found: &BTreeSet<String>) -> Result<(), String> {
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("left: {what} {found:?}"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn look(app: &App<'_>, expected: Expected) -> Result<String, String> {
    if expected == Expected::Gone && !app.path("").exists() {
        let containers: BTreeSet<String> = app.container_names().into_iter().collect();
        nothing("containers", &containers)?;
        nothing("images", &app.images())?;
        if app.repository().exists() {
            return Err("left: the repository".to_owned());
        }
        return Ok("gone".to_owned());
    }
    if app.path("journal.toml").exists() {
        return Err("the journal is still there".to_owned());
    }
    let status = app.gokku(["status", "--json"]);
    if status.code != Some(0) {
        return Err(status.to_string());
    }
    let status = status.json();
    if !status["busy"].is_null() {
        return Err(format!("busy: {}", status["busy"]));
    }
    // Nothing half done lies about.
    nothing("incoming code", &app.names_in("incoming"))?;
    for folder in ["", "shared", "releases"] {
        let mut left = app.names_in(folder);
        left.retain(|name| name.starts_with(".gokku-tmp"));
        nothing("temporary files", &left)?;
    }
    let releases = app.gokku(["releases", "--json"]).ok().json();
    let of = |state: &str| -> BTreeSet<String> {
        let all = releases.as_array().into_iter().flatten();
        all.filter(|release| release["state"] == state)
            .map(|release| text(&release["id"]))
            .collect()
    };
    nothing("unfinished releases", &of("unfinished"))?;
    let kept: BTreeSet<String> = of("good").union(&of("active")).cloned().collect();
    let code = app.code();
    if code != kept {
        return Err(format!("code of {code:?}, and the good releases are {kept:?}"));
    }
    if app.images() != kept {
        return Err(format!(
            "images of {:?}, and the good releases are {kept:?}",
            app.images()
        ));
    }
    let containers = status["containers"].as_array().cloned().unwrap_or_default();
    let running = containers.iter().filter(|one| one["state"] == "running").count();
    match expected {
        Expected::Stopped if running == 0 && status["traffic"] == "stopped" => {
            return Ok("stopped".to_owned());
        }
        Expected::OneOrNone if containers.is_empty() && kept.is_empty() => {
            return if app.path("current").is_symlink() {
                Err("left: current".to_owned())
            } else {
                Ok("given up".to_owned())
            };
        }
        Expected::Gone | Expected::Stopped => return Err(format!("it is still there: {status}")),
        Expected::One | Expected::OneOrNone => {}
    }
    let active = text(&status["release"]);
    let is_good = |container: &Value| {
        let process = text(&container["process"]);
        let name = match process.as_str() {
            "web-1" => app.blue(),
            other => format!("{}-{other}", app.blue()),
        };
        container["name"] == name
            && container["state"] == "running"
            && container["release"] == active.as_str()
    };
    // As many of each process as there are to be, and no others.
    let processes = app.gokku(["ps", "list", "--json"]).ok().json();
    let processes = processes.as_array().cloned().unwrap_or_default();
    let counts = processes.iter().filter_map(|one| one["count"].as_u64());
    let good = containers.iter().all(is_good)
        && processes.iter().all(|one| one["count"] == one["running"])
        && counts.sum::<u64>() == containers.len() as u64
        && status["trouble"] == Value::Array(Vec::new())
        && status["traffic"] == "routed"
        && status["health"] == "healthy"
        && of("active") == BTreeSet::from([active]);
    if !good {
        return Err(format!("not as it should be: {status}"));
    }
    let last = text(&status["last"]["outcome"]);
    Ok(if last.starts_with("succeeded") {
        "finished"
    } else {
        "given up"
    }
    .to_owned())
}
