//! Patterns in a variable's braces: `*` and `?`, which the builder makes regular expressions of.

enum Part {
    Letter(char),
    Any,
    Many,
}

/// None where the builder refuses it.
fn parts(pattern: &[char]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut letters = pattern.iter().copied().peekable();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '*' => Part::Many,
            '?' => Part::Any,
            '\\' => match letters.peek() {
                // Escaped for the braces, and not for the pattern.
                Some('}' | '/') => continue,
                Some(escaped @ ('*' | '?' | '\\')) => {
                    let escaped = *escaped;
                    letters.next();
                    Part::Letter(escaped)
                }
                _ => return None,
            },
            letter => Part::Letter(letter),
        });
    }
    Some(parts)
}

/// Where a match ends that begins at a place: the first that is found where `*` takes as much as it can, or as little.
fn end(parts: &[Part], value: &[char], from: usize, greedy: bool) -> Option<usize> {
    // Where it has been without success.
    let mut been = vec![false; (parts.len() + 1) * (value.len() + 1)];
    let mut ways = vec![(0, from)];
    while let Some((part, at)) = ways.pop() {
        let here = part * (value.len() + 1) + at;
        if std::mem::replace(been.get_mut(here)?, true) {
            continue;
        }
        let letter = value.get(at).copied();
        match parts.get(part) {
            None => return Some(at),
            Some(Part::Letter(wanted)) if letter == Some(*wanted) => ways.push((part + 1, at + 1)),
            Some(Part::Any) if letter.is_some_and(|letter| letter != '\n') => ways.push((part + 1, at + 1)),
            Some(Part::Many) => {
                let on = (part + 1, at);
                let more = letter.filter(|letter| *letter != '\n').map(|_| (part, at + 1));
                // The last is tried first.
                if greedy {
                    ways.push(on);
                    ways.extend(more);
                } else {
                    ways.extend(more);
                    ways.push(on);
                }
            }
            Some(_) => {}
        }
    }
    None
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// `${value#pattern}`.
pub(super) fn without_prefix(pattern: &str, value: &str, greedy: bool) -> Option<String> {
    let (parts, value) = (parts(&letters(pattern))?, letters(value));
    let end = end(&parts, &value, 0, greedy).unwrap_or(0);
    Some(value.iter().skip(end).collect())
}

/// `${value%pattern}`: the same, backwards.
pub(super) fn without_suffix(pattern: &str, value: &str, greedy: bool) -> Option<String> {
    let mut parts = parts(&letters(pattern))?;
    parts.reverse();
    let value: Vec<char> = value.chars().rev().collect();
    let end = end(&parts, &value, 0, greedy).unwrap_or(0);
    let left: Vec<char> = value.into_iter().skip(end).collect();
    Some(left.into_iter().rev().collect())
}

/// `${value/pattern/replacement}`.
pub(super) fn replaced(pattern: &str, value: &str, replacement: &str) -> Option<String> {
    let (parts, value) = (parts(&letters(pattern))?, letters(value));
    let found = (0..=value.len()).find_map(|from| Some((from, end(&parts, &value, from, true)?)));
    let (from, to) = found.unwrap_or((value.len(), value.len()));
    let mut text: String = value.iter().take(from).collect();
    if found.is_some() {
        text.push_str(replacement);
    }
    text.extend(value.iter().skip(to));
    Some(text)
}
