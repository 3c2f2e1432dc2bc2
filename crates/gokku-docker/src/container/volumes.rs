//! Volumes, and what is mounted into containers.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{MountPoint, MountType, MountVolumeOptions, Volume, VolumeListResponse};
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder};
use futures_util::future::BoxFuture;
use gokku_core::config::volume::{can_replace, declared};
use gokku_core::containers::volume::{Mount, MountSource, Mounted, VolumeFacts, Why};

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels;
use crate::engine::labels::label_filter;
use crate::engine::limits::Call;

/// The volumes that a container has, of what is mounted into it and what was asked for.
pub(crate) fn mounted(there: Vec<MountPoint>, asked: &[bollard::models::Mount]) -> Vec<Mounted> {
    let volumes = there
        .into_iter()
        .filter(|mount| mount.typ.as_deref() == Some("volume"));
    let mounted = volumes.filter_map(|mount| {
        let target = declared(&mount.destination?)?;
        let is_there = |one: &&bollard::models::Mount| {
            one.target.as_deref().and_then(declared).as_deref() == Some(target.as_str())
        };
        Some(Mounted {
            name: mount.name?,
            why: match asked.iter().find(is_there) {
                Some(one) if one.source.as_ref().is_some_and(|name| !name.is_empty()) => Why::Named,
                Some(_) => Why::Anonymous,
                None => Why::Image,
            },
            target,
            read_only: mount.rw == Some(false),
        })
    });
    mounted.collect()
}

/// A mount as the engine takes it.
pub(crate) fn theirs(one: &Mount) -> bollard::models::Mount {
    let mount = bollard::models::Mount {
        target: Some(one.target.clone()),
        read_only: Some(one.read_only),
        ..bollard::models::Mount::default()
    };
    match &one.source {
        MountSource::Volume { name, labels } => bollard::models::Mount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            volume_options: Some(MountVolumeOptions {
                labels: Some(labels.clone().into_iter().collect()),
                ..MountVolumeOptions::default()
            }),
            ..mount
        },
        MountSource::Folder(path) => bollard::models::Mount {
            typ: Some(MountType::BIND),
            source: Some(path.clone()),
            ..mount
        },
        MountSource::Anonymous => bollard::models::Mount {
            typ: Some(MountType::VOLUME),
            ..mount
        },
    }
}

fn facts(one: Volume) -> VolumeFacts {
    VolumeFacts {
        name: one.name,
        labels: one.labels.into_iter().collect(),
    }
}

impl Engine {
    /// Returns a volume by its name; none when there is none.
    pub async fn volume(&self, name: &str) -> Result<Option<VolumeFacts>, Error> {
        match self.volume_inspected(name).await {
            Err(Error::NotFound { .. }) => Ok(None),
            one => Ok(Some(facts(one?))),
        }
    }

    fn volume_inspected<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Volume, Error>> {
        let call = Call::new("volume inspect", "look at the volume", name);
        self.ask(call, self.docker.inspect_volume(name))
    }

    fn volumes_listed<'a>(
        &'a self,
        labels: &[(&str, &str)],
    ) -> BoxFuture<'a, Result<VolumeListResponse, Error>> {
        let filters = label_filter(labels);
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let call = Call::new("volume ls", "list the volumes", "volume");
        self.ask(call, self.docker.list_volumes(Some(options)))
    }

    /// Returns the volumes that carry all these labels, by their names.
    pub async fn volumes(&self, labels: &[(&str, &str)]) -> Result<Vec<VolumeFacts>, Error> {
        let found = self.volumes_listed(labels).await?;
        let mut all: Vec<VolumeFacts> = found.volumes.unwrap_or_default().into_iter().map(facts).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Removes a volume with all that is in it. One that is not there is no error; one that a container has is.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let options = RemoveVolumeOptionsBuilder::default().build();
        let call = Call::new("volume rm", "remove the volume", name);
        let removed = self.docker.remove_volume(name, Some(options));
        match self.act(call, removed).await {
            Err(Error::NotFound { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// Checks whether folders can be mounted without a way out of them: each is still where its path says, and no container of
    /// a gokku can replace one by a link to somewhere else.
    ///
    /// What another app has is not named: whoever may mount a folder need not know who else there is.
    ///
    /// A container that was just made is among those looked at. So of two that are made at the same time, at least one is
    /// refused before it is started; and it is the start that Docker follows links at.
    pub async fn check_folders(&self, mounts: &[Mount], app: &str) -> Result<(), Error> {
        let mine: Vec<(&str, bool)> = mounts.iter().filter_map(Mount::folder).collect();
        if mine.is_empty() {
            return Ok(());
        }
        let what = "mount the folder";
        let own = mine
            .iter()
            .map(|(path, writable)| (Some("the same app".to_owned()), (*path).to_owned(), *writable));
        let others: Vec<_> = own.chain(self.mounted_folders(app).await?).collect();
        for (path, writable) in mine {
            let now = Path::new(path).canonicalize();
            if !now.is_ok_and(|now| now == Path::new(path)) {
                let message = format!("{path} has become something else meanwhile");
                return Err(Error::Conflict { what, message });
            }
            let other = others
                .iter()
                .find(|(_, other, theirs)| can_replace((path, writable), (other, *theirs)));
            if let Some((whose, other, _)) = other {
                let other = match whose {
                    Some(whose) => format!("{other}, which {whose} has"),
                    None => "a folder that another app has".to_owned(),
                };
                let message = format!(
                    "{path} is not safe beside {other}: one lies in the other, and who writes to the \
                     outer one could replace the inner one by a link to anywhere. Mount the same folder in both, or the \
                     outer one read-only (:ro); if it is the running release that has it, push one without it first"
                );
                return Err(Error::Conflict { what, message });
            }
        }
        Ok(())
    }

    /// The folders that containers of a gokku have, running or not: whose, where it is this app's, the path, whether it can
    /// be written to.
    async fn mounted_folders(&self, app: &str) -> Result<Vec<(Option<String>, String, bool)>, Error> {
        let filters = HashMap::from([("label".to_owned(), vec![labels::ROOT.to_owned()])]);
        let folders = self.listed(&filters).await?.into_iter().flat_map(|one| {
            let names = one.names.unwrap_or_default();
            let name = names.first().map_or("", |name| name.trim_start_matches('/'));
            let theirs = one.labels.as_ref().and_then(|all| all.get(labels::APP));
            let is_own = theirs.map_or("", String::as_str) == app;
            let whose = is_own.then(|| format!("the container {name}"));
            one.mounts
                .unwrap_or_default()
                .into_iter()
                .filter(|mount| mount.typ.as_deref() == Some("bind"))
                .filter_map(move |mount| Some((whose.clone(), mount.source?, mount.rw.unwrap_or(true))))
        });
        Ok(folders.collect())
    }
}
