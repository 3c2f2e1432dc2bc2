//! git, as gokku sees it: the `git` program, run from one place.
//!
//! - [`repository`]: an app's bare repository: made, asked, its deploy branch
//! - [`hook`]: the hooks that judge and deploy a push; [`proc_receive`]: what git and the second one say to each other
//! - [`ref_transaction`]: refs moved together or not at all
//! - `serve`: git's side of a push that comes over ssh with a key
//! - [`pinned`]: what its configuration says, so that nobody else's counts
//! - [`tree`]: a commit's files: exported, and read one by one
//! - [`intake`]: how much a push has brought, and how much a commit's files are
//! - [`integrity`]: whether all is there that its refs name, and what becomes of it where not
//! - [`obstacle`]: what in them cannot be deployed
//! - [`working_copy`]: a developer's own repository, and its remotes
//! - `command`: how git is run
//! - `loan`: a repository's objects, and nothing else of it

pub mod hook;
pub mod intake;
pub mod integrity;
pub mod obstacle;
pub mod pinned;
pub mod proc_receive;
pub mod ref_transaction;
pub mod repository;
pub mod tree;
pub mod working_copy;

mod command;
mod error;
mod loan;
mod serve;

pub use error::Error;
pub use hook::{Hook, OLDEST_GIT, git_version};
pub use integrity::{History, Repaired};
pub use obstacle::Obstacle;
pub use pinned::Difference;
pub use ref_transaction::RefTransaction;
pub use repository::Repository;
pub use working_copy::WorkingCopy;
