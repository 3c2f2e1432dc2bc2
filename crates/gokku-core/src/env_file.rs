//! An app's env file: lines that are read, edited and written back without losing a byte.
//!
//! ```text
//! # a comment
//! KEY=unquoted value        # trimmed; a comment begins at a space and a #
//! export KEY='raw, also over several lines'
//! KEY="with \n \r \t \" \\ \$ and nothing else escaped, also over several lines"
//! ```
//!
//! Nothing is expanded: a `$` is a `$`. Of a key that stands twice the last one counts. An edit touches the
//! one line it is about. Values never show in an error or in `Debug` output.

use std::fmt;
use std::str::FromStr;

/// The name of a variable: `[A-Za-z_][A-Za-z0-9_]*`.
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
    #[error("{0:?} is not a variable's name: letters, digits and _, not beginning with a digit")]
    Key(String),
    /// The value has a NUL, which no environment can carry.
    #[error("the value of {0} has a NUL byte in it, which no environment can carry")]
    Nul(String),
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
    /// The bytes are not UTF-8.
    #[error("this is not UTF-8, and the Docker Engine's API can carry nothing else")]
    NotUtf8,
    /// A NUL byte.
    #[error("a NUL byte, which no environment can carry")]
    Nul,
    /// A line without `=`.
    #[error("a line is NAME=VALUE, or a comment that begins with #")]
    NoEquals,
    /// The part before `=` is not a name.
    #[error("a name is letters, digits and _, not beginning with a digit, and = follows it at once")]
    Key,
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
}

impl fmt::Display for EnvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EnvKey {
    type Err = PairError;

    fn from_str(key: &str) -> Result<Self, PairError> {
        let mut chars = key.chars();
        let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
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
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
                return Err(problem(&good, good.len(), EnvFileProblem::NotUtf8));
            }
        };
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
        Ok(Self { items })
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
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    EnvFileError {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
        what,
    }
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
    let key: EnvKey = text[key_at..key_at + equals]
        .parse()
        .map_err(|_| problem(text, key_at, EnvFileProblem::Key))?;
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
                .find(|(offset, c)| *c == '#' && (*offset == 0 || line[..*offset].ends_with(is_blank)));
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
            "# head\n\nA=1\nexport B='two\nlines # no comment' # comment\n  C=\"x\\n\\\"\\$y\\z\"\r\nD=a b  # c\nE=\nA=$A\nF=#x\nG=x#y",
        );
        let get = |name: &str| file.get(name).map(|value| value.expose().to_owned());
        assert_eq!(get("A").as_deref(), Some("$A"));
        assert_eq!(get("B").as_deref(), Some("two\nlines # no comment"));
        assert_eq!(get("C").as_deref(), Some("x\n\"$y\\z"));
        assert_eq!(get("D").as_deref(), Some("a b"));
        assert_eq!(get("E").as_deref(), Some(""));
        assert_eq!(get("F").as_deref(), Some(""));
        assert_eq!(get("G").as_deref(), Some("x#y"));
        assert_eq!(get("H"), None);
        let keys: Vec<_> = file.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["B", "C", "D", "E", "A", "F", "G"]);
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
        insta::assert_snapshot!(wrong(b"A =secret"), @"line 1, column 1: a name is letters, digits and _, not beginning with a digit, and = follows it at once");
        insta::assert_snapshot!(wrong(b"A=1\n  B='secret"), @"line 2, column 5: this quote is never closed");
        insta::assert_snapshot!(wrong(b"A='x'secret"), @"line 1, column 6: only a comment may follow the closing quote");
        insta::assert_snapshot!(wrong(b"A=\xff"), @"line 1, column 3: this is not UTF-8, and the Docker Engine's API can carry nothing else");
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
        insta::assert_snapshot!(parse_pair("1=secret").unwrap_err(), @r#""1" is not a variable's name: letters, digits and _, not beginning with a digit"#);
        insta::assert_snapshot!(parse_pair("A=\0secret").unwrap_err(), @"the value of A has a NUL byte in it, which no environment can carry");
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
            ("[A-Z_]{1,3}", "[a-z0-9$=]{0,9}( #[ -~]{0,5})?").prop_map(|(k, v)| format!("{k}={v}\n")),
            ("[A-Z_]{1,3}", "[^'\0]{0,9}").prop_map(|(k, v)| format!("export {k}= '{v}' # c\r\n")),
            ("[A-Z_]{1,3}", "[a-z\n ]{0,9}").prop_map(|(k, v)| format!("{k}=\"{v}\\n\\$\"\n")),
        ];
        (proptest::collection::vec(line, 0..8), any::<bool>()).prop_map(|(lines, cut)| {
            let mut text = lines.concat();
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
            file in any_file(), name in "[A-Z_]{1,3}", value in any_value(),
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
