//! Says why a server is not set up, or not taken down.

/// Why a server is not set up, or not taken down: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "its words say what each is")]
pub enum Refusal {
    #[error("it runs {0}, and gokku needs Linux")]
    Kernel(String),
    #[error(
        "it is {there_kernel} on {there_machine}, and this gokku is for {here_kernel} on {here_machine}, which would not run there. Run this again with a gokku for {there_machine}: `cargo build --release` makes one on such a machine"
    )]
    Machine {
        there_kernel: String,
        there_machine: String,
        here_kernel: String,
        here_machine: String,
    },
    #[error(
        "{user} may not do root's work there without being asked for a password ({words}). Use root@, or let {user}: echo '{user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/{user}"
    )]
    NoSudo { user: String, words: String },
    #[error("it lacks {0}, which belong to every Debian or Ubuntu: install them there first")]
    Lacks(String),
    #[error(
        "{0} cannot be installed, because there is no apt-get: install them by the distribution's own means, then run this again"
    )]
    NoPackages(String),
    #[error(
        "its Docker Engine does not answer, and there is no systemd to start it by: start dockerd there, then run this again"
    )]
    SilentEngine,
    #[error(
        "the Docker Engine's socket belongs to the group {0}, which no user is put into. Give it to the group docker: \"group\": \"docker\" in /etc/docker/daemon.json, then restart the engine"
    )]
    SocketGroup(String),
    #[error("the user gokku there is {0}. Setting up makes that user for itself: rename yours")]
    Account(String),
    #[error("{root} is {what} there: choose another folder with --root")]
    NoFolder { root: String, what: String },
    #[error("{root} there has {what} in it, which is not gokku's: choose another folder with --root")]
    Foreign { root: String, what: String },
    #[error(
        "{root} there belongs to {owner} and has {apps} apps. They are not taken over without you: docs/remote-setup.md says how to give them to the user gokku, or choose another folder with --root"
    )]
    InUse {
        root: String,
        owner: String,
        apps: usize,
    },
    #[error(
        "{root} there belongs to {owner}: setting up did not make it, so nothing is removed. Remove it by hand"
    )]
    NotOurs { root: String, owner: String },
    #[error("it is set up for the folder {0}: say --root {0}, or take that down first")]
    OtherRoot(String),
}
