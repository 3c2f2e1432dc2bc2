//! A machine that a story's programs run on, with nothing of the real one's configuration.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::Server;

/// A machine.
pub trait Machine: Sync {
    /// A program on it.
    fn program(&self, program: &OsStr) -> Command;
}

impl Machine for Server {
    fn program(&self, program: &OsStr) -> Command {
        self.command(program)
    }
}

/// A program with a path, a home and an identity of its own, and nothing else.
pub(crate) fn program(program: impl AsRef<OsStr>, home: &Path, programs: &Path, person: &str) -> Command {
    let machine = std::env::var("PATH").unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    let address = format!("{}@example.com", person.to_lowercase());
    let mut command = Command::new(program);
    command
        .env_clear()
        .current_dir(home)
        .env("PATH", format!("{}:{machine}", programs.display()))
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .env("TERM", "dumb")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", person)
        .env("GIT_AUTHOR_EMAIL", &address)
        .env("GIT_COMMITTER_NAME", person)
        .env("GIT_COMMITTER_EMAIL", &address);
    command
}
