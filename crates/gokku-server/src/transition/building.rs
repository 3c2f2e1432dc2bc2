//! The step that makes a release's image: an earlier release's, where that was built from the same, or a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gokku_core::build::image_sources::ownership::Neighbours;
use gokku_core::build::languages::DOCKERIGNORE;
use gokku_core::containers::{Apart, BuildRequest, Generated, labels};
use gokku_core::logs::event::{Event, Source};
use gokku_core::machine::backoff::Backoff;
use gokku_core::release::build_key::made_before;
use gokku_core::release::disk::Taken;
use gokku_core::release::record::Record;
use gokku_core::transition::Cause;
use gokku_core::{AppName, ImageId, ReleaseId};
use tokio::time::{Instant, sleep};

use crate::app::{apps, code, records, registries};
use crate::engine::runtime::Runtime;
use crate::fs::{boot, disk};
use crate::plan::caches;
use crate::plan::release_plan::Plan;
use crate::transition::Error;
use crate::transition::driver::Driver;

/// How long the engine may take to end a build that nobody waits for any more.
const LATE: Duration = Duration::from_secs(3);

impl Driver {
    pub(crate) async fn build(&mut self) -> Result<(), Error> {
        let id = self.activation()?.release;
        let mut record = self.record(id)?;
        self.tell_notices();
        if boot::is_before(&self.dir.unwritten()) {
            // No release has anything of it; the builder's cache may.
            self.log.tell(Event::CacheDistrusted);
            self.without_cache = true;
        }
        let image = if let Some(image) = self.built_before(&record).await? {
            image
        } else {
            let (image, taken) = self.build_anew(id).await?;
            record.disk = Some(taken);
            image
        };
        record.image = Some(image);
        records::save(&self.dir, &record)?;
        self.begin_to_write().await;
        Ok(())
    }

    /// Tells what is to be told of the release's code, once.
    pub(crate) fn tell_notices(&mut self) {
        for notice in std::mem::take(&mut self.plan.notices) {
            self.log.tell(Event::Notice(notice));
        }
    }

    /// The image of an earlier release that was built from the same, with this release's name.
    async fn built_before(&mut self, record: &Record) -> Result<Option<ImageId>, Error> {
        let Some(key) = record.build.as_ref().filter(|_| !self.plan.rebuild) else {
            return Ok(None);
        };
        let records = records::list(&self.dir)?;
        for (earlier, image) in made_before(&records, key) {
            // What lost its code has an image of the same time.
            if let Some(loss) = code::loss(&self.dir, earlier) {
                self.log.tell(Event::ImageDistrusted(loss));
                self.without_cache = true;
                continue;
            }
            if self.runtime.image(image.as_str()).await?.is_none() {
                continue;
            }
            let (name, tag) = records::image_name(self.dir.app(), record.id);
            match self.runtime.tag(image.as_str(), &name, &tag).await {
                Ok(()) => {
                    self.log.tell(Event::ImageReused { release: earlier.id });
                    return Ok(Some(image.clone()));
                }
                // Somebody has removed it meanwhile.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The new image, and what it took of the disks.
    async fn build_anew(&mut self, id: ReleaseId) -> Result<(ImageId, Taken), Error> {
        let tree = self.dir.tree(id);
        if self.activation()?.cause != Cause::Deploy {
            // A release that was built before, and whose image is gone: how it is built was not read.
            self.plan = Plan::read(&self.dir, &tree, true)?;
        }
        let generated = self.plan.generated.as_ref().map(|detected| Generated {
            dockerfile: detected.dockerfile(),
            dockerignore: DOCKERIGNORE,
        });
        if let Some(detected) = &self.plan.generated {
            self.log.tell(Event::Detected(detected.summary.clone()));
        }
        let request = BuildRequest {
            folder: &tree,
            dockerfile: &self.plan.dockerfile,
            generated,
            tag: records::image_tag(self.dir.app(), id),
            labels: self.image_labels(id),
            args: self.plan.build_args(),
            secrets: self.plan.secrets.clone(),
            logins: registries::logins(self.dir.root())?,
            apart: self.apart()?,
            cache: !self.plan.rebuild && !self.without_cache,
        };
        boot::note(&self.dir.unwritten())?;
        let log = &mut self.log;
        let mut on_line = |line: String| {
            log.tell(Event::Output {
                source: Source::Build,
                line,
            });
        };
        let data = self.runtime.data_root().await.ok();
        let free = || data.as_deref().and_then(disk::free);
        let code = tree.clone();
        let code = tokio::task::spawn_blocking(move || disk::held(&code));
        let before = free();
        let built = self.runtime.build(&request, &mut on_line).await;
        let after = free();
        let unheard = built
            .as_ref()
            .is_err_and(gokku_core::containers::Error::is_silence);
        self.unheard_build = unheard.then_some(id);
        let image = built.map_err(|source| match &self.plan.generated {
            None => Error::from(source),
            Some(_) => Error::GeneratedBuild {
                app: self.dir.app().clone(),
                source,
            },
        })?;
        self.image = self.runtime.image(image.as_str()).await?;
        let taken = Taken {
            code: code.await.unwrap_or(0),
            image: self.image.as_ref().map_or(0, |image| image.size),
            build: before
                .zip(after)
                .map_or(0, |(before, after)| before.saturating_sub(after)),
        };
        Ok((image, taken))
    }

    /// From what its builds are kept apart.
    fn apart(&self) -> Result<Apart, Error> {
        let mut others: BTreeSet<AppName> = apps::names(self.dir.root())?.into_iter().collect();
        others.remove(self.dir.app());
        Ok(Apart {
            neighbours: Neighbours {
                root: self.dir.root().label(),
                own: self.dir.app().clone(),
                others,
            },
            caches: caches::of_app(&self.dir)?,
        })
    }

    pub(crate) fn image_labels(&self, id: ReleaseId) -> BTreeMap<String, String> {
        BTreeMap::from([
            (labels::ROOT.to_owned(), self.dir.root().label()),
            (labels::APP.to_owned(), self.dir.app().to_string()),
            (labels::RELEASE.to_owned(), id.to_string()),
        ])
    }
}

/// The engine may be about to end a build that nobody waits for any more: what comes of it goes, too.
pub(crate) async fn remove_late_image(
    app: &AppName,
    id: ReleaseId,
    engine: &dyn Runtime,
) -> Result<(), Error> {
    let tag = records::image_tag(app, id);
    let until = Instant::now() + LATE;
    let mut pause = Backoff::up_to(Duration::from_millis(200));
    while Instant::now() < until {
        if engine.image(&tag).await?.is_some() {
            return Ok(engine.remove_image(&tag).await?);
        }
        sleep(pause.take()).await;
    }
    Ok(())
}
