//! A switch in a folder of its own.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use gokku_core::certificates::order::CertificateId;
use gokku_core::domains::domain::Domain;
use gokku_core::{AppName, ContainerId};
use gokku_proxy::control::api::{
    Drain, Drained, PutDomains, PutRoute, Refused, RouteStatus, SwitchTo, Target,
};
use gokku_proxy::control::client::Error;
use gokku_proxy::server::proxy::StartError;
use gokku_proxy::tls::certificate_store::{CertificateStore, Source};
use gokku_proxy::{Client, Config, Limits, Network, Proxy, ServiceManager, Switch};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::{Issued, Message, PATIENCE, Wire, certificate, until};

/// A switch, its folder and its client. It has threads of its own, which end with it, as a process does.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    running: Option<(Proxy, Threads)>,
    /// What the operator speaks through.
    pub(crate) client: Client,
    /// The next one's limits.
    pub(crate) limits: Limits,
    /// The proxies that the next one trusts.
    pub(crate) trusted: Vec<Network>,
    /// Whether these speak the PROXY protocol.
    pub(crate) proxy_protocol: bool,
    /// Whether the next one speaks HTTP/2 without TLS.
    pub(crate) h2c: bool,
    /// The port by which clients come to that of HTTPS, if it is another one.
    pub(crate) public_https: Option<u16>,
    /// The first of ten ports that are nobody else's.
    pub(crate) ports: u16,
}

/// A switch's threads. Dropping them ends everything on them without waiting for it.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    /// Ends everything on them, and waits for that.
    pub(crate) async fn end(mut self) {
        let runtime = self.0.take();
        tokio::task::spawn_blocking(move || drop(runtime)).await.unwrap();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Inside a runtime another one cannot be waited for.
            runtime.shutdown_background();
        }
    }
}

/// An app's name.
pub(crate) fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

/// A domain, perhaps with a path.
pub(crate) fn domain(text: &str) -> Domain {
    let (name, path) = text.find('/').map_or((text, "/"), |at| text.split_at(at));
    Domain {
        path: path.parse().unwrap(),
        ..Domain::whole(name.parse().unwrap())
    }
}

/// The first of ten ports that no other test has, and the kernel gives nobody.
pub(crate) fn free_ports() -> u16 {
    static TAKEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    // A test may be a process of its own, beside others: whoever has the first one's UDP port has them all.
    let blocks = 2000;
    let first = u16::try_from(std::process::id() % u32::from(blocks)).unwrap();
    let mut ports = (0..blocks).map(|at| 10_000 + (first + at) % blocks * 10);
    let mut taken = TAKEN.lock().unwrap();
    let port = ports.find_map(|port| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        taken.push(socket);
        Some(port)
    });
    port.expect("ten ports are free")
}

/// Why the switch refused.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refused {
    match result {
        Err(Error::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

impl Site {
    /// A running one.
    pub(crate) async fn new() -> Self {
        let mut site = Self::stopped();
        site.start().await.expect("the switch starts");
        site
    }

    /// A running one with other limits.
    pub(crate) async fn limited(limits: Limits) -> Self {
        let mut site = Self::stopped();
        site.limits = limits;
        site.start().await.expect("the switch starts");
        site
    }

    /// One that does not run yet.
    pub(crate) fn stopped() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-proxy-")
            .tempdir()
            .expect("a temporary folder");
        std::fs::create_dir(folder.path().join("proxy")).unwrap();
        Self {
            client: Client::new(folder.path().join("proxy.sock")),
            limits: Limits::default(),
            trusted: Vec::new(),
            proxy_protocol: false,
            folder,
            running: None,
            h2c: false,
            public_https: None,
            ports: free_ports(),
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            table: self.table(),
            socket: self.client.socket().to_owned(),
            bind: Some(Ipv4Addr::LOCALHOST.into()),
            http: self.http(),
            https: self.https(),
            public_http: None,
            public_https: self.public_https,
            h2c: self.h2c,
            certificates: self.certificates(),
            limits: self.limits.clone(),
            trusted_proxies: self.trusted.clone(),
            proxy_protocol: self.proxy_protocol,
            version: "1.2.3".to_owned(),
            take_over: false,
        }
    }

    /// The route table's file.
    pub(crate) fn table(&self) -> PathBuf {
        self.folder.path().join("proxy/routes.json")
    }

    /// The port of the domains: the last of its ports.
    pub(crate) fn http(&self) -> u16 {
        self.ports + 9
    }

    /// The same for https: the one before.
    pub(crate) fn https(&self) -> u16 {
        self.ports + 8
    }

    /// The folder of the certificates.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.folder.path().join("proxy/certs")
    }

    /// Writes a certificate, in place of the one of the same first name.
    pub(crate) fn write_certificate(&self, issued: &Issued) {
        let store = CertificateStore::of(Source::Own, &self.certificates());
        let certificate = certificate(issued);
        let id = CertificateId::first(certificate.name());
        store.add(&id, &certificate).expect("written");
    }

    /// Adds a certificate to those that are served.
    pub(crate) async fn add_certificate(&self, issued: &Issued) {
        self.write_certificate(issued);
        let status = self.client.reload_certificates().await.expect("read");
        assert_eq!(status.troubles, [""; 0]);
    }

    /// Gives an app its domains.
    pub(crate) async fn set_domains(&self, name: &str, domains: &[&str]) -> Result<RouteStatus, Error> {
        let domains = domains.iter().map(|text| domain(text)).collect();
        self.client.put_domains(&app(name), &PutDomains { domains }).await
    }

    /// Its last good copy.
    pub(crate) fn last_good(&self) -> PathBuf {
        self.folder.path().join("proxy/routes.json.last-good")
    }

    pub(crate) async fn start(&mut self) -> Result<(), StartError> {
        self.start_managed(ServiceManager::default()).await
    }

    /// Starts it as a service manager does.
    pub(crate) async fn start_managed(&mut self, manager: ServiceManager) -> Result<(), StartError> {
        self.running = Some(run(self.config(), manager).await?);
        Ok(())
    }

    /// Starts another one in the place of the one that runs, which answers its last requests: the handle is its end.
    pub(crate) async fn take_over(&mut self) -> JoinHandle<()> {
        self.try_take_over().await.expect("the switch is handed over")
    }

    /// The same, where the new one has a service manager of its own.
    pub(crate) async fn take_over_managed(&mut self, manager: ServiceManager) -> JoinHandle<()> {
        let done = self.try_take_over_managed(manager).await;
        done.expect("the switch is handed over")
    }

    /// The same; when it fails the one that runs goes on.
    pub(crate) async fn try_take_over(&mut self) -> Result<JoinHandle<()>, StartError> {
        self.try_take_over_managed(ServiceManager::default()).await
    }

    async fn try_take_over_managed(&mut self, manager: ServiceManager) -> Result<JoinHandle<()>, StartError> {
        let (old, threads) = self.running.take().expect("it runs");
        let config = Config {
            take_over: true,
            ..self.config()
        };
        let mut starting = tokio::spawn(run(config, manager));
        tokio::select! {
            new = &mut starting => match new.unwrap() {
                Ok(_) => panic!("the new one began before the old one let go"),
                Err(error) => {
                    self.running = Some((old, threads));
                    Err(error)
                }
            },
            successor = old.successor() => {
                let leaving = tokio::spawn(async move {
                    old.leave(successor, PATIENCE).await;
                    threads.end().await;
                });
                self.running = Some(starting.await.unwrap()?);
                self.all_run().await;
                Ok(leaving)
            }
        }
    }

    /// Where a switch waits for its successor.
    pub(crate) fn handover(&self) -> PathBuf {
        self.folder.path().join("handover.sock")
    }

    /// Ends it as SIGKILL does: every socket closes, no code of its own runs, and its files stay.
    pub(crate) async fn kill(&mut self) {
        let (proxy, threads) = self.running.take().expect("it runs");
        drop(proxy);
        threads.end().await;
    }

    /// Kills and starts it.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start().await.expect("the switch starts again");
        self.all_run().await;
    }

    /// As nobody watches the containers here, the switch is told that its targets run and are where they were.
    pub(crate) async fn all_run(&self) {
        for container in self.switch().containers() {
            let there = self
                .switch()
                .target(&container)
                .expect("a target")
                .facts()
                .address;
            let repaired = self.switch().mark_up(&container, there.ip()).await;
            repaired.expect("repaired");
        }
    }

    /// Begins to stop it. What still runs at the end is killed with the site.
    pub(crate) fn stop(&mut self, limit: Duration) -> JoinHandle<Threads> {
        let (proxy, threads) = self.running.take().expect("it runs");
        tokio::spawn(async move {
            proxy.stop(limit).await;
            threads
        })
    }

    /// The whole of it, as the daemon has it.
    pub(crate) fn proxy(&self) -> &Proxy {
        &self.running.as_ref().expect("it runs").0
    }

    /// The switch, as the supervisor in its process has it.
    pub(crate) fn switch(&self) -> &Switch {
        self.running.as_ref().expect("it runs").0.switch()
    }

    /// Gives the app `api` a port.
    pub(crate) async fn open(&self) -> u16 {
        let put = self.client.put(&app("api"), PutRoute::From(self.ports)).await;
        put.expect("a port").port.unwrap()
    }

    /// Gives another app a port, and its traffic to this target.
    pub(crate) async fn open_other(&self, name: &str, target: Target) -> u16 {
        let put = self.client.put(&app(name), PutRoute::From(self.ports)).await;
        let to = SwitchTo {
            targets: vec![target],
            ..SwitchTo::default()
        };
        self.client.switch(&app(name), &to).await.expect("a switch");
        put.expect("a port").port.unwrap()
    }

    /// Gives the app `api` a port, and its traffic to this target.
    pub(crate) async fn serve(&self, target: Target) -> u16 {
        let port = self.open().await;
        self.switch_to(target).await;
        port
    }

    /// Gives the app `api` a route without a port for HTTP, and its traffic to this target.
    pub(crate) async fn open_tcp(&self, target: Target) {
        let put = self.client.put(&app("api"), PutRoute::WithoutHttp).await;
        assert_eq!(put.expect("a route").port, None);
        self.switch_to(target).await;
    }

    /// Gives the traffic of `api` to this target, if that may be.
    pub(crate) async fn try_switch_to(&self, target: Target) -> Result<RouteStatus, Error> {
        self.try_switch_other("api", target).await
    }

    /// The same of another app.
    pub(crate) async fn try_switch_other(&self, name: &str, target: Target) -> Result<RouteStatus, Error> {
        let to = SwitchTo {
            targets: vec![target],
            ..SwitchTo::default()
        };
        self.client.switch(&app(name), &to).await
    }

    /// Gives the traffic of `api` to this target.
    pub(crate) async fn switch_to(&self, target: Target) -> RouteStatus {
        self.switch_to_all(vec![target]).await
    }

    /// Shares it among these.
    pub(crate) async fn switch_to_all(&self, targets: Vec<Target>) -> RouteStatus {
        let to = SwitchTo {
            targets,
            ..SwitchTo::default()
        };
        self.client.switch(&app("api"), &to).await.expect("a switch")
    }

    /// What is known of `api`.
    pub(crate) async fn route(&self) -> RouteStatus {
        self.client.route(&app("api")).await.expect("its route")
    }

    /// Drains a container.
    pub(crate) fn drain(
        &self,
        container: &str,
        limit: Duration,
        upgrade_limit: Duration,
    ) -> JoinHandle<Drained> {
        let client = self.client.clone();
        let drain = Drain {
            container: ContainerId::new(container),
            limit_ms: u64::try_from(limit.as_millis()).unwrap(),
            upgrade_limit_ms: u64::try_from(upgrade_limit.as_millis()).unwrap(),
        };
        tokio::spawn(async move { client.drain(&app("api"), &drain).await.expect("a drain") })
    }

    /// Waits until so many requests of `api` wait.
    pub(crate) async fn waiting(&self, requests: u64) {
        until(&format!("{requests} waiting requests"), async || {
            (self.route().await.waiting == requests).then_some(())
        })
        .await;
    }
}

/// Starts a switch on threads of its own.
async fn run(config: Config, manager: ServiceManager) -> Result<(Proxy, Threads), StartError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let starting = runtime.spawn(Proxy::start_managed(config, manager));
    let threads = Threads(Some(runtime));
    Ok((starting.await.unwrap()?, threads))
}

/// Asks on a connection of its own.
pub(crate) async fn get(port: u16, path: &str) -> Message {
    Wire::connect(port).await.get(path).await
}
