//! What a push may do: by its [`rules`], to which refs ([`ref_name`]), and how much it may bring ([`intake`]).

pub mod intake;
pub mod ref_name;
pub mod rules;
