//! Variables, quotes and escapes in words, as the builder's `shell` has them.
//!
//! It is not a shell: what stands for a variable is known before, and what a builder does not understand it refuses.

use std::collections::BTreeMap;

use super::pattern;

/// The longest value of a variable that is followed: one may be made of others many times over.
const LONGEST: usize = 16 * 1024;

/// How deep a word is followed that stands in a variable's braces.
const DEEPEST: usize = 32;

/// In what versions of the builder differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The newest one: it has all of a shell's ways to change a variable's value.
    Newest,
    /// Docker 20.10's.
    Of20,
}

/// What a variable is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This.
    Known(String),
    /// Nobody can say, and why.
    Unclear(&'static str),
}

/// Variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Env {
    dialect: Dialect,
    values: BTreeMap<String, Value>,
}

impl Env {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            values: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }
}

/// Why a word is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fail {
    /// The builder refuses it.
    Refused,
    /// The builder makes something of it that is not known here.
    Unclear(&'static str),
}

/// A word with its variables' values, without quotes.
pub(super) fn expand(word: &str, escape: char, env: &Env) -> Result<String, Fail> {
    let mut lexer = Lexer::new(word, escape, env);
    Ok(lexer.until(None, false)?.0)
}

/// The words of a line that begin a heredoc: what ends it, and whether tabs before that are none of it.
pub(super) fn heredoc_words(line: &str) -> Vec<(String, bool)> {
    let env = Env::new(Dialect::Newest);
    let mut lexer = Lexer::new(line, '\\', &env);
    lexer.raw_quotes = true;
    lexer.keeps_unset = true;
    let Ok((_, words)) = lexer.until(None, true) else {
        return Vec::new();
    };
    words.iter().filter_map(|word| heredoc(word, &env)).collect()
}

fn heredoc(word: &str, env: &Env) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.strip_prefix("<<")?;
    let (rest, chomps) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let blank = |c: char| matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ');
    let rest = rest.trim_start_matches(blank);
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let mut lexer = Lexer::new(rest, '\\', env);
    lexer.keeps_unset = true;
    let (_, words) = lexer.until(None, false).ok()?;
    match words.as_slice() {
        [name] => Some((name.clone(), chomps)),
        _ => None,
    }
}

/// The words of an `ARG`, in which quotes and escapes stay.
pub(super) fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut blank_counts = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if quote.is_none() && letter.is_whitespace() {
            if blank_counts || !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            blank_counts = false;
            continue;
        }
        if quote == Some(letter) {
            quote = None;
        } else if quote.is_none() && matches!(letter, '\'' | '"') {
            quote = Some(letter);
            blank_counts = true;
        }
        word.push(letter);
        if letter == escape && quote != Some('\'') {
            match letters.next() {
                Some(escaped) => word.push(escaped),
                // One at the end is none.
                None => drop(word.pop()),
            }
        }
    }
    if blank_counts || !word.is_empty() {
        words.push(word);
    }
    words
}

struct Lexer<'a> {
    letters: Vec<char>,
    at: usize,
    escape: char,
    env: &'a Env,
    raw_quotes: bool,
    keeps_unset: bool,
    depth: usize,
}

/// Words that come out of one.
#[derive(Default)]
struct Words {
    all: Vec<String>,
    one: String,
}

impl Words {
    fn add(&mut self, text: &str) {
        for letter in text.chars() {
            if letter.is_whitespace() {
                self.end();
            } else {
                self.one.push(letter);
            }
        }
    }

    fn end(&mut self) {
        if !self.one.is_empty() {
            self.all.push(std::mem::take(&mut self.one));
        }
    }
}

impl<'a> Lexer<'a> {
    fn new(word: &str, escape: char, env: &'a Env) -> Self {
        // Go's scanner leaves one out at the beginning.
        let word = word.strip_prefix('\u{feff}').unwrap_or(word);
        Self {
            letters: word.chars().collect(),
            at: 0,
            escape,
            env,
            raw_quotes: false,
            keeps_unset: false,
            depth: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        letter
    }

    /// What stands before a letter, or before the end.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Vec<String>), Fail> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fail::Unclear(
                "its variables stand in one another too often to be followed",
            ));
        }
        let mut text = String::new();
        let mut words = Words::default();
        loop {
            if text.len() > LONGEST {
                return Err(Fail::Unclear(
                    "what its variables make of it is too long to be followed",
                ));
            }
            let Some(letter) = self.peek() else { break };
            if Some(letter) == stop {
                self.at += 1;
                words.end();
                self.depth -= 1;
                return Ok((text, words.all));
            }
            match letter {
                '$' => {
                    let value = self.dollar()?;
                    text.push_str(&value);
                    words.add(&value);
                }
                '\'' | '"' => {
                    let quoted = if letter == '"' {
                        self.double(raw_escapes)?
                    } else {
                        self.single()?
                    };
                    text.push_str(&quoted);
                    words.one.push_str(&quoted);
                }
                '<' => {
                    self.at += 1;
                    let mut mark = String::from("<");
                    if self.peek() == Some('<') {
                        self.at += 1;
                        mark.push('<');
                        while let Some(blank) = self.peek().filter(|c| matches!(c, '\t' | '\r' | ' ')) {
                            self.at += 1;
                            mark.push(blank);
                        }
                    }
                    text.push_str(&mark);
                    words.one.push_str(&mark);
                }
                letter if letter == self.escape => {
                    self.at += 1;
                    if raw_escapes {
                        text.push(letter);
                        words.one.push(letter);
                    }
                    let Some(escaped) = self.next() else { break };
                    text.push(escaped);
                    words.one.push(escaped);
                }
                letter => {
                    self.at += 1;
                    text.push(letter);
                    words.add(letter.encode_utf8(&mut [0; 4]));
                }
            }
        }
        if stop.is_some() {
            return Err(Fail::Refused);
        }
        words.end();
        self.depth -= 1;
        Ok((text, words.all))
    }

    fn single(&mut self) -> Result<String, Fail> {
        let mut text = String::new();
        let open = self.next();
        text.extend(open.filter(|_| self.raw_quotes));
        loop {
            match self.next() {
                None => return Err(Fail::Refused),
                Some('\'') => {
                    text.extend(open.filter(|_| self.raw_quotes));
                    return Ok(text);
                }
                Some(letter) => text.push(letter),
            }
        }
    }

    fn double(&mut self, raw_escapes: bool) -> Result<String, Fail> {
        let mut text = String::new();
        let open = self.next();
        text.extend(open.filter(|_| self.raw_quotes));
        loop {
            match self.peek() {
                None => return Err(Fail::Refused),
                Some('"') => {
                    self.at += 1;
                    text.extend(open.filter(|_| self.raw_quotes));
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(letter) => {
                    self.at += 1;
                    let mut letter = letter;
                    if letter == self.escape {
                        if raw_escapes {
                            text.push(letter);
                        }
                        match self.peek() {
                            None => continue,
                            Some(next) if matches!(next, '"' | '$') || next == self.escape => {
                                self.at += 1;
                                letter = next;
                            }
                            Some(_) => {}
                        }
                    }
                    text.push(letter);
                }
            }
        }
    }

    fn value(&self, name: &str) -> Result<Option<String>, Fail> {
        match self.env.values.get(name) {
            None => Ok(None),
            Some(Value::Known(value)) => Ok(Some(value.clone())),
            Some(Value::Unclear(why)) => Err(Fail::Unclear(why)),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        let digits = self.peek().is_some_and(char::is_numeric);
        while let Some(letter) = self.peek() {
            let special = matches!(letter, '@' | '*' | '#' | '?' | '-' | '$' | '!');
            if name.is_empty() && special {
                self.at += 1;
                name.push(letter);
                break;
            }
            let goes_on = if digits {
                letter.is_numeric()
            } else {
                letter.is_alphanumeric() || letter == '_'
            };
            if !goes_on {
                break;
            }
            self.at += 1;
            name.push(letter);
        }
        name
    }

    fn dollar(&mut self) -> Result<String, Fail> {
        self.at += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.value(&name)? {
                Some(value) => value,
                None if self.keeps_unset => format!("${name}"),
                None => String::new(),
            });
        }
        self.at += 1;
        if matches!(self.peek(), None | Some('{' | '}' | ':')) {
            return Err(Fail::Refused);
        }
        let name = self.name();
        let newest = self.env.dialect == Dialect::Newest;
        let mut empty_is_unset = false;
        let mut change = self.next();
        if change == Some('}') {
            return Ok(match self.value(&name)? {
                Some(value) => value,
                None if self.keeps_unset => format!("${{{name}}}"),
                None => String::new(),
            });
        }
        if change == Some(':') {
            empty_is_unset = true;
            change = self.next();
        } else if !newest {
            return Err(Fail::Refused);
        }
        let cuts = matches!(change, Some('#' | '%'));
        match change {
            Some('+' | '-' | '?' | '#' | '%') if !(empty_is_unset && cuts) => {}
            Some('/') if !empty_is_unset => return self.replaced(&name),
            _ => return Err(Fail::Refused),
        }
        let (word, _) = self.until(Some('}'), cuts)?;
        let value = self.value(&name)?;
        if self.keeps_unset && value.is_none() {
            let colon = if empty_is_unset { ":" } else { "" };
            let change = change.unwrap_or_default();
            return Ok(format!("${{{name}{colon}{change}{word}}}"));
        }
        let there = value
            .clone()
            .filter(|value| !(empty_is_unset && value.is_empty()));
        match change {
            Some('-') => Ok(there.unwrap_or(word)),
            Some('+') => Ok(there.map(|_| word).unwrap_or_default()),
            Some('?') => there.ok_or(Fail::Refused),
            Some(end) => {
                let (word, greedy) = match word.strip_prefix(end) {
                    Some(word) => (word, true),
                    None => (word.as_str(), false),
                };
                let value = value.unwrap_or_default();
                let cut = if end == '#' {
                    pattern::without_prefix(word, &value, greedy)
                } else {
                    pattern::without_suffix(word, &value, greedy)
                };
                cut.ok_or(Fail::Refused)
            }
            None => Err(Fail::Refused),
        }
    }

    /// `${name/pattern/replacement}`.
    fn replaced(&mut self, name: &str) -> Result<String, Fail> {
        let every = self.peek() == Some('/');
        self.at += usize::from(every);
        let (wanted, _) = self.until(Some('/'), true)?;
        let (replacement, _) = self.until(Some('}'), true)?;
        let value = self.value(name)?;
        if self.keeps_unset && value.is_none() {
            return Ok(format!("${{{name}/{wanted}/{replacement}}}"));
        }
        let value = value.unwrap_or_default();
        if !every {
            return pattern::replaced(&wanted, &value, &replacement).ok_or(Fail::Refused);
        }
        let plain = !wanted.is_empty() && !wanted.contains(['*', '?', '\\']) && !replacement.contains('$');
        if plain {
            Ok(value.replace(&wanted, &replacement))
        } else {
            Err(Fail::Unclear(
                "which image this is cannot be told: `${…//pattern/…}` is understood for plain text alone",
            ))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn env(dialect: Dialect) -> Env {
        let mut env = Env::new(dialect);
        env.set("A", Value::Known("one".to_owned()));
        env.set("V", Value::Known("1.22.3".to_owned()));
        env.set("EMPTY", Value::Known(String::new()));
        env
    }

    /// Words, what the newest builder makes of them, and what Docker 20.10's does where that is something else; `!` is an
    /// error of the builder.
    #[test]
    fn words_are_what_the_builder_makes_of_them() {
        for (word, newest, of_20) in [
            ("other", "other", None),
            ("\"other\"", "other", None),
            ("o't'h\"e\"r", "other", None),
            ("o\\ther", "other", None),
            ("\u{feff}other", "other", None),
            ("'$A'", "$A", None),
            ("\"$A:\\$\\x\"", "one:$\\x", None),
            ("$A", "one", None),
            ("${A}x", "onex", None),
            ("$Ax", "", None),
            ("$A:x", "one:x", None),
            ("x$", "x$", None),
            ("x$@$1", "x", None),
            ("${B:-other}", "other", None),
            ("${EMPTY:-other}", "other", None),
            ("${B-other}", "other", Some("!")),
            ("${EMPTY-other}", "", Some("!")),
            ("${A:+other}", "other", None),
            ("${A+other}", "other", Some("!")),
            ("${B:-${C:-$A}}", "one", None),
            ("${B:-'o'}", "o", None),
            ("${B:?x}", "!", None),
            ("${A:?x}", "one", None),
            ("${V%.*}", "1.22", Some("!")),
            ("${V%%.*}", "1", Some("!")),
            ("${V#*.}", "22.3", Some("!")),
            ("${V##*.}", "3", Some("!")),
            ("${V/22/x}", "1.x.3", Some("!")),
            ("${V//./-}", "1-22-3", Some("!")),
            ("${V:%x}", "!", None),
            ("${", "!", None),
            ("${}", "!", None),
            ("${A", "!", None),
            ("${A^}", "!", None),
            ("'other", "!", None),
        ] {
            for (dialect, wanted) in [
                (Dialect::Newest, newest),
                (Dialect::Of20, of_20.unwrap_or(newest)),
            ] {
                let made = expand(word, '\\', &env(dialect)).unwrap_or_else(|_| "!".to_owned());
                assert_eq!(made, wanted, "{word} {dialect:?}");
            }
        }
        assert_eq!(expand("o`ther\\", '`', &env(Dialect::Newest)).unwrap(), "other\\");
    }

    #[test]
    fn what_grows_without_end_is_given_up() {
        let mut env = Env::new(Dialect::Newest);
        env.set("A", Value::Known("x".repeat(9_000)));
        let made = expand("$A$A$A", '\\', &env);
        assert!(matches!(made, Err(Fail::Unclear(_))), "{made:?}");
        let deep = format!("{}x{}", "${B:-".repeat(100), "}".repeat(100));
        let made = expand(&deep, '\\', &env);
        assert!(matches!(made, Err(Fail::Unclear(_))), "{made:?}");
    }

    #[test]
    fn heredocs_are_seen_where_they_begin() {
        for (line, names) in [
            ("RUN <<EOF", vec![("EOF", false)]),
            ("RUN <<-EOF", vec![("EOF", true)]),
            ("RUN cat 3<<'E F' <<B > x", vec![("E F", false), ("B", false)]),
            ("RUN <<  EOF", vec![("EOF", false)]),
            ("RUN a<<EOF", vec![]),
            ("RUN echo \"<<EOF\"", vec![]),
            ("RUN echo $((1<<2))", vec![]),
            // To the builder, too.
            ("RUN echo $((1 <<2))", vec![("2))", false)]),
            ("RUN cat <<<word", vec![]),
            ("RUN <<$A", vec![("$A", false)]),
        ] {
            let found = heredoc_words(line);
            let found: Vec<(&str, bool)> = found
                .iter()
                .map(|(name, chomps)| (name.as_str(), *chomps))
                .collect();
            assert_eq!(found, names, "{line}");
        }
    }
}
