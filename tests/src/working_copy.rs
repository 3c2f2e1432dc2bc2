//! A developer's working copy: files, commits, pushes.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{Machine, Output, Running, test_app_program, workspace};

const DOCKERFILE: &str = "\
FROM scratch
COPY app /app
COPY version behaviour /
EXPOSE 8080
ENTRYPOINT [\"/app\"]
";

/// A git repository on branch `main`, in a folder of its own.
pub struct WorkingCopy<'machine> {
    machine: &'machine dyn Machine,
    folder: TempDir,
}

/// How a push ended.
#[derive(Clone, Debug)]
pub struct PushOutcome {
    /// Whether git said it was accepted.
    pub accepted: bool,
    /// What the pusher saw.
    pub output: String,
}

impl<'machine> WorkingCopy<'machine> {
    /// An empty one.
    #[track_caller]
    pub fn new(machine: &'machine dyn Machine) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-dev-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        let copy = Self { machine, folder };
        copy.git(["init", "--quiet", "--initial-branch", "main"]).ok();
        copy
    }

    /// A clone of it as build servers make them: with its last commit alone, and with the same `production`.
    #[track_caller]
    pub fn shallow_clone(&self) -> Self {
        let copy = Self::new(self.machine);
        let url = format!("file://{}", self.folder().display());
        copy.git(["fetch", "--quiet", "--depth", "1", &url, "main"]).ok();
        copy.git(["reset", "--quiet", "--hard", "FETCH_HEAD"]).ok();
        let production = self.git(["remote", "get-url", "production"]).ok();
        copy.git(["remote", "add", "production", production.line()]).ok();
        copy
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.machine.program(OsStr::new(program));
        command.current_dir(self.folder());
        command
    }

    /// Runs `gokku` in it, to its end.
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn gokku<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(self.command("gokku").args(args).stdin(Stdio::null()))
    }

    /// Starts `gokku` in it and lets it run.
    #[track_caller]
    pub fn start_gokku<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        Running::start(self.command("gokku").args(args))
    }

    /// Starts git in it and lets it run.
    #[track_caller]
    pub fn start_git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        Running::start(self.command("git").args(args))
    }

    /// Runs git in it.
    #[track_caller]
    pub fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(self.command("git").args(args).stdin(Stdio::null()))
    }

    /// Writes a file, folders included.
    #[track_caller]
    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.folder().join(file);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Copies one of `tests/projects` into it.
    #[track_caller]
    pub fn write_project(&self, name: &str) {
        let from = workspace().join("tests/projects").join(name).join(".");
        let mut copy = Command::new("cp");
        Output::of(copy.arg("-r").arg(from).arg(self.folder())).ok();
    }

    /// Changes a file's text.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder().join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(from), "{} has no {from:?}", path.display());
        self.write(file, text.replace(from, to));
    }

    /// Removes a file.
    #[track_caller]
    pub fn remove(&self, file: &str) {
        let path: PathBuf = self.folder().join(file);
        fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Writes the test app: this version, misbehaving in these ways (see `tests/app/src/behaviour.rs`).
    #[track_caller]
    pub fn write_app(&self, version: &str, behaviours: &[&str]) {
        self.write_program(test_app_program(), version);
        self.write("behaviour", behaviours.join("\n"));
    }

    /// Writes another program than the test app, in its place.
    #[track_caller]
    pub fn write_program(&self, program: &Path, version: &str) {
        self.write("Dockerfile", DOCKERFILE);
        self.write("version", format!("{version}\n"));
        self.write("behaviour", "");
        let app = self.folder().join("app");
        fs::copy(program, &app)
            .and_then(|_| fs::set_permissions(&app, fs::Permissions::from_mode(0o755)))
            .unwrap_or_else(|error| panic!("{}: {error}", app.display()));
    }

    /// Commits everything, even if nothing changed; the commit's id.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(["add", "--all"]).ok();
        self.git(["commit", "--quiet", "--allow-empty", "-m", message])
            .ok();
        self.git(["rev-parse", "HEAD"]).ok().line().to_owned()
    }

    /// `git push production main`
    #[must_use = "a push may be accepted or rejected: say which"]
    pub fn push(&self) -> PushOutcome {
        self.push_to("production", &["main"])
    }

    /// `git push REMOTE REFSPEC…`
    #[must_use = "a push may be accepted or rejected: say which"]
    pub fn push_to(&self, remote: &str, refspecs: &[&str]) -> PushOutcome {
        let output = self.git(["push", remote].iter().chain(refspecs));
        PushOutcome {
            accepted: output.code == Some(0),
            output: format!("{}{}", output.stdout, output.stderr),
        }
    }

    /// `git push production main`, going on beside the story.
    pub fn start_push(&self) -> Running {
        self.start_git(["push", "production", "main"])
    }

    /// Writes, commits and pushes a version that behaves well.
    #[must_use = "a push may be accepted or rejected: say which"]
    pub fn release(&self, version: &str) -> PushOutcome {
        self.release_with(version, &[])
    }

    /// Writes, commits and pushes a version that misbehaves in these ways.
    #[must_use = "a push may be accepted or rejected: say which"]
    pub fn release_with(&self, version: &str, behaviours: &[&str]) -> PushOutcome {
        self.write_app(version, behaviours);
        self.commit(version);
        self.push()
    }
}

impl PushOutcome {
    /// Must have been accepted.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.accepted, "the push should have been accepted\n{self}");
        self
    }

    /// Must have been rejected.
    #[track_caller]
    pub fn rejected(self) -> Self {
        assert!(!self.accepted, "the push should have been rejected\n{self}");
        self
    }

    /// The pusher must have seen this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.output.contains(text),
            "the pusher should have seen {text:?}\n{self}"
        );
        self
    }

    /// What the hook printed: the lines behind `remote: `, without git's padding.
    pub fn remote_lines(&self) -> Vec<&str> {
        let lines = self
            .output
            .split(['\n', '\r'])
            .filter_map(|line| line.strip_prefix("remote: "));
        lines.map(str::trim_end).collect()
    }
}

impl fmt::Display for PushOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.accepted { "accepted" } else { "rejected" };
        write!(f, "{word}:\n{}", self.output)
    }
}
