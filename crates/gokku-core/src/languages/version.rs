//! A language's version: from the project's own files, and where none of them says it, from [`DEFAULTS`].

use std::fmt;

use super::range::newest;
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
const PHP: [&str; 5] = ["8.0", "8.1", "8.2", "8.3", "8.4"];

/// A version, and which file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// As base images are tagged: `3.11`, `20`, `1.22.3`.
    pub number: String,
    /// The file; none for the default.
    pub from: Option<String>,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{} (from {from})", self.number),
            None => write!(f, "{} (gokku's default)", self.number),
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
        }
    }
}

/// A plain version, `1`, `3.11` or `20.11.1`, from text that may say more: `v20.11.1`, `python-3.11.2`.
///
/// Only digits and dots come out: it stands in `FROM`.
pub(super) fn plain(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let known = ["", "v", "=", "python-", "ruby-", "go", "nodejs-", "node-", "php-"];
    if !known.contains(&text.get(..start)?.trim()) {
        return None;
    }
    let rest = text.get(start..)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (number, after) = rest.split_at(end);
    let number = number.trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').take(3).collect();
    let good = parts.iter().all(|part| (1..=6).contains(&part.len()));
    // 20.x is 20; 3.3.0-preview1 is no version that we could name by its numbers. Ruby's p-levels are none of ours.
    let end_is_known =
        after.is_empty() || after.starts_with(['x', '*', 'p']) || after.starts_with(char::is_whitespace);
    (good && end_is_known).then(|| parts.join("."))
}

/// The first line with something in it that is no comment.
fn first_line(text: &str) -> &str {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    line.unwrap_or("")
}

/// What `.tool-versions` (asdf, mise) says of a tool.
fn tool_versions<'a>(text: &'a str, tools: &[&str]) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let tool = words.next()?;
        tools.contains(&tool).then(|| words.next()).flatten()
    })
}

/// Reads one source after the other; the first that says something counts.
struct Sources<'a> {
    folder: Folder<'a>,
    found: Option<Version>,
}

impl<'a> Sources<'a> {
    fn new(folder: Folder<'a>) -> Self {
        Self { folder, found: None }
    }

    fn offer(mut self, from: &str, number: Option<String>) -> Self {
        if self.found.is_none() {
            self.found = number.map(|number| Version {
                number,
                from: Some(from.to_owned()),
            });
        }
        self
    }

    /// A file that has the version and nothing else.
    fn file(self, name: &str) -> Self {
        let number = plain(first_line(self.folder.text(name)));
        self.offer(name, number)
    }

    fn tool_versions(self, tools: &[&str]) -> Self {
        let number = tool_versions(self.folder.text(".tool-versions"), tools).and_then(plain);
        self.offer(".tool-versions", number)
    }

    fn range(self, from: &str, range: Option<&str>, known: &[&str]) -> Self {
        let number = range.and_then(|range| {
            let exact = plain(range.trim().trim_start_matches("==").trim_end_matches(".*"));
            // An exact version is taken as it is: its image is there, or the build says that it is not.
            exact
                .filter(|_| {
                    range.trim().starts_with(|c: char| c.is_ascii_digit() || c == '=')
                        && !range.contains([' ', '|', ','])
                })
                .or_else(|| newest(range, known).map(str::to_owned))
        });
        self.offer(from, number)
    }

    fn or_default(self, lang: Lang) -> Version {
        self.found.unwrap_or_else(|| Version::default_of(lang))
    }

    /// Cut to two numbers: the newest with these is what the project wants, and not every patch release has an image.
    fn of_two(mut self) -> Self {
        if let Some(found) = &mut self.found {
            let parts: Vec<&str> = found.number.split('.').take(2).collect();
            found.number = parts.join(".");
        }
        self
    }
}

/// Go: `.tool-versions`, then the workspace's `go.work`, then `go.mod` (the toolchain of each, then its `go` line).
pub(super) fn go(folder: Folder<'_>, workspace: Option<Folder<'_>>) -> Version {
    let version = |text: &str| {
        let line = |word: &str| {
            text.lines().find_map(|line| {
                let mut words = line.split("//").next()?.split_whitespace();
                (words.next()? == word).then(|| words.next()).flatten()
            })
        };
        let toolchain = line("toolchain").and_then(plain);
        toolchain.or_else(|| line("go").and_then(plain))
    };
    Sources::new(folder)
        .tool_versions(&["golang", "go"])
        .offer("go.work", workspace.and_then(|top| version(top.text("go.work"))))
        .offer("go.mod", version(folder.text("go.mod")))
        .or_default(Lang::Go)
}

/// Node: `.tool-versions`, `.nvmrc`, `.node-version`, then `engines` in `package.json`.
pub(super) fn node(folder: Folder<'_>, engines: Option<&str>) -> Version {
    let nvmrc = first_line(folder.text(".nvmrc"));
    let named = [
        ("argon", "4"),
        ("hydrogen", "18"),
        ("iron", "20"),
        ("jod", "22"),
        ("krypton", "24"),
    ];
    let name = nvmrc.trim_start_matches("lts/").to_ascii_lowercase();
    let code = named.iter().find(|(code, _)| *code == name);
    Sources::new(folder)
        .tool_versions(&["nodejs", "node"])
        .file(".nvmrc")
        .offer(".nvmrc", code.map(|(_, number)| (*number).to_owned()))
        .file(".node-version")
        .range("package.json", engines, &NODE)
        .or_default(Lang::Node)
}

/// Python: `.tool-versions`, `.python-version`, `runtime.txt`, `Pipfile`, then `requires-python` in `pyproject.toml`.
pub(super) fn python(folder: Folder<'_>, pinned: Option<&str>, requires: Option<&str>) -> Version {
    Sources::new(folder)
        .tool_versions(&["python"])
        .file(".python-version")
        .file("runtime.txt")
        .offer("Pipfile", pinned.and_then(plain))
        .range("pyproject.toml", requires, &PYTHON)
        .of_two()
        .or_default(Lang::Python)
}

/// Ruby: `.tool-versions`, `.ruby-version`, `Gemfile`, then `Gemfile.lock`.
pub(super) fn ruby(folder: Folder<'_>) -> Version {
    let gemfile = folder.text("Gemfile").lines().find_map(|line| {
        let rest = line.trim().strip_prefix("ruby")?;
        let rest = rest.trim_start_matches([' ', '(']);
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let asked = rest.get(1..)?.split(quote).next()?;
        let number = plain(asked.trim_start_matches(['~', '>', '=', ' ']))?;
        // Bundler takes no other than an exact one; of a range the newest with the same two numbers will do.
        let parts = if asked.starts_with(['~', '>']) { 2 } else { 3 };
        Some(number.split('.').take(parts).collect::<Vec<_>>().join("."))
    });
    let lock = folder.text("Gemfile.lock");
    let locked = lock
        .split_once("RUBY VERSION")
        .and_then(|(_, rest)| plain(first_line(rest).strip_prefix("ruby ")?));
    Sources::new(folder)
        .tool_versions(&["ruby"])
        .file(".ruby-version")
        .offer("Gemfile", gemfile)
        .offer("Gemfile.lock", locked)
        .or_default(Lang::Ruby)
}

/// Rust: `rust-toolchain.toml`, `rust-toolchain`, then `.tool-versions`. A channel without a number (`stable`,
/// `nightly`) is left to rustup, which is in the image and reads these files itself.
pub(super) fn rust(folder: Folder<'_>) -> Version {
    let channel = |name: &str| {
        let text = folder.text(name);
        let table: Option<toml::Table> = text.parse().ok();
        let channel = table
            .as_ref()
            .and_then(|table| table.get("toolchain")?.get("channel")?.as_str());
        plain(channel.unwrap_or_else(|| first_line(text)))
    };
    Sources::new(folder)
        .offer("rust-toolchain.toml", channel("rust-toolchain.toml"))
        .offer("rust-toolchain", channel("rust-toolchain"))
        .tool_versions(&["rust"])
        .or_default(Lang::Rust)
}

/// PHP: `.tool-versions`, `.php-version`, then `require` in `composer.json`.
pub(super) fn php(folder: Folder<'_>, requires: Option<&str>) -> Version {
    Sources::new(folder)
        .tool_versions(&["php"])
        .file(".php-version")
        .range("composer.json", requires, &PHP)
        .of_two()
        .or_default(Lang::Php)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::languages::Project;

    fn project(files: &[(&str, &str)]) -> Project {
        Project {
            files: files.iter().map(|(name, _)| (*name).to_owned()).collect(),
            texts: files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn plain_versions_and_no_others() {
        for (text, number) in [
            ("1.22", "1.22"),
            ("v20.11.1", "20.11.1"),
            ("python-3.11.2", "3.11.2"),
            ("go1.22.3", "1.22.3"),
            ("20.x", "20"),
            ("3.2.2p53", "3.2.2"),
            ("1.2.3.4", "1.2.3"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(number), "{text}");
        }
        for text in [
            "",
            "latest",
            "lts/*",
            "system",
            "jruby-9.4",
            "pypy3.9",
            "3.3.0-rc1",
            "1..2",
            "1;x",
            "nightly-2024-01-01",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    type Case = (Lang, &'static [(&'static str, &'static str)], &'static str);

    #[test]
    fn the_file_that_says_it_is_named() {
        let told = |files: &[(&str, &str)], lang: Lang| {
            let project = project(files);
            let folder = Folder {
                without_web: false,
                project: &project,
                path: "",
                said: None,
            };
            match lang {
                Lang::Go => go(folder, None),
                Lang::Node => node(folder, Some(">=18 <21")),
                Lang::Python => python(folder, None, Some(">=3.10,<3.13")),
                Lang::Ruby => ruby(folder),
                Lang::Rust => rust(folder),
                Lang::Php => php(folder, Some("^8.1")),
                Lang::Static => Version::default_of(lang),
            }
            .to_string()
        };
        let cases: &[Case] = &[
            (
                Lang::Go,
                &[("go.mod", "module x\n\ngo 1.22\n")],
                "1.22 (from go.mod)",
            ),
            (
                Lang::Go,
                &[("go.mod", "go 1.21\ntoolchain go1.22.3 // x\n")],
                "1.22.3 (from go.mod)",
            ),
            (
                Lang::Go,
                &[
                    ("go.mod", "go 1.21\n"),
                    (".tool-versions", "nodejs 20\ngolang 1.23.1 # x\n"),
                ],
                "1.23.1 (from .tool-versions)",
            ),
            (Lang::Go, &[], "1.24 (gokku's default)"),
            (
                Lang::Node,
                &[(".nvmrc", "v20.11\n"), (".node-version", "18\n")],
                "20.11 (from .nvmrc)",
            ),
            (Lang::Node, &[(".nvmrc", "lts/iron\n")], "20 (from .nvmrc)"),
            (
                Lang::Node,
                &[(".nvmrc", "lts/*\n"), (".node-version", "18\n")],
                "18 (from .node-version)",
            ),
            (Lang::Node, &[], "20 (from package.json)"),
            (
                Lang::Python,
                &[(".python-version", "# mine\n3.11\n")],
                "3.11 (from .python-version)",
            ),
            (
                Lang::Python,
                &[("runtime.txt", "python-3.10.4\n")],
                "3.10 (from runtime.txt)",
            ),
            (Lang::Python, &[], "3.12 (from pyproject.toml)"),
            (
                Lang::Ruby,
                &[(".ruby-version", "ruby-3.2.2\n")],
                "3.2.2 (from .ruby-version)",
            ),
            (
                Lang::Ruby,
                &[("Gemfile", "source 'x'\nruby \"~> 3.1.0\"\n")],
                "3.1 (from Gemfile)",
            ),
            (
                Lang::Ruby,
                &[("Gemfile.lock", "GEM\n\nRUBY VERSION\n   ruby 3.3.1p55\n")],
                "3.3.1 (from Gemfile.lock)",
            ),
            (
                Lang::Ruby,
                &[("Gemfile", "ruby file: '.ruby-version'\n")],
                "3.4 (gokku's default)",
            ),
            (
                Lang::Rust,
                &[("rust-toolchain.toml", "[toolchain]\nchannel = \"1.80\"\n")],
                "1.80 (from rust-toolchain.toml)",
            ),
            (
                Lang::Rust,
                &[("rust-toolchain", "1.79.0\n")],
                "1.79.0 (from rust-toolchain)",
            ),
            (
                Lang::Rust,
                &[("rust-toolchain", "nightly-2024-05-01\n")],
                "1 (gokku's default)",
            ),
            (Lang::Php, &[(".php-version", "8.2\n")], "8.2 (from .php-version)"),
            (Lang::Php, &[], "8.4 (from composer.json)"),
        ];
        for (lang, files, expected) in cases {
            assert_eq!(told(files, *lang), *expected, "{files:?}");
        }
    }
}
