//! The firewall rule that lets nothing pass from one network to another while the engine takes its own away: before 28, for a
//! moment each time that a network is made (libnetwork's `EnsureJumpRule`).
//!
//! It is set by the iptables of the engine's host, which is there because such an engine needs it itself. Whoever may use the
//! engine's socket need not be root: so a container runs it, of an image with nothing in it, on the host's network, with the
//! host's programs mounted. No shell is in between; the rules are its standard input. They are in two chains that are named for
//! the range, in a table that no engine touches. Servers with the same range write the same.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, MountType};
use bollard::query_parameters::CreateImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use gokku_core::ContainerId;
use gokku_core::containers::container::ContainerSpec;
use gokku_core::containers::isolation::{Isolated, Isolation};
use gokku_core::machine::subnet::Subnet;
use tokio::io::AsyncWriteExt;

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels::{self, label_filter};
use crate::engine::limits::Call;

/// The first engine whose own rules are never without effect: they are made once, and each container has one besides.
const KEEPS_APART: u32 = 28;

/// The image with nothing in it. No registry can have this name, RFC 2606: so it is nobody else's.
const REPOSITORY: &str = "gokku.invalid/firewall";
const TAG: &str = "1";

/// Of the host, what its programs need, as far as it is there; the last is what all that change rules of the older kind wait for.
const HOST: [&str; 8] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/run/xtables.lock",
];
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The last word: how many seconds it waits for others that change rules.
const PROGRAM: [&str; 4] = ["iptables-restore", "--noflush", "--wait", "5"];

/// How long the program may take, with its container's start.
const RUN: Duration = Duration::from_secs(60);
/// How old a container is that was left by a process which was killed: none lives so long.
const LEFT: Duration = Duration::from_secs(600);
/// How much of what iptables says is kept.
const SAID: usize = 2000;
/// How many times others may have made the way to the chain, all at the same time.
const TWINS: usize = 16;

const WHAT: &str = "keep the networks of apps apart";

/// What is done about the rule that leads to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It must be there.
    Check,
    /// It is made, before all others.
    Make,
    /// It is removed.
    Remove,
}

/// What came of it.
enum Restored {
    Done,
    /// Nothing was changed, and these are the reasons.
    Refused(String),
}

/// The names of the two chains: where packets come from, and where they go to.
fn chains(range: Subnet) -> (String, String) {
    (format!("gokku-{range}"), format!("gokku-to-{range}"))
}

fn way(range: Subnet, way: Way) -> String {
    let (from, _) = chains(range);
    match way {
        Way::Check => format!("-C FORWARD -j {from}\n"),
        Way::Make => format!("-I FORWARD -j {from}\n"),
        Way::Remove => format!("-D FORWARD -j {from}\n"),
    }
}

/// What iptables-restore reads: it does all of this in one step, or nothing.
fn rules(isolation: &Isolation, way_there: Way) -> String {
    let (from, to) = chains(isolation.range);
    let mut text = format!("*mangle\n:{from} - [0:0]\n:{to} - [0:0]\n");
    for subnet in isolation.subnets() {
        // What is bridged stays on its network. What was sent to a port that somebody has published on the server may go there.
        let _ = writeln!(
            text,
            "-A {from} -s {subnet} -m physdev ! --physdev-is-bridged -m conntrack ! --ctstate DNAT -j {to}"
        );
    }
    for subnet in isolation.subnets() {
        let _ = writeln!(text, "-A {to} -d {subnet} -j DROP");
    }
    text + &way(isolation.range, way_there) + "COMMIT\n"
}

impl Engine {
    /// Has the host of the engine keep networks apart, and says how that was found. What is there is made anew, in one step.
    pub async fn isolate(&self, isolation: &Isolation) -> Result<Isolated, Error> {
        if self.major() >= KEEPS_APART {
            return Ok(Isolated::ByEngine);
        }
        self.remove_left().await?;
        let root = &isolation.root;
        if let Restored::Done = self.restore(root, rules(isolation, Way::Check)).await? {
            return Ok(Isolated::Already);
        }
        match self.restore(root, rules(isolation, Way::Make)).await? {
            Restored::Done => Ok(Isolated::Now),
            Restored::Refused(said) => Err(Error::Firewall { said }),
        }
    }

    /// Takes the rule for a range away, and what setting it has left on the engine.
    pub async fn end_isolation(&self, root: &str, range: Subnet) -> Result<(), Error> {
        let image = format!("{REPOSITORY}:{TAG}");
        // An engine that was an older one may have it still.
        if self.major() >= KEEPS_APART && self.image(&image).await?.is_none() {
            return Ok(());
        }
        let (from, to) = chains(range);
        let chains = format!("*mangle\n:{from} - [0:0]\n:{to} - [0:0]\n");
        for _ in 0..TWINS {
            let there = format!("{chains}{}COMMIT\n", way(range, Way::Remove));
            if let Restored::Refused(_) = self.restore(root, there).await? {
                break;
            }
        }
        let gone = format!("{chains}-X {from}\n-X {to}\nCOMMIT\n");
        if let Restored::Refused(said) = self.restore(root, gone).await? {
            return Err(Error::Firewall { said });
        }
        match self.remove_image(&image).await {
            // Another server is at it.
            Err(Error::Conflict { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// Runs the host's iptables-restore.
    async fn restore(&self, root: &str, rules: String) -> Result<Restored, Error> {
        let call = Call::new("run", WHAT, "iptables");
        self.within(RUN, call, self.run_restore(root, rules)).await
    }

    async fn run_restore(&self, root: &str, rules: String) -> Result<Restored, Error> {
        let id = match self.container_of_host(root).await {
            // Somebody has removed the image since it was looked for.
            Err(error) if error.is_not_found() => self.container_of_host(root).await?,
            made => made?,
        };
        let (one_off, mut session) = match self.start_attached(id, true).await {
            // The engine's words for a program that is not there, or cannot be run.
            Err(Error::Api { message, .. }) => return Ok(Restored::Refused(message)),
            started => started?,
        };
        if let Some(mut input) = session.input.take() {
            let written = async {
                input.write_all(rules.as_bytes()).await?;
                input.shutdown().await
            };
            written.await.map_err(|error| Error::answer(WHAT, error))?;
        }
        let mut said = Vec::new();
        while let Some(piece) = session.output.next().await {
            let piece = piece?.bytes;
            said.extend_from_slice(&piece[..piece.len().min(SAID.saturating_sub(said.len()))]);
        }
        let code = session.handle().exit_code().await?;
        one_off.remove().await?;
        Ok(match code {
            0 => Restored::Done,
            code => {
                let said = String::from_utf8_lossy(&said);
                Restored::Refused(format!("exit code {code}: {}", said.trim()))
            }
        })
    }

    /// Makes a container in which the host's programs may change its firewall, and nothing else.
    async fn container_of_host(&self, root: &str) -> Result<ContainerId, Error> {
        let spec = ContainerSpec {
            image: self.empty_image().await?,
            ..ContainerSpec::default()
        };
        let all = HOST.into_iter().filter(|path| Path::new(path).exists());
        let mut paths: Vec<&str> = all.collect();
        loop {
            let made = self.create_of(&spec, body(&spec.image, root, &paths)).await;
            // The engine may see other files than this process.
            let missing = made.as_ref().err().and_then(|error| missing(error, &paths));
            match missing {
                Some(missing) => drop(paths.remove(missing)),
                None => return Ok(ContainerId::new(made?.id)),
            }
        }
    }

    /// The name of the image with nothing in it, which is made when there is none.
    async fn empty_image(&self) -> Result<String, Error> {
        let image = format!("{REPOSITORY}:{TAG}");
        if self.image(&image).await?.is_some() {
            return Ok(image);
        }
        let options = CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(REPOSITORY)
            .tag(TAG)
            .build();
        let files = bollard::body_full(Bytes::from(
            empty_tree().map_err(|error| Error::answer(WHAT, error))?,
        ));
        let call = Call::new("import", WHAT, &image);
        let imported = self.docker.create_image(Some(options), Some(files), None);
        self.act(call, imported.try_for_each(|_| std::future::ready(Ok(()))))
            .await?;
        Ok(image)
    }

    /// Removes what processes have left that were killed.
    async fn remove_left(&self) -> Result<(), Error> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let all = self
            .listed(&label_filter(&[(labels::KIND, labels::FIREWALL)]))
            .await?;
        for one in all {
            if let Some(id) = one.id.filter(|_| was_left(one.created, now)) {
                self.remove(&ContainerId::new(id)).await?;
            }
        }
        Ok(())
    }
}

/// What the container is made with, that has these paths of the host.
fn body(image: &str, root: &str, paths: &[&str]) -> ContainerCreateBody {
    let own = [(labels::ROOT, root), (labels::KIND, labels::FIREWALL)];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mounts = paths.iter().map(|path| bollard::models::Mount {
        typ: Some(MountType::BIND),
        source: Some((*path).to_owned()),
        target: Some((*path).to_owned()),
        read_only: Some(true),
        ..bollard::models::Mount::default()
    });
    let words = |all: &[&str]| Some(all.iter().map(|word| (*word).to_owned()).collect());
    ContainerCreateBody {
        image: Some(image.to_owned()),
        env: words(&[PATH, "LC_ALL=C"]),
        labels: Some(labels::whole(&own.into())),
        cmd: words(&PROGRAM),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some("host".to_owned()),
            userns_mode: Some("host".to_owned()),
            cap_drop: words(&["ALL"]),
            cap_add: words(&["NET_ADMIN", "NET_RAW"]),
            // Where there is SELinux, a container may run none of the host's programs.
            security_opt: words(&["no-new-privileges", "label=disable"]),
            mounts: Some(mounts.collect()),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: Some(HashMap::new()),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Which of these paths the engine has not found, where that is its error.
fn missing(error: &Error, paths: &[&str]) -> Option<usize> {
    let Error::Api { message, .. } = error else {
        return None;
    };
    let (_, missing) = message.rsplit_once("bind source path does not exist: ")?;
    paths.iter().position(|path| *path == missing.trim())
}

/// Whether nobody is waiting any more for a container that was made then; both since the epoch.
fn was_left(made: Option<i64>, now: Duration) -> bool {
    let made = made.and_then(|seconds| u64::try_from(seconds).ok());
    made.is_none_or(|made| now.saturating_sub(Duration::from_secs(made)) > LEFT)
}

/// An archive with the one folder that iptables may want to write to.
fn empty_tree() -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut folder = tar::Header::new_gnu();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_mode(0o755);
    folder.set_size(0);
    archive.append_data(&mut folder, "run/", std::io::empty())?;
    archive.into_inner()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The kernel takes no longer name of a chain than 28 bytes.
    #[test]
    fn what_iptables_is_told() {
        let isolation = Isolation {
            root: "/opt/gokku".to_owned(),
            range: "10.213.0.0/16".parse().unwrap(),
            beside: vec!["172.18.0.0/16".parse().unwrap()],
        };
        insta::assert_snapshot!(rules(&isolation, Way::Check), @r"
        *mangle
        :gokku-10.213.0.0/16 - [0:0]
        :gokku-to-10.213.0.0/16 - [0:0]
        -A gokku-10.213.0.0/16 -s 10.213.0.0/16 -m physdev ! --physdev-is-bridged -m conntrack ! --ctstate DNAT -j gokku-to-10.213.0.0/16
        -A gokku-10.213.0.0/16 -s 172.18.0.0/16 -m physdev ! --physdev-is-bridged -m conntrack ! --ctstate DNAT -j gokku-to-10.213.0.0/16
        -A gokku-to-10.213.0.0/16 -d 10.213.0.0/16 -j DROP
        -A gokku-to-10.213.0.0/16 -d 172.18.0.0/16 -j DROP
        -C FORWARD -j gokku-10.213.0.0/16
        COMMIT
        ");
        let there = |way| rules(&isolation, way).lines().rev().nth(1).map(str::to_owned);
        assert_eq!(there(Way::Make).unwrap(), "-I FORWARD -j gokku-10.213.0.0/16");
        let (from, to) = chains("255.255.255.255/32".parse().unwrap());
        assert!(from.len() <= 28 && to.len() <= 28, "{from} {to}");
    }

    #[test]
    fn what_the_engine_does_not_find_is_left_out() {
        let api = |message: &str| Error::Api {
            what: WHAT,
            message: message.to_owned(),
        };
        let said = "invalid mount config for type \"bind\": bind source path does not exist: ";
        assert_eq!(missing(&api(&format!("{said}/lib64")), &HOST), Some(2));
        assert_eq!(missing(&api(&format!("{said}/home")), &HOST), None);
        assert_eq!(missing(&api("no space left on device"), &HOST), None);
    }

    #[test]
    fn what_a_killed_process_has_left() {
        let now = Duration::from_secs(1_000_000);
        assert!(!was_left(Some(1_000_000), now));
        assert!(!was_left(Some(999_400), now));
        assert!(was_left(Some(999_399), now));
        assert!(!was_left(Some(1_000_600), now), "a clock that was set back");
    }
}
