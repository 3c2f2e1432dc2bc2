//! Changing an app's env, checked before it is written.

use futures_util::future::BoxFuture;
use gokku_core::AppName;
use gokku_core::config::env_file::{EnvFile, EnvKey, EnvValue, can_be_given};
use gokku_core::containers::{ContainerState, labels};
use gokku_core::logs::audit::Change;

use crate::app::{env_store, records, server_config};
use crate::command::Error;
use crate::plan::release_plan::settings_of;
use crate::record::audit_log;
use crate::server::Server;
use crate::worker::host_ports;

/// Sets variables, all or none. True when that changed anything.
pub fn set<'a>(
    server: &'a Server,
    app: &'a AppName,
    pairs: &'a [(EnvKey, EnvValue)],
) -> BoxFuture<'a, Result<bool, Error>> {
    Box::pin(check_and_set(server, app, pairs))
}

async fn check_and_set(server: &Server, app: &AppName, pairs: &[(EnvKey, EnvValue)]) -> Result<bool, Error> {
    let dir = server.app_dir(app);
    host_ports::may_set(server, app, pairs).await?;
    for (key, value) in pairs {
        can_be_given(key, value)?;
    }
    let changed = env_store::edit(&dir, |env| {
        let before = env.clone();
        for (key, value) in pairs {
            env.set(key, value);
        }
        settings_of(env)?;
        within(server, app, env)?;
        Ok::<_, Error>(*env != before)
    })?;
    if changed {
        let set = pairs.iter().map(|(key, _)| key.to_string()).collect();
        record(server, app, set, Vec::new());
    }
    Ok(changed)
}

/// Refuses an env that is larger than the server's owner lets them be.
fn within(server: &Server, app: &AppName, env: &EnvFile) -> Result<(), Error> {
    let limits = server_config::read(&server.root)?.env;
    let variables = env.iter().count();
    if variables > limits.variables {
        return Err(Error::TooManyVariables {
            app: app.clone(),
            found: variables,
            most: limits.variables,
        });
    }
    let bytes = env.to_string().len() as u64;
    if bytes > limits.size.0 {
        return Err(Error::EnvTooLarge {
            app: app.clone(),
            found: bytes,
            most: limits.size,
        });
    }
    Ok(())
}

/// Removes variables, all or none; one that is not there is an error. True when that changed anything.
pub fn unset(server: &Server, app: &AppName, keys: &[EnvKey]) -> Result<bool, Error> {
    let dir = server.app_dir(app);
    env_store::edit(&dir, |env| {
        for key in keys {
            if !env.unset(key) {
                let (app, key) = (app.clone(), key.clone());
                return Err(Error::NoVariable { app, key });
            }
        }
        Ok(settings_of(env)?)
    })?;
    record(
        server,
        app,
        Vec::new(),
        keys.iter().map(ToString::to_string).collect(),
    );
    Ok(!keys.is_empty())
}

fn record(server: &Server, app: &AppName, set: Vec<String>, unset: Vec<String>) {
    audit_log::note(
        &server.root,
        &server.by,
        Some(app),
        Change::EnvChanged { set, unset },
    );
}

/// Returns whether the app runs, so that a change of its env is to be applied to what runs.
pub fn is_running<'a>(server: &'a Server, app: &'a AppName) -> BoxFuture<'a, Result<bool, Error>> {
    Box::pin(has_targets(server, app))
}

async fn has_targets(server: &Server, app: &AppName) -> Result<bool, Error> {
    use gokku_proxy::control::client::Error as Theirs;

    let dir = server.app_dir(app);
    match server.switch.route(app).await {
        Ok(route) => Ok(!route.targets.is_empty()),
        Err(Theirs::Refused(_)) => Ok(false),
        // A switch that is down says nothing of the app.
        Err(Theirs::NotRunning(_)) if records::active(&dir).is_none() => Ok(false),
        Err(Theirs::NotRunning(_)) => {
            let containers = server.containers(&*server.runtime().await?, app).await?;
            Ok(containers
                .iter()
                .any(|facts| facts.label(labels::KIND).is_none() && facts.state == ContainerState::Running))
        }
        Err(error) => Err(error.into()),
    }
}
