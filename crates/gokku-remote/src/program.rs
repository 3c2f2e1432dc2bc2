//! The program that is copied to a server: this one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A gokku program, and what tells it from every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256.
    pub checksum: String,
    /// How many bytes it has.
    pub size: u64,
    /// Its version.
    pub version: String,
    /// The kernel it is for, as `uname -s` says it.
    pub kernel: String,
    /// The architecture it is for, as `uname -m` says it.
    pub machine: String,
}

/// The program could not be read.
#[derive(Debug, thiserror::Error)]
#[error("this program, {path}, could not be read to be copied: {why}", path = path.display())]
pub struct ProgramError {
    path: PathBuf,
    why: String,
}

impl Program {
    /// This program, which is at this place.
    pub fn this(path: &Path, version: &str) -> Result<Self, ProgramError> {
        let error = |why: String| ProgramError {
            path: path.to_owned(),
            why,
        };
        let read = |result: io::Result<fs::Metadata>| result.map_err(|wrong| error(wrong.to_string()));
        let size = read(fs::metadata(path))?.len();
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

/// By the program that every system has, under one of its two names.
fn checksum(path: &Path) -> Result<String, String> {
    let mut why = String::new();
    for words in [&["sha256sum", "--"][..], &["shasum", "-a", "256", "--"][..]] {
        match Command::new(words[0]).args(&words[1..]).arg(path).output() {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                // A name with a backslash in it is announced by one.
                let sum = text
                    .trim_start_matches('\\')
                    .split_whitespace()
                    .next()
                    .unwrap_or_default();
                if sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Ok(sum.to_owned());
                }
                why = format!("{} answered {text:?}", words[0]);
            }
            Ok(output) => why = format!("{}: {}", words[0], String::from_utf8_lossy(&output.stderr).trim()),
            Err(error) => why = format!("{}: {error}", words[0]),
        }
    }
    Err(why)
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
