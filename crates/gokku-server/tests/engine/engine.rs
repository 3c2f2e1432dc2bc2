//! The engine in memory: the crate's own file, which is compiled for tests alone, under the path that it has there.

pub(crate) use gokku_server::engine::runtime;

#[allow(dead_code, reason = "how calls go wrong is the simulation's")]
#[path = "../../src/engine/fake/mod.rs"]
pub(crate) mod fake;
