//! What a release is made of and run with, read from its code and the app's settings.
//!
//! - [`release_plan`]: all of it; [`languages`]: a project without a Dockerfile; `caches`: of its builds; `error_pages`: in place of it
//! - [`check`]: a `gokku.yml` before it is pushed; `unread`: what in it is meant for somebody else
//! - `mounts`, `networks`, `privileges`: what its containers have, are on and may do; `isolation`: what keeps networks apart

pub(crate) mod caches;
pub mod check;
mod error;
pub(crate) mod error_pages;
pub(crate) mod isolation;
pub mod languages;
pub(crate) mod mounts;
pub(crate) mod networks;
pub(crate) mod privileges;
pub mod release_plan;
pub(crate) mod unread;

pub use error::Error;
