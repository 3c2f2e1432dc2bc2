//! Shows the step that runs now as one line, with how long it has run. Only in a terminal.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often the shown time is refreshed.
const TICK: Duration = Duration::from_millis(100);

/// How much of a part's name is shown, so that the line stays one.
const LONGEST_PART: usize = 40;

/// A line that lives until this is dropped.
pub(crate) struct Live(ProgressBar);

impl Live {
    /// Shows a line with this text.
    pub(crate) fn new(text: &str, coloured: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        let template = if coloured {
            "{msg:.bold}{prefix} {took:.dim}"
        } else {
            "{msg}{prefix} {took}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(
                style.with_key("took", |state: &ProgressState, line: &mut dyn Write| {
                    let _ = write!(line, "{:.1} s", state.elapsed().as_secs_f64());
                }),
            );
        }
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Shows which part of the step runs now.
    pub(crate) fn part(&self, text: &str) {
        let short: String = text.chars().take(LONGEST_PART).collect();
        self.0.set_prefix(format!(" {short}"));
    }

    /// Ends the line, and returns its text.
    pub(crate) fn into_text(self) -> String {
        self.0.message()
    }

    /// Runs what prints, so that its output stands above the line.
    pub(crate) fn above(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
