//! What the environment says, read once.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use gokku_core::{Access, AppName, Asker};
use gokku_server::app::apps;
use gokku_server::daemon::upgrade::Caller;
use gokku_server::os::key_env;
use gokku_server::{Root, Server};
use rustix::fs::Mode;

use crate::cli::Options;
use crate::error::Error;

/// The server that a command is about.
pub(crate) fn server(options: &Options) -> Result<Server, Error> {
    // Whoever asks, and whatever their umask: others may read what their folders let them reach, and write nothing.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let root = Root::open(&options.root)?;
    let engine = gokku_docker_socket(options)?;
    Ok(Server {
        root,
        program: program()?,
        engine,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        by: key().unwrap_or_else(user),
        access: access()?,
        asker: asker(),
    })
}

fn gokku_docker_socket(options: &Options) -> Result<PathBuf, Error> {
    Ok(gokku_server::engine_socket(options.docker_host.as_deref())?)
}

/// Where this program is.
pub(crate) fn program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|error| Error::failed(format!("where this program is: {error}")))
}

/// Who asks: who another gokku says it is, the user, also through sudo.
pub(crate) fn user() -> String {
    ["GOKKU_BY", "SUDO_USER", "LOGNAME", "USER"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Whose push it is, when it came with a key.
pub(crate) fn key() -> Option<String> {
    std::env::var(key_env::BY).ok().filter(|name| !name.is_empty())
}

/// Who answers for what is asked: git says it to its hooks.
fn asker() -> Asker {
    match std::env::var_os(key_env::WITH_KEY) {
        Some(_) => Asker::Key,
        None => Asker::Owner,
    }
}

/// Which apps whoever pushes is let to, when the push came with a key.
fn access() -> Result<Access, Error> {
    let Some(only) = std::env::var(key_env::ONLY).ok().filter(|only| !only.is_empty()) else {
        return Ok(Access::All);
    };
    let apps: Result<Vec<AppName>, _> = only.split(',').map(str::parse).collect();
    let apps = apps.map_err(|error| Error::failed(format!("{}: {error}", key_env::ONLY)))?;
    Ok(Access::of(apps))
}

/// What was asked for over ssh, when sshd has run another command in its place; empty when that was a shell.
pub(crate) fn asked() -> Vec<u8> {
    std::env::var_os("SSH_ORIGINAL_COMMAND")
        .map(OsString::into_vec)
        .unwrap_or_default()
}

/// The variables that aim git at something, and what came with a key: none is for git to see. The protocol's version is.
pub(crate) fn not_for_git() -> Vec<OsString> {
    let is_meant = |variable: &OsString| {
        let name = variable.as_encoded_bytes();
        (name.starts_with(b"GIT_") && name != b"GIT_PROTOCOL") || name == b"SSH_ORIGINAL_COMMAND"
    };
    std::env::vars_os()
        .map(|(variable, _)| variable)
        .filter(is_meant)
        .collect()
}

/// The user's home folder.
pub(crate) fn home() -> Result<PathBuf, Error> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(PathBuf::from)
        .ok_or_else(|| Error::failed("whose keys? HOME names no folder: set it to the user's home"))
}

/// How this machine is reached over ssh by whoever is asking: `USER@HOST`.
pub(crate) fn address() -> String {
    let name = rustix::system::uname();
    let host = name.nodename().to_string_lossy();
    let user = user();
    let user = if user.contains(' ') { "root" } else { &user };
    format!("{user}@{host}")
}

/// Whether an app is named at all.
pub(crate) fn names_app(options: &Options) -> bool {
    options.as_app.is_some() || options.app.is_some()
}

/// The app that `-a` names.
pub(crate) fn app(server: &Server, options: &Options) -> Result<AppName, Error> {
    let given = options
        .as_app
        .as_deref()
        .or(options.app.as_deref())
        .ok_or_else(which_app)?;
    Ok(apps::resolve(server, given)?)
}

/// What a service manager says of this process, see systemd.exec(5).
pub(crate) fn caller() -> Caller {
    Caller {
        invocation: std::env::var("INVOCATION_ID").ok(),
        logged: std::env::var_os("JOURNAL_STREAM").is_some(),
    }
}

/// Nobody said which app.
pub(crate) fn which_app() -> Error {
    Error::usage("which app? Name it with -a APP; `gokku apps list` shows them")
}
