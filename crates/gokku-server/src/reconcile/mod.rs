//! What is and what should be, while nothing is under way.
//!
//! - `drift`: the differences; `settle`: those that are repaired without asking

pub(crate) mod drift;
mod error;
pub(crate) mod settle;

pub(crate) use error::Error;
