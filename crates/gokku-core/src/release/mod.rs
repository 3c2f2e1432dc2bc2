//! A release: its [`record`], which ones stay ([`retention`]), what its build needs of the [`disk`], and when none is needed
//! ([`build_key`]); what a power cut takes of its code ([`code_loss`]).

pub mod build_key;
pub mod code_loss;
pub mod disk;
pub mod record;
pub mod retention;
