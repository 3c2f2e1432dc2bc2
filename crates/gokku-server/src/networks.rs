//! The network that an app's containers are on: the one of all apps, or the one that its `gokku.yml` names.

use std::collections::BTreeMap;
use std::net::IpAddr;

use gokku_core::AppName;
use gokku_docker::{ContainerFacts, Engine, NetworkFacts, labels};

use crate::NETWORK;
use crate::error::Error;
use crate::plan::{GOKKU_YML, Plan};
use crate::root::Root;

/// The driver of networks whose containers the traffic switch reaches from the server.
const REACHABLE: &str = "bridge";

/// The network of a release.
pub(crate) fn of(plan: &Plan) -> &str {
    plan.config.network.as_ref().map_or(NETWORK, |name| name.as_str())
}

/// A container's address on the network that it is reached on; none while it does not run.
pub(crate) fn address(facts: &ContainerFacts) -> Option<IpAddr> {
    let network = facts.label(labels::NETWORK).unwrap_or(NETWORK);
    let there = facts.addresses.get(network);
    there.or_else(|| facts.addresses.values().next()).copied()
}

/// The labels that the network of a release is made with; none of the one of all apps, which is there.
pub(crate) fn labels_of(root: &Root, app: &AppName, plan: &Plan) -> BTreeMap<String, String> {
    let name = of(plan);
    let mut labels = BTreeMap::new();
    if name != NETWORK {
        labels.insert(labels::ROOT.to_owned(), root.label());
        // One that several apps share is nobody's in particular.
        if !is_shared(plan, name) {
            labels.insert(labels::APP.to_owned(), app.to_string());
        }
    }
    labels
}

/// Makes sure that the network of a release is there and can be used by the app.
pub(crate) async fn ready(engine: &Engine, root: &Root, app: &AppName, plan: &Plan) -> Result<(), Error> {
    let name = of(plan);
    if name == NETWORK {
        return Ok(engine.ensure_network(name).await?);
    }
    let there = engine.network_or_make(name, &labels_of(root, app, plan)).await?;
    check(&there, root, app, plan).map_err(|why| Error::input(format!("{GOKKU_YML}: network: {why}")))
}

fn is_shared(plan: &Plan, name: &str) -> bool {
    plan.server.networks.shared.iter().any(|shared| shared == name)
}

fn check(there: &NetworkFacts, root: &Root, app: &AppName, plan: &Plan) -> Result<(), String> {
    let name = &there.name;
    if there.driver != REACHABLE {
        return Err(format!(
            "{name} has the driver {}, and the traffic switch reaches the containers of {REACHABLE} networks only: name one, \
             or one that is not there yet, which is made",
            there.driver
        ));
    }
    let of_gokku = there.labels.get(labels::ROOT);
    if of_gokku.is_some_and(|theirs| *theirs != root.label()) {
        return Err(format!(
            "{name} is another gokku server's on this machine: choose another name"
        ));
    }
    let theirs = there.labels.get(labels::APP);
    let of_other = of_gokku.is_some() && theirs.is_some_and(|theirs| theirs != app.as_str());
    if of_other && !is_shared(plan, name) {
        return Err(format!(
            "{name} was made for another app, and on it each reaches the other: choose another name, or let apps share it, \
             with shared = [{name:?}] below [networks] in {}",
            root.config().display()
        ));
    }
    Ok(())
}

/// Removes the networks that were made for an app that is no more, and those that apps share, unless a container is on
/// them. The names of the app's own that stay.
pub(crate) async fn remove_unused(engine: &Engine, root: &Root, app: &AppName) -> Result<Vec<String>, Error> {
    let label = root.label();
    let mut stay = Vec::new();
    for network in engine.networks_with(&[(labels::ROOT, &label)]).await? {
        let owner: Option<AppName> = network.labels.get(labels::APP).and_then(|of| of.parse().ok());
        let is_needed = |of: &AppName| of != app && root.app(of).exists();
        if owner.as_ref().is_some_and(is_needed) {
            continue;
        }
        let used = engine.network_is_used(&network.name).await?;
        // Docker knows of endpoints that are no container's.
        let removed = !used && engine.remove_network(&network.name).await?;
        if !removed && owner.as_ref() == Some(app) {
            stay.push(network.name);
        }
    }
    Ok(stay)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_joined_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let app: AppName = "api".parse().unwrap();
        let mut plan = Plan::lenient(&root, &app);
        let network = |driver: &str, of: &[(&str, &str)]| NetworkFacts {
            name: "back".to_owned(),
            driver: driver.to_owned(),
            labels: of
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let label = root.label();
        let made_for = |app| network("bridge", &[(labels::ROOT, &label), (labels::APP, app)]);
        for good in [network("bridge", &[]), made_for("api")] {
            assert_eq!(check(&good, &root, &app, &plan), Ok(()));
        }
        let macvlan = check(&network("macvlan", &[]), &root, &app, &plan).unwrap_err();
        assert!(macvlan.contains("has the driver macvlan"), "{macvlan}");
        let elsewhere = network("bridge", &[(labels::ROOT, "/opt/other"), (labels::APP, "api")]);
        let elsewhere = check(&elsewhere, &root, &app, &plan).unwrap_err();
        assert!(elsewhere.contains("another gokku server's"), "{elsewhere}");
        let other = check(&made_for("web"), &root, &app, &plan).unwrap_err();
        assert!(other.contains("shared = [\"back\"]"), "{other}");
        plan.server.networks.shared = vec!["back".to_owned()];
        assert_eq!(check(&made_for("web"), &root, &app, &plan), Ok(()));
    }
}
