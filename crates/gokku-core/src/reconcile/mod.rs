//! What is compared with what should be, of an app that no transition is under way for: the differences, and which of
//! them are mended without asking.
//!
//! A container is known by its labels, and one without them is none of ours: nothing here can name it.

use std::collections::BTreeSet;
use std::fmt;

use crate::app::ids::ContainerId;
use crate::app::name::AppName;
use crate::app::process_key::{ProcessKey, leading};
use crate::app::release_id::ReleaseId;
use crate::app::slot::Slot;
use crate::transition::{Route, State};

/// One of the app's containers, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actual {
    /// The engine's id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Which of the release's processes it runs.
    pub process: ProcessKey,
    /// The release it runs.
    pub release: ReleaseId,
    /// The transition that made the first containers of those it is among: itself, unless it was added to them.
    pub generation: ReleaseId,
    /// Whether it runs.
    pub state: State,
}

/// How an app is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its containers, known by their labels; not the one-off ones.
    pub containers: Vec<Actual>,
    /// Where its traffic goes; none when the switch has no route at all. One that was stopped has a route without
    /// targets.
    pub route: Option<Route>,
    /// The release that `current` points at.
    pub current: Option<ReleaseId>,
    /// The processes that this release is to have; empty when that cannot be told.
    pub expected: BTreeSet<ProcessKey>,
    /// Whether the app's restart policy wants it to run again when it does not.
    pub keeps_running: bool,
    /// The one-off containers of transitions, with their names: there is no transition that they could be for.
    pub one_offs: Vec<(ContainerId, String)>,
    /// The names of containers that a transition asked the engine to stop, and gave up before it heard of their end.
    pub given_up_stops: BTreeSet<String>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difference {
    /// A container that has no traffic and is not the stopped one of an app without traffic, or a one-off one of a transition
    /// that is over.
    Stray {
        /// It.
        id: ContainerId,
        /// Its name.
        name: String,
    },
    /// A container has another name than it should.
    Renamed {
        /// It.
        id: ContainerId,
        /// Its name.
        name: String,
        /// The name it should have.
        proper: String,
    },
    /// The traffic goes to a container that is gone.
    Gone {
        /// Whether a new one is made.
        mended: bool,
    },
    /// A process without traffic has no container.
    Missing {
        /// It.
        process: ProcessKey,
        /// Whether the release is brought up anew.
        mended: bool,
    },
    /// A container of the active release does not run.
    Down {
        /// Its name.
        name: String,
        /// Whether the release is brought up anew, because nobody wanted the container stopped any more when it was.
        mended: bool,
    },
    /// There is an active release and the switch knows nothing of the app.
    Unrouted {
        /// Whether the release is given its traffic again.
        mended: bool,
    },
    /// Requests wait, and nothing is under way that they could wait for.
    Held,
    /// A container of an app without traffic runs.
    Idle {
        /// Its name.
        name: String,
    },
    /// `current` does not point at the release that has the traffic.
    Misplaced {
        /// The release that has it.
        serving: ReleaseId,
        /// The one that `current` points at.
        current: Option<ReleaseId>,
    },
}

/// How a difference is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// The container is removed.
    Remove(ContainerId),
    /// The container gets this name.
    Rename(ContainerId, String),
    /// `current` is pointed at this release.
    SetCurrent(ReleaseId),
    /// The active release is brought up in a new container: a transition, with its health check.
    Activate,
}

impl Difference {
    /// What mends it; none when a person must decide.
    pub fn mend(&self) -> Option<Mend> {
        match self {
            Self::Stray { id, .. } => Some(Mend::Remove(id.clone())),
            Self::Renamed { id, proper, .. } => Some(Mend::Rename(id.clone(), proper.clone())),
            Self::Misplaced { serving, .. } => Some(Mend::SetCurrent(*serving)),
            Self::Gone { mended }
            | Self::Missing { mended, .. }
            | Self::Unrouted { mended }
            | Self::Down { mended, .. } => mended.then_some(Mend::Activate),
            Self::Held => Some(Mend::Activate),
            Self::Idle { .. } => None,
        }
    }

    /// It in words, with what to do where a person must.
    pub fn words(&self, app: &AppName) -> String {
        match self {
            Self::Stray { name, .. } => format!("the container {name} has no traffic and no purpose"),
            Self::Renamed { name, proper, .. } => format!("the container {proper} has the name {name}"),
            Self::Gone { mended: true } => "its container is gone".to_owned(),
            Self::Gone { mended: false } => {
                format!("its container is gone: `gokku restart -a {app}` makes a new one")
            }
            Self::Missing {
                process,
                mended: true,
            } => format!("the container of {process} is gone"),
            Self::Missing { process, .. } => {
                format!("the container of {process} is gone: `gokku restart -a {app}` makes a new one")
            }
            Self::Down { name, mended: true } => {
                format!("{name} was stopped for a transition that had been given up by then")
            }
            Self::Down { name, .. } => format!(
                "{name} does not run: `docker logs {name}` says why, `gokku restart -a {app}` gives the app a new container"
            ),
            Self::Unrouted { mended: true } => "it has no route and should run".to_owned(),
            Self::Unrouted { mended: false } => {
                format!("it has no route: `gokku start -a {app}` gives it traffic")
            }
            Self::Held => "requests wait, and nothing is under way".to_owned(),
            Self::Idle { name } => format!(
                "{name} runs and has no traffic: `gokku start -a {app}` gives the app traffic, `docker stop {name}` stops it"
            ),
            Self::Misplaced { serving, current } => {
                let at = current.map_or_else(|| "nothing".to_owned(), |current| current.to_string());
                format!("the traffic goes to release {serving}, and `current` points at {at}")
            }
        }
    }
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove(id) => write!(f, "remove {}", id.short()),
            Self::Rename(id, name) => write!(f, "rename {} to {name}", id.short()),
            Self::SetCurrent(release) => write!(f, "point current at {release}"),
            Self::Activate => f.write_str("bring the active release up"),
        }
    }
}

/// Everything that is not as it should be. Nothing may be under way for the app.
pub fn differences(app: &AppName, found: &Found) -> Vec<Difference> {
    let route = found.route.clone().unwrap_or_default();
    let blue = |actual: &Actual| Slot::Blue.container_name(app, &actual.process);
    let mut all = Vec::new();
    if found.route.is_none() && found.current.is_some() {
        let runs = found
            .containers
            .iter()
            .any(|actual| actual.state == State::Running && actual.name == blue(actual));
        all.push(Difference::Unrouted {
            mended: runs || found.keeps_running,
        });
    }
    if route.held {
        all.push(Difference::Held);
    }
    let is_there = |id: &ContainerId| found.containers.iter().any(|actual| actual.id == *id);
    if route.targets.iter().any(|id| !is_there(id)) && found.current.is_some() {
        all.push(Difference::Gone {
            mended: found.keeps_running,
        });
    }
    let serving: Vec<&Actual> = found
        .containers
        .iter()
        .filter(|actual| route.targets.contains(&actual.id))
        .collect();
    // Made with what has the traffic, and without any of its own.
    let is_beside = |actual: &Actual| {
        let made_with = |target: &&&Actual| target.generation == actual.generation;
        !actual.process.is_web() && serving.iter().any(|target| made_with(&target))
    };
    let leads = leading(&found.expected);
    let beside = found.expected.iter().filter(|process| !leads(process));
    for process in beside.filter(|_| !serving.is_empty()) {
        let is_it = |actual: &&Actual| actual.process == *process && is_beside(actual);
        if !found.containers.iter().any(|actual| is_it(&actual)) {
            all.push(Difference::Missing {
                process: process.clone(),
                mended: found.keeps_running,
            });
        }
    }
    for actual in &found.containers {
        let proper = blue(actual);
        let renamed = || Difference::Renamed {
            id: actual.id.clone(),
            name: actual.name.clone(),
            proper: proper.clone(),
        };
        if route.targets.contains(&actual.id) || is_beside(actual) {
            if actual.name != proper {
                all.push(renamed());
            }
            if actual.state != State::Running && !route.held {
                all.push(Difference::Down {
                    mended: found.given_up_stops.contains(&actual.name),
                    name: actual.name.clone(),
                });
            }
            if route.targets.contains(&actual.id) && found.current != Some(actual.release) {
                all.push(Difference::Misplaced {
                    serving: actual.release,
                    current: found.current,
                });
            }
        } else if route.targets.is_empty() && actual.name == proper {
            // Kept for its logs when the app was stopped; without a route it has been told already.
            if actual.state == State::Running && found.route.is_some() && !route.held {
                all.push(Difference::Idle {
                    name: actual.name.clone(),
                });
            }
        } else if route.targets.is_empty()
            && Some(actual.release) == found.current
            && !found.containers.iter().any(|other| other.name == proper)
            && Slot::of_container(&actual.name, app, &actual.process).is_none()
        {
            all.push(renamed());
        } else {
            all.push(Difference::Stray {
                id: actual.id.clone(),
                name: actual.name.clone(),
            });
        }
    }
    let one_offs = found.one_offs.iter().cloned();
    all.extend(one_offs.map(|(id, name)| Difference::Stray { id, name }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: i64 = 1_700_000_000;
    const NEW: i64 = 1_700_000_100;

    fn app() -> AppName {
        "api".parse().expect("a name")
    }

    fn container(name: &str, release: i64, state: State) -> Actual {
        Actual {
            id: ContainerId::new(format!("id-of-{name}")),
            name: name.to_owned(),
            process: ProcessKey::first_web(),
            release: ReleaseId::at(release),
            generation: ReleaseId::at(release),
            state,
        }
    }

    fn worker(name: &str, release: i64, state: State) -> Actual {
        Actual {
            process: "worker-1".parse().expect("a process"),
            ..container(name, release, state)
        }
    }

    fn route(targets: &[&str]) -> Route {
        let targets = targets
            .iter()
            .map(|name| ContainerId::new(format!("id-of-{name}")));
        Route {
            targets: targets.collect(),
            held: false,
        }
    }

    /// An app that is as it should be.
    fn good() -> Found {
        Found {
            containers: vec![container("api-blue", NEW, State::Running)],
            route: Some(route(&["api-blue"])),
            current: Some(ReleaseId::at(NEW)),
            keeps_running: true,
            ..Found::default()
        }
    }

    fn words(found: &Found) -> Vec<String> {
        let all = differences(&app(), found);
        all.iter()
            .map(|one| {
                let mend = one
                    .mend()
                    .map_or("for a person".to_owned(), |mend| mend.to_string());
                format!("{} -> {mend}", one.words(&app()))
            })
            .collect()
    }

    #[test]
    fn what_is_as_it_should_be_has_no_difference() {
        assert_eq!(words(&good()), Vec::<String>::new());
        let stopped = Found {
            containers: vec![container("api-blue", NEW, State::Exited)],
            route: Some(route(&[])),
            ..good()
        };
        assert_eq!(words(&stopped), Vec::<String>::new());
        assert_eq!(words(&Found::default()), Vec::<String>::new());
        // Made, its port reserved, never deployed.
        let fresh = Found {
            route: Some(route(&[])),
            ..Found::default()
        };
        assert_eq!(words(&fresh), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_found_and_what_is_safe_is_mended() {
        let with = |change: fn(&mut Found)| {
            let mut found = good();
            change(&mut found);
            words(&found)
        };
        assert_eq!(
            with(|found| found.containers.push(container("api-green", OLD, State::Running))),
            ["the container api-green has no traffic and no purpose -> remove id-of-api-gr"]
        );
        assert_eq!(
            with(|found| found.containers[0].name = "mine".to_owned()),
            ["the container api-blue has the name mine -> rename id-of-api-bl to api-blue"]
        );
        assert_eq!(
            with(|found| found.containers.clear()),
            ["its container is gone -> bring the active release up"]
        );
        assert_eq!(
            with(|found| {
                found.containers.clear();
                found.keeps_running = false;
            }),
            ["its container is gone: `gokku restart -a api` makes a new one -> for a person"]
        );
        assert_eq!(
            with(|found| {
                found.containers[0].state = State::Exited;
                found.given_up_stops = BTreeSet::from(["api-blue".to_owned()]);
            }),
            [
                "api-blue was stopped for a transition that had been given up by then -> bring the active release up"
            ]
        );
        assert_eq!(
            with(|found| {
                let id = ContainerId::new("id-of-migration");
                found.one_offs.push((id, "api-migrate".to_owned()));
            }),
            ["the container api-migrate has no traffic and no purpose -> remove id-of-migrat"]
        );
        assert_eq!(
            with(|found| found.containers[0].state = State::Exited),
            [
                "api-blue does not run: `docker logs api-blue` says why, `gokku restart -a api` gives the app a new container -> for a person"
            ]
        );
        assert_eq!(
            with(|found| found.route = None),
            ["it has no route and should run -> bring the active release up"]
        );
        assert_eq!(
            with(|found| found.current = Some(ReleaseId::at(OLD))),
            [
                "the traffic goes to release 20231114-221500, and `current` points at 20231114-221320 -> point current at 20231114-221500"
            ]
        );
        assert_eq!(
            with(|found| found.route = Some(route(&[]))),
            [
                "api-blue runs and has no traffic: `gokku start -a api` gives the app traffic, `docker stop api-blue` stops it -> for a person"
            ]
        );
        assert_eq!(
            with(|found| found.route = Some(Route {
                held: true,
                ..route(&["api-blue"])
            })),
            ["requests wait, and nothing is under way -> bring the active release up"]
        );
    }

    #[test]
    fn where_there_is_no_web_the_route_points_at_all() {
        let mut found = Found {
            containers: vec![worker("api-blue-worker-1", NEW, State::Running)],
            route: Some(route(&["api-blue-worker-1"])),
            expected: ["worker-1".parse().expect("a process")].into(),
            ..good()
        };
        assert_eq!(words(&found), Vec::<String>::new());
        found.current = Some(ReleaseId::at(OLD));
        assert_eq!(
            words(&found),
            [
                "the traffic goes to release 20231114-221500, and `current` points at 20231114-221320 -> point current at 20231114-221500"
            ]
        );
        found.current = Some(ReleaseId::at(NEW));
        found.containers.clear();
        assert_eq!(
            words(&found),
            ["its container is gone -> bring the active release up"]
        );
    }

    #[test]
    fn what_has_no_traffic_is_of_the_release_that_has_it() {
        let mut found = good();
        found.expected = ["web-1", "worker-1"]
            .map(|key| key.parse().expect("a process"))
            .into();
        assert_eq!(
            words(&found),
            ["the container of worker-1 is gone -> bring the active release up"]
        );
        found
            .containers
            .push(worker("api-blue-worker-1", NEW, State::Running));
        assert_eq!(words(&found), Vec::<String>::new());
        found.containers[1].name = "mine".to_owned();
        assert_eq!(
            words(&found),
            ["the container api-blue-worker-1 has the name mine -> rename id-of-api-bl to api-blue-worker-1"]
        );
        found.containers[1] = worker("api-blue-worker-1", NEW, State::Exited);
        assert_eq!(
            words(&found),
            [
                "api-blue-worker-1 does not run: `docker logs api-blue-worker-1` says why, `gokku restart -a api` gives the app a new container -> for a person"
            ]
        );
        found.containers[1] = worker("api-blue-worker-1", OLD, State::Running);
        assert_eq!(
            words(&found),
            [
                "the container of worker-1 is gone -> bring the active release up",
                "the container api-blue-worker-1 has no traffic and no purpose -> remove id-of-api-bl"
            ]
        );
        found.containers = vec![
            container("api-blue", NEW, State::Exited),
            worker("api-blue-worker-1", NEW, State::Exited),
        ];
        found.route = Some(route(&[]));
        assert_eq!(words(&found), Vec::<String>::new(), "a stopped app");
    }

    #[test]
    fn a_stopped_app_keeps_its_renamed_container() {
        let found = Found {
            containers: vec![container("kept", NEW, State::Exited)],
            route: Some(route(&[])),
            ..good()
        };
        assert_eq!(
            words(&found),
            ["the container api-blue has the name kept -> rename id-of-kept to api-blue"]
        );
    }

    #[test]
    fn what_is_mended_does_not_differ_any_more() {
        // Whatever can be mended by hand of the engine and the file system alone is gone after one round.
        let states = [State::Created, State::Running, State::Exited];
        let names = ["api-blue", "api-green", "other"];
        for (first, second) in names.iter().flat_map(|a| names.iter().map(move |b| (a, b))) {
            if first == second {
                continue;
            }
            for state in states {
                for targets in [&[][..], &["api-blue"], &["api-green"], &["other"]] {
                    let mut found = good();
                    found.containers = vec![
                        container(first, OLD, State::Running),
                        container(second, NEW, state),
                    ];
                    found.route = Some(route(targets));
                    let all = differences(&app(), &found);
                    // First what is in the way, then names.
                    for one in &all {
                        match one.mend() {
                            Some(Mend::Remove(id)) => {
                                let targets = &found.route.as_ref().expect("a route").targets;
                                assert!(!targets.contains(&id), "{one:?} of {found:?}");
                                found.containers.retain(|actual| actual.id != id);
                            }
                            Some(Mend::SetCurrent(release)) => found.current = Some(release),
                            _ => {}
                        }
                    }
                    for one in &all {
                        if let Some(Mend::Rename(id, name)) = one.mend() {
                            let taken = found.containers.iter().any(|actual| actual.name == name);
                            assert!(!taken, "{name} is taken: {found:?}");
                            let renamed = found.containers.iter_mut().find(|actual| actual.id == id);
                            renamed.expect("it is there").name = name;
                        }
                    }
                    let left = differences(&app(), &found);
                    let mends: Vec<_> = left.iter().filter_map(Difference::mend).collect();
                    assert!(
                        mends.iter().all(|mend| *mend == Mend::Activate),
                        "{left:?} of {found:?}"
                    );
                }
            }
        }
    }
}
