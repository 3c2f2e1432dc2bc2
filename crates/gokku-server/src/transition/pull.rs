//! Releases whose image is pulled and not built.

use gokku_core::AppName;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::Login;
use gokku_core::logs::event::{Event, Source};
use gokku_core::release::disk::Taken;

use crate::app::{records, registries};
use crate::engine::runtime::Runtime;
use crate::error::Error;
use crate::fs::root::Root;
use crate::transition::driver::Driver;

impl Driver {
    /// Pulls a release's image: by its digest once that is known, so that a tag which moves changes no release.
    pub(crate) async fn pull(&mut self) -> Result<(), Error> {
        let mut record = self.record(self.activation()?.release)?;
        self.tell_notes();
        let Some(reference) = record.reference.clone() else {
            return Err(Error::failed(format!("the release {} names no image", record.id)));
        };
        let login = registries::for_image(&self.root, &reference)?;
        let wrong = |error| in_words(&reference, login.as_ref(), error);
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
        records::save(&self.root, &self.app, &record)?;
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
        let image = found.ok_or_else(|| Error::failed(format!("{digest} was pulled, and is not there")))?;
        let (name, tag) = records::image_name(&self.app, record.id);
        self.runtime.tag(image.id.as_str(), &name, &tag).await?;
        record.disk = Some(Taken {
            image: image.size,
            ..Taken::default()
        });
        record.image = Some(image.id);
        records::save(&self.root, &self.app, &record)?;
        self.begin_to_write().await;
        Ok(())
    }

    /// What the release's image is pulled by, where none is built.
    pub(crate) fn reference(&self) -> Option<ImageRef> {
        let id = self.activation().ok()?.release;
        records::load(&self.root, &self.app, id).ok()??.reference
    }
}

/// Why an image could not be pulled, and what to do.
fn in_words(image: &ImageRef, login: Option<&Login>, error: gokku_core::containers::Error) -> Error {
    use gokku_core::containers::Error as Theirs;
    let registry = image.registry();
    let login_again = format!("`gokku registry login {registry} --username USER`");
    match (error, login) {
        (Theirs::Denied(words), None) => Error::input(format!(
            "{image}: {registry} gives it to nobody without a login ({words}). {login_again} on the server stores one; is the image's name right?"
        )),
        (Theirs::Denied(words), Some(login)) => Error::input(format!(
            "{image}: {registry} does not give it to {} ({words}). {login_again} stores another login; is the image's name right?",
            login.username
        )),
        (Theirs::NotFound(_), _) => Error::missing(format!(
            "{image}: {registry} has no such image, or no such tag of it"
        )),
        (error, _) => {
            let error = Error::from(error);
            Error::new(error.kind(), format!("{image}: {error}"))
        }
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
pub(crate) async fn forget_all(runtime: &dyn Runtime, root: &Root, app: &AppName) -> Result<(), Error> {
    // Records that cannot be read keep nobody from removing the app they are of.
    let mut pulled = records::list(root, app).unwrap_or_default();
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
