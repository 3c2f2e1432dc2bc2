//! What happens on a developer's own machine: git remotes that are servers', and commands that run there.
//!
//! - [`destination`]: whom to reach, as it is typed; [`address`]: as a git remote's URL says it, with the app
//! - [`ssh`]: the system's `ssh`, run from one place: its words are told from those of the command it ran
//! - [`remotes`]: a working copy's remotes that are gokku's: found, added, listed, removed
//! - [`forward`]: a command line that runs on a server as if it ran here; `relay`: signals that are for it
//! - [`logs`]: an app's output, followed across connections that are lost
//!
//! Nothing here prints, and nothing reads the environment.

pub mod address;
pub mod destination;
pub mod forward;
pub mod logs;
pub mod remotes;
pub mod ssh;

mod relay;

pub use address::Address;
pub use destination::Destination;
pub use ssh::Ssh;
