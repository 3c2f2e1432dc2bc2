//! A server and a developer's machine that reaches it over a real ssh, for the stories of both.

use std::process::Command;

use gokku_tests::{App, Laptop, Output, Server, Sshd, WorkingCopy, free_port, unique};

/// A server, a laptop, and a project that has no remote yet.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) sshd: Sshd,
    pub(crate) laptop: Laptop,
    pub(crate) app: String,
    port: u16,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let server = Server::new();
        let sshd = Sshd::start(&server);
        let laptop = Laptop::new(&sshd);
        Self {
            server,
            sshd,
            laptop,
            app: unique("api"),
            port: free_port(),
        }
    }

    pub(crate) fn project(&self) -> WorkingCopy<'_> {
        self.laptop.project(&self.app, self.port)
    }

    /// A project with its remote added.
    pub(crate) fn remote(&self) -> WorkingCopy<'_> {
        let dev = self.project();
        dev.gokku(["remote", "add", &self.name(), &self.sshd.destination()])
            .ok();
        dev
    }

    /// The remote's name.
    pub(crate) fn name(&self) -> String {
        format!("{}-production", self.app)
    }

    /// The app, once it was created.
    pub(crate) fn api(&self) -> App<'_> {
        self.server.app_of(&self.app, self.port)
    }

    /// The processes of this server that do for a laptop what this word says.
    pub(crate) fn processes(&self, word: &str) -> Vec<u32> {
        let mut all = self.server.processes();
        all.retain(|pid| {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
            words.contains(&b"--client".as_slice()) && words.contains(&word.as_bytes())
        });
        all
    }
}

/// Writes, commits and pushes a version.
pub(crate) fn release(dev: &WorkingCopy<'_>, remote: &str, version: &str) -> Output {
    dev.write_app(version, &[]);
    dev.commit(version);
    dev.git(["push", remote, "main"])
}

/// The processes that a process has started.
pub(crate) fn children(of: u32) -> Vec<u32> {
    let found = Output::of(Command::new("pgrep").args(["-P", &of.to_string()]));
    found
        .stdout
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect()
}

/// Kills a process, as a crash does.
pub(crate) fn kill(process: u32) {
    Output::of(Command::new("kill").args(["-KILL", &process.to_string()])).ok();
}
