//! What each repository's own configuration says, so that a git that somebody else starts there (sshd, a push on the
//! server itself) does what gokku counts on, whatever that user's `~/.gitconfig` or the machine's has.
//!
//! A repository's own configuration is read last, and of a key that has one value the last counts. gokku's own commands
//! read nobody's configuration anyway: see `command`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use gokku_core::text::size::Size;

use crate::command::{git_anywhere, run};
use crate::error::Error;
use crate::hook::{Hook, PROC_RECEIVE_REFS};
use crate::repository::Repository;

/// When a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Whenever it is another: gokku counts on it.
    Always,
    /// When the repository itself says nothing: whoever runs the server may say something else there, and nowhere else.
    UnlessSaid,
}

/// A key of git-config(1), its value, and why it must not be anybody's.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// The key.
    pub key: &'static str,
    /// The value; none of them needs quotes in a configuration file.
    pub value: &'static str,
    /// When it is written.
    pub rule: Rule,
    /// What it is for.
    pub why: &'static str,
}

const fn always(key: &'static str, value: &'static str, why: &'static str) -> Pin {
    Pin {
        key,
        value,
        rule: Rule::Always,
        why,
    }
}

const fn unless_said(key: &'static str, value: &'static str, why: &'static str) -> Pin {
    Pin {
        key,
        value,
        rule: Rule::UnlessSaid,
        why,
    }
}

/// What is pinned.
pub const PINNED: &[Pin] = &[
    always(
        "core.hooksPath",
        "hooks",
        "hooks that are elsewhere let a push succeed with nothing deployed; a relative path is the repository's, wherever it is",
    ),
    always(
        "core.attributesFile",
        "/dev/null",
        "attributes are the commit's own",
    ),
    always(
        "core.useReplaceRefs",
        "false",
        "what is stored is what was pushed",
    ),
    always(
        "core.fsync",
        "objects,derived-metadata,reference",
        "an accepted push is on the disk",
    ),
    always(
        "core.alternateRefsCommand",
        "true",
        "git runs it for each push, and the branches that it is to tell are known: no program of anybody's is",
    ),
    always(
        "core.fsyncMethod",
        "batch",
        "an accepted push is on the disk, with one flush for all of its objects",
    ),
    unless_said(
        "core.logAllRefUpdates",
        "false",
        "git's own for a server: a log that is left of a branch is in the way of one with a longer name",
    ),
    always(
        "core.sharedRepository",
        "0644",
        "it belongs to one user: nobody else writes in it, whatever the umask of who pushes",
    ),
    always(
        "receive.shallowUpdate",
        "true",
        "build servers push from shallow clones, and a release needs its commit's files only",
    ),
    always(
        "receive.denyDeleteCurrent",
        "refuse",
        "a clone must find the branch that is deployed",
    ),
    always("receive.advertiseAtomic", "true", "`git push --atomic`"),
    always(
        "receive.advertisePushOptions",
        "true",
        "people have push.pushOption set, and git refuses to push where options are not taken",
    ),
    always(
        "receive.keepAlive",
        "5",
        "a long build must not look like a dead connection",
    ),
    always(
        "receive.hideRefs",
        "!refs",
        "no branch is hidden; of several values the last counts",
    ),
    always("transfer.hideRefs", "!refs", "the same"),
    always("uploadpack.hideRefs", "!refs", "the same"),
    unless_said(
        "receive.denyNonFastForwards",
        "false",
        "git's own: a forced push deploys",
    ),
    unless_said("receive.denyDeletes", "false", "git's own: other branches may go"),
    unless_said(
        "receive.denyCurrentBranch",
        "refuse",
        "git's own: a branch that is checked out somewhere stays",
    ),
    unless_said(
        "receive.fsckObjects",
        "false",
        "git's own: old histories have what today's git would not write",
    ),
    always(
        "receive.unpackLimit",
        "1",
        "a push stays packed: unpacked, a few bytes that say \"the same again\" are whole files each",
    ),
    unless_said("receive.autogc", "true", "git's own"),
    unless_said("maintenance.auto", "true", "git's own"),
    unless_said("gc.auto", "500", "a server keeps few loose objects"),
    unless_said("gc.autoDetach", "true", "git's own: nobody waits for it"),
    unless_said("maintenance.autoDetach", "true", "the same, since git 2.47"),
    unless_said("gc.autoPackLimit", "50", "git's own: each push is a pack"),
    always(
        "gc.cruftPacks",
        "true",
        "what no branch has any more stays packed until it goes: a file for each object could be more than the disk has",
    ),
    always(
        "gc.pruneExpire",
        "3.days.ago",
        "objects are there before their branch is, for as long as a deploy lasts; what was refused or forced away goes",
    ),
    unless_said(
        "pack.windowMemory",
        "100m",
        "what packing takes of the memory does not depend on what was pushed",
    ),
];

/// What git takes of a push at most, in bytes; 0 for any. How much that is, the server's settings say.
const MAX_INPUT: &str = "receive.maxInputSize";

/// What in a repository is not as gokku makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A value that is pinned has been changed.
    Setting {
        /// The key.
        key: &'static str,
        /// What it is; none when nothing says it.
        is: Option<String>,
        /// What it should be.
        should: &'static str,
    },
    /// Its configuration reads another file, which may say anything.
    Includes(String),
    /// gokku's hook is not there, or another is in its place.
    Hook(PathBuf),
    /// It borrows objects from another repository, and is broken when that is gone.
    Alternates(PathBuf),
    /// Its objects have ids of another kind, and most people's git cannot push to it.
    Format(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { key, is, should } => match is {
                Some(is) => write!(f, "{key} is {is}, and should be {should}"),
                None => write!(f, "{key} is not set, and should be {should}"),
            },
            Self::Includes(key) => write!(f, "its configuration reads another file, by {key}"),
            Self::Hook(path) => write!(f, "{} is not gokku's hook", path.display()),
            Self::Alternates(path) => {
                write!(
                    f,
                    "it borrows another repository's objects, by {}",
                    path.display()
                )
            }
            Self::Format(format) => write!(
                f,
                "its objects are of the format {format}, and no usual repository can be pushed to it"
            ),
        }
    }
}

/// The last value of each key, as git reads it from a file.
type Said = BTreeMap<String, String>;

impl Repository {
    fn config_file(&self) -> PathBuf {
        self.path().join("config")
    }

    /// What its own file says, and no other.
    fn said(&self) -> Result<Said, Error> {
        let mut command = git_anywhere();
        command.arg("config").arg("--file").arg(self.config_file());
        let listing = run(command.args(["--null", "--list"]))?;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        Ok(listing
            .split_terminator('\0')
            .map(|entry| {
                // A key without `=` stands for true, git-config(1).
                let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
                (key.to_owned(), value.to_owned())
            })
            .collect())
    }

    /// Writes what is pinned and is not as it should be, and how large a push may be; true when there was something to
    /// write.
    pub fn pin(&self, max_input: Size) -> Result<bool, Error> {
        let said = self.said()?;
        let mut missing = String::new();
        let mut changed = false;
        let max_input = max_input.0.to_string();
        let pins = PINNED.iter().map(|pin| (pin.key, pin.value, pin.rule));
        for (key, wanted, rule) in pins.chain([(MAX_INPUT, max_input.as_str(), Rule::Always)]) {
            match value(&said, key) {
                Some(there) if rule == Rule::UnlessSaid || there == wanted => {}
                // Where a key has been, git puts the value in its place.
                Some(_) => {
                    let mut command = git_anywhere();
                    command.arg("config").arg("--file").arg(self.config_file());
                    run(command.args(["--replace-all", key, wanted]))?;
                    changed = true;
                }
                None => missing.push_str(&lines(key, wanted)),
            }
        }
        if missing.is_empty() {
            return Ok(changed);
        }
        append(&self.config_file(), &missing).map_err(|source| Error::File {
            path: self.config_file(),
            source,
        })?;
        Ok(true)
    }

    /// Returns everything in it that is not as gokku makes it; nothing is changed.
    pub fn differences(&self, hook: &Hook) -> Result<Vec<Difference>, Error> {
        let said = self.said()?;
        let mut differences = Vec::new();
        let pins = PINNED.iter().filter(|pin| pin.rule == Rule::Always);
        for (key, should) in pins.map(|pin| (pin.key, pin.value)).chain([PROC_RECEIVE_REFS]) {
            let is = value(&said, key);
            if is != Some(should) {
                differences.push(Difference::Setting {
                    key,
                    is: is.map(str::to_owned),
                    should,
                });
            }
        }
        let includes = |key: &&String| key.starts_with("include.") || key.starts_with("includeif.");
        differences.extend(said.keys().filter(includes).cloned().map(Difference::Includes));
        if let Some(format) = value(&said, "extensions.objectformat").filter(|format| *format != "sha1") {
            differences.push(Difference::Format(format.to_owned()));
        }
        differences.extend(self.foreign_hooks(hook).into_iter().map(Difference::Hook));
        let alternates = self.path().join("objects/info/alternates");
        if alternates.exists() {
            differences.push(Difference::Alternates(alternates));
        }
        Ok(differences)
    }
}

fn value<'a>(said: &'a Said, key: &str) -> Option<&'a str> {
    said.get(&key.to_lowercase()).map(String::as_str)
}

/// A value as a configuration file has it.
fn lines(key: &str, value: &str) -> String {
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    format!("[{section}]\n\t{name} = {value}\n")
}

/// Adds text to a configuration file, as git itself does: under its lock, whole or not at all.
fn append(config: &Path, text: &str) -> std::io::Result<()> {
    let lock = config.with_extension("lock");
    let opened = fs::OpenOptions::new().write(true).create_new(true).open(&lock);
    let mut file = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => std::io::Error::other(format!(
            "{} is there: another git is changing it, or one was killed while it did; then remove that file",
            lock.display()
        )),
        _ => error,
    })?;
    let mut write = || -> std::io::Result<()> {
        let mut whole = fs::read(config)?;
        if !whole.is_empty() && !whole.ends_with(b"\n") {
            whole.push(b'\n');
        }
        whole.extend(text.as_bytes());
        file.write_all(&whole)?;
        file.set_permissions(fs::metadata(config)?.permissions())?;
        file.sync_all()?;
        fs::rename(&lock, config)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&lock);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_plain_and_stand_once() {
        let keys: std::collections::BTreeSet<String> =
            PINNED.iter().map(|pin| pin.key.to_lowercase()).collect();
        assert_eq!(keys.len(), PINNED.len());
        for pin in PINNED {
            assert_eq!(pin.key.split('.').count(), 2, "{}", pin.key);
            let plain = |c: char| c.is_ascii_alphanumeric() || "!./,-".contains(c);
            assert!(pin.value.chars().all(plain), "{}", pin.value);
            assert!(!pin.why.is_empty());
        }
    }
}
