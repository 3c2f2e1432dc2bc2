//! The harness itself: a client that counts failures must be able to count each of them, or a story under load
//! proves nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod examples;
mod faulty;
mod load;
mod machine;
mod testapp;
