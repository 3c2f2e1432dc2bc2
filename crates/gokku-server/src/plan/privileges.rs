//! What an app's containers may do beyond what every container may: what its `gokku.yml` asks for, as far as the server's
//! `config.toml` gives it to the app.

use gokku_core::config::privileges::Privileges;

use crate::fs::app_dir::AppDir;
use crate::plan::Error;
use crate::plan::release_plan::Plan;

/// What a release's containers have; an error when something is not given.
pub(crate) fn of(dir: &AppDir, plan: &Plan) -> Result<Privileges, Error> {
    let (root, app) = (dir.root(), dir.app());
    let given = plan.server.capabilities_of(app);
    let settings = root.config().display().to_string();
    Ok(plan.config.privileges(app, &given, &settings)?)
}
