//! The machine that containers run on: what its kernel says of them, and waiting for it.
//!
//! - [`container_process`], [`listeners`]: read from `/proc`; [`subnet`]: addresses
//! - [`stream`]: the two that a program prints on; [`backoff`]: how long to wait before trying again
//! - [`notify_message`]: what a service tells its service manager

pub mod backoff;
pub mod container_process;
pub mod listeners;
pub mod notify_message;
pub mod stream;
pub mod subnet;
