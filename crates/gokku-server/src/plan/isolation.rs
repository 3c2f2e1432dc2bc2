//! The rule that keeps the networks of apps apart, beside the engine's own.

use gokku_core::containers::{Error, Isolated, Isolation};
use gokku_core::machine::subnet::Subnet;

use crate::app::server_config;
use crate::engine::runtime::Runtime;
use crate::fs::root::Root;

/// The addresses that networks are made from. Settings that cannot be read are told elsewhere.
pub(crate) fn range(root: &Root) -> Subnet {
    server_config::read(root).unwrap_or_default().networks.range
}

/// Has the machine keep apart what is made from these addresses, and the networks of a gokku that lie elsewhere.
pub(crate) async fn isolate(runtime: &dyn Runtime, root: &Root, range: Subnet) -> Result<Isolated, Error> {
    let networks = runtime.networks_with(&[]).await?;
    let isolation = Isolation::of(root.label(), range, &networks);
    runtime.isolate(&isolation).await
}
