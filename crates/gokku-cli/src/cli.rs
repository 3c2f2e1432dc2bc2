//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use gokku_core::access::client_hello::Client;
use gokku_core::config::image_ref::ImageRef;

/// `git push` to your own server, without a dropped request
#[derive(Debug, Parser)]
#[command(
    name = "gokku",
    version,
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
    /// The app: a git remote (api-production); on its server also its name alone
    #[arg(short, long, global = true, value_name = "APP")]
    pub app: Option<String>,
    /// The server to run this on, where no git remote tells it
    #[arg(long, global = true, value_name = "USER@HOST")]
    pub remote: Option<String>,
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
    #[arg(long, global = true, env = "GOKKU_ROOT", default_value = gokku_server::fs::root::DEFAULT, hide = true)]
    pub root: PathBuf,
    /// The Docker Engine
    #[arg(long, global = true, env = "DOCKER_HOST", hide = true, hide_env_values = true)]
    pub docker_host: Option<String>,
    /// Who has this run on its server: another gokku, in a word
    #[arg(long, global = true, hide = true, value_name = "PROTOCOL:VERSION")]
    pub client: Option<Client>,
    /// The app, whatever `-a` calls it
    #[arg(long, global = true, hide = true, value_name = "APP")]
    pub as_app: Option<String>,
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
    /// Deploy the current commit again, or an image; or see to the deploy under way
    Deploy {
        /// End the deploy under way, or the one named, which may wait for its turn; what runs goes on running
        #[arg(long, value_name = "RELEASE", num_args = 0..=1, conflicts_with = "attach")]
        abort: Option<Option<String>>,
        /// Follow the deploy under way
        #[arg(long)]
        attach: bool,
        /// Deploy this image as it is instead: it is pulled from its registry, and nothing is built
        #[arg(long, value_name = "IMAGE", conflicts_with_all = ["abort", "attach", "rebuild"])]
        image: Option<ImageRef>,
        /// Build it anew, without the builder's cache: for what the code does not say, a newer base image for example
        #[arg(long, conflicts_with_all = ["abort", "attach"])]
        rebuild: bool,
    },
    /// Show the Dockerfile that the current commit is built with: the project's own, or the one gokku writes for it
    Build {
        /// Print it; a push builds it
        #[arg(long, required = true)]
        print: bool,
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
    /// The app's processes, and how many there are of each
    #[command(subcommand)]
    Ps(Ps),
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
    /// Servers, from your own machine, and the git remotes that are apps on them
    #[command(subcommand)]
    Remote(Remote),
    /// The keys that others are let in with
    #[command(subcommand)]
    Keys(Keys),
    /// The registries that images are pulled from with a login
    #[command(subcommand)]
    Registry(Registry),
    /// Remove what is no longer kept: of one app, or of the whole server and the build cache beyond its budget
    Prune {
        /// Show what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what is missing on this server, and the command that mends it; and what the disks are used for
    Doctor,
    /// Print a shell's completion script
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Does what another command has handed over
    #[command(hide = true)]
    Worker,
    /// Stops what the engine has of this server, or removes it
    #[command(hide = true)]
    Leave {
        /// Containers, images and the network go
        #[arg(long)]
        data: bool,
    },
    /// What git runs
    #[command(subcommand, hide = true)]
    Hook(Hook),
    /// What sshd runs for a key
    #[command(hide = true)]
    Entry {
        /// The key's name
        #[arg(long, value_name = "NAME")]
        key: String,
        /// The apps it is limited to
        #[arg(id = "app", long = "app", value_name = "APP")]
        apps: Vec<String>,
    },
    /// What `git push` runs
    #[command(hide = true)]
    ReceivePack {
        /// The app's repository
        path: String,
    },
    /// What `git fetch` runs
    #[command(hide = true)]
    UploadPack {
        /// The app's repository
        path: String,
    },
}

/// Processes.
#[derive(Debug, Subcommand)]
pub enum Ps {
    /// List the app's processes
    List,
    /// Change how many containers there are of a process, now and in releases to come
    Scale {
        /// web=3
        #[arg(required = true, value_name = "PROCESS=COUNT")]
        counts: Vec<String>,
    },
    /// Restart the containers of a process, one after the other; web and, without a name, all of the app as
    /// `gokku restart` does
    Restart {
        /// The process
        process: Option<String>,
    },
    /// Stop a process, as `gokku ps scale PROCESS=0`: it stays so until it is scaled again
    Stop {
        /// The process
        process: String,
    },
}

/// Keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Let a public key in, read from standard input: it can push to its apps and command them, and nothing else
    Add {
        /// Its name, which stands in the record of what it did
        name: String,
        /// An app it may reach, made or not; all without
        #[arg(id = "app", short = 'a', long = "app", value_name = "APP")]
        apps: Vec<String>,
    },
    /// List the keys
    List,
    /// Let a key in no more
    Remove {
        /// Its name
        name: String,
    },
}

/// Registries.
#[derive(Debug, Subcommand)]
pub enum Registry {
    /// Store a login, once the registry has let it in; the password is read from standard input
    Login {
        /// The registry, as images name it: ghcr.io, registry.example.com:5000
        host: String,
        /// The user
        #[arg(short, long, value_name = "USER")]
        username: String,
    },
    /// Remove a login
    Logout {
        /// The registry
        host: String,
    },
    /// List the logins, without their passwords
    List,
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
    /// The process: worker, or worker-2; without, the first web one, or the first of an app that has no web
    #[arg(long, value_name = "PROCESS")]
    pub process: Option<String>,
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
        /// The branch that deploys; without, the first of main and master that is pushed
        #[arg(short, long)]
        branch: Option<String>,
        /// It is well if it is there already, for the same environment
        #[arg(long)]
        if_missing: bool,
    },
    /// List the apps
    List,
    /// Remove an app: its containers, images, code and environment; its volumes stay
    Destroy {
        /// Its name
        name: String,
        /// Its volumes go, too, with all that is in them
        #[arg(long)]
        volumes: bool,
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
        #[arg(required_unless_present = "stdin", value_name = "NAME=VALUE")]
        pairs: Vec<String>,
        /// Read them from standard input, a NUL byte after each
        #[arg(long, conflicts_with = "pairs")]
        stdin: bool,
        /// Leave what runs as it is
        #[arg(long)]
        no_restart: bool,
    },
    /// Set the variables of an env file, read from standard input, and apply them to what runs; others stay
    Import {
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
    /// Check a gokku.yml and the Procfile beside it; everything that is wrong is told, with its line
    Check {
        /// The file
        #[arg(default_value = "gokku.yml")]
        file: PathBuf,
    },
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

/// Servers, from a developer's machine.
#[derive(Debug, Subcommand)]
pub enum Remote {
    /// Make a machine a server: Docker, gokku, its user, its folder and its service, whatever of it is missing
    Setup(Setup),
    /// Take away from a server what setup has made; apps' data stays
    Teardown(Teardown),
    /// Add a git remote to push to, and make its app on the server; with --app where the remote's name does not begin
    /// with the app's
    Add {
        /// The remote's name: the app's and its environment's, api-production
        name: String,
        /// The server
        #[arg(value_name = "USER@HOST[:PORT]")]
        server: String,
    },
    /// List the git remotes that are apps on a server
    List,
    /// Remove a git remote; the app stays on its server
    Remove {
        /// The remote's name
        name: String,
    },
}

/// How a machine is reached that is set up or taken down.
#[derive(Debug, Args)]
pub struct There {
    /// The machine; the user is root, or may use sudo without a password
    #[arg(value_name = "USER@HOST[:PORT]")]
    pub server: String,
    /// The private key to use; those that ssh knows without
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Show each step with its commands, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Setting up.
#[derive(Debug, Args)]
pub struct Setup {
    /// Where.
    #[command(flatten)]
    pub there: There,
}

/// Taking down.
#[derive(Debug, Args)]
pub struct Teardown {
    /// Where.
    #[command(flatten)]
    pub there: There,
    /// Remove the apps' data, too: code, environments, repositories, containers, images
    #[arg(long)]
    pub data: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
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
    /// Before git takes a push's objects
    PreReceive,
    /// When it has them, in place of moving the refs
    ProcReceive,
}
