//! What is asked for with a key: the command line that ssh sends, of which there are two forms only. git's are understood
//! down to an app's name, gokku's are words for the command line to judge; everything else is refused. No shell sees any
//! of it.

use std::fmt;

use crate::app::name::AppName;

/// Which of git's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `git push`.
    ReceivePack,
    /// `git fetch`, `git clone`.
    UploadPack,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// git, for an app's repository.
    Git {
        /// To push or to fetch.
        service: Service,
        /// Whose.
        app: AppName,
    },
    /// `gokku` with these words behind it.
    Gokku(Vec<String>),
}

/// Why something that was asked for is not even looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A shell.
    #[error("no shell is given to this key")]
    Shell,
    /// Another program.
    #[error("this key cannot run {0}")]
    Program(Word),
    /// The quotes do not match, or it is no text.
    #[error("what was asked for cannot be read: its quotes do not match, or it is no text")]
    Unreadable,
    /// git with other words than one repository.
    #[error("{0} takes the name of one app, and nothing else")]
    Repository(Service),
}

impl EntryError {
    /// What was asked for, as it may be recorded.
    pub fn asked(&self) -> String {
        match self {
            Self::Shell => "a shell".to_owned(),
            Self::Program(word) => word.to_string(),
            Self::Unreadable => "something unreadable".to_owned(),
            Self::Repository(service) => service.to_string(),
        }
    }
}

/// The most characters of a word that are repeated.
const SHOWN: usize = 40;

/// A word that somebody sent, cut to what can be shown and recorded: one line, and not a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// The first part of a word: up to a blank, or to a `=`, which a value may follow.
    pub fn new(word: &str) -> Self {
        let blank = word.split_whitespace().next().unwrap_or_default();
        let first = blank.split('=').next().unwrap_or_default();
        let mut shown: String = first
            .chars()
            .map(|letter| if letter.is_ascii_graphic() { letter } else { '?' })
            .take(SHOWN)
            .collect();
        if first.chars().nth(SHOWN).is_some() {
            shown.push_str("...");
        }
        if shown.is_empty() {
            shown.push_str("nothing");
        }
        Self(shown)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Service {
    /// git's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReceivePack => "receive-pack",
            Self::UploadPack => "upload-pack",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::ReceivePack, Self::UploadPack]
            .into_iter()
            .find(|service| service.as_str() == word)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Understands a command line, as `SSH_ORIGINAL_COMMAND` has it; `root` is the server's folder.
pub fn parse(line: &[u8], root: &str) -> Result<Asked, EntryError> {
    let line = std::str::from_utf8(line).map_err(|_| EntryError::Unreadable)?;
    let words = shlex::split(line).ok_or(EntryError::Unreadable)?;
    let (program, rest) = match &words[..] {
        [] => return Err(EntryError::Shell),
        [program, rest @ ..] => (program.as_str(), rest),
    };
    let (service, rest) = match (program, rest) {
        ("git" | "gokku", [word, rest @ ..]) if Service::of(word).is_some() => (Service::of(word), rest),
        ("gokku", rest) => return Ok(Asked::Gokku(rest.to_vec())),
        (program, rest) => (program.strip_prefix("git-").and_then(Service::of), rest),
    };
    let service = service.ok_or_else(|| EntryError::Program(Word::new(program)))?;
    match rest {
        [path] => match repository(path, root) {
            Some(app) => Ok(Asked::Git { service, app }),
            None => Err(EntryError::Repository(service)),
        },
        _ => Err(EntryError::Repository(service)),
    }
}

/// The app whose repository a path is: below the server's folder, or `api` and `api.git`, also behind `/` and `~/`.
pub fn repository(path: &str, root: &str) -> Option<AppName> {
    let below = path
        .strip_prefix(root)
        .and_then(|rest| rest.strip_prefix("/repos/"))
        .or_else(|| path.strip_prefix("~/"))
        .or_else(|| path.strip_prefix('/'))
        .unwrap_or(path);
    below.strip_suffix(".git").unwrap_or(below).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Result<Asked, EntryError> {
        parse(line.as_bytes(), "/opt/gokku")
    }

    #[test]
    fn git_is_understood_down_to_the_app() {
        let git = |service| {
            Ok(Asked::Git {
                service,
                app: "api".parse().expect("a name"),
            })
        };
        for path in [
            "api",
            "api.git",
            "/api",
            "/api.git",
            "~/api.git",
            "/opt/gokku/repos/api.git",
        ] {
            for program in ["git-receive-pack", "git receive-pack", "gokku receive-pack"] {
                assert_eq!(
                    ask(&format!("{program} '{path}'")),
                    git(Service::ReceivePack),
                    "{path}"
                );
            }
            assert_eq!(ask(&format!("git-upload-pack {path}")), git(Service::UploadPack));
        }
    }

    #[test]
    fn git_with_anything_else_is_refused() {
        for rest in [
            "",
            "''",
            "api shop",
            "--help",
            "--upload-pack=sh api",
            "-- api",
            "../api.git",
            "/opt/gokku/repos/../apps/api",
            "/opt/gokku/apps/api",
            "/opt/gokku/repos//api.git",
            "/etc/passwd",
            "~root/api",
            "api.git/hooks",
            "api.git.git",
            "'api;id'",
            "'api\nid'",
            "$(id)",
            ".",
        ] {
            let asked = ask(&format!("git-receive-pack {rest}"));
            assert_eq!(
                asked,
                Err(EntryError::Repository(Service::ReceivePack)),
                "{rest:?}"
            );
        }
    }

    #[test]
    fn gokku_gets_its_words_and_no_shell_does() {
        let words = |words: &[&str]| {
            Ok(Asked::Gokku(
                words.iter().map(|word| (*word).to_owned()).collect(),
            ))
        };
        assert_eq!(ask("gokku"), words(&[]));
        assert_eq!(ask("gokku status -a api"), words(&["status", "-a", "api"]));
        assert_eq!(
            ask("gokku config set -a api 'MOTTO=it'\"'\"'s $5'"),
            words(&["config", "set", "-a", "api", "MOTTO=it's $5"])
        );
        assert_eq!(ask("gokku status; id"), words(&["status;", "id"]));
        assert_eq!(ask("gokku $(id) `id`"), words(&["$(id)", "`id`"]));
    }

    #[test]
    fn everything_else_is_refused_and_recorded_in_a_word() {
        let long = "x".repeat(1000);
        for (line, asked) in [
            ("", "a shell"),
            ("  ", "a shell"),
            ("# gokku", "a shell"),
            ("sh -c 'gokku status'", "sh"),
            ("/usr/bin/gokku status", "/usr/bin/gokku"),
            ("./gokku", "./gokku"),
            ("GOKKU_ROOT=/ gokku status", "GOKKU_ROOT"),
            ("scp -t /tmp", "scp"),
            ("/usr/lib/openssh/sftp-server", "/usr/lib/openssh/sftp-server"),
            ("rsync --server . /", "rsync"),
            ("git", "git"),
            ("git push", "git"),
            ("git -c core.pager=sh receive-pack api", "git"),
            ("git-upload-archive api", "git-upload-archive"),
            ("git-lfs-authenticate api upload", "git-lfs-authenticate"),
            ("'a\u{1b}[2Jb\nc' d", "a?[2Jb"),
            ("'' x", "nothing"),
            ("'open", "something unreadable"),
            (long.as_str(), &format!("{}...", "x".repeat(40))),
        ] {
            let error = ask(line).expect_err(line);
            assert_eq!(error.asked(), asked);
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        assert_eq!(parse(b"gokku \xff", "/"), Err(EntryError::Unreadable));
    }
}
