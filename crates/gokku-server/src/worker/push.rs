//! A push, as git's hooks see it: judged before git takes its objects (pre-receive), and then handed to a worker, which
//! moves the refs itself (proc-receive).
//!
//! git and the disk are waited for beside the runtime (`os::blocking`); what is awaited here is the engine.

use std::ops::ControlFlow;
use std::path::Path;

use futures_util::future::BoxFuture;
use gokku_core::app::branch_name::BranchName;
use gokku_core::build::languages::DOCKERIGNORE;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::push::intake::PushLimits;
use gokku_core::push::ref_name::storable;
use gokku_core::push::rules::{
    self, Deploy, DeployBranch, Judgement, RefUpdate, Refusal, check_unmoved, judge,
};
use gokku_core::release::record::Outcome;
use gokku_core::text::read_limits;
use gokku_core::{AppName, CommitId, ImageId, ReleaseId, TreeId};
pub use gokku_git::proc_receive::{Reported, listen, report};
use gokku_git::{OLDEST_GIT, Obstacle, Repository, git_version};

use crate::app::branch;
use crate::app::{apps, code, intake, records, refs};
use crate::fs::app_dir::AppDir;
use crate::fs::{Error as FileError, atomic, durable, tree_file};
use crate::os::{blocking, clock};
use crate::plan::release_plan::{GOKKU_YML, config_of};
use crate::queue::lock::{AppLock, Attempt, Holder, Purpose};
use crate::queue::pending_ref::PendingRef;
use crate::queue::{lock, transition_log};
use crate::server::Server;
use crate::space::build_space;
use crate::worker::Error;
use crate::worker::request::{Operation, Push, Submitted, submit_as};

/// A push that git has taken the objects of, and that is to be deployed or stored.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// What it wants of each ref.
    pub updates: Vec<RefUpdate>,
    /// git's process, where git has to move the refs itself: a push from a shallow clone that brings commits without
    /// their parents. git notes these when it moves a ref, and only then.
    pub mover: Option<u32>,
}

/// What becomes of a push.
#[derive(Debug)]
pub enum Received {
    /// A worker deploys it, and moves its refs.
    Deploying {
        /// The worker.
        submitted: Submitted,
        /// What it deploys, and what it stores with it.
        deploy: Deploy,
    },
    /// What it deploys runs already, and its refs are moved.
    Deployed(Vec<String>),
    /// Nothing is deployed, and git moves its refs.
    Stored(Vec<String>),
}

/// Judges a push before git takes its objects: what is refused here leaves nothing behind.
pub fn judge_push(server: &Server, app: &AppName, updates: &[RefUpdate]) -> Result<(), Error> {
    let dir = server.app_dir(app);
    let repository = Repository::at(dir.repository());
    let limits = intake::limits(server)?;
    is_ready(server, app, &repository, &limits)?;
    intake::check(&repository, updates, &limits)?;
    for update in updates.iter().filter(|update| !update.new.is_zero()) {
        storable(&update.name)?;
    }
    let Judgement::Deploy(deploy) = judgement(&dir, &repository, updates)? else {
        return Ok(());
    };
    if let Some(object) = repository.no_commit(deploy.commit())? {
        let branch = deploy.branch;
        return Err(Refusal::NoCommit { branch, object }.into());
    }
    for update in &deploy.refs {
        if let Some(rule) = repository.broken_rule(update)? {
            let name = update.name.clone();
            return Err(Refusal::Denied { name, rule }.into());
        }
    }
    unmoved(&repository, &deploy)?;
    Ok(intake::measure(&repository, deploy.commit(), &limits)?)
}

/// Takes the code out of a push and hands it to a worker.
pub fn receive<'a>(
    server: &'a Server,
    app: &'a AppName,
    pushed: Pushed,
) -> BoxFuture<'a, Result<Received, Error>> {
    Box::pin(receive_push(server, app, pushed))
}

async fn receive_push(server: &Server, app: &AppName, pushed: Pushed) -> Result<Received, Error> {
    let (deploy, push) =
        match run_blocking(server, app, move |server, dir| accept(server, dir, &pushed)).await? {
            ControlFlow::Break(stored) => return Ok(stored),
            ControlFlow::Continue(accepted) => accepted,
        };
    if is_whole(server, app, deploy.commit()).await? {
        let (deploy, push) = (deploy.clone(), push.clone());
        let deployed = run_blocking(server, app, move |server, dir| {
            let line = deployed_already(server, dir, &deploy, &push)?;
            Ok(line.map(|line| std::iter::once(line).chain(deploy.lines).collect()))
        });
        if let Some(lines) = deployed.await? {
            return Ok(Received::Deployed(lines));
        }
    }
    build_space::for_code(server, app).await?;
    run_blocking(server, app, move |server, dir| {
        let repository = Repository::at(dir.repository());
        let (id, tree, took_out) = take_out(dir, &repository, deploy.commit())?;
        let operation = Operation::Deploy {
            commit: deploy.commit().clone(),
            tree,
            branch: deploy.branch.clone(),
            push: Some(push),
            rebuild: false,
            took_out,
        };
        let submitted = submit_as(server, dir.app(), id, operation, true)?;
        Ok(Received::Deploying { submitted, deploy })
    })
    .await
}

/// Runs what waits for git or the disk.
async fn run_blocking<T: Send + 'static>(
    server: &Server,
    app: &AppName,
    work: impl FnOnce(&Server, &AppDir) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (server, dir) = (server.clone(), server.app_dir(app));
    blocking::run(move || work(&server, &dir)).await
}

/// Judges a push whose objects git has taken: what is only stored comes to its end here, what deploys has passed everything
/// that git and the repository have to say of it.
fn accept(
    server: &Server,
    dir: &AppDir,
    pushed: &Pushed,
) -> Result<ControlFlow<Received, (Deploy, Push)>, Error> {
    let repository = Repository::at(dir.repository());
    let deploy = match judgement(dir, &repository, &pushed.updates)? {
        Judgement::StoreOnly { lines } => {
            // git moves the refs when this is told: what they name is there before them, whichever git it is.
            durable::write(server.root.path())?;
            return Ok(ControlFlow::Break(Received::Stored(lines)));
        }
        Judgement::Deploy(deploy) => deploy,
    };
    unmoved(&repository, &deploy)?;
    // git runs it for what it moves itself, and only then: after the deploy.
    for update in &deploy.refs {
        if !repository.run_update_hook(update)? {
            return Err(Error::UpdateHook(update.name.clone()));
        }
    }
    let push = Push {
        refs: deploy.refs.clone(),
        mover: pushed.mover,
    };
    Ok(ControlFlow::Continue((deploy, push)))
}

/// Whether a push will come to the second hook, and not be stored in silence.
fn is_ready(
    server: &Server,
    app: &AppName,
    repository: &Repository,
    limits: &PushLimits,
) -> Result<(), Error> {
    let version = git_version()?;
    if version < Some(OLDEST_GIT) {
        return Err(Error::OldGit);
    }
    if repository.has_hooks(&apps::hook(server, app))? {
        // What else is pinned counts from the next push on.
        if let Err(error) = repository.pin(limits.max_size) {
            tracing::warn!("{app}'s repository: {error}");
        }
        return Ok(());
    }
    // git has read the configuration for this push already.
    apps::refresh_repository(server, app)?;
    Err(Error::JustSetUp(app.clone()))
}

/// Which of a push's refs deploys, by the pushed `gokku.yml`s.
fn judgement(dir: &AppDir, repository: &Repository, updates: &[RefUpdate]) -> Result<Judgement, Error> {
    let record = apps::load(dir)?;
    let deploys = deploy_branch(repository, dir.app(), &record, updates)?;
    Ok(judge(updates, &deploys)?)
}

fn unmoved(repository: &Repository, deploy: &Deploy) -> Result<(), Error> {
    let now = repository.head_of(&deploy.branch)?;
    Ok(check_unmoved(
        &deploy.branch,
        deploy.old(),
        deploy.commit(),
        now.as_ref(),
    )?)
}

/// Takes a commit's files out of the repository, for a new release; unless they cannot be deployed. With how long that took,
/// in milliseconds.
fn take_out(
    dir: &AppDir,
    repository: &Repository,
    commit: &CommitId,
) -> Result<(ReleaseId, TreeId, u64), Error> {
    let began = std::time::Instant::now();
    let refused = |obstacle| Error::Obstacle {
        commit: commit.clone(),
        obstacle,
    };
    let unreadable = |error| not_whole(dir.app(), repository, error);
    let (missing, stand_ins): (Vec<_>, Vec<_>) = repository
        .obstacles(commit)
        .map_err(unreadable)?
        .into_iter()
        .partition(|obstacle| matches!(obstacle, Obstacle::Submodules(_)));
    if let Some(missing) = missing.into_iter().next() {
        return Err(refused(missing));
    }
    let tree = repository.tree(commit).map_err(unreadable)?;
    let id = transition_log::allocate(dir)?;
    let incoming = dir.incoming(id);
    let export = || -> Result<(), Error> {
        repository.export(commit, &incoming).map_err(unreadable)?;
        // What no build is sent may stand for something else.
        for obstacle in stand_ins {
            if let Some(sent) = obstacle.only(|paths| sent_to_builds(dir.app(), &incoming, paths))? {
                return Err(refused(sent));
            }
        }
        Ok(())
    };
    if let Err(error) = export() {
        atomic::remove_tree(&incoming)?;
        return Err(error);
    }
    let took = clock::elapsed_ms(began);
    Ok((id, tree, took))
}

/// Why a commit's files cannot be had; where the repository has lost something, with what to do.
fn not_whole(app: &AppName, repository: &Repository, source: gokku_git::Error) -> Error {
    if repository.torn().is_empty() {
        return source.into();
    }
    Error::NotWhole {
        app: app.clone(),
        source,
    }
}

/// Which of some files are sent to the builder.
fn sent_to_builds(app: &AppName, tree: &Path, mut files: Vec<String>) -> Result<Vec<String>, Error> {
    let config = config_of(
        app,
        tree_file::read(tree, GOKKU_YML, read_limits::GOKKU_YML)?.as_deref(),
    )?;
    let dockerfiles = config.dockerfiles();
    let dockerfile = dockerfiles.iter().find(|name| tree_file::is_there(tree, name));
    let ignore = match dockerfile {
        Some(dockerfile) => gokku_docker::build::context::ignore(tree, dockerfile, ""),
        None => gokku_docker::build::context::ignore(tree, "Dockerfile", DOCKERIGNORE),
    }
    .map_err(gokku_docker::Error::from)?;
    files.retain(|file| tree.join(file).symlink_metadata().is_ok() && !ignore.leaves_out(file));
    Ok(files)
}

/// Whether all is there of what the active release is made of, as far as it can be told: what is not is made anew. Of another
/// commit's release nobody looks: this one is made in any case.
async fn is_whole(server: &Server, app: &AppName, commit: &CommitId) -> Result<bool, Error> {
    let commit = commit.clone();
    let on_disk = move |_: &Server, dir: &AppDir| Ok(is_whole_on_disk(dir, &commit));
    let image = match run_blocking(server, app, on_disk).await? {
        ControlFlow::Break(whole) => return Ok(whole),
        ControlFlow::Continue(image) => image,
    };
    let Ok(engine) = server.runtime().await else {
        return Ok(true);
    };
    Ok(!matches!(engine.image(image.as_str()).await, Ok(None)))
}

/// The same, as far as the disk tells it; or the image that is left to look for.
fn is_whole_on_disk(dir: &AppDir, commit: &CommitId) -> ControlFlow<bool, ImageId> {
    let record = records::active(dir).and_then(|id| records::load(dir, id).ok().flatten());
    let Some(record) = record else {
        return ControlFlow::Break(false);
    };
    if record.commit.as_ref() != Some(commit) {
        return ControlFlow::Break(true);
    }
    if !code::lost(dir, &record).is_empty() {
        return ControlFlow::Break(false);
    }
    record
        .image
        .map_or(ControlFlow::Break(true), ControlFlow::Continue)
}

/// What to tell when a commit is what runs: its deploy went well and only the push was cut off. Its refs are moved then.
/// While something changes the app nobody knows what will run, and the push waits like any other.
fn deployed_already(
    server: &Server,
    dir: &AppDir,
    deploy: &Deploy,
    push: &Push,
) -> Result<Option<String>, Error> {
    let commit = deploy.commit();
    let runs = || -> Result<_, Error> {
        let Some(active) = records::active(dir) else {
            return Ok(None);
        };
        let record = records::load(dir, active).ok().flatten();
        let same = record
            .is_some_and(|record| record.outcome == Outcome::Good && record.commit.as_ref() == Some(commit));
        Ok(same.then_some(active))
    };
    let Some(active) = runs()? else { return Ok(None) };
    let me = Holder {
        pid: std::process::id(),
        by: server.by.clone(),
        what: Purpose::Push,
        id: active,
    };
    let Attempt::Got(mut lock) = lock::try_acquire(dir, &me)? else {
        return Ok(None);
    };
    if let Some(before) = lock.pending_ref() {
        before.wait(dir)?;
    }
    // One that was cut off is ended by a worker.
    if dir.journal().exists() {
        return Ok(None);
    }
    let Some(active) = runs()? else { return Ok(None) };
    match push.mover {
        Some(_) => refs::check(dir, &deploy.refs)?,
        None => refs::apply(dir, &deploy.refs)?,
    }
    expect(dir, &mut lock, &deploy.branch, push)?;
    durable::write(server.root.path())?;
    Ok(Some(format!(
        "{} is deployed already, as release {active}; `gokku deploy -a {}` deploys it again",
        commit.short(),
        dir.app()
    )))
}

/// Where git moves the branch, it does so when this process has ended and the app is free already: whoever comes next is
/// left word.
pub(crate) fn expect(
    dir: &AppDir,
    lock: &mut AppLock,
    branch: &BranchName,
    push: &Push,
) -> Result<(), Error> {
    let (Some(mover), Some(first)) = (push.mover, push.refs.first()) else {
        return Ok(());
    };
    lock.set_pending_ref(PendingRef::new(branch.clone(), first.new.clone(), mover))
        .map_err(|error| FileError::file(&dir.lock(), error).into())
}

/// The branch that deploys: what the pushed `gokku.yml`s say, what deployed before, or the first pushed.
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
    let mut declared = Vec::new();
    let mut unreadable = Vec::new();
    for update in updates.iter().filter(|update| !update.new.is_zero()) {
        let Some(branch) = update.branch() else { continue };
        let yml = repository.file(&update.new, GOKKU_YML, read_limits::GOKKU_YML)?;
        match config_of(app, yml.as_deref()) {
            Ok(config) => declared.push((branch, config.branch(&record.environment).cloned())),
            Err(error) => {
                unreadable.push((branch.full(), error));
                declared.push((branch, None));
            }
        }
    }
    let deploys = rules::deploy_branch(before, &declared);
    // A branch that is only stored may have any gokku.yml.
    if let Ok(Judgement::Deploy(deploy)) = judge(updates, &deploys)
        && let Some((_, error)) = unreadable
            .into_iter()
            .find(|(name, _)| *name == deploy.refs[0].name)
    {
        return Err(error.into());
    }
    Ok(deploys)
}

/// Deploys the deploy branch's commit again, as a new release.
pub fn deploy_again<'a>(
    server: &'a Server,
    app: &'a AppName,
    rebuild: bool,
) -> BoxFuture<'a, Result<Submitted, Error>> {
    Box::pin(submit_again(server, app, rebuild))
}

async fn submit_again(server: &Server, app: &AppName, rebuild: bool) -> Result<Submitted, Error> {
    let (branch, commit) = run_blocking(server, app, |_, dir| to_deploy_again(dir)).await?;
    build_space::for_code(server, app).await?;
    run_blocking(server, app, move |server, dir| {
        let repository = Repository::at(dir.repository());
        intake::measure(&repository, &commit, &intake::limits(server)?)?;
        let (id, tree, took_out) = take_out(dir, &repository, &commit)?;
        let operation = Operation::Deploy {
            commit,
            tree,
            branch,
            push: None,
            rebuild,
            took_out,
        };
        submit_as(server, dir.app(), id, operation, false)
    })
    .await
}

/// The deploy branch and its commit, where deploying it brings nothing older than what runs.
fn to_deploy_again(dir: &AppDir) -> Result<(BranchName, CommitId), Error> {
    let record = apps::load(dir)?;
    if let Some(pending_ref) = lock::pending_ref(dir)? {
        pending_ref.wait(dir)?;
    }
    let repository = Repository::at(dir.repository());
    let (branch, commit) = branch::deployable(&repository, dir.app(), &record)?;
    if let Some(runs) = runs_without_branch(dir, &repository, &commit)? {
        let head = commit;
        return Err(Error::BehindWhatRuns { runs, branch, head });
    }
    Ok((branch, commit))
}

/// The commit of the newest release, where that is what runs and the branch is not at it, nor ahead of it.
fn runs_without_branch(
    dir: &AppDir,
    repository: &Repository,
    head: &CommitId,
) -> Result<Option<CommitId>, Error> {
    let all = records::list(dir)?;
    let newest = all.iter().rfind(|record| record.outcome == Outcome::Good);
    let Some(newest) = newest.filter(|newest| records::active(dir) == Some(newest.id)) else {
        return Ok(None);
    };
    match &newest.commit {
        Some(runs) if runs != head && !repository.is_ancestor(runs, head)? => Ok(Some(runs.clone())),
        _ => Ok(None),
    }
}

/// Deploys an image as a new release. What is on the deploy branch, if there is anything, says how it is run.
pub fn deploy_image<'a>(
    server: &'a Server,
    app: &'a AppName,
    image: ImageRef,
) -> BoxFuture<'a, Result<Submitted, Error>> {
    Box::pin(submit_image(server, app, image))
}

async fn submit_image(server: &Server, app: &AppName, image: ImageRef) -> Result<Submitted, Error> {
    let commit = run_blocking(server, app, |_, dir| {
        let record = apps::load(dir)?;
        if let Some(pending_ref) = lock::pending_ref(dir)? {
            pending_ref.wait(dir)?;
        }
        let repository = Repository::at(dir.repository());
        match &record.branch {
            Some(branch) => Ok(repository.head_of(branch)?),
            None => Ok(None),
        }
    })
    .await?;
    build_space::for_code(server, app).await?;
    run_blocking(server, app, move |server, dir| {
        if let Some(commit) = &commit {
            let repository = Repository::at(dir.repository());
            intake::measure(&repository, commit, &intake::limits(server)?)?;
        }
        let id = transition_log::allocate(dir)?;
        let incoming = dir.incoming(id);
        if let Err(error) = code::put(dir, commit.as_ref(), &incoming) {
            atomic::remove_tree(&incoming)?;
            return Err(error.into());
        }
        submit_as(server, dir.app(), id, Operation::Image { image, commit }, false)
    })
    .await
}
