//! What happens on a developer's own machine: git remotes that are apps on a server, and commands that run there.
//!
//! - [`ssh`]: a server is reached, by the system's `ssh`, and command lines run there as if they ran here
//! - [`remotes`]: a working copy's git remotes that are apps on a server: found, added, listed, removed
//! - [`setup`]: a machine becomes a server, or is one no longer
//!
//! `remotes` and `setup` use `ssh`, and not each other. Nothing here prints, and nothing reads the environment.

pub mod remotes;
pub mod setup;
pub mod ssh;
