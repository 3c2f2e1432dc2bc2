//! What a release is built and run with: its `gokku.yml`, the app's env and the settings in it.

use std::path::Path;

use gokku_core::build::languages::{Detected, keys_beside_a_dockerfile};
use gokku_core::config::env_file::EnvFile;
use gokku_core::config::gokku_yml::{AppConfig, GokkuYml, Placed};
use gokku_core::config::process_one::{self, ImageCommand};
use gokku_core::config::processes::{ProcessSpec, Processes};
use gokku_core::config::procfile::{PROCFILE, Procfile};
use gokku_core::config::settings::Settings;
use gokku_core::containers::Secrets;
use gokku_core::domains::domain::Domain;
use gokku_core::logs::notice::Notice;
use gokku_core::release::build_key::{BuildKey, Inputs};
use gokku_core::text::decode::{self, NotText};
use gokku_core::text::read_limits;
use gokku_core::text::shell::without_the_shell;
use gokku_core::{AppName, ProcessKey, ReleaseId, TreeId};
use gokku_proxy::control::api::{PutRoute, Search};

use crate::app::server_config::{self, ServerConfig};
use crate::app::{apps, env_store};
use crate::fs::app_dir::AppDir;
use crate::fs::tree_file;
use crate::plan::Error;
use crate::plan::{languages, unread};

/// The file in a repository's top.
pub const GOKKU_YML: &str = "gokku.yml";

/// What a release is built and run with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its `gokku.yml`.
    pub config: AppConfig,
    /// The app's env, with what its `gokku.yml` adds.
    pub env: EnvFile,
    /// The settings in it.
    pub settings: Settings,
    /// The server's.
    pub server: ServerConfig,
    /// Its Dockerfile, relative to its code; empty when the code is not there.
    pub dockerfile: String,
    /// The Dockerfile's text and what it is for, when the code has none of its own.
    pub generated: Option<Detected>,
    /// What its build may read.
    pub secrets: Secrets,
    /// What runs.
    pub processes: Processes,
    /// The domains that its `gokku.yml` says for the app's environment.
    pub domains: Vec<Placed<Domain>>,
    /// What is to be told of its code before it is built.
    pub notices: Vec<Notice>,
    /// Whether it is built although an earlier release was built from the same, and without the builder's cache.
    pub rebuild: bool,
}

/// What a container is started with; the image's own where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The entrypoint.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// The command.
    pub(crate) command: Option<Vec<String>>,
    /// Whether the engine's init is its first process.
    pub(crate) init: bool,
}

/// Returns what a `gokku.yml` says of an app; the defaults when there is no file.
pub fn config_of(app: &AppName, yml: Option<&[u8]>) -> Result<AppConfig, Error> {
    let Some(bytes) = yml else {
        return Ok(AppConfig::default());
    };
    Ok(parsed(GOKKU_YML, bytes)?.app(app)?.clone())
}

/// A `gokku.yml`'s apps; `file` is how errors call it.
pub(crate) fn parsed(file: &str, bytes: &[u8]) -> Result<GokkuYml, Error> {
    Ok(GokkuYml::parse(file, text_of(file, bytes)?)?)
}

/// The text of a file of the code's; `file` is how errors call it.
pub(crate) fn text_of<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    let text = decode::read(bytes).map_err(|source| no_text(file, source))?;
    Ok(text.text)
}

fn no_text(file: &str, source: NotText) -> Error {
    Error::NotText {
        file: file.to_owned(),
        source,
    }
}

/// What a release runs: its `Procfile`, beside the app or at the top of its code, and what its `gokku.yml` says of it.
pub(crate) fn processes_of(tree: &Path, config: &AppConfig) -> Result<Processes, Error> {
    let top = PROCFILE.to_owned();
    let beside = (!config.path.is_empty()).then(|| format!("{}/{PROCFILE}", config.path));
    let mut procfile = Procfile::default();
    for name in beside.into_iter().chain([top]) {
        if let Some(bytes) = tree_file::read(tree, &name, read_limits::CODE)? {
            procfile = Procfile::parse(&name, text_of(&name, &bytes)?)?;
            break;
        }
    }
    Processes::of(procfile, config).map_err(Error::Processes)
}

/// What a release runs, by its code alone.
pub(crate) fn processes(tree: &Path, app: &AppName) -> Result<Processes, Error> {
    let config = config_of(
        app,
        tree_file::read(tree, GOKKU_YML, read_limits::GOKKU_YML)?.as_deref(),
    )?;
    processes_of(tree, &config)
}

/// Returns the settings in an env.
pub fn settings_of(env: &EnvFile) -> Result<Settings, Error> {
    Settings::read(env).map_err(Error::Settings)
}

impl Plan {
    /// Reads everything; `tree` is the release's code, and how it is built must be known when `builds`.
    pub fn read(dir: &AppDir, tree: &Path, builds: bool) -> Result<Self, Error> {
        let (root, app) = (dir.root(), dir.app());
        let config = config_of(
            app,
            tree_file::read(tree, GOKKU_YML, read_limits::GOKKU_YML)?.as_deref(),
        )?;
        let environment = apps::load(dir)?.environment;
        let own = env_store::read(dir)?;
        env_store::check(dir, &own)?;
        let env = config.whole_env(&environment, &own);
        let settings = config.settings(&env).map_err(Error::Settings)?;
        let candidates = config.dockerfiles();
        let found = candidates
            .iter()
            .find(|candidate| tree_file::is_there(tree, candidate));
        let mut dockerfile = found.cloned().unwrap_or_default();
        let mut secrets = Secrets::new();
        let mut generated = None;
        let builds = builds && config.image.is_none();
        if builds && dockerfile.is_empty() {
            let made = languages::named_is_there(&config).and_then(|()| languages::of_tree(tree, &config));
            let made = made.map_err(|error| unread::with_what_is_there(tree, &config, error))?;
            config.given.check_none()?;
            dockerfile = made.name;
            generated = Some(made.detected);
        } else if builds {
            keys_beside_a_dockerfile(&dockerfile, &config)?;
            let text = tree_file::read(tree, &dockerfile, read_limits::CODE)?.unwrap_or_default();
            let text = decode::look_at(&text).map_err(|source| no_text(&dockerfile, source))?;
            config.given.check_used(&dockerfile, &text)?;
            let values = config.given.secrets_of(app, &env)?;
            secrets.extend(values.into_iter().map(|(name, value)| (name.to_string(), value)));
        }
        Ok(Self {
            processes: processes_of(tree, &config)?,
            domains: config.domains_in(&environment).cloned().collect(),
            config,
            env,
            settings,
            server: server_config::read(root)?,
            dockerfile,
            generated,
            secrets,
            notices: Vec::new(),
            rebuild: false,
        })
    }

    /// Returns what is known of the active release, with defaults for what cannot be read: for taking an app down, which
    /// must not need a valid configuration.
    pub fn lenient(dir: &AppDir) -> Self {
        let read = |tree: &Path| Self::read(dir, tree, false);
        read(&dir.current())
            .or_else(|_| read(&dir.releases()))
            .unwrap_or_else(|_| Self::nothing())
    }

    /// The defaults.
    fn nothing() -> Self {
        Self {
            config: AppConfig::default(),
            env: EnvFile::default(),
            settings: Settings::default(),
            server: ServerConfig::default(),
            dockerfile: String::new(),
            generated: None,
            secrets: Secrets::new(),
            processes: Processes::default(),
            domains: Vec::new(),
            notices: Vec::new(),
            rebuild: false,
        }
    }

    /// Returns the plan of a release whose code is in its place.
    pub fn of_release(dir: &AppDir, id: ReleaseId) -> Result<Self, Error> {
        Self::read(dir, &dir.tree(id), false)
    }

    /// What is known of a process; the defaults for one of another release.
    pub(crate) fn kind(&self, process: &ProcessKey) -> ProcessSpec {
        self.processes.get(process.kind()).cloned().unwrap_or_default()
    }

    /// What a process is started with.
    pub(crate) fn start(&self, process: &ProcessKey, image: &ImageCommand) -> Start {
        let (entrypoint, command) = match self.kind(process).command {
            // A command is the whole of what runs, as it is everywhere else.
            Some(command) => (Some(Vec::new()), Some(command.words().to_vec())),
            None => (self.config.entrypoint.clone(), self.config.command.clone()),
        };
        let words = image.with(entrypoint.as_deref(), command.as_deref());
        // What the file says runs as it says it; of the image's own a shell may be left out.
        let own = entrypoint.is_none() && command.is_none();
        match without_the_shell(&words).filter(|_| own) {
            Some(words) => Start {
                init: self.gets_init(&words),
                entrypoint: Some(Vec::new()),
                command: Some(words),
            },
            None => Start {
                init: self.gets_init(&words),
                entrypoint,
                command,
            },
        }
    }

    /// Whether a container that runs these words gets the engine's init.
    pub(crate) fn gets_init(&self, words: &[String]) -> bool {
        process_one::gets_init(self.config.init, words)
    }

    /// The build arguments; what they would say is in a generated Dockerfile already.
    pub(crate) fn build_args(&self) -> Vec<(String, String)> {
        match self.generated {
            Some(_) => Vec::new(),
            None => self.config.build_args(),
        }
    }

    /// What decides what a build of these files makes.
    pub(crate) fn build_key(&self, tree: &TreeId) -> BuildKey {
        let generated = self.generated.as_ref();
        let generated = generated.map(Detected::dockerfile);
        BuildKey::of(&Inputs {
            tree,
            dockerfile: &self.dockerfile,
            generated: generated.as_deref(),
            args: &self.build_args(),
            secrets: &self.secrets.keys().cloned().collect::<Vec<_>>(),
        })
    }

    /// Returns the migration in words: the setting's, or else the `Procfile`'s.
    pub fn migration(&self) -> Option<&[String]> {
        let setting = self.settings.migration.as_deref();
        setting.or_else(|| {
            self.processes
                .release
                .as_ref()
                .map(gokku_core::config::procfile::Command::words)
        })
    }

    /// Returns the host port for HTTP that is said to be the app's.
    pub fn said_port(&self) -> Option<u16> {
        let said = self.config.ports.map(|ports| ports.host);
        said.or(self.settings.port).filter(|_| self.config.has_http())
    }

    /// Returns the host port for HTTP that the app is to have: the one that is said, or one that is looked for, or none.
    pub fn host_port(&self, app: &AppName) -> PutRoute {
        if !self.config.has_http() {
            return PutRoute::WithoutHttp;
        }
        if let Some(port) = self.said_port() {
            return PutRoute::Port(port);
        }
        let from = self.server.proxy.first_port;
        let except = self.server.host_ports_of(app, Vec::new()).kept;
        if except.is_empty() {
            PutRoute::From(from)
        } else {
            PutRoute::Search(Search { from, except })
        }
    }

    /// Returns the port that a container is told to listen on for HTTP, where it has one and that is known.
    pub fn told_port(&self, exposed: &[u16]) -> Option<u16> {
        let port = self.container_port(exposed).ok();
        port.filter(|_| self.config.has_http())
    }

    /// Returns the port the app listens on for HTTP in its container, given the ports its image says it exposes.
    pub fn container_port(&self, exposed: &[u16]) -> Result<u16, Error> {
        let said = self
            .config
            .ports
            .map(|ports| ports.container)
            .or(self.settings.port);
        match (said, exposed) {
            (Some(port), _) => Ok(port),
            (None, [port]) => Ok(*port),
            (None, []) => Err(Error::NoPort),
            (None, several) => Err(Error::SeveralPorts(several.to_vec())),
        }
    }

    /// Returns the container's environment: the app's, and `PORT` when the app has none.
    pub fn environment(&self, port: Option<u16>) -> Vec<(String, String)> {
        let mut env: Vec<(String, String)> = self
            .env
            .iter()
            .map(|(key, value)| (key.as_str().to_owned(), value.expose().to_owned()))
            .collect();
        if let Some(port) = port.filter(|_| self.env.get("PORT").is_none()) {
            env.push(("PORT".to_owned(), port.to_string()));
        }
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, with a `|` between them.
    fn words(text: &str) -> Vec<String> {
        let words = text.split('|').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    fn plan(yml: &str, procfile: &str) -> Plan {
        let yml = format!("apps:\n  api: {{{yml}}}\n");
        let config = config_of(&"api".parse().unwrap(), Some(yml.as_bytes())).unwrap();
        let procfile = Procfile::parse(PROCFILE, procfile).unwrap();
        Plan {
            processes: Processes::of(procfile, &config).unwrap(),
            config,
            ..Plan::nothing()
        }
    }

    /// What web runs, and under whose first process: of an image alone, with a `gokku.yml` and with a `Procfile`.
    #[test]
    fn what_starts_a_container() {
        let image = |entrypoint: &str, command: &str| ImageCommand {
            entrypoint: words(entrypoint),
            command: words(command),
        };
        let plain = image("", "/bin/sh|-c|python3 app.py $PORT");
        let several = image("", "/bin/sh|-c|cd x && ./app");
        let (s6, tini) = (image("/init", "app"), image("tini|--", "/bin/sh|-c|./app"));
        let shell_entry = image("/bin/bash|-c|./app", "");
        for (image, yml, procfile, entrypoint, command, init) in [
            (&image("/app", "serve"), "", "", None, None, true),
            (
                &plain,
                "",
                "",
                Some(""),
                Some("/bin/sh|-c|exec python3 app.py $PORT"),
                true,
            ),
            (
                &shell_entry,
                "",
                "",
                Some(""),
                Some("/bin/bash|-c|exec ./app"),
                true,
            ),
            (&several, "", "", None, None, true),
            (
                &plain,
                "init: false",
                "",
                Some(""),
                Some("/bin/sh|-c|exec python3 app.py $PORT"),
                false,
            ),
            // As the file says it.
            (
                &plain,
                "command: [sh, -c, ./app]",
                "",
                None,
                Some("sh|-c|./app"),
                true,
            ),
            (&plain, "entrypoint: [/init]", "", Some("/init"), None, false),
            (
                &plain,
                "",
                "web: A=1 ./app",
                Some(""),
                Some("/bin/sh|-c|A=1 exec ./app"),
                true,
            ),
            (&s6, "", "", None, None, false),
            (&s6, "init: true", "", None, None, true),
            (&s6, "command: [other]", "", None, Some("other"), false),
            // What takes the image's init away takes the engine's.
            (&s6, "", "web: ./app", Some(""), Some("./app"), true),
            (&tini, "", "", None, None, false),
            (
                &tini,
                "",
                "web: tini -- ./app",
                Some(""),
                Some("tini|--|./app"),
                false,
            ),
        ] {
            let start = plan(yml, procfile).start(&ProcessKey::first_web(), image);
            let wanted = Start {
                entrypoint: entrypoint.map(words),
                command: command.map(words),
                init,
            };
            assert_eq!(start, wanted, "{image:?} {yml} {procfile}");
        }
    }
}
