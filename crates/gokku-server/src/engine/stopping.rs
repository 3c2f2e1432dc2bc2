//! Stops a container, and finds out why it did not end by itself where it had to be killed; and which stops nobody waits for
//! any more, although the engine may come to them yet.

use std::collections::BTreeSet;
use std::time::Duration;

use gokku_core::ContainerId;
use gokku_core::config::process_one::{KilledBecause, Stopped, Time, is_deaf_shell, is_init};
use gokku_core::containers::{ContainerState, Details, Error};
use gokku_core::logs::event::{Event, Finish, Stamped};
use gokku_core::transition::StepName;
use tokio::time::Instant;

use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::queue::transition_log;

/// Stops it; why it had to be killed, where it did not end by itself.
pub(crate) async fn stop(
    runtime: &dyn Runtime,
    id: &ContainerId,
    grace: Duration,
) -> Result<Option<KilledBecause>, Error> {
    // Looked at before: afterwards there is no process to be seen. What cannot be seen stops nobody.
    let before = runtime.container(id.as_str()).await.ok().flatten();
    let running = before.filter(|facts| facts.state == ContainerState::Running);
    let before = running.and_then(|facts| facts.details);
    let behind_shell = before.as_ref().is_some_and(is_behind_shell);
    let began = Instant::now();
    runtime.stop(id, grace).await?;
    let time = match began.elapsed() >= grace {
        _ if grace.is_zero() => Time::None,
        true => Time::Over,
        false => Time::Left,
    };
    // One that ended in time was killed only with its shell.
    if time == Time::Left && !behind_shell {
        return Ok(None);
    }
    let after = runtime.container(id.as_str()).await.ok().flatten();
    let (Some(before), Some(after)) = (before, after.and_then(|facts| facts.details)) else {
        return Ok(None);
    };
    let stopped = Stopped {
        time,
        exit_code: after.exit_code,
        out_of_memory: after.oom_killed,
        has_init: before.init || is_init(&before.words),
        behind_shell,
    };
    Ok(stopped.killed_because())
}

/// The names of the containers whose stop the last transition asked for, and gave up before it heard of their end.
pub(crate) fn given_up(dir: &AppDir) -> BTreeSet<String> {
    let ids = transition_log::list(dir).into_iter().rev();
    let mut all = ids.map(|id| transition_log::read(dir, id));
    // Those that were refused have done nothing.
    all.find_map(|told| unheard_stops(&told)).unwrap_or_default()
}

/// The same of one transition's log; none of one that did nothing.
fn unheard_stops(told: &[Stamped]) -> Option<BTreeSet<String>> {
    let mut unheard = BTreeSet::new();
    let mut under_way = None;
    let (mut began, mut given_up) = (false, false);
    for Stamped { event, .. } in told {
        match event {
            Event::StepStarted(started) => {
                began = true;
                let names = started.about.containers();
                under_way = (started.step == StepName::Stop).then(|| names.to_vec());
                unheard.extend(under_way.iter().flatten().cloned());
            }
            Event::StepFinished { .. } => {
                if let Some(stopped) = under_way.take() {
                    unheard.retain(|name| !stopped.contains(name));
                }
            }
            Event::Finished { outcome, .. } => given_up = matches!(outcome, Finish::GaveUp { .. }),
            _ => {}
        }
    }
    began.then(|| if given_up { unheard } else { BTreeSet::new() })
}

/// That it had to be killed, to be told.
pub(crate) fn killed(container: String, grace: Duration, because: KilledBecause) -> Event {
    Event::Killed {
        container,
        grace,
        because,
    }
}

/// Whether a shell is what a container runs, and the program is what that runs.
fn is_behind_shell(details: &Details) -> bool {
    let main = if details.init {
        children(details.pid).first().copied()
    } else {
        Some(details.pid)
    };
    main.is_some_and(|main| {
        let read = |name: &str| std::fs::read(format!("/proc/{main}/{name}")).unwrap_or_default();
        is_deaf_shell(&read("cmdline"), &String::from_utf8_lossy(&read("status")))
            && !children(main).is_empty()
    })
}

/// A process's children, see proc(5).
fn children(process: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use gokku_core::logs::subject::{StepStarted, Subject};

    use super::*;

    /// By what a transition's log says: the steps, and how it ended.
    #[test]
    fn a_stop_that_nobody_heard_of_is_known() {
        let both = ["api-blue", "api-blue-worker-1"];
        let took = Duration::ZERO;
        let start = |step| {
            Event::StepStarted(StepStarted {
                step,
                about: Subject::Containers(both.map(str::to_owned).to_vec()),
                why: String::new(),
            })
        };
        let done = |step| Event::StepFinished { step, took };
        let failed = |step| Event::StepFailed {
            step,
            took,
            error: String::new(),
        };
        let end = |outcome| Event::Finished { outcome, took };
        let gave_up = || {
            end(Finish::GaveUp {
                kind: gokku_core::transition::FailureKind::Aborted,
                detail: String::new(),
                serving: true,
                previous: gokku_core::transition::Previous::StartedAgain,
            })
        };
        let refused = end(Finish::Refused {
            reason: gokku_core::logs::event::Refusal::Unavailable,
            detail: String::new(),
        });
        for (told, expected) in [
            (
                vec![start(StepName::Stop), failed(StepName::Stop), gave_up()],
                Some(&both[..]),
            ),
            (
                vec![start(StepName::Stop), Event::Resumed, gave_up()],
                Some(&both),
            ),
            (
                vec![
                    start(StepName::Stop),
                    failed(StepName::Stop),
                    start(StepName::Start),
                    done(StepName::Start),
                    gave_up(),
                ],
                Some(&both),
            ),
            (
                vec![start(StepName::Stop), done(StepName::Stop), gave_up()],
                Some(&[]),
            ),
            (
                vec![
                    start(StepName::Stop),
                    failed(StepName::Stop),
                    start(StepName::Stop),
                    done(StepName::Stop),
                    gave_up(),
                ],
                Some(&[]),
            ),
            (
                vec![
                    start(StepName::Stop),
                    failed(StepName::Stop),
                    end(Finish::Succeeded {
                        port: None,
                        url: None,
                        tcp: Vec::new(),
                    }),
                ],
                Some(&[]),
            ),
            (vec![start(StepName::Stop)], Some(&[])),
            (vec![refused], None),
        ] {
            let told: Vec<Stamped> = told.into_iter().map(|event| Stamped { at: 0, event }).collect();
            let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(unheard_stops(&told), expected, "{told:?}");
        }
    }

    /// A program and what it runs, of real processes: whether a shell stands before it.
    #[test]
    fn a_shell_before_a_program_is_seen() {
        let program = "dash -c \"echo; exec sleep 100\"";
        for (script, init, seen) in [
            (format!("{program}; true"), false, true),
            (format!("exec {program}"), false, false),
            (
                format!("trap '' USR1; trap : TERM; {program}; true"),
                false,
                false,
            ),
            (format!("dash -c '{program}; true'; true"), true, true),
            (format!("dash -c 'exec {program}'; true"), true, false),
        ] {
            let mut command = Command::new("dash");
            let mut child = command
                .args(["-c", &script])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut output = child.stdout.take().unwrap();
            // By now it runs.
            output.read_exact(&mut [0]).unwrap();
            let details = Details {
                pid: child.id(),
                init,
                ..Details::default()
            };
            let found = is_behind_shell(&details);
            end(child.id());
            child.wait().unwrap();
            assert_eq!(found, seen, "{script}");
        }
    }

    /// A process and all below it.
    fn end(process: u32) {
        let below = children(process);
        let pid = i32::try_from(process)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let _ = rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::KILL);
        below.into_iter().for_each(end);
    }
}
