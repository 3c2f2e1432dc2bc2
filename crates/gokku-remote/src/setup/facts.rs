//! Reads what there is on a server from what two constant scripts print there: `probe.sh` says who asks, `facts.sh` the
//! rest. `fact_lines` tells their lines from others.

use std::fmt::Write;

use super::fact_lines::{FactLines, FactsError, first_line};

/// The script that says who asks, and whether root's work can be done. It runs as that user.
pub const PROBE: &str = include_str!("probe.sh");
/// The script that says the rest, for the folder and the user that it is given. It runs as root.
pub const FACTS: &str = include_str!("facts.sh");

/// What there is on a server, as far as setting up cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what is there or is not")]
pub struct Facts {
    /// Its kernel, `Linux`.
    pub kernel: String,
    /// Its architecture, as `uname -m` says it.
    pub machine: String,
    /// Its distribution, as it calls itself.
    pub system: String,
    /// The user who asks.
    pub user: User,
    /// Whether there is apt-get.
    pub apt: bool,
    /// Whether there is git.
    pub git: bool,
    /// Whether there is sudo.
    pub sudo: bool,
    /// Whether there is cron, with its folder for such lines.
    pub cron: bool,
    /// Whether systemd runs it.
    pub systemd: bool,
    /// Programs that setting up needs, and that are not there.
    pub lacks: Vec<String>,
    /// The Docker Engine.
    pub engine: EngineState,
    /// The group that may use the engine's socket.
    pub engine_group: Option<String>,
    /// The checksum, owner and mode of the gokku program.
    pub program: Option<String>,
    /// The members of the group `gokku`; none when there is no such group.
    pub members: Option<Vec<String>>,
    /// The user `gokku`.
    pub account: Option<Account>,
    /// The server's folder.
    pub root: RootState,
    /// The rule for sudo.
    pub sudoers: Option<InstalledFile>,
    /// The line for cron.
    pub cron_line: Option<InstalledFile>,
    /// The service.
    pub unit: Option<InstalledFile>,
    /// Whether the service is started at boot.
    pub enabled: bool,
    /// Whether the service runs.
    pub active: bool,
    /// Whether systemd has yet to read the service's file again.
    pub unread: bool,
    /// The traffic switch's process.
    pub daemon: Option<u32>,
    /// Whether the traffic switch runs a program that has been replaced since.
    pub stale: bool,
}

/// The user who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// Whether it is root.
    pub is_root: bool,
    /// Why root's work cannot be done, in sudo's words; none when it can.
    pub refusal: Option<String>,
    /// The user's groups.
    pub groups: Vec<String>,
}

/// The Docker Engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineState {
    /// It is not installed.
    #[default]
    Missing,
    /// It is installed and does not answer.
    Silent,
    /// It answers.
    Answers,
}

/// The user `gokku`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The user's id.
    pub uid: u32,
    /// The comment of its entry in passwd(5): it tells whether setting up made the user.
    pub comment: String,
    /// The home folder.
    pub home: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// How many lines of its authorized keys are gokku's.
    pub keys: usize,
}

/// A file that setting up writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledFile {
    /// Its owner, group and mode, as `root:root 644`.
    pub owner_and_mode: String,
    /// The file's text.
    pub text: String,
}

/// What there is in the place of the server's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RootState {
    /// There is nothing.
    #[default]
    Missing,
    /// There is something else, and what it is.
    NotAFolder(String),
    /// There is a folder.
    Folder {
        /// Its owner, group and mode, as `gokku:gokku 2750`.
        owner_and_mode: String,
        /// How many apps are in it.
        apps: usize,
        /// The names of what is in it and not gokku's.
        other: Vec<String>,
    },
}

/// Returns a file as its lines tell of it.
fn file(lines: &FactLines, name: &str) -> Option<InstalledFile> {
    let owner_and_mode = lines.one(name)?;
    let mut text = String::new();
    for line in lines.all(&format!("{name}.line")) {
        let _ = writeln!(text, "{line}");
    }
    Some(InstalledFile { owner_and_mode, text })
}

/// Reads who asks, from what `probe.sh` prints.
pub fn user(probed: &str, mark: &str) -> Result<User, FactsError> {
    let said = FactLines::read(probed, mark)?;
    if !said.is("probed", "yes") {
        return Err(FactsError(first_line(probed)));
    }
    Ok(User {
        name: said.one("user").unwrap_or_default(),
        is_root: said.is("uid", "0"),
        refusal: said.one("sudo.refusal"),
        groups: Vec::new(),
    })
}

impl Facts {
    /// Reads what both scripts print, one after the other.
    pub fn parse(printed: &str, mark: &str) -> Result<Self, FactsError> {
        let user = user(printed, mark)?;
        let said = FactLines::read(printed, mark)?;
        if !said.is("end", "yes") {
            return Err(FactsError(first_line(printed)));
        }
        let account = said.number("account.uid").map(|uid| Account {
            uid,
            comment: said.one("account.comment").unwrap_or_default(),
            home: said.one("account.home").unwrap_or_default(),
            groups: said.words("account.groups"),
            keys: said.count("keys"),
        });
        Ok(Self {
            kernel: said.one("kernel").unwrap_or_default(),
            machine: said.one("machine").unwrap_or_default(),
            system: said
                .one("system")
                .unwrap_or_else(|| "an unknown system".to_owned()),
            user: User {
                groups: said.words("user.groups"),
                ..user
            },
            apt: said.is("has", "apt-get"),
            git: said.is("has", "git"),
            sudo: said.is("has", "sudo"),
            cron: said.is("has", "cron"),
            systemd: said.is("systemd", "yes"),
            lacks: said.all("lacks").to_vec(),
            engine: match said.one("engine").as_deref() {
                Some("answers") => EngineState::Answers,
                Some(_) => EngineState::Silent,
                None => EngineState::Missing,
            },
            engine_group: said.one("engine.group"),
            program: said.one("program"),
            members: said.one("group").map(|_| said.words("group")),
            account,
            root: match said.one("root").as_deref() {
                None => RootState::Missing,
                Some("folder") => RootState::Folder {
                    owner_and_mode: said.one("root.is").unwrap_or_default(),
                    apps: said.count("root.apps"),
                    other: said.all("root.other").to_vec(),
                },
                Some("link") => RootState::NotAFolder("a symbolic link".to_owned()),
                Some(_) => RootState::NotAFolder("no folder".to_owned()),
            },
            sudoers: file(&said, "sudoers"),
            cron_line: file(&said, "cron"),
            unit: file(&said, "unit"),
            enabled: said.is("unit.enabled", "yes"),
            active: said.is("unit.active", "yes"),
            unread: said.is("unit.unread", "yes"),
            daemon: said.number("daemon"),
            stale: said.is("daemon.stale", "yes"),
        })
    }

    /// Returns the line that is told of a server before anything is done.
    pub fn summary(&self) -> String {
        let engine = match self.engine {
            EngineState::Missing => "no Docker Engine",
            EngineState::Silent => "a Docker Engine that does not answer",
            EngineState::Answers => "a Docker Engine",
        };
        let manager = if self.systemd { "systemd" } else { "no systemd" };
        let how = if self.user.is_root { "" } else { ", with sudo" };
        format!(
            "{}, {} {}; {manager}, {engine}; you are {}{how}",
            self.system, self.kernel, self.machine, self.user.name
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
#[path = "facts_tests.rs"]
mod tests;
