//! What `docker` shows, asked through the program a user has.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Output;

/// Our label of the server a container or image belongs to.
const ROOT_LABEL: &str = "gokku.root";

/// A container as `docker inspect` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its full id.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// `created`, `running`, `exited`, …
    pub state: String,
    /// The id of its image.
    pub image: String,
    /// Its address on its first network, empty while it has none.
    pub address: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Runs `docker` with these arguments, on the machine's own engine.
#[track_caller]
pub fn docker<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Output::of(at(None).args(args))
}

/// The socket of the engine that the tests run on: the one that `DOCKER_HOST` names, or the machine's own.
pub(crate) fn socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
    PathBuf::from(socket)
}

/// The `docker` program, for the engine at this address; without one, for the machine's own.
pub(crate) fn at(host: Option<&OsStr>) -> Command {
    let mut command = Command::new("docker");
    if let Some(host) = host {
        command.env("DOCKER_HOST", host).env_remove("DOCKER_CONTEXT");
    }
    command
}

/// The containers of the server with this root, in the order of their names; not the one that sets the firewall.
pub fn containers(root: &Path) -> Vec<Container> {
    containers_at(None, root)
}

pub(crate) fn containers_at(host: Option<&OsStr>, root: &Path) -> Vec<Container> {
    let ids = ids(host, &["ps", "--all"], root);
    if ids.is_empty() {
        return Vec::new();
    }
    // One that is removed meanwhile is reported as missing; the others are still shown.
    let shown = Output::of(at(host).args(["inspect", "--type", "container"]).args(ids));
    let shown: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap_or_default();
    let mut containers: Vec<_> = shown.iter().map(container).collect();
    // It is there for a moment, and no app's.
    containers.retain(|one| one.labels.get("gokku.kind").is_none_or(|kind| kind != "firewall"));
    containers.sort_by(|one, other| one.name.cmp(&other.name));
    containers
}

fn container(value: &Value) -> Container {
    let text = |path: &str| {
        value
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let networks = value
        .pointer("/NetworkSettings/Networks")
        .and_then(Value::as_object);
    let labels = value.pointer("/Config/Labels").and_then(Value::as_object);
    Container {
        id: text("/Id"),
        name: text("/Name").trim_start_matches('/').to_owned(),
        state: text("/State/Status"),
        image: text("/Image"),
        address: networks
            .and_then(|networks| networks.values().next()?.get("IPAddress")?.as_str())
            .unwrap_or_default()
            .to_owned(),
        labels: labels
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
    }
}

/// Removes every container, image, volume and network of the server with this root; says nothing if some are gone already.
pub(crate) fn remove_all(host: Option<&OsStr>, root: &Path) {
    let containers = ids(host, &["ps", "--all"], root);
    if !containers.is_empty() {
        Output::of(at(host).args(["rm", "--force", "--volumes"]).args(containers));
    }
    let images = ids(host, &["images"], root);
    if !images.is_empty() {
        Output::of(at(host).args(["rmi", "--force"]).args(images));
    }
    for kind in ["volume", "network"] {
        let filter = format!("label={ROOT_LABEL}={}", root.display());
        let names = Output::of(at(host).args([kind, "ls", "--quiet", "--filter", &filter]));
        let names: Vec<&str> = names.stdout.lines().collect();
        if !names.is_empty() {
            Output::of(at(host).args([kind, "rm"]).args(names));
        }
    }
}

fn ids(host: Option<&OsStr>, list: &[&str], root: &Path) -> Vec<String> {
    let filter = format!("label={ROOT_LABEL}={}", root.display());
    let mut command = at(host);
    command
        .args(list)
        .args(["--quiet", "--no-trunc", "--filter", &filter]);
    let mut ids: Vec<_> = Output::of(&mut command)
        .stdout
        .lines()
        .map(str::to_owned)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}
