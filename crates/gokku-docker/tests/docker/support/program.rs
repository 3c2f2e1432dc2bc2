//! The static program, compiled once for each test process.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// Its bytes.
#[track_caller]
pub(crate) fn program() -> &'static [u8] {
    static PROGRAM: LazyLock<Result<Vec<u8>, String>> = LazyLock::new(compile);
    match &*PROGRAM {
        Ok(bytes) => bytes,
        Err(why) => panic!("the program under test could not be compiled:\n{why}"),
    }
}

fn compile() -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = folder.path().join("app");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker/program/main.rs");
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "-O", "-C", "strip=symbols"])
        .args(["-C", "target-feature=+crt-static", "-o"])
        .arg(&program)
        .arg(source)
        .output()
        .map_err(|error| format!("rustc could not be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    std::fs::read(&program).map_err(|error| error.to_string())
}
