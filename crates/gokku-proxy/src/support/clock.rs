//! The moment that it is, by the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use gokku_core::text::utc_time::UtcTime;

/// Returns the moment that it is.
pub fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
