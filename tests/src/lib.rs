//! What the stories stand on: a server of a story's own, a developer's working copy, clients that count.
//!
//! Everything is seen from outside, as a user sees it: the `gokku` program, `git`, `docker`, HTTP. Nothing here
//! knows gokku's crates, so no story can pass because both sides share a mistake.
//!
//! ```no_run
//! use gokku_tests::{Load, LoadPlan, Server, Timeline};
//!
//! let server = Server::new();
//! let api = server.create("api");
//! let dev = api.working_copy();
//! dev.release("v1").ok();
//!
//! let mut timeline = Timeline::new("v1");
//! let load = Load::start(LoadPlan::small(api.address()));
//! timeline.change("v2", || dev.release("v2").ok());
//! timeline.change("v1", || api.gokku(["rollback"]).ok());
//! load.stop().assert_clean(&timeline);
//!
//! assert_eq!(api.container_names(), [api.blue()]);
//! ```
//!
//! - [`Server`] is a root folder, a traffic switch and whatever runs in containers; all of it goes with it;
//! - [`App`] is one app on it, [`WorkingCopy`] a developer's clone;
//! - [`Load`] keeps clients busy and reports each kind of failure apart, against a [`Timeline`] of what was routed;
//! - [`HeldRequest`] is one that is in flight until it is told to end;
//! - [`Sshd`] is a real one on the loopback, for pushes and commands over ssh; [`Laptop`] reaches a server by it alone;
//! - [`Host`] is a machine that is no server yet, with nothing but ssh;
//! - [`Authority`] issues certificates; [`Pebble`] is a real certificate authority, from which they are ordered;
//! - [`Chance`] gives numbers that look like chance and are the same every time;
//! - [`Registry`] is one of images, with a password;
//! - [`Systemd`] has the switch as its service;
//! - [`Engine`] is a Docker Engine of a story's own, to stop and kill at will; [`Hanging`] one that hangs when it is told to;
//!   [`Disk`] a disk, to fill, or to copy as a power cut leaves it.
//!
//! What is here panics, with everything known, when the machine cannot do what a story needs.
#![allow(
    clippy::missing_panics_doc,
    reason = "a harness fails a test by panicking, everywhere"
)]
#![allow(
    clippy::return_self_not_must_use,
    reason = "a check is called for its panic; what runs something is must_use"
)]

mod acme_front;
mod app;
mod authority;
mod base_image;
mod build;
mod chance;
mod curl;
mod disk;
mod docker;
mod engine;
mod engine_events;
mod hanging;
mod held;
mod host;
mod http;
mod laptop;
mod load;
mod machine;
mod memory;
mod output;
mod pebble;
mod ports;
mod progress;
mod registry;
mod running;
mod server;
mod ssh_client;
mod sshd;
mod systemd;
mod uplink;
mod wait;
mod working_copy;

pub use acme_front::{AcmeFront, FrontAct, HttpsClient, acme_client};
pub use app::App;
pub use authority::{Authority, CertificateFiles, Issued, certificate_params, trusting};
pub use base_image::{ensure_image, ensure_images, ensure_machine, ensure_python, vendor};
pub use build::{compiled, gokku_program, hello_program, http2_app_program, test_app_program, workspace};
pub use chance::Chance;
pub use curl::curl;
pub use disk::{Disk, DiskCopy, Filler};
pub use docker::{Container, containers, docker};
pub use engine::Engine;
pub use engine_events::{EngineEvent, EngineEvents};
pub use hanging::Hanging;
pub use held::HeldRequest;
pub use host::Host;
pub use http::{Answer, Connection, Failure, get, send};
pub use laptop::Laptop;
pub use load::{Answered, Kind, Load, LoadPlan, Report, Tally, Timeline};
pub use machine::Machine;
pub use memory::{memory, own_memory};
pub use output::Output;
pub use pebble::{Pebble, PebbleOptions};
pub use ports::free_port;
pub use progress::{await_event, events, logs};
pub use registry::Registry;
pub use running::Running;
pub use server::{Server, unique};
pub use sshd::Sshd;
pub use systemd::Systemd;
pub use wait::{PATIENCE, soon, until, wait_until};
pub use working_copy::{PushOutcome, WorkingCopy};
