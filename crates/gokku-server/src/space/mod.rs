//! Room on the disks: what is no longer kept goes, and what a build needs is there before it begins.
//!
//! - [`prune`]; `build_space`

pub(crate) mod build_space;
mod error;
pub mod prune;

pub use error::Error;
