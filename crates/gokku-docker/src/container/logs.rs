//! What containers print.

use std::collections::VecDeque;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use gokku_core::ContainerId;
use gokku_core::containers::lines::{Unended, lines as whole};
use gokku_core::containers::output::{LogLine, LogOptions};
use gokku_core::machine::stream::Stream;

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::limits::Call;

pub(crate) fn piece(output: LogOutput) -> LogLine {
    match output {
        LogOutput::StdErr { message } => LogLine {
            stream: Stream::Err,
            at: None,
            bytes: message.into(),
        },
        LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
            LogLine {
                stream: Stream::Out,
                at: None,
                bytes: message.into(),
            }
        }
    }
}

/// Takes the time, which the engine puts before each piece with a space, out of it.
fn timed(mut line: LogLine) -> LogLine {
    if let Some(space) = line.bytes.iter().position(|byte| *byte == b' ')
        && let Ok(at) = std::str::from_utf8(&line.bytes[..space])
    {
        line.at = at.parse().ok();
        line.bytes.drain(..=space);
    }
    line
}

fn of(id: &str) -> Call<'_> {
    Call::new("logs", "read the container's output", id)
}

impl Engine {
    /// Returns what a container printed, and with `follow` what it will print until it ends.
    pub fn logs(&self, id: &ContainerId, options: &LogOptions) -> BoxStream<'static, Result<LogLine, Error>> {
        let tail = options
            .tail
            .map_or_else(|| "all".to_owned(), |tail| tail.to_string());
        let query = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .follow(options.follow)
            .since(options.since.map_or(0, |since| {
                since.clamp(0, i32::MAX.into()).try_into().unwrap_or(i32::MAX)
            }))
            .timestamps(true)
            .tail(&tail)
            .build();
        let (name, limits) = (id.to_string(), self.limits);
        let pieces = self
            .streams()
            .logs(id.as_str(), Some(query))
            .map_ok(|output| timed(piece(output)))
            .map_err(move |error| of(&name).broke(limits.question, error))
            .boxed();
        if options.follow {
            return pieces;
        }
        // It is on the disk already. However much of it is passed over, the next piece comes.
        let name = id.to_string();
        stream::unfold(Some(pieces), move |pieces| {
            let name = name.clone();
            async move {
                let mut pieces = pieces?;
                match tokio::time::timeout(limits.act, pieces.next()).await {
                    Ok(piece) => Some((piece?, Some(pieces))),
                    Err(_) => Some((Err(of(&name).unanswered(limits.act)), None)),
                }
            }
        })
        .boxed()
    }

    /// Returns the last lines a container printed, both streams in their order.
    pub async fn last_lines(&self, id: &ContainerId, lines: usize) -> Result<Vec<String>, Error> {
        let options = LogOptions {
            tail: Some(lines),
            ..LogOptions::default()
        };
        let mut pieces = self.logs(id, &options);
        let read = async move {
            // Pieces of a line that never ends are not lines: how many come says nothing of how much.
            let (mut unended, mut all) = (Unended::default(), VecDeque::new());
            while let Some(piece) = pieces.try_next().await? {
                all.extend(whole(&unended.push(&piece.bytes)));
                all.drain(..all.len().saturating_sub(lines));
            }
            all.extend(whole(&unended.rest()));
            all.drain(..all.len().saturating_sub(lines));
            Ok(all.into())
        };
        self.within(self.limits.question, of(id.as_str()), read).await
    }
}
