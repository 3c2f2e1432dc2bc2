//! What git-receive-pack and its proc-receive hook say to each other, on the hook's standard input and output: lines with
//! their length before them (gitprotocol-common(5)), see githooks(5), "proc-receive". The hook moves refs itself, or
//! leaves one to git, and what it says of each is what the pusher is told.

use std::io::{self, Read, Write};

use gokku_core::push::rules::{RefUpdate, RefUpdateError};

/// The only version there is.
const VERSION: &[u8] = b"version=1";
/// The longest line that there can be, its length included.
const LONGEST: usize = 65_520;
/// How much git may say in all: more refs than any push has.
const MOST: usize = 64 * 1024 * 1024;

/// What git wants of the hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What the push wants of each ref.
    pub updates: Vec<RefUpdate>,
    /// The push's options, `git push -o`.
    pub options: Vec<String>,
}

/// What became of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The hook has moved it.
    Moved,
    /// git is to move it, after its own checks.
    LeftToGit,
    /// It stays as it was, for this reason: one line, which the pusher is shown beside the ref.
    Refused(String),
}

/// Why what git says is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// It could not be read or answered.
    #[error("what git says of the push: {0}")]
    Io(#[from] io::Error),
    /// A line without its length before it.
    #[error("git begins a line of the push with {0:?}, which is no length: only git runs this hook")]
    Length(String),
    /// A version that was not there when this was written.
    #[error("git speaks {0:?} to its proc-receive hook, and version=1 is what is understood: upgrade gokku")]
    Version(String),
    /// More than a push can have.
    #[error("the push has more than {MOST} bytes of refs and options")]
    TooLong,
    /// Something that is no update of a ref.
    #[error(transparent)]
    Update(#[from] RefUpdateError),
}

/// Reads what git wants, and answers that it is understood.
pub fn listen(from: &mut impl Read, to: &mut impl Write) -> Result<Wanted, ProtocolError> {
    let mut budget = MOST;
    let hello = section(from, &mut budget)?;
    let first = hello.first().map_or(&[][..], Vec::as_slice);
    let (version, capabilities) = match first.iter().position(|byte| *byte == 0) {
        Some(at) => (&first[..at], &first[at + 1..]),
        None => (first, &[][..]),
    };
    if version != VERSION {
        return Err(ProtocolError::Version(
            String::from_utf8_lossy(version).into_owned(),
        ));
    }
    let has_options = capabilities
        .split(|byte| *byte == b' ')
        .any(|one| one == b"push-options");
    let answer = if has_options {
        b"version=1\0push-options".as_slice()
    } else {
        VERSION
    };
    write_line(to, answer)?;
    end(to)?;
    let commands = section(from, &mut budget)?;
    let options = if has_options {
        section(from, &mut budget)?
    } else {
        Vec::new()
    };
    Ok(Wanted {
        updates: gokku_core::push::rules::updates(&commands.join(&b'\n'))?,
        options: options
            .iter()
            .map(|option| String::from_utf8_lossy(option).into_owned())
            .collect(),
    })
}

/// Tells git what became of each ref.
pub fn report<'a>(
    to: &mut impl Write,
    reports: impl IntoIterator<Item = (&'a RefUpdate, &'a Reported)>,
) -> io::Result<()> {
    for (update, reported) in reports {
        let name = &update.name;
        match reported {
            Reported::Moved => write_line(to, format!("ok {name}").as_bytes())?,
            Reported::LeftToGit => {
                write_line(to, format!("ok {name}").as_bytes())?;
                write_line(to, b"option fall-through")?;
            }
            Reported::Refused(why) => {
                let why = why.lines().next().unwrap_or("refused");
                write_line(to, format!("ng {name} {why}").as_bytes())?;
            }
        }
    }
    end(to)
}

/// The lines until an empty one that ends them, each without the line feed that it may have.
fn section(from: &mut impl Read, budget: &mut usize) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let mut lines = Vec::new();
    loop {
        let mut head = [0; 4];
        from.read_exact(&mut head)?;
        let length = std::str::from_utf8(&head)
            .ok()
            .filter(|head| head.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|head| usize::from_str_radix(head, 16).ok());
        let length = match length {
            Some(0) => return Ok(lines),
            Some(length @ 4..=LONGEST) => length - 4,
            _ => return Err(ProtocolError::Length(String::from_utf8_lossy(&head).into_owned())),
        };
        *budget = budget.checked_sub(length + 4).ok_or(ProtocolError::TooLong)?;
        let mut line = vec![0; length];
        from.read_exact(&mut line)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        lines.push(line);
    }
}

fn write_line(to: &mut impl Write, line: &[u8]) -> io::Result<()> {
    let line = &line[..line.len().min(LONGEST - 4)];
    write!(to, "{:04x}", line.len() + 4)?;
    to.write_all(line)
}

fn end(to: &mut impl Write) -> io::Result<()> {
    to.write_all(b"0000")?;
    to.flush()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn said(parts: &[Option<&str>]) -> Vec<u8> {
        let mut text = Vec::new();
        for part in parts {
            match part {
                Some(line) => write_line(&mut text, line.as_bytes()).unwrap(),
                None => end(&mut text).unwrap(),
            }
        }
        text
    }

    #[test]
    fn what_git_says_is_understood_and_answered() {
        let one = format!("{} {} refs/heads/main", "0".repeat(40), "1".repeat(40));
        let two = format!("{} {} refs/tags/v1", "0".repeat(40), "2".repeat(40));
        for (capabilities, options, answer) in [
            ("", None, "000dversion=10000"),
            (
                "\0atomic push-options\n",
                Some(vec!["a=b", "c"]),
                "001aversion=1\0push-options0000",
            ),
            ("\0push-options", Some(vec![]), "001aversion=1\0push-options0000"),
            ("\0atomic\n", None, "000dversion=10000"),
        ] {
            let hello = format!("version=1{capabilities}");
            let mut parts = vec![Some(hello.as_str()), None, Some(&one), Some(&two), None];
            if let Some(options) = &options {
                parts.extend(options.iter().copied().map(Some));
                parts.push(None);
            }
            let mut told = Vec::new();
            let wanted = listen(&mut said(&parts).as_slice(), &mut told).unwrap();
            assert_eq!(String::from_utf8(told).unwrap(), answer);
            let names: Vec<&str> = wanted.updates.iter().map(|update| update.name.as_str()).collect();
            assert_eq!(names, ["refs/heads/main", "refs/tags/v1"]);
            assert_eq!(wanted.options, options.unwrap_or_default());
        }
    }

    #[test]
    fn what_is_not_gits_is_refused() {
        for (text, why) in [
            (b"".as_slice(), "failed to fill whole buffer"),
            (b"zzzz", "no length"),
            (b"0003", "no length"),
            (b"+00f", "no length"),
            (b"000dversion=20000", "upgrade gokku"),
            (b"0000", "upgrade gokku"),
            (b"000dversion=100000008main0000", "only git runs this hook"),
        ] {
            let error = listen(&mut &text[..], &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn every_ref_is_reported() {
        let update: RefUpdate = format!("{} {} refs/heads/main", "0".repeat(40), "1".repeat(40))
            .parse()
            .unwrap();
        for (reported, text) in [
            (Reported::Moved, "0016ok refs/heads/main0000"),
            (
                Reported::LeftToGit,
                "0016ok refs/heads/main0017option fall-through0000",
            ),
            (
                Reported::Refused("no room\nat all".to_owned()),
                "001eng refs/heads/main no room0000",
            ),
        ] {
            let mut told = Vec::new();
            report(&mut told, [(&update, &reported)]).unwrap();
            assert_eq!(String::from_utf8(told).unwrap(), text);
        }
    }
}
