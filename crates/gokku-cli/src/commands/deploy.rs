//! `gokku deploy`: the current commit again, or an image; the deploy under way followed or ended.

use std::ops::ControlFlow;

use clap::Args;
use gokku_core::AppName;
use gokku_core::config::image_ref::ImageRef;
use gokku_core::logs::event::{Event, Finish};
use gokku_server::queue::abort;
use gokku_server::queue::follow::{follow, follow_until};
use gokku_server::queue::lock::{self, Holder};
use gokku_server::worker::push;

use super::transition::follow_to_end;
use super::{Run, wait};
use crate::context::Context;
use crate::error::{DONE, Error, FAILED, exit_code_of};
use crate::printer::Look;
use crate::render::Renderer;
use crate::spec::{Spec, words};

/// Deploy the current commit again, or an image; or follow or end the deploy under way
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// End the deploy under way, or the one named, even if it waits for its turn; what runs keeps running
    #[arg(long, value_name = "RELEASE", num_args = 0..=1, conflicts_with = "attach")]
    #[expect(clippy::option_option, reason = "it may be left out, and its release, too")]
    abort: Option<Option<String>>,
    /// Follow the deploy under way
    #[arg(long)]
    attach: bool,
    /// Deploy this image instead, as it is: it is pulled from its registry, and nothing is built
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["abort", "attach", "rebuild"])]
    image: Option<ImageRef>,
    /// Build from scratch, without the builder's cache: for what the code does not tell, such as a newer base image
    #[arg(long, conflicts_with_all = ["abort", "attach"])]
    rebuild: bool,
}

impl Run for DeployArgs {
    fn spec(&self) -> Spec<'_> {
        Spec::of_apps(if self.abort.is_some() {
            "deploy --abort".to_owned()
        } else if self.attach {
            "deploy --attach".to_owned()
        } else if let Some(image) = &self.image {
            words("deploy --image", [image])
        } else if self.rebuild {
            "deploy --rebuild".to_owned()
        } else {
            "deploy".to_owned()
        })
    }

    fn run(&self, context: &Context) -> Result<u8, Error> {
        let app = &context.app()?;
        if let Some(which) = &self.abort {
            return end(context, app, which.as_deref());
        }
        if self.attach {
            return attach(context, app);
        }
        match &self.image {
            Some(image) => deploy_image(context, app, image),
            None => deploy_again(context, app, self.rebuild),
        }
    }
}

fn deploy_again(context: &Context, app: &AppName, rebuild: bool) -> Result<u8, Error> {
    check_free(context, app)?;
    let server = context.server()?;
    let submitted = wait(async { Ok(push::deploy_again(server, app, rebuild).await?) })?;
    follow_to_end(context, app, submitted)
}

fn deploy_image(context: &Context, app: &AppName, image: &ImageRef) -> Result<u8, Error> {
    check_free(context, app)?;
    let server = context.server()?;
    let submitted = wait(async { Ok(push::deploy_image(server, app, image.clone()).await?) })?;
    follow_to_end(context, app, submitted)
}

/// Refuses to deploy while another transition of the app is under way.
fn check_free(context: &Context, app: &AppName) -> Result<(), Error> {
    if let Some(holder) = lock::holder(&context.server()?.app_dir(app))?
        && !holder.holder.is_brief()
    {
        return Err(lock::busy(app, Some(&holder)).into());
    }
    Ok(())
}

fn nothing_under_way(app: &AppName) -> Error {
    Error::missing(format!("nothing is under way for {app}")).hint(how_the_last_ended(app))
}

fn how_the_last_ended(app: &AppName) -> String {
    format!("`gokku status -a {app}` shows how the last deploy ended")
}

/// Follows the deploy under way to its end.
fn attach(context: &Context, app: &AppName) -> Result<u8, Error> {
    let dir = context.server()?.app_dir(app);
    let held = lock::holder(&dir)?.map(|held| held.holder);
    let holder = held.filter(|held| !held.is_brief());
    let holder = holder.ok_or_else(|| nothing_under_way(app))?;
    let mut renderer = Renderer::new(context.printer, context.server()?);
    let finish = follow(&dir, holder.id, holder.pid, |event| {
        renderer.show(event);
    })?;
    Ok(exit_code_of(&finish))
}

/// P24: frees a stuck deploy.
fn end(context: &Context, app: &AppName, which: Option<&str>) -> Result<u8, Error> {
    let (server, printer) = (context.server()?, context.printer);
    let dir = server.app_dir(app);
    let choices = abort::choices(&dir)?;
    let holder = choose(app, &choices, which)?;
    abort::ask(&dir, holder, &server.by)?;
    printer.note(Look::Plain, &format!("asked the {holder} to stop"));
    let mut renderer = Renderer::new(printer, server);
    let end = follow_until(&dir, holder.id, holder.pid, |stamped| {
        renderer.show(stamped);
        match &stamped.event {
            Event::AbortRefused { why, .. } => ControlFlow::Break(why.clone()),
            _ => ControlFlow::Continue(()),
        }
    })?;
    let late = match end {
        ControlFlow::Continue(Finish::Succeeded { .. }) => "it has ended already, and well".to_owned(),
        ControlFlow::Continue(Finish::LeftUnfinished { .. }) => return Ok(FAILED),
        ControlFlow::Continue(_) => {
            tell_next(context, app)?;
            return Ok(DONE);
        }
        ControlFlow::Break(why) => why,
    };
    let error = Error::failed(format!("it is too late to end the {holder}: {late}"));
    Err(error.hint(format!(
        "`gokku rollback -a {app}` goes back to the release before, `gokku deploy --attach -a {app}` shows what is left to do"
    )))
}

/// Returns the one that is meant: the one named, or the first.
fn choose<'a>(app: &AppName, choices: &'a [Holder], which: Option<&str>) -> Result<&'a Holder, Error> {
    let Some(which) = which else {
        return choices.first().ok_or_else(|| nothing_under_way(app));
    };
    let found = choices.iter().find(|holder| holder.id.to_string() == which);
    found.ok_or_else(|| {
        let all: Vec<String> = choices.iter().map(ToString::to_string).collect();
        match &all[..] {
            [] => Error::missing(format!("{which} is not under way, and nothing is"))
                .hint(how_the_last_ended(app)),
            all => Error::missing(format!("{which} is not under way"))
                .hint(format!("there is {}", all.join(", "))),
        }
    })
}

/// Tells that what was waiting behind it comes next.
fn tell_next(context: &Context, app: &AppName) -> Result<(), Error> {
    for holder in abort::choices(&context.server()?.app_dir(app))? {
        let line = format!(
            "The {holder} comes next; `gokku deploy --abort {} -a {app}` ends it, too",
            holder.id
        );
        context.printer.note(Look::Plain, &line);
    }
    Ok(())
}
