//! A Docker Engine for the tests: the one that runs, or one started here.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::packages::as_root;

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
