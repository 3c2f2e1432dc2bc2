//! What an app wants to be run in its new container once that has the traffic. Nothing of it undoes the deploy.

use std::time::Duration;

use gokku_core::config::procfile::Command;
use gokku_core::containers::Lines;
use gokku_core::logs::event::{Event, Source};
use gokku_core::{AppName, ContainerId};

use crate::engine::runtime::Runtime;
use crate::queue::transition_log::Log;

/// How long one command may take: the app is busy meanwhile.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs each in its turn, and tells of those that fail.
pub(crate) async fn run(
    runtime: &dyn Runtime,
    app: &AppName,
    container: &ContainerId,
    commands: &[Command],
    log: &mut Log,
) {
    for command in commands {
        log.tell(Event::Noted {
            line: format!("Running {}", command.text()),
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
        let failed = match ended {
            Ok(Some(0)) => continue,
            Ok(Some(code)) => format!("ended with exit code {code}"),
            Ok(None) => format!("failed: it was ended after {} s", LIMIT.as_secs()),
            Err(error) => format!("failed: {error}"),
        };
        log.tell(Event::Warned {
            line: format!(
                "post_deploy: {:?} {failed}; the release has the traffic all the same, `gokku exec -a {app} -- …` runs it again",
                command.text()
            ),
        });
    }
}
