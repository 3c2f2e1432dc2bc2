//! Describes the program that is copied to a server: this one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A gokku program, and what tells it from every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file's path.
    pub path: PathBuf,
    /// The file's SHA-256.
    pub checksum: String,
    /// The file's size in bytes.
    pub size: u64,
    /// The program's version.
    pub version: String,
    /// The kernel it is for, as `uname -s` says it.
    pub kernel: String,
    /// The architecture it is for, as `uname -m` says it.
    pub machine: String,
}

/// Says that the program could not be read.
#[derive(Debug, thiserror::Error)]
#[error("this program, {path}, could not be read to be copied: {why}", path = path.display())]
pub struct ProgramError {
    path: PathBuf,
    #[source]
    why: ProgramProblem,
}

/// What kept a program from being read.
#[derive(Debug, thiserror::Error)]
enum ProgramProblem {
    #[error("{0}")]
    File(#[source] io::Error),
    #[error("{tool}: {error}")]
    NoTool {
        tool: &'static str,
        #[source]
        error: io::Error,
    },
    #[error("{tool}: {}", .said.trim())]
    ToolFailed { tool: &'static str, said: String },
    #[error("{tool} answered {said:?}")]
    NotUnderstood { tool: &'static str, said: String },
}

impl Program {
    /// Describes this program, whose file is at `path`.
    pub fn this(path: &Path, version: &str) -> Result<Self, ProgramError> {
        let error = |why| ProgramError {
            path: path.to_owned(),
            why,
        };
        let size = fs::metadata(path)
            .map_err(|wrong| error(ProgramProblem::File(wrong)))?
            .len();
        let kernel = match std::env::consts::OS {
            "linux" => "Linux",
            "macos" => "Darwin",
            other => other,
        };
        let machine = match std::env::consts::ARCH {
            "arm" => "armv7l",
            other => other,
        };
        Ok(Self {
            path: path.to_owned(),
            checksum: checksum(path).map_err(error)?,
            size,
            version: version.to_owned(),
            kernel: kernel.to_owned(),
            machine: machine.to_owned(),
        })
    }
}

/// Has the checksum made by the program that every system has under one of its two names.
fn checksum(path: &Path) -> Result<String, ProgramProblem> {
    checksum_by("sha256sum", &["--"], path).or_else(|_| checksum_by("shasum", &["-a", "256", "--"], path))
}

fn checksum_by(tool: &'static str, options: &[&str], path: &Path) -> Result<String, ProgramProblem> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let output = Command::new(tool)
        .args(options)
        .arg(path)
        .output()
        .map_err(|error| ProgramProblem::NoTool { tool, error })?;
    if !output.status.success() {
        let said = text(&output.stderr);
        return Err(ProgramProblem::ToolFailed { tool, said });
    }
    let said = text(&output.stdout);
    // A name with a backslash in it is announced by one.
    let sum = said.trim_start_matches('\\').split_whitespace().next();
    match sum {
        Some(sum) if sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(sum.to_owned())
        }
        _ => Err(ProgramProblem::NotUnderstood { tool, said }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a \\b");
        fs::write(&path, "abc").unwrap();
        let program = Program::this(&path, "1.2.3").unwrap();
        assert_eq!(
            program.checksum,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!((program.size, program.kernel.as_str()), (3, "Linux"));
        Program::this(&folder.path().join("none"), "1").unwrap_err();
    }
}
