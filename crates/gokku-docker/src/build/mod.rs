//! An image from a folder.
//!
//! - [`context`]: what the engine gets of the folder; [`ignore`] decides it, of `ignore_pattern` and `go_regex`
//! - `secrets`, and `apart`: what a build may not tell, and not see
//! - `buildkit_session`: what BuildKit asks for while it builds; [`trace`]: what it says of it
//! - [`builder`]: the request, and what becomes of it

pub(crate) mod apart;
pub mod builder;
pub(crate) mod buildkit_session;
pub mod context;
pub(crate) mod go_regex;
pub mod ignore;
pub(crate) mod ignore_pattern;
pub(crate) mod protobuf;
pub(crate) mod secrets;

// What builds say is understood here: open for the tests of inputs alone.
#[doc(hidden)]
pub mod trace;
