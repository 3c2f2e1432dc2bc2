//! What an app wants to be run in its new container once that has the traffic. Nothing of it undoes the deploy.

use std::time::Duration;

use futures_util::StreamExt;
use gokku_core::AppName;
use gokku_core::event::{Event, Source};
use gokku_core::procfile::Command;
use gokku_docker::{Engine, Lines};
use tokio::time::timeout;

use crate::error::Error;
use crate::log::Log;
use crate::logs;
use crate::server::Server;

/// How long one command may take: the app is busy meanwhile.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs each in its turn, and tells of those that fail.
pub(crate) async fn run(
    server: &Server,
    app: &AppName,
    engine: &Engine,
    commands: &[Command],
    log: &mut Log,
) {
    for command in commands {
        log.tell(Event::Noted {
            line: format!("Running {}", command.text()),
        });
        let failed = match one(server, app, engine, command, log).await {
            Ok(0) => continue,
            Ok(code) => format!("ended with exit code {code}"),
            Err(error) => format!("failed: {}", error.message),
        };
        log.tell(Event::Warned {
            line: format!(
                "post_deploy: {:?} {failed}; the release has the traffic all the same, `gokku exec -a {app} -- …` runs it again",
                command.text()
            ),
        });
    }
}

/// Its exit code.
async fn one(
    server: &Server,
    app: &AppName,
    engine: &Engine,
    command: &Command,
    log: &mut Log,
) -> Result<i64, Error> {
    let Some((id, true)) = logs::active(server, app, engine).await? else {
        return Err(Error::failed("the app does not run"));
    };
    let mut session = engine.exec(&id, command.words(), false, false).await?;
    let handle = session.handle();
    let mut lines = Lines::default();
    let mut tell = |lines: Vec<String>| {
        for line in lines {
            log.tell(Event::Output {
                source: Source::PostDeploy,
                line,
            });
        }
    };
    let told = timeout(LIMIT, async {
        while let Some(piece) = session.output.next().await {
            tell(lines.push(&piece?));
        }
        handle.exit_code().await
    })
    .await;
    tell(lines.rest());
    if let Ok(code) = told {
        return Ok(code?);
    }
    handle.end().await?;
    Err(Error::failed(format!("it was ended after {} s", LIMIT.as_secs())))
}
