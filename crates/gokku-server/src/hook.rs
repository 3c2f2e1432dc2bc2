//! A push, as the pre-receive hook sees it.

use std::path::Path;

use gokku_core::image_ref::ImageRef;
use gokku_core::languages::DOCKERIGNORE;
use gokku_core::push::{BranchName, DeployBranch, Judgement, RefUpdate, check_unmoved, judge, updates};
use gokku_core::release::Outcome;
use gokku_core::{AppName, CommitId, ReleaseId, TreeId};
use gokku_git::{Obstacle, Repository};

use crate::error::Error;
use crate::landing::Landing;
use crate::lock::{Attempt, Holder};
use crate::plan::{GOKKU_YML, config_of};
use crate::request::{Ask, Push, Submitted, submit_as};
use crate::server::Server;
use crate::{apps, atomic, clock, code, lock, log, records, room, tree_file};

/// What became of a push.
#[derive(Debug)]
pub enum Received {
    /// A worker deploys it.
    Deploying(Submitted),
    /// It is accepted, and nothing is deployed.
    Stored(Vec<String>),
}

/// Judges a push by what git told the hook, takes the code out of it, and hands it to a worker. `receiver` is git's
/// process, which has started the hook.
pub async fn receive(server: &Server, app: &AppName, told: &[u8], receiver: u32) -> Result<Received, Error> {
    let updates = updates(told).map_err(|error| Error::input(error.to_string()))?;
    let record = apps::load(&server.root, app)?;
    let repository = Repository::at(server.root.repository(app));

    let deploys = deploy_branch(&repository, app, &record, &updates)?;
    let (commit, branch, old) =
        match judge(&updates, &deploys).map_err(|error| Error::input(error.to_string()))? {
            Judgement::StoreOnly { lines } => return Ok(Received::Stored(lines)),
            Judgement::Deploy { commit, branch, old } => (commit, branch, old),
        };
    check_unmoved(
        &branch,
        old.as_ref(),
        &commit,
        repository.head_of(&branch)?.as_ref(),
    )
    .map_err(|error| Error::input(error.to_string()))?;
    if let Some(lines) = deployed_already(server, app, &commit, &branch, receiver)? {
        return Ok(Received::Stored(lines));
    }
    room::for_code(server, app).await?;
    let (id, tree, took_out) = take_out(server, app, &repository, &commit)?;
    let ask = Ask::Deploy {
        commit,
        tree,
        branch,
        push: Some(Push { old, receiver }),
        rebuild: false,
        took_out,
    };
    submit_as(server, app, id, ask, true).map(Received::Deploying)
}

/// Takes a commit's files out of the repository, for a new release; unless they cannot be deployed. With how long that took,
/// in milliseconds.
fn take_out(
    server: &Server,
    app: &AppName,
    repository: &Repository,
    commit: &CommitId,
) -> Result<(ReleaseId, TreeId, u64), Error> {
    let began = clock::now_ms();
    let refused = |obstacle| Error::input(format!("{} cannot be deployed: {obstacle}", commit.short()));
    let mut pointers = Vec::new();
    for obstacle in repository.obstacles(commit)? {
        match obstacle {
            Obstacle::Lfs(paths) => pointers = paths,
            Obstacle::Submodules(_) => return Err(refused(obstacle)),
        }
    }
    let tree = repository.tree(commit)?;
    let id = log::allocate(&server.root, app)?;
    let incoming = server.root.incoming(app, id);
    let export = || -> Result<(), Error> {
        repository.export(commit, &incoming)?;
        if pointers.is_empty() {
            return Ok(());
        }
        // What no build is sent may be a pointer.
        match sent_to_builds(app, &incoming, pointers)? {
            sent if sent.is_empty() => Ok(()),
            sent => Err(refused(Obstacle::Lfs(sent))),
        }
    };
    if let Err(error) = export() {
        atomic::remove_tree(&incoming)?;
        return Err(error);
    }
    let took = u64::try_from(clock::now_ms() - began).unwrap_or(0);
    Ok((id, tree, took))
}

/// Which of some files are sent to the builder.
fn sent_to_builds(app: &AppName, tree: &Path, mut files: Vec<String>) -> Result<Vec<String>, Error> {
    let config = config_of(app, tree_file::read(tree, GOKKU_YML)?.as_deref())?;
    let dockerfiles = config.dockerfiles();
    let dockerfile = dockerfiles.iter().find(|name| tree.join(name).is_file());
    let ignore = match dockerfile {
        Some(dockerfile) => gokku_docker::context::ignore(tree, dockerfile, ""),
        None => gokku_docker::context::ignore(tree, "Dockerfile", DOCKERIGNORE),
    }?;
    files.retain(|file| tree.join(file).symlink_metadata().is_ok() && !ignore.leaves_out(file));
    Ok(files)
}

/// What to tell when a commit is what runs: its deploy went well and only the push was cut off. While something changes
/// the app nobody knows what will run, and the push waits like any other.
fn deployed_already(
    server: &Server,
    app: &AppName,
    commit: &CommitId,
    branch: &BranchName,
    receiver: u32,
) -> Result<Option<Vec<String>>, Error> {
    let root = &server.root;
    let runs = || -> Result<_, Error> {
        let Some(active) = records::active(root, app) else {
            return Ok(None);
        };
        let record = records::load(root, app, active)?;
        let same = record
            .is_some_and(|record| record.outcome == Outcome::Good && record.commit.as_ref() == Some(commit));
        Ok(same.then_some(active))
    };
    let Some(active) = runs()? else { return Ok(None) };
    let me = Holder {
        pid: std::process::id(),
        by: server.by.clone(),
        what: "push".to_owned(),
        id: active,
    };
    let Attempt::Got(mut lock) = lock::try_acquire(root, app, &me)? else {
        return Ok(None);
    };
    if let Some(before) = lock.landing() {
        before.wait(root, app)?;
    }
    let Some(active) = runs()? else { return Ok(None) };
    let lands = Landing::new(branch.clone(), commit.clone(), receiver);
    lock.lands(lands)
        .map_err(|error| Error::file(&root.lock(app), &error))?;
    Ok(Some(vec![format!(
        "{} is deployed already, as release {active}; `gokku deploy -a {app}` deploys it again",
        commit.short()
    )]))
}

/// The branch that deploys: what the pushed `gokku.yml` says, what deployed before, or the first pushed.
fn deploy_branch(
    repository: &Repository,
    app: &AppName,
    record: &apps::App,
    updates: &[RefUpdate],
) -> Result<DeployBranch, Error> {
    let before = record
        .branch
        .clone()
        .map_or(DeployBranch::FirstPushed, DeployBranch::Known);
    let [update] = updates else { return Ok(before) };
    if update.new.is_zero() || !update.name.starts_with("refs/heads/") {
        return Ok(before);
    }
    let yml = repository.file(&update.new, GOKKU_YML)?;
    match config_of(app, yml.as_deref()) {
        Ok(config) => Ok(config
            .branch(&record.environment)
            .cloned()
            .map_or(before, DeployBranch::Known)),
        // A branch that is only stored may have any gokku.yml.
        Err(error) => match judge(updates, &before) {
            Ok(Judgement::StoreOnly { .. }) => Ok(before),
            _ => Err(error),
        },
    }
}

/// The deploy branch, and its commit.
pub(crate) fn deployable(
    repository: &Repository,
    app: &AppName,
    record: &apps::App,
) -> Result<(BranchName, CommitId), Error> {
    let branch = record.branch.clone().ok_or_else(|| {
        Error::missing(format!(
            "{app} has had no push yet: `git push` deploys it the first time"
        ))
    })?;
    let commit = repository.head_of(&branch)?.ok_or_else(|| {
        Error::missing(format!(
            "{app} has no commit on {branch}: push one with git first"
        ))
    })?;
    Ok((branch, commit))
}

/// `gokku deploy`: the deploy branch's commit again, as a new release.
pub async fn deploy_again(server: &Server, app: &AppName, rebuild: bool) -> Result<Submitted, Error> {
    let record = apps::load(&server.root, app)?;
    if let Some(landing) = lock::landing(&server.root, app)? {
        landing.wait(&server.root, app)?;
    }
    let repository = Repository::at(server.root.repository(app));
    let (branch, commit) = deployable(&repository, app, &record)?;
    let all = records::list(&server.root, app)?;
    if let Some(newest) = all.iter().rfind(|record| record.outcome == Outcome::Good)
        && records::active(&server.root, app) == Some(newest.id)
        && let Some(unknown) = &newest.commit
        && repository.resolve(unknown.as_str())?.is_none()
    {
        return Err(Error::failed(format!(
            "{} is what runs, and its push was cut off before git had it: push it again first. Without that, {} would be deployed, which is older",
            unknown.short(),
            commit.short()
        )));
    }
    room::for_code(server, app).await?;
    let (id, tree, took_out) = take_out(server, app, &repository, &commit)?;
    let ask = Ask::Deploy {
        commit,
        tree,
        branch,
        push: None,
        rebuild,
        took_out,
    };
    submit_as(server, app, id, ask, false)
}

/// `gokku deploy --image`: an image as a new release. What is on the deploy branch, if there is anything, says how it is run.
pub async fn deploy_image(server: &Server, app: &AppName, image: ImageRef) -> Result<Submitted, Error> {
    let record = apps::load(&server.root, app)?;
    if let Some(landing) = lock::landing(&server.root, app)? {
        landing.wait(&server.root, app)?;
    }
    let repository = Repository::at(server.root.repository(app));
    let commit = match &record.branch {
        Some(branch) => repository.head_of(branch)?,
        None => None,
    };
    room::for_code(server, app).await?;
    let id = log::allocate(&server.root, app)?;
    let incoming = server.root.incoming(app, id);
    if let Err(error) = code::put(&server.root, app, commit.as_ref(), &incoming) {
        atomic::remove_tree(&incoming)?;
        return Err(error);
    }
    submit_as(server, app, id, Ask::Image { image, commit }, false)
}
