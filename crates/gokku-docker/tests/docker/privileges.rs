//! What the kernel lets the processes of a container do: as it says itself, of every way in which one comes to run there.

use std::collections::BTreeMap;
use std::path::Path;

use gokku_core::config::privileges::Privileges;
use gokku_core::config::resources::Resources;
use gokku_core::containers::{ContainerSpec, LogOptions};

use crate::support::{Lab, soon};

/// CHOWN, `DAC_OVERRIDE`, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, `NET_BIND_SERVICE`, `SYS_CHROOT`: the numbers are in
/// linux/capability.h.
const EVERY: u64 = 1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18;
const NET_RAW: u64 = 1 << 13;
const SYS_PTRACE: u64 = 1 << 19;

/// What stands in a process's status.
fn fields(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name, value.trim())).collect()
}

#[track_caller]
fn may(status: &str, capabilities: u64, no_new: &str) {
    let fields = fields(status);
    for set in ["CapBnd", "CapPrm", "CapEff"] {
        let found = u64::from_str_radix(fields[set], 16).expect("a set of capabilities");
        assert_eq!(
            format!("{found:016x}"),
            format!("{capabilities:016x}"),
            "{set}\n{status}"
        );
    }
    assert_eq!(fields["NoNewPrivs"], no_new, "{status}");
}

/// Where a container sees how many processes it may have.
fn limit_file() -> &'static str {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "/sys/fs/cgroup/pids.max"
    } else {
        "/sys/fs/cgroup/pids/pids.max"
    }
}

/// P49: what a container has by default is what the kernel gives its first process, one that is started beside it, and a
/// one-off one's; and with what it asks for, that and nothing else.
#[tokio::test]
async fn p49_a_container_may_do_what_it_is_given_and_no_more() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let more = Privileges {
        capabilities: ["NET_RAW", "SYS_PTRACE"].map(|name| name.parse().unwrap()).into(),
        no_new_privileges: true,
    };
    let few = Resources {
        pids: 50,
        ..Resources::default()
    };
    for (privileges, resources, capabilities, no_new, pids) in [
        (Privileges::default(), Resources::default(), EVERY, "0", "4096"),
        (more, few, EVERY | NET_RAW | SYS_PTRACE, "1", "50"),
    ] {
        let spec = |command: &[&str]| ContainerSpec {
            privileges: privileges.clone(),
            resources,
            ..lab.spec(&image, command)
        };
        // One that stays, and what is started in it.
        let id = lab.start(&spec(&["deaf", "up"])).await;
        lab.said(&id, "up").await;
        let inside = async |file: &str| {
            let words = ["/app", "print", file].map(str::to_owned);
            let session = lab.engine.exec(&id, &words, false, false).await.unwrap();
            let pieces: Vec<_> = soon("its output", futures_util::StreamExt::collect(session.output)).await;
            let pieces: Vec<Vec<u8>> = pieces.into_iter().map(|piece| piece.unwrap().bytes).collect();
            String::from_utf8(pieces.concat()).unwrap()
        };
        may(&inside("/proc/1/status").await, capabilities, no_new);
        may(&inside("/proc/self/status").await, capabilities, no_new);
        assert_eq!(inside(limit_file()).await.trim(), pids);
        // A one-off one.
        let once = async |file: &str| {
            let mut text = Vec::new();
            let mut tell = |piece: gokku_core::containers::LogLine| text.extend_from_slice(&piece.bytes);
            let code = lab
                .engine
                .run_one_off(&spec(&["print", file]), &mut tell)
                .await
                .unwrap();
            assert_eq!(code, 0);
            String::from_utf8(text).unwrap()
        };
        may(&once("/proc/1/status").await, capabilities, no_new);
        assert_eq!(once(limit_file()).await.trim(), pids);
        // And one that the engine's init is the first process of.
        let with_init = ContainerSpec {
            init: true,
            ..spec(&["print", "/proc/self/status"])
        };
        let id = lab.start(&with_init).await;
        assert_eq!(soon("its end", lab.engine.wait_exit(&id)).await.unwrap(), 0);
        let lines = lab.printed(&id, &LogOptions::default()).await;
        let text: Vec<u8> = lines.iter().flat_map(|line| line.bytes.clone()).collect();
        may(&String::from_utf8(text).unwrap(), capabilities, no_new);
    }
}
