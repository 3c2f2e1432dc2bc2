//! How the labels of gokku's containers are written for the engine, and how the engine filters by labels.
//!
//! An image's own labels become those of its containers, unless these say something else: so what gokku does not say of a
//! container is said to be nothing, and an image can say nothing of it.

use std::collections::{BTreeMap, HashMap};

pub(crate) use gokku_core::containers::labels::*;

/// All of a container's.
const ALL: [&str; 13] = [
    ROOT,
    APP,
    RELEASE,
    TRANSITION,
    SLOT,
    PROCESS,
    GENERATION,
    ENV,
    RESTART,
    RESTART_DELAY,
    PORT,
    KIND,
    NETWORK,
];

/// What a container is made with: these, and of all others that they are nothing.
pub(crate) fn whole(labels: &BTreeMap<String, String>) -> HashMap<String, String> {
    let nothing = ALL.into_iter().map(|key| (key.to_owned(), String::new()));
    let said = labels.iter().map(|(key, value)| (key.clone(), value.clone()));
    nothing.chain(said).collect()
}

/// What a container's labels say: what they say to be nothing is not there.
pub(crate) fn said(labels: HashMap<String, String>) -> BTreeMap<String, String> {
    let is_said = |(key, value): &(String, String)| !value.is_empty() || !ALL.contains(&key.as_str());
    labels.into_iter().filter(is_said).collect()
}

/// The engine's filter for things that carry all these labels.
pub(crate) fn label_filter(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    HashMap::from([(
        "label".to_owned(),
        labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
    )])
}
