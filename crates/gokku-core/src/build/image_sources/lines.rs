//! A Dockerfile's instructions, as the builder's parser takes them apart.

use std::ops::Range;

use super::Unclear;
use super::words;

/// White space between an instruction and what it is given.
const BLANKS: [char; 5] = ['\t', '\u{b}', '\u{c}', '\r', ' '];

/// Every instruction there is, and has been.
const INSTRUCTIONS: [&str; 18] = [
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

/// How deep `ONBUILD` is followed in `ONBUILD`, which builders refuse.
const DEEPEST: usize = 4;

/// In what versions of the builder differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a difference of its own")]
pub(super) struct Reading {
    /// Whether there are heredocs.
    heredocs: bool,
    /// Whether `check` is a directive.
    checks: bool,
    /// Whether a line ends before all of its carriage returns, or before one.
    returns: bool,
    /// Whether flags are escaped by the directive's character, or by a backslash.
    escapes: bool,
}

impl Reading {
    const NEWEST: Self = Self {
        heredocs: true,
        checks: true,
        returns: true,
        escapes: true,
    };

    /// Those that may make a difference to a text, the newest first.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let mut all = vec![Self::NEWEST];
        let mut double = |matters: bool, change: fn(Self) -> Self| {
            if matters {
                let more: Vec<Self> = all.iter().copied().map(change).collect();
                all.extend(more);
            }
        };
        let has = |word: &str| text.to_ascii_lowercase().contains(word);
        double(text.contains("<<"), |one| Self {
            heredocs: false,
            ..one
        });
        double(text.contains("\r\r"), |one| Self {
            returns: false,
            ..one
        });
        let escape = has("escape");
        double(escape && has("check"), |one| Self { checks: false, ..one });
        double(escape && text.contains('`'), |one| Self {
            escapes: false,
            ..one
        });
        all
    }
}

/// Where an instruction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Its first line, from 1.
    pub(super) line: usize,
    /// Its last, without its heredocs.
    pub(super) last: usize,
    /// Its lines as one, without space around it.
    pub(super) text: String,
    /// What escapes.
    pub(super) escape: char,
}

/// An instruction.
#[derive(Clone, Debug)]
pub(super) struct Instruction {
    /// Its name, in lower case.
    pub(super) name: String,
    pub(super) source: Source,
    /// Its flags, and where they are in its text.
    pub(super) flags: Vec<(String, Range<usize>)>,
    /// Whether it is one for later.
    pub(super) onbuild: bool,
    /// Where the rest is.
    rest: Range<usize>,
}

/// A Dockerfile's instructions.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) instructions: Vec<Instruction>,
}

impl Read {
    /// Whether every builder refuses it, whatever it is to build.
    pub(super) fn is_refused(&self) -> bool {
        let mut begun = false;
        for one in self.instructions.iter().filter(|one| !one.onbuild) {
            if !INSTRUCTIONS.contains(&one.name.as_str()) {
                return true;
            }
            if one.name == "from" {
                begun = true;
                let words = one.words();
                if words.len() != 1 && words.len() != 3 {
                    return true;
                }
            }
            if !begun && one.name != "arg" {
                return true;
            }
        }
        !begun
    }
}

impl Instruction {
    /// What it is given behind its flags.
    fn given(&self) -> &str {
        self.source.text.get(self.rest.clone()).unwrap_or_default()
    }

    /// The words of that, and where they are in its text.
    pub(super) fn words(&self) -> Vec<(String, Range<usize>)> {
        let mut words = Vec::new();
        let mut at = self.rest.start;
        for word in self.given().split(BLANKS) {
            if !word.is_empty() {
                words.push((word.to_owned(), at..at + word.len()));
            }
            at += word.len() + 1;
        }
        words
    }

    /// The name of the stage that a `FROM` begins.
    pub(super) fn stage(&self) -> Option<String> {
        let words = self.words();
        match words.as_slice() {
            [_, (_, _), (name, _)] => Some(lower(name)),
            _ => None,
        }
    }

    /// The arguments that an `ARG` names, with their defaults as they are written.
    pub(super) fn arguments(&self) -> Vec<(String, Option<String>)> {
        words::split(self.given(), self.source.escape)
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some((name, default)) => (name.to_owned(), Some(default.to_owned())),
                None => (word, None),
            })
            .collect()
    }
}

/// Go's lower case, of the letters that become others than Rust makes of them.
fn lower(name: &str) -> String {
    name.replace('\u{130}', "i")
        .replace('\u{212a}', "k")
        .to_lowercase()
}

/// The directives at a Dockerfile's beginning.
struct Directives {
    escape: char,
    seen: Vec<String>,
    over: bool,
    checks: bool,
}

impl Directives {
    /// Looks at a line; whether the builder refuses it.
    fn look(&mut self, line: &str) -> Result<(), ()> {
        if self.over {
            return Ok(());
        }
        let directive = line.strip_prefix('#').and_then(directive);
        let known = |name: &str| match name {
            "escape" | "syntax" => true,
            "check" => self.checks,
            _ => false,
        };
        match directive {
            Some((name, value)) if known(&name) => {
                if self.seen.contains(&name) {
                    return Err(());
                }
                if name == "escape" {
                    self.escape = match value {
                        "\\" => '\\',
                        "`" => '`',
                        _ => return Err(()),
                    };
                }
                self.seen.push(name);
                Ok(())
            }
            _ => {
                self.over = true;
                Ok(())
            }
        }
    }
}

/// A directive's name, in lower case, and what it says: of a comment without its mark.
pub(super) fn directive(comment: &str) -> Option<(String, &str)> {
    let (name, value) = comment.trim_start().split_once('=')?;
    let name = name.trim_end();
    let value = value.trim();
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && !value.is_empty();
    good.then(|| (name.to_ascii_lowercase(), value))
}

/// A line without what continues it, and whether it is continued.
fn continued(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(before) if !before.ends_with(escape) => (before, true),
        _ => (line, false),
    }
}

/// Takes a Dockerfile apart. What is refused is refused by the builder, too, where it reads it in this way.
pub(super) fn read(text: &str, reading: Reading) -> Result<Read, Unclear> {
    let mut directives = Directives {
        escape: '\\',
        seen: Vec::new(),
        over: false,
        checks: reading.checks,
    };
    let end = |line: &'_ str| -> usize {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let bare = if reading.returns {
            bare.trim_end_matches(['\r', '\n'])
        } else {
            bare.strip_suffix('\r').unwrap_or(bare)
        };
        bare.len()
    };
    let mut read = Read::default();
    let mut rest = text.split_inclusive('\n').enumerate();
    let refused = |line: usize, what: &str| Unclear::at(line + 1, what);
    while let Some((number, line)) = rest.next() {
        let bare = line[..end(line)].trim_start();
        if directives.look(bare).is_err() {
            return Err(refused(number, "this directive cannot be, or stands here twice"));
        }
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let escape = directives.escape;
        let (begun, mut more) = continued(bare, escape);
        let mut whole = begun.to_owned();
        let mut last = number;
        while more {
            let Some((number, line)) = rest.next() else { break };
            last = number;
            let bare = &line[..end(line)];
            if bare.trim_start().starts_with('#') || bare.trim().is_empty() {
                continue;
            }
            let (part, goes_on) = continued(bare, escape);
            whole.push_str(part);
            more = goes_on;
        }
        let source = Source {
            line: number + 1,
            last: last + 1,
            text: whole.trim().to_owned(),
            escape,
        };
        let flags_escape = if reading.escapes { escape } else { '\\' };
        let from = read.instructions.len();
        take_apart(&source, 0, flags_escape, 0, &mut read.instructions);
        let documents = match read.instructions.get(from..) {
            Some(made) if reading.heredocs => heredocs(made, &whole)?,
            _ => Vec::new(),
        };
        for (name, chomps) in documents {
            let ends = |line: &str| {
                let line = line.trim_end_matches(['\r', '\n']);
                let line = if chomps {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                line == name
            };
            if !rest.any(|(_, line)| ends(line)) {
                return Err(refused(number, "its heredoc has no end"));
            }
        }
    }
    Ok(read)
}

/// An instruction; of an `ONBUILD`, also the one in it, which is read again with a backslash when it comes to be.
fn take_apart(source: &Source, start: usize, escape: char, depth: usize, all: &mut Vec<Instruction>) {
    let text = &source.text;
    let Some(here) = text.get(start..) else { return };
    let name = here.split(BLANKS).next().unwrap_or_default();
    let behind = &here[name.len()..];
    let blanks = behind.len() - behind.trim_start_matches(BLANKS).len();
    let given = start + name.len() + blanks;
    let (flags, at) = flags(text.as_bytes(), given, escape);
    // Bytes that end a word there may lie within a letter here.
    let at = (at..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    let rest = &text[at..];
    let at = at + (rest.len() - rest.trim_start().len());
    let one = Instruction {
        name: lower(name),
        source: source.clone(),
        flags,
        onbuild: depth > 0,
        rest: at..text.len(),
    };
    let is_onbuild = one.name == "onbuild";
    if is_onbuild || depth == 0 || !all.iter().any(|other| is_same(other, &one)) {
        all.push(one);
    }
    if is_onbuild && depth < DEEPEST {
        for escape in [escape, '\\'] {
            take_apart(source, at, escape, depth + 1, all);
        }
    }
}

fn is_same(one: &Instruction, other: &Instruction) -> bool {
    (one.source.line, &one.name, &one.flags, &one.rest)
        == (other.source.line, &other.name, &other.flags, &other.rest)
}

/// The flags that a line has at a place, and where they end. By bytes, as the builder does it, which takes two of those
/// that letters are made of for white space.
fn flags(text: &[u8], from: usize, escape: char) -> (Vec<(String, Range<usize>)>, usize) {
    let is_space = |byte: u8| matches!(byte, b'\t'..=b'\r' | b' ' | 0x85 | 0xa0);
    let is_escape = |byte: u8| char::from(byte) == escape;
    let mut flags = Vec::new();
    let mut at = from;
    loop {
        while text.get(at).is_some_and(|byte| is_space(*byte)) {
            at += 1;
        }
        if !text.get(at..).is_some_and(|rest| rest.starts_with(b"--")) {
            return (flags, at);
        }
        let start = at;
        let mut word = String::new();
        let mut quote = None;
        while let Some(byte) = text.get(at).copied() {
            match quote {
                None if is_space(byte) => break,
                None if matches!(byte, b'\'' | b'"') => quote = Some(byte),
                Some(open) if byte == open => quote = None,
                _ if is_escape(byte) => {
                    at += 1;
                    if let Some(escaped) = text.get(at) {
                        word.push(char::from(*escaped));
                    }
                }
                _ => word.push(char::from(byte)),
            }
            at += 1;
        }
        let end = at.min(text.len());
        if word == "--" {
            return (flags, end);
        }
        flags.push((word, start..end));
    }
}

/// The heredocs that a line begins: what ends each, and whether tabs before that are none of it.
fn heredocs(made: &[Instruction], line: &str) -> Result<Vec<(String, bool)>, Unclear> {
    let takes = |one: &&Instruction| matches!(one.name.as_str(), "add" | "copy" | "run");
    let Some(one) = made.iter().find(takes).filter(|_| line.contains("<<")) else {
        return Ok(Vec::new());
    };
    // One `ONBUILD` is followed, and no more.
    if made.iter().filter(|one| one.name == "onbuild").count() > 1 {
        return Ok(Vec::new());
    }
    let given = one.given();
    if given.starts_with('[') {
        let mut values = serde_json::Deserializer::from_str(given).into_iter::<Vec<String>>();
        if matches!(values.next(), Some(Ok(_))) {
            return Ok(Vec::new());
        }
        if given.contains("\\u") {
            return Err(Unclear::at(
                one.source.line,
                "whether this begins a heredoc depends on how its JSON is read: write it without \\u",
            ));
        }
    }
    Ok(words::heredoc_words(line))
}

/// What `from` says in the comma-separated fields of a mount.
pub(super) fn mounted_from(mount: &str) -> Vec<String> {
    let mut named = Vec::new();
    for field in fields(mount) {
        if let Some((key, value)) = field.split_once('=')
            && key.trim().eq_ignore_ascii_case("from")
        {
            named.push(value.trim().to_owned());
        }
    }
    named
}

/// Comma-separated fields, of which some are in quotes.
fn fields(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(field) = all.last_mut() else { break };
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            letter => field.push(letter),
        }
    }
    all
}
