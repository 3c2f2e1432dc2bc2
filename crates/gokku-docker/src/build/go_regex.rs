//! Go's regular expressions (`regexp/syntax` of Go 1.24, with the flags of `regexp.Compile`), as far as a pattern of a
//! `.dockerignore` can come to one: written as one for the engine that matches them here.
//!
//! There are no groups but `(.*/)`, which our own `**` makes, and no flags.

use regex_automata::meta::Regex;

/// What Go refuses, and what is refused here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// `[z-a]`.
    #[error("the range {0} ends before it begins")]
    Range(String),
    /// `[[:words:]]`.
    #[error("there is no class [:{0}:]")]
    Posix(String),
    /// `[[:alpha:]`.
    #[error("a `[` is never closed; a class of letters stands in brackets of its own, `[[:digit:]]`")]
    Open,
    /// `\e`, and `\pL`, which Go has.
    #[error("`\\{0}` has no meaning; folders are parted by `/`")]
    Escape(String),
    /// `{2}` with nothing before it.
    #[error(
        "there is nothing before the `{{` or `*` that it repeats; for the letter itself write it behind a `\\`"
    )]
    NothingToRepeat,
    /// `*{2}`.
    #[error("what is repeated cannot be repeated again; for the letter itself write `\\{{`")]
    RepeatedTwice,
    /// `a{1001}`.
    #[error("a repetition goes to 1000 at most, and not backwards; for the letter itself write `\\{{`")]
    Count,
    /// Nothing Go says.
    #[error("it takes too much memory to match")]
    TooLarge,
}

/// Makes what matches like Go's expression.
pub(crate) fn compile(source: &str) -> Result<Regex, Flaw> {
    let letters: Vec<char> = source.chars().collect();
    let syntax = regex_automata::util::syntax::Config::new().utf8(false);
    let mut builder = Regex::builder();
    // Whatever is translated is an expression: what remains is its size.
    let built = builder.syntax(syntax).build(&translated(&letters)?);
    built.map_err(|_| Flaw::TooLarge)
}

/// What a terminal can show of a letter.
pub(crate) fn without_control(letter: char) -> char {
    if letter.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        letter
    }
}

fn shown(letters: &[char]) -> String {
    letters.iter().copied().map(without_control).collect()
}

/// A letter as an expression.
fn literal(letter: char) -> String {
    format!("\\x{{{:x}}}", u32::from(letter))
}

fn translated(mut rest: &[char]) -> Result<String, Flaw> {
    let mut branches: Vec<Vec<String>> = vec![Vec::new()];
    let mut was_repeat = false;
    while let Some(first) = rest.first() {
        let mut is_repeat = false;
        let mut repetition = None;
        let mut piece = None;
        let mut take = 1;
        match first {
            '|' => branches.push(Vec::new()),
            '^' => piece = Some("\\A".to_owned()),
            '$' => piece = Some("\\z".to_owned()),
            '.' => piece = Some(".".to_owned()),
            '(' => {
                piece = Some("(?:.*/)".to_owned());
                take = "(.*/)".len();
            }
            '[' => {
                let (class, others) = class(rest)?;
                piece = Some(class);
                take = rest.len() - others.len();
            }
            '*' | '+' | '?' => repetition = Some(first.to_string()),
            '{' => match counts(rest)? {
                Some((words, length)) => {
                    repetition = Some(words);
                    take = length;
                }
                None => piece = Some(literal('{')),
            },
            '\\' => match rest.get(1) {
                Some('A') => (piece, take) = (Some("\\A".to_owned()), 2),
                Some('z') => (piece, take) = (Some("\\z".to_owned()), 2),
                Some('b') => (piece, take) = (Some("(?-u:\\b)".to_owned()), 2),
                Some('B') => (piece, take) = (Some("(?-u:\\B)".to_owned()), 2),
                Some('Q') => {
                    let quoted = &rest[2..];
                    let end = quoted.windows(2).position(|two| two == ['\\', 'E']);
                    let length = end.unwrap_or(quoted.len());
                    if let Some(branch) = branches.last_mut() {
                        branch.extend(quoted[..length].iter().copied().map(literal));
                    }
                    take = 2 + length + if end.is_some() { 2 } else { 0 };
                }
                Some(letter) if perl(*letter).is_some() => {
                    piece = perl(*letter).map(|ranges| written(false, &ranges));
                    take = 2;
                }
                _ => {
                    let (number, others) = escape(rest)?;
                    piece = Some(written(false, &[(number, number)]));
                    take = rest.len() - others.len();
                }
            },
            letter => piece = Some(literal(*letter)),
        }
        rest = &rest[take..];
        let branch = branches.last_mut().ok_or(Flaw::NothingToRepeat)?;
        if let Some(repetition) = repetition {
            // Whether as much as can be or as little is taken is the same to whether there is a match.
            rest = rest.strip_prefix(&['?']).unwrap_or(rest);
            if was_repeat {
                return Err(Flaw::RepeatedTwice);
            }
            let last = branch.pop().ok_or(Flaw::NothingToRepeat)?;
            piece = Some(format!("(?:{last}){repetition}"));
            is_repeat = true;
        }
        branch.extend(piece);
        was_repeat = is_repeat;
    }
    let branches: Vec<String> = branches.iter().map(|branch| branch.concat()).collect();
    Ok(branches.join("|"))
}

/// `{2}`, `{2,}` and `{2,3}`, with how long they are; anything else that begins with `{` is a letter.
fn counts(letters: &[char]) -> Result<Option<(String, usize)>, Flaw> {
    let Some(end) = letters.iter().position(|letter| *letter == '}') else {
        return Ok(None);
    };
    let inside: String = letters[1..end].iter().collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, &inside));
    let is_number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits && (text.len() == 1 || !text.starts_with('0'))
    };
    if !is_number(least) || !(most.is_empty() || is_number(most)) {
        return Ok(None);
    }
    let number = |text: &str| text.parse().unwrap_or(u32::MAX);
    let (from, to) = (number(least), if most.is_empty() { 1000 } else { number(most) });
    if from > 1000 || to > 1000 || from > to {
        return Err(Flaw::Count);
    }
    Ok(Some((format!("{{{inside}}}"), end + 1)))
}

/// Ranges of letters, from and to.
type Ranges = Vec<(u32, u32)>;

/// `\d`, `\s`, `\w` and their opposites, by their letter.
fn perl(letter: char) -> Option<Ranges> {
    let ranges: &[(char, char)] = match letter.to_ascii_lowercase() {
        'd' => &[('0', '9')],
        's' => &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
        'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    };
    let ranges = numbers(ranges);
    Some(if letter.is_ascii_uppercase() {
        others(&ranges)
    } else {
        ranges
    })
}

/// `[:alpha:]` and the like, by their name.
fn posix(name: &str) -> Option<Ranges> {
    let (is_opposite, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    let ranges = numbers(ranges);
    Some(if is_opposite { others(&ranges) } else { ranges })
}

fn numbers(ranges: &[(char, char)]) -> Ranges {
    let number = |(from, to): &(char, char)| (u32::from(*from), u32::from(*to));
    ranges.iter().map(number).collect()
}

/// All that is not in these ranges, which are in their order.
fn others(ranges: &[(u32, u32)]) -> Ranges {
    let mut others = Vec::new();
    let mut next = 0;
    for (from, to) in ranges {
        if *from > next {
            others.push((next, from - 1));
        }
        next = to + 1;
    }
    others.push((next, u32::from(char::MAX)));
    others
}

/// A class as an expression. Surrogates are letters to Go, and in no path.
fn written(is_opposite: bool, ranges: &[(u32, u32)]) -> String {
    let mut class = String::new();
    for (from, to) in ranges {
        let from = if (0xd800..0xe000).contains(from) {
            0xe000
        } else {
            *from
        };
        let to = if (0xd800..0xe000).contains(to) {
            0xd7ff
        } else {
            *to
        };
        if from <= to {
            class.extend([format!("\\x{{{from:x}}}-"), format!("\\x{{{to:x}}}")]);
        }
    }
    match (is_opposite, class.is_empty()) {
        (false, false) => format!("[{class}]"),
        (true, false) => format!("[^{class}]"),
        (false, true) => "[^\\x{0}-\\x{10ffff}]".to_owned(),
        (true, true) => "[\\x{0}-\\x{10ffff}]".to_owned(),
    }
}

/// The class that the letters begin with, and what follows.
fn class(letters: &[char]) -> Result<(String, &[char]), Flaw> {
    let rest = &letters[1..];
    let is_opposite = rest.first() == Some(&'^');
    let mut rest = &rest[usize::from(is_opposite)..];
    let mut ranges = Ranges::new();
    let mut is_first = true;
    while rest.first() != Some(&']') || is_first {
        is_first = false;
        if let Some(inside) = rest.strip_prefix(&['[', ':'])
            && let Some(end) = inside.windows(2).position(|two| two == [':', ']'])
        {
            let name: String = inside[..end].iter().collect();
            ranges.extend(posix(&name).ok_or_else(|| Flaw::Posix(shown(&inside[..end])))?);
            rest = &inside[end + 2..];
            continue;
        }
        if let ['\\', letter, others @ ..] = rest
            && let Some(class) = perl(*letter)
        {
            ranges.extend(class);
            rest = others;
            continue;
        }
        let begin = rest;
        let (from, others) = class_letter(rest)?;
        (rest, ranges) = match others {
            ['-', to, ..] if *to != ']' => {
                let (to, others) = class_letter(&others[1..])?;
                if to < from {
                    let range = &begin[..begin.len() - others.len()];
                    return Err(Flaw::Range(shown(range)));
                }
                (others, with(ranges, (from, to)))
            }
            _ => (others, with(ranges, (from, from))),
        };
    }
    Ok((written(is_opposite, &ranges), &rest[1..]))
}

fn with(mut ranges: Ranges, range: (u32, u32)) -> Ranges {
    ranges.push(range);
    ranges
}

fn class_letter(letters: &[char]) -> Result<(u32, &[char]), Flaw> {
    match letters {
        [] => Err(Flaw::Open),
        ['\\', ..] => escape(letters),
        [letter, others @ ..] => Ok((u32::from(*letter), others)),
    }
}

/// The letter that a `\` and what follows it stands for.
fn escape(letters: &[char]) -> Result<(u32, &[char]), Flaw> {
    let bad = || Flaw::Escape(shown(letters.get(1..2).unwrap_or_default()));
    let (letter, rest) = letters.get(1).zip(letters.get(2..)).ok_or_else(bad)?;
    let octal = |rest: &[char]| rest.first().is_some_and(|digit| digit.is_digit(8));
    let number = match letter {
        '1'..='7' if !octal(rest) => return Err(bad()),
        '0'..='7' => {
            let length = rest.iter().take(2).take_while(|digit| digit.is_digit(8)).count();
            let digits = std::iter::once(letter).chain(&rest[..length]);
            let number = digits.fold(0, |number, digit| number * 8 + digit.to_digit(8).unwrap_or(0));
            return Ok((number, &rest[length..]));
        }
        'x' => return hexadecimal(rest).ok_or_else(bad),
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        letter if letter.is_ascii() && !letter.is_ascii_alphanumeric() => u32::from(*letter),
        _ => return Err(bad()),
    };
    Ok((number, rest))
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(letters: &[char]) -> Option<(u32, &[char])> {
    let (digits, rest) = match letters {
        ['{', inside @ ..] => {
            let end = inside.iter().position(|letter| *letter == '}')?;
            (&inside[..end], &inside[end + 1..])
        }
        _ => letters.split_at_checked(2)?,
    };
    let add = |number: u32, digit: &char| {
        let number = number * 16 + digit.to_digit(16)?;
        (number <= u32::from(char::MAX)).then_some(number)
    };
    let number = digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())?;
    Some((number, rest))
}
