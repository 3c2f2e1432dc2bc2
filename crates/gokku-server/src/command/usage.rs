//! What gokku uses of the disks, and what is free: the part of `gokku doctor` that is about room.

use gokku_core::AppName;
use gokku_core::containers::{ImageFacts, Usage, labels};
use gokku_core::text::size::Size;

use crate::app::{apps, server_config};
use crate::command::Error;
use crate::command::doctor::{Finding, bad, good};
use crate::engine::runtime::Runtime;
use crate::fs::disk;
use crate::server::Server;
use crate::space::build_space;

/// Looks at everything; without an engine only at what is in the server's folder.
pub(crate) async fn examine(server: &Server, engine: Option<&dyn Runtime>) -> Vec<Finding> {
    match look(server, engine).await {
        Ok(findings) => findings,
        Err(error) => vec![bad(
            "disk",
            error.to_string(),
            "see what it says there".to_owned(),
        )],
    }
}

async fn look(server: &Server, engine: Option<&dyn Runtime>) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let mut free_at = |path: &std::path::Path| {
        if let Some(free) = disk::free(path) {
            findings.push(good(
                "disk",
                format!("{} free for {}", Size(free), path.display()),
            ));
        }
    };
    free_at(server.root.path());
    let mut theirs = None;
    if let Some(engine) = engine {
        free_at(&engine.data_root().await?);
        let label = server.root.label();
        let images = engine.images(&[(labels::ROOT, &label)]).await?;
        let usage = engine.usage().await?;
        let budget = server_config::read(&server.root)?.disk.build_cache;
        let cache = format!("{} of {budget}", Size(usage.cache));
        findings.push(good("build cache", cache));
        theirs = Some((images, usage));
    }
    for app in apps::list(&server.root)? {
        findings.push(good("app", used_by(server, &app.name, theirs.as_ref())));
        if let Some(engine) = engine
            && let Some(short) = build_space::next_build(server, engine, &app.name).await?
        {
            let found = format!("the next build of {} would be refused: {short}", app.name);
            let mend = "gokku prune, docker builder prune, or a larger disk".to_owned();
            findings.push(bad("room", found, mend));
        }
    }
    Ok(findings)
}

/// An app's part, in words.
fn used_by(server: &Server, app: &AppName, theirs: Option<&(Vec<ImageFacts>, Usage)>) -> String {
    let dir = server.app_dir(app);
    let mut parts = vec![format!("code {}", Size(disk::held(&dir.releases())))];
    if let Some((images, usage)) = theirs {
        let is_mine = |image: &&ImageFacts| {
            image
                .labels
                .get(labels::APP)
                .is_some_and(|name| name == app.as_str())
        };
        let mine: Vec<&ImageFacts> = images.iter().filter(is_mine).collect();
        let bytes = usage.together(mine.iter().map(|image| &image.id));
        parts.push(format!("{} in {} images", Size(bytes), mine.len()));
    }
    parts.push(format!("logs {}", Size(disk::held(&dir.deploys()))));
    parts.push(format!("repository {}", Size(disk::held(&dir.repository()))));
    format!("{app}: {}", parts.join(", "))
}
