//! The decisions of gokku, and nothing else.
//!
//! This crate is pure: no file, no network, no clock, no environment, no randomness. What a decision
//! needs is passed in, what it decides is returned. The folders, in the order in which they stand on each other:
//!
//! - [`text`]: texts, as people and programs write them
//! - [`app`]: what an app is known by; [`machine`]: what its containers run on
//! - [`domains`]: the hosts and paths that lead to it; [`certificates`]: when theirs are ordered and renewed
//! - [`config`]: what a user writes of it; [`release`]: what is kept of what was deployed; [`build`]: what an image is made from
//! - [`push`]: what a push may do; [`access`]: who is let in
//! - [`transition`]: the change from one release to another; [`reconcile`]: what is and what should be, while there is none
//! - [`logs`]: what is told; [`containers`]: what is asked of whatever runs containers
#![deny(missing_docs)]

pub mod text;

pub mod app;
pub mod machine;

pub mod domains;

pub mod certificates;

pub mod config;

pub mod release;

pub mod build;

pub mod push;

pub mod access;

pub mod transition;

pub mod reconcile;

pub mod logs;

pub mod containers;

pub use access::key_name::KeyName;
pub use access::scope::{Access, Asker};
pub use app::ids::{CommitId, ContainerId, ImageId, TreeId};
pub use app::name::{AppName, EnvironmentName};
pub use app::process_key::{ProcessKey, ProcessType};
pub use app::release_id::ReleaseId;
pub use app::slot::Slot;
