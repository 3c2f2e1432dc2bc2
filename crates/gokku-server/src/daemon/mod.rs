//! The process that serves: the traffic switch, with the supervisor of its containers.
//!
//! - [`run`]: its start; [`supervisor`], of which `upkeep` and `isolation` are the memory, and `outside` what it reaches; [`upgrade`]: a new one takes its place
//! - [`keeper`]: keeps it running where no service manager does, with the sockets in `descriptor_store`
//! - `certificate_orders`: has certificates ordered and renewed; `certificate_expiry`: tells that those of the owner are about to end

pub(crate) mod certificate_expiry;
mod certificate_orders;
mod descriptor_store;
mod error;
pub(crate) mod isolation;
pub mod keeper;
pub(crate) mod outside;
pub mod run;
pub mod supervisor;
pub mod upgrade;
pub(crate) mod upkeep;

pub use error::Error;
