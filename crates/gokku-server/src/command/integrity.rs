//! Whether all is there of what apps are made of, as it is not after a power cut that came too early, or on a disk that fails:
//! a part of `gokku doctor`.

use std::time::{Duration, Instant};

use gokku_core::AppName;
use gokku_core::release::record::Record;
use gokku_git::{History, Repository};

use crate::app::{apps, code, records};
use crate::command::doctor::{Finding, bad, good};
use crate::engine::runtime::Runtime;
use crate::fs::{atomic, toml_file};
use crate::server::Server;

/// How long the repositories' histories are looked at, of all apps together. What is not looked at by then is not told.
const LOOK_LIMIT: Duration = Duration::from_secs(8);

/// Looks at every app; without an engine not at the images.
pub(crate) async fn examine(server: &Server, engine: Option<&dyn Runtime>) -> Vec<Finding> {
    let until = Instant::now() + LOOK_LIMIT;
    let apps = apps::visible(server).unwrap_or_default();
    let mut findings = Vec::new();
    for app in &apps {
        findings.extend(repository(server, &app.name, until));
        findings.extend(releases(server, &app.name));
        if let Some(engine) = engine {
            findings.extend(image(server, &app.name, engine).await);
        }
    }
    if findings.is_empty() && !apps.is_empty() {
        findings.push(good(
            "releases",
            "their code, records, images and commits are there".to_owned(),
        ));
    }
    findings
}

/// What an app's repository has lost.
fn repository(server: &Server, app: &AppName, until: Instant) -> Vec<Finding> {
    let dir = server.app_dir(app);
    let what = "repository";
    let repository = Repository::at(dir.repository());
    let push = "gokku proxy restart, which takes that out; then push again, which sends it anew";
    let torn = repository.torn();
    if let Some(first) = torn.first() {
        let found = format!("{app}: {} files without content: {}", torn.len(), first.display());
        return vec![bad(what, found, push.to_owned())];
    }
    let left = until.saturating_duration_since(Instant::now());
    match repository.history(true, left) {
        Ok(History::Broken(refs)) => {
            let names: Vec<&str> = refs.iter().map(|(name, _)| name.as_str()).collect();
            let found = format!("{app}: not all is there of what {} names", names.join(", "));
            let deletes: Vec<String> = names
                .iter()
                .map(|name| format!("git -C {} update-ref -d {name}", repository.path().display()))
                .collect();
            let mend = format!(
                "{}; then push it again, which sends all of it",
                deletes.join("; ")
            );
            vec![bad(what, found, mend)]
        }
        Ok(History::Whole | History::Unknown) | Err(_) => Vec::new(),
    }
}

/// What its releases have lost.
fn releases(server: &Server, app: &AppName) -> Vec<Finding> {
    let (dir, what) = (&server.app_dir(app), "release");
    let active = records::active(dir);
    let mut findings = Vec::new();
    for (id, error) in records::unreadable(dir).unwrap_or_default() {
        let is_active = active == Some(id);
        let mend = if is_active {
            format!("gokku deploy -a {app}, or push the next commit: either makes a new release")
        } else {
            format!(
                "the next deploy of {app} removes it, if it is empty; else rm {}",
                dir.record(id).display()
            )
        };
        findings.push(bad(what, format!("{app}: {error}"), mend));
    }
    for record in records::list(dir).unwrap_or_default() {
        if record.can_return()
            && let Some(words) = code::loss(dir, &record)
        {
            let mend = if active == Some(record.id) {
                format!("gokku restart -a {app} takes it out of the repository again")
            } else {
                format!(
                    "gokku rollback -a {app} {} takes it out of the repository again; or leave it: it is not what runs",
                    record.id
                )
            };
            findings.push(bad(what, format!("{app}: {words}"), mend));
        }
    }
    let journal = dir.journal();
    if atomic::read(&journal).is_ok_and(|bytes| bytes.as_deref().is_some_and(toml_file::is_torn)) {
        let found = format!("{app}: {} has lost its content", journal.display());
        let mend = format!("gokku restart -a {app}, or a push: it is left out then");
        findings.push(bad(what, found, mend));
    }
    findings
}

/// Whether the engine has what runs.
async fn image(server: &Server, app: &AppName, engine: &dyn Runtime) -> Option<Finding> {
    let dir = server.app_dir(app);
    let record: Record = records::load(&dir, records::active(&dir)?).ok()??;
    let image = record.image.as_ref()?;
    match engine.image(image.as_str()).await {
        Ok(None) => Some(bad(
            "release",
            format!(
                "{app}: the engine has no image {image}, of the release {} that runs",
                record.id
            ),
            format!("gokku restart -a {app} makes it again"),
        )),
        _ => None,
    }
}
