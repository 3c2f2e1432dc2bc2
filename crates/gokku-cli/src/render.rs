//! Renders a transition's events as people read them: `-----> ` headings, details below them, and in the end what each
//! step took. In a terminal the heading of the step that runs is a live line, see `live`.

use std::time::Duration;

use comfy_table::CellAlignment;
use gokku_core::logs::event::{Event, Finish, Since, Source, Stamped};
use gokku_core::logs::subject::{StepStarted, Subject};
use gokku_core::text::size::Size;
use gokku_core::transition::{OperationName, Previous, StepName};

use gokku_server::Server;

use crate::event_text as text;
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
                let holder = held.as_ref().map(text::holder).or_else(|| holder.clone());
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
            Event::OutputLeftOut { lines, bytes } => {
                self.detail(Look::Plain, &format!("… {lines} lines, {}, are not kept", Size(*bytes)));
            }
            Event::OutputLimited { limit } => self.detail(
                Look::Plain,
                &format!(
                    "… what follows is not kept, but for its last lines: this log has {limit} (max_log below [deploy] in the server's config.toml)"
                ),
            ),
            Event::Notice(notice) => self.detail(Look::Plain, &text::notice(notice)),
            Event::Noted { line } => self.detail(Look::Plain, line),
            Event::Warned { line } => self.detail(Look::Bad, line),
            Event::NoRoom(short) => self.detail(
                Look::Plain,
                &format!("There is not enough room: {short}. Pruning"),
            ),
            Event::PruneFailed { error } | Event::VolumeNotRemoved { error, .. } => {
                self.detail(Look::Plain, error);
            }
            Event::RoomMade { freed } => {
                self.detail(Look::Plain, &format!("Pruned {freed}: the build fits now"));
            }
            Event::Detected(summary) => self.detail(Look::Plain, &summary.to_string()),
            Event::ImageDistrusted(loss) => self.detail(
                Look::Plain,
                &format!("{loss}; its image is not used either, and nothing of the builder's cache"),
            ),
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
                &format!(
                    "{connections} connections of TCP ports, WebSockets or other upgraded ones were closed"
                ),
            ),
            Event::PostDeployStarted { command } => {
                self.detail(Look::Plain, &format!("Running {command}"));
            }
            Event::PostDeployFailed { command, end } => {
                let words = text::post_deploy_failed(command, end, &self.app);
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
                self.detail(look, &text::carried(path, volume, *since, *shared));
            }
            Event::VolumeLeft {
                container,
                path,
                volume,
            } => self.detail(Look::Bad, &text::left_behind(container, path, volume)),
            Event::VolumeRemoved { volume } => {
                self.detail(Look::Plain, &format!("The volume {volume} is removed"));
            }
            Event::VolumeStays { volume, path } => {
                self.detail(Look::Plain, &text::volume_stays(volume, path.as_deref(), &self.app));
            }
            Event::NetworkStays { network } => self.detail(
                Look::Plain,
                &format!(
                    "The network {network} stays, because other containers are on it: `docker network rm {network}` removes it"
                ),
            ),
            Event::DomainLost { domain, by } => {
                self.detail(Look::Bad, &text::domain_lost(domain, by.as_ref()));
            }
            Event::Killed {
                container,
                grace,
                because,
            } => self.detail(Look::Bad, &text::killed(container, *grace, *because)),
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
            Finish::Succeeded { port, url, tcp } => {
                let of_port = || Some(self.server.url_of_port((*port)?));
                let url = url.clone().or_else(of_port);
                let tcp = tcp
                    .iter()
                    .map(|port| format!("tcp {}", self.server.address_of_port(*port)));
                let all: Vec<String> = url.into_iter().chain(tcp).collect();
                let at = if all.is_empty() {
                    String::new()
                } else {
                    format!(": {}", all.join(", "))
                };
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
