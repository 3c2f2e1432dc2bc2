//! `cargo xtask faults`: every step of every operation with every fault, and a table of what came of it.

use std::path::Path;
use std::process::Command;

use crate::{engine, packages};

/// Runs all of them; the tests run a part.
pub(crate) fn run() -> Result<(), String> {
    packages::install_missing()?;
    engine::ensure()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["test", "--package", "gokku-tests", "--test", "faults"])
        .args(["--", "--nocapture", "--test-threads", "1"])
        .env("GOKKU_FAULTS", "all")
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("some faults did not come to a good end; see above".to_owned())
    }
}
