//! Describes one thing that is done to a server: in words, and by the exact commands.

/// One thing that is done to a server, by root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The title, in a few words.
    pub title: String,
    /// What the step changes, a line for each.
    pub changes: Vec<String>,
    /// The commands, for `sh -eu`.
    pub script: String,
    /// Whether the gokku program is given to them on their standard input.
    pub sends_program: bool,
}

impl Step {
    pub(crate) fn new(
        title: impl Into<String>,
        change: impl Into<String>,
        script: impl Into<String>,
    ) -> Self {
        Self {
            title: title.into(),
            changes: vec![change.into()],
            script: script.into(),
            sends_program: false,
        }
    }

    pub(crate) fn and(mut self, change: impl Into<String>) -> Self {
        self.changes.push(change.into());
        self
    }

    pub(crate) fn with_program(self) -> Self {
        Self {
            sends_program: true,
            ..self
        }
    }
}

/// Returns the steps as a dry run shows them.
#[cfg(test)]
pub(crate) fn shown(steps: &[Step]) -> String {
    let lines = steps.iter().flat_map(|step| {
        let changes = step.changes.iter().map(|change| format!("       {change}"));
        let commands = step.script.lines().map(|line| format!("         {line}"));
        [format!("-----> {}", step.title)]
            .into_iter()
            .chain(changes)
            .chain(commands)
    });
    lines.collect::<Vec<_>>().join("\n")
}
