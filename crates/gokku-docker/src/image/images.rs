//! Images: looked at, tagged, removed.

use std::collections::BTreeSet;

use bollard::models::{ImageInspect, ImageSummary};
use bollard::query_parameters::{
    ListImagesOptionsBuilder, PruneImagesOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::future::BoxFuture;
use gokku_core::ImageId;
use gokku_core::config::process_one::ImageCommand;
use gokku_core::config::volume::declared;
use gokku_core::containers::image::ImageFacts;

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels::label_filter;
use crate::engine::limits::Call;

impl Engine {
    /// Returns an image by its id or name; none when there is none.
    pub async fn image(&self, id_or_name: &str) -> Result<Option<ImageFacts>, Error> {
        let found = match self.image_inspected(id_or_name).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        let id = ImageId::new(found.id.unwrap_or_default());
        let tags = found.repo_tags.unwrap_or_default();
        // The engine takes the beginning of an id for the whole.
        let hash = id.as_str().trim_start_matches("sha256:");
        let named = |tag: &String| tag == id_or_name || tag.strip_suffix(":latest") == Some(id_or_name);
        if hash.len() > id_or_name.len() && hash.starts_with(id_or_name) && !tags.iter().any(named) {
            return Ok(None);
        }
        let config = found.config.unwrap_or_default();
        let mut exposed: Vec<u16> = config
            .exposed_ports
            .unwrap_or_default()
            .iter()
            .filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok())
            .collect();
        exposed.sort_unstable();
        let volumes: BTreeSet<String> = config
            .volumes
            .unwrap_or_default()
            .iter()
            .filter_map(|path| declared(path))
            .collect();
        Ok(Some(ImageFacts {
            id,
            tags,
            exposed,
            volumes: volumes.into_iter().collect(),
            runs: ImageCommand {
                entrypoint: config.entrypoint.unwrap_or_default(),
                command: config.cmd.unwrap_or_default(),
            },
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            size: found.size.and_then(|size| size.try_into().ok()).unwrap_or(0),
        }))
    }

    /// What the engine says of one image.
    pub(crate) fn image_inspected<'a>(
        &'a self,
        id_or_name: &'a str,
    ) -> BoxFuture<'a, Result<ImageInspect, Error>> {
        let call = Call::new("image inspect", "look at the image", id_or_name);
        self.ask(call, self.docker.inspect_image(id_or_name))
    }

    fn images_listed<'a>(
        &'a self,
        labels: &[(&str, &str)],
    ) -> BoxFuture<'a, Result<Vec<ImageSummary>, Error>> {
        let options = ListImagesOptionsBuilder::default()
            .filters(&label_filter(labels))
            .build();
        let call = Call::new("images", "list the images", "image");
        self.ask(call, self.docker.list_images(Some(options)))
    }

    /// Returns the images that carry all these labels.
    pub async fn images(&self, labels: &[(&str, &str)]) -> Result<Vec<ImageFacts>, Error> {
        let images = self.images_listed(labels).await?;
        Ok(images
            .into_iter()
            .map(|image| ImageFacts {
                id: ImageId::new(image.id),
                // How the engine lists an image without a name.
                tags: image
                    .repo_tags
                    .into_iter()
                    .filter(|tag| tag != "<none>:<none>")
                    .collect(),
                exposed: Vec::new(),
                volumes: Vec::new(),
                runs: ImageCommand::default(),
                labels: image.labels.into_iter().collect(),
                size: image.size.try_into().unwrap_or(0),
            })
            .collect())
    }

    /// Gives an image another name, taking it from the image that had it.
    pub async fn tag(&self, image: &str, repository: &str, tag: &str) -> Result<(), Error> {
        let options = TagImageOptionsBuilder::default()
            .repo(repository)
            .tag(tag)
            .build();
        let call = Call::new("tag", "tag the image", image);
        self.act(call, self.docker.tag_image(image, Some(options))).await
    }

    /// Takes a name from an image, and removes the image when it was its last and nothing uses it. One that is
    /// not there is no error.
    pub async fn remove_image(&self, name: &str) -> Result<(), Error> {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        let call = Call::new("rmi", "remove the image", name);
        let removed = self.docker.remove_image(name, Some(options), None);
        match self.act(call, removed).await {
            Err(error) if error.is_not_found() || is_removed_by_another(&error) => Ok(()),
            removed => removed.map(drop),
        }
    }

    /// Removes the images without a name that carry these labels.
    pub async fn prune_images(&self, labels: &[(&str, &str)]) -> Result<(), Error> {
        let mut filters = label_filter(labels);
        filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
        let options = PruneImagesOptionsBuilder::default().filters(&filters).build();
        let call = Call::new("image prune", "prune the images", "image");
        let pruned = self.docker.prune_images(Some(options));
        self.within(self.limits.prune, call, call.told(pruned))
            .await
            .map(drop)
    }
}

/// Whether somebody else removes the image at this moment: what 20.10 says of one that it found and then did not.
fn is_removed_by_another(error: &Error) -> bool {
    matches!(error, Error::Api { message, .. } if message.contains("unrecognized image ID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_another_removes_is_removed() {
        let api = |message: &str| Error::Api {
            what: "remove the image",
            message: message.to_owned(),
        };
        assert!(is_removed_by_another(&api("unrecognized image ID sha256:0123")));
        assert!(!is_removed_by_another(&api(
            "image is being used by running container 0123"
        )));
    }
}
