//! `cargo xtask faults`: every step of every operation with every fault, and a table of what came of it.

use crate::engine::{self, OwnEngine};
use crate::{packages, test};

/// Runs all of them; the tests run a part.
pub(crate) fn run() -> Result<(), String> {
    packages::install_missing()?;
    engine::ensure()?;
    let engine = OwnEngine::start_if_faster();
    let mut tests = test::cargo();
    // Of the whole workspace: its own dependencies alone would be another set of features, and so all be built once more.
    tests
        .args(["test", "--workspace", "--test", "faults"])
        .args(["--", "--nocapture", "--test-threads", "1"])
        .env("GOKKU_FAULTS", "all");
    if let Some(engine) = &engine {
        engine.give(&mut tests);
    }
    let status = tests
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("some faults did not come to a good end; see above".to_owned())
    }
}
