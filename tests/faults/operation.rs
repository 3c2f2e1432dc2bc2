//! What is under way when a fault comes.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::thread;

use gokku_tests::{App, Load, LoadPlan, Registry, Running, Server, WorkingCopy, get};

use crate::fault::{Fault, Own};
use crate::moment::{Moment, await_moment, events, logs};
use crate::outcome::{self, Expected};

/// The exit code of a command that the engine does not answer.
const UNAVAILABLE: i32 = 5;

/// What is asked of gokku.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    FirstDeploy,
    Deploy,
    /// One that never becomes healthy.
    BadDeploy,
    Rollback,
    Restart,
    Config,
    Stop,
    Destroy,
    /// A deploy of several processes.
    DeploySeveral,
    /// More of some of them, and less of others.
    Scale,
    /// A deploy of an image that is pulled.
    DeployImage,
}

impl Operation {
    pub(crate) const ALL: [Self; 11] = [
        Self::FirstDeploy,
        Self::Deploy,
        Self::BadDeploy,
        Self::Rollback,
        Self::Restart,
        Self::Config,
        Self::Stop,
        Self::Destroy,
        Self::DeploySeveral,
        Self::Scale,
        Self::DeployImage,
    ];

    /// Whether the app has more than a web process.
    fn is_of_several(self) -> bool {
        matches!(self, Self::DeploySeveral | Self::Scale)
    }

    /// How the app's releases behave: each long step takes long enough to be met in its middle, and not much longer.
    fn behaviours(self) -> &'static [&'static str] {
        if self.is_of_several() {
            &["slow-start-ms=300"]
        } else {
            &["slow-start-ms=300", "ignore-sigterm"]
        }
    }

    /// Whether it is a push.
    fn pushes(self) -> bool {
        matches!(
            self,
            Self::FirstDeploy | Self::Deploy | Self::BadDeploy | Self::DeploySeveral
        )
    }

    /// Whether each try needs an app of its own.
    fn uses_up(self) -> bool {
        matches!(self, Self::FirstDeploy | Self::Destroy)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstDeploy => "first deploy",
            Self::Deploy => "deploy",
            Self::BadDeploy => "bad deploy",
            Self::Rollback => "rollback",
            Self::Restart => "restart",
            Self::Config => "config",
            Self::Stop => "stop",
            Self::Destroy => "destroy",
            Self::DeploySeveral => "deploy of several",
            Self::Scale => "scale",
            Self::DeployImage => "deploy of an image",
        })
    }
}

/// What an app of several processes has in its `gokku.yml`.
const SEVERAL: &str = "    processes:
      web: {count: 2}
      worker: {command: /app, stay_up: 1}
      clock: {command: /app, stay_up: 1, overlap: false}
";

/// An app that an operation is done to, again and again.
pub(crate) struct Stage<'server> {
    server: &'server Server,
    own: Own<'server>,
    operation: Operation,
    zero_downtime: bool,
    subject: RefCell<Option<(App<'server>, WorkingCopy<'server>)>>,
    count: Cell<u32>,
    /// The traffic switch that a fault has started.
    switch: RefCell<Option<Running>>,
    /// Where images are pulled from.
    registry: RefCell<Option<Registry>>,
}

impl<'server> Stage<'server> {
    pub(crate) fn new(
        server: &'server Server,
        own: Own<'server>,
        operation: Operation,
        zero_downtime: bool,
    ) -> Self {
        Self {
            server,
            own,
            operation,
            zero_downtime,
            subject: RefCell::new(None),
            count: Cell::new(0),
            switch: RefCell::new(None),
            registry: RefCell::new(None),
        }
    }

    fn version(&self) -> String {
        self.count.set(self.count.get() + 1);
        format!("v{}", self.count.get())
    }

    /// Makes an app, with as many releases as the operation needs.
    fn prepare(&self) {
        if let Some((app, _)) = &*self.subject.borrow()
            && !self.operation.uses_up()
        {
            if self.operation == Operation::Stop {
                app.gokku(["start"]).ok();
            }
            return;
        }
        let app = self.server.create("api");
        let several = if self.operation.is_of_several() {
            SEVERAL
        } else {
            ""
        };
        let dev = app.working_copy_with(several);
        let mode = format!("ZERO_DOWNTIME={}", self.zero_downtime);
        app.gokku([
            "config",
            "set",
            &mode,
            "HEALTH_CHECK_TIMEOUT=2",
            "STOP_TIMEOUT=1",
            "MIGRATION_COMMAND=/app migrate",
            "MIGRATE_SLEEP_MS=300",
        ])
        .ok();
        let releases = match self.operation {
            Operation::FirstDeploy => 0,
            Operation::Rollback => 2,
            _ => 1,
        };
        for _ in 0..releases {
            dev.release_with(&self.version(), self.operation.behaviours())
                .ok();
        }
        if self.operation == Operation::DeployImage {
            let password = "a word";
            let registry = Registry::start(password);
            let login = [
                "registry",
                "login",
                &registry.host(),
                "--username",
                registry.user(),
            ];
            self.server.gokku_with_input(password.as_bytes(), login).ok();
            *self.registry.borrow_mut() = Some(registry);
        }
        *self.subject.borrow_mut() = Some((app, dev));
    }

    /// Another image in the registry; its name.
    fn publish(&self) -> String {
        let copy = WorkingCopy::new(self.server);
        copy.write_app(&self.version(), self.operation.behaviours());
        let registry = self.registry.borrow();
        let registry = registry.as_ref().unwrap();
        registry.publish(&copy, "me/app:1");
        format!("{}/me/app:1", registry.host())
    }

    /// Begins the operation.
    fn begin(&self, app: &App<'_>, dev: &WorkingCopy<'_>) -> Running {
        let words: Vec<String> = match self.operation {
            Operation::FirstDeploy | Operation::Deploy | Operation::BadDeploy | Operation::DeploySeveral => {
                let mut behaviours = self.operation.behaviours().to_vec();
                if self.operation == Operation::BadDeploy {
                    behaviours.push("fail-health");
                }
                let version = self.version();
                dev.write_app(&version, &behaviours);
                dev.commit(&version);
                // What an interrupted deploy has left in the way of the next push is part of the proof.
                return dev.start_push();
            }
            Operation::Rollback => vec!["rollback".to_owned(), other_release(app)],
            Operation::Restart => vec!["restart".to_owned()],
            Operation::Config => vec![
                "config".to_owned(),
                "set".to_owned(),
                format!("N={}", self.version()),
            ],
            Operation::Scale => {
                // Whichever it is not, read where it is kept: an engine that hangs already says nothing of it. At first there are
                // two of web.
                let kept = std::fs::read_to_string(app.path("app.toml")).unwrap();
                let counts = if kept.contains("web = 1") {
                    ["web=2", "worker=1"]
                } else {
                    ["web=1", "worker=2"]
                };
                [&["ps", "scale"], &counts[..]]
                    .concat()
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            }
            Operation::DeployImage => vec!["deploy".to_owned(), "--image".to_owned(), self.publish()],
            Operation::Stop => vec!["stop".to_owned()],
            Operation::Destroy => {
                let words = ["apps", "destroy", app.name(), "--yes"];
                return self.server.start_gokku(words);
            }
        };
        self.server.start_gokku(app.named(words))
    }

    /// The steps that the operation takes when nothing is done to it.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.prepare();
        let subject = self.subject.borrow();
        let (app, dev) = subject.as_ref().unwrap();
        // The app's folder may go with it: its log is read as it is written.
        let log = self.server.path(format!("{}.log", app.name()));
        let before = logs(app);
        let slow = self.slow_request(app);
        let mut running = self.begin(app, dev);
        loop {
            let done = running.has_ended();
            if let Some(new) = logs(app).difference(&before).last() {
                let _ = std::fs::hard_link(new, &log);
            }
            if done {
                break;
            }
            thread::sleep(std::time::Duration::from_millis(2));
        }
        running.wait();
        if let Some(slow) = slow {
            let _ = slow.join();
        }
        let told = events(&log);
        let steps = told
            .iter()
            .filter_map(|line| line.pointer("/event/step-started/step")?.as_str());
        steps.map(str::to_owned).collect()
    }

    /// A request that is in flight while the operation goes on, where there is somebody to answer it.
    fn slow_request(&self, app: &App<'_>) -> Option<thread::JoinHandle<bool>> {
        if self.operation == Operation::FirstDeploy || app.get("/version").is_err() {
            return None;
        }
        let address = app.address();
        Some(thread::spawn(move || {
            get(address, "/slow?ms=1500").is_ok_and(|answer| answer.status == 200)
        }))
    }

    /// Does the operation, strikes at that moment, and waits for a good end. The outcome in a word, or what is wrong.
    pub(crate) fn try_fault(&self, step: &str, moment: Moment, fault: Fault) -> Result<String, String> {
        self.prepare();
        let subject = self.subject.borrow();
        let (app, dev) = subject.as_ref().unwrap();
        let serves = fault.is_unseen()
            && !matches!(
                self.operation,
                Operation::FirstDeploy | Operation::Stop | Operation::Destroy
            );
        let load = serves.then(|| {
            Load::start(LoadPlan {
                keep_alive: 1,
                fresh: 1,
                ..LoadPlan::none(app.address())
            })
        });
        let slow = self.slow_request(app);
        let before = logs(app);
        let strike = |worker| fault.strike(self.server, self.own, self.server.disk(), worker);
        let (running, struck) = if moment == Moment::Before {
            let struck = strike(0);
            (self.begin(app, dev), Some(struck))
        } else {
            let running = self.begin(app, dev);
            let worker = await_moment(app, &before, step, moment);
            (running, worker.map(strike))
        };
        let in_time = struck.as_ref().is_some_and(|struck| struck.in_time);
        let (switch, ailment) = struck.map_or((None, None), |struck| (struck.switch, struck.ailment));
        if switch.is_some() {
            // The one before it is dead; this one lives as long as the stage, or until the next fault.
            *self.switch.borrow_mut() = switch;
        }
        let ended = running.wait();
        drop(ailment);
        let expected = match self.operation {
            // It was told that the engine does not answer, before anything was changed.
            Operation::Stop | Operation::Destroy if fault.is_silence() && ended.code == Some(UNAVAILABLE) => {
                Expected::One
            }
            Operation::FirstDeploy => Expected::OneOrNone,
            Operation::Stop => Expected::Stopped,
            Operation::Destroy => Expected::Gone,
            _ => Expected::One,
        };
        let end = outcome::await_good_end(app, expected);
        let slow = slow.is_none_or(|slow| slow.join().unwrap());
        if let Some(load) = load {
            let report = load.stop();
            if report.total().failed() > 0 {
                return Err(format!(
                    "clients saw it: {report}\n{}",
                    report.failures.join("\n")
                ));
            }
        }
        if serves && !slow {
            return Err("the request in flight was lost".to_owned());
        }
        let end = end.map_err(|wrong| {
            let log = std::fs::read_to_string(self.server.path("run/proxy.log")).unwrap_or_default();
            let told = logs(app).last().map(|log| events(log)).unwrap_or_default();
            let last: Vec<String> = told.iter().rev().take(6).rev().map(ToString::to_string).collect();
            let switch = self.switch.borrow();
            let words = switch.as_ref().map(Running::stderr).unwrap_or_default();
            format!("{wrong}\n{}\n{log}{words}", last.join("\n"))
        })?;
        if self.operation.pushes() {
            let accepted = (!ended.stderr.contains(UNDECIDED)).then_some(ended.code == Some(0));
            agrees(app, dev, accepted).map_err(|wrong| format!("{wrong}\n{ended}"))?;
        }
        Ok(if in_time { end } else { format!("{end} (too late)") })
    }
}

/// What a pusher is told at last whose deploy had neither been finished nor undone after a while, because what went wrong was
/// wrong still.
const UNDECIDED: &str = "the daemon finishes or undoes it (`gokku status";

/// P53: the branch is the commit that runs, and the pusher was told whether it is the one that was pushed, unless it was told
/// that nobody knew by then.
fn agrees(app: &App<'_>, dev: &WorkingCopy<'_>, accepted: Option<bool>) -> Result<(), String> {
    let head = app.git(["rev-parse", "--verify", "--quiet", "main"]).stdout;
    let pushed = dev.git(["rev-parse", "HEAD"]).ok();
    let is_pushed = head.trim() == pushed.line();
    if accepted.is_some_and(|accepted| accepted != is_pushed) {
        return Err(format!(
            "pushed {}, accepted: {accepted:?}, the branch is at {head}",
            pushed.line()
        ));
    }
    let status = app.gokku(["status", "--json"]).ok().json();
    let runs = status["commit"].as_str().unwrap_or_default();
    if runs == head.trim() {
        Ok(())
    } else {
        Err(format!("{runs} runs, and the branch is at {head}"))
    }
}

/// A good release that is not the active one.
fn other_release(app: &App<'_>) -> String {
    let releases = app.gokku(["releases", "--json"]).ok().json();
    let all = releases.as_array().unwrap();
    let other = all.iter().find(|release| release["state"] == "good");
    other.expect("a release to go back to")["id"]
        .as_str()
        .unwrap()
        .to_owned()
}
