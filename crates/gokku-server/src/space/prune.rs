//! What is no longer kept goes: after a deploy, when there is no room for a build, and by `gokku prune`.
//!
//! Which releases that are is the core's to say (`gokku_core::release::retention`). Never is anything touched that does not carry this
//! server's label, and nothing of an app that somebody is at.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use gokku_core::config::gokku_yml::Deployment;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::{ImageFacts, PrunedCache, Usage, labels};
use gokku_core::logs::audit::Change;
use gokku_core::release::record::{Outcome, Record};
use gokku_core::release::retention::{Found, Going, Keep, going};
use gokku_core::{Access, AppName, ReleaseId};
use serde::Serialize;

use crate::app::{apps, records, server_config};
use crate::engine::runtime::Runtime;
use crate::fs::Error as FileError;
use crate::fs::app_dir::AppDir;
use crate::fs::root::Root;
use crate::fs::{atomic, disk};
use crate::plan::release_plan::Plan;
use crate::queue::journal;
use crate::queue::leftovers;
use crate::queue::lock::{self, AppLock, Attempt, Holder, Purpose};
use crate::record::audit_log;
use crate::server::Server;
use crate::space::Error;
use crate::transition::pull;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct PruneOptions {
    /// Only of this app; everything without.
    pub app: Option<AppName>,
    /// Nothing is removed, only said.
    pub dry_run: bool,
}

/// What kind of thing was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A release's image, or one that lost its name.
    Image,
    /// A release's code.
    Code,
    /// The code of a push whose deploy never began.
    Push,
    /// A file or folder that somebody who was killed has left half made.
    Leftover,
    /// A part of the build cache.
    BuildCache,
}

impl Kind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Code => "code",
            Self::Push => "push",
            Self::Leftover => "leftover",
            Self::BuildCache => "build cache",
        }
    }
}

/// Something that was removed, or would be.
#[derive(Clone, Debug, Serialize)]
pub struct Thing {
    /// What kind of thing.
    pub kind: Kind,
    /// Whose; none for what is no app's.
    pub app: Option<AppName>,
    /// Its name.
    pub name: String,
    /// How much that frees, in bytes, as far as it can be told: what another image or the build cache shares stays.
    pub bytes: u64,
}

/// Something that stays although it might have gone.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// Whose; none for what is no app's.
    pub app: Option<AppName>,
    /// Why, in words.
    pub why: String,
    /// Whether that is for now only, because somebody is at it.
    pub busy: bool,
}

/// What became of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Nothing was removed, only said.
    pub dry_run: bool,
    /// What was removed, or would be.
    pub removed: Vec<Thing>,
    /// What stays.
    pub skipped: Vec<Skipped>,
    /// How much that frees altogether, in bytes.
    pub bytes: u64,
}

/// How much of an app is kept, by what its `gokku.yml` says.
pub(crate) fn keep(deployment: &Deployment) -> Keep {
    Keep {
        images: deployment.keep_images,
        releases: deployment.keep_releases,
    }
}

/// Removes what is no longer kept, as somebody asks for it.
pub fn run<'a>(server: &'a Server, wanted: &'a PruneOptions) -> BoxFuture<'a, Result<Report, Error>> {
    Box::pin(prune(server, wanted))
}

async fn prune(server: &Server, wanted: &PruneOptions) -> Result<Report, Error> {
    let engine = server.runtime().await?;
    let mut pruning = Pruning::begin(server, &*engine, wanted.dry_run).await?;
    let names = match &wanted.app {
        Some(app) => vec![app.clone()],
        None => apps::visible(server)?.into_iter().map(|app| app.name).collect(),
    };
    for app in names {
        pruning.app(&app, false).await;
    }
    if wanted.app.is_none() && server.access == Access::All {
        pruning.no_apps().await?;
        pruning.cache().await?;
    }
    Ok(pruning.report)
}

/// The same for everything but the build cache, because there is no room; the lock of `held` is whoever calls'.
pub(crate) async fn for_room(
    server: &Server,
    engine: &dyn Runtime,
    held: Option<&AppName>,
) -> Result<Report, Error> {
    let mut pruning = Pruning::begin(server, engine, false).await?;
    for app in apps::list(&server.root)? {
        pruning.app(&app.name, held == Some(&app.name)).await;
    }
    pruning.no_apps().await?;
    Ok(pruning.report)
}

/// Notes that something was built: the daemon looks at the build cache then, when nobody waits for it.
pub(crate) fn note_build(root: &Root) {
    let path = root.cache_grew();
    if let Err(error) = std::fs::File::create(&path) {
        tracing::warn!("{}", FileError::file(&path, error));
    }
}

/// Whether something was built since this was last asked.
pub(crate) fn was_built(root: &Root) -> bool {
    std::fs::remove_file(root.cache_grew()).is_ok()
}

/// Keeps the build cache to its budget. What has to be removed for that is recorded.
pub(crate) async fn keep_cache(server: &Server, engine: &dyn Runtime) -> Result<(), Error> {
    let budget = server_config::read(&server.root)?.disk.build_cache;
    prune_cache(server, engine, budget.0).await.map(drop)
}

/// Removes of the build cache what is above so many bytes.
pub(crate) async fn prune_cache(
    server: &Server,
    engine: &dyn Runtime,
    keep: u64,
) -> Result<PrunedCache, Error> {
    let pruned = engine.prune_cache(keep).await?;
    if pruned.records > 0 {
        let change = Change::BuildCachePruned { bytes: pruned.bytes };
        audit_log::note(&server.root, &server.by, None, change);
    }
    Ok(pruned)
}

/// After a deploy: what its app no longer keeps. Whoever calls holds the app's lock. Gives what is still in use.
pub(crate) async fn beyond_keeping(
    dir: &AppDir,
    engine: &dyn Runtime,
    keep: Keep,
) -> Result<Vec<String>, Error> {
    let app = dir.app();
    let records = records::list(dir)?;
    let going = going(&records, records::active(dir), keep, &found(dir, &records));
    forget(dir, &records, &going)?;
    let mut in_use = Vec::new();
    for id in &going.images {
        let tag = records::image_tag(app, *id);
        if !forget_image(engine, &tag, digest(&records, *id)).await? {
            in_use.push(tag);
        }
    }
    remove_code(dir, &going)?;
    Ok(in_use)
}

/// Releases that are recorded as pruned and whose code is still there though it is not kept: whoever pruned them was killed in
/// its midst.
pub(crate) fn half_pruned(dir: &AppDir) -> BTreeSet<ReleaseId> {
    let is_pruned = |id: &ReleaseId| {
        let record = records::load(dir, *id);
        matches!(
            record,
            Ok(Some(Record {
                outcome: Outcome::Pruned,
                ..
            }))
        )
    };
    let pruned: BTreeSet<ReleaseId> = code(dir).filter(is_pruned).collect();
    let Some(records) = records::list(dir).ok().filter(|_| !pruned.is_empty()) else {
        return BTreeSet::new();
    };
    let keep = keep(&Plan::lenient(dir).config.deployment);
    let found = found(dir, &records);
    let going = going(&records, records::active(dir), keep, &found);
    going.code.intersection(&pruned).copied().collect()
}

/// Removes them. Whoever calls holds the app's lock.
pub(crate) async fn finish(dir: &AppDir, engine: &dyn Runtime) -> Result<(), Error> {
    let app = dir.app();
    for id in half_pruned(dir) {
        let record = records::load(dir, id)?;
        let digest = record.as_ref().and_then(|record| record.digest.as_ref());
        pull::forget(engine, &records::image_tag(app, id), digest).await?;
        atomic::remove_tree(&dir.tree(id))?;
    }
    Ok(())
}

/// The releases whose code is there.
fn code(dir: &AppDir) -> impl Iterator<Item = ReleaseId> {
    let entries = std::fs::read_dir(dir.releases());
    // The code's folder; the record beside it has another name.
    let id = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.into_iter().flatten().flatten().filter_map(id)
}

/// What there is of the releases, without asking the engine: those that are good have an image.
fn found(dir: &AppDir, records: &[Record]) -> Found {
    let good = records.iter().filter(|record| record.can_return());
    Found {
        images: good.map(|record| record.id).collect(),
        code: code(dir).collect(),
    }
}

/// First the records: a release that is half gone is not offered.
fn forget(dir: &AppDir, records: &[Record], going: &Going) -> Result<(), FileError> {
    for record in records {
        if going.records.contains(&record.id) {
            atomic::remove(&dir.record(record.id))?;
        } else if going.images.contains(&record.id) && record.can_return() {
            let mut record = record.clone();
            record.outcome = Outcome::Pruned;
            record.image = None;
            records::save(dir, &record)?;
        }
    }
    Ok(())
}

fn remove_code(dir: &AppDir, going: &Going) -> Result<(), FileError> {
    going
        .code
        .iter()
        .try_for_each(|id| atomic::remove_tree(&dir.tree(*id)))
}

/// What a release's image was pulled by.
fn digest(records: &[Record], id: ReleaseId) -> Option<&ImageRef> {
    let record = records.iter().find(|record| record.id == id)?;
    record.digest.as_ref()
}

/// Takes a name from an image, or removes one by its id; false when a container is made of it.
async fn remove_image(engine: &dyn Runtime, name: &str) -> Result<bool, Error> {
    forget_image(engine, name, None).await
}

/// The same for one that may have been pulled.
async fn forget_image(engine: &dyn Runtime, name: &str, digest: Option<&ImageRef>) -> Result<bool, Error> {
    match pull::forget(engine, name, digest).await {
        Err(gokku_core::containers::Error::Conflict(_)) => Ok(false),
        result => Ok(result?),
    }
}

/// Whether an app may be touched.
enum LockOutcome {
    /// With this lock.
    Taken(AppLock),
    /// Without one: nothing is removed, or whoever calls holds it.
    Granted,
    /// Somebody else is at it.
    Theirs,
}

struct Pruning<'a> {
    server: &'a Server,
    engine: &'a dyn Runtime,
    usage: Usage,
    report: Report,
}

impl<'a> Pruning<'a> {
    async fn begin(server: &'a Server, engine: &'a dyn Runtime, dry_run: bool) -> Result<Self, Error> {
        Ok(Self {
            server,
            engine,
            usage: engine.usage().await?,
            report: Report {
                dry_run,
                ..Report::default()
            },
        })
    }

    fn skip(&mut self, app: Option<&AppName>, why: String, busy: bool) {
        let app = app.cloned();
        self.report.skipped.push(Skipped { app, why, busy });
    }

    fn add(&mut self, kind: Kind, app: Option<&AppName>, name: String, bytes: u64) {
        self.report.bytes += bytes;
        let app = app.cloned();
        self.report.removed.push(Thing {
            kind,
            app,
            name,
            bytes,
        });
    }

    /// Records what has gone since the report had so many things.
    fn note(&self, app: Option<&AppName>, since: usize) {
        let gone = &self.report.removed[since..];
        if self.report.dry_run || gone.is_empty() {
            return;
        }
        let change = Change::Pruned {
            things: gone.len(),
            bytes: gone.iter().map(|thing| thing.bytes).sum(),
        };
        audit_log::note(&self.server.root, &self.server.by, app, change);
    }

    /// An app's, unless somebody is at it. One that cannot be looked at keeps no other from it.
    async fn app(&mut self, app: &AppName, held: bool) {
        let since = self.report.removed.len();
        let outcome = if held {
            Ok(LockOutcome::Granted)
        } else {
            self.take(app)
        };
        let result = match outcome {
            Ok(LockOutcome::Granted) => self.taken(app).await,
            Ok(LockOutcome::Taken(_lock)) => self.taken(app).await,
            Ok(LockOutcome::Theirs) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.skip(Some(app), error.to_string(), false);
        }
        self.note(Some(app), since);
    }

    /// Takes the app, unless somebody is at it, or was when it was killed.
    fn take(&mut self, app: &AppName) -> Result<LockOutcome, Error> {
        let dir = self.server.app_dir(app);
        let (outcome, other) = if self.report.dry_run {
            (LockOutcome::Granted, lock::holder(&dir)?.map(Some))
        } else {
            let holder = Holder {
                pid: std::process::id(),
                by: self.server.by.clone(),
                what: Purpose::Prune,
                id: ReleaseId::at(0),
            };
            match lock::try_acquire(&dir, &holder)? {
                Attempt::Got(lock) => (LockOutcome::Taken(lock), None),
                Attempt::Busy(other) => (LockOutcome::Theirs, Some(other)),
            }
        };
        let why = if let Some(other) = other {
            let who = other.map_or_else(|| "something".to_owned(), |other| other.to_string());
            format!("it is busy with {who}")
        } else if journal::load(&dir)?.is_some() {
            "a transition was cut off: the traffic switch's daemon ends it first".to_owned()
        } else {
            return Ok(outcome);
        };
        self.skip(Some(app), why, true);
        Ok(LockOutcome::Theirs)
    }

    /// What of an app goes, while nobody else is at it.
    async fn taken(&mut self, app: &AppName) -> Result<(), Error> {
        let dir = &self.server.app_dir(app);
        let label = dir.root().label();
        let mine = [(labels::ROOT, label.as_str()), (labels::APP, app.as_str())];
        let images = self.engine.images(&mine).await?;
        let records = records::list(dir)?;
        let active = records::active(dir);
        let keep = keep(&Plan::lenient(dir).config.deployment);
        let mut found = found(dir, &records);
        found.images.extend(images.iter().filter_map(release));
        let pulled = self.pulled(&records).await?;
        found.images.extend(pulled.keys());
        let going = going(&records, active, keep, &found);

        if !self.report.dry_run {
            forget(dir, &records, &going)?;
        }
        for image in &images {
            let release = release(image);
            let is_going = release.is_some_and(|id| going.images.contains(&id));
            // One that another image of the same release has taken the name from.
            let of_none = image.tags.is_empty()
                && !records
                    .iter()
                    .any(|record| record.image.as_ref() == Some(&image.id))
                && (active.is_none() || release != active);
            let tag = release.map(|id| records::image_tag(app, id));
            if is_going || of_none {
                self.image(app, image, |name| tag.as_deref() == Some(name))
                    .await?;
            }
        }
        for (id, (digest, image)) in pulled {
            if going.images.contains(&id) {
                self.pulled_image(app, id, &digest, &image).await?;
            }
        }
        for id in &going.code {
            let path = dir.tree(*id);
            self.add(Kind::Code, Some(app), id.to_string(), disk::held(&path));
        }
        let pushes: Vec<ReleaseId> = leftovers::leftovers(dir).collect();
        for id in pushes {
            let path = dir.incoming(id);
            self.add(Kind::Push, Some(app), id.to_string(), disk::held(&path));
        }
        if !self.report.dry_run {
            remove_code(dir, &going)?;
            leftovers::sweep(dir)?;
        }
        Ok(())
    }

    /// An image of an app: the names that gokku gave it go; the image with them, unless somebody has given it another.
    async fn image(
        &mut self,
        app: &AppName,
        image: &ImageFacts,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let names: Vec<&str> = if image.tags.is_empty() {
            vec![image.id.as_str()]
        } else {
            let ours = image.tags.iter().map(String::as_str);
            ours.filter(|name| is_ours(name)).collect()
        };
        let goes_whole = names.len() == image.tags.len().max(1);
        for (index, name) in names.iter().enumerate() {
            if !self.report.dry_run && !remove_image(self.engine, name).await? {
                let why = format!("the image {name} is in use by a container");
                self.skip(Some(app), why, true);
                break;
            }
            let last = goes_whole && index + 1 == names.len();
            let bytes = self.usage.images.get(&image.id).filter(|_| last);
            self.add(
                Kind::Image,
                Some(app),
                (*name).to_owned(),
                bytes.map_or(0, |image| image.alone()),
            );
        }
        Ok(())
    }

    /// The images of an app that were pulled, which carry no label.
    async fn pulled(&self, records: &[Record]) -> Result<BTreeMap<ReleaseId, (ImageRef, ImageFacts)>, Error> {
        let mut pulled = BTreeMap::new();
        for record in records {
            let Some(digest) = &record.digest else { continue };
            if let Some(image) = self.engine.image(digest.as_str()).await? {
                pulled.insert(record.id, (digest.clone(), image));
            }
        }
        Ok(pulled)
    }

    /// The same of one that was pulled: it goes once no release has a name for it.
    async fn pulled_image(
        &mut self,
        app: &AppName,
        id: ReleaseId,
        digest: &ImageRef,
        image: &ImageFacts,
    ) -> Result<(), Error> {
        let tag = records::image_tag(app, id);
        let goes_whole = image.tags.iter().all(|name| *name == tag);
        if !goes_whole && !image.tags.contains(&tag) {
            return Ok(());
        }
        if !self.report.dry_run && !forget_image(self.engine, &tag, Some(digest)).await? {
            let why = format!("the image {tag} is in use by a container");
            self.skip(Some(app), why, true);
            return Ok(());
        }
        let bytes = self.usage.images.get(&image.id).filter(|_| goes_whole);
        self.add(
            Kind::Image,
            Some(app),
            tag,
            bytes.map_or(0, |image| image.alone()),
        );
        Ok(())
    }

    /// What is no app's any more.
    async fn no_apps(&mut self) -> Result<(), Error> {
        let since = self.report.removed.len();
        let root = &self.server.root;
        let label = root.label();
        for image in self.engine.images(&[(labels::ROOT, &label)]).await? {
            let app = image
                .labels
                .get(labels::APP)
                .and_then(|app| app.parse::<AppName>().ok());
            // Looked for after the images: those of an app that is made meanwhile are not among them.
            let Some(app) = app.filter(|app| !self.server.app_dir(app).path().exists()) else {
                continue;
            };
            let ours = format!("{app}:");
            self.image(&app, &image, |name| name.starts_with(&ours)).await?;
        }
        let root = &self.server.root;
        for folder in [root.path().to_owned(), root.apps()] {
            for path in atomic::left(&folder).collect::<Vec<_>>() {
                self.add(
                    Kind::Leftover,
                    None,
                    path.display().to_string(),
                    disk::held(&path),
                );
            }
            if !self.report.dry_run {
                atomic::sweep(&folder);
            }
        }
        self.note(None, since);
        Ok(())
    }

    /// The build cache beyond its budget.
    async fn cache(&mut self) -> Result<(), Error> {
        let budget = server_config::read(&self.server.root)?.disk.build_cache;
        let bytes = if self.report.dry_run {
            self.usage.cache.saturating_sub(budget.0)
        } else {
            prune_cache(self.server, self.engine, budget.0).await?.bytes
        };
        if bytes > 0 {
            self.add(Kind::BuildCache, None, format!("beyond {budget}"), bytes);
        }
        Ok(())
    }
}

fn release(image: &ImageFacts) -> Option<ReleaseId> {
    image.labels.get(labels::RELEASE)?.parse().ok()
}
