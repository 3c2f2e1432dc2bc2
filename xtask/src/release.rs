//! The release build of gokku, for what is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How it is built: see `Cargo.toml`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    /// As whoever builds it has it.
    Release,
    /// As it is shipped.
    Dist,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }
}

/// Builds it, and has everything that runs gokku in this process use it.
fn build(profile: Profile) -> Result<PathBuf, String> {
    println!("==> building gokku, {}", profile.name());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(&root)
        .args([
            "build",
            "--profile",
            profile.name(),
            "--quiet",
            "--package",
            "gokku-cli",
            "--bin",
            "gokku",
        ])
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if !status.success() {
        return Err("gokku could not be built".to_owned());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = target.join(profile.name()).join("gokku");
    program
        .canonicalize()
        .map_err(|error| format!("{}: {error}", program.display()))
}

/// Runs this chore once more, with gokku's release build where the harness looks for it: a process may not change
/// its own environment once it has threads.
pub(crate) fn again(profile: Profile, chore: &[&str]) -> Result<(), String> {
    let program = build(profile)?;
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let status = Command::new(this)
        .args(chore)
        .env("GOKKU_PROGRAM", program)
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo xtask {}` failed", chore.join(" ")))
    }
}

/// Whether this process was started by [`again`].
pub(crate) fn is_ready() -> bool {
    std::env::var_os("GOKKU_PROGRAM").is_some()
}
