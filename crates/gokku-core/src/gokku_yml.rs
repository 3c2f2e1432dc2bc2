//! `gokku.yml`: what an app's code says about how it is built and run.
//!
//! ```yaml
//! apps:
//!   api:
//!     path: ./cmd/api
//!     binary_name: api
//!     ports: ["8080:80"]
//!     environments:
//!       - name: production
//!         branch: main
//!     deployment:
//!       keep_images: 5
//!       restart_policy: always
//!       restart_delay: 5
//!     processes:
//!       worker:
//!         command: ./worker
//!         count: 2
//! ```
//!
//! Strict: nothing is accepted and ignored. Every error says where, and what was probably meant.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_yaml::{Error, Spanned};

use crate::languages::Lang;
use crate::name::{AppName, EnvironmentName};
use crate::process::ProcessType;
use crate::processes::MOST;
use crate::procfile::{Command, CommandError};
use crate::push::BranchName;
use crate::resources::{self, Resources};

/// One key, as the configuration reference shows it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its place below `apps.<app>`.
    pub path: &'static str,
    /// What counts when it is not given; `-` for nothing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// What it may be.
    pub allowed: &'static str,
}

/// Every key.
pub const KEYS: [Key; 26] = [
    Key {
        path: "path",
        default: ".",
        meaning: "The app's folder in the repository: its Dockerfile is looked for there first, and builds get it as the build argument APP_PATH",
        allowed: "a relative path without ..",
    },
    Key {
        path: "binary_name",
        default: "-",
        meaning: "The program the build makes: builds get it as the build argument BINARY_NAME. Without a Dockerfile, for Go and Rust: which program is built, and how it is called",
        allowed: "letters, digits, ., _ and -",
    },
    Key {
        path: "lang",
        default: "-",
        meaning: "The language, where there is no Dockerfile; otherwise it is found",
        allowed: "go, node, python, ruby, rust, php or static",
    },
    Key {
        path: "workdir",
        default: "-",
        meaning: "The folder that is built, where there is no Dockerfile: where go.mod, package.json and so on are; otherwise path, or the nearest folder above it that has one",
        allowed: "a relative path without ..",
    },
    Key {
        path: "go_version",
        default: "-",
        meaning: "Go's version; otherwise what .tool-versions or go.mod says",
        allowed: "a version, 1.22 or 1.22.3",
    },
    Key {
        path: "goos",
        default: "linux",
        meaning: "GOOS of a Go build; containers are Linux",
        allowed: "linux",
    },
    Key {
        path: "goarch",
        default: "-",
        meaning: "GOARCH of a Go build; otherwise the server's",
        allowed: "386, amd64, arm, arm64, ppc64le, riscv64 or s390x",
    },
    Key {
        path: "cgo_enabled",
        default: "false",
        meaning: "Whether a Go build may use C; then the image is a small Debian, otherwise the program alone",
        allowed: "true, false, 1 or 0",
    },
    Key {
        path: "dockerfile",
        default: "-",
        meaning: "The Dockerfile; otherwise <path>/Dockerfile, then Dockerfile",
        allowed: "a relative path without ..",
    },
    Key {
        path: "ports",
        default: "-",
        meaning: "The server's port and the container's",
        allowed: "a list of one HOST:CONTAINER, each from 1 to 65535",
    },
    Key {
        path: "entrypoint",
        default: "-",
        meaning: "The program and its first words, instead of the image's ENTRYPOINT; an empty list for none",
        allowed: "a list of words",
    },
    Key {
        path: "command",
        default: "-",
        meaning: "The words after the entrypoint, instead of the image's CMD; no shell reads them",
        allowed: "a list of words, at least one",
    },
    Key {
        path: "environments[].name",
        default: "-",
        meaning: "An environment's name",
        allowed: "lower-case letters, digits and dashes; each name once",
    },
    Key {
        path: "environments[].branch",
        default: "main",
        meaning: "The branch whose pushes deploy to it",
        allowed: "a branch's name",
    },
    Key {
        path: "deployment.keep_images",
        default: "5",
        meaning: "How many releases stay; the active one and the one a rollback goes to always do",
        allowed: "a whole number from 1 to 100",
    },
    Key {
        path: "deployment.restart_policy",
        default: "always",
        meaning: "Whether a container that exits is started again: after a crash and after a reboot",
        allowed: "always, on-failure or no",
    },
    Key {
        path: "deployment.restart_delay",
        default: "5",
        meaning: "Seconds before it is started again",
        allowed: "a whole number from 0 to 3600",
    },
    Key {
        path: "resources.memory",
        default: "-",
        meaning: "The memory that a container of the app may use, its migration's too; one that needs more is killed",
        allowed: "a whole number and b, k, m or g, as 512m; at least 6m",
    },
    Key {
        path: "resources.cpus",
        default: "-",
        meaning: "The processors that it may use, or parts of them",
        allowed: "a number from 0.01 to 1024",
    },
    Key {
        path: "resources.pids",
        default: "-",
        meaning: "The processes and threads that it may have",
        allowed: "a whole number from 1 to 4194304",
    },
    Key {
        path: "deployment.post_deploy",
        default: "-",
        meaning: "Commands that run in the new container once a deploy has switched the traffic; one that fails is told and undoes nothing",
        allowed: "a list of commands, as in a Procfile",
    },
    Key {
        path: "processes.<type>.command",
        default: "the Procfile's",
        meaning: "What the process runs; web without one runs the image's own command",
        allowed: "a command, as in a Procfile",
    },
    Key {
        path: "processes.<type>.count",
        default: "1",
        meaning: "How many containers there are of it, until `gokku ps scale` says otherwise",
        allowed: "a whole number from 0 to 100, for web from 1",
    },
    Key {
        path: "processes.<type>.overlap",
        default: "true",
        meaning: "Whether a new one may start while the old one still runs; not for web",
        allowed: "true or false",
    },
    Key {
        path: "processes.<type>.stay_up",
        default: "3",
        meaning: "Seconds that a new one has to stay up to be good; not for web, which is good when it answers",
        allowed: "a whole number from 0 to 600",
    },
    Key {
        path: "processes.<type>.check",
        default: "-",
        meaning: "A command that says in a new one, with exit code 0, that it is good, instead of stay_up; tried until it does or HEALTH_CHECK_TIMEOUT is over. Not for web",
        allowed: "a command, as in a Procfile",
    },
];

/// What is wrong with a `gokku.yml`, and where. Line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct YmlError {
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// What is wrong and what was probably meant.
    pub what: String,
}

/// The app is not in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} has no app {app}: it has {}{}", listed(.known), suggested(.app.as_str(), .known))]
pub struct AppNotThere {
    /// The file's name.
    pub file: String,
    /// Which app was looked for.
    pub app: AppName,
    /// The apps it has.
    pub known: Vec<String>,
}

/// A parsed `gokku.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GokkuYml {
    file: String,
    apps: BTreeMap<AppName, AppConfig>,
}

/// What it says of one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppConfig {
    /// `path`, without a leading `./`; empty for the repository's top.
    pub path: String,
    /// `binary_name`.
    pub binary_name: Option<String>,
    /// `dockerfile`.
    pub dockerfile: Option<String>,
    /// What is built where there is no Dockerfile.
    pub build: BuildKeys,
    /// `ports`: the server's and the container's.
    pub ports: Option<Ports>,
    /// `environments`.
    pub environments: Vec<Environment>,
    /// `deployment`.
    pub deployment: Deployment,
    /// `entrypoint`.
    pub entrypoint: Option<Vec<String>>,
    /// `command`.
    pub command: Option<Vec<String>>,
    /// `resources`.
    pub resources: Resources,
    /// `processes`.
    pub processes: BTreeMap<ProcessType, ProcessConfig>,
}

/// The keys of a build without a Dockerfile. Which of them count depends on what the project is, so they keep their
/// places: one that would do nothing is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildKeys {
    /// `lang`.
    pub lang: Option<Placed<Lang>>,
    /// `workdir`, without a leading `./`; empty for the repository's top.
    pub workdir: Option<Placed<String>>,
    /// `go_version`.
    pub go_version: Option<Placed<String>>,
    /// `goos`.
    pub goos: Option<Placed<String>>,
    /// `goarch`.
    pub goarch: Option<Placed<String>>,
    /// `cgo_enabled`.
    pub cgo_enabled: Option<Placed<bool>>,
    /// Where `binary_name` is.
    pub binary_name: Option<Placed<()>>,
}

/// A value, and where in which file it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// The file.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl<T> Placed<T> {
    fn with<U>(&self, value: U) -> Placed<U> {
        Placed {
            value,
            file: self.file.clone(),
            line: self.line,
            column: self.column,
        }
    }
}

impl BuildKeys {
    /// The keys that are given, each with its place.
    pub(crate) fn places(&self) -> Vec<Placed<&'static str>> {
        let places = [
            self.lang.as_ref().map(|at| at.with("lang")),
            self.workdir.as_ref().map(|at| at.with("workdir")),
            self.go_version.as_ref().map(|at| at.with("go_version")),
            self.goos.as_ref().map(|at| at.with("goos")),
            self.goarch.as_ref().map(|at| at.with("goarch")),
            self.cgo_enabled.as_ref().map(|at| at.with("cgo_enabled")),
            self.binary_name.as_ref().map(|at| at.with("binary_name")),
        ];
        places.into_iter().flatten().collect()
    }
}

/// What it says of one type of processes; what it does not say is in the `Procfile`, or the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessConfig {
    /// `command`.
    pub command: Option<Command>,
    /// `count`.
    pub count: Option<u16>,
    /// `overlap`.
    pub overlap: Option<bool>,
    /// `stay_up`.
    pub stay_up: Option<Duration>,
    /// `check`.
    pub check: Option<Command>,
}

/// A host port and the container port behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The server's.
    pub host: u16,
    /// The container's.
    pub container: u16,
}

/// One of an app's environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `name`.
    pub name: EnvironmentName,
    /// `branch`.
    pub branch: BranchName,
}

/// How an app's containers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `keep_images`.
    pub keep_images: usize,
    /// `restart_policy`.
    pub restart_policy: RestartPolicy,
    /// `restart_delay`.
    pub restart_delay: Duration,
    /// `post_deploy`.
    pub post_deploy: Vec<Command>,
}

/// Whether a container that exited is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// However it exited.
    Always,
    /// Only when its exit code was not 0, or the machine went down under it.
    OnFailure,
    /// Never.
    No,
}

impl RestartPolicy {
    /// The word for it in `gokku.yml` and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnFailure => "on-failure",
            Self::No => "no",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Always, Self::OnFailure, Self::No]
            .into_iter()
            .find(|policy| policy.as_str() == word)
    }
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            keep_images: 5,
            restart_policy: RestartPolicy::Always,
            restart_delay: Duration::from_secs(5),
            post_deploy: Vec::new(),
        }
    }
}

impl Default for AppConfig {
    /// What counts without a `gokku.yml`.
    fn default() -> Self {
        Self {
            path: String::new(),
            binary_name: None,
            dockerfile: None,
            build: BuildKeys::default(),
            ports: None,
            environments: Vec::new(),
            deployment: Deployment::default(),
            entrypoint: None,
            command: None,
            resources: Resources::default(),
            processes: BTreeMap::new(),
        }
    }
}

impl AppConfig {
    /// Where the Dockerfile may be, in the order to look; relative to the repository's top.
    pub fn dockerfiles(&self) -> Vec<String> {
        match &self.dockerfile {
            Some(dockerfile) => vec![dockerfile.clone()],
            None if self.path.is_empty() => vec!["Dockerfile".to_owned()],
            None => vec![format!("{}/Dockerfile", self.path), "Dockerfile".to_owned()],
        }
    }

    /// The build arguments that `path` and `binary_name` become.
    pub fn build_args(&self) -> Vec<(String, String)> {
        let path = (!self.path.is_empty()).then(|| ("APP_PATH".to_owned(), self.path.clone()));
        let binary = self
            .binary_name
            .clone()
            .map(|name| ("BINARY_NAME".to_owned(), name));
        path.into_iter().chain(binary).collect()
    }

    /// The branch that deploys to an environment; none when the file names none.
    pub fn branch(&self, environment: &EnvironmentName) -> Option<&BranchName> {
        self.environments
            .iter()
            .find(|there| there.name == *environment)
            .map(|there| &there.branch)
    }
}

impl GokkuYml {
    /// Reads the text of a file called `file`, which errors begin with.
    pub fn parse(file: &str, text: &str) -> Result<Self, YmlError> {
        let options = serde_yaml::options! { strict_booleans: true, with_snippet: false };
        let raw: RawFile =
            serde_yaml::from_str_with_options(text, options).map_err(|error| explain(file, &error))?;
        let check = Check { file };
        let mut apps = BTreeMap::new();
        for (name, app) in raw.apps {
            apps.insert(name, check.app(app)?);
        }
        Ok(Self {
            file: file.to_owned(),
            apps,
        })
    }

    /// What it says of an app.
    pub fn app(&self, app: &AppName) -> Result<&AppConfig, AppNotThere> {
        self.apps.get(app).ok_or_else(|| AppNotThere {
            file: self.file.clone(),
            app: app.clone(),
            known: self.apps.keys().map(ToString::to_string).collect(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    apps: BTreeMap<AppName, RawApp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApp {
    path: Option<Spanned<String>>,
    binary_name: Option<Spanned<String>>,
    dockerfile: Option<Spanned<String>>,
    lang: Option<Spanned<String>>,
    workdir: Option<Spanned<String>>,
    go_version: Option<Spanned<String>>,
    goos: Option<Spanned<String>>,
    goarch: Option<Spanned<String>>,
    cgo_enabled: Option<Spanned<String>>,
    ports: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    environments: Vec<RawEnvironment>,
    deployment: Option<RawDeployment>,
    entrypoint: Option<Spanned<Vec<Spanned<String>>>>,
    command: Option<Spanned<Vec<Spanned<String>>>>,
    resources: Option<RawResources>,
    #[serde(default)]
    processes: BTreeMap<ProcessType, RawProcess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResources {
    memory: Option<Spanned<String>>,
    cpus: Option<Spanned<String>>,
    pids: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProcess {
    command: Option<Spanned<String>>,
    count: Option<Spanned<String>>,
    overlap: Option<Spanned<String>>,
    stay_up: Option<Spanned<String>>,
    check: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnvironment {
    name: Spanned<EnvironmentName>,
    branch: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeployment {
    keep_images: Option<Spanned<String>>,
    restart_policy: Option<Spanned<String>>,
    restart_delay: Option<Spanned<String>>,
    #[serde(default)]
    post_deploy: Vec<Spanned<String>>,
}

struct Check<'a> {
    file: &'a str,
}

impl Check<'_> {
    fn wrong<T>(&self, value: &Spanned<T>, what: String) -> YmlError {
        let at = &value.referenced;
        YmlError {
            file: self.file.to_owned(),
            line: at.line(),
            column: at.column(),
            what,
        }
    }

    fn refuse(&self, key: &str, value: &Spanned<String>) -> YmlError {
        let allowed = KEYS
            .iter()
            .find(|known| known.path == key)
            .map_or("", |known| known.allowed);
        self.wrong(
            value,
            format!("{key}: {:?} cannot be: it is {allowed}", value.value),
        )
    }

    fn placed<T, U>(&self, given: &Spanned<T>, value: U) -> Placed<U> {
        let at = &given.referenced;
        Placed {
            value,
            file: self.file.to_owned(),
            line: at.line(),
            column: at.column(),
        }
    }

    /// A key whose value is read by `read`, which gives none for one that cannot be.
    fn one<T>(
        &self,
        key: &str,
        given: Option<&Spanned<String>>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Placed<T>>, YmlError> {
        let Some(given) = given else { return Ok(None) };
        let value = read(&given.value).ok_or_else(|| self.refuse(key, given))?;
        Ok(Some(self.placed(given, value)))
    }

    fn build(&self, raw: &RawApp) -> Result<BuildKeys, YmlError> {
        let among =
            |known: &'static [&'static str]| move |word: &str| known.contains(&word).then(|| word.to_owned());
        let version = |word: &str| {
            let parts: Vec<&str> = word.split('.').collect();
            let number =
                |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            ((1..=3).contains(&parts.len()) && parts.iter().all(number)).then(|| word.to_owned())
        };
        let switch = |word: &str| match word {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        let workdir = raw.workdir.as_ref().map(|given| {
            let path = self.path(
                "workdir",
                Some(Spanned::new(given.value.clone(), given.referenced, given.defined)),
            )?;
            Ok(self.placed(given, path.unwrap_or_default()))
        });
        Ok(BuildKeys {
            lang: self.one("lang", raw.lang.as_ref(), Lang::from_word)?,
            workdir: workdir.transpose()?,
            go_version: self.one("go_version", raw.go_version.as_ref(), version)?,
            goos: self.one("goos", raw.goos.as_ref(), among(&["linux"]))?,
            goarch: self.one(
                "goarch",
                raw.goarch.as_ref(),
                among(&["386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"]),
            )?,
            cgo_enabled: self.one("cgo_enabled", raw.cgo_enabled.as_ref(), switch)?,
            binary_name: raw.binary_name.as_ref().map(|given| self.placed(given, ())),
        })
    }

    fn app(&self, raw: RawApp) -> Result<AppConfig, YmlError> {
        let build = self.build(&raw)?;
        let web = raw.processes.get(&ProcessType::web());
        if let (Some(_), Some(given)) = (
            raw.command.as_ref().or(raw.entrypoint.as_ref()),
            web.and_then(|web| web.command.as_ref()),
        ) {
            let what =
                "processes.web.command: `command` or `entrypoint` says what web runs, too: keep one of them";
            return Err(self.wrong(given, what.to_owned()));
        }
        let path = self.path("path", raw.path)?.unwrap_or_default();
        let dockerfile = match raw.dockerfile {
            Some(given) if given.value.split('/').all(|part| matches!(part, "" | ".")) => {
                return Err(self.refuse("dockerfile", &given));
            }
            given => self.path("dockerfile", given)?,
        };
        let binary_name = raw
            .binary_name
            .map(|given| {
                let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                if given.value.chars().all(good)
                    && given.value.starts_with(|c: char| c.is_ascii_alphanumeric())
                {
                    Ok(given.value)
                } else {
                    Err(self.refuse("binary_name", &given))
                }
            })
            .transpose()?;
        Ok(AppConfig {
            path,
            binary_name,
            dockerfile,
            build,
            ports: raw.ports.map(|ports| self.ports(&ports)).transpose()?,
            environments: self.environments(raw.environments)?,
            deployment: raw
                .deployment
                .map(|raw| self.deployment(raw))
                .transpose()?
                .unwrap_or_default(),
            entrypoint: raw
                .entrypoint
                .map(|given| self.words("entrypoint", &given, 0))
                .transpose()?,
            command: raw
                .command
                .map(|given| self.words("command", &given, 1))
                .transpose()?,
            resources: raw
                .resources
                .map(|raw| self.resources(&raw))
                .transpose()?
                .unwrap_or_default(),
            processes: raw
                .processes
                .into_iter()
                .map(|(kind, raw)| Ok((kind.clone(), self.process(&kind, raw)?)))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Words of a command line.
    fn words(
        &self,
        key: &str,
        given: &Spanned<Vec<Spanned<String>>>,
        least: usize,
    ) -> Result<Vec<String>, YmlError> {
        if given.value.len() < least {
            return Err(self.wrong(
                given,
                format!("{key}: an empty list cannot be: it is a list of words, at least one"),
            ));
        }
        if let Some(odd) = given.value.iter().find(|word| word.value.contains('\0')) {
            return Err(self.wrong(odd, format!("{key}: a word cannot have a NUL in it")));
        }
        Ok(given.value.iter().map(|word| word.value.clone()).collect())
    }

    fn resources(&self, raw: &RawResources) -> Result<Resources, YmlError> {
        fn read<T>(
            check: &Check<'_>,
            key: &str,
            given: Option<&Spanned<String>>,
            read: impl Fn(&str) -> Option<T>,
        ) -> Result<Option<T>, YmlError> {
            let read = given.map(|given| read(&given.value).ok_or_else(|| check.refuse(key, given)));
            read.transpose()
        }
        Ok(Resources {
            memory: read(self, "resources.memory", raw.memory.as_ref(), resources::memory)?,
            nano_cpus: read(self, "resources.cpus", raw.cpus.as_ref(), resources::cpus)?,
            pids: read(self, "resources.pids", raw.pids.as_ref(), resources::pids)?,
        })
    }

    fn process(&self, kind: &ProcessType, raw: RawProcess) -> Result<ProcessConfig, YmlError> {
        if let Some(given) = raw
            .overlap
            .as_ref()
            .or(raw.stay_up.as_ref())
            .or(raw.check.as_ref())
            .filter(|_| kind.is_web())
        {
            let what = "processes.web: its new one runs beside the old one as ZERO_DOWNTIME says, and is good when it answers";
            return Err(self.wrong(given, what.to_owned()));
        }
        let mut process = ProcessConfig::default();
        if let Some(given) = raw.command {
            let wrong = |error: CommandError| self.wrong(&given, format!("processes.{kind}: {error}"));
            process.command = Some(given.value.parse().map_err(wrong)?);
        }
        if let Some(given) = raw.count {
            let least = u16::from(kind.is_web());
            process.count = Some(self.number("processes.<type>.count", &given, least, MOST)?);
        }
        if let Some(given) = raw.overlap {
            process.overlap = match given.value.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => return Err(self.refuse("processes.<type>.overlap", &given)),
            };
        }
        if let Some(given) = raw.stay_up {
            let seconds = self.number("processes.<type>.stay_up", &given, 0, 600)?;
            process.stay_up = Some(Duration::from_secs(seconds.into()));
        }
        if let Some(given) = raw.check {
            if process.stay_up.is_some() {
                let what =
                    format!("processes.{kind}: check says when it is good, and so does stay_up: one of them");
                return Err(self.wrong(&given, what));
            }
            let wrong = |error: CommandError| self.wrong(&given, format!("processes.{kind}.check: {error}"));
            process.check = Some(given.value.parse().map_err(wrong)?);
        }
        Ok(process)
    }

    fn environments(&self, raw: Vec<RawEnvironment>) -> Result<Vec<Environment>, YmlError> {
        let mut environments: Vec<Environment> = Vec::new();
        for RawEnvironment { name, branch } in raw {
            if environments.iter().any(|there| there.name == name.value) {
                let what = format!("environments[].name: {:?} stands here twice", name.value.as_str());
                return Err(self.wrong(&name, what));
            }
            let branch = match branch {
                None => BranchName::main(),
                Some(given) => given
                    .value
                    .parse()
                    .map_err(|_| self.refuse("environments[].branch", &given))?,
            };
            environments.push(Environment {
                name: name.value,
                branch,
            });
        }
        Ok(environments)
    }

    fn path(&self, key: &str, given: Option<Spanned<String>>) -> Result<Option<String>, YmlError> {
        let Some(given) = given else { return Ok(None) };
        let parts = || given.value.split('/').filter(|part| !matches!(*part, "" | "."));
        let odd = |c: char| c.is_control() || c == '\\';
        if given.value.is_empty()
            || given.value.starts_with('/')
            || given.value.contains(odd)
            || parts().any(|part| part == "..")
        {
            return Err(self.refuse(key, &given));
        }
        Ok(Some(parts().collect::<Vec<_>>().join("/")))
    }

    fn ports(&self, given: &Spanned<Vec<Spanned<String>>>) -> Result<Ports, YmlError> {
        let [pair] = given.value.as_slice() else {
            return Err(self.wrong(
                given,
                format!("ports: an app has one port, not {}", given.value.len()),
            ));
        };
        let port = |text: &str| {
            text.parse::<u16>()
                .ok()
                .filter(|port| *port > 0 && !text.starts_with('+'))
        };
        let ports = pair.value.split_once(':').and_then(|(host, container)| {
            Some(Ports {
                host: port(host)?,
                container: port(container)?,
            })
        });
        ports.ok_or_else(|| self.refuse("ports", pair))
    }

    fn deployment(&self, raw: RawDeployment) -> Result<Deployment, YmlError> {
        let mut deployment = Deployment::default();
        if let Some(given) = raw.keep_images {
            deployment.keep_images = usize::from(self.number("deployment.keep_images", &given, 1, 100)?);
        }
        if let Some(given) = raw.restart_policy {
            deployment.restart_policy = RestartPolicy::from_word(&given.value)
                .ok_or_else(|| self.refuse("deployment.restart_policy", &given))?;
        }
        if let Some(given) = raw.restart_delay {
            let seconds = self.number("deployment.restart_delay", &given, 0, 3600)?;
            deployment.restart_delay = Duration::from_secs(seconds.into());
        }
        for given in raw.post_deploy {
            let wrong = |error: CommandError| self.wrong(&given, format!("deployment.post_deploy: {error}"));
            deployment.post_deploy.push(given.value.parse().map_err(wrong)?);
        }
        Ok(deployment)
    }

    fn number(&self, key: &str, given: &Spanned<String>, lowest: u16, highest: u16) -> Result<u16, YmlError> {
        let digits = given.value.bytes().all(|byte| byte.is_ascii_digit());
        given
            .value
            .parse()
            .ok()
            .filter(|number| digits && (lowest..=highest).contains(number))
            .ok_or_else(|| self.refuse(key, given))
    }
}

/// The parser's error in our words, with its place.
fn explain(file: &str, error: &Error) -> YmlError {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let what = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            let known: Vec<String> = expected.iter().map(ToString::to_string).collect();
            format!(
                "there is no key {field:?} here: there is {}{}",
                listed(&known),
                suggested(field, &known)
            )
        }
        Error::Eof { .. } => "the file is empty: it begins with `apps:`".to_owned(),
        Error::MultipleDocuments { .. } => "there is a second document; one file is one document".to_owned(),
        Error::DuplicateMappingKey { key, .. } => {
            // A key may have any character; in a terminal some of them are commands.
            let key = key.as_deref().unwrap_or("given").escape_debug();
            format!("the key {key} stands here twice")
        }
        error => {
            let text = error
                .to_string()
                .replace(
                    "expected mapping start",
                    "expected keys and values (`key: value`)",
                )
                .replace("expected sequence start", "expected a list (`- item`)")
                .replace("expected string scalar", "expected one value");
            // The place is told once, by us.
            let end = text
                .find(" at line ")
                .or_else(|| text.find('\n'))
                .unwrap_or(text.len());
            let start = if text.starts_with("line ") {
                text.find(": ").map_or(0, |at| at + 2)
            } else {
                0
            };
            text.get(start..end)
                .unwrap_or(&text)
                .trim_end_matches([' ', ':', '('])
                .to_owned()
        }
    };
    YmlError {
        file: file.to_owned(),
        line,
        column,
        what,
    }
}

fn listed(known: &[String]) -> String {
    match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    }
}

/// `; did you mean …?` when one of the known is near enough.
fn suggested(given: &str, known: &[String]) -> String {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(given, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
        .min()
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known:?}?"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GokkuYml, String> {
        GokkuYml::parse("gokku.yml", text).map_err(|error| error.to_string())
    }

    fn api(body: &str) -> Result<AppConfig, String> {
        let text = format!("apps:\n  api:\n{body}");
        parse(&text).map(|yml| yml.app(&"api".parse().unwrap()).unwrap().clone())
    }

    #[test]
    fn p33_the_guides_example_works_as_written() {
        let example = "# gokku.yml\napps:\n  api:\n    path: ./cmd/api\n    binary_name: api\n    deployment:\n      keep_images: 5\n      restart_policy: always\n      restart_delay: 5\n";
        let yml = parse(example).unwrap();
        let app = yml.app(&"api".parse().unwrap()).unwrap();
        assert_eq!(app.path, "cmd/api");
        assert_eq!(app.binary_name.as_deref(), Some("api"));
        assert_eq!(app.deployment, Deployment::default());
        assert_eq!(app.dockerfiles(), ["cmd/api/Dockerfile", "Dockerfile"]);
        assert_eq!(app.build_args().len(), 2);
    }

    #[test]
    fn every_key_is_obeyed() {
        let app = api("    dockerfile: docker/Web\n    ports: [\"8080:80\"]\n    environments:\n      - name: production\n      - name: staging\n        branch: next/one\n    deployment:\n      keep_images: 2\n      restart_policy: no\n      restart_delay: 0\n      post_deploy: [./warm --all]\n").unwrap();
        assert_eq!(app.dockerfiles(), ["docker/Web"]);
        assert_eq!(
            app.ports,
            Some(Ports {
                host: 8080,
                container: 80
            })
        );
        let branch = |name: &str| app.branch(&name.parse().unwrap()).map(ToString::to_string);
        assert_eq!(branch("production").as_deref(), Some("main"));
        assert_eq!(branch("staging").as_deref(), Some("next/one"));
        assert_eq!(branch("test"), None);
        assert_eq!(app.deployment.restart_policy, RestartPolicy::No, "P30");
        assert_eq!(app.deployment.restart_delay, Duration::ZERO, "P31");
        assert_eq!(app.deployment.keep_images, 2, "P32");
        assert_eq!(app.deployment.post_deploy, ["./warm --all".parse().unwrap()]);
        let app = api("    processes:\n      worker:\n        command: ./work\n        count: 0\n        overlap: false\n        stay_up: 9\n      web: {}\n      clock: {check: ./ticks}\n").unwrap();
        assert_eq!(app.processes[&ProcessType::web()], ProcessConfig::default());
        assert_eq!(
            app.processes[&"worker".parse().unwrap()],
            ProcessConfig {
                command: Some("./work".parse().unwrap()),
                count: Some(0),
                overlap: Some(false),
                stay_up: Some(Duration::from_secs(9)),
                check: None,
            }
        );
        let check = &app.processes[&"clock".parse().unwrap()].check;
        assert_eq!(*check, Some("./ticks".parse().unwrap()));
        for key in KEYS {
            let last = key.path.rsplit('.').next().unwrap();
            assert!(
                api(&format!("    {}: {{}}\n", last.trim_end_matches("[]"))).is_err(),
                "{last}"
            );
        }
    }

    #[test]
    fn p33_wrong_in_each_way() {
        let below_api = [
            "pth: x",
            "deployment: {keep_image: 5}",
            "deployment: {keep_images: many}",
            "deployment: {keep_images: 0}",
            "deployment: {restart_policy: sometimes}",
            "deployment: {restart_delay: 1.5}",
            "deployment: 5",
            "path: ../x",
            "path: /x",
            "binary_name: a b",
            "ports: 80",
            "ports: [80]",
            "ports: ['1:2', '3:4']",
            "environments: [{branch: main}]",
            "environments: [{name: production, branch: 'a b'}]",
            "environments: [{name: test}, {name: test, branch: next}]",
            "dockerfile: ./",
            "deployment: {post_deploy: ./warm}",
            "deployment: {post_deploy: [\"it's\"]}",
            "processes: {Worker: {}}",
            "processes: {worker: {commmand: a}}",
            "processes: {worker: {command: \"a 'b\"}}",
            "processes: {worker: {count: 101}}",
            "processes: {web: {count: 0}}",
            "processes: {web: {overlap: false}}",
            "processes: {worker: {overlap: maybe}}",
            "processes: {worker: {stay_up: long}}",
            "processes: {worker: {stay_up: 1, check: ./ok}}",
            "processes: {worker: {check: \"it's\"}}",
            "processes: {web: {check: ./ok}}",
            "path: a\n    path: b",
            "command: serve",
            "command: []",
            "resources: {memory: 512}",
            "resources: {cpus: many}",
            "resources: {pids: 0}",
            "resources: {cpu: 1}",
            "lang: nodejs",
            "workdir: ../x",
            "go_version: latest",
            "goos: windows",
            "goarch: x86_64",
            "cgo_enabled: yes",
        ];
        let whole = [
            "",
            "app: {}",
            "apps: [api]",
            "apps: {Api: {}}",
            "apps: {}\n---\napps: {}\n",
            "apps: {api: {path: [}}",
            "apps:\n\tapi: {}",
        ];
        let mut told: Vec<String> = below_api
            .iter()
            .map(|body| api(&format!("    {body}\n")).unwrap_err())
            .collect();
        told.extend(whole.iter().map(|text| parse(text).unwrap_err()));
        insta::assert_snapshot!(told.join("\n"), @r#"
        gokku.yml:3:5: there is no key "pth" here: there is path, binary_name, dockerfile, lang, workdir, go_version, goos, goarch, cgo_enabled, ports, environments, deployment, entrypoint, command, resources, processes; did you mean "path"?
        gokku.yml:3:18: there is no key "keep_image" here: there is keep_images, restart_policy, restart_delay, post_deploy; did you mean "keep_images"?
        gokku.yml:3:31: deployment.keep_images: "many" cannot be: it is a whole number from 1 to 100
        gokku.yml:3:31: deployment.keep_images: "0" cannot be: it is a whole number from 1 to 100
        gokku.yml:3:34: deployment.restart_policy: "sometimes" cannot be: it is always, on-failure or no
        gokku.yml:3:33: deployment.restart_delay: "1.5" cannot be: it is a whole number from 0 to 3600
        gokku.yml:3:17: expected keys and values (`key: value`)
        gokku.yml:3:11: path: "../x" cannot be: it is a relative path without ..
        gokku.yml:3:11: path: "/x" cannot be: it is a relative path without ..
        gokku.yml:3:18: binary_name: "a b" cannot be: it is letters, digits, ., _ and -
        gokku.yml:3:12: expected a list (`- item`)
        gokku.yml:3:13: ports: "80" cannot be: it is a list of one HOST:CONTAINER, each from 1 to 65535
        gokku.yml:3:12: ports: an app has one port, not 2
        gokku.yml:3:21: missing field `name`
        gokku.yml:3:47: environments[].branch: "a b" cannot be: it is a branch's name
        gokku.yml:3:41: environments[].name: "test" stands here twice
        gokku.yml:3:17: dockerfile: "./" cannot be: it is a relative path without ..
        gokku.yml:3:31: expected a list (`- item`)
        gokku.yml:3:32: deployment.post_deploy: the command has a quote that is never closed, or ends in a backslash
        gokku.yml:3:17: "Worker" is not a process type: it is a lower-case letter, then letters and digits, at most 15 in all
        gokku.yml:3:26: there is no key "commmand" here: there is command, count, overlap, stay_up, check; did you mean "command"?
        gokku.yml:3:35: processes.worker: the command has a quote that is never closed, or ends in a backslash
        gokku.yml:3:33: processes.<type>.count: "101" cannot be: it is a whole number from 0 to 100, for web from 1
        gokku.yml:3:30: processes.<type>.count: "0" cannot be: it is a whole number from 0 to 100, for web from 1
        gokku.yml:3:32: processes.web: its new one runs beside the old one as ZERO_DOWNTIME says, and is good when it answers
        gokku.yml:3:35: processes.<type>.overlap: "maybe" cannot be: it is true or false
        gokku.yml:3:35: processes.<type>.stay_up: "long" cannot be: it is a whole number from 0 to 600
        gokku.yml:3:45: processes.worker: check says when it is good, and so does stay_up: one of them
        gokku.yml:3:33: processes.worker.check: the command has a quote that is never closed, or ends in a backslash
        gokku.yml:3:30: processes.web: its new one runs beside the old one as ZERO_DOWNTIME says, and is good when it answers
        gokku.yml:4:5: the key path stands here twice
        gokku.yml:3:14: expected a list (`- item`)
        gokku.yml:3:14: command: an empty list cannot be: it is a list of words, at least one
        gokku.yml:3:25: resources.memory: "512" cannot be: it is a whole number and b, k, m or g, as 512m; at least 6m
        gokku.yml:3:23: resources.cpus: "many" cannot be: it is a number from 0.01 to 1024
        gokku.yml:3:23: resources.pids: "0" cannot be: it is a whole number from 1 to 4194304
        gokku.yml:3:17: there is no key "cpu" here: there is memory, cpus, pids; did you mean "cpus"?
        gokku.yml:3:11: lang: "nodejs" cannot be: it is go, node, python, ruby, rust, php or static
        gokku.yml:3:14: workdir: "../x" cannot be: it is a relative path without ..
        gokku.yml:3:17: go_version: "latest" cannot be: it is a version, 1.22 or 1.22.3
        gokku.yml:3:11: goos: "windows" cannot be: it is linux
        gokku.yml:3:13: goarch: "x86_64" cannot be: it is 386, amd64, arm, arm64, ppc64le, riscv64 or s390x
        gokku.yml:3:18: cgo_enabled: "yes" cannot be: it is true, false, 1 or 0
        gokku.yml:1:1: the file is empty: it begins with `apps:`
        gokku.yml:1:1: there is no key "app" here: there is apps; did you mean "apps"?
        gokku.yml:1:7: expected keys and values (`key: value`)
        gokku.yml:1:8: "Api" has 'A' in it: a name is lower-case letters, digits and dashes
        gokku.yml:3:1: there is a second document; one file is one document
        gokku.yml:1:20: expected one value
        gokku.yml:2:2: tabs disallowed within this context (block indentation)
        "#);
        let other = parse("apps: {web: {}, worker: {}}")
            .unwrap()
            .app(&"wbe".parse().unwrap())
            .unwrap_err();
        insta::assert_snapshot!(other, @r#"gokku.yml has no app wbe: it has web, worker; did you mean "web"?"#);
    }
}
