//! `gokku run` and `gokku exec`: programs in containers.

use gokku_core::AppName;
use gokku_server::{Server, inside};

use super::wait;
use crate::error::Error;
use crate::terminal;

pub(super) fn exec(server: &Server, app: &AppName, command: &[String]) -> Result<u8, Error> {
    let tty = terminal::is_one();
    wait(async {
        let session = inside::exec(server, app, command, tty).await?;
        terminal::pass_through(session, tty).await
    })
}

pub(super) fn run(server: &Server, app: &AppName, command: &[String]) -> Result<u8, Error> {
    let tty = terminal::is_one();
    wait(async {
        let (once, session) = inside::run(server, app, command, tty).await?;
        let code = tokio::select! {
            code = terminal::pass_through(session, tty) => code,
            // The container goes with whoever asked for it.
            _ = tokio::signal::ctrl_c() => Ok(130),
        };
        once.remove().await.map_err(gokku_server::Error::from)?;
        code
    })
}
