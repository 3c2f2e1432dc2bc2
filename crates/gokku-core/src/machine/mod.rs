//! The machine that containers run on: what its kernel says of them, and waiting for it.
//!
//! - [`container_process`], [`listeners`]: read from `/proc`; [`subnet`]: addresses
//! - [`stream`]: the two that a program prints on; [`backoff`]: how long to wait before trying again

pub mod backoff;
pub mod container_process;
pub mod listeners;
pub mod stream;
pub mod subnet;
