//! An app's env file: lines that are read, edited and written back without losing a byte.
//!
//! ```text
//! # a comment
//! KEY=unquoted value        # trimmed; a comment begins at a # behind white space
//! COLOR=#ff8800             # so this is a value
//! export KEY='raw, also over several lines'
//! KEY="with \n \r \t \" \\ \$ and nothing else escaped, also over several lines"
//! ```
//!
//! Nothing is expanded: a `$` is a `$`. Of a key that stands twice the last one counts. An edit touches the
//! one line it is about, and keeps a byte-order mark. Values never show in an error or in `Debug` output.
//!
//! Where a comment begins is what shells, the Docker Engine's `--env-file` and Compose agree on (Compose's "Use an .env
//! file", "Syntax": inline comments for unquoted values must be preceded with a space). Names are what the engine takes,
//! but for what nobody can see in a file or would be read as something else there.

use std::fmt;
use std::str::FromStr;

use crate::text::decode::{self, Encoding};

/// The most bytes that a variable may have: its name, `=`, its value and the NUL that ends it.
///
/// Linux starts no program with a longer one: `MAX_ARG_STRLEN` of `linux/binfmts.h`, 32 pages, of 4096 bytes on the
/// machines with the smallest.
pub const LONGEST: usize = 131_072;

/// The name of a variable: any text without `=`, white space, quotes, and characters that do not show; it does not begin
/// with `#`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvKey(String);

/// A variable's value: any text without a NUL. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvValue(String);

/// Why a text is not a variable's name or `NAME=VALUE`. Never shows a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// There is no `=`. What was given may be a secret and is not shown.
    #[error("one of the pairs has no = in it: write NAME=VALUE, in quotes where the value has spaces")]
    NoValue,
    /// The name has characters a variable's name cannot have.
    #[error(
        "{0:?} is not a variable's name: it has no white space, quotes, = or control characters, and no # at its beginning"
    )]
    Key(String),
    /// The value has a NUL, which no environment can carry.
    #[error("the value of {0} has a NUL byte in it, which no environment can carry")]
    Nul(String),
    /// Linux would start no program with it.
    #[error(
        "{key} cannot be given to a program: name, = and value have {} bytes, and Linux takes at most {}. Give it as a file, in a volume, and its path as the variable",
        .bytes - 1,
        LONGEST - 1
    )]
    TooLong {
        /// The name.
        key: String,
        /// How many bytes there are, with the NUL at the end.
        bytes: usize,
    },
}

/// What is wrong with an env file, and where. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct EnvFileError {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is wrong.
    pub what: EnvFileProblem,
}

/// What can be wrong with an env file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvFileProblem {
    /// The bytes are not UTF-8, and the Docker Engine's API can carry nothing else.
    #[error(transparent)]
    Encoding(#[from] Encoding),
    /// A NUL byte.
    #[error("a NUL byte, which no environment can carry")]
    Nul,
    /// A line without `=`.
    #[error("a line is NAME=VALUE, or a comment that begins with #")]
    NoEquals,
    /// The part before `=` is not a name.
    #[error("a name has no white space, quotes or control characters, and = follows it at once")]
    Key,
    /// A character before `=` that nobody sees.
    #[error(
        "a character of this name does not show (a byte-order mark, a zero-width space or the like): type the name anew"
    )]
    Unseen,
    /// A quote that is never closed.
    #[error("this quote is never closed")]
    Unclosed,
    /// Something other than a comment after a closing quote.
    #[error("only a comment may follow the closing quote")]
    AfterQuote,
}

impl EnvKey {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a name for everybody: `[A-Za-z_][A-Za-z0-9_]*`, which shells can have.
    pub fn is_plain(&self) -> bool {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.0.chars().all(good) && !self.0.starts_with(|c: char| c.is_ascii_digit())
    }
}

impl fmt::Display for EnvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EnvKey {
    type Err = PairError;

    fn from_str(key: &str) -> Result<Self, PairError> {
        let odd = |c: char| matches!(c, '=' | '\'' | '"') || c.is_whitespace() || does_not_show(c);
        if !key.is_empty() && !key.starts_with('#') && !key.contains(odd) {
            Ok(Self(key.to_owned()))
        } else {
            Err(PairError::Key(key.to_owned()))
        }
    }
}

impl EnvValue {
    /// Takes any text without a NUL.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (!value.contains('\0')).then_some(Self(value))
    }

    /// The value itself: for the container, and for whoever asked for it by name.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Control characters, and those of Unicode that have no width or turn the direction: a byte-order mark, a zero-width
/// space.
fn does_not_show(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    );
    c.is_control() || invisible
}

/// Refuses a variable that no process could be started with.
pub fn can_be_given(key: &EnvKey, value: &EnvValue) -> Result<(), PairError> {
    let bytes = key.0.len() + "=".len() + value.0.len() + "\0".len();
    if bytes <= LONGEST {
        return Ok(());
    }
    Err(PairError::TooLong {
        key: key.0.clone(),
        bytes,
    })
}

/// Reads `NAME=VALUE`, as `gokku config set` takes it.
pub fn parse_pair(pair: &str) -> Result<(EnvKey, EnvValue), PairError> {
    let (key, value) = pair.split_once('=').ok_or(PairError::NoValue)?;
    let key: EnvKey = key.parse()?;
    let value = EnvValue::new(value).ok_or_else(|| PairError::Nul(key.0.clone()))?;
    Ok((key, value))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

#[derive(Clone, PartialEq, Eq)]
enum Item {
    /// A blank line or a comment, with its end.
    Other(String),
    /// A variable.
    Pair(Pair),
}

#[derive(Clone, PartialEq, Eq)]
struct Pair {
    /// Everything up to the value: indentation, `export `, the name, `=`, spaces.
    before: String,
    key: EnvKey,
    quote: Quote,
    /// The value as it stands in the file, with its quotes.
    raw: String,
    value: EnvValue,
    /// Everything after it: spaces, a comment, the line's end.
    after: String,
}

/// An env file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    /// Whether it began with a byte-order mark.
    marked: bool,
    items: Vec<Item>,
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pairs().map(|pair| &pair.key)).finish()
    }
}

impl fmt::Display for EnvFile {
    /// The file's text, to the byte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.marked {
            f.write_str(decode::MARK)?;
        }
        for item in &self.items {
            match item {
                Item::Other(line) => f.write_str(line)?,
                Item::Pair(pair) => write!(f, "{}{}{}", pair.before, pair.raw, pair.after)?,
            }
        }
        Ok(())
    }
}

impl EnvFile {
    /// Reads a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvFileError> {
        let decode::Text { marked, text } = decode::read(bytes).map_err(|wrong| EnvFileError {
            line: wrong.line,
            column: wrong.column,
            what: wrong.what.into(),
        })?;
        if let Some(nul) = text.find('\0') {
            return Err(problem(text, nul, EnvFileProblem::Nul));
        }
        let mut items = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let (item, end) = item(text, at)?;
            items.push(item);
            at = end;
        }
        Ok(Self { marked, items })
    }

    fn pairs(&self) -> impl DoubleEndedIterator<Item = &Pair> {
        self.items.iter().filter_map(|item| match item {
            Item::Pair(pair) => Some(pair),
            Item::Other(_) => None,
        })
    }

    /// A variable's value.
    pub fn get(&self, key: &str) -> Option<&EnvValue> {
        self.pairs()
            .rev()
            .find(|pair| pair.key.0 == key)
            .map(|pair| &pair.value)
    }

    /// Every variable once, in the file's order, with the value that counts.
    pub fn iter(&self) -> impl Iterator<Item = (&EnvKey, &EnvValue)> {
        let last: std::collections::HashMap<&EnvKey, usize> = self
            .pairs()
            .enumerate()
            .map(|(at, pair)| (&pair.key, at))
            .collect();
        self.pairs()
            .enumerate()
            .filter(move |(at, pair)| last.get(&pair.key) == Some(at))
            .map(|(_, pair)| (&pair.key, &pair.value))
    }

    /// Gives a variable a value: in its place and quoting where it is there, else in a line at the end.
    pub fn set(&mut self, key: &EnvKey, value: &EnvValue) {
        let place = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Pair(pair) if pair.key == *key => Some(pair),
            _ => None,
        });
        if let Some(pair) = place {
            if pair.value != *value {
                pair.quote = if fits(&value.0, pair.quote) {
                    pair.quote
                } else {
                    best(&value.0)
                };
                pair.raw = quoted(&value.0, pair.quote);
                pair.value = value.clone();
                if !pair.raw.is_empty() && pair.after.starts_with('#') {
                    // The value was empty, and its comment followed the `=`.
                    pair.after.insert(0, ' ');
                }
            }
            return;
        }
        self.end_last_line();
        let quote = best(&value.0);
        self.items.push(Item::Pair(Pair {
            before: format!("{key}="),
            key: key.clone(),
            quote,
            raw: quoted(&value.0, quote),
            value: value.clone(),
            after: "\n".to_owned(),
        }));
    }

    /// Removes a variable's lines. Whether there were any.
    pub fn unset(&mut self, key: &EnvKey) -> bool {
        let before = self.items.len();
        self.items
            .retain(|item| !matches!(item, Item::Pair(pair) if pair.key == *key));
        self.items.len() < before
    }

    fn end_last_line(&mut self) {
        let end = match self.items.last_mut() {
            Some(Item::Other(line)) => line,
            Some(Item::Pair(pair)) => &mut pair.after,
            None => return,
        };
        if !end.ends_with('\n') {
            end.push('\n');
        }
    }
}

fn problem(text: &str, at: usize, what: EnvFileProblem) -> EnvFileError {
    let (line, column) = decode::place(text, at);
    EnvFileError { line, column, what }
}

/// Where the line that `at` is in ends, its end included.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// The item that begins at `at`, which is a line's beginning, and where it ends.
fn item(text: &str, at: usize) -> Result<(Item, usize), EnvFileError> {
    let end = line_end(text, at);
    let line = &text[at..end];
    let content = line.trim_start_matches(is_blank);
    if content.trim_end().is_empty() || content.starts_with('#') {
        return Ok((Item::Other(line.to_owned()), end));
    }
    let mut key_at = at + line.len() - content.len();
    if let Some(rest) = content
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(is_blank))
    {
        key_at = end - rest.trim_start_matches(is_blank).len();
    }
    let Some(equals) = text[key_at..end].find('=') else {
        return Err(problem(text, key_at, EnvFileProblem::NoEquals));
    };
    let name = &text[key_at..key_at + equals];
    let key: EnvKey = name.parse().map_err(|_| {
        let what = if name.contains(does_not_show) {
            EnvFileProblem::Unseen
        } else {
            EnvFileProblem::Key
        };
        problem(text, key_at, what)
    })?;
    let after_equals = key_at + equals + 1;
    let rest = &text[after_equals..end];
    let value_at = end - rest.trim_start_matches(is_blank).len();
    let (quote, value, value_end) = value(text, value_at)?;
    let end = line_end(text, value_end);
    let after = &text[value_end..end];
    if quote != Quote::None {
        let comment = after.trim_start_matches(is_blank);
        let is_comment = comment.starts_with('#') && comment.len() < after.len();
        if !comment.trim_end().is_empty() && !is_comment {
            return Err(problem(text, value_end, EnvFileProblem::AfterQuote));
        }
    }
    let pair = Pair {
        before: text[at..value_at].to_owned(),
        key,
        quote,
        raw: text[value_at..value_end].to_owned(),
        value: EnvValue(value),
        after: after.to_owned(),
    };
    Ok((Item::Pair(pair), end))
}

/// The value that begins at `at`, and where it ends.
fn value(text: &str, at: usize) -> Result<(Quote, String, usize), EnvFileError> {
    let unclosed = || problem(text, at, EnvFileProblem::Unclosed);
    match text[at..].chars().next() {
        Some('\'') => {
            let length = text[at + 1..].find('\'').ok_or_else(unclosed)?;
            Ok((
                Quote::Single,
                text[at + 1..at + 1 + length].to_owned(),
                at + length + 2,
            ))
        }
        Some('"') => {
            let mut value = String::new();
            let mut chars = text[at + 1..].char_indices();
            while let Some((offset, c)) = chars.next() {
                match c {
                    '"' => return Ok((Quote::Double, value, at + offset + 2)),
                    '\\' => match chars.next().ok_or_else(unclosed)?.1 {
                        'n' => value.push('\n'),
                        'r' => value.push('\r'),
                        't' => value.push('\t'),
                        escaped @ ('"' | '\\' | '$') => value.push(escaped),
                        other => value.extend(['\\', other]),
                    },
                    c => value.push(c),
                }
            }
            Err(unclosed())
        }
        _ => {
            let line = &text[at..line_end(text, at)];
            let comment = line
                .char_indices()
                .find(|(offset, c)| *c == '#' && text[..at + offset].ends_with(is_blank));
            let value = match comment {
                // A carriage return that does not end the line is a part of the value.
                Some((offset, _)) => line[..offset].trim_end_matches(is_blank),
                None => line.trim_end_matches([' ', '\t', '\r', '\n']),
            };
            Ok((Quote::None, value.to_owned(), at + value.len()))
        }
    }
}

/// Whether a value can be written in this quoting and read back the same.
fn fits(value: &str, quote: Quote) -> bool {
    match quote {
        Quote::Double => true,
        Quote::Single => !value.contains('\''),
        Quote::None => {
            !value.contains(['\n', '\r'])
                && !value.starts_with(['\'', '"', '#', ' ', '\t'])
                && !value.ends_with([' ', '\t'])
                && !value.contains(" #")
                && !value.contains("\t#")
        }
    }
}

/// The quoting for a new value: none for plain words, then raw, then with escapes.
fn best(value: &str) -> Quote {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=?&~^*".contains(c);
    if value.chars().all(plain) {
        Quote::None
    } else if fits(value, Quote::Single) && !value.contains('\r') {
        Quote::Single
    } else {
        Quote::Double
    }
}

fn quoted(value: &str, quote: Quote) -> String {
    match quote {
        Quote::None => value.to_owned(),
        Quote::Single => format!("'{value}'"),
        Quote::Double => {
            let mut raw = String::with_capacity(value.len() + 2);
            raw.push('"');
            for c in value.chars() {
                match c {
                    '\n' => raw.push_str("\\n"),
                    '\r' => raw.push_str("\\r"),
                    '\t' => raw.push_str("\\t"),
                    '"' | '\\' | '$' => raw.extend(['\\', c]),
                    c => raw.push(c),
                }
            }
            raw.push('"');
            raw
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> EnvFile {
        EnvFile::parse(text.as_bytes()).unwrap()
    }

    fn key(name: &str) -> EnvKey {
        name.parse().unwrap()
    }

    fn text(value: &str) -> EnvValue {
        EnvValue::new(value).unwrap()
    }

    #[test]
    fn reads_every_form() {
        let file = parsed(
            "# head\n\nA=1\nexport B='two\nlines # no comment' # comment\n  C=\"x\\n\\\"\\$y\\z\"\r\nD=a b  # c\nE=\nA=$A\nF=#x\nG=x#y\nI= #x\nJ=# x # y\n",
        );
        let get = |name: &str| file.get(name).map(|value| value.expose().to_owned());
        assert_eq!(get("A").as_deref(), Some("$A"));
        assert_eq!(get("B").as_deref(), Some("two\nlines # no comment"));
        assert_eq!(get("C").as_deref(), Some("x\n\"$y\\z"));
        assert_eq!(get("D").as_deref(), Some("a b"));
        assert_eq!(get("E").as_deref(), Some(""));
        assert_eq!(get("F").as_deref(), Some("#x"));
        assert_eq!(get("G").as_deref(), Some("x#y"));
        assert_eq!(get("H"), None);
        assert_eq!(get("I").as_deref(), Some(""));
        assert_eq!(get("J").as_deref(), Some("# x"));
        let keys: Vec<_> = file.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["B", "C", "D", "E", "A", "F", "G", "I", "J"]);
    }

    #[test]
    fn p09_an_edit_keeps_comments_order_and_quoting() {
        let mut file = parsed("# db\nURL='old' # keep\n\nexport N=1 # n\nLAST=\"x\"");
        file.set(&key("URL"), &text("new'er"));
        file.set(&key("N"), &text("2"));
        file.set(&key("MORE"), &text("a\nb"));
        assert_eq!(
            file.to_string(),
            "# db\nURL=\"new'er\" # keep\n\nexport N=2 # n\nLAST=\"x\"\nMORE='a\nb'\n"
        );
        let mut odd = parsed("A=1\r # c");
        odd.set(&key("A"), &text("2 3"));
        assert_eq!(parsed(&odd.to_string()).get("A").unwrap().expose(), "2 3");
        let mut empty = parsed("A= # none\n");
        empty.set(&key("A"), &text("some"));
        assert_eq!(empty.to_string(), "A= some # none\n");
        assert!(file.unset(&key("N")));
        assert!(!file.unset(&key("N")));
        assert_eq!(
            file.to_string(),
            "# db\nURL=\"new'er\" # keep\n\nLAST=\"x\"\nMORE='a\nb'\n"
        );
    }

    #[test]
    fn says_where_it_is_wrong_and_never_what_the_value_is() {
        let wrong = |bytes: &[u8]| EnvFile::parse(bytes).unwrap_err().to_string();
        insta::assert_snapshot!(wrong(b"A=1\nsecret"), @"line 2, column 1: a line is NAME=VALUE, or a comment that begins with #");
        insta::assert_snapshot!(wrong(b"A =secret"), @"line 1, column 1: a name has no white space, quotes or control characters, and = follows it at once");
        insta::assert_snapshot!(wrong(b"A=1\n  B='secret"), @"line 2, column 5: this quote is never closed");
        insta::assert_snapshot!(wrong(b"A='x'secret"), @"line 1, column 6: only a comment may follow the closing quote");
        insta::assert_snapshot!(wrong(b"A=\xff"), @"line 1, column 3: this is not UTF-8: save the file as UTF-8");
        insta::assert_snapshot!(wrong(b"A=\0"), @"line 1, column 3: a NUL byte, which no environment can carry");
        let file = parsed("A=secret");
        assert_eq!(
            format!("{file:?} {:?}", file.get("A")),
            "{EnvKey(\"A\")} Some(***)"
        );
    }

    #[test]
    fn pairs_of_config_set() {
        let (name, value) = parse_pair("A=b=c\n").unwrap();
        assert_eq!((name.as_str(), value.expose()), ("A", "b=c\n"));
        insta::assert_snapshot!(parse_pair("A").unwrap_err(), @"one of the pairs has no = in it: write NAME=VALUE, in quotes where the value has spaces");
        insta::assert_snapshot!(parse_pair("a b=secret").unwrap_err(), @r#""a b" is not a variable's name: it has no white space, quotes, = or control characters, and no # at its beginning"#);
        insta::assert_snapshot!(parse_pair("A=\0secret").unwrap_err(), @"the value of A has a NUL byte in it, which no environment can carry");
    }

    #[test]
    fn where_a_comment_begins() {
        for (line, value) in [
            ("A=#ff8800", "#ff8800"),
            ("A=#", "#"),
            ("A=##", "##"),
            ("A=#ff8800 # orange", "#ff8800"),
            ("A=#ff8800#", "#ff8800#"),
            ("A= #ff8800", ""),
            ("A=\t#ff8800", ""),
            ("A=x#y", "x#y"),
            ("A=x #y", "x"),
            ("A=x\t#y", "x"),
            ("A=http://h/#/a b", "http://h/#/a b"),
            ("A='#ff8800'", "#ff8800"),
            ("A=\"#ff8800\" # orange", "#ff8800"),
            ("A= '#ff8800' # orange", "#ff8800"),
            ("A=", ""),
            ("A= ", ""),
            ("export A=#ff8800\r\n", "#ff8800"),
        ] {
            assert_eq!(parsed(line).get("A").unwrap().expose(), value, "{line}");
            assert_eq!(parsed(line).to_string(), line);
        }
        for comment in ["#A=1", " # A=1", "\t#A=1", "#"] {
            assert_eq!(parsed(comment).iter().count(), 0, "{comment}");
        }
        let mut file = parsed("A=x # c\nB=x # c\nC= # c\n");
        file.set(&key("A"), &text("#1"));
        file.set(&key("B"), &text(""));
        file.set(&key("C"), &text("#2"));
        assert_eq!(file.to_string(), "A='#1' # c\nB= # c\nC= '#2' # c\n");
        let values: Vec<_> = file.iter().map(|(_, value)| value.expose()).collect();
        assert_eq!(values, ["#1", "", "#2"]);
    }

    #[test]
    fn names_are_what_the_engine_takes() {
        for name in [
            "A",
            "a",
            "_",
            "A1",
            "1A",
            "1",
            "discovery.type",
            "xpack.security.enabled",
            "my-name",
            "-a",
            "a/b",
            "a:b",
            "A[0]",
            "a#b",
            "é",
            "A+",
            "export",
            "npm_config_//registry.npmjs.org/:_authToken",
            "%s",
            "a\\b",
        ] {
            let file = parsed(&format!("{name}=1\nexport {name}=2\n"));
            assert_eq!(file.get(name).unwrap().expose(), "2", "{name}");
            let mut file = EnvFile::default();
            let (key, value) = parse_pair(&format!("{name}=x y")).unwrap();
            file.set(&key, &value);
            assert_eq!(parsed(&file.to_string()).get(name), Some(&value), "{name}");
        }
        for name in [
            "",
            " ",
            "A ",
            " A",
            "A B",
            "A\tB",
            "A\u{a0}",
            "\u{feff}A",
            "A\u{200b}",
            "\u{202e}A",
            "A\u{7}",
            "#A",
            "'A'",
            "\"A",
            "A\0",
            "{\"A\":\"b",
        ] {
            let wrong = name.parse::<EnvKey>().unwrap_err();
            assert_eq!(wrong, PairError::Key(name.to_owned()));
            assert!(!wrong.to_string().contains(does_not_show), "{wrong:?}");
            // An indented one is one, and one with a # is a comment.
            let line = format!("{name}=1");
            let read = EnvFile::parse(line.as_bytes())
                .ok()
                .is_some_and(|file| file.get(name).is_some());
            assert!(!read, "{line:?}");
        }
        for (name, plain) in [
            ("A_1", true),
            ("_", true),
            ("1A", false),
            ("a.b", false),
            ("a-b", false),
            ("é", false),
        ] {
            assert_eq!(key(name).is_plain(), plain, "{name}");
        }
    }

    #[test]
    fn what_no_process_can_be_given_is_known() {
        for (name, length, given) in [
            ("A", LONGEST - 3, true),
            ("A", LONGEST - 2, false),
            ("LONGER", LONGEST - 8, true),
            ("LONGER", LONGEST - 7, false),
            ("é", LONGEST - 4, true),
            ("é", LONGEST - 3, false),
        ] {
            let value = text(&"x".repeat(length));
            assert_eq!(can_be_given(&key(name), &value).is_ok(), given, "{name} {length}");
        }
        let two_bytes_each = text(&"é".repeat(LONGEST / 2));
        insta::assert_snapshot!(can_be_given(&key("A"), &two_bytes_each).unwrap_err(), @"A cannot be given to a program: name, = and value have 131074 bytes, and Linux takes at most 131071. Give it as a file, in a volume, and its path as the variable");
    }

    #[test]
    fn a_byte_order_mark_stays_and_is_no_part_of_a_name() {
        let mut file = EnvFile::parse(b"\xef\xbb\xbfA=1\r\nB=2").unwrap();
        assert_eq!(file.get("A").unwrap().expose(), "1");
        file.set(&key("A"), &text("3"));
        file.set(&key("C"), &text("4"));
        assert!(file.unset(&key("B")));
        assert_eq!(file.to_string().as_bytes(), b"\xef\xbb\xbfA=3\r\nC=4\n");
        for empty in [&b"\xef\xbb\xbf"[..], b"\xef\xbb\xbf# x\r\n"] {
            let file = EnvFile::parse(empty).unwrap();
            assert_eq!(file.to_string().as_bytes(), empty);
            assert_eq!(file.iter().count(), 0);
        }
        let within = EnvFile::parse("A=1\n\u{feff}B=2".as_bytes()).unwrap_err();
        insta::assert_snapshot!(within, @"line 2, column 1: a character of this name does not show (a byte-order mark, a zero-width space or the like): type the name anew");
        let wide: Vec<u8> = "\u{feff}A=1\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        insta::assert_snapshot!(EnvFile::parse(&wide).unwrap_err(), @"line 1, column 1: the file is UTF-16 and not UTF-8, as some editors and PowerShell's > save it: save it as UTF-8 (`iconv -f UTF-16LE -t UTF-8 FILE`)");
    }

    fn any_name() -> impl Strategy<Value = String> {
        prop_oneof!["[A-Z_]{1,3}", "[a-z0-9.é#/-]{1,3}"]
            .prop_filter("a name", |name: &String| name.parse::<EnvKey>().is_ok())
    }

    fn any_value() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~\n\t\r'\"$\\\\#éß]{0,40}",
            any::<String>().prop_map(|value| value.replace('\0', "")),
        ]
    }

    fn any_file() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            "#[ -~]{0,20}\n",
            "[ \t]{0,3}\r?\n",
            (any_name(), "[a-z0-9$=#]{0,9}( #[ -~]{0,5})?").prop_map(|(k, v)| format!("{k}={v}\n")),
            ("[A-Z_]{1,3}", "[^'\0]{0,9}").prop_map(|(k, v)| format!("export {k}= '{v}' # c\r\n")),
            ("[A-Z_]{1,3}", "[a-z\n ]{0,9}").prop_map(|(k, v)| format!("{k}=\"{v}\\n\\$\"\n")),
        ];
        let lines = proptest::collection::vec(line, 0..8);
        (lines, any::<bool>(), any::<bool>()).prop_map(|(lines, cut, marked)| {
            let mark = if marked { decode::MARK } else { "" };
            let mut text = format!("{mark}{}", lines.concat());
            if cut && text.ends_with('\n') {
                text.pop();
            }
            text
        })
    }

    proptest! {
        #[test]
        fn a_round_trip_loses_no_byte(file in any_file()) {
            prop_assert_eq!(parsed(&file).to_string(), file);
        }

        #[test]
        fn whatever_parses_is_written_back_the_same(file in any::<String>()) {
            if let Ok(parsed) = EnvFile::parse(file.as_bytes()) {
                prop_assert_eq!(parsed.to_string(), file);
            }
        }

        #[test]
        fn what_is_set_is_read_back_and_nothing_else_changes(
            file in any_file(), name in any_name(), value in any_value(),
        ) {
            let before = parsed(&file);
            let mut edited = before.clone();
            edited.set(&key(&name), &text(&value));
            let after = parsed(&edited.to_string());
            prop_assert_eq!(after.get(&name).map(EnvValue::expose), Some(value.as_str()));
            for (other, kept) in before.iter().filter(|(other, _)| other.as_str() != name) {
                prop_assert_eq!(after.get(other.as_str()), Some(kept));
            }
            let mut removed = after.clone();
            removed.unset(&key(&name));
            let mut removed_before = before.clone();
            removed_before.unset(&key(&name));
            let ended = |file: &EnvFile| file.to_string().trim_end_matches('\n').to_owned();
            prop_assert_eq!(ended(&removed), ended(&removed_before));
        }
    }
}
