//! What the environment says, read once.

use std::path::PathBuf;

use gokku_core::AppName;
use gokku_server::replace::Caller;
use gokku_server::{Root, Server, apps};

use crate::cli::Options;
use crate::error::Error;

/// The server that a command is about.
pub(crate) fn server(options: &Options) -> Result<Server, Error> {
    let root = Root::open(&options.root)?;
    let engine = gokku_docker_socket(options)?;
    Ok(Server {
        root,
        program: program()?,
        engine,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        by: user(),
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

/// How this machine is reached over ssh by whoever is asking: `USER@HOST`.
pub(crate) fn address(server: &Server) -> String {
    let name = rustix::system::uname();
    let host = name.nodename().to_string_lossy();
    let user = if server.by.contains(' ') {
        "root"
    } else {
        &server.by
    };
    format!("{user}@{host}")
}

/// The app that `-a` names.
pub(crate) fn app(server: &Server, options: &Options) -> Result<AppName, Error> {
    let given = options
        .as_app
        .as_deref()
        .or(options.app.as_deref())
        .ok_or_else(|| Error::usage("which app? Name it with -a APP; `gokku apps list` shows them"))?;
    Ok(apps::resolve(&server.root, given)?)
}

/// What a service manager says of this process, see systemd.exec(5).
pub(crate) fn caller() -> Caller {
    Caller {
        invocation: std::env::var("INVOCATION_ID").ok(),
        logged: std::env::var_os("JOURNAL_STREAM").is_some(),
    }
}
