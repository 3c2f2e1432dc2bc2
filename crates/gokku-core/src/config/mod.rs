//! What a user writes of an app.
//!
//! - [`env_file`]: its environment, and the [`settings`] among it
//! - [`gokku_yml`], with [`lang`], [`resources`], [`privileges`], [`image_ref`], [`volume`], [`network_name`], [`build_inputs`]
//! - [`app_protocol`]: what it speaks on its port; [`tcp_port`]: its TCP ports
//! - [`procfile`] and [`processes`]: what runs by them; [`process_one`]: what that makes of signals
//! - [`misnamed`]: files that are called otherwise; [`neighbours`]: names of other apps in an environment

pub mod app_protocol;
pub mod build_inputs;
pub mod env_file;
pub mod gokku_yml;
pub mod image_ref;
pub mod lang;
pub mod misnamed;
pub mod neighbours;
pub mod network_name;
pub mod privileges;
pub mod process_one;
pub mod processes;
pub mod procfile;
pub mod resources;
pub mod settings;
pub mod tcp_port;
pub mod volume;
