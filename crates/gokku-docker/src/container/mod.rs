//! Containers, and what they are connected to.
//!
//! - [`networks`] and [`volumes`]: what a container is made with
//! - [`containers`]: made, started, looked at, stopped, removed; [`events`]: what happens to them; [`logs`]: what they print
//! - [`exec`]: being in one; [`one_off`]: one that lives as long as its command
//! - [`isolation`]: the firewall rule between networks, which such a one sets

pub mod containers;
pub mod events;
pub mod exec;
pub mod isolation;
pub mod logs;
pub mod networks;
pub mod one_off;
pub mod volumes;
