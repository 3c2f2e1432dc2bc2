//! Decides what sets a server up: from what there is and what is wanted, only the steps that are missing. Nothing is done
//! here.

use super::facts::{EngineState, Facts, InstalledFile, RootState};
use super::install_layout::{
    ACCOUNT, ACCOUNT_COMMENT, CRON, DEFAULT_ROOT, HOME, PROGRAM, ROOT_MODE, SUDOERS, UNIT, configured_root,
    cron_line, sudoers, unit, write_file,
};
use super::program::Program;
use super::refusal::Refusal;
use super::server_root::ServerRoot;
use super::step::Step;
use crate::ssh::quote;

/// What a server should have.
#[derive(Clone, Debug)]
pub struct DesiredServer {
    /// The server's folder.
    pub root: ServerRoot,
    /// The program that is copied to it.
    pub program: Program,
}

/// Returns the steps that are missing, in their order; none when all is as it should be.
pub fn plan(facts: &Facts, desired: &DesiredServer) -> Result<Vec<Step>, Refusal> {
    check(facts, desired)?;
    let engine_group = facts.engine_group.clone().unwrap_or_else(|| "docker".to_owned());
    let joins_engine = facts
        .account
        .as_ref()
        .is_none_or(|account| !account.groups.contains(&engine_group));
    let brings_program =
        facts.program.as_ref() != Some(&format!("{} root:root 755", desired.program.checksum));
    let steps = [
        packages(facts),
        engine(facts),
        facts.account.is_none().then(|| account(facts)),
        joins_engine.then(|| {
            Step::new(
                format!("Let {ACCOUNT} use the Docker Engine"),
                format!("puts the user {ACCOUNT} into the group {engine_group}, which is as good as root"),
                format!(
                    "usermod --append --groups {} {ACCOUNT}\n",
                    shell_word(&engine_group)
                ),
            )
        }),
        admit(facts),
        brings_program.then(|| program(facts, desired)),
        folder(facts, &desired.root),
        rule(facts),
    ];
    let mut steps: Vec<Step> = steps.into_iter().flatten().collect();
    let is_renewed = joins_engine || brings_program || facts.stale;
    if facts.systemd {
        steps.extend(service(facts, &desired.root, joins_engine, is_renewed));
    } else {
        steps.extend(background(facts, &desired.root, is_renewed));
    }
    Ok(steps)
}

/// Returns what there is to know of a server that has been set up.
pub fn notes(facts: &Facts, root: &ServerRoot) -> Vec<String> {
    let mut notes = Vec::new();
    if !facts.systemd {
        let boot = format!("{PROGRAM} --root {root} proxy keep");
        notes.push(if facts.cron {
            format!("There is no systemd: cron starts the traffic switch at boot, and a process of gokku's own starts it again when it dies. {CRON} has the line.")
        } else {
            format!("There is neither systemd nor cron: have the server run this at boot, as the user {ACCOUNT}: {boot}")
        });
        notes.push(
            "Host ports below 1024 are not for it, unless the server lets everybody have them: sysctl net.ipv4.ip_unprivileged_port_start=80"
                .to_owned(),
        );
    }
    if root.as_str() != DEFAULT_ROOT {
        notes.push(format!(
            "Whoever comes by ssh looks for {DEFAULT_ROOT} unless told otherwise: echo 'SetEnv GOKKU_ROOT={root}' | sudo tee /etc/ssh/sshd_config.d/gokku.conf, then sudo systemctl reload ssh"
        ));
    }
    notes
}

/// Refuses a machine on which nothing can be done.
pub(crate) fn check_access(facts: &Facts, root: &ServerRoot) -> Result<(), Refusal> {
    if facts.kernel != "Linux" {
        return Err(Refusal::Kernel(facts.kernel.clone()));
    }
    if let Some(words) = &facts.user.refusal {
        return Err(Refusal::NoSudo {
            user: facts.user.name.clone(),
            words: words.clone(),
        });
    }
    let texts = [&facts.unit, &facts.cron_line];
    let other = texts
        .into_iter()
        .flatten()
        .find_map(|file| configured_root(&file.text))
        .filter(|other| *other != root.as_str());
    if let Some(other) = other {
        return Err(Refusal::OtherRoot(other.to_owned()));
    }
    if let RootState::NotAFolder(what) = &facts.root {
        return Err(Refusal::NoFolder {
            root: root.to_string(),
            what: what.clone(),
        });
    }
    Ok(())
}

fn check(facts: &Facts, desired: &DesiredServer) -> Result<(), Refusal> {
    let DesiredServer { root, program } = desired;
    check_access(facts, root)?;
    if (&facts.kernel, &facts.machine) != (&program.kernel, &program.machine) {
        return Err(Refusal::Machine {
            there_kernel: facts.kernel.clone(),
            there_machine: facts.machine.clone(),
            here_kernel: program.kernel.clone(),
            here_machine: program.machine.clone(),
        });
    }
    if !facts.lacks.is_empty() {
        return Err(Refusal::Lacks(facts.lacks.join(", ")));
    }
    let packages = missing_packages(facts);
    if !packages.is_empty() && !facts.apt {
        return Err(Refusal::NoPackages(packages.join(" and ")));
    }
    if facts.engine == EngineState::Silent && !facts.systemd {
        return Err(Refusal::SilentEngine);
    }
    if let Some(group) = facts.engine_group.as_deref()
        && (group == "root" || group == "UNKNOWN")
    {
        return Err(Refusal::SocketGroup(group.to_owned()));
    }
    if let Some(account) = &facts.account {
        if account.uid == 0 {
            return Err(Refusal::Account("root by another name".to_owned()));
        }
        if format!("{}/", account.home).starts_with(&format!("{root}/")) {
            return Err(Refusal::Account(format!("at home in {}", account.home)));
        }
    }
    if let RootState::Folder {
        owner_and_mode,
        apps,
        other,
    } = &facts.root
    {
        let owner = owner_and_mode.split(':').next().unwrap_or_default();
        if owner != ACCOUNT && *apps > 0 {
            return Err(Refusal::InUse {
                root: root.to_string(),
                owner: owner.to_owned(),
                apps: *apps,
            });
        }
        if owner != ACCOUNT && !other.is_empty() {
            return Err(Refusal::Foreign {
                root: root.to_string(),
                what: other.join(", "),
            });
        }
    }
    Ok(())
}

fn missing_packages(facts: &Facts) -> Vec<&'static str> {
    let engine = (facts.engine == EngineState::Missing).then_some("docker.io");
    let git = (!facts.git).then_some("git");
    engine.into_iter().chain(git).collect()
}

fn packages(facts: &Facts) -> Option<Step> {
    let packages = missing_packages(facts);
    (!packages.is_empty()).then(|| {
        Step::new(
            format!("Install {}", packages.join(" and ")),
            format!(
                "installs {} from the distribution, with what it takes; this may take minutes",
                packages.join(" and ")
            ),
            format!(
                "export DEBIAN_FRONTEND=noninteractive\napt-get update -q\napt-get install -q --yes -o DPkg::Lock::Timeout=300 {}\n",
                packages.join(" ")
            ),
        )
    })
}

fn engine(facts: &Facts) -> Option<Step> {
    (facts.engine == EngineState::Silent).then(|| {
        Step::new(
            "Start the Docker Engine",
            "starts the service docker, now and at every boot",
            "systemctl enable --now docker\n",
        )
    })
}

fn account(facts: &Facts) -> Step {
    let group = if facts.members.is_some() {
        format!("--gid {ACCOUNT}")
    } else {
        "--user-group".to_owned()
    };
    // A locked password would make sshd refuse the user's keys where it does without PAM; `*` is none, and not locked.
    Step::new(
        format!("Make the user {ACCOUNT}"),
        format!(
            "adds the system user {ACCOUNT} with a group of that name and the home {HOME}, without a password"
        ),
        format!(
            "useradd --system {group} --home-dir {HOME} --create-home --shell /bin/sh --comment '{ACCOUNT_COMMENT}' {ACCOUNT}\nusermod --password '*' {ACCOUNT}\nchmod 750 {HOME}\n"
        ),
    )
}

/// Lets whoever sets up use what is set up; root may anyway.
fn admit(facts: &Facts) -> Option<Step> {
    let user = &facts.user;
    if user.is_root || user.groups.iter().any(|group| group == ACCOUNT) {
        return None;
    }
    Some(Step::new(
        format!("Let {} use gokku", user.name),
        format!("puts the user {} into the group {ACCOUNT}", user.name),
        format!("usermod --append --groups {ACCOUNT} {}\n", shell_word(&user.name)),
    ))
}

fn program(facts: &Facts, desired: &DesiredServer) -> Step {
    let Program {
        checksum,
        size,
        version,
        ..
    } = &desired.program;
    let verb = if facts.program.is_some() {
        "replaces"
    } else {
        "makes"
    };
    let megabytes = size.div_ceil(1_000_000);
    let (folder, name) = PROGRAM.rsplit_once('/').unwrap_or(("", PROGRAM));
    let new = format!("{folder}/.{name}.new");
    Step::new(
        format!("Copy gokku {version}"),
        format!("{verb} {PROGRAM}: {megabytes} MB, compared by checksum and tried before it takes its place"),
        format!(
            "trap 'rm -f {new}' EXIT\nmkdir -p {folder}\ncat >{new}\necho '{checksum}  {new}' | sha256sum --check --quiet -\nchown root:root {new}\nchmod 755 {new}\n{new} --version\nmv -f {new} {PROGRAM}\n"
        ),
    )
    .with_program()
}

fn folder(facts: &Facts, root: &ServerRoot) -> Option<Step> {
    let title = format!("Give {ACCOUNT} its folder");
    let owned = format!("{ACCOUNT}:{ACCOUNT}");
    let words = format!("is {ACCOUNT}'s, its group may look into it, nobody else");
    match &facts.root {
        RootState::Folder { owner_and_mode, .. } if *owner_and_mode == format!("{owned} {ROOT_MODE}") => None,
        RootState::Folder { owner_and_mode, .. } => {
            let all = if owner_and_mode.starts_with(&format!("{ACCOUNT}:")) {
                ""
            } else {
                "--recursive "
            };
            Some(Step::new(
                title,
                format!("{root}, now {owner_and_mode}, {words}"),
                format!("chown {all}--no-dereference {owned} {root}\nchmod {ROOT_MODE} {root}\n"),
            ))
        }
        _ => Some(Step::new(
            title,
            format!("makes {root}: it {words}"),
            format!("umask 022\nmkdir -p {root}\nchown {owned} {root}\nchmod {ROOT_MODE} {root}\n"),
        )),
    }
}

fn rule(facts: &Facts) -> Option<Step> {
    let is_there = |file: &InstalledFile| file.owner_and_mode == "root:root 440" && file.text == sudoers();
    if !facts.sudo || facts.sudoers.as_ref().is_some_and(is_there) {
        return None;
    }
    Some(Step::new(
        format!("Let the group {ACCOUNT} run gokku"),
        format!("writes {SUDOERS}: its members may run {PROGRAM} as the user {ACCOUNT}, and nothing else"),
        write_file(SUDOERS, "440", &sudoers(), "visudo -c -q -f"),
    ))
}

fn service(facts: &Facts, root: &ServerRoot, joins_engine: bool, is_renewed: bool) -> Vec<Step> {
    let text = unit(root);
    let is_there = |file: &InstalledFile| file.owner_and_mode == "root:root 644" && file.text == text;
    let is_new = !facts.unit.as_ref().is_some_and(is_there);
    let mut steps = Vec::new();
    if is_new || facts.unread {
        steps.push(Step::new(
            "Make the traffic switch a service",
            format!("writes {UNIT}, and has systemd read it"),
            format!("{}systemctl daemon-reload\n", write_file(UNIT, "644", &text, "")),
        ));
    }
    let enable = if facts.enabled {
        ""
    } else {
        "systemctl enable --quiet gokku.service\n"
    };
    let step = if !facts.active {
        let step = Step::new(
            "Start the traffic switch",
            "starts the service gokku, now and at every boot",
            format!(
                "{}{enable}systemctl start gokku.service\n",
                facts.daemon.map_or_else(String::new, ended)
            ),
        );
        match facts.daemon {
            Some(pid) => step.and(format!(
                "ends process {pid}, which is the switch until then: for a moment connections are refused"
            )),
            None => step,
        }
    } else if is_new || facts.unread || joins_engine {
        Step::new(
            "Restart the traffic switch",
            "restarts the service gokku: for a moment connections are refused",
            format!("{enable}systemctl restart gokku.service\n"),
        )
    } else if is_renewed {
        Step::new(
            "Renew the traffic switch",
            "has the new program take the running one's place: nobody is refused",
            format!("{enable}systemctl reload gokku.service\n"),
        )
    } else if !facts.enabled {
        Step::new(
            "Start the traffic switch at boot",
            "enables the service gokku",
            enable,
        )
    } else {
        return steps;
    };
    steps.push(step);
    steps
}

/// Returns commands that end a process and wait for its end.
fn ended(pid: u32) -> String {
    format!(
        "kill {pid} || true\nn=0\nwhile kill -0 {pid} 2>/dev/null; do\n  n=$((n + 1))\n  [ $n -lt 450 ] || {{ echo 'process {pid} does not end' >&2; exit 1; }}\n  sleep 0.1\ndone\n"
    )
}

fn background(facts: &Facts, root: &ServerRoot, is_renewed: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let text = cron_line(root);
    let is_there = |file: &InstalledFile| file.owner_and_mode == "root:root 644" && file.text == text;
    if facts.cron && !facts.cron_line.as_ref().is_some_and(is_there) {
        steps.push(Step::new(
            "Start the traffic switch at boot",
            format!("writes {CRON}, because there is no systemd"),
            write_file(CRON, "644", &text, ""),
        ));
    }
    let gokku = format!("runuser -u {ACCOUNT} -- {PROGRAM} --root {root}");
    let log = format!("{root}/run/proxy.log");
    match facts.daemon {
        None => steps.push(Step::new(
            "Start the traffic switch",
            "starts it in the background",
            format!(
                "cd /\nrunuser -u {ACCOUNT} -- sh -c 'umask 027; mkdir -p {root}/run && {PROGRAM} --root {root} proxy keep >>{log} 2>&1 </dev/null &'\nn=0\nuntil {gokku} proxy status >/dev/null 2>&1; do\n  n=$((n + 1))\n  [ $n -lt 100 ] || {{ tail -n 5 {log} >&2; exit 1; }}\n  sleep 0.1\ndone\n"
            ),
        )),
        Some(_) if is_renewed => steps.push(Step::new(
            "Renew the traffic switch",
            "has the new program take the running one's place: nobody is refused",
            format!("cd /\n{gokku} proxy restart\n"),
        )),
        Some(_) => {}
    }
    steps
}

/// Quotes a name so that a shell reads it back.
pub(crate) fn shell_word(name: &str) -> String {
    // Only a NUL byte cannot be quoted, and no line of text from a shell has one.
    quote(&[name]).map_or_else(|_| "''".to_owned(), |word| word.to_string_lossy().into_owned())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;
