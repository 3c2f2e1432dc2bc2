//! How far a command reaches, and how it is called in the record: without anything that may be secret.

use gokku_core::access::scope::Reach;
use gokku_core::access::ssh_command::Word;
use gokku_core::config::env_file::EnvKey;
use gokku_core::{AppName, ProcessType, ReleaseId};

use crate::cli::{Apps, Command, Config, Keys, Proxy, Ps, Registry};

/// How far it reaches.
pub(super) fn of(command: &Command) -> Reach {
    match command {
        Command::Completion { .. } => Reach::Nothing,
        // It reads whatever file is named, and says what stands there.
        Command::Config(Config::Check { .. }) => Reach::Machine,
        Command::Apps(_)
        | Command::Config(_)
        | Command::Build { .. }
        | Command::Deploy { .. }
        | Command::Rollback { .. }
        | Command::Releases
        | Command::Status
        | Command::Logs(_)
        | Command::Events { .. }
        | Command::Restart
        | Command::Stop
        | Command::Start
        | Command::Ps(_)
        | Command::Prune { .. }
        | Command::Run { .. }
        | Command::Exec { .. } => Reach::Apps,
        Command::Doctor | Command::Proxy(Proxy::Status) => Reach::Server,
        Command::Proxy(Proxy::Run { .. } | Proxy::Restart)
        | Command::Keys(_)
        | Command::Registry(_)
        | Command::Remote(_)
        | Command::Worker
        | Command::Leave { .. }
        | Command::Hook(_)
        | Command::Entry { .. }
        | Command::ReceivePack { .. }
        | Command::UploadPack { .. } => Reach::Within,
    }
}

/// Its words, in our own order: of a variable the name, of a program inside an app its own name only.
pub(super) fn words(command: &Command) -> String {
    match command {
        Command::Apps(Apps::Create { name, .. }) => with("apps create", name.parse::<AppName>().ok()),
        Command::Apps(Apps::Destroy { name, .. }) => with("apps destroy", name.parse::<AppName>().ok()),
        Command::Apps(Apps::List) => "apps list".to_owned(),
        Command::Config(Config::Set { pairs, .. }) => {
            let names = pairs
                .iter()
                .map(|pair| pair.split_once('=').map(|(name, _)| name));
            with("config set", names.map(|name| variable(name.unwrap_or_default())))
        }
        Command::Config(Config::Unset { names, .. }) => {
            with("config unset", names.iter().map(|name| variable(name)))
        }
        Command::Config(Config::Get { name }) => with("config get", [variable(name)]),
        Command::Config(Config::Import { .. }) => "config import".to_owned(),
        Command::Config(Config::List) => "config list".to_owned(),
        Command::Config(Config::Check { .. }) => "config check".to_owned(),
        Command::Deploy { abort: Some(_), .. } => "deploy --abort".to_owned(),
        Command::Deploy { attach: true, .. } => "deploy --attach".to_owned(),
        Command::Deploy {
            image: Some(image), ..
        } => with("deploy --image", [image]),
        Command::Deploy { rebuild: true, .. } => "deploy --rebuild".to_owned(),
        Command::Deploy { .. } => "deploy".to_owned(),
        Command::Build { .. } => "build --print".to_owned(),
        Command::Rollback { release } => {
            let release = release.as_ref().and_then(|id| id.parse::<ReleaseId>().ok());
            with("rollback", release)
        }
        Command::Releases => "releases".to_owned(),
        Command::Status => "status".to_owned(),
        Command::Logs(_) => "logs".to_owned(),
        Command::Events { .. } => "events".to_owned(),
        Command::Restart => "restart".to_owned(),
        Command::Stop => "stop".to_owned(),
        Command::Start => "start".to_owned(),
        Command::Ps(Ps::List) => "ps list".to_owned(),
        Command::Ps(Ps::Scale { counts }) => {
            let known = counts
                .iter()
                .map(|count| super::ps::count(count).map(|(kind, count)| format!("{kind}={count}")));
            with(
                "ps scale",
                known.map(|count| count.unwrap_or_else(|_| "?".to_owned())),
            )
        }
        Command::Ps(Ps::Restart { process }) => {
            let process = process
                .as_ref()
                .and_then(|process| process.parse::<ProcessType>().ok());
            with("ps restart", process)
        }
        Command::Ps(Ps::Stop { process }) => with("ps stop", process.parse::<ProcessType>().ok()),
        Command::Run { command } => with("run", command.first().map(|word| Word::new(word))),
        Command::Exec { command } => with("exec", command.first().map(|word| Word::new(word))),
        Command::Proxy(Proxy::Run { .. }) => "proxy run".to_owned(),
        Command::Proxy(Proxy::Restart) => "proxy restart".to_owned(),
        Command::Proxy(Proxy::Status) => "proxy status".to_owned(),
        Command::Registry(Registry::Login { .. }) => "registry login".to_owned(),
        Command::Registry(Registry::Logout { .. }) => "registry logout".to_owned(),
        Command::Registry(Registry::List) => "registry list".to_owned(),
        Command::Keys(Keys::Add { .. }) => "keys add".to_owned(),
        Command::Keys(Keys::List) => "keys list".to_owned(),
        Command::Keys(Keys::Remove { .. }) => "keys remove".to_owned(),
        Command::Remote(_) => "remote".to_owned(),
        Command::Prune { dry_run: true } => "prune --dry-run".to_owned(),
        Command::Prune { .. } => "prune".to_owned(),
        Command::Doctor => "doctor".to_owned(),
        Command::Completion { .. } => "completion".to_owned(),
        Command::Worker => "worker".to_owned(),
        Command::Leave { .. } => "leave".to_owned(),
        Command::Hook(_) => "hook".to_owned(),
        Command::Entry { .. } => "entry".to_owned(),
        Command::ReceivePack { .. } => "receive-pack".to_owned(),
        Command::UploadPack { .. } => "upload-pack".to_owned(),
    }
}

fn with<T: std::fmt::Display>(words: &str, more: impl IntoIterator<Item = T>) -> String {
    more.into_iter()
        .fold(words.to_owned(), |line, word| format!("{line} {word}"))
}

/// A variable's name, where it is one for everybody; what is none may be a value that was typed in its place.
fn variable(name: &str) -> String {
    let key = name.parse::<EnvKey>().ok().filter(EnvKey::is_plain);
    key.map_or_else(|| "?".to_owned(), |key| key.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_record_has_no_secret_in_it() {
        for (line, told) in [
            ("config set A=secret B=se=cret -a api", "config set A B"),
            ("config set secret", "config set ?"),
            ("config set se-cret=1 --no-restart", "config set ?"),
            ("config unset A se-cret", "config unset A ?"),
            ("config get se-cret", "config get ?"),
            ("run -a api -- /app migrate --password=secret", "run /app"),
            ("exec TOKEN=secret sh", "exec TOKEN"),
            ("apps create api -e secret", "apps create api"),
            ("apps create Secret", "apps create"),
            ("rollback secret", "rollback"),
            ("rollback 20240115-113000", "rollback 20240115-113000"),
            ("deploy --abort secret", "deploy --abort"),
            (
                "deploy --image ghcr.io/me/app:1",
                "deploy --image ghcr.io/me/app:1",
            ),
            ("registry login ghcr.io --username secret", "registry login"),
            ("logs --since secret", "logs"),
            ("ps scale web=2 secret=se-cret", "ps scale web=2 ?"),
            ("ps restart worker", "ps restart worker"),
            ("ps stop se/cret", "ps stop"),
            ("ps restart my-worker", "ps restart my-worker"),
        ] {
            let words = std::iter::once("gokku").chain(line.split(' '));
            let cli = Cli::try_parse_from(words).expect(line);
            assert_eq!(words_of(&cli), told);
        }
    }

    fn words_of(cli: &Cli) -> String {
        words(&cli.command)
    }
}
