//! What is checked of a request before anything is changed, and what comes of it: a goal, and the plan to reach it.

use gokku_core::config::image_ref::ImageRef;
use gokku_core::config::processes::Scale;
use gokku_core::logs::notice::Notice;
use gokku_core::release::build_key::BuildKey;
use gokku_core::release::record::{Outcome, Record};
use gokku_core::release::retention::rollback_target;
use gokku_core::transition::{Activation, Cause, Goal};
use gokku_core::{AppName, CommitId, ReleaseId};

use crate::app::{self, apps, code, records};
use crate::fs::app_dir::AppDir;
use crate::os::clock;
use crate::plan::release_plan::Plan;
use crate::plan::{self, error_pages, unread};
use crate::server::Server;
use crate::worker::Error;
use crate::worker::error::{Choice, NoReturn};
use crate::worker::request::{Operation, Request};

/// What a request comes to.
pub(crate) struct Prepared {
    pub(crate) goal: Goal,
    pub(crate) plan: Plan,
    pub(crate) release: Option<ReleaseId>,
    pub(crate) commit: Option<CommitId>,
    /// What the release's image is pulled by.
    pub(crate) reference: Option<ImageRef>,
    /// The record of a release that is to be made.
    pub(crate) record: Option<Record>,
}

/// Checks everything that can be checked before anything is changed.
pub(crate) fn prepare(server: &Server, request: &Request) -> Result<Prepared, Error> {
    let dir = &server.app_dir(&request.app);
    let mut scale = apps::load(dir)?.scale;
    let active = records::active(dir);
    let (release, cause) = match &request.operation {
        Operation::Deploy {
            commit,
            tree,
            rebuild,
            push,
            ..
        } => {
            let code = dir.incoming(request.id);
            let mut plan = Plan::read(dir, &code, true)?;
            plan.rebuild = *rebuild;
            plan.notices = unread::of_release(&code, &plan)?;
            error_pages::read(&code, &plan.config)?;
            let reference = plan.config.image.clone();
            let build = reference.is_none().then(|| plan.build_key(tree));
            let mut prepared = made_anew(request, plan, Some(commit), reference, build, &scale)?;
            if let (Goal::Activate(activation), Some(push)) = (&mut prepared.goal, push) {
                activation.refs = push.moved().to_vec();
            }
            return Ok(prepared);
        }
        Operation::Image { image, commit } => {
            let code = dir.incoming(request.id);
            let mut plan = Plan::read(dir, &code, false)?;
            plan.notices = unread::of_release(&code, &plan)?;
            error_pages::read(&code, &plan.config)?;
            let image = Some(image.clone());
            return made_anew(request, plan, commit.as_ref(), image, None, &scale);
        }
        Operation::Stop | Operation::Destroy { .. } => {
            let goal = if matches!(request.operation, Operation::Stop) {
                Goal::Stop
            } else {
                Goal::Destroy
            };
            return Ok(Prepared {
                goal,
                plan: Plan::lenient(dir),
                release: None,
                commit: None,
                reference: None,
                record: None,
            });
        }
        Operation::Rollback { release } => (rollback_to(dir, *release)?, Cause::Rollback),
        Operation::Restart => (running(dir.app(), active)?, Cause::Restart),
        Operation::Config => (running(dir.app(), active)?, Cause::Config),
        Operation::Start => (running(dir.app(), active)?, Cause::Start),
        Operation::Scale { .. } => (running(dir.app(), active)?, Cause::Scale),
    };
    let record = records::load(dir, release)?;
    let mended = record
        .as_ref()
        .map(|record| code::repair(dir, record))
        .transpose()?;
    let mut plan = Plan::of_release(dir, release)?;
    plan.notices.extend(mended.flatten().map(Notice::CodeRepaired));
    if let Operation::Scale { scale: said } = &request.operation {
        let scaled = plan.processes.scaled(&scale, said);
        scale = scaled?;
    }
    let (commit, reference) = record.map_or((None, None), |record| (record.commit, record.reference));
    let goal = activation(request.id, release, cause, reference.is_some(), &plan, &scale)?;
    Ok(Prepared {
        goal,
        plan,
        release: Some(release),
        commit,
        reference,
        record: None,
    })
}

/// A release that is to be made: built, or pulled by its reference.
fn made_anew(
    request: &Request,
    plan: Plan,
    commit: Option<&CommitId>,
    reference: Option<ImageRef>,
    build: Option<BuildKey>,
    scale: &Scale,
) -> Result<Prepared, Error> {
    let record = Record {
        commit: commit.cloned(),
        reference: reference.clone(),
        build,
        by: Some(request.by.clone()),
        begun: clock::unlike(request.id.seconds()),
        domains: plan.domains.iter().map(|domain| domain.value.clone()).collect(),
        ..Record::begun(request.id)
    };
    Ok(Prepared {
        goal: activation(
            request.id,
            request.id,
            Cause::Deploy,
            reference.is_some(),
            &plan,
            scale,
        )?,
        plan,
        release: Some(request.id),
        commit: commit.cloned(),
        reference,
        record: Some(record.in_its_version()),
    })
}

fn activation(
    id: ReleaseId,
    release: ReleaseId,
    cause: Cause,
    pulls: bool,
    plan: &Plan,
    scale: &Scale,
) -> Result<Goal, Error> {
    let processes = plan.processes.keys(scale);
    let processes = processes.map_err(plan::Error::Processes)?;
    Ok(Goal::Activate(Activation {
        id,
        release,
        cause,
        mode: plan.settings.mode,
        migrate: cause == Cause::Deploy && plan.migration().is_some(),
        pulls,
        processes,
        exclusive: plan.processes.exclusive(),
        refs: Vec::new(),
    }))
}

fn running(app: &AppName, active: Option<ReleaseId>) -> Result<ReleaseId, Error> {
    Ok(active.ok_or_else(|| app::Error::NoRelease(app.clone()))?)
}

/// P22, P23: the release that a rollback goes to.
fn rollback_to(dir: &AppDir, wanted: Option<ReleaseId>) -> Result<ReleaseId, Error> {
    let app = dir.app();
    let active = running(app, records::active(dir))?;
    let records = records::list(dir)?;
    let can_be_had = records
        .iter()
        .filter(|record| record.can_return() && record.id != active);
    let choice = Choice(can_be_had.map(|record| record.id).collect());
    let app = app.clone();
    let Some(release) = wanted else {
        let before = rollback_target(&records, active);
        return before.ok_or(Error::NoneBefore { app, active, choice });
    };
    let problem = match records
        .iter()
        .find(|record| record.id == release)
        .map(|record| record.outcome)
    {
        None => NoReturn::Unknown,
        Some(Outcome::Failed) => NoReturn::Failed,
        Some(Outcome::Pruned) => NoReturn::Pruned,
        Some(Outcome::Unfinished) => NoReturn::Unfinished,
        Some(Outcome::Good) if release == active => NoReturn::Active,
        Some(Outcome::Good) => return Ok(release),
    };
    Err(Error::CannotReturn {
        app,
        release,
        problem,
        choice,
    })
}
