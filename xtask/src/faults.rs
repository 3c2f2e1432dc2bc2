//! `cargo xtask faults`: every step of every operation with every fault, and a table of what came of it.

use crate::{engine, test};

/// Runs all of them, or those whose names in the table have one of these parts (`tests/faults/main.rs` says how parts are
/// written); the tests run a few.
pub(crate) fn run(parts: &[String]) -> Result<(), String> {
    let which = if parts.is_empty() {
        "all".to_owned()
    } else {
        parts.join("|")
    };
    let engine = engine::for_tests()?;
    let mut tests = test::cargo();
    // Of the whole workspace: its own dependencies alone would be another set of features, and so all be built once more.
    tests
        .args(["test", "--workspace", "--test", "faults"])
        .args(["--", "--nocapture", "--test-threads", "2"])
        .env("GOKKU_FAULTS", which);
    engine::give(engine.as_ref(), &mut tests);
    let status = tests
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("some faults did not come to a good end; see above".to_owned())
    }
}
