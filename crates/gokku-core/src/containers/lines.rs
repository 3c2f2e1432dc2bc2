//! Lines out of pieces: whoever writes may write a line in several parts, and each may arrive on its own.

use crate::containers::output::LogLine;
use crate::machine::stream::Stream;

/// The longest line that is told whole, in bytes; of a longer one, this much.
pub const LONGEST_LINE: usize = 16 * 1024;
/// What stands where the rest of such a line was.
pub const CUT: &str = " … (cut: the line is longer than 16 kB)";

/// What one writer has said of a line that has not ended: never more than is told of it.
#[derive(Debug, Default)]
pub struct Unended(Vec<u8>);

impl Unended {
    /// Returns the lines that `said` completes, with their ends.
    pub fn push(&mut self, said: &[u8]) -> Vec<u8> {
        let mut ended = Vec::new();
        for part in said.split_inclusive(|byte| *byte == b'\n') {
            let words = part.strip_suffix(b"\n");
            self.hold(words.unwrap_or(part));
            if words.is_some() {
                ended.extend(self.rest());
                ended.push(b'\n');
            }
        }
        ended
    }

    /// One byte more than is told says that there was more.
    fn hold(&mut self, words: &[u8]) {
        let room = (LONGEST_LINE + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&words[..room.min(words.len())]);
    }

    /// Returns what was said last, without the end of its line.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut line = std::mem::take(&mut self.0);
        cut(&mut line);
        line
    }
}

/// Cuts a line that is too long, before the letter that does not fit whole.
fn cut(line: &mut Vec<u8>) {
    if line.len() > LONGEST_LINE {
        let goes_on = |at: &usize| line[*at] & 0xc0 == 0x80;
        let back = (LONGEST_LINE - 3..=LONGEST_LINE)
            .rev()
            .take_while(goes_on)
            .count();
        line.truncate(LONGEST_LINE - back);
        line.extend_from_slice(CUT.as_bytes());
    }
}

/// What a program says on its two streams, in lines.
#[derive(Debug, Default)]
pub struct Lines {
    out: Unended,
    err: Unended,
}

impl Lines {
    /// Returns the lines that a piece completes, without their ends.
    pub fn push(&mut self, piece: &LogLine) -> Vec<String> {
        let held = match piece.stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        lines(&held.push(&piece.bytes))
    }

    /// Returns what was said last, without the end of its line.
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest = lines(&self.out.rest());
        rest.extend(lines(&self.err.rest()));
        rest
    }
}

/// Returns the lines of a text, without their ends.
pub fn lines(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    text.lines()
        .map(|line| line.trim_end_matches('\r').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(lines: &mut Lines, stream: Stream, text: &'static str) -> Vec<String> {
        lines.push(&LogLine {
            stream,
            at: None,
            bytes: text.as_bytes().to_vec(),
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
            assert_eq!(unended.push(&part), b"");
            unended.0.len()
        });
        assert!(most.max().unwrap() <= LONGEST_LINE + 1);
        let told = String::from_utf8(unended.push(b"\nnext\n")).unwrap();
        let (long, next) = told.split_once('\n').unwrap();
        assert_eq!(long, format!("{}{CUT}", ".".repeat(LONGEST_LINE)));
        assert_eq!(next, "next\n");
    }

    #[test]
    fn a_long_line_is_cut_at_the_same_place_however_it_comes_and_never_in_a_letter() {
        for (line, whole) in [
            (format!("{}\n", "x".repeat(LONGEST_LINE)), true),
            (format!("{}\n", "x".repeat(LONGEST_LINE + 1)), false),
            (format!("{}\n", "ü".repeat(LONGEST_LINE)), false),
            (format!("x{}\n", "ü".repeat(LONGEST_LINE)), false),
            (format!("xx{}\n", "𝒳".repeat(LONGEST_LINE)), false),
        ] {
            let told = Unended::default().push(line.as_bytes());
            let told = String::from_utf8(told).unwrap();
            assert_eq!(told == line, whole);
            assert!(
                whole || (told.ends_with(&format!("{CUT}\n")) && told.len() <= LONGEST_LINE + CUT.len() + 1)
            );
            for piece in [1, 7, 4096] {
                let mut unended = Unended::default();
                let pieces = line.as_bytes().chunks(piece).map(|piece| unended.push(piece));
                assert_eq!(pieces.collect::<Vec<_>>().concat(), told.as_bytes(), "{piece}");
            }
        }
    }
}
