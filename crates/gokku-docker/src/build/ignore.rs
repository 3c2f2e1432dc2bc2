//! `.dockerignore`: which of a folder's files a build gets, as the docker program decides it.
//!
//! There is no text that defines these rules: they are what `moby/patternmatcher` does (v0.6.0), for the file
//! `ignorefile/ignorefile.go`, for patterns `patternmatcher.go`. Here they are, in the order in which they count.
//!
//! **The file.** Bytes, in lines that end with a line feed, and a carriage return before it; a line of 65,536 bytes and
//! more is an error. A byte-order mark at the very beginning is none of it. A line whose first byte is `#` is a
//! comment; one with white space before the `#` is a pattern. White space around a line goes, an empty line is none.
//! `!` at the beginning, and white space behind it, makes an exception.
//!
//! **A pattern is a path.** What remains is cleaned as Go's `path.Clean` does (`a//b/./c/../d/` is `a/b/d`), one `/` at
//! its beginning goes; then white space, `path.Clean` and `!` come once more, so `./!x` is an exception, too. `!` alone,
//! and what Go's `filepath.Match` calls a bad pattern, is an error. How it is matched is in `ignore_pattern.rs`.
//!
//! **A path** is matched as a whole, and so is every folder above it: a pattern that matches a folder matches all in it.
//! The patterns are gone through in their order: one that is no exception is looked at while the path is in, an
//! exception while it is out, and each that matches turns it round. What matched a folder is remembered for what
//! is in it (`MatchesUsingParentResults`), and so is that a pattern was *not* looked at: of `a`, `!a/b`, `a` the third
//! is not looked at for `a`, which is out by then, and does not take `a/b`, which the second brought back.
//!
//! **Folders that are out.** Nothing in them is looked at where there is no exception. The docker program's two ways of
//! sending differ where there is one. Its classic one (`moby/go-archive`, `TarWithOptions`) goes into a folder only if
//! the text of an exception begins with the folder's path: `!docs/**/*.md` brings nothing back of `docs/api`. BuildKit's
//! (`tonistiigi/fsutil`, `filter.go`) does the same only where no exception has a wildcard, and looks everywhere
//! otherwise. What users are told (docs.docker.com: the last line that matches a file decides) is BuildKit's, and so is
//! this.
//!
//! **The Dockerfile and `.dockerignore`** are sent although they are left out, to the builder that reads them
//! (`context.rs`).
//!
//! Two things are stricter here. What is no regular expression is an error at once, where the docker program finds it
//! only when it comes to try it, and with `*` before it never. And classes of Unicode (`\pL`) are an error, not a class.

use crate::build::go_regex::without_control;
pub use crate::build::ignore_pattern::Flaw;
use crate::build::ignore_pattern::Pattern;

/// The longest line, with its carriage return: the buffer of Go's `bufio.Scanner`, less the line feed.
const LONGEST: usize = 64 * 1024 - 1;

/// A parsed `.dockerignore`.
#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    brings_back: bool,
}

/// A line of a `.dockerignore` that is no pattern.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{pattern}` is not a pattern: {flaw}")]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What stands there, or its beginning.
    pub pattern: String,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is known of the folder that a path is in: which patterns matched it.
#[derive(Clone, Debug, Default)]
pub struct Above(Vec<bool>);

impl Ignore {
    /// Reads a `.dockerignore`; the error names the first line that is no pattern.
    pub fn parse(text: &[u8]) -> Result<Self, BadLine> {
        let mut patterns = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let bad = |flaw| BadLine {
                line: index + 1,
                pattern: beginning(line),
                flaw,
            };
            if line.len() > LONGEST {
                return Err(bad(Flaw::TooLong));
            }
            let line = match line.strip_prefix("\u{feff}".as_bytes()) {
                Some(line) if index == 0 => line,
                _ => line,
            };
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            patterns.extend(rule(line).map_err(bad)?);
        }
        Ok(Self { patterns })
    }

    /// Returns whether a file or folder is left out, given relative to the top, and what to know for what is in it. `above`
    /// is what was said of the folder that it is in; at the top it is the default.
    pub fn look(&self, path: &[u8], above: &Above) -> (bool, Above) {
        let mut out = false;
        let mut matched = vec![false; self.patterns.len()];
        for (index, (rule, matches)) in self.patterns.iter().zip(&mut matched).enumerate() {
            let inherited = above.0.get(index).copied().unwrap_or(false);
            *matches = inherited || (rule.brings_back == out && rule.pattern.matches(path));
            if *matches {
                out = !rule.brings_back;
            }
        }
        (out, Above(matched))
    }

    /// Returns whether something in this folder, which is left out, may be brought back, so that one has to look.
    pub fn looks_into(&self, folder: &[u8]) -> bool {
        let mut exceptions = self.patterns.iter().filter(|rule| rule.brings_back);
        if exceptions.clone().any(|rule| rule.pattern.has_wildcards()) {
            return true;
        }
        exceptions.any(|rule| rule.pattern.begins_below(folder))
    }

    /// Returns whether a file is left out, given relative to the top.
    pub fn leaves_out(&self, file: &str) -> bool {
        let mut above = Above::default();
        for (slash, _) in file.match_indices('/') {
            let folder = &file.as_bytes()[..slash];
            let (out, what) = self.look(folder, &above);
            if out && !self.looks_into(folder) {
                return true;
            }
            above = what;
        }
        self.look(file.as_bytes(), &above).0
    }

    /// Returns the exceptions, without their `!`, as clean paths.
    pub fn exceptions(&self) -> impl Iterator<Item = &[u8]> {
        let exceptions = self.patterns.iter().filter(|rule| rule.brings_back);
        exceptions.map(|rule| rule.pattern.text())
    }
}

/// What to show of a line.
fn beginning(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(trimmed(line));
    let shown: String = line.chars().map(without_control).take(100).collect();
    if shown.len() < line.len() {
        shown + "…"
    } else {
        shown
    }
}

/// What one line says, if it says anything.
fn rule(line: &[u8]) -> Result<Option<Rule>, Flaw> {
    if line.starts_with(b"#") {
        return Ok(None);
    }
    // As the file is read.
    let line = trimmed(line);
    let (exception, path) = match line.strip_prefix(b"!") {
        Some(rest) => (true, trimmed(rest)),
        None => (false, line),
    };
    let mut text = if exception { b"!".to_vec() } else { Vec::new() };
    if !path.is_empty() {
        let path = cleaned(path);
        let rooted = path.len() > 1 && path[0] == b'/';
        text.extend_from_slice(&path[usize::from(rooted)..]);
    }
    // As patterns are read.
    let text = trimmed(&text);
    if text.is_empty() {
        return Ok(None);
    }
    let text = cleaned(text);
    let (brings_back, pattern) = match text.strip_prefix(b"!") {
        Some([]) => return Err(Flaw::LoneException),
        Some(rest) => (true, rest),
        None => (false, text.as_slice()),
    };
    let pattern = Pattern::new(pattern)?;
    Ok(Some(Rule { pattern, brings_back }))
}

/// The shortest path of the same meaning: Go's `path.Clean`.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match (part, parts.last()) {
            (b"" | b".", _) => {}
            (b"..", Some(last)) if *last != b".." => drop(parts.pop()),
            (b"..", None) if rooted => {}
            _ => parts.push(part),
        }
    }
    let path = parts.join(&b'/');
    match (rooted, path.is_empty()) {
        (true, _) => [b"/", path.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => path,
    }
}

/// Without the white space around it, which is Unicode's, where the bytes are UTF-8.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    let is_space = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| text.trim().is_empty());
    // The longest such letter has three bytes.
    while let Some(width) = (1..=3).find(|width| bytes.get(..*width).is_some_and(is_space)) {
        bytes = &bytes[width..];
    }
    let ends_in_space = |bytes: &[u8], width: usize| {
        let from = bytes.len().checked_sub(width);
        from.is_some_and(|from| is_space(&bytes[from..]))
    };
    while let Some(width) = (1..=3).find(|width| ends_in_space(bytes, *width)) {
        bytes = &bytes[..bytes.len() - width];
    }
    bytes
}
