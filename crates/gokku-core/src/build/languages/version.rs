//! A language's version: from the project's own files, and where none of them says it, from [`DEFAULTS`].
//!
//! The first file that says something counts. What it says is taken, or is an error: never another version instead.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::range::{NoVersion, Tilde, newest};
use super::{Folder, Lang};

/// What counts where the project says nothing.
pub const DEFAULTS: [(Lang, &str); 6] = [
    (Lang::Go, "1.24"),
    (Lang::Node, "22"),
    (Lang::Python, "3.13"),
    (Lang::Ruby, "3.4"),
    (Lang::Rust, "1"),
    (Lang::Php, "8.4"),
];

/// The versions that a range is looked up in, oldest first: those that have base images on Debian 12.
const NODE: [&str; 4] = ["18", "20", "22", "24"];
const PYTHON: [&str; 6] = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"];
const RUBY: [&str; 4] = ["3.1", "3.2", "3.3", "3.4"];
const PHP: [&str; 5] = ["8.0", "8.1", "8.2", "8.3", "8.4"];

/// Node's long-term versions, as nvm and others call them.
const NODE_NAMES: [(&str, &str); 11] = [
    ("argon", "4"),
    ("boron", "6"),
    ("carbon", "8"),
    ("dubnium", "10"),
    ("erbium", "12"),
    ("fermium", "14"),
    ("gallium", "16"),
    ("hydrogen", "18"),
    ("iron", "20"),
    ("jod", "22"),
    ("krypton", "24"),
];

/// A version, and which file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// As base images are tagged: `3.11`, `20`, `1.22.3`.
    pub number: String,
    /// The file; none for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What rustup, which is in Rust's image, takes instead: `nightly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// A file says a version that gokku cannot give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {}", .file.escape_debug(), told(.said, *.lang, *.why))]
pub struct VersionError {
    /// Of what.
    pub lang: Lang,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub said: String,
    /// Why not.
    pub why: Refused,
}

/// Why a version is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not understood.
    Unknown,
    /// It is a range that allows none of the known versions.
    NoneAllowed,
    /// It is a number where a text is to be.
    Number,
    /// It is in a file that is named, and that is not there or not read.
    Elsewhere,
}

fn told(said: &str, lang: Lang, why: Refused) -> String {
    let short: String = said.chars().take(60).collect();
    let (name, (exact, more)) = (lang.name(), lang.forms());
    let instead = "name an image to build on with `image:` in gokku.yml, or add a Dockerfile";
    match why {
        Refused::Unknown => format!(
            "{short:?} is no version of {name} that gokku understands, and no other is taken for it: it is {exact}{more}. For another, {instead}"
        ),
        Refused::NoneAllowed => format!(
            "{short:?} allows none of the versions of {name} that gokku knows: {}. Name one exactly, as {exact}; or {instead}",
            lang.known().join(", ")
        ),
        Refused::Number => format!(
            "{short:?} has a number where a text is to be, and as a number 3.10 is 3.1: put the version of {name} in quotes"
        ),
        Refused::Elsewhere => format!(
            "{short:?} names a file that says no version of {name}: write it there or here, as {exact}"
        ),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = &self.number;
        match (&self.channel, &self.from) {
            (Some(channel), Some(from)) => write!(f, "{number} with rustup's {channel} (from {from})"),
            (None, Some(from)) => write!(f, "{number} (from {from})"),
            (_, None) => write!(f, "{number} (gokku's default)"),
        }
    }
}

impl Version {
    /// The default of a language.
    pub(super) fn default_of(lang: Lang) -> Self {
        let default = DEFAULTS.iter().find(|(one, _)| *one == lang);
        Self {
            number: default.map_or("", |(_, number)| number).to_owned(),
            from: None,
            channel: None,
        }
    }
}

impl Lang {
    /// What its versions look like: everywhere, and what else is understood in some files.
    fn forms(self) -> (&'static str, &'static str) {
        match self {
            Self::Go => ("1.22 or 1.22.3", ""),
            Self::Node => (
                "20 or 20.11.1",
                ", lts/iron or lts/*; in package.json also a range, >=18 <21",
            ),
            Self::Python => (
                "3.12 or 3.12.4",
                "; in pyproject.toml and a Pipfile also a range, >=3.10,<3.13",
            ),
            Self::Ruby => ("3.3 or 3.3.1", "; in a Gemfile also a range, ~> 3.3"),
            Self::Rust => (
                "1.80 or 1.80.1",
                "; in rust-toolchain.toml also stable, beta or nightly",
            ),
            Self::Php => ("8.3 or 8.3.1", "; in composer.json also a range, ^8.2"),
            Self::Static => ("none", ""),
        }
    }

    /// Those that a range is looked up in.
    fn known(self) -> &'static [&'static str] {
        match self {
            Self::Node => &NODE,
            Self::Python => &PYTHON,
            Self::Ruby => &RUBY,
            Self::Php => &PHP,
            Self::Go | Self::Rust | Self::Static => &[],
        }
    }

    /// What may stand before its numbers.
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Go => &["go", "v"],
            Self::Node => &["node-v", "node-", "nodejs-", "v"],
            Self::Python => &["python-", "cpython-", "cpython@", "v"],
            Self::Ruby => &["ruby-", "v"],
            Self::Php => &["php-", "v"],
            Self::Rust | Self::Static => &["v"],
        }
    }
}

/// A plain version, `1`, `3.11`, `20.11.1` or `20.x`.
///
/// Only digits and dots come out: it stands in `FROM`.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    // 20.x is 20.
    let text = [".x.x", ".x", ".X", ".*"]
        .iter()
        .find_map(|open| text.strip_suffix(open))
        .unwrap_or(text);
    let parts: Vec<&str> = text.split('.').collect();
    let number =
        |part: &&str| (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    ((1..=3).contains(&parts.len()) && parts.iter().all(number)).then(|| text.to_owned())
}

/// A version of one language, as the files that have nothing else in them say it.
fn of_lang(text: &str, lang: Lang) -> Option<String> {
    let text = text.trim();
    let rest = lang
        .prefixes()
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let mut rest = rest.unwrap_or(text);
    match lang {
        Lang::Ruby => {
            // Behind an @ is RVM's name for a set of gems, behind a p a level that images do not have.
            rest = rest.split_once('@').map_or(rest, |(number, _)| number);
            if let Some((number, level)) = rest.rsplit_once('p')
                && !level.is_empty()
                && level.bytes().all(|byte| byte.is_ascii_digit())
            {
                rest = number.strip_suffix('-').unwrap_or(number);
            }
        }
        Lang::Node => {
            let word = rest.to_ascii_lowercase();
            if matches!(word.as_str(), "lts" | "lts/*") {
                return NODE.last().map(|newest| (*newest).to_owned());
            }
            let name = word.strip_prefix("lts/").or_else(|| word.strip_prefix("lts-"));
            let name = name.unwrap_or(&word);
            if let Some((_, number)) = NODE_NAMES.iter().find(|(known, _)| *known == name) {
                return Some((*number).to_owned());
            }
        }
        _ => {}
    }
    plain(rest)
}

/// What a file says, and where.
#[derive(Clone, Debug)]
pub(super) struct Said {
    file: &'static str,
    line: usize,
    text: String,
    /// It is none, where a text is to be one.
    is_number: bool,
}

impl Said {
    /// The line of a file's text in which the last of some pieces stands, each behind the one before.
    fn line_of(text: &str, pieces: &[&str]) -> usize {
        let mut at = 0;
        for piece in pieces {
            let rest = text.get(at..).unwrap_or_default();
            let Some(found) = rest.find(piece) else { break };
            at += found + piece.len();
        }
        text.get(..at).unwrap_or_default().matches('\n').count() + 1
    }

    /// A value of a file: its text, or none where it is something else.
    fn of(folder: Folder<'_>, file: &'static str, pieces: &[&str], value: Option<String>) -> Self {
        let text = folder.text(file);
        let line = Self::line_of(text, pieces);
        Self {
            file,
            line,
            is_number: value.is_none(),
            // How a number is written is only there.
            text: value.unwrap_or_else(|| text.lines().nth(line - 1).unwrap_or_default().trim().to_owned()),
        }
    }

    /// A value of a JSON file. 18 is what was meant; of 3.10 it cannot be known.
    pub(super) fn json(
        folder: Folder<'_>,
        file: &'static str,
        value: Option<&serde_json::Value>,
        pieces: &[&str],
    ) -> Option<Self> {
        let value = value.filter(|value| !value.is_null())?;
        let whole = || value.as_u64().map(|number| number.to_string());
        let text = value.as_str().map(str::to_owned).or_else(whole);
        Some(Self::of(folder, file, pieces, text))
    }

    /// A value of a TOML file.
    pub(super) fn toml(
        folder: Folder<'_>,
        file: &'static str,
        value: Option<&toml::Value>,
        pieces: &[&str],
    ) -> Option<Self> {
        let value = value?;
        let whole = || value.as_integer().map(|number| number.to_string());
        let text = value.as_str().map(str::to_owned).or_else(whole);
        Some(Self::of(folder, file, pieces, text))
    }
}

/// The first line with something in it that is no comment, without a comment behind it; and its number.
fn first_line(text: &str) -> Option<(usize, &str)> {
    let mut lines = text.lines().zip(1..).map(|(line, number)| {
        let begins = |at: usize| {
            line.get(..at)
                .is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t']))
        };
        let comment = line.char_indices().find(|(at, c)| *c == '#' && begins(*at));
        let line = comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line);
        (number, line.trim())
    });
    lines.find(|(_, line)| !line.is_empty())
}

/// Reads one source after the other; the first that says something counts.
struct Sources<'a> {
    folder: Folder<'a>,
    lang: Lang,
    found: Option<Result<Version, VersionError>>,
}

impl<'a> Sources<'a> {
    fn new(folder: Folder<'a>, lang: Lang) -> Self {
        Self {
            folder,
            lang,
            found: None,
        }
    }

    fn offer(self, said: Option<Said>, read: impl FnOnce(&str) -> Result<String, Refused>) -> Self {
        let folder = self.folder;
        self.offer_of(folder, said, read)
    }

    /// The same of a file of another folder.
    fn offer_of(
        mut self,
        folder: Folder<'a>,
        said: Option<Said>,
        read: impl FnOnce(&str) -> Result<String, Refused>,
    ) -> Self {
        let Some(said) = said.filter(|_| self.found.is_none()) else {
            return self;
        };
        let number = if said.is_number {
            Err(Refused::Number)
        } else {
            read(&said.text)
        };
        self.found = Some(match number {
            Ok(number) => Ok(Version {
                number,
                from: Some(said.file.to_owned()),
                channel: None,
            }),
            Err(why) => Err(VersionError {
                lang: self.lang,
                file: folder.full(said.file),
                line: said.line,
                said: said.text,
                why,
            }),
        });
        self
    }

    /// A file that has the version and nothing else.
    fn file(self, name: &'static str) -> Self {
        let lang = self.lang;
        let said = first_line(self.folder.text(name)).map(|(line, text)| {
            // pyenv takes several, of which the first is the one that is run.
            let first = text.split_whitespace().next().filter(|_| lang == Lang::Python);
            Said {
                file: name,
                line,
                text: first.unwrap_or(text).to_owned(),
                is_number: false,
            }
        });
        self.offer(said, |text| of_lang(text, lang).ok_or(Refused::Unknown))
    }

    /// What `.tool-versions` (asdf, mise) says of a tool: of several versions the first.
    fn tool_versions(self, tools: &[&str]) -> Self {
        let lang = self.lang;
        let file = ".tool-versions";
        let mut lines = self.folder.text(file).lines().zip(1..);
        let said = lines.find_map(|(text, line)| {
            let mut words = text.split('#').next()?.split_whitespace();
            let tool = words.next()?;
            let text = tools.contains(&tool).then(|| words.next()).flatten()?.to_owned();
            Some(Said {
                file,
                line,
                text,
                is_number: false,
            })
        });
        self.offer(said, |text| match (lang, text) {
            (Lang::Rust, "stable") => Ok(Version::default_of(lang).number),
            _ => of_lang(text, lang).ok_or(Refused::Unknown),
        })
    }

    fn range(self, said: Option<Said>, tilde: Tilde) -> Self {
        let lang = self.lang;
        self.offer(said, |range| {
            // An exact version is taken as it is: its image is there, or the build says that it is not.
            let exact = range.trim().trim_start_matches('=');
            if let Some(exact) = of_lang(exact, lang) {
                return Ok(exact);
            }
            newest(range, lang.known(), tilde).map_err(Refused::from)
        })
    }

    /// What was found. No version is looked for where the language's image is named.
    fn or_default(self) -> Result<Version, VersionError> {
        let found = self.found.filter(|_| self.folder.built_on != Some(self.lang));
        found.unwrap_or_else(|| Ok(Version::default_of(self.lang)))
    }

    /// Cut to two numbers: the newest with these is what the project wants, and not every patch release has an image.
    fn of_two(mut self) -> Self {
        if let Some(Ok(found)) = &mut self.found {
            let parts: Vec<&str> = found.number.split('.').take(2).collect();
            found.number = parts.join(".");
        }
        self
    }
}

impl From<NoVersion> for Refused {
    fn from(why: NoVersion) -> Self {
        match why {
            NoVersion::Unknown => Self::Unknown,
            NoVersion::NoneAllowed => Self::NoneAllowed,
        }
    }
}

/// Go: `.tool-versions`, then the workspace's `go.work`, then `go.mod` (the toolchain of each, then its `go` line).
pub(super) fn go(folder: Folder<'_>, workspace: Option<Folder<'_>>) -> Result<Version, VersionError> {
    let said = |folder: Folder<'_>, file: &'static str| {
        let of_word = |word: &str| {
            folder.text(file).lines().zip(1..).find_map(|(text, line)| {
                let mut words = text.split("//").next()?.split_whitespace();
                let text = (words.next()? == word).then(|| words.next()).flatten()?;
                // The toolchain of the one who builds.
                (!matches!(text, "default" | "local")).then(|| Said {
                    file,
                    line,
                    text: text.to_owned(),
                    is_number: false,
                })
            })
        };
        of_word("toolchain").or_else(|| of_word("go"))
    };
    let read = |text: &str| of_lang(text, Lang::Go).ok_or(Refused::Unknown);
    let sources = Sources::new(folder, Lang::Go).tool_versions(&["golang", "go"]);
    let sources = match workspace {
        Some(top) => sources.offer_of(top, said(top, "go.work"), read),
        None => sources,
    };
    sources.offer(said(folder, "go.mod"), read).or_default()
}

/// Node: `.tool-versions`, `.nvmrc`, `.node-version`, then `engines` in `package.json`.
pub(super) fn node(folder: Folder<'_>, engines: Option<Said>) -> Result<Version, VersionError> {
    Sources::new(folder, Lang::Node)
        .tool_versions(&["nodejs", "node"])
        .file(".nvmrc")
        .file(".node-version")
        .range(engines, Tilde::Minor)
        .or_default()
}

/// Python: `.tool-versions`, `.python-version`, `runtime.txt`, `Pipfile`, then `requires-python` in `pyproject.toml`.
pub(super) fn python(
    folder: Folder<'_>,
    pinned: Option<Said>,
    requires: Option<Said>,
) -> Result<Version, VersionError> {
    Sources::new(folder, Lang::Python)
        .tool_versions(&["python"])
        .file(".python-version")
        .file("runtime.txt")
        .range(pinned, Tilde::Minor)
        .range(requires, Tilde::Minor)
        .of_two()
        .or_default()
}

/// Ruby: `.tool-versions`, `.ruby-version`, `Gemfile`, then `Gemfile.lock`.
pub(super) fn ruby(folder: Folder<'_>) -> Result<Version, VersionError> {
    let gemfile = folder.text("Gemfile").lines().zip(1..).find_map(|(text, line)| {
        let rest = text.trim().strip_prefix("ruby")?;
        rest.starts_with([' ', '\t', '(']).then(|| Said {
            file: "Gemfile",
            line,
            text: rest
                .trim()
                .trim_start_matches('(')
                .trim()
                .trim_end_matches(')')
                .to_owned(),
            is_number: false,
        })
    });
    let lock = folder.text("Gemfile.lock");
    let locked = lock.split_once("RUBY VERSION").and_then(|(before, rest)| {
        let (line, text) = first_line(rest)?;
        Some(Said {
            file: "Gemfile.lock",
            line: before.matches('\n').count() + line,
            text: text.to_owned(),
            is_number: false,
        })
    });
    Sources::new(folder, Lang::Ruby)
        .tool_versions(&["ruby"])
        .file(".ruby-version")
        .offer(gemfile, asked_of_bundler)
        .offer(locked, |text| {
            let number = text
                .strip_prefix("ruby ")
                .and_then(|text| of_lang(text, Lang::Ruby));
            number.ok_or(Refused::Unknown)
        })
        .or_default()
}

/// What follows `ruby` in a Gemfile: requirements in quotes, and options.
fn asked_of_bundler(text: &str) -> Result<String, Refused> {
    let mut requirements = Vec::new();
    let mut rest = text;
    while let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (one, after) = rest
            .get(1..)
            .and_then(|rest| rest.split_once(quote))
            .ok_or(Refused::Unknown)?;
        requirements.push(one);
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before).trim();
    if requirements.is_empty() && (rest.starts_with("file:") || rest.starts_with(":file")) {
        // The files that it may name come before the Gemfile.
        return Err(Refused::Elsewhere);
    }
    let engine = rest.contains("engine") && !rest.contains("\"ruby\"") && !rest.contains("'ruby'");
    if requirements.is_empty() || engine {
        return Err(Refused::Unknown);
    }
    let whole = requirements.join(", ");
    if let Some(exact) = of_lang(whole.trim_start_matches(['=', ' ']), Lang::Ruby) {
        return Ok(exact);
    }
    // Of a range the oldest minor version that it names will do, where it allows that.
    let named: Vec<String> = requirements
        .iter()
        .filter_map(|one| plain(one.trim_start_matches(['~', '>', '=', ' '])))
        .map(|number| number.split('.').take(2).collect::<Vec<_>>().join("."))
        .filter(|number| number.contains('.'))
        .collect();
    let named: Vec<&str> = named.iter().map(String::as_str).take(1).collect();
    newest(&whole, &named, Tilde::Minor)
        .or_else(|_| newest(&whole, &RUBY, Tilde::Minor))
        .map_err(Refused::from)
}

/// Rust: `rust-toolchain.toml`, `rust-toolchain`, then `.tool-versions`. A channel without a plain number (`stable`,
/// `nightly`, `1.80.0-beta.1`) is left to rustup, which is in the image and reads these files itself.
pub(super) fn rust(folder: Folder<'_>) -> Result<Version, VersionError> {
    let default = Version::default_of(Lang::Rust).number;
    let mut sources = Sources::new(folder, Lang::Rust);
    for name in ["rust-toolchain.toml", "rust-toolchain"] {
        let text = folder.text(name);
        let said = match text.parse::<toml::Table>() {
            Ok(table) => {
                let channel = table
                    .get("toolchain")
                    .and_then(|toolchain| toolchain.get("channel"));
                Said::toml(folder, name, channel, &["[toolchain]", "channel"])
            }
            // The older form is a channel and nothing else.
            Err(_) => first_line(text).map(|(line, text)| Said {
                file: name,
                line,
                text: text.to_owned(),
                is_number: false,
            }),
        };
        let is_first = sources.found.is_none();
        let channel = said.as_ref().map(|said| said.text.clone());
        sources = sources.offer(said, |text| {
            let number = of_lang(text, Lang::Rust);
            let left = || is_rustups(text).then(|| default.clone());
            number.or_else(left).ok_or(Refused::Unknown)
        });
        if let (true, Some(Ok(found))) = (is_first, &mut sources.found) {
            found.channel = channel.filter(|channel| is_rustups(channel));
        }
    }
    sources.tool_versions(&["rust"]).or_default()
}

/// A toolchain as rustup names it, but for a plain number: `nightly-2024-05-01`, `1.80.0-x86_64-unknown-linux-gnu`.
fn is_rustups(channel: &str) -> bool {
    let (word, rest) = channel.split_once('-').unwrap_or((channel, ""));
    let known = ["stable", "beta", "nightly"].contains(&word) || !rest.is_empty() && plain(word).is_some();
    known
        && rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// PHP: `.tool-versions`, `.php-version`, then `require` in `composer.json`.
pub(super) fn php(folder: Folder<'_>, requires: Option<Said>) -> Result<Version, VersionError> {
    Sources::new(folder, Lang::Php)
        .tool_versions(&["php"])
        .file(".php-version")
        .range(requires, Tilde::Major)
        .of_two()
        .or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::build::languages::{Project, detect};
    use crate::config::gokku_yml::{AppConfig, GokkuYml};

    #[test]
    fn plain_versions_and_no_others() {
        for (text, lang, number) in [
            ("1.22", Lang::Go, "1.22"),
            ("go1.22.3", Lang::Go, "1.22.3"),
            ("v20.11.1", Lang::Node, "20.11.1"),
            ("20.x", Lang::Node, "20"),
            ("node-v20.1", Lang::Node, "20.1"),
            ("lts/Iron", Lang::Node, "20"),
            ("lts-jod", Lang::Node, "22"),
            ("krypton", Lang::Node, "24"),
            ("lts/*", Lang::Node, "24"),
            ("python-3.11.2", Lang::Python, "3.11.2"),
            ("cpython@3.11", Lang::Python, "3.11"),
            ("3.2.2p53", Lang::Ruby, "3.2.2"),
            ("ruby-2.7.8-p225", Lang::Ruby, "2.7.8"),
            ("ruby-3.2.2@shop", Lang::Ruby, "3.2.2"),
            ("php-8.2", Lang::Php, "8.2"),
            ("1.80.1", Lang::Rust, "1.80.1"),
        ] {
            assert_eq!(of_lang(text, lang).as_deref(), Some(number), "{text}");
        }
        for text in [
            "",
            "latest",
            "lts",
            "lts/iron",
            "lts/-1",
            "node",
            "stable",
            "system",
            "jruby-9.4",
            "truffleruby",
            "pypy3.9",
            "pypy3.10-7.3.12",
            "3.12-dev",
            "3.13t",
            "3.3.0-rc1",
            "3.3.0-preview1",
            "3.2preview1",
            "3.2p",
            "20xyz",
            "1..2",
            "1.",
            ".1",
            "1;x",
            "1 2",
            "1.2.3.4",
            "nightly-2024-01-01",
            "miniconda3-4.7",
            "my-env",
            "ruby-3.2",
            "go1.22",
            "node-20",
            "ref:main",
            "3.12:latest",
            ">=3.9",
            "1234567",
            "１",
            "3.12.0a1",
            "20-alpine",
            "v",
            "-1",
        ] {
            assert_eq!(of_lang(text, Lang::Python), None, "{text}");
        }
        for (text, lang) in [
            ("lts/-1", Lang::Node),
            ("lts/", Lang::Node),
            ("node", Lang::Node),
            ("stable", Lang::Node),
            ("1.23rc1", Lang::Go),
            ("python-3.11", Lang::Ruby),
            ("jruby-9.4.5.0", Lang::Ruby),
            ("3.3.0-preview1", Lang::Ruby),
            ("ruby-head", Lang::Ruby),
            ("8.4-dev", Lang::Php),
        ] {
            assert_eq!(of_lang(text, lang), None, "{text}");
        }
    }

    type Files<'a> = &'a [(&'a str, &'a str)];

    /// What a project's version is told as, or why it has none, without what to do.
    fn told(lang: Lang, files: Files<'_>, config: &AppConfig) -> String {
        outcome(lang, files, config).unwrap_or_else(|why| {
            let ends = [", and no other", ": write", ". Name one", ", and as a number"];
            let end = ends.iter().filter_map(|end| why.find(end)).min();
            why[..end.unwrap_or(why.len())].to_owned()
        })
    }

    /// What else a project has to have is there.
    fn outcome(lang: Lang, files: Files<'_>, config: &AppConfig) -> Result<String, String> {
        let rest: Files<'_> = match lang {
            Lang::Go => &[("go.mod", "module x\n"), ("main.go", "")],
            Lang::Node => &[("package.json", "{}"), ("server.js", "")],
            Lang::Python => &[("requirements.txt", ""), ("main.py", "")],
            Lang::Ruby => &[("Gemfile", ""), ("config.ru", "")],
            Lang::Rust => &[("Cargo.toml", "[package]\nname = \"x\"\n"), ("src/main.rs", "")],
            Lang::Php => &[("composer.json", "{}"), ("index.php", "")],
            Lang::Static => &[],
        };
        let all = rest.iter().chain(files);
        let texts = all.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let texts: std::collections::BTreeMap<_, _> = texts.collect();
        let project = Project {
            files: texts.keys().cloned().collect(),
            texts,
        };
        let detected = detect(&project, config).map_err(|why| why.to_string())?;
        assert_eq!(detected.summary.lang, lang);
        let summary = detected.summary.to_string();
        let end = summary.find(')').unwrap() + 1;
        Ok(summary[lang.name().len() + 1..end].to_owned())
    }

    const TABLE: &[(Lang, Files<'static>)] = &[
        (Lang::Go, &[("go.mod", "module x\n\ngo 1.22\n")]),
        (Lang::Go, &[("go.mod", "go 1.21\ntoolchain go1.22.3 // x\n")]),
        (Lang::Go, &[("go.mod", "go 1.21\ntoolchain default\n")]),
        (
            Lang::Go,
            &[
                ("go.mod", "go 1.21\n"),
                (".tool-versions", "nodejs 20\ngolang 1.23.1 # x\n"),
            ],
        ),
        (Lang::Go, &[("go.mod", "module x\n\ngo 1.23rc1\n")]),
        (Lang::Go, &[("go.mod", "go 1.21\ntoolchain go1.22.3-custom\n")]),
        (
            Lang::Go,
            &[("go.mod", "go 1.21\n"), (".tool-versions", "golang system\n")],
        ),
        (Lang::Go, &[("go.work", "go 1.22beta1\nuse .\n")]),
        (Lang::Go, &[]),
        (Lang::Node, &[(".nvmrc", "v20.11\n"), (".node-version", "18\n")]),
        (Lang::Node, &[(".nvmrc", "lts/iron\n")]),
        (Lang::Node, &[(".nvmrc", "\n# ours\n20 # why\r\n")]),
        (Lang::Node, &[(".nvmrc", "lts/*\n"), (".node-version", "18\n")]),
        (Lang::Node, &[(".nvmrc", "node\n"), (".node-version", "18\n")]),
        (Lang::Node, &[(".node-version", "# x\nlatest\n")]),
        (Lang::Node, &[(".nvmrc", "")]),
        (
            Lang::Node,
            &[(".tool-versions", "python 3.12\nnodejs ref:main\n")],
        ),
        (Lang::Node, &[(".tool-versions", "python pypy3.10\n")]),
        (
            Lang::Node,
            &[("package.json", "{\"engines\": {\"node\": \">=18 <21\"}}")],
        ),
        (
            Lang::Node,
            &[("package.json", "{\"engines\": {\"node\": \"20.11.1\"}}")],
        ),
        (Lang::Node, &[("package.json", "{\"engines\": {\"node\": 20}}")]),
        (
            Lang::Node,
            &[("package.json", "{\"engines\": {\"node\": 20.10}}")],
        ),
        (
            Lang::Node,
            &[(
                "package.json",
                "{\n  \"engines\": {\n    \"npm\": \"9\",\n    \"node\": \"latest\"\n}}",
            )],
        ),
        (
            Lang::Node,
            &[("package.json", "{\"engines\": {\"node\": \"<18\"}}")],
        ),
        (Lang::Node, &[("package.json", "{\"engines\": {\"npm\": \"9\"}}")]),
        (Lang::Python, &[(".python-version", "# mine\n3.11\n")]),
        (Lang::Python, &[(".python-version", "3.11.4 3.10.2\n3.9\n")]),
        (Lang::Python, &[(".python-version", "pypy3.10\n")]),
        (
            Lang::Python,
            &[
                (".python-version", "\n3.12-dev\n"),
                ("runtime.txt", "python-3.10.4"),
            ],
        ),
        (Lang::Python, &[(".python-version", "my-env\n")]),
        (Lang::Python, &[("runtime.txt", "python-3.10.4\n")]),
        (Lang::Python, &[("runtime.txt", "pypy3.6-7.3.1\n")]),
        (Lang::Python, &[(".tool-versions", "python 3.12.1 system\n")]),
        (Lang::Python, &[(".tool-versions", "python system\n")]),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\nrequires-python = '>=3.10,<3.13'\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\nrequires-python = '>=3.10,!=3.14.*'\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\nrequires-python = '3.12-dev'\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\nrequires-python = 3.10\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\nrequires-python = '>=3.20'\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\nflask = '*'\npython = '~3.9'\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[tool.poetry]\n[tool.poetry.dependencies]\npython = {version = '^3.9'}\n",
            )],
        ),
        (
            Lang::Python,
            &[(
                "pyproject.toml",
                "[tool.poetry]\n[tool.poetry.dependencies]\nflask = '*'\npython = 'pypy3'\n",
            )],
        ),
        (
            Lang::Python,
            &[
                ("Pipfile", "[requires]\npython_version = '3.11'\n"),
                ("Pipfile.lock", ""),
            ],
        ),
        (
            Lang::Python,
            &[
                ("Pipfile", "[requires]\npython_version = 3.10\n"),
                ("Pipfile.lock", ""),
            ],
        ),
        (
            Lang::Python,
            &[
                ("Pipfile", "[requires]\npython_full_version = '3.11.2'\n"),
                ("Pipfile.lock", ""),
            ],
        ),
        (Lang::Python, &[]),
        (Lang::Ruby, &[(".ruby-version", "ruby-3.2.2\n")]),
        (Lang::Ruby, &[(".ruby-version", "jruby-9.4.5.0\n")]),
        (Lang::Ruby, &[(".ruby-version", "3.4.0-preview1\n")]),
        (Lang::Ruby, &[("Gemfile", "source 'x'\nruby \"~> 3.1.0\"\n")]),
        (Lang::Ruby, &[("Gemfile", "ruby('3.2.2') # x\n")]),
        (Lang::Ruby, &[("Gemfile", "ruby '>= 3.1', '< 3.4'\n")]),
        (Lang::Ruby, &[("Gemfile", "ruby '< 3.3'\n")]),
        (Lang::Ruby, &[("Gemfile", "ruby '~> 2.7'\n")]),
        (Lang::Ruby, &[("Gemfile", "ruby '> 9'\n")]),
        (
            Lang::Ruby,
            &[(
                "Gemfile",
                "ruby '3.1.4', engine: 'jruby', engine_version: '9.4'\n",
            )],
        ),
        (Lang::Ruby, &[("Gemfile", "source 'x'\n\nruby ENV['RUBY']\n")]),
        (Lang::Ruby, &[("Gemfile", "ruby file: '.ruby-version'\n")]),
        (
            Lang::Ruby,
            &[
                ("Gemfile", "ruby file: '.ruby-version'\n"),
                (".ruby-version", "3.3\n"),
            ],
        ),
        (
            Lang::Ruby,
            &[("Gemfile.lock", "GEM\n\nRUBY VERSION\n   ruby 3.3.1p55\n")],
        ),
        (
            Lang::Ruby,
            &[(
                "Gemfile.lock",
                "GEM\n\nRUBY VERSION\n   ruby 3.1.4p0 (jruby 9.4.5.0)\n",
            )],
        ),
        (Lang::Ruby, &[]),
        (
            Lang::Rust,
            &[("rust-toolchain.toml", "[toolchain]\nchannel = \"1.80\"\n")],
        ),
        (
            Lang::Rust,
            &[("rust-toolchain.toml", "[toolchain]\nchannel = 1.80\n")],
        ),
        (
            Lang::Rust,
            &[("rust-toolchain.toml", "[toolchain]\n\nchannel = \"stble\"\n")],
        ),
        (Lang::Rust, &[("rust-toolchain.toml", "[toolchain\n")]),
        (Lang::Rust, &[("rust-toolchain", "1.79.0\n")]),
        (
            Lang::Rust,
            &[
                ("rust-toolchain", "nightly-2024-05-01\n"),
                (".tool-versions", "rust 1.70\n"),
            ],
        ),
        (
            Lang::Rust,
            &[("rust-toolchain.toml", "[toolchain]\nchannel = \"stable\"\n")],
        ),
        (
            Lang::Rust,
            &[("rust-toolchain", "1.80.0-x86_64-unknown-linux-gnu")],
        ),
        (Lang::Rust, &[("rust-toolchain", "nightly-$(id)")]),
        (Lang::Rust, &[(".tool-versions", "rust stable\n")]),
        (Lang::Rust, &[(".tool-versions", "rust nightly\n")]),
        (Lang::Php, &[(".php-version", "8.2\n")]),
        (Lang::Php, &[(".php-version", "8.4-dev\n")]),
        (
            Lang::Php,
            &[("composer.json", "{\"require\": {\"php\": \"^8.1\"}}")],
        ),
        (
            Lang::Php,
            &[("composer.json", "{\"require\": {\n\"php\": \"8.2@dev\"}}")],
        ),
        (
            Lang::Php,
            &[("composer.json", "{\"require\": {\n\"php\": \"^5.6\"}}")],
        ),
        (Lang::Php, &[]),
    ];

    #[test]
    fn a_version_is_what_a_file_says_or_an_error() {
        let mut lines = Vec::new();
        for (lang, files) in TABLE {
            let shown: Vec<String> = files
                .iter()
                .map(|(name, text)| format!("{name} {text:?}"))
                .collect();
            lines.push(format!(
                "{} {}\n    {}",
                lang.as_str(),
                shown.join(", "),
                told(*lang, files, &AppConfig::default())
            ));
        }
        insta::assert_snapshot!(lines.join("\n"), @r##"
        go go.mod "module x\n\ngo 1.22\n"
            1.22 (from go.mod)
        go go.mod "go 1.21\ntoolchain go1.22.3 // x\n"
            1.22.3 (from go.mod)
        go go.mod "go 1.21\ntoolchain default\n"
            1.21 (from go.mod)
        go go.mod "go 1.21\n", .tool-versions "nodejs 20\ngolang 1.23.1 # x\n"
            1.23.1 (from .tool-versions)
        go go.mod "module x\n\ngo 1.23rc1\n"
            go.mod:3: "1.23rc1" is no version of Go that gokku understands
        go go.mod "go 1.21\ntoolchain go1.22.3-custom\n"
            go.mod:2: "go1.22.3-custom" is no version of Go that gokku understands
        go go.mod "go 1.21\n", .tool-versions "golang system\n"
            .tool-versions:1: "system" is no version of Go that gokku understands
        go go.work "go 1.22beta1\nuse .\n"
            go.work:1: "1.22beta1" is no version of Go that gokku understands
        go 
            1.24 (gokku's default)
        node .nvmrc "v20.11\n", .node-version "18\n"
            20.11 (from .nvmrc)
        node .nvmrc "lts/iron\n"
            20 (from .nvmrc)
        node .nvmrc "\n# ours\n20 # why\r\n"
            20 (from .nvmrc)
        node .nvmrc "lts/*\n", .node-version "18\n"
            24 (from .nvmrc)
        node .nvmrc "node\n", .node-version "18\n"
            .nvmrc:1: "node" is no version of Node that gokku understands
        node .node-version "# x\nlatest\n"
            .node-version:2: "latest" is no version of Node that gokku understands
        node .nvmrc ""
            22 (gokku's default)
        node .tool-versions "python 3.12\nnodejs ref:main\n"
            .tool-versions:2: "ref:main" is no version of Node that gokku understands
        node .tool-versions "python pypy3.10\n"
            22 (gokku's default)
        node package.json "{\"engines\": {\"node\": \">=18 <21\"}}"
            20 (from package.json)
        node package.json "{\"engines\": {\"node\": \"20.11.1\"}}"
            20.11.1 (from package.json)
        node package.json "{\"engines\": {\"node\": 20}}"
            20 (from package.json)
        node package.json "{\"engines\": {\"node\": 20.10}}"
            package.json:1: "{\"engines\": {\"node\": 20.10}}" has a number where a text is to be
        node package.json "{\n  \"engines\": {\n    \"npm\": \"9\",\n    \"node\": \"latest\"\n}}"
            package.json:4: "latest" is no version of Node that gokku understands
        node package.json "{\"engines\": {\"node\": \"<18\"}}"
            package.json:1: "<18" allows none of the versions of Node that gokku knows: 18, 20, 22, 24
        node package.json "{\"engines\": {\"npm\": \"9\"}}"
            22 (gokku's default)
        python .python-version "# mine\n3.11\n"
            3.11 (from .python-version)
        python .python-version "3.11.4 3.10.2\n3.9\n"
            3.11 (from .python-version)
        python .python-version "pypy3.10\n"
            .python-version:1: "pypy3.10" is no version of Python that gokku understands
        python .python-version "\n3.12-dev\n", runtime.txt "python-3.10.4"
            .python-version:2: "3.12-dev" is no version of Python that gokku understands
        python .python-version "my-env\n"
            .python-version:1: "my-env" is no version of Python that gokku understands
        python runtime.txt "python-3.10.4\n"
            3.10 (from runtime.txt)
        python runtime.txt "pypy3.6-7.3.1\n"
            runtime.txt:1: "pypy3.6-7.3.1" is no version of Python that gokku understands
        python .tool-versions "python 3.12.1 system\n"
            3.12 (from .tool-versions)
        python .tool-versions "python system\n"
            .tool-versions:1: "system" is no version of Python that gokku understands
        python pyproject.toml "[project]\nname = 'x'\nrequires-python = '>=3.10,<3.13'\n"
            3.12 (from pyproject.toml)
        python pyproject.toml "[project]\nname = 'x'\nrequires-python = '>=3.10,!=3.14.*'\n"
            3.13 (from pyproject.toml)
        python pyproject.toml "[project]\nname = 'x'\nrequires-python = '3.12-dev'\n"
            pyproject.toml:3: "3.12-dev" is no version of Python that gokku understands
        python pyproject.toml "[project]\nname = 'x'\nrequires-python = 3.10\n"
            pyproject.toml:3: "requires-python = 3.10" has a number where a text is to be
        python pyproject.toml "[project]\nname = 'x'\nrequires-python = '>=3.20'\n"
            pyproject.toml:3: ">=3.20" allows none of the versions of Python that gokku knows: 3.9, 3.10, 3.11, 3.12, 3.13, 3.14
        python pyproject.toml "[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\nflask = '*'\npython = '~3.9'\n"
            3.9 (from pyproject.toml)
        python pyproject.toml "[tool.poetry]\n[tool.poetry.dependencies]\npython = {version = '^3.9'}\n"
            3.14 (from pyproject.toml)
        python pyproject.toml "[tool.poetry]\n[tool.poetry.dependencies]\nflask = '*'\npython = 'pypy3'\n"
            pyproject.toml:4: "pypy3" is no version of Python that gokku understands
        python Pipfile "[requires]\npython_version = '3.11'\n", Pipfile.lock ""
            3.11 (from Pipfile)
        python Pipfile "[requires]\npython_version = 3.10\n", Pipfile.lock ""
            Pipfile:2: "python_version = 3.10" has a number where a text is to be
        python Pipfile "[requires]\npython_full_version = '3.11.2'\n", Pipfile.lock ""
            3.11 (from Pipfile)
        python 
            3.13 (gokku's default)
        ruby .ruby-version "ruby-3.2.2\n"
            3.2.2 (from .ruby-version)
        ruby .ruby-version "jruby-9.4.5.0\n"
            .ruby-version:1: "jruby-9.4.5.0" is no version of Ruby that gokku understands
        ruby .ruby-version "3.4.0-preview1\n"
            .ruby-version:1: "3.4.0-preview1" is no version of Ruby that gokku understands
        ruby Gemfile "source 'x'\nruby \"~> 3.1.0\"\n"
            3.1 (from Gemfile)
        ruby Gemfile "ruby('3.2.2') # x\n"
            3.2.2 (from Gemfile)
        ruby Gemfile "ruby '>= 3.1', '< 3.4'\n"
            3.1 (from Gemfile)
        ruby Gemfile "ruby '< 3.3'\n"
            3.2 (from Gemfile)
        ruby Gemfile "ruby '~> 2.7'\n"
            2.7 (from Gemfile)
        ruby Gemfile "ruby '> 9'\n"
            Gemfile:1: "'> 9'" allows none of the versions of Ruby that gokku knows: 3.1, 3.2, 3.3, 3.4
        ruby Gemfile "ruby '3.1.4', engine: 'jruby', engine_version: '9.4'\n"
            Gemfile:1: "'3.1.4', engine: 'jruby', engine_version: '9.4'" is no version of Ruby that gokku understands
        ruby Gemfile "source 'x'\n\nruby ENV['RUBY']\n"
            Gemfile:3: "ENV['RUBY']" is no version of Ruby that gokku understands
        ruby Gemfile "ruby file: '.ruby-version'\n"
            Gemfile:1: "file: '.ruby-version'" names a file that says no version of Ruby
        ruby Gemfile "ruby file: '.ruby-version'\n", .ruby-version "3.3\n"
            3.3 (from .ruby-version)
        ruby Gemfile.lock "GEM\n\nRUBY VERSION\n   ruby 3.3.1p55\n"
            3.3.1 (from Gemfile.lock)
        ruby Gemfile.lock "GEM\n\nRUBY VERSION\n   ruby 3.1.4p0 (jruby 9.4.5.0)\n"
            Gemfile.lock:4: "ruby 3.1.4p0 (jruby 9.4.5.0)" is no version of Ruby that gokku understands
        ruby 
            3.4 (gokku's default)
        rust rust-toolchain.toml "[toolchain]\nchannel = \"1.80\"\n"
            1.80 (from rust-toolchain.toml)
        rust rust-toolchain.toml "[toolchain]\nchannel = 1.80\n"
            rust-toolchain.toml:2: "channel = 1.80" has a number where a text is to be
        rust rust-toolchain.toml "[toolchain]\n\nchannel = \"stble\"\n"
            rust-toolchain.toml:3: "stble" is no version of Rust that gokku understands
        rust rust-toolchain.toml "[toolchain\n"
            rust-toolchain.toml:1: "[toolchain" is no version of Rust that gokku understands
        rust rust-toolchain "1.79.0\n"
            1.79.0 (from rust-toolchain)
        rust rust-toolchain "nightly-2024-05-01\n", .tool-versions "rust 1.70\n"
            1 with rustup's nightly-2024-05-01 (from rust-toolchain)
        rust rust-toolchain.toml "[toolchain]\nchannel = \"stable\"\n"
            1 with rustup's stable (from rust-toolchain.toml)
        rust rust-toolchain "1.80.0-x86_64-unknown-linux-gnu"
            1 with rustup's 1.80.0-x86_64-unknown-linux-gnu (from rust-toolchain)
        rust rust-toolchain "nightly-$(id)"
            rust-toolchain:1: "nightly-$(id)" is no version of Rust that gokku understands
        rust .tool-versions "rust stable\n"
            1 (from .tool-versions)
        rust .tool-versions "rust nightly\n"
            .tool-versions:1: "nightly" is no version of Rust that gokku understands
        php .php-version "8.2\n"
            8.2 (from .php-version)
        php .php-version "8.4-dev\n"
            .php-version:1: "8.4-dev" is no version of PHP that gokku understands
        php composer.json "{\"require\": {\"php\": \"^8.1\"}}"
            8.4 (from composer.json)
        php composer.json "{\"require\": {\n\"php\": \"8.2@dev\"}}"
            composer.json:2: "8.2@dev" is no version of PHP that gokku understands
        php composer.json "{\"require\": {\n\"php\": \"^5.6\"}}"
            composer.json:2: "^5.6" allows none of the versions of PHP that gokku knows: 8.0, 8.1, 8.2, 8.3, 8.4
        php 
            8.4 (gokku's default)
        "##);
    }

    #[test]
    fn a_version_that_is_refused_says_what_to_do() {
        let cases: [(Lang, Files<'_>); 5] = [
            (Lang::Python, &[(".python-version", "pypy3.10\n")]),
            (
                Lang::Node,
                &[("package.json", "{\"engines\": {\"node\": \"^16\"}}")],
            ),
            (
                Lang::Python,
                &[("pyproject.toml", "[project]\nrequires-python = 3.10\n")],
            ),
            (Lang::Ruby, &[("Gemfile", "ruby file: '.ruby-version'\n")]),
            (Lang::Rust, &[(".tool-versions", "rust \u{7}nightly\n")]),
        ];
        let all = cases.map(|(lang, files)| outcome(lang, files, &AppConfig::default()).unwrap_err());
        insta::assert_snapshot!(all.join("\n"), @r#"
        .python-version:1: "pypy3.10" is no version of Python that gokku understands, and no other is taken for it: it is 3.12 or 3.12.4; in pyproject.toml and a Pipfile also a range, >=3.10,<3.13. For another, name an image to build on with `image:` in gokku.yml, or add a Dockerfile
        package.json:1: "^16" allows none of the versions of Node that gokku knows: 18, 20, 22, 24. Name one exactly, as 20 or 20.11.1; or name an image to build on with `image:` in gokku.yml, or add a Dockerfile
        pyproject.toml:2: "requires-python = 3.10" has a number where a text is to be, and as a number 3.10 is 3.1: put the version of Python in quotes
        Gemfile:1: "file: '.ruby-version'" names a file that says no version of Ruby: write it there or here, as 3.3 or 3.3.1
        .tool-versions:1: "\u{7}nightly" is no version of Rust that gokku understands, and no other is taken for it: it is 1.80 or 1.80.1; in rust-toolchain.toml also stable, beta or nightly. For another, name an image to build on with `image:` in gokku.yml, or add a Dockerfile
        "#);
    }

    /// With an image to build on, no version is looked for; in a Ruby project Node's is.
    #[test]
    fn where_the_image_is_named_no_version_is_read() {
        let yml = GokkuYml::parse("gokku.yml", "apps: {api: {image: 'pypy:3.10'}}").unwrap();
        let config = yml.app(&"api".parse().unwrap()).unwrap();
        let pypy: Files<'_> = &[(".python-version", "pypy3.10\n")];
        assert_eq!(
            told(Lang::Python, pypy, config),
            "(image pypy:3.10 from gokku.yml)"
        );
        let rails: Files<'_> = &[
            ("Gemfile", "gem 'rails'\n"),
            ("config/application.rb", ""),
            ("package.json", "{}"),
            (".nvmrc", "\nnode\n"),
            (".ruby-version", "jruby\n"),
        ];
        let error = ".nvmrc:2: \"node\" is no version of Node that gokku understands";
        assert_eq!(told(Lang::Ruby, rails, config), error);
    }
}
