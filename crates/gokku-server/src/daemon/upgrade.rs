//! Replaces the daemon by a new one, of this program's version, while both live: nobody who connects is refused, and
//! whoever has connected is answered.
//!
//! The old one's last requests are not known to the new one, so that no transition may retire their container: every
//! app is held until the old one has ended.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gokku_core::machine::backoff::Backoff;
use gokku_core::{AppName, ReleaseId};
use tokio::time::{Instant, sleep};

use crate::app::apps;
use crate::daemon::{Error, run};
use crate::engine::daemon_client;
use crate::os::{blocking, clock, detached, process};
use crate::queue;
use crate::queue::lock::{self, AppLock, Attempt, Held, Holder, Purpose};
use crate::server::Server;

/// How long a new daemon may take to serve.
const START_LIMIT: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What a service manager gives each of its services, see systemd.exec(5).
const INVOCATION: &str = "INVOCATION_ID";

/// Whoever asks for a new daemon.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The service manager's id of the service this process belongs to.
    pub invocation: Option<String>,
    /// Whether this process's words go to the service manager's log: then the daemon's do, too.
    pub logged: bool,
}

/// What has happened on the way.
#[derive(Clone, Debug)]
pub enum Progress {
    /// An app's transition is waited for.
    Waits(AppName, Option<Held>),
    /// The new one serves, and the old one answers its last requests.
    Serves {
        /// The new one's process.
        new: u32,
        /// The old one's.
        old: u32,
    },
}

/// Replaces the daemon, or starts one where none runs. Gives its process.
pub fn replace<'a>(
    server: &'a Server,
    caller: &'a Caller,
    on_progress: &'a mut (dyn FnMut(Progress) + Send),
) -> BoxFuture<'a, Result<u32, Error>> {
    Box::pin(take_place(server, caller, on_progress))
}

async fn take_place(
    server: &Server,
    caller: &Caller,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<u32, Error> {
    let Ok(old) = server.switch.status().await else {
        daemon_client::running(server).await?;
        return Ok(server.switch.status().await?.pid);
    };
    let service = service_of(old.pid);
    if service.is_some() && service != caller.invocation {
        return Err(Error::OfServiceManager(old.pid));
    }
    // Watched from here on: its number may be somebody else's once it has ended.
    let leaving = process::watch(old.pid);
    let _held = hold_all(server, on_progress).await?;
    let log = server.root.daemon_log();
    let words = (!caller.logged).then_some(log.as_path());
    // A service manager keeps its service's process itself.
    let arguments: &[&str] = match &service {
        Some(_) => &["proxy", "run", "--detached", "--take-over"],
        None => &["proxy", "keep", "--take-over"],
    };
    let mut child = detached::spawn(&server.program, arguments, server.root.path(), b"", words)?;
    let began_by = child.id();
    let began = Instant::now();
    let mut pause = Backoff::up_to(LONGEST_PAUSE);
    let new = loop {
        let pid = server.switch.status().await.map(|status| status.pid);
        if let Ok(pid) = pid
            && (pid == began_by || process::parent(pid) == Some(began_by))
        {
            break pid;
        }
        if let Ok(Some(status)) = child.try_wait() {
            let last = last_line(words);
            return Err(Error::Ended { status, last });
        }
        if began.elapsed() > START_LIMIT {
            let last = last_line(words);
            return Err(Error::DoesNotServe { last });
        }
        sleep(pause.take()).await;
    };
    on_progress(Progress::Serves { new, old: old.pid });
    if let Some(leaving) = leaving {
        // It cuts what is left at its limit, and ends.
        let limit = run::STOP_LIMIT + START_LIMIT;
        blocking::run(move || Ok::<_, Error>(process::has_ended(&leaving, limit))).await?;
    }
    Ok(new)
}

/// The last line of the log that a daemon writes; none where it writes to another one.
fn last_line(log: Option<&Path>) -> String {
    let text = log
        .map(fs::read_to_string)
        .and_then(Result::ok)
        .unwrap_or_default();
    text.lines().last().unwrap_or_default().to_owned()
}

/// The service that a process belongs to, as its service manager calls it.
fn service_of(process: u32) -> Option<String> {
    let environment = match fs::read(format!("/proc/{process}/environ")) {
        Ok(environment) => environment,
        // A process of this user that may not be looked into has been given more than this one: by a service manager.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Some(String::new()),
        Err(_) => return None,
    };
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let text = std::str::from_utf8(variable).ok()?;
        let (name, value) = text.split_once('=')?;
        (name == INVOCATION).then(|| value.to_owned())
    })
}

/// Holds every app, those too that are made meanwhile.
async fn hold_all(
    server: &Server,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<BTreeMap<AppName, AppLock>, Error> {
    let holder = Holder {
        pid: std::process::id(),
        by: server.by.clone(),
        what: Purpose::SwitchRestart,
        id: ReleaseId::at(clock::now_seconds()),
    };
    let mut held: BTreeMap<AppName, AppLock> = BTreeMap::new();
    loop {
        let all = apps::list(&server.root)?;
        let Some(app) = all
            .into_iter()
            .map(|app| app.name)
            .find(|app| !held.contains_key(app))
        else {
            return Ok(held);
        };
        let mut pause = Backoff::up_to(LONGEST_PAUSE);
        let mut told = false;
        loop {
            match lock::try_acquire(&server.app_dir(&app), &holder) {
                Ok(Attempt::Got(lock)) => {
                    held.insert(app, lock);
                    break;
                }
                Ok(Attempt::Busy(other)) => {
                    if !told && other.as_ref().is_none_or(|other| !other.holder.is_brief()) {
                        told = true;
                        on_progress(Progress::Waits(app.clone(), other));
                    }
                }
                // It was removed meanwhile.
                Err(queue::Error::NoApp(_)) => break,
                Err(error) => return Err(error.into()),
            }
            sleep(pause.take()).await;
        }
    }
}
