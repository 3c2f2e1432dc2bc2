//! What is told, and how much of it is kept.
//!
//! - [`event`]: of a transition, with [`subject`], [`notice`] and [`kept_output`]; [`audit`]: of everything that changes, with
//!   [`audit_retention`]
//! - [`log_line`]: of an app's output, with [`log_cursor`]: a place in it; [`repeats`]: what is said again and again

pub mod audit;
pub mod audit_retention;
pub mod event;
pub mod kept_output;
pub mod log_cursor;
pub mod log_line;
pub mod notice;
pub mod repeats;
pub mod subject;

mod took;
