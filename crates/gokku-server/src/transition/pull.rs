//! Releases whose image is pulled and not built.

use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::Login;
use gokku_core::logs::event::{Event, Source};
use gokku_core::release::disk::Taken;

use crate::app::{records, registries};
use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::transition::Error;
use crate::transition::driver::Driver;

impl Driver {
    /// Pulls a release's image: by its digest once that is known, so that a tag which moves changes no release.
    pub(crate) async fn pull(&mut self) -> Result<(), Error> {
        let mut record = self.record(self.activation()?.release)?;
        self.tell_notices();
        let Some(reference) = record.reference.clone() else {
            return Err(Error::NoReference(record.id));
        };
        let login = registries::for_image(self.dir.root(), &reference)?;
        let wrong = |error| not_pulled(&reference, login.as_ref(), error);
        let digest = match &record.digest {
            Some(digest) => digest.clone(),
            None => self
                .runtime
                .digest_of(&reference, login.as_ref())
                .await
                .map_err(wrong)?,
        };
        // Recorded before it is pulled: what there is of it is removed by the record.
        record.digest = Some(digest.clone());
        records::save(&self.dir, &record)?;
        let log = &mut self.log;
        let mut on_line = |line: String| {
            log.tell(Event::Output {
                source: Source::Build,
                line,
            });
        };
        on_line(format!("digest {}", digest.digest().unwrap_or_default()));
        let pulled = self.runtime.pull(&digest, login.as_ref(), &mut on_line).await;
        pulled.map_err(wrong)?;
        let found = self.runtime.image(digest.as_str()).await?;
        let image = found.ok_or(Error::PulledAndGone(digest))?;
        let (name, tag) = records::image_name(self.dir.app(), record.id);
        self.runtime.tag(image.id.as_str(), &name, &tag).await?;
        record.disk = Some(Taken {
            image: image.size,
            ..Taken::default()
        });
        record.image = Some(image.id);
        records::save(&self.dir, &record)?;
        self.begin_to_write().await;
        Ok(())
    }

    /// What the release's image is pulled by, where none is built.
    pub(crate) fn reference(&self) -> Option<ImageRef> {
        let id = self.activation().ok()?.release;
        records::load(&self.dir, id).ok()??.reference
    }
}

/// Why an image could not be pulled, and what to do.
fn not_pulled(image: &ImageRef, login: Option<&Login>, error: gokku_core::containers::Error) -> Error {
    use gokku_core::containers::Error as Theirs;
    let image = image.clone();
    match (error, login) {
        (Theirs::Denied(words), None) => Error::NeedsLogin { image, words },
        (Theirs::Denied(words), Some(login)) => Error::NotForUser {
            image,
            username: login.username.clone(),
            words,
        },
        (source @ Theirs::NotFound(_), _) => Error::NotInRegistry { image, source },
        (source, _) => Error::NotPulled { image, source },
    }
}

/// Takes a release's name from its image. One that was pulled carries no label, and goes once nobody has a name for it
/// but the registry; false when somebody has a container of it.
pub(crate) async fn forget(
    runtime: &dyn Runtime,
    tag: &str,
    digest: Option<&ImageRef>,
) -> Result<bool, gokku_core::containers::Error> {
    runtime.remove_image(tag).await?;
    let Some(digest) = digest else { return Ok(true) };
    match runtime.image(digest.as_str()).await? {
        Some(image) if image.tags.is_empty() => match runtime.remove_image(digest.as_str()).await {
            Err(gokku_core::containers::Error::Conflict(_)) => Ok(false),
            result => result.map(|()| true),
        },
        _ => Ok(true),
    }
}

/// The same for every release of an app, and for the name of the active one.
pub(crate) async fn forget_all(runtime: &dyn Runtime, dir: &AppDir) -> Result<(), Error> {
    let app = dir.app();
    // Records that cannot be read keep nobody from removing the app they are of.
    let mut pulled = records::list(dir).unwrap_or_default();
    pulled.retain(|record| record.digest.is_some());
    if pulled.is_empty() {
        return Ok(());
    }
    runtime.remove_image(&format!("{app}:latest")).await?;
    for record in pulled {
        forget(
            runtime,
            &records::image_tag(app, record.id),
            record.digest.as_ref(),
        )
        .await?;
    }
    Ok(())
}
