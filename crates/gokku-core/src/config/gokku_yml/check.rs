//! What was read, as what counts: what belongs together is compared, and defaults are filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::app::branch_name::BranchName;
use crate::app::name::AppName;
use crate::app::process_key::ProcessType;
use crate::config::build_inputs::{BuildInputs, OWN_ARGS};
use crate::config::env_file::{EnvKey, EnvValue, can_be_given};
use crate::config::image_ref::Use;
use crate::config::privileges::Capability;
use crate::config::resources::{PIDS, Resources};
use crate::config::settings::PORT;
use crate::config::tcp_port::{MOST_TCP_PORTS, TcpPort};
use crate::config::volume::Source;
use crate::domains::domain::Domain;

use super::config::{
    AppConfig, BuildKeys, Deployment, Environment, Health, HostPort, Placed, Ports, ProcessConfig,
};
use super::node::Place;
use super::raw::{self, Argument};
use super::reading::{Given, List, Named, Or, Reader};

/// What counts of an app: what is said of it, and the defaults of all.
pub(super) fn app(
    name: &AppName,
    said: &raw::App,
    defaults: Option<&raw::App>,
    registries: &[String],
    reader: &mut Reader<'_>,
) -> AppConfig {
    let whole = defaults.map_or_else(|| said.clone(), |defaults| said.or(defaults));
    let mut build = build_keys(&whole, reader);
    let mut ready = None;
    if let Some(image) = &whole.image {
        match image.value.used_as(registries) {
            Ok(Use::Base) => build.image = Some(placed(image, image.value.clone(), reader)),
            Ok(Use::Ready) => {
                ready = Some(image.value.clone());
                nothing_is_built(said, reader);
                build = BuildKeys::default();
            }
            Err(unknown) => reader.note(image.place, format!("image: {unknown}")),
        }
    }
    web_is_said_once(&whole, reader);
    let whole_command = |list: Option<List<Given<Argument>>>| list.map(words);
    if let Some(command) = whole.command.as_ref().filter(|list| list.items.is_empty()) {
        reader.note(
            command.place,
            "command: an empty list cannot be: it is a list of words, at least one",
        );
    }
    let host_ports = host_ports(&whole, reader);
    let (ports, tcp_ports) = whole
        .ports
        .as_ref()
        .map(|list| ports(list, reader))
        .unwrap_or_default();
    if let (Some(version), true) = (&said.proxy_protocol, tcp_ports.is_empty()) {
        let what = "proxy_protocol is for TCP ports, and ports names none: on its HTTP port the app is told in X-Forwarded-For";
        reader.note(version.place, what);
    }
    let environments = whole
        .environments
        .map(|list| environments(list, reader))
        .unwrap_or_default();
    if ports.is_none() && !tcp_ports.is_empty() {
        no_domains(&environments, reader);
    }
    let network = whole.network.unwrap_or_default();
    let dockerfile = whole.dockerfile.filter(|_| ready.is_none());
    AppConfig {
        path: whole.path.map(|path| path.value.0).unwrap_or_default(),
        binary_name: whole.binary_name.map(|name| name.value.0),
        dockerfile: dockerfile.map(|path| path.value.0),
        build,
        given: match ready {
            Some(_) => BuildInputs::default(),
            None => given(whole.build.unwrap_or_default(), reader),
        },
        image: ready,
        env: whole.env.map(|named| env(named, reader)).unwrap_or_default(),
        ports,
        tcp_ports,
        volumes: whole
            .volumes
            .map(|list| volumes(list, reader))
            .unwrap_or_default(),
        network: network.name.map(|name| name.value),
        reaches: network
            .apps
            .map(|list| reaches(name, list, reader))
            .unwrap_or_default(),
        environments,
        deployment: whole
            .deployment
            .map(|raw| deployment(raw, reader))
            .unwrap_or_default(),
        health: whole
            .health
            .map(|raw| Health {
                path: raw.path.map(|path| path.value.0),
                timeout: raw.timeout.map(|seconds| seconds_of(seconds.value.0)),
            })
            .unwrap_or_default(),
        entrypoint: whole_command(whole.entrypoint),
        command: whole_command(whole.command),
        init: whole.init.map(|given| given.value.0),
        protocol: whole.protocol.map(|given| given.value).unwrap_or_default(),
        error_pages: whole.error_pages.map(|given| given.value.0).unwrap_or_default(),
        compression: whole.compression.is_some_and(|given| given.value.0),
        proxy_protocol: whole.proxy_protocol.map(|given| given.value),
        resources: whole
            .resources
            .map(|raw| Resources {
                memory: raw.memory.map(|given| given.value.0),
                nano_cpus: raw.cpus.map(|given| given.value.0),
                pids: raw.pids.map_or(PIDS, |given| given.value.0),
            })
            .unwrap_or_default(),
        capabilities: whole
            .capabilities
            .map(|list| capabilities(list, reader))
            .unwrap_or_default(),
        no_new_privileges: whole.no_new_privileges.is_some_and(|given| given.value.0),
        host_ports,
        processes: processes(whole.processes.unwrap_or_default(), reader),
    }
}

fn placed<T, U>(at: &Given<T>, value: U, reader: &Reader<'_>) -> Placed<U> {
    Placed {
        value,
        file: reader.file().to_owned(),
        line: at.place.line,
        column: at.place.column,
    }
}

fn build_keys(raw: &raw::App, reader: &Reader<'_>) -> BuildKeys {
    fn one<T, U>(
        given: Option<&Given<T>>,
        reader: &Reader<'_>,
        value: impl Fn(&T) -> U,
    ) -> Option<Placed<U>> {
        given.map(|given| placed(given, value(&given.value), reader))
    }
    BuildKeys {
        lang: one(raw.lang.as_ref(), reader, |lang| *lang),
        workdir: one(raw.workdir.as_ref(), reader, |path| path.0.clone()),
        go_version: one(raw.go_version.as_ref(), reader, |version| version.0.clone()),
        goos: one(raw.goos.as_ref(), reader, |system| system.0.clone()),
        goarch: one(raw.goarch.as_ref(), reader, |processor| processor.0.clone()),
        cgo_enabled: one(raw.cgo_enabled.as_ref(), reader, |on| on.0),
        binary_name: one(raw.binary_name.as_ref(), reader, |_| ()),
        image: None,
    }
}

/// What a build is given.
fn given(raw: raw::Build, reader: &mut Reader<'_>) -> BuildInputs {
    let mut given = BuildInputs::default();
    for (name, value) in raw.args.unwrap_or_default().entries {
        if OWN_ARGS.contains(&name.value.as_str()) {
            let what = format!("build.args: {} is what gokku itself says", name.value);
            reader.note(name.place, what);
        }
        if !name.value.is_plain() {
            let what = format!(
                "build.args: {:?} is no name for a Dockerfile's ARG: it is letters, digits and _, not beginning with a digit",
                name.value.as_str()
            );
            reader.note(name.place, what);
        }
        // A step that runs gets it as it gets every variable.
        let whole = EnvValue::new(value.value.0.clone());
        if let Some(Err(wrong)) = whole.map(|whole| can_be_given(&name.value, &whole)) {
            reader.note(value.place, format!("build.args: {wrong}"));
        }
        let placed = placed(&value, value.value.0.clone(), reader);
        given.args.push((name.value, placed));
    }
    for name in raw.secrets.map(|list| list.items).unwrap_or_default() {
        let key = &name.value.0;
        let of_args = given.args.iter().map(|(key, _)| key);
        let mut others = of_args.chain(given.secrets.iter().map(|placed| &placed.value));
        if others.any(|other| other == key) {
            reader.refuse("build.secrets", name.place, key.as_str());
        }
        let placed = placed(&name, key.clone(), reader);
        given.secrets.push(placed);
    }
    given
}

/// What an app with a ready image says of a build would do nothing. The defaults may say it, for other apps.
fn nothing_is_built(said: &raw::App, reader: &mut Reader<'_>) {
    if said.image.is_none() {
        return;
    }
    let places = [
        ("dockerfile", said.dockerfile.as_ref().map(|given| given.place)),
        ("lang", said.lang.as_ref().map(|given| given.place)),
        ("workdir", said.workdir.as_ref().map(|given| given.place)),
        ("binary_name", said.binary_name.as_ref().map(|given| given.place)),
        ("go_version", said.go_version.as_ref().map(|given| given.place)),
        ("goos", said.goos.as_ref().map(|given| given.place)),
        ("goarch", said.goarch.as_ref().map(|given| given.place)),
        ("build", said_of_build(said)),
        ("cgo_enabled", said.cgo_enabled.as_ref().map(|given| given.place)),
    ];
    for (key, place) in places {
        if let Some(place) = place {
            reader.note(
                place,
                format!("{key} would do nothing: the image of the app is ready, and nothing is built. Leave it away"),
            );
        }
    }
}

fn said_of_build(said: &raw::App) -> Option<Place> {
    let build = said.build.as_ref()?;
    let args = build.args.iter().flat_map(|named| &named.entries);
    let secrets = build.secrets.iter().flat_map(|list| &list.items);
    let mut places = args
        .map(|(name, _)| name.place)
        .chain(secrets.map(|name| name.place));
    places.next()
}

fn web_is_said_once(raw: &raw::App, reader: &mut Reader<'_>) {
    let of_app = raw.command.is_some() || raw.entrypoint.is_some();
    let processes = raw.processes.as_ref().map_or(&[][..], |named| &named.entries);
    let web = processes.iter().find(|(kind, _)| kind.value.is_web());
    if let (true, Some(command)) = (of_app, web.and_then(|(_, web)| web.command.as_ref())) {
        let what =
            "processes.web.command: `command` or `entrypoint` says what web runs, too: keep one of them";
        reader.note(command.place, what);
    }
}

fn words(list: List<Given<Argument>>) -> Vec<String> {
    list.items.into_iter().map(|word| word.value.0).collect()
}

fn env(named: Named<EnvKey, Given<EnvValue>>, reader: &mut Reader<'_>) -> Vec<(EnvKey, EnvValue)> {
    let pairs = named.entries.into_iter();
    let pairs = pairs.map(|(key, value)| {
        if let Err(wrong) = can_be_given(&key.value, &value.value) {
            reader.note(value.place, format!("env: {wrong}"));
        }
        (key.value, value.value)
    });
    pairs.collect()
}

fn seconds_of(seconds: u16) -> Duration {
    Duration::from_secs(seconds.into())
}

fn ports(list: &List<Given<raw::Port>>, reader: &mut Reader<'_>) -> (Option<Ports>, Vec<TcpPort>) {
    if list.written == 0 {
        reader.note(
            list.place,
            "ports: an empty list cannot be: it names a port, or is left away",
        );
    }
    let (mut http, mut tcp) = (None, Vec::new());
    let mut seen = BTreeSet::new();
    for given in &list.items {
        let host = given.value.host();
        if !seen.insert(host) {
            let what = format!(
                "ports: {host} stands here twice, and a port of the server leads to one of the container"
            );
            reader.note(given.place, what);
        }
        match given.value {
            raw::Port::Http(ports) if http.is_none() => http = Some(ports),
            raw::Port::Http(ports) => {
                let what = format!(
                    "ports: an app has one port for HTTP, and this is another one: for TCP it is {}:{}/tcp",
                    ports.host, ports.container
                );
                reader.note(given.place, what);
            }
            raw::Port::Tcp(port) => tcp.push(port),
        }
    }
    if tcp.len() > MOST_TCP_PORTS {
        let what = format!(
            "ports: {} TCP ports are too many: at most {MOST_TCP_PORTS}",
            tcp.len()
        );
        reader.note(list.place, what);
    }
    (http, tcp)
}

/// `ports` counts before every `PORT`; without it any of those may, because variables can be set and unset.
fn host_ports(raw: &raw::App, reader: &Reader<'_>) -> Vec<Placed<HostPort>> {
    let said = raw.ports.iter().flat_map(|list| &list.items);
    let said: Vec<_> = said
        .map(|ports| {
            let found = HostPort {
                port: ports.value.host(),
                key: "ports",
                environment: None,
            };
            placed(ports, found, reader)
        })
        .collect();
    if !said.is_empty() {
        return said;
    }
    let environments = raw.environments.iter().flat_map(|list| &list.items);
    let of_environments = environments.filter_map(|one| {
        let name = one.name.as_ref()?.value.clone();
        Some(("environments[].env", one.env.as_ref()?, Some(name)))
    });
    let of_app = raw.env.as_ref().map(|named| ("env", named, None));
    let all = of_app.into_iter().chain(of_environments);
    all.flat_map(|(key, named, environment)| {
        let ports = named
            .entries
            .iter()
            .filter(|(name, _)| name.value.as_str() == PORT);
        ports.filter_map(move |(_, value)| {
            let found = HostPort {
                port: value.value.expose().parse().ok()?,
                key,
                environment: environment.clone(),
            };
            Some(placed(value, found, reader))
        })
    })
    .collect()
}

fn capabilities(list: List<Given<Capability>>, reader: &mut Reader<'_>) -> Vec<Placed<Capability>> {
    let mut capabilities: Vec<Placed<Capability>> = Vec::new();
    for given in list.items {
        if capabilities.iter().any(|there| there.value == given.value) {
            let what = format!("capabilities: {} stands here twice", given.value);
            reader.note(given.place, what);
        }
        capabilities.push(placed(&given, given.value, reader));
    }
    capabilities
}

fn volumes(
    list: List<Given<crate::config::volume::Volume>>,
    reader: &mut Reader<'_>,
) -> Vec<crate::config::volume::Volume> {
    let mut volumes: Vec<crate::config::volume::Volume> = Vec::new();
    for given in list.items {
        if volumes.iter().any(|there| there.target == given.value.target) {
            let what = format!("volumes: two are mounted at {}", given.value.target);
            reader.note(given.place, what);
        }
        if matches!(&given.value.source, Source::Folder(folder) if folder == "/") {
            reader.note(given.place, "volumes: / would give the app the whole server");
        }
        volumes.push(given.value);
    }
    volumes
}

/// Each is a network more, and an interface in each container.
const MOST_REACHED: usize = 32;

fn reaches(app: &AppName, list: List<Given<AppName>>, reader: &mut Reader<'_>) -> BTreeSet<AppName> {
    if list.written > MOST_REACHED {
        let what = format!(
            "network.apps: {} apps are too many: at most {MOST_REACHED}",
            list.written
        );
        reader.note(list.place, what);
    }
    // In `defaults` it may be said for all, each but itself.
    let others = list.items.into_iter().map(|given| given.value);
    others.filter(|other| other != app).collect()
}

fn environments(list: List<raw::Environment>, reader: &mut Reader<'_>) -> Vec<Environment> {
    let mut environments: Vec<Environment> = Vec::new();
    for raw in list.items {
        // That there is none, or a wrong one, was noted.
        let Some(name) = raw.name else { continue };
        if environments.iter().any(|there| there.name == name.value) {
            let what = format!("environments[].name: {:?} stands here twice", name.value.as_str());
            reader.note(name.place, what);
        }
        environments.push(Environment {
            name: name.value,
            branch: raw.branch.map_or_else(BranchName::main, |branch| branch.value),
            env: raw.env.map(|named| env(named, reader)).unwrap_or_default(),
            domains: raw.domains.map(|list| domains(list, reader)).unwrap_or_default(),
        });
    }
    environments
}

/// Domains lead to a port for HTTP.
fn no_domains(environments: &[Environment], reader: &mut Reader<'_>) {
    let domains = environments.iter().flat_map(|environment| &environment.domains);
    for domain in domains {
        let what = format!(
            "environments[].domains: {} would lead nowhere: all ports are for TCP, and domains lead to the one for HTTP, which is written without /tcp",
            domain.value
        );
        let place = Place {
            line: domain.line,
            column: domain.column,
        };
        reader.note(place, what);
    }
}

/// They are told to the traffic switch in one message.
const MOST_DOMAINS: usize = 1000;

fn domains(list: List<raw::Domain>, reader: &mut Reader<'_>) -> Vec<Placed<Domain>> {
    if list.written > MOST_DOMAINS {
        let what = format!(
            "environments[].domains: {} domains are too many: at most {MOST_DOMAINS}",
            list.written
        );
        reader.note(list.place, what);
    }
    let mut domains: Vec<Placed<Domain>> = Vec::new();
    for raw in list.items {
        // That there is none, or a wrong one, was noted.
        let Some(name) = raw.name else { continue };
        let domain = Domain {
            path: raw.path.map(|path| path.value).unwrap_or_default(),
            strip_path: raw.strip_path.as_ref().is_some_and(|strip| strip.value.0),
            redirect_to: raw.redirect_to.map(|to| Box::new(to.value)),
            http: raw.http.map(|http| http.value).unwrap_or_default(),
            hsts: raw.hsts.map(|hsts| hsts.value.0),
            ..Domain::whole(name.value.clone())
        };
        if let Some(strip) = raw.strip_path.filter(|_| domain.strip_path) {
            if domain.path.is_root() {
                let what =
                    "environments[].domains[].strip_path takes away what `path` names, which is not given";
                reader.note(strip.place, what);
            }
            if domain.redirect_to.is_some() {
                let what = "environments[].domains[].strip_path is for what the app gets, and with `redirect_to` it gets nothing";
                reader.note(strip.place, what);
            }
        }
        let www = raw.www.filter(|www| www.value.0).and_then(|www| {
            let other = domain.redirected_www().filter(|_| domain.redirect_to.is_none());
            if other.is_none() {
                let what = "environments[].domains[].www sends another name's requests to this one, which is a wildcard or a redirect itself";
                reader.note(www.place, what);
            }
            other
        });
        for domain in [Some(domain), www].into_iter().flatten() {
            if domains.iter().any(|there| there.value.claims_same(&domain)) {
                let what = format!("environments[].domains: {domain} stands here twice");
                reader.note(name.place, what);
            }
            domains.push(placed(&name, domain, reader));
        }
    }
    domains
}

fn deployment(raw: raw::Deployment, reader: &mut Reader<'_>) -> Deployment {
    let defaults = Deployment::default();
    let number = |given: &raw::Whole<1, 100>| usize::from(given.0);
    let releases = raw.keep_releases.as_ref().map(|given| number(&given.value));
    let images = raw.keep_images.as_ref().map(|given| number(&given.value));
    if let (Some(releases), Some(images), Some(given)) = (releases, images, &raw.keep_images)
        && images > releases
    {
        let what = format!(
            "deployment.keep_images: {images} images of {releases} releases (keep_releases) cannot be kept"
        );
        reader.note(given.place, what);
    }
    Deployment {
        keep_images: images.unwrap_or_else(|| defaults.keep_images.min(releases.unwrap_or(usize::MAX))),
        keep_releases: releases,
        restart_policy: raw
            .restart_policy
            .map_or(defaults.restart_policy, |given| given.value),
        restart_delay: raw
            .restart_delay
            .map_or(defaults.restart_delay, |given| seconds_of(given.value.0)),
        post_deploy: raw
            .post_deploy
            .map(|list| list.items.into_iter().map(|command| command.value).collect())
            .unwrap_or_default(),
    }
}

fn processes(
    named: Named<ProcessType, raw::Process>,
    reader: &mut Reader<'_>,
) -> BTreeMap<ProcessType, ProcessConfig> {
    let mut processes = BTreeMap::new();
    for (kind, raw) in named.entries {
        if kind.value.is_web() {
            let overlap = raw.overlap.as_ref().map(|given| given.place);
            let stay_up = raw.stay_up.as_ref().map(|given| given.place);
            let check = raw.check.as_ref().map(|given| given.place);
            if let Some(place) = overlap.or(stay_up).or(check) {
                let what = "processes.web: its new one runs beside the old one as ZERO_DOWNTIME says, and is good when it answers";
                reader.note(place, what);
            }
        }
        if let (Some(_), Some(check)) = (&raw.stay_up, &raw.check) {
            let what = "processes.<type>.check says when it is good, and so does stay_up: keep one of them";
            reader.note(check.place, what);
        }
        let process = ProcessConfig {
            command: raw.command.map(|given| given.value),
            count: raw.count.map(|given| given.value.0),
            overlap: raw.overlap.map(|given| given.value.0),
            stay_up: raw.stay_up.map(|given| seconds_of(given.value.0)),
            check: raw.check.map(|given| given.value),
        };
        processes.insert(kind.value, process);
    }
    processes
}
