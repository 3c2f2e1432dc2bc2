//! What happens on a developer's own machine: git remotes that are servers', and commands that run there.
//!
//! - [`destination`]: whom to reach, as it is typed; [`address`]: as a git remote's URL says it, with the app
//! - [`ssh`]: the system's `ssh`, run from one place: its words are told from those of the command it ran
//! - [`remotes`]: a working copy's remotes that are gokku's: found, added, listed, removed
//! - [`forward`]: a command line that runs on a server as if it ran here; `relay`: signals that are for it
//! - [`logs`]: an app's output, followed across connections that are lost
//! - setting a server up and taking it down: [`facts`] are what is so there, [`setup`] and [`teardown`] decide which
//!   [`step`]s are missing, [`machine`] asks and does; [`parts`] is what is put there, the [`program`] among it, for the
//!   folder [`server_root`] allows
//!
//! Nothing here prints, and nothing reads the environment.

pub mod address;
pub mod destination;
pub mod facts;
pub mod forward;
pub mod logs;
pub mod machine;
pub mod parts;
pub mod program;
pub mod remotes;
pub mod server_root;
pub mod setup;
pub mod ssh;
pub mod step;
pub mod teardown;

mod relay;

pub use address::Address;
pub use destination::Destination;
pub use machine::Machine;
pub use program::Program;
pub use server_root::ServerRoot;
pub use ssh::Ssh;
