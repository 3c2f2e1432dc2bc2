//! Certificates: when one is renewed, what is ordered now, and what is done about what fails. Nothing is asked here: who asks a
//! certificate authority is `gokku-acme`.
//!
//! - [`draw`]: what chance adds to moments
//! - [`problem`]: why a name has no new certificate, and what a person does about it; [`retry`]: when it is tried again
//! - [`direction`]: whether a name leads to this server; [`proof`]: how it is proved
//! - [`renewal`]: when a certificate is renewed
//! - [`batch`]: which names are ordered together; [`order`]: what is due now; [`memory`]: what is remembered of it

pub mod batch;
pub mod direction;
pub mod draw;
pub mod memory;
pub mod order;
pub mod problem;
pub mod proof;
pub mod renewal;
pub mod retry;
