//! One pattern of a `.dockerignore`: what it matches, by the rules of `moby/patternmatcher`.
//!
//! - Without `*`, `?`, `[`, `]` and `\` it is the path itself; with nothing of that but `**` at its end, how the path
//!   begins (`a**` matches `ab`); with nothing of it but `**` at its beginning, how the path ends (`**.pem` matches
//!   `certs/server.pem`, `**/x` matches `x`, too).
//! - Everything else becomes a regular expression of Go's for the whole path: `*` is `[^/]*`, `?` is `[^/]`, `**` and
//!   `**/` are `(.*/)?` and at the end `.*`, so `a**b` matches `ab` and `a/x/b`, and not `axb`. `\` takes the next
//!   letter's meaning and gives it the one it has in the expression: `\d` is a digit.
//! - `.`, `+`, `(`, `)` and `$` stand for themselves, but `{`, `}`, `|` and `^` were forgotten there (the table of letters to escape
//!   has too few bits for them), and what is in brackets goes into the expression as it is: `a|b*` matches what
//!   begins with `a`, `[!x]` matches `!` and `x`, `[*]` is no star.

use regex_automata::meta::Regex;

use crate::build::go_regex;

/// What is wrong with a line of a `.dockerignore`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Longer than any that is read.
    #[error("a line has at most 65,535 bytes")]
    TooLong,
    /// `!` and nothing.
    #[error("the exception says nothing; write the path behind the `!`")]
    LoneException,
    /// `[` that is never closed, or closed with nothing in it.
    #[error(
        "a `[` begins a class such as `[a-z]`, and this one is not whole; for the letter itself write `\\[`"
    )]
    Class,
    /// `\` at the end.
    #[error("the `\\` at its end takes nothing; folders are parted by `/`")]
    Backslash,
    /// What only Go's regular expressions find.
    #[error(transparent)]
    Expression(#[from] go_regex::Flaw),
}

/// A pattern, ready to match.
pub(crate) struct Pattern {
    /// As it is compared: a clean path.
    text: Vec<u8>,
    way: Way,
}

/// How it matches.
enum Way {
    Exact,
    /// The path begins like the text without its last two letters.
    Beginning,
    /// The path ends like the text without its first two letters.
    Ending,
    Expression(Regex),
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.text))
    }
}

impl Pattern {
    pub(crate) fn new(text: &[u8]) -> Result<Self, Flaw> {
        check(text)?;
        Ok(Self {
            text: text.to_owned(),
            way: way(text)?,
        })
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        match &self.way {
            Way::Exact => path == self.text,
            Way::Beginning => path.starts_with(&self.text[..self.text.len() - 2]),
            Way::Ending => {
                let ending = &self.text[2..];
                path.ends_with(ending) || ending.strip_prefix(b"/").is_some_and(|all| all == path)
            }
            Way::Expression(regex) => match std::str::from_utf8(path) {
                Ok(path) => regex.is_match(path),
                Err(_) => regex.is_match(&letters(path).collect::<String>()),
            },
        }
    }

    /// Whether it may match in any folder, as BuildKit's way of sending sees it.
    pub(crate) fn has_wildcards(&self) -> bool {
        self.without_all().iter().any(|byte| b"*[]?^\\".contains(byte))
    }

    /// Whether its text is this folder, or begins with it.
    pub(crate) fn begins_below(&self, folder: &[u8]) -> bool {
        let rest = self.without_all().strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// Without a wildcard at its end for all that is in a folder.
    fn without_all(&self) -> &[u8] {
        let text = self.text.strip_suffix(b"/**").unwrap_or(&self.text);
        text.strip_suffix(b"/*").unwrap_or(text)
    }
}

/// Go's letters of a text: each byte that is no UTF-8 is U+FFFD.
fn letters(text: &[u8]) -> impl Iterator<Item = char> {
    text.utf8_chunks().flat_map(|chunk| {
        let others = std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len());
        chunk.valid().chars().chain(others)
    })
}

/// What the pattern's letters make of it.
fn way(text: &[u8]) -> Result<Way, Flaw> {
    #[derive(PartialEq)]
    enum Seen {
        Letters,
        Beginning,
        Ending,
        Expression,
    }
    let mut letters = letters(text).peekable();
    // Go's scanner passes over a byte-order mark.
    letters.next_if_eq(&'\u{feff}');
    let (mut seen, mut source, mut first) = (Seen::Letters, String::from("^"), true);
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.next_if_eq(&'*').is_some() => {
                letters.next_if_eq(&'/');
                if letters.peek().is_some() {
                    source.push_str("(.*/)?");
                    seen = Seen::Expression;
                } else if seen == Seen::Letters {
                    seen = Seen::Beginning;
                } else {
                    source.push_str(".*");
                    seen = Seen::Expression;
                }
                if first {
                    seen = Seen::Ending;
                }
            }
            '*' | '?' => {
                source.push_str(if letter == '*' { "[^/]*" } else { "[^/]" });
                seen = Seen::Expression;
            }
            '.' | '+' | '(' | ')' | '$' => source.extend(['\\', letter]),
            '\\' => {
                source.push('\\');
                source.extend(letters.next());
                seen = Seen::Expression;
            }
            '[' | ']' => {
                source.push(letter);
                seen = Seen::Expression;
            }
            _ => source.push(letter),
        }
        first = false;
    }
    Ok(match seen {
        Seen::Letters => Way::Exact,
        Seen::Beginning => Way::Beginning,
        Seen::Ending => Way::Ending,
        Seen::Expression => {
            source.push('$');
            Way::Expression(go_regex::compile(&source)?)
        }
    })
}

/// What Go's `filepath.Match` calls a bad pattern. It goes by bytes, and by pieces between stars, where a star in
/// brackets parts nothing.
fn check(mut rest: &[u8]) -> Result<(), Flaw> {
    while !rest.is_empty() {
        let stars = rest.iter().take_while(|byte| **byte == b'*').count();
        rest = &rest[stars..];
        let (mut end, mut in_brackets) = (0, false);
        while let Some(byte) = rest.get(end) {
            match byte {
                b'\\' if end + 1 < rest.len() => end += 1,
                b'[' => in_brackets = true,
                b']' => in_brackets = false,
                b'*' if !in_brackets => break,
                _ => {}
            }
            end += 1;
        }
        let (piece, others) = rest.split_at(end);
        check_piece(piece)?;
        rest = others;
    }
    Ok(())
}

fn check_piece(mut rest: &[u8]) -> Result<(), Flaw> {
    while let Some((byte, others)) = rest.split_first() {
        rest = match byte {
            b'[' => after_class(others).ok_or(Flaw::Class)?,
            b'\\' => others.get(1..).ok_or(Flaw::Backslash)?,
            _ => others,
        };
    }
    Ok(())
}

/// What follows a class, whose `[` is behind us.
fn after_class(rest: &[u8]) -> Option<&[u8]> {
    let mut rest = rest.strip_prefix(b"^").unwrap_or(rest);
    let mut is_empty = true;
    loop {
        match rest.strip_prefix(b"]") {
            Some(others) if !is_empty => return Some(others),
            _ => rest = after_letter(rest)?,
        }
        if let Some(others) = rest.strip_prefix(b"-") {
            rest = after_letter(others)?;
        }
        is_empty = false;
    }
}

/// What follows a letter of a class; there is something.
fn after_letter(rest: &[u8]) -> Option<&[u8]> {
    if matches!(rest.first()?, b'-' | b']') {
        return None;
    }
    let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
    let width = (1..=4).find(|width| {
        rest.get(..*width)
            .is_some_and(|letter| std::str::from_utf8(letter).is_ok())
    })?;
    Some(&rest[width..]).filter(|rest| !rest.is_empty())
}
