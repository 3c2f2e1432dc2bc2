//! `gokku.yml` as it is written: its keys, and what each value is. The schema is made of these types.

use crate::app::branch_name::BranchName;
use crate::app::name::{AppName, EnvironmentName};
use crate::app::process_key::ProcessType;
use crate::config::app_protocol::AppProtocol;
use crate::config::env_file::{EnvKey, EnvValue, LONGEST};
use crate::config::image_ref::{ImageRef, is_host};
use crate::config::lang::{Lang, is_program_name};
use crate::config::network_name::NetworkName;
use crate::config::privileges::Capability;
use crate::config::procfile::Command;
use crate::config::tcp_port::{ProxyProtocol, TcpPort};
use crate::config::volume::Volume;
use crate::config::{resources, settings};
use crate::domains::domain::PlainHttp;
use crate::domains::name::DomainName;
use crate::domains::path::PathPrefix;
use crate::domains::redirect::RedirectTarget;

use super::config::{Ports, RestartPolicy};
use super::reading::{Given, List, Name, Named, Word, mapping};

mapping! {
    /// The file.
    struct File {
        apps: Named<AppName, App>,
        defaults: App,
        docker: Docker,
    }
}

mapping! {
    /// `docker`.
    struct Docker {
        registry: List<Given<Host>>,
    }
}

mapping! {
    /// One app, or the defaults of all.
    struct App {
        path: Given<RelativePath>,
        binary_name: Given<BinaryName>,
        dockerfile: Given<FilePath>,
        image: Given<ImageRef>,
        lang: Given<Lang>,
        workdir: Given<RelativePath>,
        go_version: Given<GoVersion>,
        goos: Given<Goos>,
        goarch: Given<Goarch>,
        cgo_enabled: Given<Bit>,
        entrypoint: List<Given<Argument>>,
        command: List<Given<Argument>>,
        init: Given<Switch>,
        env: Named<EnvKey, Given<EnvValue>>,
        ports: List<Given<Port>>,
        protocol: Given<AppProtocol>,
        compression: Given<Switch>,
        error_pages: Given<RelativePath>,
        proxy_protocol: Given<ProxyProtocol>,
        volumes: List<Given<Volume>>,
        network: Network,
        environments: List<Environment>,
        deployment: Deployment,
        health: Health,
        resources: Resources,
        capabilities: List<Given<Capability>>,
        no_new_privileges: Given<Switch>,
        processes: Named<ProcessType, Process>,
        build: Build,
    }
}

mapping! {
    /// `build`.
    struct Build {
        args: Named<EnvKey, Given<Argument>>,
        secrets: List<Given<Variable>>,
    }
}

mapping! {
    /// An item of `environments`.
    struct Environment {
        name: Given<EnvironmentName>,
        branch: Given<BranchName>,
        env: Named<EnvKey, Given<EnvValue>>,
        domains: List<Domain>,
    }
    needs name: "environments[].name is missing: `- name: production`"
}

mapping! {
    /// An item of an environment's `domains`; a name alone is its `name`.
    struct Domain {
        name: Given<DomainName>,
        path: Given<PathPrefix>,
        strip_path: Given<Switch>,
        redirect_to: Given<RedirectTarget>,
        www: Given<Switch>,
        http: Given<PlainHttp>,
        hsts: Given<Seconds>,
    }
    needs name: "environments[].domains[].name is missing: `- name: example.com`"
    or one as name
}

mapping! {
    /// `deployment`.
    struct Deployment {
        keep_releases: Given<Whole<1, 100>>,
        keep_images: Given<Whole<1, 100>>,
        restart_policy: Given<RestartPolicy>,
        restart_delay: Given<Whole<0, 3600>>,
        post_deploy: List<Given<Command>>,
    }
}

mapping! {
    /// `health`.
    struct Health {
        path: Given<HealthPath>,
        timeout: Given<Whole<1, 3600>>,
    }
}

mapping! {
    /// `network`; a name alone is its `name`.
    struct Network {
        name: Given<NetworkName>,
        apps: List<Given<AppName>>,
    }
    or one as name
}

mapping! {
    /// `resources`.
    struct Resources {
        memory: Given<Memory>,
        cpus: Given<Cpus>,
        pids: Given<Pids>,
    }
}

mapping! {
    /// An entry of `processes`.
    struct Process {
        command: Given<Command>,
        count: Given<Whole<0, 100>>,
        overlap: Given<Switch>,
        stay_up: Given<Whole<0, 600>>,
        check: Given<Command>,
    }
}

impl Name for AppName {
    const PART: &'static str = "<app>";
}

impl Name for EnvKey {
    const PART: &'static str = "<NAME>";
}

impl Name for ProcessType {
    const PART: &'static str = "<type>";
}

/// A value that is read by a function, which gives none for one that cannot be.
macro_rules! word {
    ($type:ty, $read:expr) => {
        impl Word for $type {
            fn word(text: &str) -> Result<Self, Option<String>> {
                let read: fn(&str) -> Option<Self> = $read;
                read(text).ok_or(None)
            }
        }
    };
}

/// A path inside the repository, without `.` and empty parts; empty for its top.
#[derive(Clone, Debug)]
pub(super) struct RelativePath(pub(super) String);
word!(RelativePath, |text| {
    let parts = || text.split('/').filter(|part| !matches!(*part, "" | "."));
    let odd = |c: char| c.is_control() || c == '\\';
    let leaves = text.is_empty() || text.starts_with('/') || parts().any(|part| part == "..");
    (!leaves && !text.contains(odd)).then(|| Self(parts().collect::<Vec<_>>().join("/")))
});

/// A path inside the repository that is not its top.
#[derive(Clone, Debug)]
pub(super) struct FilePath(pub(super) String);
word!(FilePath, |text| {
    let path = RelativePath::word(text).ok()?.0;
    (!path.is_empty()).then_some(Self(path))
});

/// A program's name.
#[derive(Clone, Debug)]
pub(super) struct BinaryName(pub(super) String);
word!(BinaryName, |text| is_program_name(text)
    .then(|| Self(text.to_owned())));

/// A registry's host.
#[derive(Clone, Debug)]
pub(super) struct Host(pub(super) String);
word!(Host, |text| is_host(text).then(|| Self(text.to_owned())));

/// `1.22` or `1.22.3`.
#[derive(Clone, Debug)]
pub(super) struct GoVersion(pub(super) String);
word!(GoVersion, |text| {
    let parts: Vec<&str> = text.split('.').collect();
    let number =
        |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    ((1..=3).contains(&parts.len()) && parts.iter().all(number)).then(|| Self(text.to_owned()))
});

/// A system that Go builds for.
#[derive(Clone, Debug)]
pub(super) struct Goos(pub(super) String);
impl Goos {
    pub(super) const ALL: [&str; 1] = ["linux"];
}
word!(Goos, |text| Self::ALL
    .contains(&text)
    .then(|| Self(text.to_owned())));

/// A processor that Go builds for.
#[derive(Clone, Debug)]
pub(super) struct Goarch(pub(super) String);
impl Goarch {
    pub(super) const ALL: [&str; 7] = ["386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"];
}
word!(Goarch, |text| Self::ALL
    .contains(&text)
    .then(|| Self(text.to_owned())));

/// On or off, as numbers too.
#[derive(Clone, Debug)]
pub(super) struct Bit(pub(super) bool);
word!(Bit, |text| match text {
    "true" | "1" => Some(Self(true)),
    "false" | "0" => Some(Self(false)),
    _ => None,
});

/// On or off.
#[derive(Clone, Debug)]
pub(super) struct Switch(pub(super) bool);
word!(Switch, |text| text.parse().ok().map(Self));

/// A whole number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<const LEAST: u16, const MOST: u16>(pub(super) u16);

impl<const LEAST: u16, const MOST: u16> Word for Whole<LEAST, MOST> {
    fn word(text: &str) -> Result<Self, Option<String>> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok();
        number
            .filter(|number| digits && (LEAST..=MOST).contains(number))
            .map(Self)
            .ok_or(None)
    }
}

/// A variable's name.
#[derive(Clone, Debug)]
pub(super) struct Variable(pub(super) EnvKey);
word!(Variable, |text| text.parse().ok().map(Self));

/// A word of a command line.
#[derive(Clone, Debug)]
pub(super) struct Argument(pub(super) String);

impl Word for Argument {
    fn word(text: &str) -> Result<Self, Option<String>> {
        if text.contains('\0') {
            return Err(Some("a word cannot have a NUL in it".to_owned()));
        }
        if text.len() >= LONGEST {
            let why = format!("a word has at most {} bytes: Linux takes no more", LONGEST - 1);
            return Err(Some(why));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Bytes.
#[derive(Clone, Debug)]
pub(super) struct Memory(pub(super) u64);
word!(Memory, |text| resources::memory(text).map(Self));

/// Billionths of a processor.
#[derive(Clone, Debug)]
pub(super) struct Cpus(pub(super) u64);
word!(Cpus, |text| resources::cpus(text).map(Self));

/// A number of processes.
#[derive(Clone, Debug)]
pub(super) struct Pids(pub(super) u32);
word!(Pids, |text| resources::pids(text).map(Self));

/// What is asked of an app to see whether it is healthy.
#[derive(Clone, Debug)]
pub(super) struct HealthPath(pub(super) String);
word!(HealthPath, |text| settings::is_health_path(text)
    .then(|| Self(text.to_owned())));

/// A time that may be years.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) u32);
word!(Seconds, |text| {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Self)
});

word!(AppProtocol, AppProtocol::from_word);
word!(Lang, Lang::from_word);
word!(PlainHttp, PlainHttp::from_word);
word!(RestartPolicy, RestartPolicy::from_word);
word!(BranchName, |text| text.parse().ok());
word!(NetworkName, |text| text.parse().ok());
word!(ProxyProtocol, ProxyProtocol::from_word);

/// A port of the server with one of the container behind it, and what comes there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Port {
    /// Requests.
    Http(Ports),
    /// Connections.
    Tcp(TcpPort),
}

impl Port {
    /// The server's.
    pub(super) fn host(self) -> u16 {
        match self {
            Self::Http(ports) => ports.host,
            Self::Tcp(port) => port.host,
        }
    }
}

impl Word for Port {
    fn word(text: &str) -> Result<Self, Option<String>> {
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, protocol)) => (ports, Some(protocol)),
            None => (text, None),
        };
        let port: TcpPort = ports.parse().map_err(|_| None)?;
        match protocol {
            None => Ok(Self::Http(Ports {
                host: port.host,
                container: port.container,
            })),
            Some("tcp") => Ok(Self::Tcp(port)),
            Some("udp") => Err(Some(format!(
                "{text} cannot be: the traffic switch passes TCP on, and no UDP"
            ))),
            Some(_) => Err(None),
        }
    }
}

/// A value whose own error says why it cannot be.
macro_rules! parsed_word {
    ($($type:ty),*) => {
        $(impl Word for $type {
            fn word(text: &str) -> Result<Self, Option<String>> {
                text.parse().map_err(|error: <$type as std::str::FromStr>::Err| Some(error.to_string()))
            }
        })*
    };
}
parsed_word!(
    AppName,
    Capability,
    Command,
    DomainName,
    EnvironmentName,
    ImageRef,
    PathPrefix,
    RedirectTarget,
    Volume
);

impl Word for EnvValue {
    fn word(text: &str) -> Result<Self, Option<String>> {
        Self::new(text).ok_or_else(|| Some("a value cannot have a NUL in it".to_owned()))
    }
}
