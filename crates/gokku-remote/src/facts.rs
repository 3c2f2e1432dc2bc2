//! What is so on a server, read from what two constant scripts print there: `probe.sh` says who asks, `facts.sh` the
//! rest.
//!
//! A fact is a line, `fact MARK NAME=VALUE`, or `fact MARK NAME:VALUE` with the value in hexadecimal where it has anything
//! but plain characters. The mark is another one each time, and known to the scripts alone. So neither what a login prints
//! nor a file's name or a process's can be a fact.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};

use gokku_core::text::hex;

/// Says who asks, and whether root's work can be done. Run as that user.
pub const PROBE: &str = include_str!("probe.sh");
/// Says the rest, for the folder and the user that it is given. Run as root.
pub const FACTS: &str = include_str!("facts.sh");

/// What is so on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what is there or is not")]
pub struct Facts {
    /// Its kernel, `Linux`.
    pub kernel: String,
    /// Its architecture, as `uname -m` says it.
    pub machine: String,
    /// Its distribution, as it calls itself.
    pub system: String,
    /// Who asks.
    pub user: User,
    /// Whether there is apt-get.
    pub apt: bool,
    /// Whether there is git.
    pub git: bool,
    /// Whether there is sudo.
    pub sudo: bool,
    /// Whether there is cron, with its folder for such lines.
    pub cron: bool,
    /// Whether systemd runs it.
    pub systemd: bool,
    /// Programs that setting up needs, and that are not there.
    pub lacks: Vec<String>,
    /// The Docker Engine.
    pub engine: Engine,
    /// The group that may use the engine's socket.
    pub engine_group: Option<String>,
    /// The checksum, owner and mode of the gokku program.
    pub program: Option<String>,
    /// The members of the group `gokku`; none when there is no such group.
    pub members: Option<Vec<String>>,
    /// The user `gokku`.
    pub account: Option<Account>,
    /// The folder.
    pub root: Root,
    /// The rule for sudo.
    pub sudoers: Option<File>,
    /// The line for cron.
    pub cron_line: Option<File>,
    /// The service.
    pub unit: Option<File>,
    /// Whether the service is started at boot.
    pub enabled: bool,
    /// Whether the service runs.
    pub active: bool,
    /// Whether systemd has still to read the service's file again.
    pub unread: bool,
    /// The traffic switch's process.
    pub daemon: Option<u32>,
    /// Whether the traffic switch runs a program that has been replaced since.
    pub stale: bool,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// Whether it is root.
    pub is_root: bool,
    /// Why root's work cannot be done, in sudo's words; none when it can.
    pub refusal: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
}

/// The Docker Engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// It is not installed.
    #[default]
    Missing,
    /// It is installed and does not answer.
    Silent,
    /// It is there.
    Answers,
}

/// The user `gokku`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub uid: u32,
    /// What its entry says of it: by this it is known whether setting up made it.
    pub comment: String,
    /// Its home.
    pub home: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// How many lines of its authorized keys are gokku's.
    pub keys: usize,
}

/// A file that setting up writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its owner, group and mode, as `root:root 644`.
    pub is: String,
    /// What is in it.
    pub text: String,
}

/// The folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// It is not there.
    #[default]
    Missing,
    /// It is there and no folder; what it is.
    Else(String),
    /// It is a folder.
    Folder {
        /// Its owner, group and mode, as `gokku:gokku 2750`.
        is: String,
        /// How many apps are in it.
        apps: usize,
        /// What is in it that is not gokku's.
        other: Vec<String>,
    },
}

/// What was printed is not what the scripts print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's shell did not say what it was asked: {0}. Is a plain `sh` there, and does the login say nothing else?"
)]
pub struct FactsError(pub String);

/// What was said of each thing, in order: a thing may be said of several times.
struct Said(BTreeMap<&'static str, Vec<String>>);

/// The facts that are said once at most.
const ONCE: [&str; 29] = [
    "kernel",
    "machine",
    "user",
    "uid",
    "sudo",
    "sudo.refusal",
    "probed",
    "system",
    "systemd",
    "engine",
    "engine.group",
    "program",
    "group",
    "account.uid",
    "account.comment",
    "account.home",
    "account.groups",
    "keys",
    "user.groups",
    "root",
    "root.is",
    "root.apps",
    "sudoers",
    "cron",
    "unit",
    "unit.enabled",
    "unit.active",
    "unit.unread",
    "end",
];
/// Those that are said of each thing there is.
const EACH: [&str; 8] = [
    "has",
    "lacks",
    "root.other",
    "sudoers.line",
    "cron.line",
    "unit.line",
    "daemon",
    "daemon.stale",
];

/// A mark that nobody else knows.
pub fn mark() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// The value of a fact, as the scripts write it behind its name.
fn value(written: &str) -> Option<String> {
    if let Some(plain) = written.strip_prefix('=') {
        return plain
            .chars()
            .all(|c| matches!(c, ' '..='~'))
            .then(|| plain.to_owned());
    }
    let digits = written.strip_prefix(':').filter(|digits| !digits.is_empty())?;
    Some(String::from_utf8_lossy(&hex::decode(digits)?).into_owned())
}

impl Said {
    fn read(text: &str, mark: &str) -> Result<Self, FactsError> {
        let mut said: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let begin = format!("fact {mark} ");
        // What else is printed, by a login's own scripts, is not ours.
        for line in text.split('\n').filter_map(|line| line.strip_prefix(&begin)) {
            let wrong = || FactsError(format!("{:?}", line.trim_end()));
            let line = line.strip_suffix('\r').unwrap_or(line);
            let end = line.find(['=', ':']).ok_or_else(wrong)?;
            let (name, written) = line.split_at(end);
            let known = ONCE.into_iter().chain(EACH).find(|known| *known == name);
            let name = known.ok_or_else(wrong)?;
            let all = said.entry(name).or_default();
            all.push(value(written).ok_or_else(wrong)?);
            if all.len() > 1 && ONCE.contains(&name) {
                return Err(wrong());
            }
        }
        Ok(Self(said))
    }

    fn all(&self, what: &str) -> &[String] {
        self.0.get(what).map_or(&[], Vec::as_slice)
    }

    fn one(&self, what: &str) -> Option<String> {
        self.all(what).first().cloned()
    }

    fn is(&self, what: &str, value: &str) -> bool {
        self.all(what).iter().any(|said| said == value)
    }

    fn words(&self, what: &str) -> Vec<String> {
        let one = self.one(what).unwrap_or_default();
        one.split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn number(&self, what: &str) -> Option<u32> {
        self.one(what)?.trim().parse().ok()
    }

    fn count(&self, what: &str) -> usize {
        self.number(what)
            .and_then(|count| count.try_into().ok())
            .unwrap_or(0)
    }

    fn file(&self, what: &str) -> Option<File> {
        let is = self.one(what)?;
        let mut text = String::new();
        for line in self.all(&format!("{what}.line")) {
            let _ = writeln!(text, "{line}");
        }
        Some(File { is, text })
    }
}

/// Who asks, from what `probe.sh` prints.
pub fn user(probed: &str, mark: &str) -> Result<User, FactsError> {
    let said = Said::read(probed, mark)?;
    if !said.is("probed", "yes") {
        return Err(FactsError(first_line(probed)));
    }
    Ok(User {
        name: said.one("user").unwrap_or_default(),
        is_root: said.is("uid", "0"),
        refusal: said.one("sudo.refusal"),
        groups: Vec::new(),
    })
}

impl Facts {
    /// From what both scripts print, one after the other.
    pub fn parse(printed: &str, mark: &str) -> Result<Self, FactsError> {
        let user = user(printed, mark)?;
        let said = Said::read(printed, mark)?;
        if !said.is("end", "yes") {
            return Err(FactsError(first_line(printed)));
        }
        let account = said.number("account.uid").map(|uid| Account {
            uid,
            comment: said.one("account.comment").unwrap_or_default(),
            home: said.one("account.home").unwrap_or_default(),
            groups: said.words("account.groups"),
            keys: said.count("keys"),
        });
        Ok(Self {
            kernel: said.one("kernel").unwrap_or_default(),
            machine: said.one("machine").unwrap_or_default(),
            system: said
                .one("system")
                .unwrap_or_else(|| "an unknown system".to_owned()),
            user: User {
                groups: said.words("user.groups"),
                ..user
            },
            apt: said.is("has", "apt-get"),
            git: said.is("has", "git"),
            sudo: said.is("has", "sudo"),
            cron: said.is("has", "cron"),
            systemd: said.is("systemd", "yes"),
            lacks: said.all("lacks").to_vec(),
            engine: match said.one("engine").as_deref() {
                Some("answers") => Engine::Answers,
                Some(_) => Engine::Silent,
                None => Engine::Missing,
            },
            engine_group: said.one("engine.group"),
            program: said.one("program"),
            members: said.one("group").map(|_| said.words("group")),
            account,
            root: match said.one("root").as_deref() {
                None => Root::Missing,
                Some("folder") => Root::Folder {
                    is: said.one("root.is").unwrap_or_default(),
                    apps: said.count("root.apps"),
                    other: said.all("root.other").to_vec(),
                },
                Some("link") => Root::Else("a symbolic link".to_owned()),
                Some(_) => Root::Else("no folder".to_owned()),
            },
            sudoers: said.file("sudoers"),
            cron_line: said.file("cron"),
            unit: said.file("unit"),
            enabled: said.is("unit.enabled", "yes"),
            active: said.is("unit.active", "yes"),
            unread: said.is("unit.unread", "yes"),
            daemon: said.number("daemon"),
            stale: said.is("daemon.stale", "yes"),
        })
    }

    /// What is told of the server before anything is done.
    pub fn summary(&self) -> String {
        let engine = match self.engine {
            Engine::Missing => "no Docker Engine",
            Engine::Silent => "a Docker Engine that does not answer",
            Engine::Answers => "a Docker Engine",
        };
        let manager = if self.systemd { "systemd" } else { "no systemd" };
        let how = if self.user.is_root { "" } else { ", with sudo" };
        format!(
            "{}, {} {}; {manager}, {engine}; you are {}{how}",
            self.system, self.kernel, self.machine, self.user.name
        )
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.map_or_else(|| "it said nothing".to_owned(), |line| format!("{line:?}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    const MARK: &str = "0123";

    fn parse(text: &str) -> Result<Facts, FactsError> {
        Facts::parse(&text.replace("fact ", "fact 0123 "), MARK)
    }

    #[test]
    fn what_the_scripts_print_is_read() {
        let facts = parse(
            "Welcome!\nfact kernel=Linux\nfact machine=x86_64\nfact user=ada\nfact uid=1000\nfact sudo=yes\nfact probed=yes\n\
             fact has=git\nfact has=sudo\nfact engine.group=docker\nfact engine=answers\nfact group=ada,bob\n\
             fact account.uid=998\nfact account.comment=made\nfact account.home=/var/lib/gokku\n\
             fact account.groups=gokku docker\nfact keys=2\nfact root=folder\nfact root.is=gokku:gokku 2750\n\
             fact root.apps=3\nfact sudoers=root:root 440\nfact sudoers.line=%gokku a=b\nfact sudoers.line=\n\
             fact system:446562c3ad616e\nfact end=yes\n",
        )
        .unwrap();
        assert_eq!(
            (facts.user.name.as_str(), facts.system.as_str()),
            ("ada", "Debían")
        );
        assert!(!facts.user.is_root && facts.user.refusal.is_none());
        assert!(facts.git && facts.sudo && !facts.apt);
        assert_eq!(facts.members, Some(vec!["ada".to_owned(), "bob".to_owned()]));
        assert_eq!(facts.account.unwrap().groups, ["gokku", "docker"]);
        assert_eq!(facts.sudoers.unwrap().text, "%gokku a=b\n\n");
        let Root::Folder { apps: 3, other, .. } = facts.root else {
            panic!()
        };
        assert!(other.is_empty());
    }

    #[test]
    fn half_an_answer_is_none() {
        for text in [
            "",
            "This account is not available.\n",
            "fact user=ada\nfact probed=yes\nfact has=git\n",
        ] {
            parse(text).unwrap_err();
        }
    }

    #[test]
    fn what_the_scripts_do_not_print_is_no_fact() {
        let whole = "fact user=ada\nfact uid=0\nfact probed=yes\nfact end=yes\n";
        assert_eq!(parse(whole).unwrap().daemon, None);
        // Said by anybody else: the mark is not known there.
        for other in [
            "fact daemon=1",
            "fact 9999 daemon=1",
            " fact 0123 daemon=1",
            "x fact 0123 daemon=1",
        ] {
            let printed = format!("{other}\n{}{other}\n", whole.replace("fact ", "fact 0123 "));
            assert_eq!(Facts::parse(&printed, MARK).unwrap().daemon, None, "{other:?}");
        }
        // With the mark, and not as the scripts say it: then nothing of it is believed.
        for odd in [
            "fact end=yes",
            "fact uid=1000",
            "fact nonsense=1",
            "fact daemon",
            "fact =1",
            "fact daemon=1\u{7f}",
            "fact system:",
            "fact system:4",
            "fact system:4x",
            "fact system=Debían",
        ] {
            parse(&format!("{whole}{odd}\n")).unwrap_err();
        }
    }

    /// What `facts.sh` says of a folder.
    fn ask(shell: &str, root: &std::path::Path) -> Facts {
        let mark = mark();
        let mut printed = String::new();
        for (script, words) in [
            (PROBE, vec![mark.as_str()]),
            (FACTS, vec![root.to_str().unwrap(), "root", &mark]),
        ] {
            let mut child = Command::new(shell)
                .args(["-s", "--"])
                .args(words)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            printed.push_str(&String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap());
        }
        Facts::parse(&printed, &mark).unwrap()
    }

    #[test]
    fn no_name_of_a_file_is_a_fact() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "x\nfact end=yes\nfact daemon=1\n",
            "y\r\nfact daemon=1",
            "z'$(touch mark)\\n%s",
            "ü\u{1b}[2J",
            "=:",
        ];
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for shell in ["sh", "bash"] {
            let facts = ask(shell, folder.path());
            assert_eq!(facts.daemon, None);
            let Root::Folder { mut other, .. } = facts.root else {
                panic!("no folder: {:?}", facts.root)
            };
            other.sort();
            let mut expected = names.map(str::to_owned);
            expected.sort();
            assert_eq!(other, expected, "{shell}");
        }
    }

    /// Whoever has a user on the machine may call a process as the daemon is called, and set up ends the daemon as root.
    #[test]
    fn a_process_of_another_user_is_not_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            rustix::process::geteuid().is_root(),
            "this test acts as other users: run the tests as root"
        );
        let run_as = |uid: u32| {
            Command::new("sh")
                .arg0("/usr/local/bin/gokku")
                .args(["-c", "cat; :", "proxy", "run", "--root"])
                .arg(folder.path())
                .uid(uid)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap()
        };
        for (owner, forger) in [(0, 65_534), (65_533, 65_534)] {
            std::os::unix::fs::chown(folder.path(), Some(owner), None).unwrap();
            let mut forged = run_as(forger);
            assert_eq!(ask("sh", folder.path()).daemon, None);
            let mut real = run_as(owner);
            assert_eq!(ask("sh", folder.path()).daemon, Some(real.id()));
            for child in [&mut forged, &mut real] {
                drop(child.stdin.take());
                child.wait().unwrap();
            }
        }
    }
}
