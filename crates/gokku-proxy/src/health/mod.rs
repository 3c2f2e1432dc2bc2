//! Health checks of what has traffic. What follows from them is `route::target_health`'s rule.
//!
//! - [`probe`]: one check
//! - [`health_monitor`]: checks again and again

pub mod health_monitor;
pub mod probe;
