//! TOML files: what is wrong in one is told with its place, and those that gokku writes itself say their version.

use std::path::Path;

use gokku_core::text::decode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::fs::Error;
use crate::fs::atomic;

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Returns whether a file has lost its content: nothing, or nothing but zeros, is what a power cut or a failing disk leaves.
pub fn is_torn(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Understands a file's content; the error begins with the file, line and column.
pub fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    let text = decode::read(bytes).map_err(|source| Error::NotText {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(text.text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        wrong(path, text.text, start, error.message().to_owned())
    })
}

/// Returns the error of a file that was understood, and in which something is wrong at a byte of its text.
pub fn at(path: &Path, bytes: &[u8], start: usize, message: String) -> Error {
    match decode::read(bytes) {
        Ok(text) => wrong(path, text.text, start, message),
        Err(source) => Error::NotText {
            path: path.to_owned(),
            source,
        },
    }
}

fn wrong(path: &Path, text: &str, start: usize, message: String) -> Error {
    let (line, column) = decode::place(text, start);
    Error::Toml {
        path: path.to_owned(),
        line,
        column,
        message,
    }
}

/// Parses a file that says its version. That is looked at first: only of its own does this program know what
/// else may stand there.
pub fn parse_versioned<T: DeserializeOwned>(path: &Path, bytes: &[u8], version: u32) -> Result<T, Error> {
    parse_since(path, bytes, version, version)
}

/// Parses such a file where files of older versions are read, too.
pub fn parse_since<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    oldest: u32,
    newest: u32,
) -> Result<T, Error> {
    if is_torn(bytes) {
        return Err(Error::Torn {
            path: path.to_owned(),
        });
    }
    let found = parse::<Versioned>(path, bytes)?.version;
    if !(oldest..=newest).contains(&found) {
        return Err(Error::Version {
            path: path.to_owned(),
            found,
            newest,
        });
    }
    parse(path, bytes)
}

/// Returns a file's content.
pub fn text(path: &Path, value: &impl Serialize) -> Result<String, Error> {
    toml::to_string(value).map_err(|source| Error::Unwritable {
        path: path.to_owned(),
        source,
    })
}

/// Replaces a file.
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    atomic::replace(path, text(path, value)?.as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Kept {
        version: u32,
        word: String,
    }

    fn read(text: &str) -> Result<Kept, String> {
        parse_versioned(Path::new("kept.toml"), text.as_bytes(), 1).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let kept = Kept {
            version: 1,
            word: "é\n".to_owned(),
        };
        let written = text(Path::new("kept.toml"), &kept).expect("text");
        assert_eq!(read(&written), Ok(kept));
        assert!(read("version = 1\n\"é\" = 2").is_err_and(|error| error.starts_with("kept.toml:2:")),);
        assert!(read("word = ''").is_err_and(|error| error.ends_with("missing field `version`")));
        for torn in ["", "\0", "\0\0\0\0"] {
            assert!(read(torn).is_err_and(|error| error.contains("kept.toml has lost its content")));
        }
    }

    #[test]
    fn text_that_peoples_editors_make() {
        let marked = read("\u{feff}version = 1\r\nword = 'é'\r\n").expect("a file with a byte-order mark");
        assert_eq!(marked.word, "é");
        let wide: Vec<u8> = "version = 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let told = |bytes: &[u8]| {
            let error = parse::<Kept>(Path::new("kept.toml"), bytes).expect_err("no UTF-8");
            error.to_string()
        };
        assert!(
            told(&wide).starts_with("kept.toml:1:1: the file is UTF-16"),
            "{}",
            told(&wide)
        );
        assert!(told(b"version = 1\nword = '\xe9'").starts_with("kept.toml:2:9: this is not UTF-8"));
    }

    #[test]
    fn another_version_is_said_before_what_is_not_known_of_it() {
        let error = read("version = 2\nmore = true").expect_err("of another version");
        assert_eq!(
            error,
            "kept.toml is of version 2, and this gokku knows 1: the one that wrote it reads it"
        );
    }
}
