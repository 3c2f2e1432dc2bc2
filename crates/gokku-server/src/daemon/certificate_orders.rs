//! Certificates that are ordered for the domains of apps: what the keeper of certificates reaches in the daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gokku_acme::direction::{Look, look};
use gokku_acme::{Answers, Challenge, Client, Information, Issued, Request};
use gokku_core::AppName;
use gokku_core::certificates::direction::{self, Direction};
use gokku_core::certificates::draw::Draw;
use gokku_core::certificates::memory::Memory;
use gokku_core::certificates::order::CertificateId;
use gokku_core::certificates::proof::Proof;
use gokku_core::certificates::renewal::Validity;
use gokku_core::certificates::retry::Failure;
use gokku_core::domains::name::DomainName;
use gokku_core::logs::audit::Change;
use gokku_core::text::hex;
use gokku_core::text::utc_time::UtcTime;
use gokku_proxy::Proxy;
use gokku_proxy::support::clock;
use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::certificate_store::{CertificateStore, Source, StoreError, Stored};
use tokio::sync::Notify;

use crate::app::acme_config::AcmeConfig;
use crate::app::{certificates, server_config};
use crate::certificates::account_file::AccountFile;
use crate::certificates::keeper::Keeper;
use crate::certificates::memory_file;
use crate::certificates::outside::{Certificate as Held, Outside, Terms};
use crate::fs::root::Root;
use crate::os::random;
use crate::record::audit_log;
use crate::record::jsonl::{Watch, WatchFlags};
use crate::server::Server;

/// The port on which an authority asks for HTTP-01, RFC 8555 section 8.3.
const HTTP: u16 = 80;
/// How long each question takes by which it is looked where a name leads.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// Orders and renews certificates, for ever.
pub(crate) async fn keep(server: &Server, proxy: &Proxy) {
    let orders = Orders { server, proxy };
    let path = certificates::orders(&server.root);
    let loaded = crate::os::blocking::run(move || Ok::<_, crate::os::Error>(memory_file::load(&path)));
    let memory = match loaded.await {
        Ok(Ok(memory)) => memory,
        // What is lost of it costs an attempt that could have waited.
        Ok(Err(error)) => {
            tracing::error!("{error}; what was known of orders is forgotten");
            Memory::default()
        }
        Err(error) => {
            tracing::error!("{error}");
            Memory::default()
        }
    };
    let changed = proxy.changed();
    tokio::join!(
        Keeper::new(&orders, memory).run(changed),
        watch_settings(server, changed)
    );
}

/// Tells when `config.toml` has changed, for ever.
async fn watch_settings(server: &Server, changed: &Arc<Notify>) {
    let (root, changed) = (server.root.clone(), Arc::clone(changed));
    let path = root.config().display().to_string();
    // Waiting for files takes a thread; it ends with whoever waits for it.
    let watched = async {
        let (_ours, theirs) = UnixStream::pair()?;
        let watching = tokio::task::spawn_blocking(move || watch(&root, &changed, &theirs));
        watching.await.map_err(io::Error::other)?
    };
    if let Err(error) = watched.await {
        tracing::warn!("that {path} changes is seen late, with the next look at what is due: {error}");
    }
}

fn watch(root: &Root, changed: &Notify, until_gone: &UnixStream) -> io::Result<()> {
    let what = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::DELETE;
    let watch = Watch::begin(root.path(), what)?;
    let read = || std::fs::read(root.config()).unwrap_or_default();
    let mut before = read();
    until_gone.set_nonblocking(true)?;
    let end = OwnedFd::from(until_gone.try_clone()?);
    loop {
        watch.wait(Some(&end), None)?;
        let mut nothing = [0];
        // It is only ever closed.
        if (&mut &*until_gone).read(&mut nothing).is_ok() {
            return Ok(());
        }
        let now = read();
        if now != before {
            before = now;
            changed.notify_one();
        }
    }
}

/// Why something was not done.
type Failed = Box<dyn StdError + Send + Sync>;

/// Where orders come from and where certificates go.
struct Orders<'a> {
    server: &'a Server,
    proxy: &'a Proxy,
}

impl Orders<'_> {
    /// The settings as they are now; those that cannot be read are told elsewhere, and stand for nothing.
    fn config(&self) -> Option<server_config::ServerConfig> {
        server_config::read(&self.server.root).ok()
    }

    fn acme(&self) -> AcmeConfig {
        self.config().map(|config| config.acme).unwrap_or_default()
    }

    fn account(&self) -> AccountFile {
        AccountFile(certificates::account(&self.server.root))
    }

    fn app_of(&self, names: &[DomainName]) -> Option<AppName> {
        let wanted = self.proxy.domain_names();
        names.iter().find_map(|name| wanted.get(name).cloned())
    }

    fn note(&self, names: &[DomainName], change: Change) {
        let app = self.app_of(names);
        audit_log::note(&self.server.root, audit_log::DAEMON, app.as_ref(), change);
    }

    async fn direction_of(&self, name: &DomainName) -> Direction {
        let config = self.config().unwrap_or_default();
        // A request to oneself needs something that only this server answers.
        let token = random::bytes::<16>().map(|bytes| hex::encode(&bytes));
        let answer = random::bytes::<16>().map(|bytes| hex::encode(&bytes));
        let pair = token.ok().zip(answer.ok());
        if let Some((token, answer)) = &pair {
            self.proxy.put_http_challenge(name, token, answer);
        }
        let ports = BTreeSet::from([HTTP, config.proxy.http.get()]);
        let asked = Look {
            leads_here: &|address| config.acme.leads_here(address),
            answer: pair
                .as_ref()
                .map(|(token, answer)| (token.as_str(), answer.as_str())),
            ports: &ports,
            limit: LOOK_LIMIT,
        };
        let found = look(name, asked).await;
        if let Some((token, _)) = &pair {
            self.proxy.remove_http_challenge(token);
        }
        direction::of(&found)
    }

    /// Changes the certificates that were ordered, on disk and then in the switch.
    async fn change(
        &self,
        change: impl FnOnce(&CertificateStore) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), Failed> {
        let root = self.server.root.clone();
        let written = tokio::task::spawn_blocking(move || {
            let _lock = certificates::lock(&root)?;
            change(&CertificateStore::of(Source::Acme, &root.certificates()))?;
            Ok::<_, Failed>(())
        });
        written.await??;
        self.proxy.reload_certificates().await?;
        Ok(())
    }

    async fn put(&self, id: &CertificateId, issued: &Issued) -> Result<(), Failed> {
        let certificate = Certificate::parse(issued.chain.as_bytes(), issued.key.as_bytes())?;
        let names = certificate.names().to_vec();
        let change = Change::CertificateIssued {
            names: names.iter().map(ToString::to_string).collect(),
            until: certificate.not_after().to_string(),
        };
        let id = id.clone();
        self.change(move |store| store.add(&id, &certificate)).await?;
        self.note(&names, change);
        Ok(())
    }

    async fn remove(&self, id: &CertificateId) {
        let its = id.clone();
        match self.change(move |store| store.remove(&its).map(drop)).await {
            Ok(()) => {
                tracing::info!(%id, "a certificate that had ended and that no domain needs is removed");
            }
            Err(error) => tracing::warn!(%id, "{error}"),
        }
    }
}

impl Outside for Orders<'_> {
    fn now(&self) -> UtcTime {
        clock::now()
    }

    fn draw(&self) -> Draw {
        let bytes = random::bytes::<4>().unwrap_or_else(|error| {
            tracing::warn!("{}: {error}", random::SOURCE);
            [0; 4]
        });
        Draw(u32::from_ne_bytes(bytes))
    }

    fn terms(&self) -> Option<Terms> {
        let acme = self.config()?.acme;
        Some(Terms {
            settings: acme.settings(),
            directory: acme.directory().to_owned(),
        })
    }

    fn wanted(&self) -> Option<BTreeMap<DomainName, AppName>> {
        Some(self.proxy.domain_names())
    }

    fn held(&self) -> BoxFuture<'_, Vec<Held>> {
        let root = self.server.root.clone();
        // Each is read and checked: no runtime's thread waits for that.
        let loaded = tokio::task::spawn_blocking(move || certificates::load_all(&root).certificates);
        let held = |stored: Stored| Held {
            id: stored.id.filter(|_| stored.source == Source::Acme),
            names: stored.certificate.names().iter().cloned().collect(),
            validity: Validity {
                not_before: stored.certificate.not_before(),
                not_after: stored.certificate.not_after(),
            },
            der: stored.certificate.der().to_vec(),
        };
        async move { loaded.await.unwrap_or_default().into_iter().map(held).collect() }.boxed()
    }

    fn look<'a>(&'a self, name: &'a DomainName) -> BoxFuture<'a, Direction> {
        self.direction_of(name).boxed()
    }

    fn order<'a>(
        &'a self,
        names: &'a [(DomainName, Proof)],
        renews: Option<&'a [u8]>,
    ) -> BoxFuture<'a, Result<Issued, gokku_acme::Error>> {
        async move {
            let client = Client::new(self.acme().authority())?;
            let request = Request { names, renews };
            client.order(request, &self.account(), &Switch(self.proxy)).await
        }
        .boxed()
    }

    fn information<'a>(
        &'a self,
        certificate: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Information>, gokku_acme::Error>> {
        async move {
            let client = Client::new(self.acme().authority())?;
            client.renewal_information(certificate, &self.account()).await
        }
        .boxed()
    }

    fn install<'a>(&'a self, id: &'a CertificateId, issued: &'a Issued) -> BoxFuture<'a, Result<(), Failed>> {
        self.put(id, issued).boxed()
    }

    fn discard<'a>(&'a self, id: &'a CertificateId) -> BoxFuture<'a, ()> {
        self.remove(id).boxed()
    }

    fn failed(&self, names: &[DomainName], failure: &Failure) {
        let change = Change::CertificateFailed {
            names: names.iter().map(ToString::to_string).collect(),
            problem: failure.problem.clone(),
            said: failure.said.clone(),
        };
        tracing::warn!("{change}");
        self.note(names, change);
    }

    fn remember(&self, memory: &Memory) {
        if let Err(error) = memory_file::save(&certificates::orders(&self.server.root), memory) {
            tracing::error!("what is known of orders is not kept: {error}");
        }
    }
}

/// The traffic switch, which answers challenges.
struct Switch<'a>(&'a Proxy);

impl Answers for Switch<'_> {
    async fn publish(&self, challenge: &Challenge) -> Result<(), Failed> {
        match challenge {
            Challenge::Http { name, token, answer } => self.0.put_http_challenge(name, token, answer),
            Challenge::Tls {
                name,
                certificate,
                key,
            } => {
                let shown = Certificate::of_der(certificate, key.secret_der())?;
                self.0.put_challenge(name, shown).await;
            }
        }
        Ok(())
    }

    async fn withdraw(&self, challenge: &Challenge) {
        match challenge {
            Challenge::Http { token, .. } => self.0.remove_http_challenge(token),
            Challenge::Tls { name, .. } => self.0.remove_challenge(name).await,
        }
    }
}
