//! Lines out of pieces: whoever writes may write a line in several parts, and each may arrive on its own.

use crate::logs::{LogLine, Stream};

/// The longest line that is waited for, in bytes; a longer one is given in parts, so that memory stays bounded.
const LONGEST: usize = 64 * 1024;

/// What one writer has said of a line that has not ended.
#[derive(Debug, Default)]
pub struct Unended(Vec<u8>);

impl Unended {
    /// The lines that `said` completes, with their ends.
    pub fn push(&mut self, said: &[u8]) -> Vec<u8> {
        let held = self.0.len();
        self.0.extend_from_slice(said);
        let end = said.iter().rposition(|byte| *byte == b'\n');
        let end = match end {
            Some(end) => held + end + 1,
            None if self.0.len() > LONGEST => self.0.len(),
            None => 0,
        };
        let rest = self.0.split_off(end);
        std::mem::replace(&mut self.0, rest)
    }

    /// What was said last, without the end of its line.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// What a program says on its two streams, in lines.
#[derive(Debug, Default)]
pub struct Lines {
    out: Unended,
    err: Unended,
}

impl Lines {
    /// The lines that a piece completes, without their ends.
    pub fn push(&mut self, piece: &LogLine) -> Vec<String> {
        let held = match piece.stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        lines(&held.push(&piece.bytes))
    }

    /// What was said last, without the end of its line.
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest = lines(&self.out.rest());
        rest.extend(lines(&self.err.rest()));
        rest
    }
}

/// The lines of a text, without their ends.
pub(crate) fn lines(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    text.lines()
        .map(|line| line.trim_end_matches('\r').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn say(lines: &mut Lines, stream: Stream, text: &'static str) -> Vec<String> {
        lines.push(&LogLine {
            stream,
            at: None,
            bytes: Bytes::from_static(text.as_bytes()),
        })
    }

    #[test]
    fn a_line_in_pieces_is_one_line() {
        let mut lines = Lines::default();
        assert_eq!(say(&mut lines, Stream::Err, "failed with "), [""; 0]);
        assert_eq!(say(&mut lines, Stream::Out, "one\r\n\ntw"), ["one", ""]);
        assert_eq!(say(&mut lines, Stream::Err, "7"), [""; 0]);
        assert_eq!(say(&mut lines, Stream::Err, "\n"), ["failed with 7"]);
        assert_eq!(lines.rest(), ["tw"]);
        assert_eq!(lines.rest(), [""; 0]);
    }

    #[test]
    fn letters_in_pieces_are_whole() {
        let mut unended = Unended::default();
        let (first, second) = "grün\n".as_bytes().split_at(3);
        assert_eq!(unended.push(first), b"");
        assert_eq!(lines(&unended.push(second)), ["grün"]);
    }

    #[test]
    fn an_endless_line_is_not_held() {
        let mut unended = Unended::default();
        let part = [b'.'; 1024];
        let most = (0..1000).map(|_| {
            unended.push(&part);
            unended.0.len()
        });
        assert!(most.max().unwrap() <= LONGEST);
    }
}
