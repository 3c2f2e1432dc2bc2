//! One line as a POSIX shell reads it: whether it is a single program, which then takes the shell's place.
//!
//! A shell that stays gets the signals that are meant for the program, and does not pass them on. Whether it stays by itself
//! is different from shell to shell: bash and busybox's ash leave their place to a last program, dash and mksh do not. So a
//! line that is one program is run with `exec` in front of it, behind its assignments: POSIX has those exported to the program
//! (XCU 2.14, exec). Nothing is expanded here, and where two shells read something in two ways the shell stays.

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// One program.
    One {
        /// Where its name begins; assignments and redirections may stand before it.
        at: usize,
        /// Whether there is something in the line that only a shell understands.
        needs_shell: bool,
    },
    /// Whatever else: several programs, a shell's own command, or nothing at all.
    Several,
    /// Something in it is never closed.
    Unclosed,
}

/// What a shell does itself where a program of the same name may do as well, and is not there in every image.
const EITHER: [&str; 8] = ["[", "echo", "false", "kill", "printf", "pwd", "test", "true"];

/// The words that a shell obeys itself, when a command begins with them: POSIX' reserved words, its special built-in utilities
/// and those that are built in everywhere, and bash's.
const ITS_OWN: [&str; 66] = [
    "!",
    "{",
    "}",
    "[[",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "for",
    "function",
    "if",
    "in",
    "select",
    "then",
    "time",
    "until",
    "while", // reserved
    ".",
    ":",
    "break",
    "continue",
    "eval",
    "exec",
    "exit",
    "export",
    "readonly",
    "return",
    "set",
    "shift",
    "times",
    "trap",
    "unset", // special
    "alias",
    "bg",
    "cd",
    "command",
    "fc",
    "fg",
    "getopts",
    "hash",
    "jobs",
    "read",
    "type",
    "ulimit",
    "umask",
    "unalias",
    "wait", // regular
    "builtin",
    "declare",
    "dirs",
    "disown",
    "enable",
    "let",
    "local",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "source",
    "suspend",
    "typeset", // bash's
];

/// A word of a line.
struct Word {
    /// What it is, where nothing in it is to be expanded.
    literal: Option<String>,
    /// Whether there are quotes in it.
    is_quoted: bool,
}

/// Why a line is not read to its end.
enum Stop {
    Several,
    Unclosed,
}

/// Reads a line.
pub(crate) fn read(line: &str) -> Line {
    match one(line) {
        Ok(line) => line,
        Err(Stop::Several) => Line::Several,
        Err(Stop::Unclosed) => Line::Unclosed,
    }
}

/// The program of a script that is one, where its name stands there; none for any other.
pub(crate) fn program(script: &str) -> Option<String> {
    let Line::One { at, .. } = read(script) else {
        return None;
    };
    Scan { line: script, at }.word().ok()?.literal
}

/// A script that is one program, with `exec` before that; none for any other.
pub fn in_its_place(script: &str) -> Option<String> {
    let Line::One { at, .. } = read(script) else {
        return None;
    };
    if program(script).is_some_and(|name| EITHER.contains(&name.as_str())) {
        return None;
    }
    Some(format!("{}exec {}", &script[..at], &script[at..]))
}

/// Words by which a shell is started for one program, as an image's `CMD python3 app.py` is: made so that the program takes
/// the shell's place. None for any other.
pub fn without_the_shell(words: &[String]) -> Option<Vec<String>> {
    let at = script_at(words)?;
    let script = in_its_place(&words[at])?;
    let mut words = words.to_vec();
    words[at] = script;
    Some(words)
}

/// A program's name without its folder.
pub(crate) fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether a program is a shell.
pub fn is_shell(program: &str) -> bool {
    let shells = ["sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"];
    // A login shell's name begins with a dash.
    shells.contains(&name_of(program).trim_start_matches('-'))
}

/// Which of some words is the script that a shell is started with: `sh -c SCRIPT`, `bash -eo pipefail -c SCRIPT`.
pub(crate) fn script_at(words: &[String]) -> Option<usize> {
    if !is_shell(words.first()?) {
        return None;
    }
    let mut at = 1;
    loop {
        let option = words.get(at)?.strip_prefix(['-', '+'])?;
        let takes_one = option.ends_with('o') && !option.starts_with('-');
        at += if takes_one { 2 } else { 1 };
        if option.contains('c') && !option.starts_with('-') {
            return (!takes_one && at < words.len()).then_some(at);
        }
    }
}

fn one(line: &str) -> Result<Line, Stop> {
    let mut scan = Scan { line, at: 0 };
    let mut program = None;
    let mut needs_shell = false;
    let mut is_target = false;
    loop {
        scan.skip(|letter| letter == ' ' || letter == '\t');
        let begin = scan.at;
        match scan.peek() {
            None | Some('#') => break,
            Some(';' | '\n') if scan.is_last() => {
                needs_shell = true;
                break;
            }
            Some(';' | '&' | '|' | '(' | ')' | '\n') => return Err(Stop::Several),
            // A redirection has something behind it.
            Some('<' | '>') if is_target => return Err(Stop::Several),
            Some('<' | '>') => {
                scan.redirection()?;
                (needs_shell, is_target) = (true, true);
                continue;
            }
            Some(_) => {}
        }
        let word = scan.word()?;
        let raw = &line[begin..scan.at];
        let is_number = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
        if is_target {
            is_target = false;
        } else if is_number && matches!(scan.peek(), Some('<' | '>')) {
            // `2>`: which of its streams.
        } else if program.is_some() {
            needs_shell |= word.literal.is_none();
        } else if let Some(behind) = behind_name(raw) {
            // Some shells read `A+=b` and `A[0]=b` as assignments, too.
            if !behind.starts_with('=') {
                return Err(Stop::Several);
            }
            needs_shell = true;
        } else {
            needs_shell |= word.literal.is_none();
            program = Some((begin, word));
        }
    }
    let Some((at, word)) = program.filter(|_| !is_target) else {
        return Err(Stop::Several);
    };
    if let Some(name) = &word.literal {
        let is_its_own = ITS_OWN.contains(&name.as_str()) || needs_shell && EITHER.contains(&name.as_str());
        // `exec` takes options; and an empty name is none.
        if is_its_own || name.starts_with('-') || name.is_empty() && !word.is_quoted {
            return Err(Stop::Several);
        }
    }
    Ok(Line::One { at, needs_shell })
}

/// The name in `NAME=value`.
pub(crate) fn assigned(word: &str) -> Option<&str> {
    let behind = behind_name(word).filter(|behind| behind.starts_with('='))?;
    word.strip_suffix(behind)
}

/// What follows the name in a word that looks like an assignment.
fn behind_name(word: &str) -> Option<&str> {
    let end = word.find(|c: char| c != '_' && !c.is_ascii_alphanumeric())?;
    let (name, behind) = word.split_at(end);
    let is_name = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    let assigns = behind.starts_with('=')
        || behind.starts_with("+=")
        || behind.starts_with('[') && behind.contains("]=");
    (is_name && assigns).then_some(behind)
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<char> {
        self.line[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn skip(&mut self, is_it: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_it) {
            self.next();
        }
    }

    /// Whether nothing comes behind this letter but a comment.
    fn is_last(&self) -> bool {
        let rest = self.line[self.at..].trim_start_matches([';', '\n']);
        let ends = self.line[self.at..].len() - rest.len() == 1;
        let rest = rest.trim();
        ends && (rest.is_empty() || rest.starts_with('#') && !rest.contains('\n'))
    }

    /// `>`, `>>`, `>|`, `>&`, `<`, `<>`, `<&`.
    fn redirection(&mut self) -> Result<(), Stop> {
        let first = self.next();
        match (first, self.peek()) {
            // A here-document, which has lines of its own, or what bash alone has.
            (Some('<'), Some('<')) => return Err(Stop::Several),
            (Some('<'), Some('>' | '&')) | (Some('>'), Some('>' | '|' | '&')) => {
                self.next();
            }
            _ => {}
        }
        Ok(())
    }

    fn word(&mut self) -> Result<Word, Stop> {
        let mut literal = String::new();
        let mut expands = self.peek() == Some('~');
        let mut is_quoted = false;
        while let Some(letter) = self.peek() {
            match letter {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => {
                    self.next();
                    literal.push_str(self.until('\'')?);
                    is_quoted = true;
                }
                '"' => {
                    self.next();
                    expands |= self.double(&mut literal)?;
                    is_quoted = true;
                }
                '\\' => {
                    self.next();
                    match self.next().ok_or(Stop::Unclosed)? {
                        // The line goes on in the next.
                        '\n' => return Err(Stop::Several),
                        letter => literal.push(letter),
                    }
                    is_quoted = true;
                }
                '$' | '`' => {
                    // Bash's own quotes: other shells see a `$` and a quote.
                    if self.line[self.at..].starts_with("$'") {
                        return Err(Stop::Several);
                    }
                    self.expansion(false)?;
                    expands = true;
                }
                letter => {
                    expands |= "*?[".contains(letter);
                    literal.push(letter);
                    self.next();
                }
            }
        }
        // A pattern has a second bracket.
        expands &= literal != "[" || is_quoted;
        Ok(Word {
            literal: (!expands).then_some(literal),
            is_quoted,
        })
    }

    /// What is before the next such letter, which is taken, too.
    fn until(&mut self, end: char) -> Result<&str, Stop> {
        let begin = self.at;
        let length = self.line[begin..].find(end).ok_or(Stop::Unclosed)?;
        self.at = begin + length + end.len_utf8();
        Ok(&self.line[begin..begin + length])
    }

    /// What is within double quotes, and the second of them; whether something in it is expanded.
    fn double(&mut self, literal: &mut String) -> Result<bool, Stop> {
        let mut expands = false;
        loop {
            match self.peek().ok_or(Stop::Unclosed)? {
                '"' => {
                    self.next();
                    return Ok(expands);
                }
                '\\' => {
                    self.next();
                    let letter = self.next().ok_or(Stop::Unclosed)?;
                    if !"$`\"\\".contains(letter) {
                        literal.push('\\');
                    }
                    literal.push(letter);
                }
                '$' | '`' => {
                    self.expansion(true)?;
                    expands = true;
                }
                letter => {
                    literal.push(letter);
                    self.next();
                }
            }
        }
    }

    /// `$NAME`, `${…}`, `$(…)`, `$((…))` or backquotes: as far as it reaches, or at least its first letter.
    fn expansion(&mut self, in_quotes: bool) -> Result<(), Stop> {
        if self.next() == Some('`') {
            return self.backquotes();
        }
        match self.peek() {
            Some('(') => {
                self.next();
                self.closed_by(')', false)
            }
            Some('{') => {
                self.next();
                self.closed_by('}', in_quotes)
            }
            _ => Ok(()),
        }
    }

    fn backquotes(&mut self) -> Result<(), Stop> {
        loop {
            match self.next().ok_or(Stop::Unclosed)? {
                '`' => return Ok(()),
                '\\' => {
                    self.next();
                }
                _ => {}
            }
        }
    }

    /// As far as what was opened is closed.
    fn closed_by(&mut self, end: char, in_quotes: bool) -> Result<(), Stop> {
        let mut depth = 1;
        while depth > 0 {
            match self.peek().ok_or(Stop::Unclosed)? {
                '$' | '`' => {
                    self.expansion(in_quotes)?;
                    continue;
                }
                '"' => {
                    self.next();
                    self.double(&mut String::new())?;
                    continue;
                }
                // In a `${…}` within quotes it is a quote to some.
                '\'' if in_quotes => return Err(Stop::Several),
                '\'' => {
                    self.next();
                    self.until('\'')?;
                    continue;
                }
                '\\' => {
                    self.next();
                }
                '(' if end == ')' => depth += 1,
                letter if letter == end => depth -= 1,
                _ => {}
            }
            self.next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are one program, with `exec` before it; what shells make of them is in `tests/shells.rs`.
    #[test]
    fn one_program_takes_the_shells_place() {
        for (line, made) in [
            ("./server", "exec ./server"),
            ("MODE=prod python3 app.py", "MODE=prod exec python3 app.py"),
            ("A='x y' B=\"$C\" D= prog", "A='x y' B=\"$C\" D= exec prog"),
            (
                "python3 app.py --workers $(nproc)",
                "exec python3 app.py --workers $(nproc)",
            ),
            ("A=$(a; b | c) prog", "A=$(a; b | c) exec prog"),
            (
                "prog \"$(a \"b;c\" 'd)' \\) (e) )\"",
                "exec prog \"$(a \"b;c\" 'd)' \\) (e) )\"",
            ),
            ("prog `a; b \\` c` d", "exec prog `a; b \\` c` d"),
            ("prog ${A:-b;c} ${D#*'}'}", "exec prog ${A:-b;c} ${D#*'}'}"),
            (
                "prog \"${A:-b c}\" $((1 + (2)))",
                "exec prog \"${A:-b c}\" $((1 + (2)))",
            ),
            (">log 2>&1 prog", ">log 2>&1 exec prog"),
            (
                "A=1 <in prog >>log 2>/dev/null",
                "A=1 <in exec prog >>log 2>/dev/null",
            ),
            ("prog >&2 <&- 3<>f >|g", "exec prog >&2 <&- 3<>f >|g"),
            ("2 >log", "exec 2 >log"),
            ("$PROG --port $PORT", "exec $PROG --port $PORT"),
            ("~/bin/prog", "exec ~/bin/prog"),
            ("prog # it's why; so", "exec prog # it's why; so"),
            ("prog;", "exec prog;"),
            ("prog ; # why", "exec prog ; # why"),
            ("env A=b prog", "exec env A=b prog"),
            ("prog cd", "exec prog cd"),
            ("1A=b", "exec 1A=b"),
            ("'A'=b", "exec 'A'=b"),
            ("/bin/cd x", "exec /bin/cd x"),
            (
                "prog 'a;b' \"c|d\" e\\&f x=1",
                "exec prog 'a;b' \"c|d\" e\\&f x=1",
            ),
            ("pro\"g\" $", "exec pro\"g\" $"),
            ("é=1 $A", "exec é=1 $A"),
        ] {
            assert_eq!(in_its_place(line).as_deref(), Some(made), "{line}");
        }
    }

    #[test]
    fn of_whatever_else_the_shell_stays() {
        for line in [
            "",
            "#",
            "A=1",
            "A=1 B=2",
            "> log",
            "prog >",
            "prog > > a",
            "a && b",
            "a || b",
            "a | b",
            "a; b",
            "a & b",
            "a &",
            "prog &> log",
            "(a)",
            "{ a; }",
            "! a",
            "a <<E",
            "a <(b)",
            "f() { a; }",
            "if a; then b; fi",
            "while a; do b; done",
            "for a in b; do c; done",
            "cd x",
            ":",
            ": && a",
            "exec prog",
            "A=1 exec prog",
            "eval prog",
            ". ./env",
            "source env",
            "export A=1",
            "set -e",
            "exit 3",
            "trap a TERM",
            "ulimit -n 1",
            "command prog",
            "time prog",
            "wait",
            "read A",
            "\\cd x",
            "'cd' x",
            "\"exec\" x",
            "A+=1 prog",
            "A[0]=1 prog",
            "prog $'a\\'b'",
            "a\nb",
            "a \\\nb",
            "echo $PORT",
            "A=1 true",
            "[ -f $x ]",
            "-c x",
            "a ;; b",
            "a;;",
            ")",
            "a )",
            "$(case x in x) a;; esac)",
            "prog \"${A:-it's}\"",
        ] {
            assert_eq!(read(line), Line::Several, "{line:?}");
            assert_eq!(in_its_place(line), None, "{line:?}");
        }
        // A shell does these itself, whoever else does.
        for line in ["echo hi", "true", "[ -f x ]"] {
            let line_is = Line::One {
                at: 0,
                needs_shell: false,
            };
            assert_eq!((read(line), in_its_place(line)), (line_is, None), "{line:?}");
        }
        for line in [
            "a 'b",
            "a \"b",
            "a \\",
            "a $(b",
            "a ${b",
            "a `b",
            "a \"$(b\"",
            "a $((1)",
        ] {
            assert_eq!(read(line), Line::Unclosed, "{line:?}");
        }
    }

    #[test]
    fn a_shell_that_is_started_for_one_program() {
        let words = |text: &str| shlex::split(text).unwrap();
        for (given, made) in [
            (
                "/bin/sh -c 'python3 app.py'",
                Some("/bin/sh -c 'exec python3 app.py'"),
            ),
            (
                "sh -c 'A=1 prog \"$@\"' x y",
                Some("sh -c 'A=1 exec prog \"$@\"' x y"),
            ),
            (
                "/bin/bash -eo pipefail -c 'prog $PORT'",
                Some("/bin/bash -eo pipefail -c 'exec prog $PORT'"),
            ),
            (
                "bash -o pipefail -lc prog",
                Some("bash -o pipefail -lc 'exec prog'"),
            ),
            ("sh --login +e -c prog", Some("sh --login +e -c 'exec prog'")),
            ("sh -c 'a && b'", None),
            ("sh -c 'exec prog'", None),
            ("sh -co pipefail prog", None),
            ("sh -c", None),
            ("sh run.sh -c prog", None),
            ("sh", None),
            ("python3 -c 'prog'", None),
            ("/shells/prog -c x", None),
        ] {
            assert_eq!(without_the_shell(&words(given)), made.map(words), "{given}");
        }
    }
}
