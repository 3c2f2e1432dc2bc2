//! Certificates that are ordered from an authority: what the core decides is done here.
//!
//! - [`keeper`]: the loop that looks, orders and renews; [`outside`]: what it reaches, as a trait
//! - [`account_file`]: the account at the authority; [`memory_file`]: what is remembered of orders

pub mod account_file;
pub mod keeper;
pub mod memory_file;
pub mod outside;

#[cfg(test)]
mod tests;
