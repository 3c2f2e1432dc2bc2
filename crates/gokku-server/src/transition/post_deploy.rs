//! What an app wants to be run in its new container once that has the traffic. Nothing of it undoes the deploy.

use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::config::procfile::Command;
use gokku_core::containers::Lines;
use gokku_core::logs::event::{CommandEnd, Event, Source};

use crate::engine::runtime::Runtime;
use crate::queue::transition_log::Log;

/// How long one command may take: the app is busy meanwhile.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs each in its turn, and tells of those that fail.
pub(crate) async fn run(runtime: &dyn Runtime, container: &ContainerId, commands: &[Command], log: &mut Log) {
    for command in commands {
        log.tell(Event::PostDeployStarted {
            command: command.text().to_owned(),
        });
        let mut lines = Lines::default();
        let mut tell = |lines: Vec<String>| {
            for line in lines {
                log.tell(Event::Output {
                    source: Source::PostDeploy,
                    line,
                });
            }
        };
        let ended = runtime
            .run_inside(container, command.words(), LIMIT, &mut |piece| {
                tell(lines.push(&piece));
            })
            .await;
        tell(lines.rest());
        let end = match ended {
            Ok(Some(0)) => continue,
            Ok(Some(code)) => CommandEnd::Exited { code },
            Ok(None) => CommandEnd::TimedOut { limit: LIMIT },
            Err(error) => CommandEnd::NotRun {
                error: error.to_string(),
            },
        };
        log.tell(Event::PostDeployFailed {
            command: command.text().to_owned(),
            end,
        });
    }
}
