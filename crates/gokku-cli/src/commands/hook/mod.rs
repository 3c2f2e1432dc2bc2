//! `gokku hook`: what git runs for a push. Before it takes the push's objects, and in place of moving the refs.

mod pre_receive;
mod proc_receive;

use clap::Subcommand;
use gokku_core::AppName;
use gokku_core::logs::audit::Change;
use gokku_server::Server;
use gokku_server::app::intake;
use gokku_server::record::audit_log;

use super::Run;
use crate::context::Context;
use crate::environment;
use crate::error::Error;

/// What git runs
#[derive(Debug, Subcommand)]
pub(crate) enum Hook {
    PreReceive(pre_receive::PreReceiveArgs),
    ProcReceive(proc_receive::ProcReceiveArgs),
}

impl Hook {
    /// Returns the command's own arguments.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::PreReceive(args) => args,
            Self::ProcReceive(args) => args,
        }
    }
}

/// Returns the server and the app of a push, with bounds for the memory that it may take.
fn begin<'a>(context: &'a Context) -> Result<(&'a Server, AppName), Error> {
    let server = context.server()?;
    let app = context.app()?;
    intake::bound_memory(server)?;
    Ok((server, app))
}

/// Records what became of a push that came with a key. git itself ends well, also when it rejects a push: only here is
/// known what became of it.
fn record(server: &Server, app: &AppName, code: u8) {
    if environment::key().is_some() {
        let command = "push".to_owned();
        let change = Change::Commanded { command, code };
        audit_log::note(&server.root, &server.by, Some(app), change);
    }
}
