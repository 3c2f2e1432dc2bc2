//! The lines that `probe.sh` and `facts.sh` print, told from everything else that a login prints.
//!
//! A fact is a line, `fact MARK NAME=VALUE`, or `fact MARK NAME:VALUE` with the value in hexadecimal where it has anything
//! but plain characters. The mark is another one each time, and known to the scripts alone. So neither what a login prints
//! nor a file's name or a process's can be a fact.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use gokku_core::text::hex;

/// Says that what was printed is not what the scripts print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's shell did not answer as expected: {0}. Is there a plain `sh`, and does the login print nothing else?"
)]
pub struct FactsError(pub String);

/// The values of each fact, in order: some facts have several.
pub(super) struct FactLines(BTreeMap<&'static str, Vec<String>>);

/// The facts that have one value at most.
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
/// The facts that have a value for each thing there is.
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

/// Makes a mark that nobody else knows.
pub(super) fn mark() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Reads a fact's value, as the scripts write it behind its name.
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

impl FactLines {
    pub(super) fn read(text: &str, mark: &str) -> Result<Self, FactsError> {
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

    pub(super) fn all(&self, what: &str) -> &[String] {
        self.0.get(what).map_or(&[], Vec::as_slice)
    }

    pub(super) fn one(&self, what: &str) -> Option<String> {
        self.all(what).first().cloned()
    }

    pub(super) fn is(&self, what: &str, value: &str) -> bool {
        self.all(what).iter().any(|said| said == value)
    }

    pub(super) fn words(&self, what: &str) -> Vec<String> {
        let one = self.one(what).unwrap_or_default();
        one.split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn number(&self, what: &str) -> Option<u32> {
        self.one(what)?.trim().parse().ok()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.number(what)
            .and_then(|count| count.try_into().ok())
            .unwrap_or(0)
    }
}

pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.map_or_else(|| "it said nothing".to_owned(), |line| format!("{line:?}"))
}
