//! One app on a story's server.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::{Answer, Container, Failure, Output, PATIENCE, Server, WorkingCopy, free_port, get, wait_until};

/// An app, by its name and its host port at the traffic switch.
pub struct App<'server> {
    server: &'server Server,
    name: String,
    port: u16,
}

impl<'server> App<'server> {
    pub(crate) fn new(server: &'server Server, name: String) -> Self {
        Self::at(server, name, free_port())
    }

    pub(crate) fn at(server: &'server Server, name: String, port: u16) -> Self {
        Self { server, name, port }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host port its working copies ask for in `gokku.yml`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where clients reach it: the traffic switch.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The name of its active container.
    pub fn blue(&self) -> String {
        format!("{}-blue", self.name)
    }

    /// The name of its candidate.
    pub fn green(&self) -> String {
        format!("{}-green", self.name)
    }

    /// Its bare repository.
    pub fn repository(&self) -> PathBuf {
        self.server.path(format!("repos/{}.git", self.name))
    }

    /// A file below its folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.server.path(format!("apps/{}/{below}", self.name))
    }

    /// Runs `gokku COMMAND -a APP ARGUMENTS`: the app is named after the first word, or after the second where
    /// the first names a group (`config set`).
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn gokku<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.server.gokku(self.named(args))
    }

    /// The same arguments, with `-a APP` in their place.
    pub fn named<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Vec<std::ffi::OsString> {
        let mut words: Vec<_> = args.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let group = words
            .first()
            .is_some_and(|word| ["config", "domains", "ps"].iter().any(|group| word == *group));
        let at = words.len().min(if group { 2 } else { 1 });
        words.splice(at..at, ["-a".into(), self.name.as_str().into()]);
        words
    }

    /// Runs `git` in the app's repository on the server.
    pub fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        let mut command = self.server.command("git");
        Output::of(command.arg("--git-dir").arg(self.repository()).args(args))
    }

    /// Runs `docker` on its server's engine.
    #[track_caller]
    pub fn docker<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.server.docker(args)
    }

    /// A developer's clone, with the app as the remote `production`; empty but for `gokku.yml`.
    #[track_caller]
    pub fn working_copy(&self) -> WorkingCopy<'server> {
        self.working_copy_with("")
    }

    /// The same, with more of the app in its `gokku.yml`: lines below its name, as `deployment:` is.
    #[track_caller]
    pub fn working_copy_with(&self, more: &str) -> WorkingCopy<'server> {
        let copy = WorkingCopy::new(self.server);
        copy.git(
            ["remote", "add", "production"]
                .map(OsStr::new)
                .into_iter()
                .chain([self.repository().as_os_str()]),
        )
        .ok();
        copy.write(
            "gokku.yml",
            format!(
                "apps:\n  {}:\n    ports: [\"{}:8080\"]\n{more}",
                self.name, self.port
            ),
        );
        copy
    }

    /// Asks it, through the traffic switch.
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        get(self.address(), path)
    }

    /// The version that answers now.
    #[track_caller]
    pub fn version(&self) -> String {
        match self.get("/version") {
            Ok(answer) if answer.status == 200 => answer.text(),
            other => panic!("{} should have answered its version: {other:?}", self.name),
        }
    }

    /// Waits until this version answers.
    #[track_caller]
    pub fn await_version(&self, version: &str) {
        wait_until(&format!("an answer from {version}"), PATIENCE, || {
            self.get("/version")
                .ok()
                .filter(|answer| answer.text() == version)
        });
    }

    /// The names of what is in one of its folders; none when that is not there.
    pub fn names_in(&self, below: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path(below)).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    /// Its releases whose code is there.
    pub fn code(&self) -> BTreeSet<String> {
        let mut code = self.names_in("releases");
        code.retain(|name| self.path(&format!("releases/{name}")).is_dir());
        code
    }

    /// Its releases that have an image.
    #[track_caller]
    pub fn images(&self) -> BTreeSet<String> {
        let tags = self.docker(["images", "--format", "{{.Tag}}", self.name()]).ok();
        let releases = tags.stdout.lines().filter_map(|tag| tag.strip_prefix("release-"));
        releases.map(str::to_owned).collect()
    }

    /// Its containers, also those that do not run.
    pub fn containers(&self) -> Vec<Container> {
        let mut containers = self.server.containers();
        containers.retain(|container| container.labels.get("gokku.app") == Some(&self.name));
        containers
    }

    /// The names of its containers.
    pub fn container_names(&self) -> Vec<String> {
        self.containers()
            .into_iter()
            .map(|container| container.name)
            .collect()
    }
}
