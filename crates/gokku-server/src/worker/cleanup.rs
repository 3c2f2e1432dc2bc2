//! What is left to do once a transition has reached its goal: what is no longer kept goes.

use gokku_core::AppName;
use gokku_core::logs::event::Event;
use gokku_core::release::retention::Keep;

use crate::app::records;
use crate::engine::runtime::Runtime;
use crate::fs::app_dir::AppDir;
use crate::fs::atomic;
use crate::queue::transition_log::{self, Log};
use crate::server::Server;
use crate::space::prune;
use crate::transition::ending;
use crate::worker::Error;
use crate::worker::request::{Operation, Request};

/// What is left to do once the goal is reached: nothing of it can fail the transition any more.
pub(crate) async fn after(
    server: &Server,
    request: &Request,
    engine: &dyn Runtime,
    keep: Keep,
    log: &mut Log,
) {
    let result: Result<(), Error> = match &request.operation {
        Operation::Deploy { branch, .. } => {
            let pruned = prune(server, &request.app, engine, keep, log).await;
            let ended = ending::deployed(server, &request.app, branch);
            ended.map_err(Error::from).and(pruned)
        }
        Operation::Image { .. } => {
            transition_log::prune(&server.app_dir(&request.app));
            prune(server, &request.app, engine, keep, log).await
        }
        Operation::Destroy { .. } => match ending::destroyed(server, &request.app, engine).await {
            Ok(left) => {
                for event in left {
                    log.tell(event);
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        },
        _ => Ok(()),
    };
    if let Err(error) = result {
        log.tell(Event::Warned {
            line: error.to_string(),
        });
    }
}

/// P32: the releases that are no longer kept.
async fn prune(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    keep: Keep,
    log: &mut Log,
) -> Result<(), Error> {
    let dir = server.app_dir(app);
    for id in records::forget_torn(&dir)? {
        engine.remove_image(&records::image_tag(app, id)).await?;
    }
    for image in prune::beyond_keeping(&dir, engine, keep).await? {
        log.tell(Event::ImageInUse { image });
    }
    Ok(())
}

/// Writes down whether the volumes of an app that is destroyed go, too: whoever ends it after a crash must know.
pub(crate) fn remember_volumes(dir: &AppDir, go: bool) -> Result<(), Error> {
    let path = dir.volumes_go();
    if go {
        atomic::replace(&path, b"", 0o600)?;
    } else {
        atomic::remove(&path)?;
    }
    Ok(())
}
