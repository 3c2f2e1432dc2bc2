//! An app as it stands on the disk, and the server's settings for it.
//!
//! - [`apps`]: `app.toml`, made, found, listed; `scale`: how many containers of each process; [`env_store`]: its environment
//! - [`domains`]: the hosts and paths that lead to it; [`certificates`]: the server's own
//! - [`records`]: its releases; `code`: a release's files
//! - [`registries`]: logins for images; [`server_config`]: `config.toml`
//! - `branch`, [`refs`], [`intake`]: its repository: what deploys, which refs move, what a push may bring

pub mod acme_config;
pub mod apps;
pub(crate) mod branch;
pub mod certificate_orders;
pub mod certificates;
pub(crate) mod code;
pub mod domains;
pub mod env_store;
mod error;
pub mod intake;
pub mod maintenance;
pub mod records;
pub mod refs;
pub mod registries;
pub(crate) mod scale;
pub mod server_config;

pub use error::Error;
