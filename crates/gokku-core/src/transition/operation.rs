//! What can be asked of an app, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::goal::Cause;

/// What a transition was asked for, as logs, locks and `--json` call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationName {
    /// A push, or `gokku deploy`: a new release.
    Deploy,
    /// `gokku rollback`: a release that was good before.
    Rollback,
    /// `gokku restart`: the active release in new containers.
    Restart,
    /// `gokku config`: the active release with a changed env.
    Config,
    /// `gokku start`: the release that was stopped.
    Start,
    /// `gokku ps scale`: the active release in another number of containers.
    Scale,
    /// `gokku stop`: nothing of it runs.
    Stop,
    /// `gokku destroy`: nothing of it is left.
    Destroy,
    /// One whose beginning nobody has told.
    #[serde(rename = "transition")]
    Unknown,
}

impl OperationName {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Deploy,
        Self::Rollback,
        Self::Restart,
        Self::Config,
        Self::Start,
        Self::Scale,
        Self::Stop,
        Self::Destroy,
        Self::Unknown,
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Restart => "restart",
            Self::Config => "config",
            Self::Start => "start",
            Self::Scale => "scale",
            Self::Stop => "stop",
            Self::Destroy => "destroy",
            Self::Unknown => "transition",
        }
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Cause> for OperationName {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Deploy => Self::Deploy,
            Cause::Rollback => Self::Rollback,
            Cause::Restart => Self::Restart,
            Cause::Config => Self::Config,
            Cause::Start => Self::Start,
            Cause::Scale => Self::Scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_it_is_said() {
        for name in OperationName::ALL {
            assert_eq!(
                serde_json::to_string(&name).ok(),
                Some(format!("\"{}\"", name.as_str()))
            );
        }
    }
}
