//! The two streams that a program prints on.

use serde::{Deserialize, Serialize};

/// Where a container printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Its standard output, or its terminal.
    #[serde(rename = "stdout")]
    Out,
    /// Its standard error.
    #[serde(rename = "stderr")]
    Err,
}
