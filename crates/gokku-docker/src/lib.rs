//! The Docker Engine, as gokku sees it. It performs; what is to be performed is decided elsewhere.
//!
//! - [`engine`]: the connection, how long it may take to answer, what can go wrong
//! - [`image`]: images, registries, and what the disk is used for
//! - [`container`]: containers, their networks, volumes, events and output; programs in them
//! - [`build`]: an image from a folder
//!
//! A folder uses those above it in this list. What it is asked and tells is in the words of
//! `gokku_core::containers`: no type of the engine's client leaves this crate.

pub mod build;
pub mod container;
pub mod engine;
pub mod image;

pub use container::exec::{Session, SessionHandle, SessionInput};
pub use container::one_off::OneOff;
pub use engine::connection::Engine;
pub use engine::error::Error;
pub use engine::failed_build::FailedBuild;
pub use engine::limits::Limits;
