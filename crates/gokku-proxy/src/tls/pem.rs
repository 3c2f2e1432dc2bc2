//! The blocks of a PEM file, RFC 7468. What stands before, between and after them is a comment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How many characters of a block stand in a line.
const WIDTH: usize = 64;

/// A block.
#[derive(Clone, PartialEq, Eq)]
pub struct PemBlock {
    /// What it is: `CERTIFICATE`.
    pub label: String,
    /// The line in which it begins, counted from 1.
    pub line: usize,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether it is encrypted in the old way: the block says so before its content, RFC 1421.
    pub encrypted: bool,
}

/// Says of a block only what is not secret.
impl std::fmt::Debug for PemBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PemBlock")
            .field("label", &self.label)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// Why a text is no PEM file. Each says the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The block has no end.
    #[error(
        "line {line}: the block {label} that begins here has no -----END {label}----- line: is the file complete?"
    )]
    NoEnd {
        /// The line.
        line: usize,
        /// What the block is.
        label: String,
    },
    /// The end of another block, or of none.
    #[error("line {line}: -----END {label}----- ends no block that has begun: is the file complete?")]
    NoBegin {
        /// The line.
        line: usize,
        /// What the block would be.
        label: String,
    },
    /// A line that is not base64.
    #[error("line {line}: this is not base64: was the file changed or cut when it was copied?")]
    NotBase64 {
        /// The line.
        line: usize,
    },
}

/// The longest label; of those that are in use the longest has 23 characters.
const MAX_LABEL: usize = 40;

/// Returns the label of a line that begins or ends a block. It is shown to people, and in a damaged file a part of a key may stand
/// in its place: so what no label has that is in use (RFC 7468 section 3 allows more) is none.
fn label<'a>(line: &'a str, how: &str) -> Option<&'a str> {
    let label = line
        .strip_prefix("-----")?
        .strip_prefix(how)?
        .strip_prefix(' ')?
        .strip_suffix("-----")?;
    let is_used = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" #".contains(&byte);
    (label.len() <= MAX_LABEL && label.bytes().all(is_used)).then_some(label)
}

/// A block whose end has not been read yet.
struct Open<'a> {
    label: &'a str,
    line: usize,
    encrypted: bool,
    base64: String,
    /// Where each line's part of that begins, and its number.
    lines: Vec<(usize, usize)>,
}

impl Open<'_> {
    fn close(self) -> Result<PemBlock, PemError> {
        let bytes = STANDARD.decode(&self.base64).map_err(|error| {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                    self.base64.len()
                }
            };
            let before = self.lines.iter().rev().find(|(begins, _)| *begins <= at);
            PemError::NotBase64 {
                line: before.map_or(self.line, |(_, number)| *number),
            }
        })?;
        Ok(PemBlock {
            label: self.label.to_owned(),
            line: self.line,
            bytes,
            encrypted: self.encrypted,
        })
    }
}

/// Returns all blocks of a file.
pub fn parse(bytes: &[u8]) -> Result<Vec<PemBlock>, PemError> {
    // A comment may be in any encoding; what counts is ASCII.
    let text = String::from_utf8_lossy(bytes);
    let mut blocks = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if let Some(label) = label(line, "BEGIN") {
            if let Some(Open { line, label, .. }) = open {
                let label = label.to_owned();
                return Err(PemError::NoEnd { line, label });
            }
            open = Some(Open {
                label,
                line: number,
                encrypted: false,
                base64: String::new(),
                lines: Vec::new(),
            });
        } else if let Some(label) = label(line, "END") {
            match open.take() {
                Some(block) if block.label == label => blocks.push(block.close()?),
                _ => {
                    let label = label.to_owned();
                    return Err(PemError::NoBegin { line: number, label });
                }
            }
        } else if let Some(block) = open.as_mut() {
            if line.contains(':') {
                block.encrypted |= line.ends_with("ENCRYPTED") || line.starts_with("DEK-Info:");
                continue;
            }
            block.lines.push((block.base64.len(), number));
            block.base64.push_str(line);
        }
    }
    match open {
        Some(Open { line, label, .. }) => {
            let label = label.to_owned();
            Err(PemError::NoEnd { line, label })
        }
        None => Ok(blocks),
    }
}

/// Returns a block's text.
pub fn text(label: &str, bytes: &[u8]) -> String {
    let base64 = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(WIDTH.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + "-----END " + label + "-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, usize, Vec<u8>)>, PemError> {
        let blocks = parse(text.as_bytes())?;
        Ok(blocks
            .into_iter()
            .map(|block| (block.label, block.line, block.bytes))
            .collect())
    }

    #[test]
    fn blocks_are_read_whatever_stands_around_them() {
        let long: Vec<u8> = (0..200).collect();
        for (text, expected) in [
            (String::new(), vec![]),
            ("no block at all\n".to_owned(), vec![]),
            (text("CERTIFICATE", &long), vec![("CERTIFICATE", 1, long.clone())]),
            (
                format!(
                    "\u{feff}Subject: x\r\n{}\r\nmore\r\n{}",
                    text("CERTIFICATE", b"one").replace('\n', "\r\n"),
                    text("PRIVATE KEY", b"two")
                ),
                vec![
                    ("CERTIFICATE", 2, b"one".to_vec()),
                    ("PRIVATE KEY", 7, b"two".to_vec()),
                ],
            ),
            (
                "  -----BEGIN X-----  \n  b25\n\n l\n-----END X-----".to_owned(),
                vec![("X", 1, b"one".to_vec())],
            ),
            (text("X", b""), vec![("X", 1, Vec::new())]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(label, line, bytes): (&str, usize, Vec<u8>)| (label.to_owned(), line, bytes))
                .collect();
            assert_eq!(read(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_broken_has_its_line() {
        let no_end = |line, label: &str| PemError::NoEnd {
            line,
            label: label.to_owned(),
        };
        let no_begin = |line, label: &str| PemError::NoBegin {
            line,
            label: label.to_owned(),
        };
        for (text, error) in [
            ("\n-----BEGIN A-----\nb25l\n", no_end(2, "A")),
            (
                "-----BEGIN A-----\nb25l\n-----BEGIN B-----\nb25l\n-----END B-----\n",
                no_end(1, "A"),
            ),
            ("b25l\n-----END A-----\n", no_begin(2, "A")),
            ("-----BEGIN A-----\nb25l\n-----END B-----\n", no_begin(3, "B")),
            ("----BEGIN A-----\nb25l\n-----END A-----\n", no_begin(3, "A")),
            (
                "-----BEGIN A-----\nb25l\nb2?l\n-----END A-----\n",
                PemError::NotBase64 { line: 3 },
            ),
            (
                "-----BEGIN A-----\nb25l\nb25\n-----END A-----\n",
                PemError::NotBase64 { line: 3 },
            ),
            (
                "-----BEGIN A-----\nb2==\nb25l\n-----END A-----\n",
                PemError::NotBase64 { line: 2 },
            ),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_old_passphrase_is_seen() {
        let block = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nb25l\n\
                     -----END RSA PRIVATE KEY-----\n";
        let blocks = parse(block.as_bytes()).expect("a block");
        assert!(blocks[0].encrypted);
        assert_eq!(
            format!("{:?}", blocks[0]),
            "PemBlock { label: \"RSA PRIVATE KEY\", line: 1, .. }"
        );
    }
}
