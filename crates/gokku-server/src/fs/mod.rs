//! Files, as everything else here reads and writes them: where they are, replaced as a whole, read up to a size, on the disk.
//!
//! - [`root`]: the tree of a server, path by path; [`app_dir`]: an app's part of it
//! - [`atomic`]: a file is replaced, never rewritten; [`bounded`]: none is read without a limit; `durable`: what was written is on the disk
//! - `lock_file`: one process at a time changes something
//! - [`toml_file`]: settings and records; `tree_file`: a file of a release's code, whatever its links are
//! - `disk`: how much room there is; `boot`: whether the machine has started since

pub mod app_dir;
pub mod atomic;
pub(crate) mod boot;
pub mod bounded;
pub(crate) mod disk;
pub(crate) mod durable;
mod error;
pub(crate) mod lock_file;
pub mod root;
pub mod toml_file;
pub(crate) mod tree_file;

pub use error::Error;
