//! Decides what takes a server down: nothing is left of what setting up made; apps' data goes only when that is said.
//! Nothing is done here.

use super::facts::{EngineState, Facts, RootState};
use super::install_layout::{ACCOUNT, ACCOUNT_COMMENT, CRON, HOME, PROGRAM, SUDOERS, UNIT};
use super::plan::{DesiredServer, check_access, shell_word};
use super::refusal::Refusal;
use super::step::Step;

/// Returns the steps, in their order; none when nothing is left.
pub fn plan(facts: &Facts, desired: &DesiredServer, data: bool) -> Result<Vec<Step>, Refusal> {
    let root = &desired.root;
    check_access(facts, root)?;
    let owned = match &facts.root {
        RootState::Folder { owner_and_mode, .. } if !owner_and_mode.starts_with(&format!("{ACCOUNT}:")) => {
            if data {
                return Err(Refusal::NotOurs {
                    root: root.to_string(),
                    owner: owner_and_mode.split(':').next().unwrap_or_default().to_owned(),
                });
            }
            false
        }
        RootState::Folder { .. } => true,
        _ => false,
    };
    let steps = [
        switch(facts),
        (owned && (facts.program.is_some() || data))
            .then(|| containers(facts, desired, data))
            .flatten(),
        facts.sudoers.is_some().then(|| {
            Step::new(
                "Take the rule for sudo away",
                format!("removes {SUDOERS}"),
                format!("rm -f {SUDOERS}\n"),
            )
        }),
        keys(facts),
        members(facts),
        engine(facts),
        facts.program.is_some().then(|| {
            Step::new(
                "Remove gokku",
                format!("removes {PROGRAM}"),
                format!("rm -f {PROGRAM}\n"),
            )
        }),
        (owned && data).then(|| {
            Step::new(
                "Remove the apps' data",
                format!("removes {root}: code, environments, repositories, records. There is no way back"),
                format!("rm -rf --one-file-system {root}\n"),
            )
        }),
        (data || !owned).then(|| account(facts)).flatten(),
    ];
    Ok(steps.into_iter().flatten().collect())
}

/// Returns what stays, and how it is removed.
pub fn notes(facts: &Facts, desired: &DesiredServer, data: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if !data && matches!(facts.root, RootState::Folder { .. }) {
        notes.push(format!(
            "The apps' data stays in {}, with their images and stopped containers, and the user {ACCOUNT}, whose it is. `gokku remote setup` finds it again; `gokku remote teardown --data` removes it.",
            desired.root
        ));
    }
    notes.push("Docker, git and other packages stay: they may be others' too.".to_owned());
    notes
}

/// Ends the switch, and whatever keeps it running.
fn switch(facts: &Facts) -> Option<Step> {
    if facts.unit.is_none() && facts.cron_line.is_none() && facts.daemon.is_none() {
        return None;
    }
    let mut script = Vec::new();
    let mut step = Step::new(
        "Stop the traffic switch",
        "no app can be reached any more; deploys that are under way are given up",
        "",
    );
    if facts.unit.is_some() {
        step = step.and(format!("removes {UNIT}"));
        if facts.systemd {
            script.push(
                "systemctl disable --quiet --now gokku.service || systemctl stop gokku.service\n".to_owned(),
            );
        }
        script.push(format!("rm -f {UNIT}\n"));
        if facts.systemd {
            script.push("systemctl daemon-reload\n".to_owned());
        }
    }
    if facts.cron_line.is_some() {
        step = step.and(format!("removes {CRON}"));
        script.push(format!("rm -f {CRON}\n"));
    }
    // The service's own process has just ended, and its number may be another's.
    if let Some(pid) = facts.daemon.filter(|_| !facts.active) {
        script.push(format!("kill {pid} 2>/dev/null || true\n"));
    }
    if facts.account.is_some() {
        script.push(ended_all());
    }
    Some(Step {
        script: script.concat(),
        ..step
    })
}

/// Returns commands that end all that the user runs, softly for half a minute.
fn ended_all() -> String {
    format!(
        "uid=$(id -u {ACCOUNT})
running() {{
  for status in /proc/[0-9]*/status; do
    grep -qs \"^Uid:[[:space:]]*$uid[[:space:]]\" $status && ! grep -qs '^State:[[:space:]]*Z' $status || continue
    process=${{status%/status}}
    echo ${{process#/proc/}}
  done
}}
n=0
while left=$(running) && [ -n \"$left\" ]; do
  signal=TERM
  [ $n -lt 300 ] || signal=KILL
  [ $n -lt 400 ] || {{ echo \"these do not end: $left\" >&2; exit 1; }}
  [ $((n % 50)) != 0 ] || kill -s $signal $left 2>/dev/null || true
  n=$((n + 1))
  sleep 0.1
done
"
    )
}

/// Has the program stop or remove what the engine has of this server, because it alone knows; one of this version does it.
fn containers(facts: &Facts, desired: &DesiredServer, data: bool) -> Option<Step> {
    if facts.engine != EngineState::Answers || facts.account.is_none() {
        return None;
    }
    let root = &desired.root;
    let data_option = if data { " --data" } else { "" };
    // An earlier teardown has taken the user out of the engine's group.
    let group = facts.engine_group.as_deref().map_or_else(String::new, |group| {
        format!(" -g {ACCOUNT} -G {}", shell_word(group))
    });
    let command = |program: &str| {
        format!("runuser -u {ACCOUNT}{group} -- {program} --root {root} leave{data_option}\n")
    };
    let step = if data {
        Step::new(
            "Remove the apps' containers",
            format!("removes every container and image of {root}, and their Docker networks"),
            "",
        )
    } else {
        Step::new(
            "Stop the apps' containers",
            format!("stops every container of {root}"),
            "",
        )
    };
    let checksum = &desired.program.checksum;
    let is_same = facts
        .program
        .as_ref()
        .is_some_and(|there| there.starts_with(checksum.as_str()));
    if is_same {
        return Some(Step {
            script: format!("cd /\n{}", command(PROGRAM)),
            ..step
        });
    }
    let step = step.and("brings this gokku along for it, and takes it away again");
    Some(
        Step {
            script: format!(
                "cd /\nfolder=$(mktemp -d /var/tmp/gokku.XXXXXX)\ntrap 'rm -rf \"$folder\"' EXIT\nchmod 755 \"$folder\"\ncat >\"$folder/gokku\"\necho \"{checksum}  $folder/gokku\" | sha256sum --check --quiet -\nchmod 755 \"$folder/gokku\"\n{}",
                command("\"$folder/gokku\"")
            ),
            ..step
        }
        .with_program(),
    )
}

fn keys(facts: &Facts) -> Option<Step> {
    let account = facts.account.as_ref().filter(|account| account.keys > 0)?;
    let file = shell_word(&format!("{}/.ssh/authorized_keys", account.home));
    Some(Step::new(
        "Take the keys away",
        format!(
            "removes the {} lines of gokku's from {file}; other lines stay",
            account.keys
        ),
        // As that user: it is that user's folder, whatever links are in it.
        format!("runuser -u {ACCOUNT} -- sed -i '/entry --key/d' {file}\n"),
    ))
}

fn members(facts: &Facts) -> Option<Step> {
    let members = facts.members.as_ref().filter(|members| !members.is_empty())?;
    let commands = members
        .iter()
        .map(|member| format!("gpasswd --delete {} {ACCOUNT}\n", shell_word(member)));
    let script = commands.collect::<Vec<_>>().concat();
    Some(Step::new(
        format!("Empty the group {ACCOUNT}"),
        format!("takes {} out of it", members.join(", ")),
        script,
    ))
}

/// Takes the user out of the engine's group, which is as good as root: it has nothing to do any more.
fn engine(facts: &Facts) -> Option<Step> {
    let group = facts.engine_group.as_ref()?;
    let account = facts.account.as_ref()?;
    account.groups.contains(group).then(|| {
        Step::new(
            format!("Take the Docker Engine from {ACCOUNT}"),
            format!("takes the user {ACCOUNT} out of the group {group}"),
            format!("gpasswd --delete {ACCOUNT} {}\n", shell_word(group)),
        )
    })
}

fn account(facts: &Facts) -> Option<Step> {
    let account = facts
        .account
        .as_ref()
        .filter(|account| account.comment == ACCOUNT_COMMENT)?;
    let remove = if account.home == HOME { "--remove " } else { "" };
    Some(Step::new(
        format!("Remove the user {ACCOUNT}"),
        format!("removes the user {ACCOUNT} with its group and its home"),
        format!(
            "{}userdel {remove}{ACCOUNT} 2>&1\nif getent group {ACCOUNT} >/dev/null; then groupdel {ACCOUNT}; fi\n",
            ended_all()
        ),
    ))
}

#[cfg(test)]
#[path = "teardown_tests.rs"]
mod tests;
