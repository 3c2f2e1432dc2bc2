//! Projects without a Dockerfile: which language they are in, and the Dockerfile that they are built with.
//!
//! Pure: [`to_read`] says which files' texts are needed, the caller brings them in a [`Project`], [`detect`] decides.
//!
//! # Which language
//!
//! A folder is a project of a language when that language's own file is in it: `go.mod`, `Cargo.toml` (with a package
//! or a workspace), `Gemfile`, `composer.json` or an `index.php`, `requirements.txt` or a `pyproject.toml` (with a
//! project, not only with a tool's settings) or `manage.py`, `package.json`, `index.html`. The folder is `workdir`; or
//! else `path` and the folders above it, the nearest in which a language is found.
//!
//! Where a folder has several:
//!
//! 1. `lang:` in `gokku.yml` decides;
//! 2. a `package.json` beside a `Gemfile` or a PHP project is for its assets: the project is Ruby or PHP;
//! 3. a `package.json` without a `build` and a `start` script, beside any other language, is for tools: the other;
//! 4. an `index.html` counts only alone, or beside a `package.json` that neither builds nor starts anything;
//! 5. everything else is ambiguous, and an error that says how to choose.
//!
//! A Dockerfile in the project wins over all of this: nothing here is asked then.
//!
//! - [`version`]: a language's version, from the project's own files
//! - [`summary`]: what is told of a project
//! - [`dockerfile`]: the writer, with or without cache mounts
//! - `go`, `node`, `python`, `ruby`, `rust`, `php`, `site`: a language each

pub mod dockerfile;
pub mod summary;
pub mod version;

mod go;
mod node;
mod php;
mod python;
mod range;
mod ruby;
mod rust;
mod site;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use crate::app::process_key::ProcessType;
use crate::config::gokku_yml::{AppConfig, Placed, YmlError};
pub use crate::config::lang::Lang;
use crate::config::lang::is_program_name;
use crate::config::procfile::{self, Command, RELEASE};
use dockerfile::{Dockerfile, exec, shell};
use summary::{Base, Summary};
use version::{Version, VersionError};

/// The port that generated images expose, and give to their apps as `PORT`.
pub const PORT: u16 = 8080;

/// What a generated build leaves out of the image where the project has no `.dockerignore`.
pub const DOCKERIGNORE: &str = "\
**/.git
**/.github
**/.env
**/.env.*
!**/.env.example
**/.DS_Store
**/node_modules
**/__pycache__
**/*.pyc
**/.venv
**/.pytest_cache
**/.mypy_cache
**/.ruff_cache
/target
**/.bundle
";

impl Lang {
    /// The image that its tools come from.
    fn image(self) -> &'static str {
        match self {
            Self::Go => "golang",
            Self::Static => "caddy",
            _ => self.as_str(),
        }
    }

    /// The files by which it is known.
    fn marker_files(self) -> &'static str {
        match self {
            Self::Go => "go.mod, go.work",
            Self::Node => "package.json",
            Self::Python => "requirements.txt, pyproject.toml, Pipfile, manage.py",
            Self::Ruby => "Gemfile",
            Self::Rust => "Cargo.toml",
            Self::Php => "composer.json, index.php, public/index.php",
            Self::Static => "index.html, public/index.html",
        }
    }
}

/// The files whose texts may be needed, by their last part.
const READ: [&str; 31] = [
    ".node-version",
    ".nvmrc",
    ".php-version",
    ".python-version",
    ".ruby-version",
    ".tool-versions",
    ".yarnrc.yml",
    "Cargo.lock",
    "Cargo.toml",
    "Gemfile",
    "Gemfile.lock",
    "Pipfile",
    "Procfile",
    "app.py",
    "application.py",
    "asgi.py",
    "composer.json",
    "go.mod",
    "go.work",
    "main.py",
    "package.json",
    "pnpm-lock.yaml",
    "pyproject.toml",
    "requirements.txt",
    "run.py",
    "runtime.txt",
    "rust-toolchain",
    "rust-toolchain.toml",
    "server.py",
    "wsgi.py",
    "__init__.py",
];

/// Returns the files whose texts [`detect`] may need: few, and near the app's folder.
pub fn to_read<'a>(files: &'a BTreeSet<String>, config: &AppConfig) -> Vec<&'a str> {
    let folders = folders(config);
    let near = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
        let is_one = |folder: &str| folders.iter().any(|one| one == folder);
        // A Python app may be in a package one folder further down, and its settings may be a folder there.
        let settings = match folder.strip_suffix("settings") {
            Some(package) => package
                .strip_suffix('/')
                .is_some_and(|package| is_one(package.rsplit_once('/').map_or("", |(above, _)| above))),
            None => false,
        };
        READ.contains(&name) && (is_one(folder) || path_is_python(name) && is_one(parent))
            || path_is_python(name) && (settings || name == "settings.py" && is_one(parent))
    };
    files
        .iter()
        .map(String::as_str)
        .filter(|path| near(path))
        .collect()
}

fn path_is_python(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| extension == "py")
}

/// Where a language is looked for, in the order to look.
fn folders(config: &AppConfig) -> Vec<String> {
    if let Some(workdir) = &config.build.workdir {
        return vec![workdir.value.clone()];
    }
    let mut folders = vec![config.path.clone()];
    let mut rest = config.path.as_str();
    while !rest.is_empty() {
        rest = rest.rsplit_once('/').map_or("", |(above, _)| above);
        folders.push(rest.to_owned());
    }
    folders
}

/// A project's files, and the texts of those that [`to_read`] names.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The paths of all files, relative to the repository's top.
    pub files: BTreeSet<String>,
    /// The texts, by path.
    pub texts: BTreeMap<String, String>,
}

/// One folder of a project: what a language's file is given.
#[derive(Clone, Copy)]
struct Folder<'a> {
    project: &'a Project,
    path: &'a str,
    /// What `gokku.yml` says that web runs.
    start_command: Option<&'a str>,
    /// Whether there is to be no web: then the image's own command is what another process runs.
    without_web: bool,
    /// The language whose image `gokku.yml` names: of that one no version is looked for.
    built_on: Option<Lang>,
}

impl<'a> Folder<'a> {
    fn full(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        }
    }

    fn has(&self, name: &str) -> bool {
        self.project.files.contains(&self.full(name))
    }

    /// Whether there is any file below a folder of this one.
    fn has_folder(&self, name: &str) -> bool {
        let prefix = format!("{}/", self.full(name));
        self.files_from(&prefix).next().is_some()
    }

    /// The text of a file; empty for none.
    fn text(&self, name: &str) -> &'a str {
        self.project
            .texts
            .get(&self.full(name))
            .map_or("", String::as_str)
    }

    fn files_from<'b>(&self, prefix: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        self.project
            .files
            .range(prefix.to_owned()..)
            .map(String::as_str)
            .take_while(move |path| path.starts_with(prefix))
    }

    /// The files in it and below, relative to it.
    fn files(&self) -> impl Iterator<Item = &'a str> {
        let prefix = if self.path.is_empty() {
            String::new()
        } else {
            format!("{}/", self.path)
        };
        let length = prefix.len();
        self.project
            .files
            .iter()
            .filter(move |path| path.starts_with(&prefix))
            .filter_map(move |path| path.get(length..))
    }

    /// How the app is started, by `gokku.yml` or the Procfile's `web:`, which know it better than any guess; and how that
    /// is told.
    fn web(&self) -> Option<(String, String)> {
        let top = Folder { path: "", ..*self };
        // Without web, whatever comes first.
        let is_it = |kind: &str| {
            let any = || kind != RELEASE && kind.parse::<ProcessType>().is_ok();
            kind == "web" || self.without_web && any()
        };
        let line = |text: &'a str| {
            procfile::named(text)
                .filter(|(kind, _)| is_it(kind))
                .map(|(_, command)| command.trim())
                .find(|command| !command.is_empty() && !command.contains(char::is_control))
        };
        let procfile = || line(self.text("Procfile")).or_else(|| line(top.text("Procfile")));
        let start_command = self
            .start_command
            .map(|start_command| (start_command, "gokku.yml"));
        let (web, from) = start_command.or_else(|| procfile().map(|web| (web, "Procfile")))?;
        // As where it runs by itself: by a shell only where it needs one, which leaves its place to a single program.
        let command = web.parse::<Command>();
        let command = command.map_or_else(|_| shell(web), |command| exec(command.words()));
        Some((command, format!("{web} (from {from})")))
    }

    /// Those of the given files that are here.
    fn those<'b>(&self, names: &[&'b str]) -> Vec<&'b str> {
        names.iter().copied().filter(|name| self.has(name)).collect()
    }

    /// A TOML file in it; an empty table for none.
    fn toml(&self, name: &str, lang: Lang) -> Result<toml::Table, Undetected> {
        self.text(name).parse().or_else(|error: toml::de::Error| {
            let why = error.message().lines().next().unwrap_or("");
            incomplete(lang, format!("its {name} cannot be read: {why}"))
        })
    }

    /// What `COPY` calls it.
    fn source(&self) -> String {
        if self.path.is_empty() {
            ".".to_owned()
        } else {
            format!("{}/", self.path)
        }
    }

    /// Copies those of the given files that are here.
    fn copy_files(&self, file: &mut Dockerfile, names: &[&str], to: &str) {
        let there = self.those(names);
        let there: Vec<String> = there.iter().map(|name| self.full(name)).collect();
        if !there.is_empty() {
            file.copy("", &there, to);
        }
    }

    /// Copies a folder of this one, where there is any file in it, to the same place.
    fn copy_folder(&self, file: &mut Dockerfile, name: &str) {
        if self.has_folder(name) {
            file.copy("", &[format!("{}/", self.full(name))], &format!("./{name}/"));
        }
    }

    /// Copies the folders that a program reads while it runs.
    fn copy_read_at_run_time(&self, file: &mut Dockerfile) {
        for name in READ_AT_RUN_TIME {
            self.copy_folder(file, name);
        }
    }
}

/// Folders that programs read while they run: they go into the image beside a program that is built.
const READ_AT_RUN_TIME: [&str; 8] = [
    "assets",
    "config",
    "locales",
    "migrations",
    "public",
    "static",
    "templates",
    "views",
];

/// A project whose build is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// What it is.
    pub summary: Summary,
    dockerfile: Dockerfile,
}

impl Detected {
    /// Returns the text of its Dockerfile.
    pub fn dockerfile(&self) -> String {
        let head = format!(
            "# Written by gokku: {}.\n# To change it: `gokku build --print -a APP > Dockerfile`, and commit that.\n",
            self.summary
        );
        head + &self.dockerfile.text()
    }
}

/// A project that nothing here can build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undetected {
    /// No language's file is there.
    #[error("{}", nothing(.folders, .dockerfiles))]
    Nothing {
        /// Where was looked.
        folders: Vec<String>,
        /// Which Dockerfiles were looked for.
        dockerfiles: Vec<String>,
    },
    /// Several languages' files are there.
    #[error("{} could be {}: say which with `lang:` in gokku.yml ({}), or add a Dockerfile", told(.folder), or(.found), words(.found))]
    Ambiguous {
        /// Where.
        folder: String,
        /// The languages.
        found: Vec<Lang>,
    },
    /// The language is known, and something else is not.
    #[error("this is {}, and {what}", .lang.name())]
    Incomplete {
        /// The language.
        lang: Lang,
        /// What is missing, and what to do.
        what: String,
    },
    /// A key of `gokku.yml` that would not be acted on.
    #[error(transparent)]
    Key(#[from] YmlError),
    /// A file of the project's says a version that cannot be given.
    #[error(transparent)]
    Version(#[from] VersionError),
}

fn told(folder: &str) -> String {
    if folder.is_empty() {
        "the repository".to_owned()
    } else {
        folder.escape_debug().to_string()
    }
}

fn or(found: &[Lang]) -> String {
    let named: Vec<String> = found
        .iter()
        .map(|lang| format!("{} ({})", lang.name(), lang.marker_files()))
        .collect();
    named.join(" or ")
}

fn words(found: &[Lang]) -> String {
    let words: Vec<&str> = found.iter().map(|lang| lang.as_str()).collect();
    words.join(", ")
}

fn nothing(folders: &[String], dockerfiles: &[String]) -> String {
    let shown: Vec<String> = folders.iter().map(|folder| told(folder)).collect();
    let mut text = format!(
        "there is no Dockerfile ({}), and nothing in {} says how this is built. These were looked for:\n",
        dockerfiles.join(", then "),
        shown.join(", ")
    );
    for lang in Lang::ALL {
        let _ = writeln!(text, "  {:<8} {}", lang.as_str(), lang.marker_files());
    }
    text.push_str(
        "Add the file of your language, or a Dockerfile. One that lies elsewhere is named in gokku.yml: the folder with `path:`, a Dockerfile with `dockerfile:`",
    );
    text
}

/// What a language's file makes of a folder.
struct Made {
    version: Option<Version>,
    /// What builds and runs it.
    runs: String,
    dockerfile: Dockerfile,
}

type Outcome = Result<Made, Undetected>;

fn incomplete<T>(lang: Lang, what: impl fmt::Display) -> Result<T, Undetected> {
    // Names of files may have any character; in a terminal some of them are commands.
    let what = what.to_string().replace(char::is_control, "?");
    Err(Undetected::Incomplete { lang, what })
}

/// Finds a project's language, and how it is built.
pub fn detect(project: &Project, config: &AppConfig) -> Result<Detected, Undetected> {
    let folders = folders(config);
    let start_command = start_command(config);
    let start_command = start_command.as_deref();
    let wanted = config.build.lang.as_ref().map(|lang| lang.value);
    for path in &folders {
        let folder = Folder {
            project,
            path,
            start_command,
            without_web: without_web(config),
            built_on: None,
        };
        let mut found = found(folder);
        if let Some(wanted) = wanted {
            found.retain(|lang| *lang == wanted);
        }
        match choose(folder, &found) {
            Ok(None) => {}
            Ok(Some(lang)) => return make(lang, folder, config),
            Err(found) => {
                return Err(Undetected::Ambiguous {
                    folder: path.clone(),
                    found,
                });
            }
        }
    }
    if let Some(lang) = wanted {
        let shown: Vec<String> = folders.iter().map(|folder| told(folder)).collect();
        return incomplete(
            lang,
            format!(
                "`lang: {}` in gokku.yml says so; but in {} there is none of: {}",
                lang.as_str(),
                shown.join(", then in "),
                lang.marker_files()
            ),
        );
    }
    Err(Undetected::Nothing {
        folders,
        dockerfiles: config.dockerfiles(),
    })
}

fn without_web(config: &AppConfig) -> bool {
    let web = config.processes.get(&ProcessType::web());
    web.is_some_and(|web| web.count == Some(0))
}

/// What `gokku.yml` says that web runs; or another process, where there is to be no web.
fn start_command(config: &AppConfig) -> Option<String> {
    let web = config.processes.get(&ProcessType::web());
    let others = config.processes.values().filter(|_| without_web(config));
    let of_process = web.into_iter().chain(others).find_map(|one| one.command.as_ref());
    let of_app = || {
        let words = config.entrypoint.iter().chain(&config.command).flatten();
        shlex::try_join(words.map(String::as_str)).ok()
    };
    let start_command = of_process
        .map(|command| command.text().to_owned())
        .or_else(of_app);
    start_command.filter(|start_command| !start_command.is_empty())
}

/// The languages whose files are in a folder.
fn found(folder: Folder<'_>) -> Vec<Lang> {
    let is = |lang: &Lang| match lang {
        Lang::Go => folder.has("go.mod") || folder.has("go.work"),
        Lang::Node => folder.has("package.json"),
        Lang::Python => python::is(folder),
        Lang::Ruby => folder.has("Gemfile"),
        Lang::Rust => folder.has("Cargo.toml"),
        Lang::Php => php::is(folder),
        Lang::Static => site::is(folder),
    };
    Lang::ALL.into_iter().filter(is).collect()
}

/// The one language that a folder is in, by the rules above.
fn choose(folder: Folder<'_>, found: &[Lang]) -> Result<Option<Lang>, Vec<Lang>> {
    let mut left = found.to_vec();
    if left.contains(&Lang::Node) && left.len() > 1 {
        let scripts = node::scripts(folder);
        let tools_only = !scripts.build && !scripts.start;
        let of_assets = left.iter().any(|lang| matches!(lang, Lang::Ruby | Lang::Php));
        if of_assets || tools_only && (left != [Lang::Node, Lang::Static] || !scripts.runs) {
            left.retain(|lang| *lang != Lang::Node);
        }
    }
    if left.len() > 1 {
        left.retain(|lang| *lang != Lang::Static);
    }
    match left.as_slice() {
        [] => Ok(None),
        [lang] => Ok(Some(*lang)),
        _ => Err(left),
    }
}

fn make(lang: Lang, folder: Folder<'_>, config: &AppConfig) -> Result<Detected, Undetected> {
    keys_count(lang, config)?;
    let elsewhere = !config.path.is_empty() && config.path != folder.path;
    let below = config.path.strip_prefix(folder.path).is_some();
    if elsewhere && (lang != Lang::Go || !below) {
        return incomplete(
            lang,
            format!(
                "`path: {}` in gokku.yml would do nothing: {} is in {}. Leave `path` away, or say `path: {}`",
                config.path.escape_debug(),
                lang.marker_files(),
                told(folder.path),
                if folder.path.is_empty() { "." } else { folder.path }
            ),
        );
    }
    let folder = Folder {
        built_on: config.build.image.as_ref().map(|_| lang),
        ..folder
    };
    let mut made = match lang {
        Lang::Go => go::make(folder, config),
        Lang::Node => node::make(folder),
        Lang::Python => python::make(folder),
        Lang::Ruby => ruby::make(folder),
        Lang::Rust => rust::make(folder, config),
        Lang::Php => php::make(folder),
        Lang::Static => site::make(folder),
    }?;
    let mut base = made.version.map(Base::Version);
    if let Some(image) = &config.build.image {
        made.dockerfile.build_on(lang.image(), image.value.as_str());
        base = Some(Base::Image {
            image: image.value.clone(),
            from: image.file.clone(),
        });
    }
    Ok(Detected {
        summary: Summary {
            lang,
            base,
            runs: made.runs,
        },
        dockerfile: made.dockerfile,
    })
}

/// Whether every key that is given is acted on for a language.
fn keys_count(lang: Lang, config: &AppConfig) -> Result<(), YmlError> {
    let keys = config.build.places();
    let other = keys.into_iter().find(|key| match key.value {
        "lang" | "workdir" | "image" => false,
        "go_version" => lang != Lang::Go || config.build.image.is_some(),
        "binary_name" => !matches!(lang, Lang::Go | Lang::Rust),
        _ => lang != Lang::Go,
    });
    match other {
        None => Ok(()),
        Some(key) if key.value == "go_version" && lang == Lang::Go => {
            Err(refused(key, "`image` says which Go builds it"))
        }
        Some(key) => {
            let whose = if key.value == "binary_name" {
                "Go and Rust"
            } else {
                "Go"
            };
            Err(refused(
                key,
                &format!("it is for {whose}, and this is {}", lang.name()),
            ))
        }
    }
}

/// Checks whether every key that is given is acted on where the project has a Dockerfile.
pub fn keys_beside_a_dockerfile(dockerfile: &str, config: &AppConfig) -> Result<(), YmlError> {
    let other = config
        .build
        .places()
        .into_iter()
        .find(|key| key.value != "binary_name");
    other.map_or(Ok(()), |key| {
        Err(refused(
            key,
            &format!(
                "the project is built by its own {dockerfile}, which decides that: remove one of the two"
            ),
        ))
    })
}

fn refused(key: Placed<&'static str>, why: &str) -> YmlError {
    YmlError {
        file: key.file,
        line: key.line,
        column: key.column,
        what: format!("{} would do nothing here: {why}", key.value),
    }
}

/// Returns a name for the generated Dockerfile in the build's context that none of the project's files has.
pub fn free_name(files: &BTreeSet<String>) -> String {
    let taken = |name: &String| {
        let below = format!("{name}/");
        let ignore = format!("{name}.dockerignore");
        files.contains(name)
            || files.contains(&ignore)
            || files
                .range(below.clone()..)
                .next()
                .is_some_and(|path| path.starts_with(&below))
    };
    let mut name = ".gokku.Dockerfile".to_owned();
    let mut number = 0_usize;
    while taken(&name) {
        number += 1;
        name = format!(".gokku-{number}.Dockerfile");
    }
    name
}
