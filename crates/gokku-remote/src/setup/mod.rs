//! Sets a server up and takes it down: what is there is asked, what is missing is decided, and then done step by step.
//!
//! - [`machine`]: the server, asked and changed over ssh
//! - [`facts`]: what is so there, read from what scripts print; `fact_lines`: the form of it
//! - [`plan`] and [`teardown`]: which [`step`]s are missing; `refusal`: why there are none
//! - [`install_layout`]: the names, places and texts of what is put there, the [`program`] among it, for the folder that
//!   [`server_root`] allows

pub mod facts;
pub mod install_layout;
pub mod machine;
pub mod plan;
pub mod program;
pub mod server_root;
pub mod step;
pub mod teardown;

mod fact_lines;
mod refusal;

pub use fact_lines::FactsError;
pub use machine::Machine;
pub use plan::DesiredServer;
pub use program::Program;
pub use refusal::Refusal;
pub use server_root::{ServerRoot, ServerRootError};
pub use step::Step;
