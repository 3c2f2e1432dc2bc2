//! The switch's settings, as they stand in `config.toml`.
//!
//! - [`limits`]: what clients and apps may cost
//! - [`health_checks`]: how often what has traffic is checked
//! - [`network`]: addresses, of the proxies in front that are trusted

pub mod health_checks;
pub mod limits;
pub mod network;
