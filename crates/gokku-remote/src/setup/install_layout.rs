//! Lays out what setting up puts on a server and taking down takes away: paths, names, and the files' texts.

use gokku_core::machine::notify_message::STORED_DESCRIPTORS;

use super::server_root::ServerRoot;

/// The server's folder, where no other is named.
pub const DEFAULT_ROOT: &str = "/opt/gokku";
/// The program's path.
pub const PROGRAM: &str = "/usr/local/bin/gokku";
/// The user that everything runs as, and its group.
pub const ACCOUNT: &str = "gokku";
/// The user's home folder. It is not within the server's folder: what a push writes must never be its `.ssh`.
pub const HOME: &str = "/var/lib/gokku";
/// The comment of the user's entry in passwd(5): only a user that setting up made is removed.
pub const ACCOUNT_COMMENT: &str = "made by gokku remote setup";
/// The systemd unit's path.
pub const UNIT: &str = "/etc/systemd/system/gokku.service";
/// The sudo rule's path.
pub const SUDOERS: &str = "/etc/sudoers.d/gokku";
/// The path of the file with cron's line.
pub const CRON: &str = "/etc/cron.d/gokku";
/// The mode of the server's folder: its group reads, what is made in it is the group's, nobody else looks.
pub const ROOT_MODE: &str = "2750";

/// Returns the systemd unit of the traffic switch.
///
/// `KillMode=process`: a deploy that the switch goes on with lives in a process of its own, and ends by itself.
/// `Restart=always`: also after a SIGTERM that somebody else than systemd has sent it, after which it ends well.
/// `RestartSec=0` and `FileDescriptorStoreMax`: one that is killed is back at once, with the sockets that listen; whoever connects
/// meanwhile waits.
/// `StartLimit…`: for what dies again and again before it can do anything, such as a program that is none. What cannot start for a
/// reason of its own, a full disk for instance, waits a second by itself, and is tried again for as long as it takes.
pub fn unit(root: &ServerRoot) -> String {
    format!(
        "[Unit]
Description=gokku traffic switch
After=docker.service network-online.target
Wants=docker.service network-online.target
StartLimitIntervalSec=10
StartLimitBurst=50

[Service]
Type=notify
NotifyAccess=all
User={ACCOUNT}
Group={ACCOUNT}
UMask=0027
ExecStart={PROGRAM} --root {root} proxy run
ExecReload={PROGRAM} --root {root} proxy restart
Restart=always
RestartSec=0
FileDescriptorStoreMax={STORED_DESCRIPTORS}
KillMode=process
TimeoutStopSec=45
LimitNOFILE=65536
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={root}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"
    )
}

/// Returns the sudo rule that lets the group run the program as the user `gokku`.
pub fn sudoers() -> String {
    format!(
        "# Made by gokku remote setup: the group may run gokku as the folder's owner.\n%{ACCOUNT} ALL=({ACCOUNT}) NOPASSWD: {PROGRAM}\n"
    )
}

/// Returns the line by which cron starts the traffic switch at boot, where there is no systemd.
pub fn cron_line(root: &ServerRoot) -> String {
    format!(
        "# Made by gokku remote setup: starts the traffic switch at boot, where there is no systemd.\n\
         @reboot {ACCOUNT} {PROGRAM} --root {root} proxy keep >>{root}/run/proxy.log 2>&1\n"
    )
}

/// Returns the server's folder that a unit or cron's line names.
pub(crate) fn configured_root(text: &str) -> Option<&str> {
    let starts = |line: &&str| line.contains(" proxy run") || line.contains(" proxy keep");
    let words = text.lines().find(starts)?;
    let mut words = words.split_whitespace();
    match words.find(|word| *word == "--root") {
        Some(_) => words.next(),
        None => Some(DEFAULT_ROOT),
    }
}

/// Returns commands that put a text in a file's place, all of it or nothing, with this mode, if it passes a check.
pub(crate) fn write_file(path: &str, mode: &str, text: &str, check: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // A name with a dot in it is read neither by sudo nor by cron.
    let new = format!("{folder}/.{name}.new");
    let check = if check.is_empty() {
        String::new()
    } else {
        format!("{check} {new}\n")
    };
    format!(
        "trap 'rm -f {new}' EXIT\numask 077\ncat >{new} <<'END'\n{text}END\n{check}chown root:root {new}\nchmod {mode} {new}\nmv -f {new} {path}\n"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_guide_shows_the_service_as_it_is() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        let unit = unit(&ServerRoot::new(Path::new("/opt/gokku")).unwrap());
        assert!(
            guide.contains(&format!("```ini\n{unit}```\n")),
            "docs/guide.md is to have this:\n{unit}"
        );
    }

    #[test]
    fn a_service_says_whose_folder_it_is_for() {
        let root = ServerRoot::new(Path::new("/srv/gokku")).unwrap();
        assert_eq!(configured_root(&unit(&root)), Some("/srv/gokku"));
        assert_eq!(configured_root(&cron_line(&root)), Some("/srv/gokku"));
        // As an earlier version has written it.
        assert_eq!(
            configured_root("@reboot gokku /usr/local/bin/gokku --root /srv/gokku proxy run --detached"),
            Some("/srv/gokku")
        );
        assert_eq!(
            configured_root("ExecStart=/usr/local/bin/gokku proxy run"),
            Some("/opt/gokku")
        );
        assert_eq!(configured_root("[Unit]\n"), None);
    }
}
