//! What a container prints, and which of it is wanted.

use crate::logs::log_cursor::Stamp;
use crate::machine::stream::Stream;

/// A piece of what a container printed: a line with its end, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where.
    pub stream: Stream,
    /// When. None for what does not come from a log.
    pub at: Option<Stamp>,
    /// What.
    pub bytes: Vec<u8>,
}

/// Which of a container's output is wanted.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Whether to wait for more, until the container ends.
    pub follow: bool,
    /// How many of the last lines; all without.
    pub tail: Option<usize>,
    /// From when on, in seconds since 1970.
    pub since: Option<i64>,
}
