//! Renders a transition's events as people read them: `-----> ` headings, details below them, and in the end what each
//! step took. In a terminal the heading of the step that runs is a live line, see `live`.

use std::time::Duration;

use comfy_table::CellAlignment;
use gokku_core::config::process_one::KilledBecause;
use gokku_core::logs::event::{CommandEnd, Event, Finish, Held, Since, Source, Stamped};
use gokku_core::logs::subject::{StepStarted, Subject};
use gokku_core::transition::{OperationName, Previous, StepName};

use gokku_server::Server;

use crate::live::Live;
use crate::printer::{Look, Printer, plain_table};

/// Shows events one by one.
pub(crate) struct Renderer {
    printer: Printer,
    server: Server,
    what: OperationName,
    app: String,
    steps: Vec<(String, Duration)>,
    source: Option<Source>,
    /// The heading of the step that runs.
    live: Option<Live>,
    /// The step that failed last, and why: told at the end, unless the end says it itself.
    failed: Option<(StepName, String)>,
}

/// Returns a step's heading; none for what is too small to speak of.
fn heading(step: StepName, about: &Subject) -> Option<String> {
    Some(match step {
        StepName::Extract => "Extracting the code".to_owned(),
        StepName::Build => "Building the image".to_owned(),
        StepName::Pull => format!("Pulling {about}"),
        StepName::Migrate => "Running the migration".to_owned(),
        StepName::Start => format!("Starting {about}"),
        StepName::Health => format!("Waiting until {about} is healthy"),
        StepName::Hold => "Holding new requests".to_owned(),
        StepName::Switch => format!("Switching the traffic to {about}"),
        StepName::Drain => format!("Letting {about} answer its last requests"),
        StepName::Stop => format!("Stopping {about}"),
        StepName::Rename => format!("Renaming {about}"),
        StepName::Unroute => "Refusing new requests".to_owned(),
        StepName::Release => "Letting requests go on".to_owned(),
        StepName::Discard => "Discarding the failed release".to_owned(),
        StepName::Create
        | StepName::PrepareRefs
        | StepName::Current
        | StepName::CommitRefs
        | StepName::Remove
        | StepName::RestoreRefs
        | StepName::Diagnose => return None,
    })
}

/// Returns what is told of a volume that an image declares: much of it the first time.
fn carried(path: &str, volume: &str, since: Since, shared: bool) -> String {
    let what = match since {
        Since::Earlier => {
            return format!("{path} is kept, in the volume {volume}; what this image has there is hidden");
        }
        Since::Now => format!("the volume {volume}, made now"),
        Since::Before => format!("the volume {volume}, which the running release has there"),
    };
    let meanwhile = if shared {
        "; with ZERO_DOWNTIME=true, the old release and the new one share it for a moment"
    } else {
        ""
    };
    format!(
        "The image declares a volume at {path}: from now on it is kept from release to release, in {what}.\n\
         What a newer image has in {path} is hidden by it{meanwhile}. Something else can be mounted there with volumes: in \
         gokku.yml, and with \"{path}:anonymous\" nothing is kept"
    )
}

/// Returns what is told of a volume that nothing has any more.
fn left_behind(container: &str, path: &str, volume: &str) -> String {
    format!(
        "{container} had a volume of its own at {path}, {volume}. It stays, with what is in it, and no container has it now: \
         `docker run --rm -it -v {volume}:/old IMAGE` looks into it, `docker volume rm {volume}` removes it"
    )
}

/// Returns who has the app that is waited for.
fn holder_words(held: &Held) -> String {
    let Held {
        what,
        id,
        by,
        since,
        process,
    } = held;
    format!("{what} {id} by {by} since {since} (process {process})")
}

/// Returns how a command of `post_deploy` failed, and what to do.
fn post_deploy_failed(command: &str, end: &CommandEnd, app: &str) -> String {
    let failed = match end {
        CommandEnd::Exited { code } => format!("ended with exit code {code}"),
        CommandEnd::TimedOut { limit } => format!("failed: it was ended after {} s", limit.as_secs()),
        CommandEnd::NotRun { error } => format!("failed: {error}"),
    };
    format!(
        "post_deploy: {command:?} {failed}; the release has the traffic all the same, `gokku exec -a {app} -- …` runs it again"
    )
}

/// Returns how a container that was stopped came to its end, and what to do.
fn killed(container: &str, grace: Duration, because: KilledBecause) -> String {
    let grace = grace.as_secs();
    let in_time = format!("{container} did not end within STOP_TIMEOUT ({grace} s) and was killed (SIGKILL)");
    match because {
        KilledBecause::ShellKeptSignal => format!(
            "{in_time}\nProbably: its program stands behind a shell, which does not pass SIGTERM on: write `exec` before the program"
        ),
        KilledBecause::FirstProcess => format!(
            "{in_time}\nProbably: its program is the container's first process and does not handle SIGTERM: let it handle that, or run with the engine's init (`init` in gokku.yml)"
        ),
        KilledBecause::Ignored => format!(
            "{in_time}\nProbably: its program ignores SIGTERM, or needs longer to end: let it end on SIGTERM, or set a longer STOP_TIMEOUT"
        ),
        KilledBecause::ShellEnded => format!(
            "{container}: SIGTERM ended the shell that its program stands behind, and the program was killed with it\nIt had not heard of it: write `exec` before the program"
        ),
        KilledBecause::NoTime => format!("{container} was killed (SIGKILL): STOP_TIMEOUT is 0"),
    }
}

fn seconds(took: Duration) -> String {
    format!("{}.{:02} s", took.as_secs(), took.subsec_millis() / 10)
}

impl Renderer {
    /// Makes one for whoever asks of a server.
    pub(crate) fn new(printer: Printer, server: &Server) -> Self {
        Self {
            printer,
            server: server.clone(),
            what: OperationName::Unknown,
            app: String::new(),
            steps: Vec::new(),
            source: None,
            live: None,
            failed: None,
        }
    }

    fn heading(&mut self, text: &str) {
        self.source = None;
        self.live = None;
        self.printer.note(Look::Heading, &format!("-----> {text}"));
    }

    /// Shows the heading of a step that begins.
    fn begin(&mut self, text: &str) {
        if self.printer.is_live() {
            self.source = None;
            self.live = Some(Live::new(&format!("-----> {text}"), self.printer.is_coloured()));
        } else {
            self.heading(text);
        }
    }

    /// Ends the live line of a step: its heading stays, with what it took.
    fn end(&mut self, took: Duration) {
        if let Some(text) = self.live.take().map(Live::into_text) {
            self.printer
                .note(Look::Heading, &format!("{text} ({})", seconds(took)));
        }
    }

    fn above(&self, print: impl FnOnce()) {
        match &self.live {
            Some(live) => live.above(print),
            None => print(),
        }
    }

    fn detail(&self, look: Look, text: &str) {
        self.above(|| {
            for line in text.lines() {
                self.printer.note(look, &format!("       {line}"));
            }
        });
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, stamped: &Stamped) {
        if self.printer.json {
            if let Ok(text) = serde_json::to_string(stamped) {
                self.printer.result(&text);
            }
            return;
        }
        match &stamped.event {
            Event::Started {
                id,
                app,
                what,
                release,
                commit,
                image,
                ..
            } => {
                self.what = *what;
                self.app = app.to_string();
                let release = release
                    .filter(|release| release != id)
                    .map_or(String::new(), |id| format!(" of {id}"));
                let commit = commit
                    .as_ref()
                    .map_or(String::new(), |commit| format!(", commit {}", commit.short()));
                let image = image
                    .as_ref()
                    .map_or(String::new(), |image| format!(", image {image}"));
                self.heading(&format!("{} {app}: {what} {id}{release}{commit}{image}", "gokku"));
            }
            Event::Waited { held, holder } => {
                let holder = held.as_ref().map(holder_words).or_else(|| holder.clone());
                let holder = holder.unwrap_or_else(|| "something else".to_owned());
                self.heading(&format!("Waiting for {holder}"));
            }
            Event::Resumed => self.heading("Going on with what was cut off"),
            Event::StepStarted(StepStarted { step, about, .. }) => {
                if self.failed.as_ref().is_some_and(|(failed, _)| failed == step) {
                    self.tell_failed();
                }
                if let Some(heading) = heading(*step, about) {
                    self.begin(&heading);
                }
            }
            Event::StepFinished { step, took } => {
                self.end(*took);
                self.steps.push((step.to_string(), *took));
            }
            Event::StepFailed { step, took, error } => {
                self.end(*took);
                self.steps.push((format!("{step} (failed)"), *took));
                self.failed = Some((*step, error.clone()));
            }
            Event::Output { source, line } => {
                if *source == Source::App && self.source != Some(Source::App) {
                    self.detail(Look::Plain, "The last lines it printed:");
                }
                self.source = Some(*source);
                // What a step of the build prints is indented.
                let is_step = *source == Source::Build && line.starts_with('[');
                if let Some(live) = self.live.as_ref().filter(|_| is_step) {
                    live.part(line);
                }
                self.detail(Look::Dim, if line.is_empty() { " " } else { line });
            }
            Event::Noted { line } => self.detail(Look::Plain, line),
            Event::Warned { line } => self.detail(Look::Bad, line),
            Event::ImageReused { release } => self.detail(
                Look::Plain,
                &format!(
                    "nothing to build: the code and what it is built with are those of {release}, and so is the image"
                ),
            ),
            Event::CacheDistrusted => self.detail(
                Look::Plain,
                "the power was cut after an earlier build: this one takes nothing from the builder's cache",
            ),
            Event::RequestsCut { requests, limit } => self.detail(
                Look::Bad,
                &format!(
                    "{requests} requests were not answered within DRAIN_TIMEOUT ({} s) and are cut off",
                    limit.as_secs()
                ),
            ),
            Event::UpgradesClosed { connections } => self.detail(
                Look::Plain,
                &format!("{connections} WebSockets or other upgraded connections were closed"),
            ),
            Event::PostDeployStarted { command } => {
                self.detail(Look::Plain, &format!("Running {command}"));
            }
            Event::PostDeployFailed { command, end } => {
                let words = post_deploy_failed(command, end, &self.app);
                self.detail(Look::Bad, &words);
            }
            Event::ImageInUse { image } => self.detail(
                Look::Bad,
                &format!("{image} is in use by a container: `gokku prune` removes it once that is gone"),
            ),
            Event::ProcessDied { process } => self.detail(
                Look::Bad,
                &format!("the process {process} that ran it is gone: the daemon finishes or undoes it"),
            ),
            Event::LeftBehind { detail } => {
                self.detail(Look::Bad, &format!("{detail}: the daemon finishes or undoes it"));
            }
            Event::VolumeCarried {
                path,
                volume,
                since,
                shared,
            } => {
                // What comes with the new image is hidden from now on by what the old one had.
                let look = if *since == Since::Before {
                    Look::Bad
                } else {
                    Look::Plain
                };
                self.detail(look, &carried(path, volume, *since, *shared));
            }
            Event::VolumeLeft {
                container,
                path,
                volume,
            } => self.detail(Look::Bad, &left_behind(container, path, volume)),
            Event::Killed {
                container,
                grace,
                because,
            } => self.detail(Look::Bad, &killed(container, *grace, *because)),
            Event::NoInit => self.detail(
                Look::Bad,
                "the Docker Engine has no init (docker-init), so containers run without one, and a program that does not handle SIGTERM takes STOP_TIMEOUT to stop: `gokku doctor` says what to do",
            ),
            Event::AbortRefused { by, why } => {
                let who = by.as_deref().unwrap_or("somebody");
                self.detail(Look::Bad, &format!("{who} asked for its end, too late: {why}"));
            }
            Event::Finished { outcome, took } => self.finished(outcome, *took),
        }
    }

    fn finished(&mut self, outcome: &Finish, took: Duration) {
        self.live = None;
        let told = match outcome {
            Finish::GaveUp { detail, .. } | Finish::LeftUnfinished { detail } => detail.as_str(),
            _ => "",
        };
        if self
            .failed
            .as_ref()
            .is_some_and(|(_, why)| !told.contains(why.as_str()))
        {
            self.tell_failed();
        }
        if !self.steps.is_empty() {
            self.detail(Look::Dim, &self.table(took));
        }
        let what = format!("{} of {}", self.what, self.app);
        match outcome {
            Finish::Succeeded { port, url } => {
                let of_port = || Some(self.server.url_of_port((*port)?));
                let url = url.clone().or_else(of_port);
                let at = url.map_or(String::new(), |url| format!(": {url}"));
                self.source = None;
                self.printer.note(Look::Good, &format!("-----> Done{at}"));
            }
            Finish::GaveUp {
                kind,
                detail,
                serving,
                previous,
            } => {
                let rest = if *serving {
                    previous_words(*previous)
                } else {
                    "Nothing runs."
                };
                self.alert(&format!("The {what} failed: {}\n{rest}", kind.with(detail)));
            }
            Finish::Refused { detail, .. } => self.alert(detail),
            Finish::Superseded { id, by, .. } => {
                if self.what == OperationName::Config {
                    self.heading(&format!(
                        "A newer change of the environment, {id} by {by}, brings this one, too"
                    ));
                } else {
                    self.alert(&format!(
                        "A newer push, {id} by {by}, came in while this one waited, and took its place."
                    ));
                }
            }
            Finish::LeftUnfinished { detail } => {
                self.alert(&format!("The {what} is not at an end: {detail}"));
            }
        }
    }

    fn alert(&self, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let lead = if index == 0 { " !     " } else { "       " };
            self.printer.alert(Look::Bad, &format!("{lead}{line}"));
        }
    }

    /// Shows why the last step that failed did.
    fn tell_failed(&mut self) {
        if let Some((step, why)) = self.failed.take() {
            self.detail(Look::Bad, &format!("{step}: {why}"));
        }
    }

    /// Returns a table of what each step took.
    fn table(&self, whole: Duration) -> String {
        let mut table = plain_table();
        for (step, took) in &self.steps {
            table.add_row([step.clone(), seconds(*took)]);
        }
        table.add_row(["in all".to_owned(), seconds(whole)]);
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// Returns what became of the former release, which serves.
fn previous_words(previous: Previous) -> &'static str {
    match previous {
        Previous::Untouched => "The former release goes on serving, untouched.",
        Previous::StartedAgain => {
            "The former release was stopped meanwhile. It has been started again and serves."
        }
        Previous::PartlyStartedAgain => {
            "The former release goes on serving. What of it was stopped meanwhile has been started again."
        }
        Previous::NotBack => {
            "The former release was stopped meanwhile and did not come back well. What is left of it has the traffic; `gokku status` shows it."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_an_image_declares_is_told_with_what_it_brings_the_first_time() {
        let told = |since, shared| carried("/data", "api__data", since, shared);
        let hidden = "What a newer image has in /data is hidden by it";
        let share = "with ZERO_DOWNTIME=true, the old release and the new one share it for a moment";
        for since in [Since::Now, Since::Before] {
            let (alone, shared) = (told(since, false), told(since, true));
            for (words, is_shared) in [(alone, false), (shared, true)] {
                assert!(
                    words.contains(hidden) && words.contains("volumes: in gokku.yml"),
                    "{words}"
                );
                assert_eq!(words.contains(share), is_shared, "{words}");
            }
        }
        assert_eq!(
            told(Since::Earlier, true),
            "/data is kept, in the volume api__data; what this image has there is hidden"
        );
    }

    #[test]
    fn whoever_was_killed_is_named_with_what_to_do() {
        for (because, told) in [
            (KilledBecause::ShellKeptSignal, "write `exec` before the program"),
            (KilledBecause::ShellEnded, "write `exec` before the program"),
            (KilledBecause::FirstProcess, "`init` in gokku.yml"),
            (KilledBecause::Ignored, "set a longer STOP_TIMEOUT"),
            (KilledBecause::NoTime, "STOP_TIMEOUT is 0"),
        ] {
            let words = killed("api-blue", Duration::from_secs(10), because);
            assert!(
                words.starts_with("api-blue") && words.contains(told),
                "{because:?}: {words}"
            );
        }
    }
}
