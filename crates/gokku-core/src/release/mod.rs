//! A release: its [`record`], which ones stay ([`retention`]), what its build needs of the [`disk`], and when none is needed
//! ([`build_key`]).

pub mod build_key;
pub mod disk;
pub mod record;
pub mod retention;
