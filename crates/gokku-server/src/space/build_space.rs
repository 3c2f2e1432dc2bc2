//! Whether a build fits on the disks, before anything is built. Where it does not, what is no longer kept goes first, and as
//! much of the build cache as is missing.

use gokku_core::AppName;
use gokku_core::logs::event::Event;
use gokku_core::release::disk::{Need, Place, Short, Shortage, Space, cache_to_keep, need, shortage};
use gokku_core::text::size::Size;

use crate::app::{records, server_config};
use crate::engine::runtime::Runtime;
use crate::fs::disk;
use crate::server::Server;
use crate::space::Error;
use crate::space::prune;

/// What the next build of an app needs.
fn needed(server: &Server, app: &AppName) -> Result<Need, Error> {
    let dir = server.app_dir(app);
    let reserve = server_config::read(&server.root)?.disk.reserve;
    Ok(need(&records::list(&dir)?, reserve.0))
}

/// What a build does not fit into. Where it cannot be told, it is let through: the engine says when its disk is full.
async fn short(server: &Server, engine: &dyn Runtime, need: Need) -> Option<Shortage> {
    let data = engine.data_root().await.ok()?;
    shortage(disk::space(server.root.path(), &data)?, need)
}

/// What the next build of an app does not fit into.
pub(crate) async fn next_build(
    server: &Server,
    engine: &dyn Runtime,
    app: &AppName,
) -> Result<Option<Short>, Error> {
    match short(server, engine, needed(server, app)?).await {
        Some(shortage) => Ok(Some(placed(server, engine, shortage).await)),
        None => Ok(None),
    }
}

async fn placed(server: &Server, engine: &dyn Runtime, shortage: Shortage) -> Short {
    let folder = match shortage.place {
        Place::Root => server.root.path().to_owned(),
        Place::Engine => engine.data_root().await.unwrap_or_default(),
    };
    Short {
        folder: folder.display().to_string(),
        shortage,
    }
}

/// Before a push's code is taken out of it: whether that fits on the server's disk. The engine is asked only if it does not.
pub(crate) async fn for_code(server: &Server, app: &AppName) -> Result<(), Error> {
    let need = needed(server, app)?;
    let Some(root) = disk::free(server.root.path()) else {
        return Ok(());
    };
    let alone = Space::Two {
        root,
        engine: u64::MAX,
    };
    if shortage(alone, need).is_none() {
        return Ok(());
    }
    make(
        server,
        app,
        &*server.runtime().await?,
        need,
        false,
        &mut |event| {
            tracing::info!("making room for the code of a push: {event:?}");
        },
    )
    .await
}

/// Before a release is built: whether that fits. Its code is there, and whoever calls holds the app's lock.
pub(crate) async fn for_build(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Result<(), Error> {
    let need = Need {
        root: 0,
        ..needed(server, app)?
    };
    make(server, app, engine, need, true, tell).await
}

async fn make(
    server: &Server,
    app: &AppName,
    engine: &dyn Runtime,
    need: Need,
    held: bool,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Result<(), Error> {
    let Some(before) = short(server, engine, need).await else {
        return Ok(());
    };
    let before = placed(server, engine, before).await;
    tell(Event::NoRoom(before));
    // What keeps it from being pruned must not hide what is to be said of the room.
    let mut freed = match prune::for_room(server, engine, held.then_some(app)).await {
        Ok(report) => report.bytes,
        Err(error) => {
            tell(prune_failed(&error));
            0
        }
    };
    if let Some(still) = short(server, engine, need).await
        && still.place == Place::Engine
    {
        let budget = server_config::read(&server.root)?.disk.build_cache;
        let pruned = async {
            let keep = cache_to_keep(engine.usage().await?.cache, budget.0, still.missing().0);
            prune::prune_cache(server, engine, keep).await
        };
        match pruned.await {
            Ok(pruned) => freed += pruned.bytes,
            Err(error) => tell(prune_failed(&error)),
        }
    }
    match short(server, engine, need).await {
        None => {
            tell(Event::RoomMade { freed: Size(freed) });
            Ok(())
        }
        Some(after) => Err(Error::NoRoom {
            short: placed(server, engine, after).await,
            freed: Size(freed),
        }),
    }
}

fn prune_failed(error: &Error) -> Event {
    Event::PruneFailed {
        error: error.to_string(),
    }
}
