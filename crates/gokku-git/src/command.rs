//! How git is run: never through a shell, its words in English, its configuration the repository's own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::error::Error;

/// A git command in a bare repository.
///
/// Inside a hook git tells its children by `GIT_QUARANTINE_PATH` and `GIT_OBJECT_DIRECTORY` where the pushed
/// objects are (git-receive-pack(1)); those two and the alternates stay, all else that aims git elsewhere goes.
pub(crate) fn git(repository: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(repository).args(args);
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_NAMESPACE",
        "GIT_CONFIG",
    ] {
        command.env_remove(variable);
    }
    quiet(&mut command);
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    // The repository may belong to the user who pushes while root deploys: that is how it is meant.
    command
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        // Without it the group may write what an archive unpacks.
        .env("GIT_CONFIG_KEY_1", "tar.umask")
        .env("GIT_CONFIG_VALUE_1", "0022");
    command
}

/// Asks nothing, and says what it says to us and in English.
pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    command
        .env("LC_MESSAGES", "C")
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

/// The command's first words, for errors.
pub(crate) fn words(command: &Command) -> String {
    command
        .get_args()
        .skip(2)
        .take(2)
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    command.spawn().map_err(Error::Missing)
}

/// Runs it to its end, whatever its exit code.
pub(crate) fn output(command: &mut Command) -> Result<Output, Error> {
    command.output().map_err(Error::Missing)
}

/// Runs it, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>, Error> {
    let output = output(command)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(&words(command), &output.stderr))
    }
}

/// git's last words, as the error they are.
pub(crate) fn failed(command: &str, stderr: &[u8]) -> Error {
    let text = String::from_utf8_lossy(stderr);
    // After an empty line git gives advice to whoever sits before it.
    let text = text.trim_start().split("\n\n").next().unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("fatal: ").unwrap_or(line).trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    let message = lines[lines.len().saturating_sub(3)..].join("; ");
    Error::Failed {
        command: command.to_owned(),
        message,
    }
}
