//! A step that began, and what it is about: facts, which a line of a log has as words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::app::branch_name::BranchName;
use crate::app::release_id::ReleaseId;
use crate::config::image_ref::ImageRef;
use crate::transition::StepName;

/// Stands between the names of containers.
const BETWEEN: &str = ", ";
/// Stands between a container's name and its next one.
const BECOMES: &str = " to ";

/// A step that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Line", into = "Line")]
pub struct StepStarted {
    /// Which.
    pub step: StepName,
    /// The containers or the release it is about.
    pub about: Subject,
    /// Why now.
    pub why: String,
}

/// What a step is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The app as a whole.
    App,
    /// These containers, by name.
    Containers(Vec<String>),
    /// A container that gets another name.
    Rename {
        /// Its name.
        container: String,
        /// Its name from now on.
        to: String,
    },
    /// The image that is pulled.
    Image(ImageRef),
    /// The branch that was pushed.
    Branch(BranchName),
    /// The release that `current` points at.
    Release(ReleaseId),
}

impl Subject {
    /// Returns the containers that it names.
    pub fn containers(&self) -> &[String] {
        match self {
            Self::Containers(names) => names,
            _ => &[],
        }
    }

    /// Reads what a line says of a step. What cannot be understood is the app's as a whole: the step was begun all the same.
    fn read(step: StepName, words: &str) -> Self {
        let read = match step {
            _ if words.is_empty() => None,
            StepName::Create
            | StepName::Start
            | StepName::Health
            | StepName::Switch
            | StepName::Drain
            | StepName::Stop
            | StepName::Remove => Some(Self::Containers(
                words.split(BETWEEN).map(str::to_owned).collect(),
            )),
            StepName::Rename => words.split_once(BECOMES).map(|(container, to)| Self::Rename {
                container: container.to_owned(),
                to: to.to_owned(),
            }),
            StepName::Pull => words.parse().ok().map(Self::Image),
            StepName::CommitRefs | StepName::RestoreRefs => words.parse().ok().map(Self::Branch),
            StepName::Current => words.parse().ok().map(Self::Release),
            StepName::Extract
            | StepName::Build
            | StepName::Migrate
            | StepName::Hold
            | StepName::PrepareRefs
            | StepName::Release
            | StepName::Unroute
            | StepName::Diagnose
            | StepName::Discard => None,
        };
        read.unwrap_or(Self::App)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App => Ok(()),
            Self::Containers(names) => f.write_str(&names.join(BETWEEN)),
            Self::Rename { container, to } => write!(f, "{container}{BECOMES}{to}"),
            Self::Image(image) => image.fmt(f),
            Self::Branch(branch) => branch.fmt(f),
            Self::Release(id) => id.fmt(f),
        }
    }
}

/// How a log has it.
#[derive(Serialize, Deserialize)]
struct Line {
    step: StepName,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    about: String,
    why: String,
}

impl From<Line> for StepStarted {
    fn from(line: Line) -> Self {
        Self {
            step: line.step,
            about: Subject::read(line.step, &line.about),
            why: line.why,
        }
    }
}

impl From<StepStarted> for Line {
    fn from(started: StepStarted) -> Self {
        Self {
            step: started.step,
            about: started.about.to_string(),
            why: started.why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_is_about_is_read_back() {
        let name = |name: &str| name.to_owned();
        let rows = [
            (StepName::Build, Subject::App, ""),
            (
                StepName::Stop,
                Subject::Containers(vec![name("api-blue"), name("api-blue-web-2")]),
                r#""about":"api-blue, api-blue-web-2","#,
            ),
            (
                StepName::Rename,
                Subject::Rename {
                    container: name("api-green"),
                    to: name("api-blue"),
                },
                r#""about":"api-green to api-blue","#,
            ),
            (
                StepName::Pull,
                Subject::Image("nginx:1".parse().expect("an image")),
                r#""about":"nginx:1","#,
            ),
            (
                StepName::CommitRefs,
                Subject::Branch(BranchName::main()),
                r#""about":"main","#,
            ),
            (
                StepName::Current,
                Subject::Release(ReleaseId::at(0)),
                r#""about":"19700101-000000","#,
            ),
        ];
        for (step, about, words) in rows {
            let started = StepStarted {
                step,
                about,
                why: name("so"),
            };
            let text = serde_json::to_string(&started).expect("text");
            assert_eq!(text, format!(r#"{{"step":"{step}",{words}"why":"so"}}"#));
            assert_eq!(
                serde_json::from_str::<StepStarted>(&text).ok().as_ref(),
                Some(&started)
            );
        }
    }
}
