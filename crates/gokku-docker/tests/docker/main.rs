//! The adapter against a real Docker Engine: what the engine is told, and what it makes of it.
//!
//! - `support` is what the tests stand on, `program` what runs inside their images;
//! - every other module is one subject of the crate.
//!
//! No image is pulled: all are `FROM scratch` with one static program.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

mod apart;
mod build_refused;
mod builders;
mod containers;
mod context;
mod engine;
mod env;
mod events;
mod exec;
mod failing_builds;
mod identity;
mod ignore;
mod ignore_rules;
mod images;
mod isolation;
mod logs;
mod networks;
mod one_off;
mod privileges;
mod progress;
mod secrets;
mod silence;
mod stop;
mod volumes;
