//! Texts, as people and programs write them.
//!
//! - [`decode`]: a file's bytes as text; [`read_limits`]: how much of it is read
//! - [`size`]: amounts of bytes; [`shell`]: a line as a shell reads it
//! - [`hex`]: bytes in texts; [`fingerprint`]: whether two things are the same
//! - [`causes`]: an error with everything behind it; [`utc_time`]: a moment

pub mod causes;
pub mod decode;
pub mod fingerprint;
pub mod hex;
pub mod read_limits;
pub mod shell;
pub mod size;
pub mod utc_time;
