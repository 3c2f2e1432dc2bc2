//! `gokku run` and `gokku exec`: programs in containers.

use gokku_core::AppName;
use gokku_server::Server;
use gokku_server::command::exec;

use super::wait;
use crate::error::Error;
use crate::terminal;

pub(super) fn exec(server: &Server, app: &AppName, command: &[String]) -> Result<u8, Error> {
    let tty = terminal::is_one();
    wait(async {
        let session = exec::exec(server, app, command, tty).await?;
        let handle = session.handle();
        tokio::select! {
            code = terminal::pass_through(session, tty) => code,
            code = terminal::told_to_end() => {
                // The engine lets a program go on when nobody listens any more.
                handle.end().await.map_err(gokku_server::Error::from)?;
                Ok(code)
            }
        }
    })
}

pub(super) fn run(server: &Server, app: &AppName, command: &[String]) -> Result<u8, Error> {
    let tty = terminal::is_one();
    wait(async {
        let (once, session) = exec::run(server, app, command, tty).await?;
        let code = tokio::select! {
            code = terminal::pass_through(session, tty) => code,
            // The container goes with whoever asked for it.
            code = terminal::told_to_end() => Ok(code),
        };
        once.remove().await.map_err(gokku_server::Error::from)?;
        code
    })
}
