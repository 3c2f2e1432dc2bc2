//! A file's bytes as text: the one place that knows what people's editors make of one.
//!
//! Text is UTF-8. A byte-order mark at its beginning is no part of it, as the Unicode Standard (section 23.8) and every
//! program that reads these files have it. What is something else is told, with what to do.

use std::borrow::Cow;
use std::fmt;

/// The byte-order mark, as it is in UTF-8.
pub const MARK: &str = "\u{feff}";

/// A file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// Whether a byte-order mark stood before it: whoever writes the file again keeps it.
    pub marked: bool,
    /// What stands behind it.
    pub text: &'a str,
}

/// Why bytes are no text, and where they cease to be one. Line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub struct NotText {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What they are.
    pub what: Encoding,
}

/// What bytes are that are no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16, the lower byte first when it is `little`.
    Utf16 {
        /// Which byte is first.
        little: bool,
    },
    /// UTF-32.
    Utf32 {
        /// Which byte is first.
        little: bool,
    },
    /// Another one: Latin-1, Windows-1252, or no text at all.
    Other,
}

impl std::error::Error for Encoding {}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bits, little) = match self {
            Self::Other => return f.write_str("this is not UTF-8: save the file as UTF-8"),
            Self::Utf16 { little } => (16, little),
            Self::Utf32 { little } => (32, little),
        };
        let order = if *little { "LE" } else { "BE" };
        write!(
            f,
            "the file is UTF-{bits} and not UTF-8, as some editors and PowerShell's > save it: save it as UTF-8 \
             (`iconv -f UTF-{bits}{order} -t UTF-8 FILE`)"
        )
    }
}

/// The text that a file's bytes are.
pub fn read(bytes: &[u8]) -> Result<Text<'_>, NotText> {
    if let Some(what) = wide(bytes) {
        return Err(NotText {
            line: 1,
            column: 1,
            what,
        });
    }
    let rest = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
    let marked = rest.len() < bytes.len();
    match std::str::from_utf8(rest) {
        Ok(text) => Ok(Text { marked, text }),
        Err(error) => {
            let good = rest.get(..error.valid_up_to()).unwrap_or_default();
            let good = String::from_utf8_lossy(good);
            let (line, column) = place(&good, good.len());
            Err(NotText {
                line,
                column,
                what: Encoding::Other,
            })
        }
    }
}

/// The same for a file that another program reads, and that is only looked at: letters of another encoding are left to
/// that program.
pub fn look_at(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    match read(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text.text)),
        Err(NotText {
            what: Encoding::Other,
            ..
        }) => Ok(String::from_utf8_lossy(
            bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes),
        )),
        Err(wrong) => Err(wrong),
    }
}

/// The line and the column of a place in a text, which count from 1.
pub fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// What has more than one byte a letter: by its mark, or where there is none by the zeros that such text is half made of.
fn wide(bytes: &[u8]) -> Option<Encoding> {
    // In this order: UTF-32 with the lower byte first begins as UTF-16 does.
    let marks: [(&[u8], Encoding); 4] = [
        (&[0xff, 0xfe, 0, 0], Encoding::Utf32 { little: true }),
        (&[0, 0, 0xfe, 0xff], Encoding::Utf32 { little: false }),
        (&[0xff, 0xfe], Encoding::Utf16 { little: true }),
        (&[0xfe, 0xff], Encoding::Utf16 { little: false }),
    ];
    let by_mark = marks.iter().find(|(mark, _)| bytes.starts_with(mark));
    if let Some((_, encoding)) = by_mark {
        return Some(*encoding);
    }
    // The first letters of what people write here are ASCII.
    let zeros: Vec<bool> = bytes.iter().take(8).map(|byte| *byte == 0).collect();
    let patterns: [(&[bool], Encoding); 4] = [
        (&[false, true, true, true], Encoding::Utf32 { little: true }),
        (&[true, true, true, false], Encoding::Utf32 { little: false }),
        (&[false, true], Encoding::Utf16 { little: true }),
        (&[true, false], Encoding::Utf16 { little: false }),
    ];
    let by_zeros = patterns.iter().find(|(pattern, _)| {
        let mut letters = zeros.chunks(pattern.len());
        !zeros.is_empty() && letters.all(|letter| letter == *pattern)
    });
    by_zeros.map(|(_, encoding)| *encoding)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: bool, little: bool) -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        let units = mark.into_iter().chain(text.encode_utf16());
        let bytes = |unit: u16| {
            if little {
                unit.to_le_bytes()
            } else {
                unit.to_be_bytes()
            }
        };
        units.flat_map(bytes).collect()
    }

    fn utf32(text: &str, mark: bool, little: bool) -> Vec<u8> {
        let mark = mark.then_some('\u{feff}');
        let bytes = |c: char| {
            let number = u32::from(c);
            if little {
                number.to_le_bytes()
            } else {
                number.to_be_bytes()
            }
        };
        mark.into_iter().chain(text.chars()).flat_map(bytes).collect()
    }

    #[test]
    fn text_that_peoples_editors_make() {
        for (bytes, marked, text) in [
            (&b""[..], false, ""),
            (b"A=1\n", false, "A=1\n"),
            (b"\xef\xbb\xbf", true, ""),
            (b"\xef\xbb\xbfA=1\r\n", true, "A=1\r\n"),
            (b"\xef\xbb\xbf\xef\xbb\xbfA", true, "\u{feff}A"),
            ("é\u{feff}".as_bytes(), false, "é\u{feff}"),
            (b"a\0b", false, "a\0b"),
            (b"\0", false, "\0"),
        ] {
            assert_eq!(read(bytes), Ok(Text { marked, text }), "{bytes:?}");
        }
        for text in ["A=1\n", "é", "web: ./a\r\n", "1"] {
            for little in [true, false] {
                let told = |bytes: &[u8]| {
                    read(bytes)
                        .err()
                        .map(|wrong| (wrong.line, wrong.column, wrong.what))
                };
                let sixteen = Some((1, 1, Encoding::Utf16 { little }));
                let more = Some((1, 1, Encoding::Utf32 { little }));
                assert_eq!(told(&utf16(text, true, little)), sixteen, "{text}");
                assert_eq!(told(&utf32(text, true, little)), more, "{text}");
                if text.is_ascii() {
                    assert_eq!(told(&utf16(text, false, little)), sixteen, "{text}");
                    assert_eq!(told(&utf32(text, false, little)), more, "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        let told = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        insta::assert_snapshot!(told(b"A=1\nB=\xc3\xa9\xe9"), @"2:4: this is not UTF-8: save the file as UTF-8");
        insta::assert_snapshot!(told(b"\xef\xbb\xbfA\xff"), @"1:2: this is not UTF-8: save the file as UTF-8");
        insta::assert_snapshot!(told(&utf16("A", true, true)), @"1:1: the file is UTF-16 and not UTF-8, as some editors and PowerShell's > save it: save it as UTF-8 (`iconv -f UTF-16LE -t UTF-8 FILE`)");
        insta::assert_snapshot!(told(&utf32("A", true, false)), @"1:1: the file is UTF-32 and not UTF-8, as some editors and PowerShell's > save it: save it as UTF-8 (`iconv -f UTF-32BE -t UTF-8 FILE`)");
        assert_eq!(
            look_at(b"\xef\xbb\xbfFROM a # \xe9").unwrap(),
            "FROM a # \u{fffd}"
        );
        assert_eq!(look_at(b"\xef\xbb\xbfFROM a").unwrap(), "FROM a");
        assert!(look_at(&utf16("FROM a", true, true)).is_err());
    }
}
