//! What is told about a transition: the one stream that the terminal, the hook, the log and `--json` show.
//!
//! Events are facts, past tense. A transition's log, `apps/<app>/deploys/<id>.log`, is one JSON object a line,
//! each a [`Stamped`] event; it begins with [`Event::Started`] and ends with [`Event::Finished`]. Nothing in
//! an event is secret.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::notice::Notice;
use super::subject::StepStarted;
use super::took::{milliseconds, seconds};
use crate::app::ids::CommitId;
use crate::app::name::AppName;
use crate::app::release_id::ReleaseId;
use crate::build::languages::summary::Summary;
use crate::config::image_ref::ImageRef;
use crate::config::process_one::KilledBecause;
use crate::domains::domain::Domain;
use crate::release::code_loss::CodeLoss;
use crate::release::disk::Short;
use crate::text::size::{Size, number};
use crate::transition::{FailureKind, OperationName, Previous, Purpose, StepName};

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A transition began.
    Started {
        /// Its id; for a deploy the release's.
        id: ReleaseId,
        /// The app.
        app: AppName,
        /// What was asked for.
        what: OperationName,
        /// The release it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseId>,
        /// The commit of that release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<CommitId>,
        /// What the image of that release is pulled by, where none is built.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<ImageRef>,
        /// Who asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It waits for another transition of the same app.
    Waited {
        /// Who has the app, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<Held>,
        /// The same in the words of an earlier version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<String>,
    },
    /// Somebody took over a transition whose process had died.
    Resumed,
    /// A step began.
    StepStarted(StepStarted),
    /// A step ended well.
    StepFinished {
        /// Which.
        step: StepName,
        /// How long it took.
        #[serde(rename = "ms", with = "milliseconds")]
        took: Duration,
    },
    /// A step failed.
    StepFailed {
        /// Which.
        step: StepName,
        /// How long it took.
        #[serde(rename = "ms", with = "milliseconds")]
        took: Duration,
        /// What went wrong; may have several lines.
        error: String,
    },
    /// A line of output of something that was run.
    Output {
        /// Of what.
        source: Source,
        /// The line, without its end.
        line: String,
    },
    /// Output that came here is not kept.
    OutputLeftOut {
        /// How many lines.
        lines: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// The log has as much output as is kept: of what follows the last lines are.
    OutputLimited {
        /// How many bytes of log that is.
        #[serde(with = "number")]
        limit: Size,
    },
    /// Something that the author of the release may want to know.
    Notice(Notice),
    /// Something worth knowing, in the words of an earlier version.
    Noted {
        /// One line.
        line: String,
    },
    /// Something that should be mended, and did not stop the transition: what an error says, or the words of an earlier version.
    Warned {
        /// One line.
        line: String,
    },
    /// A build does not fit on the disk, and what is no longer kept is pruned.
    NoRoom(Short),
    /// That did not go well as a whole.
    PruneFailed {
        /// What went wrong.
        error: String,
    },
    /// That made room enough.
    RoomMade {
        /// How many bytes.
        #[serde(with = "number")]
        freed: Size,
    },
    /// The image is built as its language is, without a Dockerfile of the project's own.
    Detected(Summary),
    /// Nothing was built, because an earlier release was built from the same.
    ImageReused {
        /// That release.
        release: ReleaseId,
    },
    /// The image of an earlier release, built from the same, is not used, nor the builder's cache: that release has lost its code.
    ImageDistrusted(CodeLoss),
    /// The builder's cache is not used, because the power was cut after an earlier build.
    CacheDistrusted,
    /// Requests were not answered in time by what had to end, and were cut off.
    RequestsCut {
        /// How many.
        requests: u64,
        /// How long they had: `DRAIN_TIMEOUT`.
        #[serde(with = "seconds")]
        limit: Duration,
    },
    /// Connections of TCP ports, WebSockets and other upgraded connections were closed.
    UpgradesClosed {
        /// How many.
        connections: u64,
    },
    /// A command of `post_deploy` began.
    PostDeployStarted {
        /// The command, as it was written.
        command: String,
    },
    /// A command of `post_deploy` failed; the release has the traffic all the same.
    PostDeployFailed {
        /// The command, as it was written.
        command: String,
        /// How it ended.
        end: CommandEnd,
    },
    /// An image that is no longer kept is in use by a container, and stays.
    ImageInUse {
        /// Its name.
        image: String,
    },
    /// The process that ran the transition died, and the daemon takes it over. Told to those that follow it alone.
    ProcessDied {
        /// Its number.
        process: u32,
    },
    /// The process that ran the transition could not go on, and the daemon takes it over. Told to those that follow it alone.
    LeftBehind {
        /// What stood in the way.
        detail: String,
    },
    /// What the image declares as a volume is carried from release to release.
    VolumeCarried {
        /// Where in the container.
        path: String,
        /// The volume's name on the engine.
        volume: String,
        /// Since when.
        since: Since,
        /// Whether the old release and the new one have it at once for a moment.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        shared: bool,
    },
    /// A container was removed, and the volume of its own that it had, because its image declares one, was not.
    VolumeLeft {
        /// The container's name.
        container: String,
        /// Where in the container it was.
        path: String,
        /// The volume's name on the engine.
        volume: String,
    },
    /// A volume of an app that is destroyed was removed, as was asked for.
    VolumeRemoved {
        /// The volume's name on the engine.
        volume: String,
    },
    /// It was not.
    VolumeNotRemoved {
        /// The volume's name on the engine.
        volume: String,
        /// What went wrong.
        error: String,
    },
    /// A volume of an app that is destroyed stays.
    VolumeStays {
        /// The volume's name on the engine.
        volume: String,
        /// Where in the containers it was, if their image declared it: then no new app finds it by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// A network of an app that is destroyed stays, because other containers are on it.
    NetworkStays {
        /// Its name.
        network: String,
    },
    /// A domain of the release that gets the traffic back is another app's by now, and is left to that.
    DomainLost {
        /// The domain.
        domain: Domain,
        /// The app, if whoever asked may know it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<AppName>,
    },
    /// A container that was stopped, or what ran in it, did not end by itself.
    Killed {
        /// Its name.
        container: String,
        /// How long it was given to end: `STOP_TIMEOUT`.
        #[serde(with = "seconds")]
        grace: Duration,
        /// Why.
        because: KilledBecause,
    },
    /// The Docker Engine has no init, and containers run without one.
    NoInit,
    /// Somebody asked for its end, and it goes on.
    AbortRefused {
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Why.
        why: String,
    },
    /// It ended.
    Finished {
        /// How.
        outcome: Finish,
        /// How long it took.
        #[serde(rename = "ms", with = "milliseconds")]
        took: Duration,
    },
}

/// Who has an app that a transition waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What for.
    pub what: Purpose,
    /// The transition.
    pub id: ReleaseId,
    /// Who asked for it.
    pub by: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// The process.
    pub process: u32,
}

/// How a command ended that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandEnd {
    /// By itself.
    Exited {
        /// With this exit code.
        code: i64,
    },
    /// It was ended, because it had run for so long.
    TimedOut {
        /// How long.
        #[serde(with = "seconds")]
        limit: Duration,
    },
    /// It could not be run.
    NotRun {
        /// Why.
        error: String,
    },
}

/// Whose output a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The image's build, or its pull.
    Build,
    /// The migration.
    Migration,
    /// The app itself: its last lines before it failed.
    App,
    /// What is run once the new release has the traffic.
    PostDeploy,
}

/// Since when a volume is carried from release to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// It was made now, and begins with what the image has in its place.
    Now,
    /// A container had it until now that would have lost it.
    Before,
    /// It was carried already, or is what an earlier app of that name has left.
    Earlier,
}

/// How a transition ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The goal was reached.
    Succeeded {
        /// The host port that answers, when the app has traffic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Where people reach it, as far as the server knows that by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// The host ports on which its TCP ports are reached, when the app has traffic.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tcp: Vec<u16>,
    },
    /// The goal was given up; everything is as it was before.
    GaveUp {
        /// Which of the things that can go wrong.
        kind: FailureKind,
        /// What is known about it; may have several lines.
        detail: String,
        /// Whether a previous release serves.
        serving: bool,
        /// What became of it meanwhile.
        #[serde(rename = "former", default)]
        previous: Previous,
    },
    /// It was refused before it began to change anything.
    Refused {
        /// Why.
        reason: Refusal,
        /// What went wrong and what to do; may have several lines.
        detail: String,
    },
    /// A newer one of its kind took its place while it waited.
    Superseded {
        /// The newer one.
        id: ReleaseId,
        /// Who asked for it.
        by: String,
        /// Its process.
        process: u32,
    },
    /// It could not go on, and is not at an end: the traffic switch's daemon or the next command continues it.
    LeftUnfinished {
        /// What stood in the way.
        detail: String,
    },
}

impl Finish {
    /// Returns it in one line: `succeeded`, or why not. Nothing of what an app printed is in it.
    pub fn words(&self) -> String {
        match self {
            Self::Succeeded { .. } => "succeeded".to_owned(),
            Self::GaveUp { kind, .. } => format!("failed: {}", kind.as_str()),
            Self::Refused { detail, .. } => format!("refused: {}", detail.lines().next().unwrap_or("")),
            Self::Superseded { id, .. } => format!("replaced by {id}"),
            Self::LeftUnfinished { .. } => "left unfinished".to_owned(),
        }
    }
}

/// Why a transition was refused before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Something in the app's settings, its gokku.yml or its code.
    Input,
    /// There is no such app or release.
    Missing,
    /// Another transition of the app is under way.
    Busy,
    /// The Docker Engine or the traffic switch is not there.
    Unavailable,
    /// Something else failed, the disk for example.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::languages::Lang;
    use crate::build::languages::summary::Base;
    use crate::build::languages::version::Version;
    use crate::release::disk::{Place, Shortage};

    /// A log is read by whoever follows it, which may be an older program.
    #[test]
    fn its_words_in_the_log_stay() {
        let text = r#"{"gave-up":{"kind":"former","detail":"","serving":true,"former":"started-again"}}"#;
        let finish: Finish = serde_json::from_str(text).expect("an end");
        let Finish::GaveUp { kind, previous, .. } = &finish else {
            panic!("{finish:?}")
        };
        assert_eq!(
            (*kind, *previous),
            (FailureKind::Previous, Previous::StartedAgain)
        );
        assert_eq!(serde_json::to_string(&finish).expect("a text"), text);
    }

    #[test]
    fn what_is_noted_is_facts() {
        let held = Held {
            what: Purpose::Operation(OperationName::Deploy),
            id: ReleaseId::at(1),
            by: "anna".to_owned(),
            since: "2026-11-30T06:57:59Z".to_owned(),
            process: 42,
        };
        let limit = Duration::from_secs(30);
        let failed = |end| Event::PostDeployFailed {
            command: "app warm".to_owned(),
            end,
        };
        for (event, text) in [
            (
                Event::Waited {
                    held: Some(held),
                    holder: None,
                },
                r#"{"waited":{"held":{"what":"deploy","id":"19700101-000001","by":"anna","since":"2026-11-30T06:57:59Z","process":42}}}"#,
            ),
            (
                Event::Waited {
                    held: None,
                    holder: Some("deploy".to_owned()),
                },
                r#"{"waited":{"holder":"deploy"}}"#,
            ),
            (Event::CacheDistrusted, r#""cache-distrusted""#),
            (
                Event::RequestsCut { requests: 3, limit },
                r#"{"requests-cut":{"requests":3,"limit":30}}"#,
            ),
            (
                failed(CommandEnd::Exited { code: 1 }),
                r#"{"post-deploy-failed":{"command":"app warm","end":{"exited":{"code":1}}}}"#,
            ),
            (
                failed(CommandEnd::TimedOut { limit }),
                r#"{"post-deploy-failed":{"command":"app warm","end":{"timed-out":{"limit":30}}}}"#,
            ),
            (
                Event::OutputLimited { limit: Size(100) },
                r#"{"output-limited":{"limit":100}}"#,
            ),
            (
                Event::Notice(Notice::ReachedLater {
                    app: "api".parse().expect("a name"),
                    other: "shop".parse().expect("a name"),
                }),
                r#"{"notice":{"reached-later":{"app":"api","other":"shop"}}}"#,
            ),
            (
                Event::Notice(Notice::CodeRepaired(CodeLoss {
                    release: ReleaseId::at(1),
                    first: "app.py".to_owned(),
                    more: 2,
                    tree: "/opt/gokku/apps/api/releases/19700101-000001".to_owned(),
                })),
                r#"{"notice":{"code-repaired":{"release":"19700101-000001","first":"app.py","more":2,"tree":"/opt/gokku/apps/api/releases/19700101-000001"}}}"#,
            ),
            (
                Event::NoRoom(Short {
                    folder: "/var/lib/docker".to_owned(),
                    shortage: Shortage {
                        place: Place::Engine,
                        free: Size(1),
                        takes: Size(2),
                        reserve: Size(3),
                    },
                }),
                r#"{"no-room":{"folder":"/var/lib/docker","shortage":{"place":"engine","free":1,"takes":2,"reserve":3}}}"#,
            ),
            (
                Event::Detected(Summary {
                    lang: Lang::Python,
                    base: Some(Base::Version(Version {
                        number: "3.11".to_owned(),
                        from: Some(".python-version".to_owned()),
                        channel: None,
                    })),
                    runs: "gunicorn app:app".to_owned(),
                }),
                r#"{"detected":{"lang":"python","base":{"version":{"number":"3.11","from":".python-version"}},"runs":"gunicorn app:app"}}"#,
            ),
            (
                Event::VolumeStays {
                    volume: "api_data".to_owned(),
                    path: None,
                },
                r#"{"volume-stays":{"volume":"api_data"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&event).expect("a text"), text);
            assert_eq!(serde_json::from_str::<Event>(text).expect("an event"), event);
        }
    }
}
