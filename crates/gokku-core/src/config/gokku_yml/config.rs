//! What counts of an app: what its `gokku.yml` says, and the defaults of what it does not say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{YmlError, YmlErrors};
use crate::app::branch_name::BranchName;
use crate::app::name::{AppName, EnvironmentName};
use crate::app::process_key::ProcessType;
use crate::config::app_protocol::AppProtocol;
use crate::config::build_inputs::BuildInputs;
use crate::config::env_file::{EnvFile, EnvKey, EnvValue};
use crate::config::image_ref::ImageRef;
use crate::config::lang::Lang;
use crate::config::network_name::NetworkName;
use crate::config::privileges::{Capability, NotGiven, Privileges};
use crate::config::procfile::Command;
use crate::config::resources::Resources;
use crate::config::settings::{SettingError, Settings};
use crate::config::tcp_port::{ProxyProtocol, TcpPort};
use crate::config::volume::Volume;
use crate::domains::domain::Domain;

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
    /// `build`: what the build is given.
    pub given: BuildInputs,
    /// `image`: run as it is, without a build.
    pub image: Option<ImageRef>,
    /// `env`: what the app's own env does not have.
    pub env: Vec<(EnvKey, EnvValue)>,
    /// `volumes`.
    pub volumes: Vec<Volume>,
    /// `network.name`.
    pub network: Option<NetworkName>,
    /// `network.apps`: the other apps that this one lets reach it, if they say the same.
    pub reaches: BTreeSet<AppName>,
    /// `health`.
    pub health: Health,
    /// `ports`: the one for HTTP, the server's and the container's.
    pub ports: Option<Ports>,
    /// `ports`: those for TCP.
    pub tcp_ports: Vec<TcpPort>,
    /// `protocol`.
    pub protocol: AppProtocol,
    /// `compression`.
    pub compression: bool,
    /// `error_pages`, a folder of the repository; none where it is empty.
    pub error_pages: String,
    /// `proxy_protocol`.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// `environments`.
    pub environments: Vec<Environment>,
    /// `deployment`.
    pub deployment: Deployment,
    /// `entrypoint`.
    pub entrypoint: Option<Vec<String>>,
    /// `command`.
    pub command: Option<Vec<String>>,
    /// `init`.
    pub init: Option<bool>,
    /// `resources`.
    pub resources: Resources,
    /// `capabilities`.
    pub capabilities: Vec<Placed<Capability>>,
    /// `no_new_privileges`.
    pub no_new_privileges: bool,
    /// Every port of the server that it could come to by what is said, whichever counts.
    pub host_ports: Vec<Placed<HostPort>>,
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
    /// `image`: the one to build on.
    pub image: Option<Placed<ImageRef>>,
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
    /// Returns an error at its place.
    pub fn refused(&self, what: String) -> YmlError {
        YmlError {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            what,
        }
    }

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
            self.image.as_ref().map(|at| at.with("image")),
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

/// The host port for HTTP and the container port behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The server's.
    pub host: u16,
    /// The container's.
    pub container: u16,
}

/// A port of the server that an app's file names: with `ports`, or else with `PORT` in one of its envs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The port.
    pub port: u16,
    /// The key it stands at.
    pub key: &'static str,
    /// The environment it is for; none for all.
    pub environment: Option<EnvironmentName>,
}

/// One of an app's environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `name`.
    pub name: EnvironmentName,
    /// `branch`.
    pub branch: BranchName,
    /// `env`.
    pub env: Vec<(EnvKey, EnvValue)>,
    /// `domains`, in their order.
    pub domains: Vec<Placed<Domain>>,
}

/// How it is seen whether the app is healthy; the settings of its env count before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `path`.
    pub path: Option<String>,
    /// `timeout`.
    pub timeout: Option<Duration>,
}

/// How an app's containers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// `keep_releases`.
    pub keep_releases: Option<usize>,
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
    /// Returns the word for it in `gokku.yml` and labels.
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
            keep_releases: None,
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
            given: BuildInputs::default(),
            image: None,
            env: Vec::new(),
            volumes: Vec::new(),
            network: None,
            reaches: BTreeSet::new(),
            health: Health::default(),
            ports: None,
            tcp_ports: Vec::new(),
            protocol: AppProtocol::default(),
            compression: false,
            error_pages: String::new(),
            proxy_protocol: None,
            environments: Vec::new(),
            deployment: Deployment::default(),
            entrypoint: None,
            command: None,
            init: None,
            resources: Resources::default(),
            capabilities: Vec::new(),
            no_new_privileges: false,
            host_ports: Vec::new(),
            processes: BTreeMap::new(),
        }
    }
}

impl AppConfig {
    /// Returns where the Dockerfile may be, in the order to look; relative to the repository's top.
    pub fn dockerfiles(&self) -> Vec<String> {
        match &self.dockerfile {
            Some(dockerfile) => vec![dockerfile.clone()],
            None if self.path.is_empty() => vec!["Dockerfile".to_owned()],
            None => vec![format!("{}/Dockerfile", self.path), "Dockerfile".to_owned()],
        }
    }

    /// Returns the build arguments: those that `path` and `binary_name` become, and `build.args`.
    pub fn build_args(&self) -> Vec<(String, String)> {
        let path = (!self.path.is_empty()).then(|| ("APP_PATH".to_owned(), self.path.clone()));
        let binary = self
            .binary_name
            .clone()
            .map(|name| ("BINARY_NAME".to_owned(), name));
        let given = self.given.args.iter();
        let given = given.map(|(name, value)| (name.to_string(), value.value.clone()));
        path.into_iter().chain(binary).chain(given).collect()
    }

    /// Returns the app's env in an environment: its own, and of what that does not have, what `environments[].env` and
    /// then `env` say.
    pub fn whole_env(&self, environment: &EnvironmentName, own: &EnvFile) -> EnvFile {
        let mut env = own.clone();
        let mine = self
            .environments
            .iter()
            .filter(|there| there.name == *environment);
        let layers = mine.map(|there| &there.env).chain([&self.env]);
        for (key, value) in layers.flatten() {
            if env.get(key.as_str()).is_none() {
                env.set(key, value);
            }
        }
        env
    }

    /// Returns the settings: those of an env, and `health` for what that does not set.
    pub fn settings(&self, env: &EnvFile) -> Result<Settings, Vec<SettingError>> {
        let mut settings = Settings::read(env)?;
        let said = |name: &str| env.get(name).is_some();
        if let Some(path) = self.health.path.as_ref().filter(|_| !said("HEALTH_CHECK_PATH")) {
            settings.health_path.clone_from(path);
        }
        if let Some(timeout) = self.health.timeout.filter(|_| !said("HEALTH_CHECK_TIMEOUT")) {
            settings.health_timeout = timeout;
        }
        Ok(settings)
    }

    /// Returns what its containers may do beyond what every process may, where the server's owner gives it these;
    /// `settings` is the file that says so.
    pub fn privileges(
        &self,
        app: &AppName,
        given: &BTreeSet<Capability>,
        settings: &str,
    ) -> Result<Privileges, YmlErrors> {
        let refused = |wanted: &Placed<Capability>| {
            let not = NotGiven {
                app: app.clone(),
                capability: wanted.value,
                settings: settings.to_owned(),
            };
            wanted.refused(not.to_string())
        };
        let wanted = self.capabilities.iter();
        let wrong: Vec<YmlError> = wanted
            .filter(|wanted| !given.contains(&wanted.value))
            .map(refused)
            .collect();
        if !wrong.is_empty() {
            return Err(YmlErrors(wrong));
        }
        Ok(Privileges {
            capabilities: self.capabilities.iter().map(|wanted| wanted.value).collect(),
            no_new_privileges: self.no_new_privileges,
        })
    }

    /// Returns whether it has a port for HTTP: one whose `ports` are for TCP has none.
    pub fn has_http(&self) -> bool {
        self.ports.is_some() || self.tcp_ports.is_empty()
    }

    /// Returns the ports of the server that the app could come to in an environment.
    pub fn host_ports_in(&self, environment: &EnvironmentName) -> impl Iterator<Item = &Placed<HostPort>> {
        self.host_ports.iter().filter(move |there| {
            let only = there.value.environment.as_ref();
            only.is_none_or(|only| only == environment)
        })
    }

    /// Returns the domains that a release has in an environment.
    pub fn domains_in(&self, environment: &EnvironmentName) -> impl Iterator<Item = &Placed<Domain>> {
        let mine = self.environments.iter();
        mine.filter(move |there| there.name == *environment)
            .flat_map(|there| &there.domains)
    }

    /// Returns the branch that deploys to an environment; none when the file names none.
    pub fn branch(&self, environment: &EnvironmentName) -> Option<&BranchName> {
        self.environments
            .iter()
            .find(|there| there.name == *environment)
            .map(|there| &there.branch)
    }
}
