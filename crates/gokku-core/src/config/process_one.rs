//! A container's first process: whether it gets the engine's init, and why one that was stopped had to be killed.
//!
//! The kernel gives process 1 no signal that it does not handle, see `pid_namespaces(7)`: a program that leaves SIGTERM to its
//! default is not ended by it there, and only there. The engine's init (tini) takes that place, passes signals on and ends with
//! the program's exit code; some images bring such a program of their own, of which several will run as process 1 only.

use serde::{Deserialize, Serialize};

use crate::text::shell::{assigned, is_shell, name_of, script_at};

/// What an image says of what it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCommand {
    /// Its `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// Its `CMD`.
    pub command: Vec<String>,
}

impl ImageCommand {
    /// What runs with what was said instead of it, put together as the engine does: another entrypoint takes the image's
    /// command away, an empty one does not.
    pub fn with(&self, entrypoint: Option<&[String]>, command: Option<&[String]>) -> Vec<String> {
        let given = command.filter(|words| !words.is_empty());
        match entrypoint {
            Some(words) if !words.is_empty() => [words, given.unwrap_or_default()].concat(),
            Some(_) => given.unwrap_or(&self.command).to_vec(),
            None => [&self.entrypoint, given.unwrap_or(&self.command)].concat(),
        }
    }
}

/// Programs that are made to be process 1, by their names.
const INITS: [&str; 17] = [
    "catatonit",
    "docker-init",
    "dumb-init",
    "finit",
    "my_init",
    "openrc-init",
    "pid1",
    "runit",
    "runit-init",
    "runsvdir",
    "runsvdir-start",
    "s6-overlay",
    "s6-svscan",
    "systemd",
    "tini",
    "tini-static",
    "tinit",
];

/// Where a program called `init` is one: s6's, or the system's.
const INIT_PLACES: [&str; 6] = [
    "init",
    "/init",
    "/sbin/init",
    "/bin/init",
    "/usr/sbin/init",
    "/usr/bin/init",
];

/// Whether words that a container runs are an init of their own: then the engine's would be in its way.
pub fn is_init(words: &[String]) -> bool {
    let Some(program) = words.first() else {
        return false;
    };
    let name = name_of(program);
    if let Some(script) = script_at(words).and_then(|at| shlex::split(&words[at])) {
        let is_before = |word: &&String| *word == "exec" || assigned(word).is_some();
        let words: Vec<String> = script.iter().skip_while(is_before).cloned().collect();
        return is_init(&words);
    }
    if name == "env" {
        let is_before = |word: &&String| *word == "-i" || *word == "--" || assigned(word).is_some();
        let words: Vec<String> = words[1..].iter().skip_while(is_before).cloned().collect();
        return is_init(&words);
    }
    let is_busyboxs = name == "busybox" && words.get(1).is_some_and(|applet| applet == "init");
    INITS.contains(&name) || INIT_PLACES.contains(&program.as_str()) || is_busyboxs
}

/// Whether a container that runs these words gets the engine's init: as its app's `gokku.yml` says, otherwise where the words
/// are none of their own.
pub fn gets_init(said: Option<bool>, words: &[String]) -> bool {
    said.unwrap_or_else(|| !is_init(words))
}

/// The time that a container has to end by itself, when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// There was some left.
    Left,
    /// It was over.
    Over,
    /// There was none from the beginning.
    None,
}

/// What was seen of a container before it was stopped, and of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The time that it had to end by itself.
    pub time: Time,
    /// Its exit code.
    pub exit_code: i64,
    /// Whether it was killed for using too much memory.
    pub out_of_memory: bool,
    /// Whether the engine's init, or one of its own, was its first process.
    pub has_init: bool,
    /// Whether a shell stood before its program, and was to pass no signal on.
    pub behind_shell: bool,
}

/// Why a container that was stopped, or what ran in it, had to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KilledBecause {
    /// Its program stands behind a shell, which got SIGTERM and kept it.
    ShellKeptSignal,
    /// Its program stands behind a shell, which SIGTERM ended, and the program with it.
    ShellEnded,
    /// Its program is its first process, and does not handle SIGTERM.
    FirstProcess,
    /// Its program ignores SIGTERM, or takes longer to end than it is given.
    Ignored,
    /// It is given no time.
    NoTime,
}

/// The exit code of what SIGKILL ended.
const KILLED: i64 = 128 + 9;
/// The exit code of what SIGTERM ended.
const TERMINATED: i64 = 128 + 15;

impl Stopped {
    /// Why it had to be killed; none when it ended by itself.
    pub fn killed_because(self) -> Option<KilledBecause> {
        match self.exit_code {
            KILLED if self.out_of_memory || self.time == Time::Left => None,
            KILLED if self.time == Time::None => Some(KilledBecause::NoTime),
            KILLED if self.behind_shell => Some(KilledBecause::ShellKeptSignal),
            KILLED if !self.has_init => Some(KilledBecause::FirstProcess),
            KILLED => Some(KilledBecause::Ignored),
            TERMINATED if self.has_init && self.behind_shell => Some(KilledBecause::ShellEnded),
            _ => None,
        }
    }
}

/// Whether a process is a shell that passes no SIGTERM on to what it runs: from its `/proc/PID/cmdline` and
/// `/proc/PID/status`, see proc(5). A shell with a trap for it handles it.
pub fn is_deaf_shell(command_line: &[u8], status: &str) -> bool {
    let program = command_line.split(|byte| *byte == 0).next().unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let handles = caught.is_none_or(|mask| mask & (1 << 14) != 0);
    std::str::from_utf8(program).is_ok_and(is_shell) && !handles
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        shlex::split(text).unwrap()
    }

    /// As the engine puts them together, moby's `daemon/commit.go`, `merge`.
    #[test]
    fn entrypoint_and_command_as_the_engine_puts_them_together() {
        let image = |entrypoint: &str, command: &str| ImageCommand {
            entrypoint: words(entrypoint),
            command: words(command),
        };
        for (entrypoint, command, said, runs) in [
            ("", "a b", (None, None), "a b"),
            ("/e", "a b", (None, None), "/e a b"),
            ("/e", "a b", (None, Some("c")), "/e c"),
            ("/e", "a b", (Some("/f"), None), "/f"),
            ("/e", "a b", (Some("/f g"), Some("c")), "/f g c"),
            ("/e", "a b", (Some(""), None), "a b"),
            ("/e", "a b", (Some(""), Some("c d")), "c d"),
            ("", "", (None, None), ""),
        ] {
            let (other, given) = (said.0.map(words), said.1.map(words));
            let found = image(entrypoint, command).with(other.as_deref(), given.as_deref());
            assert_eq!(found, words(runs), "{entrypoint} | {command} | {said:?}");
        }
    }

    #[test]
    fn an_init_of_the_images_own() {
        for own in [
            "/init",
            "/init /app serve",
            "/sbin/init",
            "/usr/sbin/init",
            "init",
            "/lib/systemd/systemd --system",
            "/usr/lib/systemd/systemd",
            "tini -- /app",
            "/sbin/tini -g -- node server.js",
            "/usr/bin/tini-static /app",
            "/usr/bin/dumb-init -- /app",
            "dumb-init /app",
            "catatonit -- /app",
            "docker-init -- /app",
            "/package/admin/s6/command/s6-svscan /etc/s6",
            "runsvdir -P /etc/service",
            "/sbin/runit",
            "/sbin/runit-init",
            "/sbin/my_init -- app",
            "busybox init",
            "/bin/sh -c 'exec tini -- /app $PORT'",
            "/bin/sh -c 'tini -- /app'",
            "sh -c 'A=1 exec /init'",
            "/bin/bash -o pipefail -c 'dumb-init /app'",
            "env A=b tini -- /app",
            "/usr/bin/env -i dumb-init /app",
        ] {
            assert!(is_init(&words(own)), "{own}");
            assert!(!gets_init(None, &words(own)), "{own}");
            assert!(gets_init(Some(true), &words(own)), "{own}: as it was said");
        }
        for none in [
            "",
            "/app",
            "node server.js",
            "/app/init",
            "./init",
            "app init",
            "python3 -m tini",
            "/tini/app",
            "/docker-entrypoint.sh nginx",
            "sh -c 'cd /x && ./app'",
            "sh -c './app --init tini'",
            "sh -c \"it's",
            "sh run.sh tini",
            "env A=b /app",
            "busybox sh",
            "my-tini",
        ] {
            let words = shlex::split(none).unwrap_or_else(|| vec!["sh".into(), "-c".into(), "it's".into()]);
            assert!(!is_init(&words), "{none}");
            assert!(gets_init(None, &words), "{none}");
            assert!(!gets_init(Some(false), &words), "{none}: as it was said");
        }
    }

    #[test]
    fn why_it_had_to_be_killed() {
        let killed = Stopped {
            time: Time::Over,
            exit_code: 137,
            out_of_memory: false,
            has_init: true,
            behind_shell: false,
        };
        let (first, shell) = (
            Stopped {
                has_init: false,
                ..killed
            },
            Stopped {
                behind_shell: true,
                ..killed
            },
        );
        for (stopped, because) in [
            (killed, Some(KilledBecause::Ignored)),
            (first, Some(KilledBecause::FirstProcess)),
            (shell, Some(KilledBecause::ShellKeptSignal)),
            (
                Stopped {
                    behind_shell: true,
                    ..first
                },
                Some(KilledBecause::ShellKeptSignal),
            ),
            (
                Stopped {
                    time: Time::None,
                    ..first
                },
                Some(KilledBecause::NoTime),
            ),
            (
                Stopped {
                    exit_code: 143,
                    ..shell
                },
                Some(KilledBecause::ShellEnded),
            ),
            // It ended by itself, or somebody else did that.
            (
                Stopped {
                    exit_code: 0,
                    ..killed
                },
                None,
            ),
            (
                Stopped {
                    exit_code: 143,
                    ..killed
                },
                None,
            ),
            (
                Stopped {
                    exit_code: 143,
                    behind_shell: true,
                    ..first
                },
                None,
            ),
            (
                Stopped {
                    time: Time::Left,
                    ..killed
                },
                None,
            ),
            (
                Stopped {
                    out_of_memory: true,
                    ..killed
                },
                None,
            ),
        ] {
            assert_eq!(stopped.killed_because(), because, "{stopped:?}");
        }
    }

    #[test]
    fn shells_that_pass_nothing_on() {
        let (plain, trap) = (
            "Name:\tsh\nSigCgt:\t0000000000010002\n",
            "SigCgt:\t0000000000014002\n",
        );
        for (line, status, deaf) in [
            ("/bin/sh\0-c\0cd x && y\0", plain, true),
            ("bash\0/run.sh\0", plain, true),
            ("-bash\0", plain, true),
            ("/bin/sh\0-c\0trap x TERM; y\0", trap, false),
            ("python3\0app.py\0", plain, false),
            ("/bin/sh\0", "", false),
            ("", plain, false),
        ] {
            assert_eq!(is_deaf_shell(line.as_bytes(), status), deaf, "{line:?}");
        }
    }
}
