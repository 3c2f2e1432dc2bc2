//! A developer's own machine: it reaches a story's server over ssh alone.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::machine;
use crate::{Machine, Output, Sshd, WorkingCopy, gokku_program, test_app_program};

/// A machine with `gokku`, `git` and an `ssh` that finds the server, and nothing of the server's own.
pub struct Laptop {
    folder: TempDir,
}

impl Laptop {
    /// One whose ssh has a key to this sshd, and knows it as `server`.
    pub fn new(sshd: &Sshd) -> Self {
        let laptop = Self::without_server();
        sshd.install_client(&laptop.programs());
        laptop
    }

    /// One that knows no server.
    pub fn without_server() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-laptop-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        let laptop = Self { folder };
        for folder in [laptop.home(), laptop.programs()] {
            fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        let program = laptop.programs().join("gokku");
        symlink(gokku_program(), &program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        laptop
    }

    /// Its user's home.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder that stands first in every program's path.
    pub fn programs(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// A server's folder that this machine does not have.
    pub fn no_root(&self) -> PathBuf {
        self.folder.path().join("no-server")
    }

    /// A program, in the user's home.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = machine::program(program, &self.home(), &self.programs(), "Ada");
        // The machine that runs the tests may be a server itself.
        command.env("USER", "ada").env("GOKKU_ROOT", self.no_root());
        command
    }

    /// Runs `gokku` in the user's home, to its end.
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn gokku<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(self.command("gokku").args(args).stdin(Stdio::null()))
    }

    /// Runs `gokku` in the user's home with this on its standard input.
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn gokku_with_input<S: AsRef<OsStr>>(
        &self,
        input: &[u8],
        args: impl IntoIterator<Item = S>,
    ) -> Output {
        Output::with_input(self.command("gokku").args(args), input)
    }

    /// A project of the test app, in a repository with no remote: an app of this name at this host port.
    #[track_caller]
    pub fn project(&self, app: &str, port: u16) -> WorkingCopy<'_> {
        let copy = WorkingCopy::new(self);
        copy.write(
            "gokku.yml",
            format!("apps:\n  {app}:\n    ports: [\"{port}:8080\"]\n"),
        );
        // Built before anything is timed or waited for.
        test_app_program();
        copy
    }
}

impl Machine for Laptop {
    fn program(&self, program: &OsStr) -> Command {
        self.command(program)
    }
}
