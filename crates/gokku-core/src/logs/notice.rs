//! What is told of a release's code, image and networks before it is made: its author may want to know it, and nothing of it
//! stops the transition.

use serde::{Deserialize, Serialize};

use crate::app::name::AppName;
use crate::config::misnamed::Misnamed;
use crate::release::code_loss::CodeLoss;

/// Something that the author of a release may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// A file is nearly called what is looked for, and is not read.
    Misnamed(Misnamed),
    /// The attributes of files name a filter, which is not run.
    FilterNotRun {
        /// The filter.
        filter: String,
        /// One of the files.
        first: String,
        /// How many more there are.
        more: usize,
    },
    /// A release's code was not whole, and has been taken out of the repository again.
    CodeRepaired(CodeLoss),
    /// The app's environment names a container of an app with which it has no network.
    UnreachableNamed {
        /// The app.
        app: AppName,
        /// The app whose container is named.
        other: AppName,
        /// The variable that names it.
        key: String,
    },
    /// The app asks for a network with another one, which does not ask for one with it.
    NotReachedBack {
        /// The app.
        app: AppName,
        /// The other one.
        other: AppName,
    },
    /// The network that the app has with another one is new, and the other's containers are not on it yet.
    ReachedLater {
        /// The app.
        app: AppName,
        /// The other one.
        other: AppName,
    },
}
