//! What can be typed: the options that hold for every command, and the list of commands. Their own arguments stand beside
//! their code, in `commands`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gokku_core::access::client_hello::Client;
use gokku_core::access::reached_at::ReachedAt;

use crate::commands::Run;
use crate::commands::apps::Apps;
use crate::commands::build::BuildArgs;
use crate::commands::certs::Certs;
use crate::commands::completion::CompletionArgs;
use crate::commands::config::Config;
use crate::commands::deploy::DeployArgs;
use crate::commands::doctor::DoctorArgs;
use crate::commands::domains::Domains;
use crate::commands::events::EventsArgs;
use crate::commands::exec::ExecArgs;
use crate::commands::git_pack::{ReceivePackArgs, UploadPackArgs};
use crate::commands::hook::Hook;
use crate::commands::keys::Keys;
use crate::commands::leave::LeaveArgs;
use crate::commands::logs::LogsArgs;
use crate::commands::maintenance::Maintenance;
use crate::commands::proxy::Proxy;
use crate::commands::prune::PruneArgs;
use crate::commands::ps::Ps;
use crate::commands::registry::Registry;
use crate::commands::releases::ReleasesArgs;
use crate::commands::remote::Remote;
use crate::commands::restart::RestartArgs;
use crate::commands::rollback::RollbackArgs;
use crate::commands::run::RunArgs;
use crate::commands::ssh_entry::SshEntryArgs;
use crate::commands::start::StartArgs;
use crate::commands::status::StatusArgs;
use crate::commands::stop::StopArgs;
use crate::commands::worker::WorkerArgs;

/// `git push` to your own server, without a dropped request
#[derive(Debug, Parser)]
#[command(
    name = "gokku",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// The options that hold for every command.
    #[command(flatten)]
    pub(crate) options: Options,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options that hold for every command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The app: a git remote (api-production); on its server also its name alone
    #[arg(short, long, global = true, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// The server to run this on, where no git remote names it
    #[arg(long, global = true, value_name = "USER@HOST")]
    pub(crate) remote: Option<String>,
    /// Print facts as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours; the variable `NO_COLOR` is obeyed too
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// The server's folder
    #[arg(long, global = true, env = "GOKKU_ROOT", default_value = gokku_server::fs::root::DEFAULT, hide = true)]
    pub(crate) root: PathBuf,
    /// The Docker Engine
    #[arg(long, global = true, env = "DOCKER_HOST", hide = true, hide_env_values = true)]
    pub(crate) docker_host: Option<String>,
    /// Who has this run on its server: another gokku, in a word
    #[arg(long, global = true, hide = true, value_name = "PROTOCOL:VERSION")]
    pub(crate) client: Option<Client>,
    /// The host by which whoever asks reaches this server
    #[arg(
        long,
        global = true,
        env = "GOKKU_REACHED_AT",
        hide = true,
        hide_env = true,
        value_name = "HOST"
    )]
    pub(crate) reached_at: Option<ReachedAt>,
    /// The app, whatever `-a` calls it
    #[arg(long, global = true, hide = true, value_name = "APP")]
    pub(crate) as_app: Option<String>,
}

impl Options {
    /// Returns what names the app: the name that another gokku has looked up, or what was typed.
    pub(crate) fn named_app(&self) -> Option<&str> {
        self.as_app.as_deref().or(self.app.as_deref())
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// In a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order in which `--help` shows them; each says beside its arguments what it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Apps(Apps),
    #[command(subcommand)]
    Config(Config),
    #[command(subcommand)]
    Domains(Domains),
    #[command(subcommand)]
    Certs(Certs),
    #[command(subcommand)]
    Maintenance(Maintenance),
    Deploy(DeployArgs),
    Build(BuildArgs),
    Rollback(RollbackArgs),
    Releases(ReleasesArgs),
    Status(StatusArgs),
    Logs(LogsArgs),
    Events(EventsArgs),
    Restart(RestartArgs),
    Stop(StopArgs),
    Start(StartArgs),
    #[command(subcommand)]
    Ps(Ps),
    Run(RunArgs),
    Exec(ExecArgs),
    #[command(subcommand)]
    Proxy(Proxy),
    #[command(subcommand)]
    Remote(Remote),
    #[command(subcommand)]
    Keys(Keys),
    #[command(subcommand)]
    Registry(Registry),
    Prune(PruneArgs),
    Doctor(DoctorArgs),
    Completion(CompletionArgs),
    #[command(hide = true)]
    Worker(WorkerArgs),
    #[command(hide = true)]
    Leave(LeaveArgs),
    #[command(subcommand, hide = true)]
    Hook(Hook),
    #[command(hide = true)]
    Entry(SshEntryArgs),
    #[command(hide = true)]
    ReceivePack(ReceivePackArgs),
    #[command(hide = true)]
    UploadPack(UploadPackArgs),
}

impl Command {
    /// Returns the command's own arguments, which say everything else of it.
    pub(crate) fn inner(&self) -> &dyn Run {
        match self {
            Self::Apps(apps) => apps.inner(),
            Self::Config(config) => config.inner(),
            Self::Domains(config) => config.inner(),
            Self::Certs(certs) => certs.inner(),
            Self::Maintenance(maintenance) => maintenance.inner(),
            Self::Deploy(args) => args,
            Self::Build(args) => args,
            Self::Rollback(args) => args,
            Self::Releases(args) => args,
            Self::Status(args) => args,
            Self::Logs(args) => args,
            Self::Events(args) => args,
            Self::Restart(args) => args,
            Self::Stop(args) => args,
            Self::Start(args) => args,
            Self::Ps(ps) => ps.inner(),
            Self::Run(args) => args,
            Self::Exec(args) => args,
            Self::Proxy(proxy) => proxy.inner(),
            Self::Remote(remote) => remote.inner(),
            Self::Keys(keys) => keys.inner(),
            Self::Registry(registry) => registry.inner(),
            Self::Prune(args) => args,
            Self::Doctor(args) => args,
            Self::Completion(args) => args,
            Self::Worker(args) => args,
            Self::Leave(args) => args,
            Self::Hook(hook) => hook.inner(),
            Self::Entry(args) => args,
            Self::ReceivePack(args) => args,
            Self::UploadPack(args) => args,
        }
    }
}
