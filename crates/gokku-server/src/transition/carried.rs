//! What an image declares as volumes: carried from release to release, like volumes of the app. Which ones, and what they
//! are called, is the core's; what is mounted because `gokku.yml` says so is `mounts`.

use std::collections::BTreeMap;

use gokku_core::config::volume::{Volume, carried};
use gokku_core::containers::{ContainerFacts, ImageFacts, Mount, MountSource, Why, labels};
use gokku_core::logs::event::{Event, Since};
use gokku_core::transition::{Goal, Mode};
use gokku_core::{ContainerId, ProcessKey, Slot};

use crate::app::apps;
use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::plan::mounts::{self, is_own, own_labels};
use crate::plan::release_plan::Plan;
use crate::transition::Error;
use crate::transition::driver::Driver;

/// A volume of an app's, because its image declares one.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    /// Where in the container.
    path: String,
    /// Its name on the engine.
    volume: String,
    /// Since when.
    since: Since,
}

impl Carried {
    fn mount(&self, dir: &AppDir) -> Mount {
        Mount {
            source: MountSource::Volume {
                name: self.volume.clone(),
                labels: own_labels(dir),
            },
            target: self.path.clone(),
            read_only: false,
        }
    }
}

/// What is carried into the containers of a release with this image. The same for every release of the app, whoever makes
/// them, one-off containers included.
async fn of(
    runtime: &dyn Runtime,
    dir: &AppDir,
    plan: &Plan,
    image: &ImageFacts,
) -> Result<Vec<Carried>, Error> {
    let (root, app) = (dir.root(), dir.app());
    let paths = carried(&image.volumes, &plan.config.volumes);
    let (mut all, mut before) = (Vec::new(), None);
    if paths.is_empty() {
        return Ok(all);
    }
    let known = apps::load(dir)?.volumes;
    for path in paths {
        if let Some(volume) = known.get(&path)
            && runtime.volume(volume).await?.is_some()
        {
            let volume = volume.clone();
            all.push(Carried {
                path,
                volume,
                since: Since::Earlier,
            });
            continue;
        }
        if before.is_none() {
            before = Some(had_before(runtime, dir).await?);
        }
        if let Some(volume) = before.as_ref().and_then(|before| before.get(&path)) {
            let volume = volume.clone();
            all.push(Carried {
                path,
                volume,
                since: Since::Before,
            });
            continue;
        }
        let volume = Volume::carried_name(app, &path);
        let since = match runtime.volume(&volume).await? {
            None => Since::Now,
            Some(there) if is_own(&there, dir) || plan.server.volumes.adopt.contains(&volume) => {
                Since::Earlier
            }
            Some(_) => {
                let settings = root.config();
                return Err(Error::ForeignVolume {
                    path,
                    volume,
                    settings,
                });
            }
        };
        all.push(Carried { path, volume, since });
    }
    Ok(all)
}

/// The volumes that the engine made for the running containers because their image declares them, by their place: of
/// containers from before gokku carried any, which had one each. Of several, the web process's first one counts.
async fn had_before(runtime: &dyn Runtime, dir: &AppDir) -> Result<BTreeMap<String, String>, Error> {
    let (root, app) = (dir.root(), dir.app());
    let mut active: Vec<(ProcessKey, ContainerId)> = Vec::new();
    let label = root.label();
    let mine = [(labels::ROOT, label.as_str()), (labels::APP, app.as_str())];
    for facts in runtime.containers(&mine).await? {
        let process: Option<ProcessKey> = facts.read_label(labels::PROCESS);
        if let Some(process) = process.filter(|_| facts.label(labels::KIND).is_none())
            && Slot::of_container(&facts.name, app, &process) == Some(Slot::Blue)
        {
            active.push((process, facts.id));
        }
    }
    active.sort_by_key(|(process, _)| (!process.is_web(), process.clone()));
    let mut before = BTreeMap::new();
    for (_, id) in active {
        let Some(facts) = runtime.container(id.as_str()).await? else {
            continue;
        };
        for (path, volume) in of_image(&facts) {
            before.entry(path).or_insert(volume);
        }
    }
    Ok(before)
}

/// The volumes that a container has because its image declares them and nothing was mounted there, with their places.
pub(crate) fn of_image(facts: &ContainerFacts) -> impl Iterator<Item = (String, String)> {
    let volumes = facts.details.iter().flat_map(|details| &details.volumes);
    volumes
        .filter(|volume| volume.why == Why::Image)
        .map(|volume| (volume.target.clone(), volume.name.clone()))
}

/// What a one-off container of a release has: what `gokku.yml` says, and what the image declares.
pub(crate) async fn mounts_of(
    runtime: &dyn Runtime,
    dir: &AppDir,
    plan: &Plan,
    image: Option<&ImageFacts>,
) -> Result<Vec<Mount>, Error> {
    let mut all = mounts::of(dir, plan)?;
    if let Some(image) = image {
        let carried = of(runtime, dir, plan, image).await?;
        all.extend(carried.iter().map(|one| one.mount(dir)));
    }
    Ok(all)
}

impl Driver {
    /// What the containers of the release have, the migration's, too. What is carried is told with the first of them.
    pub(crate) async fn mounts(&mut self) -> Result<Vec<Mount>, Error> {
        let mut all = mounts::of(&self.dir, &self.plan)?;
        if self.carried.is_none()
            && let Some(image) = self.image.clone()
        {
            let found = of(&*self.runtime, &self.dir, &self.plan, &image).await?;
            self.keep_those_from_before(&found)?;
            self.tell_carried(&found)?;
            self.carried = Some(found);
        }
        let carried = self.carried.iter().flatten();
        all.extend(carried.map(|one| one.mount(&self.dir)));
        Ok(all)
    }

    /// Before a container has one: it is the app's from now on, also when its first container is gone.
    fn keep_those_from_before(&self, found: &[Carried]) -> Result<(), Error> {
        let before: Vec<&Carried> = found.iter().filter(|one| one.since == Since::Before).collect();
        if before.is_empty() {
            return Ok(());
        }
        let mut app = apps::load(&self.dir)?;
        let pairs = before.iter().map(|one| (one.path.clone(), one.volume.clone()));
        app.volumes.extend(pairs);
        Ok(apps::save(self.dir.root(), &app)?)
    }

    fn tell_carried(&mut self, found: &[Carried]) -> Result<(), Error> {
        let activation = self.activation()?;
        for one in found {
            if one.since != Since::Earlier || activation.makes_release() {
                self.log.tell(Event::VolumeCarried {
                    path: one.path.clone(),
                    volume: one.volume.clone(),
                    since: one.since,
                    shared: activation.mode == Mode::ZeroDowntime,
                });
            }
        }
        Ok(())
    }

    /// Removes a container; what it had because its image declares it stays, unless the app goes with its volumes. It is
    /// told of, where the app does not have it any more.
    pub(crate) async fn remove_container(&mut self, id: &ContainerId) -> Result<(), Error> {
        if self.goal == Goal::Destroy && self.dir.volumes_go().exists() {
            return Ok(self.runtime.remove_with_volumes(id).await?);
        }
        let left: Vec<(String, String)> = match self.runtime.container(id.as_str()).await? {
            Some(facts) => of_image(&facts).collect(),
            None => Vec::new(),
        };
        self.runtime.remove(id).await?;
        if left.is_empty() {
            return Ok(());
        }
        let name = self.facts.iter().find(|facts| facts.id == *id);
        let container = name.map_or_else(|| id.short().to_owned(), |facts| facts.name.clone());
        let known = apps::load(&self.dir)?.volumes;
        for (path, volume) in left {
            if known.get(&path) != Some(&volume) {
                let container = container.clone();
                self.log.tell(Event::VolumeLeft {
                    container,
                    path,
                    volume,
                });
            }
        }
        Ok(())
    }
}
