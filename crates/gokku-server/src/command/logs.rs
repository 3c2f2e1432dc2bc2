//! What an app prints, across its deploys and after a place in it: P19.
//!
//! How output is stamped and counted is the Docker Engine's own: it is asked for that itself.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};
use gokku_core::containers::{ContainerFacts, ContainerState, LogOptions, labels};
use gokku_core::logs::log_cursor::{After, Counter, LogCursor, Search, Stamp};
use gokku_core::logs::log_line::AppLine;
use gokku_core::machine::backoff::Backoff;
use gokku_core::{AppName, ContainerId, ProcessKey, ReleaseId, Slot};
use gokku_docker::Engine;
use tokio::time::{Instant, sleep};

use crate::app::apps;
use crate::command::Error;
use crate::engine::runtime::Runtime;
use crate::os::clock;
use crate::server::Server;

/// How much earlier than a place its log is read, in seconds: the engine stamps before it writes, and what is
/// written later may have an earlier stamp.
const SLACK: i64 = 10;

/// How old a candidate's name may be that is shown: it becomes the active one's soon.
const NAME_AGE: Duration = Duration::from_millis(200);

/// Which of an app's output is wanted.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Whether to wait for more, also of containers to come.
    pub follow: bool,
    /// How many of the last lines; all without. A line of more than 16 KiB counts as several, and is never cut.
    pub lines: Option<usize>,
    /// From when on, in seconds since 1970.
    pub since: Option<i64>,
    /// After which piece: neither of the two above counts then.
    pub after: Option<LogCursor>,
    /// Of which process; without, of the first web one, and where the app has none, of the first it has.
    pub process: Option<ProcessKey>,
}

/// A container whose output is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub container: ContainerId,
    /// Its name, when it was last looked at.
    pub name: String,
    /// The slot of that name.
    pub slot: Option<Slot>,
    /// The process that it runs.
    pub process: ProcessKey,
    /// Its release.
    pub release: Option<ReleaseId>,
    /// The transition that made it: the order in which containers were active.
    transition: Option<ReleaseId>,
}

/// What is shown.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// What follows is of this container.
    Container(&'a Source),
    /// A piece.
    Piece(AppLine),
}

/// Gives what the active container prints to `on_shown`, and with `follow` what those after it print, until that
/// returns false.
///
/// Where the engine's stream breaks off, it goes on after the last piece. A container is shown to its end, also while
/// it drains and another has the traffic; then come those that were active after it, as far as they are still there,
/// each from its first line on. A removed container's log is gone with it: its last lines are lost to whoever was not
/// following then. So are all lines of one that came and went while an earlier one was shown.
pub fn show<'a>(
    server: &'a Server,
    app: &'a AppName,
    wanted: &'a LogQuery,
    on_shown: &'a mut (dyn FnMut(Shown<'_>) -> bool + Send),
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(show_all(server, app, wanted, on_shown))
}

async fn show_all(
    server: &Server,
    app: &AppName,
    wanted: &LogQuery,
    on_shown: &mut (dyn FnMut(Shown<'_>) -> bool + Send),
) -> Result<(), Error> {
    let dir = server.app_dir(app);
    apps::load(&dir)?;
    let mut show = Show {
        server,
        app,
        engine: server.docker().await?,
        wanted,
        current: None,
        left: BTreeMap::new(),
        on_shown,
        pause: Backoff::up_to(Duration::from_millis(500)),
        waited: false,
    };
    loop {
        match show.poll().await {
            Ok(LogPoll::Over) => return Ok(()),
            Ok(LogPoll::Moved) => continue,
            Ok(LogPoll::Nothing) if !wanted.follow => return Ok(()),
            // What breaks off goes on; of what never began somebody must hear.
            Err(error) if !wanted.follow || show.current.is_none() && !show.waited => return Err(error),
            Ok(LogPoll::Nothing) | Err(_) => {}
        }
        sleep(show.pause.take()).await;
    }
}

/// What came of one look.
enum LogPoll {
    /// There is something else to be read at once.
    Moved,
    /// There is nothing to be read, for now.
    Nothing,
    /// Nobody wants more.
    Over,
}

/// From where on a container's log is to be read.
#[derive(Clone, Debug)]
enum Start {
    /// As was wanted.
    Asked,
    /// From its first line.
    Beginning,
    /// After a piece.
    After(LogCursor),
}

/// The container that is shown.
struct Current {
    source: Source,
    looked: Instant,
    from: Start,
    /// Which end of it has been read to: the time of that end.
    read_to: Option<String>,
}

struct Show<'a, F> {
    server: &'a Server,
    app: &'a AppName,
    engine: Engine,
    wanted: &'a LogQuery,
    current: Option<Current>,
    /// Where those were left that were shown before: traffic may come back to one.
    left: BTreeMap<ContainerId, Start>,
    on_shown: F,
    pause: Backoff,
    /// Whether there was no container at first.
    waited: bool,
}

impl<F: FnMut(Shown<'_>) -> bool> Show<'_, F> {
    /// Looks at what there is, and reads what can be read.
    async fn poll(&mut self) -> Result<LogPoll, Error> {
        let Some(current) = &self.current else {
            return self.begin().await;
        };
        let follow = self.wanted.follow;
        let facts = self.engine.container(current.source.container.as_str()).await?;
        let end = facts.as_ref().map(|facts| {
            let details = facts.details.as_ref();
            details
                .map(|details| details.finished_at.clone())
                .unwrap_or_default()
        });
        let runs = facts.is_some_and(|facts| facts.state == ContainerState::Running);
        // Of one that has ended, what it printed in the end may not have been read.
        if end.is_some() && ((runs && follow) || current.read_to != end) {
            if !self.read(runs && follow).await? {
                return Ok(LogPoll::Over);
            }
            let Some(current) = &mut self.current else {
                return Ok(LogPoll::Nothing);
            };
            if runs && follow {
                return Ok(LogPoll::Nothing);
            }
            current.read_to = end;
            // Without more to come, it is the one that was wanted; after a place there may be others behind it.
            if !follow && self.wanted.after.is_none() {
                return Ok(LogPoll::Over);
            }
        }
        self.next().await
    }

    /// Chooses the first container.
    async fn begin(&mut self) -> Result<LogPoll, Error> {
        let (all, active) = look(self.server, self.app, &self.engine, self.wanted.process.as_ref()).await?;
        let started = match &self.wanted.after {
            Some(place) => match all
                .iter()
                .find(|facts| facts.id.as_str().starts_with(&place.container))
            {
                Some(facts) => Some((facts, Start::After(place.clone()))),
                None => next(None, &all, active.as_ref()).map(|facts| (facts, Start::Beginning)),
            },
            None if self.waited => active.as_ref().map(|facts| (facts, Start::Beginning)),
            None => active.as_ref().map(|facts| (facts, Start::Asked)),
        };
        match started {
            Some((facts, from)) => Ok(self.change(facts, from)),
            None if self.wanted.follow => {
                self.waited = true;
                Ok(LogPoll::Nothing)
            }
            None => Err(match &self.wanted.process {
                Some(process) if !process.is_first_web() => Error::NoProcessToShow {
                    app: self.app.clone(),
                    process: process.clone(),
                },
                _ => Error::NothingToShow(self.app.clone()),
            }),
        }
    }

    /// Chooses the container after the one that has been shown.
    async fn next(&mut self) -> Result<LogPoll, Error> {
        let (all, active) = look(self.server, self.app, &self.engine, self.wanted.process.as_ref()).await?;
        let source = self.current.as_ref().map(|current| &current.source);
        let Some(facts) = next(source, &all, active.as_ref()) else {
            return Ok(LogPoll::Nothing);
        };
        let from = self.left.remove(&facts.id).unwrap_or(Start::Beginning);
        Ok(self.change(facts, from))
    }

    fn change(&mut self, facts: &ContainerFacts, from: Start) -> LogPoll {
        let source = Source::of(facts, self.app);
        let goes_on = (self.on_shown)(Shown::Container(&source));
        let current = Current {
            source,
            looked: Instant::now(),
            from,
            read_to: None,
        };
        if let Some(before) = self.current.replace(current) {
            self.left.insert(before.source.container, before.from);
        }
        if goes_on { LogPoll::Moved } else { LogPoll::Over }
    }

    /// Reads the current container's log from where it was left; whether more is wanted.
    async fn read(&mut self, follow: bool) -> Result<bool, Error> {
        let Some(current) = &mut self.current else {
            return Ok(true);
        };
        let (options, mut after) = open(&self.engine, current, self.wanted).await?;
        let mut counter = Counter::default();
        let mut pieces = self
            .engine
            .logs(&current.source.container, &LogOptions { follow, ..options });
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            let Some(at) = piece.at else { continue };
            let nth = counter.count(piece.stream, &at);
            if !after.gives(&at, nth) {
                continue;
            }
            self.pause.reset();
            current.look_again(&self.engine, self.app).await;
            let line = AppLine {
                at,
                nth,
                release: current.source.release,
                container: current.source.container.short().to_owned(),
                slot: current.source.slot,
                process: Some(current.source.process.clone()),
                stream: piece.stream,
                bytes: piece.bytes,
            };
            current.from = Start::After(line.cursor());
            if !(self.on_shown)(Shown::Piece(line)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Source {
    fn of(facts: &ContainerFacts, app: &AppName) -> Self {
        let process = process_of(facts);
        Self {
            container: facts.id.clone(),
            name: facts.name.clone(),
            slot: Slot::of_container(&facts.name, app, &process),
            process,
            release: facts.read_label(labels::RELEASE),
            transition: transition(facts),
        }
    }
}

impl Current {
    /// Looks at the name again where it will change.
    async fn look_again(&mut self, engine: &dyn Runtime, app: &AppName) {
        if self.source.slot == Some(Slot::Blue) || self.looked.elapsed() < NAME_AGE {
            return;
        }
        if let Ok(Some(facts)) = engine.container(self.source.container.as_str()).await {
            self.source = Source::of(&facts, app);
        }
        self.looked = Instant::now();
    }
}

/// What to ask the engine for, and what to leave out of its answer.
async fn open(
    engine: &Engine,
    current: &mut Current,
    wanted: &LogQuery,
) -> Result<(LogOptions, After), Error> {
    let id = &current.source.container;
    match (&current.from, wanted.lines) {
        (Start::Beginning, _) => Ok((LogOptions::default(), After::Beginning)),
        (Start::Asked, None) => {
            let options = LogOptions {
                since: wanted.since,
                ..LogOptions::default()
            };
            Ok((options, After::Beginning))
        }
        (Start::Asked, Some(lines)) => {
            let (tail, before) = last_lines(engine, id, lines, wanted.since).await?;
            if let Some((at, container)) = before.zip(Some(id.short().to_owned())) {
                // Should the stream break off before anything was shown. The last with this stamp is meant.
                current.from = Start::After(LogCursor {
                    container,
                    at,
                    nth: u32::MAX,
                });
            } else if wanted.since.is_none() {
                current.from = Start::Beginning;
            }
            let options = LogOptions {
                tail: Some(tail),
                since: wanted.since,
                ..LogOptions::default()
            };
            Ok((options, After::Beginning))
        }
        (Start::After(place), _) => {
            // What was printed after a clock was set back has an earlier stamp: then all is read.
            let from = place.at.seconds().saturating_sub(SLACK).max(0);
            let options = LogOptions {
                since: (from <= clock::now_seconds()).then_some(from),
                ..LogOptions::default()
            };
            let mut search = Search::of(place.clone());
            let mut counter = Counter::default();
            let mut pieces = engine.logs(id, &options);
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                if let Some(at) = piece.at {
                    let nth = counter.count(piece.stream, &at);
                    search.look(&at, nth);
                }
            }
            Ok((options, search.rest()))
        }
    }
}

/// How many pieces the last lines are, and the stamp of the one before them.
///
/// The engine counts pieces: it would begin in the midst of a long line, whose parts could not be numbered then.
async fn last_lines(
    engine: &Engine,
    id: &ContainerId,
    lines: usize,
    since: Option<i64>,
) -> Result<(usize, Option<Stamp>), Error> {
    let mut asked = lines.saturating_add(1);
    loop {
        let options = LogOptions {
            tail: Some(asked),
            since,
            ..LogOptions::default()
        };
        let stamps: Vec<Option<Stamp>> = engine
            .logs(id, &options)
            .map_ok(|piece| piece.at)
            .try_collect()
            .await?;
        let all = stamps.len() < asked;
        let mut first = stamps.len().saturating_sub(lines);
        while first > 0 && first < stamps.len() && stamps[first - 1] == stamps[first] {
            first -= 1;
        }
        if first > 0 {
            return Ok((stamps.len() - first, stamps[first - 1].clone()));
        }
        if all {
            return Ok((lines, None));
        }
        asked = asked.saturating_mul(2);
    }
}

/// The one to show after `before`, which may be gone: the first that was made after it, and was made before the active
/// one or is that.
fn next<'a>(
    before: Option<&Source>,
    all: &'a [ContainerFacts],
    active: Option<&'a ContainerFacts>,
) -> Option<&'a ContainerFacts> {
    let active = active.filter(|active| before.is_none_or(|before| before.container != active.id))?;
    let made_after = before.and_then(|before| before.transition);
    let between = all.iter().filter(|facts| {
        let made = transition(facts);
        made > made_after && made < transition(active)
    });
    Some(between.min_by_key(|facts| transition(facts)).unwrap_or(active))
}

fn process_of(facts: &ContainerFacts) -> ProcessKey {
    facts
        .read_label(labels::PROCESS)
        .unwrap_or_else(ProcessKey::first_web)
}

fn transition(facts: &ContainerFacts) -> Option<ReleaseId> {
    facts.read_label(labels::TRANSITION)
}

/// The app's containers of a process, and the active one of them: what has traffic, else what has the blue name.
///
/// Without a process it is the first web one; where that has no active container, the first that has one.
async fn look(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    process: Option<&ProcessKey>,
) -> Result<(Vec<ContainerFacts>, Option<ContainerFacts>), Error> {
    let mut containers = server.containers(engine, app).await?;
    containers.retain(|facts| facts.label(labels::KIND).is_none() && facts.label(labels::PROCESS).is_some());
    let routed = match server.switch.route(app).await {
        Ok(route) => route.targets.into_iter().map(|target| target.container).collect(),
        Err(_) => Vec::new(),
    };
    let there = containers.iter().map(process_of).collect();
    let process = process.map(|asked| asked.resolve_in(&there));
    let is_routed = |facts: &&ContainerFacts| routed.contains(&facts.id);
    let is_blue = |facts: &&ContainerFacts| facts.name == Slot::Blue.container_name(app, &process_of(facts));
    let is_it = |facts: &&ContainerFacts| process.is_none_or(|process| process_of(facts) == *process);
    let found = containers
        .iter()
        .filter(|facts| is_it(facts) && (is_routed(facts) || is_blue(facts)))
        .min_by_key(|facts| {
            let of = process_of(facts);
            (!of.is_web(), of, !is_routed(facts))
        })
        .cloned();
    let process = process.cloned().or(found.as_ref().map(process_of));
    containers.retain(|facts| {
        process
            .as_ref()
            .is_none_or(|process| process_of(facts) == *process)
    });
    Ok((containers, found))
}

/// Returns the active container of the first process, and whether it runs: the one with the traffic, else the blue one.
pub async fn active(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
) -> Result<Option<(ContainerId, bool)>, Error> {
    let (_, found) = look(server, app, engine, None).await?;
    Ok(found.map(|facts| (facts.id.clone(), facts.state == ContainerState::Running)))
}
