//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// `git push` to your own server, without a dropped request
#[derive(Debug, Parser)]
#[command(
    name = "gokku",
    version,
    about,
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub options: Options,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub struct Options {
    /// The app: its name, or its name and environment (api-production)
    #[arg(short, long, global = true, value_name = "APP")]
    pub app: Option<String>,
    /// Print facts as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colours; the variable `NO_COLOR` is obeyed too
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
    /// The server's folder
    #[arg(long, global = true, env = "GOKKU_ROOT", default_value = gokku_server::root::DEFAULT, hide = true)]
    pub root: PathBuf,
    /// The Docker Engine
    #[arg(long, global = true, env = "DOCKER_HOST", hide = true, hide_env_values = true)]
    pub docker_host: Option<String>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// In a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make, list and remove apps
    #[command(subcommand)]
    Apps(Apps),
    /// The app's environment variables
    #[command(subcommand)]
    Config(Config),
    /// Deploy the current commit again, or see to the deploy under way
    Deploy {
        /// End the deploy under way, or the one named, which may wait for its turn; what runs goes on running
        #[arg(long, value_name = "RELEASE", num_args = 0..=1, conflicts_with = "attach")]
        abort: Option<Option<String>>,
        /// Follow the deploy under way
        #[arg(long)]
        attach: bool,
    },
    /// Go back to the previous good release, or to the one named
    Rollback {
        /// The release, as `gokku releases` lists it
        release: Option<String>,
    },
    /// List the app's releases
    Releases,
    /// Show what runs: of one app, or of all
    Status,
    /// Show what the app prints
    Logs(Logs),
    /// Show what changed, and who changed it: of one app, or of the whole server
    Events {
        /// Wait for more
        #[arg(short, long)]
        follow: bool,
        /// How many of the last ones; all that are kept without
        #[arg(short = 'n', long, value_name = "N")]
        lines: Option<usize>,
    },
    /// Replace the running container by a new one of the same release
    Restart,
    /// Stop the app; its requests are refused until it is started
    Stop,
    /// Start the app that was stopped
    Start,
    /// Run a command in a container of its own, with the app's image and environment
    Run {
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Run a command in the running container
    Exec {
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// The traffic switch
    #[command(subcommand)]
    Proxy(Proxy),
    /// Show what is missing on this server, and the command that mends it
    Doctor,
    /// Print a shell's completion script
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Does what another command has handed over
    #[command(hide = true)]
    Worker,
    /// What git runs
    #[command(subcommand, hide = true)]
    Hook(Hook),
}

/// Which of an app's output.
#[derive(Debug, Args)]
pub struct Logs {
    /// Wait for more, across deploys too
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the last lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// From when on: 10m, 2h, or 2024-01-15T11:30:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Go on after this line: CONTAINER@AT as `--json` gives them, and #NTH where it gives that
    #[arg(long, value_name = "PLACE", hide = true, conflicts_with_all = ["lines", "since"])]
    pub resume: Option<String>,
}

/// Apps.
#[derive(Debug, Subcommand)]
pub enum Apps {
    /// Make an app, ready to be pushed to
    Create {
        /// Its name
        name: String,
        /// Its environment
        #[arg(short, long, default_value = "production")]
        environment: String,
    },
    /// List the apps
    List,
    /// Remove an app: its containers, images, code and environment
    Destroy {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// The environment.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Set variables, and apply them to what runs
    Set {
        /// NAME=VALUE
        #[arg(required = true, value_name = "NAME=VALUE")]
        pairs: Vec<String>,
        /// Leave what runs as it is
        #[arg(long)]
        no_restart: bool,
    },
    /// Print a variable's value
    Get {
        /// Its name
        name: String,
    },
    /// Print every variable
    List,
    /// Remove variables, and apply that to what runs
    Unset {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Leave what runs as it is
        #[arg(long)]
        no_restart: bool,
    },
}

/// The traffic switch.
#[derive(Debug, Subcommand)]
pub enum Proxy {
    /// Run it, with the supervisor of the containers behind it, until it is stopped
    Run {
        /// Leave the session it was started in
        #[arg(long, hide = true)]
        detached: bool,
        /// Take the place of the one that runs
        #[arg(long, hide = true)]
        take_over: bool,
    },
    /// Replace it by a new one, of this program's version; nobody is refused meanwhile
    Restart,
    /// Show its routes
    Status,
}

/// What git runs.
#[derive(Debug, Subcommand)]
pub enum Hook {
    /// Before a push is accepted
    PreReceive,
}
