//! The whole table of commands, so that a change of it is seen in review; and that no record has a secret in it.

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use insta::assert_snapshot;

use crate::cli::Cli;

/// Every command, with the least that it takes; twice where what is typed changes what it is.
const COMMANDS: [&str; 72] = [
    "apps create api",
    "apps list",
    "apps destroy api",
    "apps destroy api --yes",
    "config set A=1 B=2",
    "config set --stdin",
    "config import",
    "config get A",
    "config list",
    "config check",
    "config unset A",
    "domains add example.com",
    "domains remove example.com --path /v1",
    "domains list",
    "certs add --chain a.pem --key b.pem",
    "certs add --stdin",
    "certs list",
    "certs remove example.com",
    "certs export example.com",
    "maintenance on",
    "maintenance on --page",
    "maintenance off",
    "deploy",
    "deploy --abort",
    "deploy --attach",
    "deploy --image ghcr.io/me/app:1",
    "deploy --rebuild",
    "build --print",
    "rollback",
    "releases",
    "status",
    "logs",
    "events",
    "restart",
    "stop",
    "start",
    "ps list",
    "ps scale web=3",
    "ps restart",
    "ps stop worker",
    "run sh",
    "exec sh",
    "proxy run",
    "proxy run --detached",
    "proxy keep",
    "proxy restart",
    "proxy status",
    "remote setup me@host",
    "remote teardown me@host",
    "remote teardown me@host --yes",
    "remote add api-production me@host",
    "remote list",
    "remote remove api-production",
    "keys add ada",
    "keys list",
    "keys remove ada",
    "registry login ghcr.io --username me",
    "registry logout ghcr.io",
    "registry list",
    "prune",
    "prune --dry-run",
    "doctor",
    "completion bash",
    "worker",
    "leave",
    "leave --data",
    "hook pre-receive",
    "hook proc-receive",
    "entry --key ada",
    "receive-pack api",
    "upload-pack api",
    "logs --follow",
];

fn parse(line: &str) -> Cli {
    let words = std::iter::once("gokku").chain(line.split(' '));
    Cli::try_parse_from(words).expect(line)
}

/// Returns what the program's commands are called, groups left out.
fn names(of: &clap::Command, path: &str) -> Vec<String> {
    if !of.has_subcommands() {
        return vec![path.to_owned()];
    }
    let below = of.get_subcommands();
    below
        .flat_map(|below| names(below, format!("{path} {}", below.get_name()).trim_start()))
        .collect()
}

#[test]
fn what_each_command_is() {
    let rows = COMMANDS.map(|line| {
        let cli = parse(line);
        let spec = cli.command.inner().spec();
        let row = [
            line.to_owned(),
            spec.audit,
            format!("{:?}", spec.runs_on),
            format!("{:?}", spec.reach),
            format!("{:?}", spec.app),
            format!("{:?}", spec.io),
            format!("{:?}", spec.on_disconnect),
            spec.secrets.len().to_string(),
        ];
        row.join(" | ")
    });
    let head = "command | audit | runs on | reach | app from | io | on disconnect | secrets";
    assert_snapshot!(format!("{head}\n{}", rows.join("\n")));
}

#[test]
fn no_command_is_left_out_of_the_table() {
    let all = names(&Cli::command(), "");
    let is_shown = |name: &&String| {
        COMMANDS
            .iter()
            .any(|line| *line == name.as_str() || line.starts_with(&format!("{name} ")))
    };
    let missing: Vec<&String> = all.iter().filter(|name| !is_shown(name)).collect();
    assert!(missing.is_empty(), "add these to the table: {missing:?}");
    let once: BTreeSet<&str> = COMMANDS.into_iter().collect();
    assert_eq!(once.len(), COMMANDS.len(), "each line stands there once");
}

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
        assert_eq!(parse(line).command.inner().spec().audit, told);
    }
}
