//! The client against a real ACME server, Let's Encrypt's `pebble`, which asks the tests' own servers for the proofs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answering;
mod orders;
mod server;
mod trouble;
