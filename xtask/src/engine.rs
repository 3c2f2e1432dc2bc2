//! A Docker Engine for the tests: the one that runs, or one started here; and where that one is slow, one more for a run.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gokku_tests::Engine;

use crate::packages::{self, as_root};

/// What an engine keeps its images with where the kernel's overlay cannot be had: a build costs it many times as much.
const SLOW_DRIVERS: [&str; 2] = ["fuse-overlayfs", "vfs"];

/// Where the engines of runs have their data, one below it for each run at a time. The images that tests begin with stay there;
/// whoever wants the room removes it.
const RUNS: &str = "/var/lib/gokku-tests";

const SOCKET: &str = "/var/run/docker.sock";
const PATIENCE: Duration = Duration::from_secs(90);

/// Makes sure that an engine answers.
pub(crate) fn ensure() -> Result<(), String> {
    if std::env::var_os("DOCKER_HOST").is_some() || answers() {
        return Ok(());
    }
    println!("==> starting the Docker Engine");
    if Path::new("/run/systemd/system").exists() {
        let status = as_root("systemctl")
            .args(["start", "docker"])
            .status()
            .map_err(|error| error.to_string())?;
        if !status.success() {
            return Err("systemctl start docker failed; `journalctl -u docker` says why".to_owned());
        }
        return wait(None);
    }
    let log_path = std::env::temp_dir().join("gokku-test-dockerd.log");
    let log = File::create(&log_path).map_err(|error| format!("{}: {error}", log_path.display()))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    as_root("dockerd")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("dockerd could not be started: {error}"))?;
    wait(Some(&log_path))
}

fn wait(log: Option<&Path>) -> Result<(), String> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    while began.elapsed() < PATIENCE {
        if answers() {
            return Ok(());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
    }
    let hint = log
        .map(|log| format!("; its log is {}", log.display()))
        .unwrap_or_default();
    Err(format!(
        "the Docker Engine did not answer within {} s{hint}",
        PATIENCE.as_secs()
    ))
}

/// An engine of a run's own.
pub(crate) struct OwnEngine {
    engine: Engine,
    /// Locked for as long as the engine is there, so that no other run takes its data.
    _lock: File,
}

impl OwnEngine {
    /// One with the kernel's overlay, if the machine's own engine has a slow driver. This thread, and what it starts, is in its
    /// network from then on. Without root, or where it cannot be had, there is none: the machine's own is good enough, if slow.
    pub(crate) fn start_if_faster() -> Option<Self> {
        if std::env::var_os("DOCKER_HOST").is_some() {
            return None;
        }
        let info = gokku_tests::docker(["info", "--format", "{{.Driver}}"]);
        let driver = info.line();
        if !SLOW_DRIVERS.contains(&driver) {
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            println!(
                "==> the Docker Engine's storage is {driver}, which is slow; as root, the tests would start one on overlay2"
            );
            return None;
        }
        println!(
            "==> the Docker Engine's storage is {driver}, which is slow: starting one on overlay2 for this run"
        );
        let started = free_place().and_then(|(name, folder, lock)| {
            let start = || Engine::start_for_run(&name, &folder);
            let engine = std::panic::catch_unwind(start).map_err(|_| "see above".to_owned())?;
            Ok(Self { engine, _lock: lock })
        });
        started
            .inspect_err(|why| {
                println!("==> it could not be started ({why}): the tests use the machine's own");
            })
            .ok()
    }
}

/// Installs what is missing, and makes sure that there is an engine; one of this run's own where that is faster.
pub(crate) fn for_tests() -> Result<Option<OwnEngine>, String> {
    packages::install_missing()?;
    ensure()?;
    Ok(OwnEngine::start_if_faster())
}

/// Has a command use an engine; without one it uses the machine's.
pub(crate) fn give(engine: Option<&OwnEngine>, command: &mut Command) {
    if let Some(own) = engine {
        command.env("DOCKER_HOST", own.engine.host());
    }
}

/// A name and a folder for an engine that no other run has, and what keeps others from it.
fn free_place() -> Result<(String, PathBuf, File), String> {
    for place in 1..=9 {
        let name = format!("gokku-tests-{place}");
        let folder = Path::new(RUNS).join(place.to_string());
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(told)?;
        let lock = File::create(folder.join("lock")).map_err(told)?;
        if lock.try_lock().is_ok() {
            return Ok((name, folder, lock));
        }
    }
    Err(format!("all places in {RUNS} are taken"))
}

/// Whether an engine answers `GET /_ping`.
fn answers() -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut socket = UnixStream::connect(SOCKET)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        let mut answer = [0; 12];
        socket.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ping().unwrap_or(false)
}
