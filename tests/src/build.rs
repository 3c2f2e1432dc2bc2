//! The programs under test, built by cargo once for each test process; cargo knows what is up to date.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The `gokku` program: the one that `GOKKU_PROGRAM` names, or else the one this repository builds.
#[track_caller]
pub fn gokku_program() -> &'static Path {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        if let Some(program) = std::env::var_os("GOKKU_PROGRAM") {
            return Ok(program.into());
        }
        let mut cargo = cargo();
        // By itself it would be built of the same crates in fewer features: all of them once more.
        cargo.args(["--workspace", "--bin", "gokku"]);
        executable(cargo)
    });
    built(&PROGRAM)
}

/// The test app (`tests/app`).
#[track_caller]
pub fn test_app_program() -> &'static Path {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| static_program("gokku-testapp"));
    built(&PROGRAM)
}

/// The example `examples/hello`, as its README says it is built.
#[track_caller]
pub fn hello_program() -> &'static Path {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| static_program("hello"));
    built(&PROGRAM)
}

/// Builds a program that runs on `FROM scratch`, and small, because it is committed and pushed a lot.
fn static_program(package: &str) -> Result<PathBuf, String> {
    let mut cargo = cargo();
    // Other flags in the shared folder would make cargo build everything again, back and forth.
    cargo
        .args(["--package", package, "--target-dir"])
        .arg(target().join("static"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "s")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_PROFILE_DEV_STRIP", "true");
    executable(cargo)
}

/// Returns a program that runs on `FROM scratch`, compiled of one file that needs no crate: for tests that push no app.
pub fn compiled(source: &Path) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = folder.path().join("app");
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

/// A build that failed fails every story, each with the compiler's words.
#[track_caller]
fn built(program: &'static Result<PathBuf, String>) -> &'static Path {
    program.as_deref().unwrap_or_else(|why| panic!("{why}"))
}

/// The repository's top.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}

fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(program);
    command
        .current_dir(workspace())
        .args(["build", "--message-format", "json-render-diagnostics"]);
    command
}

/// Builds; the one executable cargo names.
fn executable(mut cargo: Command) -> Result<PathBuf, String> {
    let output = crate::Output::of(&mut cargo);
    let messages = output
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from));
    match programs.next_back() {
        Some(program) if output.code == Some(0) => Ok(program),
        _ => Err(format!(
            "a program under test could not be built:\n{}",
            output.stderr
        )),
    }
}
