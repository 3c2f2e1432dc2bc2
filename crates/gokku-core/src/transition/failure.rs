//! Why a transition is given up, and what became of the previous release meanwhile.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a transition was given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Which of the things that can go wrong.
    pub kind: FailureKind,
    /// What is known about it, for people; may have several lines, never has a secret.
    pub detail: String,
}

/// The things that can go wrong before a transition reaches its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The commit's code could not be extracted.
    Export,
    /// The image could not be built.
    Build,
    /// The image could not be pulled.
    Pull,
    /// The migration failed.
    Migration,
    /// The migration was begun and nobody saw its end.
    MigrationCutOff,
    /// A new container could not be made.
    Create,
    /// A new container could not be started.
    Start,
    /// The new release did not pass its health check.
    Health,
    /// A new container exited before it had the traffic.
    Exited,
    /// A new container was removed by somebody else.
    Removed,
    /// The previous containers could not be taken out of the way.
    #[serde(rename = "former")]
    Previous,
    /// git cannot move the pushed branch, or what came with it.
    Refs,
    /// The traffic switch did not do what it was asked.
    Switch,
    /// A new container died after the switch while the previous ones were still there.
    DiedAfterSwitch,
    /// The process that ran the transition is gone.
    Interrupted,
    /// Somebody asked to stop it.
    Aborted,
}

impl FailureKind {
    /// Returns what happened, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Export => "the code could not be extracted",
            Self::Build => "the build failed",
            Self::Pull => "the pull failed",
            Self::Migration => "the migration failed",
            Self::MigrationCutOff => "the migration was cut off; nobody saw how it ended",
            Self::Create => "the new container could not be created",
            Self::Start => "the new container could not be started",
            Self::Health => "the new release did not pass its health check",
            Self::Exited => "the new container exited",
            Self::Removed => "the new container was removed by somebody else",
            Self::Previous => "the former release could not be taken out of the way",
            Self::Refs => "git cannot store the push",
            Self::Switch => "the traffic could not be switched",
            Self::DiedAfterSwitch => "the new container died right after the switch",
            Self::Interrupted => "it was interrupted",
            Self::Aborted => "it was aborted",
        }
    }
}

impl FailureKind {
    /// Returns the same with what is known about it.
    pub fn with(self, detail: &str) -> String {
        let lead = match self {
            _ if detail.is_empty() => "",
            // Who did it belongs to the words.
            Self::Aborted => " ",
            _ => ": ",
        };
        format!("{}{lead}{detail}", self.as_str())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.with(&self.detail))
    }
}

/// What became of the previous release while a transition tried to take its place, and gave up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Previous {
    /// It served all the time.
    #[default]
    Untouched,
    /// It was stopped, as `ZERO_DOWNTIME=false` has it, and started again.
    StartedAgain,
    /// It served all the time, or all but a moment, and what of it had to stop was started again.
    PartlyStartedAgain,
    /// It was stopped and did not come back well; what is left of it has the traffic.
    NotBack,
}
