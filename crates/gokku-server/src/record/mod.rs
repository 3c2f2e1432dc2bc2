//! What is appended and followed, a line of JSON for each event.
//!
//! - `jsonl`: such a file; [`audit_log`]: the one record of everything that changes on the server

pub mod audit_log;
pub(crate) mod jsonl;
