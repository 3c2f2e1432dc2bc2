//! systemd itself, as the manager of a user's services: beside whatever is process 1, with a `/run` of its own, because it asks
//! there whether the machine is one of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Output, PATIENCE, Running, Server, gokku_program, wait_until, workspace};

/// What makes such a machine of a mount namespace; `$1` is the folder that becomes its `/run`. The engine's socket stays.
const BEGIN: &str = r#"set -e
mount -t tmpfs tmpfs "$1"
mkdir -p "$1/systemd/system"
if [ -S /run/docker.sock ]; then
    touch "$1/docker.sock"
    mount --bind /run/docker.sock "$1/docker.sock"
fi
mount --rbind "$1" /run
exec /lib/systemd/systemd --user --log-target=console --log-level=info
"#;

/// What a user's service cannot have, or this machine has not.
const NOT_HERE: [&str; 3] = ["After=", "Wants=", "WantedBy="];

/// A systemd with the traffic switch of a server as its service.
pub struct Systemd<'a> {
    server: &'a Server,
    runtime: PathBuf,
    manager: Running,
}

impl<'a> Systemd<'a> {
    /// Starts one, with the unit of the guide for this server; the service does not run yet.
    ///
    /// # Panics
    ///
    /// Where there is no systemd, or whoever runs this is not root.
    #[track_caller]
    pub fn start(server: &'a Server) -> Self {
        let folder = |name: &str| {
            let folder = server.home().join(name);
            fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            folder
        };
        let (run, runtime) = (folder("run"), folder("runtime"));
        let units = folder("runtime/systemd/user");
        fs::write(units.join("gokku.service"), unit(server.root()))
            .unwrap_or_else(|error| panic!("{}: {error}", units.display()));
        let mut command = server.command("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", BEGIN, "sh"])
            .arg(run)
            .env("XDG_RUNTIME_DIR", &runtime);
        let systemd = Self {
            server,
            runtime,
            manager: Running::start(&mut command),
        };
        wait_until("systemd", PATIENCE, || {
            let asked = systemd.systemctl(["show", "--property=Version"]);
            (asked.code == Some(0)).then_some(())
        });
        systemd
    }

    /// Runs `systemctl`, with arguments that are about the service `gokku`.
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn systemctl<const N: usize>(&self, arguments: [&str; N]) -> Output {
        // It asks for the machine's systemd, too.
        let mut command = self.server.command("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.manager.id()))
            .args(["systemctl", "--user"])
            .args(arguments)
            .env("XDG_RUNTIME_DIR", &self.runtime);
        Output::of(&mut command)
    }

    /// A property of the service, see systemctl(1).
    #[track_caller]
    pub fn property(&self, name: &str) -> String {
        let option = format!("--property={name}");
        let asked = self.systemctl(["show", "gokku.service", "--value", &option]).ok();
        asked.stdout.trim().to_owned()
    }
}

impl Drop for Systemd<'_> {
    fn drop(&mut self) {
        // In good order it leaves no control groups behind; what does not end is killed with the server.
        let _ = self.systemctl(["exit"]);
        let began = Instant::now();
        while !self.manager.has_ended() && began.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The service's unit, as the guide shows it, for this server, without what a user's service cannot have: it may not be kept from
/// more than its user is.
fn unit(root: &Path) -> String {
    let guide = workspace().join("docs/guide.md");
    let guide = fs::read_to_string(&guide).unwrap_or_else(|error| panic!("{}: {error}", guide.display()));
    let unit = guide
        .split("```ini\n[Unit]\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap_or_else(|| panic!("docs/guide.md has no unit"));
    let (program, path) = (gokku_program().display(), root.display());
    let (kept, _sandbox) = unit
        .split_once("AmbientCapabilities=")
        .unwrap_or_else(|| panic!("a unit with a sandbox"));
    let mut text = "[Unit]\n".to_owned();
    for line in kept.lines() {
        let is_users = ["User=", "Group="].iter().any(|key| line.starts_with(key));
        if !is_users && !NOT_HERE.iter().any(|key| line.starts_with(key)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    let text = text
        .replace("/usr/local/bin/gokku", &program.to_string())
        .replace(" --root /opt/gokku", "");
    // By this a process is known as this server's.
    format!("{text}Environment=GOKKU_ROOT={path}\n")
}
