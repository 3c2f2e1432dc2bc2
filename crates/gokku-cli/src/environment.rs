//! Reads the environment, once: nothing else does.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use gokku_core::access::domain_grants::DomainGrants;
use gokku_core::access::reached_at::ReachedAt;
use gokku_core::domains::name::DomainNameError;
use gokku_core::machine::notify_message::FIRST_DESCRIPTOR;
use gokku_core::{Access, AppName, Asker};
use gokku_server::daemon::upgrade::Caller;
use gokku_server::os::{inherited, key_env};
use gokku_server::{Root, Server, ServiceManager};
use rustix::fs::Mode;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::cli::Options;
use crate::error::Error;

/// Opens the server that this machine is.
pub(crate) fn server(options: &Options) -> Result<Server, Error> {
    // Whoever asks, and whatever their umask: others may read what their folders let them reach, and write nothing.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let root = Root::open(&options.root)?;
    Ok(Server {
        switch: gokku_server::traffic_switch(&root),
        root,
        engine: gokku_server::engine_socket(options.docker_host.as_deref())?,
        program: program()?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        by: key().unwrap_or_else(user),
        access: access()?,
        asker: asker(),
        domains: domains()?,
        reached_at: reached_at(options),
    })
}

/// Returns what the daemon tells in its log; what nobody understands is no filter.
pub(crate) fn log_filter() -> Targets {
    let given = std::env::var("GOKKU_LOG").ok();
    let filter = given.and_then(|given| given.parse().ok());
    filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// Returns the path of this program.
pub(crate) fn program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|error| Error::failed(error).about("where this program is"))
}

/// Returns who asks: whoever another gokku says it is, or the user, also through sudo.
pub(crate) fn user() -> String {
    ["GOKKU_BY", "SUDO_USER", "LOGNAME", "USER"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Returns the name of the key that a push came with, if it came with one.
pub(crate) fn key() -> Option<String> {
    std::env::var(key_env::BY).ok().filter(|name| !name.is_empty())
}

/// Returns who answers for what is asked: git says it to its hooks.
fn asker() -> Asker {
    match std::env::var_os(key_env::WITH_KEY) {
        Some(_) => Asker::Key,
        None => Asker::Owner,
    }
}

/// Returns which apps whoever pushes may reach, when the push came with a key.
fn access() -> Result<Access, Error> {
    let Some(only) = std::env::var(key_env::ONLY).ok().filter(|only| !only.is_empty()) else {
        return Ok(Access::All);
    };
    let apps: Result<Vec<AppName>, _> = only.split(',').map(str::parse).collect();
    let apps = apps.map_err(|error| Error::failed(error).about(key_env::ONLY))?;
    Ok(Access::of(apps))
}

/// Returns the domains that whoever pushes may give to the app, when the push came with a key.
fn domains() -> Result<DomainGrants, Error> {
    let given = std::env::var(key_env::DOMAINS).unwrap_or_default();
    let given = given.split(',').filter(|word| !word.is_empty());
    let given: Result<DomainGrants, _> = given.map(str::parse).collect();
    given.map_err(|error: DomainNameError| Error::failed(error).about(key_env::DOMAINS))
}

/// Returns the host by which whoever asks reaches this machine: what another gokku says, or sshd.
pub(crate) fn reached_at(options: &Options) -> Option<ReachedAt> {
    let connection = || ReachedAt::of_ssh_connection(&std::env::var("SSH_CONNECTION").ok()?);
    options.reached_at.clone().or_else(connection)
}

/// Returns what was asked for over ssh, when sshd has run another command in its place; empty when that was a shell.
pub(crate) fn ssh_command() -> Vec<u8> {
    std::env::var_os("SSH_ORIGINAL_COMMAND")
        .map(OsString::into_vec)
        .unwrap_or_default()
}

/// Returns the variables that git must not see: those that aim it at something, and what came with a key. The protocol's
/// version is for it.
pub(crate) fn hidden_from_git() -> Vec<OsString> {
    let is_hidden = |variable: &OsString| {
        let name = variable.as_encoded_bytes();
        (name.starts_with(b"GIT_") && name != b"GIT_PROTOCOL") || name == b"SSH_ORIGINAL_COMMAND"
    };
    std::env::vars_os()
        .map(|(variable, _)| variable)
        .filter(is_hidden)
        .collect()
}

/// Returns the user's home folder.
pub(crate) fn home() -> Result<PathBuf, Error> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(PathBuf::from)
        .ok_or_else(|| Error::failed("whose keys? HOME names no folder: set it to the user's home"))
}

/// Returns how this machine is reached over ssh by whoever is asking: `USER@HOST`.
pub(crate) fn ssh_address() -> String {
    let name = rustix::system::uname();
    let host = name.nodename().to_string_lossy();
    let user = user();
    let user = if user.contains(' ') { "root" } else { &user };
    format!("{user}@{host}")
}

/// Returns what a service manager says of this process, see systemd.exec(5).
pub(crate) fn service_manager() -> Caller {
    Caller {
        invocation: std::env::var("INVOCATION_ID").ok(),
        logged: std::env::var_os("JOURNAL_STREAM").is_some(),
    }
}

/// Returns what the switch's service manager has given to it, see `sd_listen_fds(3)`. Descriptors that were given to another
/// process count only where `kept` says that they are this one's: who starts it cannot know its number.
pub(crate) fn service_manager_of_switch(kept: bool) -> ServiceManager {
    let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
    let mut manager = ServiceManager {
        socket: std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()),
        ..ServiceManager::default()
    };
    if let Some(capacity) = number("FDSTORE") {
        manager.capacity = capacity;
    }
    let is_mine = kept || number("LISTEN_PID").is_some_and(|process| process == std::process::id() as usize);
    let Some(count) = number("LISTEN_FDS").filter(|_| is_mine) else {
        return manager;
    };
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let given = inherited::take()
        .into_iter()
        .take_while(|(place, _)| usize::try_from(*place).is_ok_and(|place| place < FIRST_DESCRIPTOR + count));
    manager.kept = given
        .map(|(_, descriptor)| (names.next().unwrap_or_default().to_owned(), descriptor))
        .collect();
    manager
}

/// Returns the process that started this one, as long as that lives.
pub(crate) fn parent() -> Option<u32> {
    let parent = rustix::process::getppid()?;
    u32::try_from(parent.as_raw_nonzero().get()).ok()
}
