//! Another machine, as gokku sees it: a server, from a laptop.
//!
//! - [`destination`]: whom to reach, as it is typed and as a git remote's URL says it
//! - [`ssh`]: the system's `ssh`, run from one place: its words are told from those of the command it ran
//!
//! Nothing here prints.

pub mod destination;
pub mod ssh;

pub use destination::Destination;
pub use ssh::Ssh;
