//! What the kernel tells, and what it is given back.
//!
//! - `container_process`: whether a container's first process lives
//! - `kernel_timeouts`: ends connections whose other end takes nothing
//! - `port_holder`: which program has a port
//! - `memory`: free memory goes back to the machine

pub(crate) mod container_process;
pub(crate) mod kernel_timeouts;
pub(crate) mod memory;
pub(crate) mod port_holder;
