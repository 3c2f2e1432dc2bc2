//! What keeps a build apart from other apps: it gets none of their images, and shares no cache with them.
//!
//! Which images a Dockerfile names, the core reads; what these are, the engine is asked. An image that is another app's is
//! given another name in the Dockerfile that is sent, one that no image has (`gokku_core::build::image_sources::mask`).
//!
//! BuildKit keeps its cache mounts by their ids, and a step's result by what the step is. Both get a part that is the app's
//! alone: ids by `BUILDKIT_CACHE_MOUNT_NS`, a build argument that BuildKit itself reads; `RUN` by a host name that it
//! finds in its `/etc/hosts`, because what a step does can depend on secrets and proxies, which are no part of what it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gokku_core::build::image_sources::ownership::Known;
use gokku_core::build::image_sources::{Given, LARGEST, Use, frontend, mask, read, read_trigger};
use gokku_core::config::image_ref::ImageRef;
use gokku_core::containers::build::BuildRequest;

use crate::build::context::{self, ContextProblem};
use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels;

/// The build argument that BuildKit reads as the beginning of every cache mount's id.
pub(crate) const CACHES: &str = gokku_core::config::build_inputs::CACHES;

/// Docker from this version on obeys `ONBUILD COPY --from`; older ones do with a newer program that reads Dockerfiles.
const OBEYS_TRIGGERS: u32 = 27;

/// A Dockerfile to be sent in the place of the one in the folder.
pub(crate) struct Instead {
    /// Where it is in the folder; links lead there.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// What is known of an image.
#[derive(Default)]
struct Found {
    tags: Vec<String>,
    digests: Vec<String>,
    root: Option<String>,
    app: Option<String>,
    triggers: Vec<String>,
}

/// A Dockerfile's text, and where it is in the folder.
pub(crate) fn dockerfile(folder: &Path, name: &str) -> Result<Instead, Error> {
    let path = folder.join(name);
    let problem = |source: ContextProblem| context::problem(&path, source);
    let read = context::read(folder, name).map_err(problem)?;
    let Some((inside, bytes)) = read else {
        if let Err(error) = std::fs::metadata(folder) {
            return Err(context::problem(folder, error).into());
        }
        return Err(problem(ContextProblem::Missing).into());
    };
    if bytes.len() > LARGEST {
        return Err(problem(ContextProblem::LargeDockerfile(LARGEST)).into());
    }
    let text = gokku_core::text::decode::read(&bytes).map_err(|wrong| problem(wrong.into()))?;
    Ok(Instead {
        path: inside,
        text: text.text.to_owned(),
    })
}

/// Whether an image is another app's.
fn is_anothers(request: &BuildRequest<'_>, image: &str, found: Option<&Found>) -> bool {
    let neighbours = &request.apart.neighbours;
    neighbours.is_anothers_name(image)
        || found.is_some_and(|found| {
            let known = Known {
                tags: &found.tags,
                digests: &found.digests,
                root: found.root.as_deref(),
                app: found.app.as_deref(),
            };
            neighbours.is_anothers(image, &known)
        })
}

impl Engine {
    /// The Dockerfile's text with other names for the images that are not this app's; none where it names none.
    pub(crate) async fn kept_apart(
        &self,
        request: &BuildRequest<'_>,
        text: &str,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<Option<String>, Error> {
        let unclear =
            |why: gokku_core::build::image_sources::Unclear| Error::Unclear(why.told(request.dockerfile));
        let asked = frontend::is_asked_for(text, &request.args).map_err(unclear)?;
        let given = Given {
            args: &request.args,
            arch: self.arch(),
        };
        let obeys_triggers = asked || self.major() >= OBEYS_TRIGGERS;
        let uses = read(text, &given).map_err(unclear)?;
        let mut anothers: Vec<(&Use, String)> = Vec::new();
        for one in &uses {
            for image in &one.images {
                let mut found = self.found(image).await?;
                let is_anothers = is_anothers(request, image, found.as_ref());
                if one.from && obeys_triggers && (is_anothers || found.is_none()) {
                    // Whether there is one that is kept away takes as long to be found out as whether there is any.
                    let wanted = if is_anothers {
                        mask::name_for(image)
                    } else {
                        image.clone()
                    };
                    found = self.pulled(request, &wanted, on_line).await?;
                }
                if is_anothers {
                    anothers.push((one, image.clone()));
                } else if let Some(found) = found.filter(|_| one.from)
                    && let Some(named) = self.named_by_triggers(request, image, &found, &given).await?
                {
                    anothers.push((one, named));
                }
            }
        }
        if anothers.is_empty() {
            return Ok(None);
        }
        let kept: BTreeSet<String> = anothers.iter().map(|(_, image)| image.clone()).collect();
        let anothers: Vec<(&Use, &str)> = anothers
            .iter()
            .map(|(one, image)| (*one, image.as_str()))
            .collect();
        let sent = mask::masked(text, &anothers);
        // What is sent is read again: nothing depends on its having been changed in the right place.
        let left = read(&sent, &given).map_err(unclear)?;
        let is_left =
            |image: &String| kept.contains(image) || request.apart.neighbours.is_anothers_name(image);
        match left.iter().find(|one| one.images.iter().any(is_left)) {
            Some(one) => Err(Error::Unclear(format!(
                "{}:{}: which image this names cannot be told: write it without escapes and quotes",
                request.dockerfile, one.line
            ))),
            None => Ok(Some(sent)),
        }
    }

    /// What an image's `ONBUILD` instructions name of another app's.
    async fn named_by_triggers(
        &self,
        request: &BuildRequest<'_>,
        image: &str,
        found: &Found,
        given: &Given<'_>,
    ) -> Result<Option<String>, Error> {
        for trigger in &found.triggers {
            let named = read_trigger(trigger, given).map_err(|why| {
                let (dockerfile, what) = (request.dockerfile, why.what);
                Error::Unclear(format!("{dockerfile}: an ONBUILD instruction of {image}: {what}"))
            })?;
            for name in named {
                if is_anothers(request, &name, self.found(&name).await?.as_ref()) {
                    return Ok(Some(name));
                }
            }
        }
        Ok(None)
    }

    /// What the engine gets of a name from its registry.
    async fn pulled(
        &self,
        request: &BuildRequest<'_>,
        image: &str,
        on_line: &mut (dyn FnMut(String) + Send),
    ) -> Result<Option<Found>, Error> {
        let Ok(reference) = image.parse::<ImageRef>() else {
            return Ok(None);
        };
        let registry = reference.registry();
        let login = request.logins.iter().find(|login| login.registry == registry);
        // Where that fails, the build fails at the same.
        match self.pull(&reference, login, on_line).await {
            Ok(()) => self.found(image).await,
            Err(_) => Ok(None),
        }
    }

    /// What the engine has by a name or an id.
    async fn found(&self, image: &str) -> Result<Option<Found>, Error> {
        use bollard::errors::Error as Theirs;
        let good = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
        let plain = image.chars().all(good) && image.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !plain {
            return Ok(None);
        }
        let found = match self.docker.inspect_image(image).await {
            Ok(found) => found,
            Err(Theirs::DockerResponseServerError {
                status_code: 400 | 404,
                ..
            }) => return Ok(None),
            Err(error) => return Err(Error::of("look at the image", image, error)),
        };
        let config = found.config.unwrap_or_default();
        let labels = config.labels.unwrap_or_default();
        Ok(Some(Found {
            tags: found.repo_tags.unwrap_or_default(),
            digests: found.repo_digests.unwrap_or_default(),
            root: labels.get(labels::ROOT).cloned(),
            app: labels.get(labels::APP).cloned(),
            triggers: config.on_build.unwrap_or_default(),
        }))
    }
}
