//! What is missing on this server, and what mends it; what apps have lost is in `integrity`, what the disks
//! are used for in `usage`. Which version the engine has is the Docker Engine's own: it is asked itself.

use std::process::{Command, Stdio};

use futures_util::future::BoxFuture;
use gokku_core::containers::{Isolated, labels};
use gokku_core::machine::subnet::Subnet;
use gokku_core::text::causes::causes;
use gokku_docker::Engine;
use gokku_git::{Difference, OLDEST_GIT, Repository, git_version};
use gokku_proxy::support::clock::now;
use serde::Serialize;

use crate::app::certificate_orders::Orders;
use crate::app::{self, apps};
use crate::command::{integrity, usage};
use crate::engine::runtime::Runtime;
use crate::plan::{isolation, networks};
use crate::server::Server;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// The command that mends it, when it is not.
    pub mend: Option<String>,
}

/// What ends an engine's silence: the containers stop with it, and are started again.
const MEND_SILENCE: &str = "systemctl restart docker";

/// Looks at everything.
pub fn examine(server: &Server) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(examine_all(server))
}

async fn examine_all(server: &Server) -> Vec<Finding> {
    let mut findings = vec![
        git(),
        program("sshd", &["-V"], "apt-get install --yes openssh-server"),
        folder(server),
    ];
    // Somebody waits: what is not answered once is not asked again.
    let connected = server.docker().await.map(Engine::brief);
    findings.extend(engine(server, &connected).await);
    findings.extend(switch(server).await);
    findings.extend(certificates(server));
    findings.extend(broken_apps(server));
    findings.extend(repositories(server));
    let runtime = connected.as_ref().ok().map(|engine| engine as &dyn Runtime);
    findings.extend(integrity::examine(server, runtime).await);
    findings.extend(usage::examine(server, runtime).await);
    findings
}

fn git() -> Finding {
    let what = "git";
    let told = |(major, minor)| format!("{major}.{minor}");
    match git_version() {
        Ok(Some(version)) if version < OLDEST_GIT => bad(
            what,
            format!(
                "version {}, and {} is the oldest whose pushes can be deployed",
                told(version),
                told(OLDEST_GIT)
            ),
            "apt-get install --yes git, from a newer release of the system".to_owned(),
        ),
        Ok(version) => good(
            what,
            format!("version {}", version.map_or("unknown".to_owned(), told)),
        ),
        Err(error) => bad(what, error.to_string(), "apt-get install --yes git".to_owned()),
    }
}

/// What is among the apps and cannot be read as one.
fn broken_apps(server: &Server) -> Vec<Finding> {
    let broken = apps::unreadable(&server.root).unwrap_or_default();
    let of = |(name, error): &(gokku_core::AppName, app::Error)| {
        let folder = server.app_dir(name).path();
        let mend = format!(
            "ls -l {0}: mend its app.toml, or move the folder away",
            folder.display()
        );
        bad("app", format!("{name}: {error}"), mend)
    };
    broken
        .iter()
        .filter(|(name, _)| server.access.allows(name))
        .map(of)
        .collect()
}

/// The apps' repositories: what in them is not as gokku makes it.
fn repositories(server: &Server) -> Vec<Finding> {
    let what = "repository";
    let apps = apps::visible(server).unwrap_or_default();
    let mut findings = Vec::new();
    for app in &apps {
        let name = &app.name;
        let repository = Repository::at(server.app_dir(name).repository());
        match repository.differences(&apps::hook(server, name)) {
            Ok(differences) => findings.extend(differences.iter().map(|difference| {
                let mend = mend(difference, &repository);
                bad(what, format!("{name}: {difference}"), mend)
            })),
            Err(error) => {
                let mend = format!("ls -l {}", repository.path().display());
                findings.push(bad(what, format!("{name}: {error}"), mend));
            }
        }
    }
    if findings.is_empty() && !apps.is_empty() {
        findings.push(good(
            "repositories",
            format!("{}, as gokku makes them", apps.len()),
        ));
    }
    findings
}

fn mend(difference: &Difference, repository: &Repository) -> String {
    let path = repository.path().display();
    match difference {
        // Both are looked at with each push over gokku, too.
        Difference::Setting { .. } | Difference::Hook(_) => "gokku proxy restart".to_owned(),
        Difference::Includes(key) => {
            format!("git config --file {path}/config --unset-all {key}")
        }
        Difference::Alternates(file) => {
            format!("git -C {path} repack -a -d && rm {}", file.display())
        }
        Difference::Format(_) => {
            "gokku apps destroy, and apps create: it is made anew in the usual format".to_owned()
        }
    }
}

fn folder(server: &Server) -> Finding {
    let path = server.root.path().display();
    match tempfile::tempfile_in(server.root.path()) {
        Ok(_) => good("folder", path.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => bad(
            "folder",
            format!("{path} belongs to another user"),
            format!("be that user, or give it to yours: sudo chown -R $USER {path}"),
        ),
        Err(error) => bad("folder", format!("{path}: {error}"), format!("df -h {path}")),
    }
}

async fn engine(server: &Server, connected: &Result<Engine, gokku_docker::Error>) -> Vec<Finding> {
    let what = "Docker Engine";
    let engine = match connected {
        Ok(engine) => engine,
        Err(error) if error.is_silence() => {
            return vec![bad(what, error.to_string(), MEND_SILENCE.to_owned())];
        }
        Err(error) => {
            let installed = Command::new("dockerd")
                .arg("--version")
                .stdout(Stdio::null())
                .status()
                .is_ok();
            let forbidden = std::os::unix::net::UnixStream::connect(&server.engine)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
            let mend = match (forbidden, installed) {
                (true, _) => "sudo usermod -aG docker $USER, then log in again",
                (false, true) => "systemctl start docker",
                (false, false) => "apt-get install --yes docker.io",
            };
            return vec![bad(what, error.to_string(), mend.to_owned())];
        }
    };
    let network = addresses(server, engine).await;
    let isolation = isolation(server, engine).await;
    let init = match engine.has_init().await {
        Ok(true) => good("init", "the engine has one for containers".to_owned()),
        Ok(false) => bad(
            "init",
            "the engine finds no docker-init: containers run without one, and a program that does not handle SIGTERM takes STOP_TIMEOUT to stop"
                .to_owned(),
            "apt-get install --yes --reinstall docker.io (or docker-ce: docker-init is in the engine's package)".to_owned(),
        ),
        Err(error) => bad("init", error.to_string(), "docker info".to_owned()),
    };
    vec![
        good(what, format!("{}, API {}", engine.version(), engine.api())),
        network,
        isolation,
        init,
    ]
}

/// Whether there are addresses for the networks of more apps.
async fn addresses(server: &Server, engine: &dyn Runtime) -> Finding {
    let what = "networks";
    let all = match engine.networks_with(&[]).await {
        Ok(all) => all,
        Err(error) => return bad(what, error.to_string(), "docker network ls".to_owned()),
    };
    let range = isolation::range(&server.root);
    let mut taken: Vec<Subnet> = all.iter().flat_map(|one| one.subnets.iter().copied()).collect();
    taken.extend(networks::routes());
    match range.free(&taken) {
        0 => bad(
            what,
            format!("{range} has no room for another one: no app can be made"),
            format!(
                "range = \"…\" below [networks] in {}",
                server.root.config().display()
            ),
        ),
        free => good(what, format!("{range} has room for {free} more")),
    }
}

/// Whether the networks of apps are kept apart. What the daemon does now and then for that is done here, too: so it is known
/// whether it can be.
async fn isolation(server: &Server, engine: &dyn Runtime) -> Finding {
    let what = "isolation";
    let root = server.root.label();
    match engine.networks_with(&[(labels::ROOT, &root)]).await {
        Ok(networks) if networks.is_empty() => {
            return good(what, "no app has a network yet".to_owned());
        }
        Ok(_) => {}
        Err(error) => return bad(what, error.to_string(), "docker network ls".to_owned()),
    }
    let range = isolation::range(&server.root);
    match isolation::isolate(engine, &server.root, range).await {
        Ok(Isolated::Already) => good(
            what,
            format!("the firewall lets nothing pass between networks of {range}"),
        ),
        Ok(Isolated::Now) => good(
            what,
            format!(
                "the firewall lets nothing pass between networks of {range}: the rule was not there, and was made"
            ),
        ),
        Ok(Isolated::ByEngine) => good(
            what,
            "this engine's own rules keep networks apart at every moment".to_owned(),
        ),
        Err(error) => bad(
            what,
            format!(
                "whenever a network is made, an app may reach another one's containers for a moment: {error}"
            ),
            "apt-get install --yes iptables, or a Docker Engine from 28 on".to_owned(),
        ),
    }
}

async fn switch(server: &Server) -> Vec<Finding> {
    use gokku_proxy::control::client::Error;
    let what = "traffic switch";
    let status = match server.switch.status().await {
        Ok(status) => status,
        // One that nobody has needed yet is not missing.
        Err(Error::NotRunning(_)) if !server.root.routes().exists() => {
            return vec![good(what, "not started yet: the first deploy does it".to_owned())];
        }
        Err(error @ Error::Forbidden(_)) => {
            return vec![bad(
                what,
                error.to_string(),
                "be the user who runs it, or use sudo".to_owned(),
            )];
        }
        Err(error) => return vec![bad(what, error.to_string(), "gokku proxy run".to_owned())],
    };
    let mut findings = vec![match &status.trouble {
        Some(trouble) => bad(
            what,
            format!("process {}: {trouble}", status.pid),
            "gokku restart -a APP, for each app; then gokku proxy restart".to_owned(),
        ),
        None if status.version != server.version => bad(
            what,
            format!(
                "process {} runs version {}, this program is {}",
                status.pid, status.version, server.version
            ),
            "gokku proxy restart".to_owned(),
        ),
        None => good(
            what,
            format!("process {}, {} routes", status.pid, status.routes.len()),
        ),
    }];
    findings.extend(status.routes.iter().filter_map(|route| {
        let trouble = route.trouble.clone()?;
        let ports: Vec<String> = route.ports().map(|port| port.to_string()).collect();
        let several = if ports.len() == 1 { "" } else { "s" };
        let mend = format!(
            "free port{several} {}, or give {} another one",
            ports.join(", "),
            route.app
        );
        Some(bad("port", format!("{}: {trouble}", route.app), mend))
    }));
    findings
}

/// The certificates: which cannot be used, and which cannot be had.
fn certificates(server: &Server) -> Vec<Finding> {
    let what = "certificate";
    let loaded = app::certificates::load_all(&server.root);
    let mut findings: Vec<Finding> = loaded
        .damaged
        .iter()
        .map(|error| {
            let mend = format!("ls -l {}, then gokku certs add", error.path().display());
            bad(what, causes(error), mend)
        })
        .collect();
    let orders = Orders::read(&server.root);
    findings.extend(orders.failures().map(|(name, failure)| {
        let of = name.map_or_else(String::new, |name| format!("{name}: "));
        let (problem, again) = (failure.problem.with(&failure.said), failure.next_attempt(now()));
        let found = format!("{of}{problem}; tried again at {again}");
        bad(what, found, failure.problem.advice().to_string())
    }));
    if findings.is_empty() && !loaded.certificates.is_empty() {
        let count = loaded.certificates.len();
        findings.push(good("certificates", format!("{count}, none of them failing")));
    }
    findings
}

pub(crate) fn good(what: &'static str, found: String) -> Finding {
    Finding {
        what,
        good: true,
        found,
        mend: None,
    }
}

pub(crate) fn bad(what: &'static str, found: String, mend: String) -> Finding {
    Finding {
        what,
        good: false,
        found,
        mend: Some(mend),
    }
}

fn program(name: &'static str, args: &[&str], mend: &str) -> Finding {
    let places = [name.to_owned(), format!("/usr/sbin/{name}")];
    let output = places
        .iter()
        .find_map(|place| Command::new(place).args(args).stdin(Stdio::null()).output().ok());
    match output {
        Some(output) => {
            let text = if output.stdout.is_empty() {
                output.stderr
            } else {
                output.stdout
            };
            good(
                name,
                String::from_utf8_lossy(&text)
                    .lines()
                    .next()
                    .unwrap_or("installed")
                    .to_owned(),
            )
        }
        None => bad(name, "it is not installed".to_owned(), mend.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use gokku_core::access::domain_grants::DomainGrants;
    use gokku_core::containers::NewNetwork;
    use gokku_core::machine::subnet::RANGE;
    use gokku_core::{Access, Asker};
    use gokku_proxy::control::client::Client;

    use super::*;
    use crate::engine::fake::Fake;
    use crate::fs::root::Root;

    fn server(folder: &std::path::Path) -> Server {
        let root = Root::open(folder).unwrap();
        Server {
            switch: Arc::new(Client::new(root.socket())),
            root,
            program: "/bin/true".into(),
            engine: "/no/engine".into(),
            version: "0".to_owned(),
            by: "test".to_owned(),
            access: Access::All,
            asker: Asker::Owner,
            domains: DomainGrants::default(),
            reached_at: None,
        }
    }

    #[tokio::test]
    async fn networks_that_cannot_be_kept_apart_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path());
        let engine = Fake::new(folder.path().to_owned());
        let found = async || isolation(&server, &engine).await;
        let none = found().await;
        assert!(
            none.good && none.found.contains("no app has a network"),
            "{none:?}"
        );
        assert_eq!(engine.world().isolation, None, "nothing is changed for nobody");

        let new = NewNetwork {
            names: vec!["gokku.api".to_owned()],
            labels: BTreeMap::from([(labels::ROOT.to_owned(), server.root.label())]),
            containers: 1,
            range: RANGE,
            avoid: Vec::new(),
        };
        engine.network_of_range(&new).await.unwrap();
        let made = found().await;
        assert!(
            made.good && made.found.ends_with("was not there, and was made"),
            "{made:?}"
        );
        let there = found().await;
        assert!(
            there.good && there.found.ends_with("networks of 10.213.0.0/16"),
            "{there:?}"
        );

        engine.world().no_firewall = Some("no iptables-restore".to_owned());
        let cannot = found().await;
        assert!(
            !cannot.good && cannot.found.contains("no iptables-restore"),
            "{cannot:?}"
        );
        assert!(
            cannot.found.contains("reach another one's containers"),
            "{cannot:?}"
        );
        assert!(cannot.mend.unwrap().contains("apt-get install --yes iptables"));
    }
}
