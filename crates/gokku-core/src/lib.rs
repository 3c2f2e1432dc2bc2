//! The decisions of gokku, and nothing else.
//!
//! This crate is pure: no file, no network, no clock, no environment, no randomness. What a decision
//! needs is passed in, what it decides is returned. Read it top to bottom:
//!
//! - a file's bytes as [`text`], for everything that people write; how much of it is read: [`input`]; where a link in code
//!   leads: [`follow`]
//! - words: [`name`], and which app one means: [`meant`]; [`release_id`], [`slot`], [`ids`], [`process`]
//! - what a user writes: [`env_file`], [`settings`], [`gokku_yml`] with [`resources`], [`privileges`], [`image_ref`],
//!   [`volume`] and [`network_name`], [`procfile`] with [`shell`]; what runs by it: [`processes`], behind which
//!   [`process_one`]; files that are called otherwise: [`misnamed`]
//! - what is built where there is no Dockerfile: [`languages`]
//! - which images a Dockerfile names: [`image_use`], with [`official_images`]
//! - what is kept: [`release`], [`retention`]; whether a build fits on the [`disk`]
//! - what a push may do: [`push`], and to which refs: [`ref_name`]; what it may bring: [`intake`]
//! - who is let in, and to what: [`authorized_keys`] with [`public_key`] and [`key_name`], [`access`], [`entry`]; which of the server's
//!   ports: [`host_ports`]
//! - the change from one release to another: [`transition`]
//! - what is told about it: [`event`], how much of it is [`kept`]; of everything that changes: [`change`], and what of that is kept: [`record`]
//! - what is compared with what should be: [`reconcile`]
//! - what a client tells a server first: [`client`]
//! - what an app prints: [`log_line`], on which [`stream`], and a place in it: [`log_place`]
//! - how long to wait before trying again: [`pause`]; what a log says again and again: [`repeats`]
//! - reading what the kernel says of listening sockets, [`listeners`], and of containers, [`container_process`]; bytes in
//!   texts: [`base64`], [`hex`]; whether two things are the same: [`fingerprint`]
#![deny(missing_docs)]

pub mod ids;
pub mod meant;
pub mod name;
pub mod process;
pub mod release_id;
pub mod slot;
pub mod text;

pub mod follow;
pub mod input;

pub mod build_inputs;
pub mod env_file;
pub mod gokku_yml;
pub mod image_ref;
pub mod image_use;
pub mod languages;
pub mod misnamed;
pub mod neighbours;
pub mod network_name;
pub mod official_images;
pub mod privileges;
pub mod process_one;
pub mod processes;
pub mod procfile;
pub mod repeats;
pub mod resources;
pub mod settings;
pub mod shell;
pub mod subnet;
pub mod volume;

pub mod build_key;
pub mod disk;
pub mod release;
pub mod retention;

pub mod intake;
pub mod push;
pub mod ref_name;

pub mod access;
pub mod authorized_keys;
pub mod entry;
pub mod host_ports;
pub mod key_name;
pub mod public_key;

pub mod transition;

pub mod change;
pub mod event;
pub mod kept;
pub mod record;

pub mod reconcile;

pub mod client;

pub mod log_line;
pub mod log_place;
pub mod stream;

pub mod base64;
pub mod container_process;
pub mod fingerprint;
pub mod hex;
pub mod listeners;
pub mod pause;

pub use access::{Access, Asker};
pub use ids::{CommitId, ContainerId, ImageId, TreeId};
pub use key_name::KeyName;
pub use name::{AppName, EnvironmentName};
pub use process::{ProcessKey, ProcessType};
pub use release_id::ReleaseId;
pub use slot::Slot;
