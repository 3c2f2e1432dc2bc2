//! A story's own server: a root folder, and whatever gokku starts for it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::machine;
use crate::{App, Container, Disk, Engine, Output, Running, docker, gokku_program, wait_until};

/// A server. With it go its daemon, its running deploys, its containers and images, and its folder.
pub struct Server {
    /// Its root's own disk, where it has one; it goes before the folder it is mounted in.
    disk: Option<Disk>,
    folder: TempDir,
    root: PathBuf,
    /// The address of its Docker Engine; none for the machine's own.
    engine: Option<OsString>,
    extra_env: Vec<(String, String)>,
}

/// A name that no other test uses at the same time: `api` becomes something like `api-1f3k-2`.
pub fn unique(base: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{base}-{:x}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

impl Server {
    /// A fresh one: an empty root, whose traffic switch binds the loopback only. Nothing runs yet.
    #[expect(
        clippy::new_without_default,
        reason = "it is no plain value: it makes folders and panics when it cannot"
    )]
    pub fn new() -> Self {
        let ping = docker(["version", "--format", "{{.Server.Version}}"]);
        assert!(
            ping.code == Some(0),
            "the stories need a Docker Engine; `cargo xtask test` installs or starts one\n{ping}"
        );
        Self::with(std::env::var_os("DOCKER_HOST"), |_| None)
    }

    /// A fresh one, whose root has a disk of its own of so many bytes.
    pub fn on_disk_of(bytes: u64) -> Self {
        Self::with(std::env::var_os("DOCKER_HOST"), |root| {
            Some(Disk::mount(root, bytes))
        })
    }

    /// A fresh one, with an engine of the story's own. Made after the engine, it goes before it.
    pub fn on(engine: &Engine) -> Self {
        Self::with(Some(engine.host()), |_| None)
    }

    /// The same, whose root has a disk of its own in a file.
    pub fn on_file_of(bytes: u64, engine: &Engine) -> Self {
        Self::with(Some(engine.host()), |root| Some(Disk::mount_file(root, bytes)))
    }

    fn with(engine: Option<OsString>, disk: impl FnOnce(&Path) -> Option<Disk>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-story-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        // Labels carry the root as gokku sees it; a symbolic link in TMPDIR must not make it another.
        let top = folder
            .path()
            .canonicalize()
            .unwrap_or_else(|_| folder.path().to_owned());
        let mut server = Self {
            disk: None,
            root: top.join("gokku"),
            folder,
            engine,
            extra_env: Vec::new(),
        };
        for folder in [server.root(), &server.home(), &server.programs()] {
            fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        server.disk = disk(server.root());
        // A disk that is as small as these has no room for what gokku keeps free elsewhere.
        let reserve = if server.disk.is_some() { "1m" } else { "500m" };
        let config = format!("[proxy]\nbind = \"127.0.0.1\"\n\n[disk]\nreserve = \"{reserve}\"\n");
        server.write("config.toml", config);
        let program = server.programs().join("gokku");
        std::os::unix::fs::symlink(gokku_program(), &program)
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        server
    }

    /// The permissions of something below its root.
    #[track_caller]
    pub fn mode(&self, below: impl AsRef<Path>) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(below);
        let about = fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        about.permissions().mode() & 0o777
    }

    /// Its `GOKKU_ROOT`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its root's own disk.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// The address of its Docker Engine, where it is not the one that is found without.
    pub(crate) fn engine(&self) -> Option<&OsStr> {
        self.engine.as_deref()
    }

    /// A file below the root.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// A file's text, from below the root.
    #[track_caller]
    pub fn read(&self, below: impl AsRef<Path>) -> String {
        let path = self.path(below);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes a file below the root, folders included.
    #[track_caller]
    pub fn write(&self, below: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.path(below);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Another environment variable for every program from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.extra_env.push((name.to_owned(), value.to_owned()));
    }

    /// A home folder of its own.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder that stands first in every program's path; `gokku` is in it.
    pub fn programs(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// A program with nothing of the machine's configuration: only a path, a home and an identity of its own.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = machine::program(program, &self.home(), &self.programs(), "Dev");
        command
            .env("GOKKU_ROOT", &self.root)
            .envs(self.engine.as_ref().map(|host| ("DOCKER_HOST", host)))
            .envs(self.extra_env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `gokku` to its end.
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn gokku<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(self.command("gokku").args(args).stdin(Stdio::null()))
    }

    /// Runs `gokku` with this on its standard input.
    #[must_use = "it may have failed: say how it should exit"]
    #[track_caller]
    pub fn gokku_with_input<S: AsRef<OsStr>>(
        &self,
        input: &[u8],
        args: impl IntoIterator<Item = S>,
    ) -> Output {
        Output::with_input(self.command("gokku").args(args), input)
    }

    /// Starts `gokku` and lets it run.
    #[track_caller]
    pub fn start_gokku<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        Running::start(self.command("gokku").args(args))
    }

    /// Creates an app: its name is unique on the machine, its host port free.
    #[track_caller]
    pub fn create(&self, base: &str) -> App<'_> {
        let app = App::new(self, unique(base));
        self.gokku(["apps", "create", app.name()]).ok();
        app
    }

    /// An app that somebody else creates: its name, and the host port it asks for.
    pub fn app_of(&self, name: &str, port: u16) -> App<'_> {
        App::at(self, name.to_owned(), port)
    }

    /// Runs `docker` on its engine.
    #[track_caller]
    pub fn docker<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(crate::docker::at(self.engine.as_deref()).args(args))
    }

    /// Its containers, of all apps, also those that do not run.
    pub fn containers(&self) -> Vec<Container> {
        crate::docker::containers_at(self.engine.as_deref(), &self.root)
    }

    /// The traffic switch's process; none while it does not run.
    pub fn daemon(&self) -> Option<u32> {
        self.processes().into_iter().find(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = arguments.split(|byte| *byte == 0).skip(1);
            words.next() == Some(b"proxy") && words.next() == Some(b"run")
        })
    }

    /// Every process that runs for this server: it has the root in its environment.
    pub fn processes(&self) -> Vec<u32> {
        let mark = [b"GOKKU_ROOT=", self.root.as_os_str().as_encoded_bytes()].concat();
        let Ok(all) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != std::process::id())
            .filter(|pid| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark)
            })
            .collect()
    }

    /// An app of exactly this name: for what is about the name. Two tests must not take the same.
    #[track_caller]
    pub fn create_named(&self, name: &str) -> App<'_> {
        let app = App::new(self, name.to_owned());
        self.gokku(["apps", "create", app.name()]).ok();
        app
    }

    /// The processes of this server that do a transition.
    pub fn workers(&self) -> Vec<u32> {
        let mut processes = self.processes();
        processes.retain(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments.split(|byte| *byte == 0).nth(1) == Some(b"worker")
        });
        processes
    }

    /// Kills every hook and its git, as a lost connection would.
    pub fn kill_hooks(&self) {
        for pid in self.processes() {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = arguments.split(|byte| *byte == 0);
            let program = words.next().unwrap_or_default();
            if program.ends_with(b"git")
                || program.ends_with(b"receive-pack")
                || words.any(|word| word == b"hook")
            {
                signal("KILL", pid);
            }
        }
    }

    /// Kills the process that does a transition, as a crash would.
    #[track_caller]
    pub fn kill_worker(&self) {
        let workers = self.workers();
        let [worker] = workers[..] else {
            panic!("one transition should be under way, there are {}", workers.len())
        };
        signal("KILL", worker);
        wait_until("the worker's death", crate::PATIENCE, || {
            (!self.workers().contains(&worker)).then_some(())
        });
    }

    /// The process that keeps the traffic switch running; none where a story has started it by hand.
    pub fn keeper(&self) -> Option<u32> {
        self.processes().into_iter().find(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = arguments.split(|byte| *byte == 0).skip(1);
            words.next() == Some(b"proxy") && words.next() == Some(b"keep")
        })
    }

    /// Kills the traffic switch alone, and gives its process; whoever keeps it running starts it again.
    #[track_caller]
    pub fn kill_switch(&self) -> u32 {
        let Some(daemon) = self.daemon() else {
            panic!("the traffic switch does not run")
        };
        signal("KILL", daemon);
        daemon
    }

    /// Kills the traffic switch, with whoever keeps it running: it stays away.
    #[track_caller]
    pub fn kill_daemon(&self) {
        let Some(daemon) = self.daemon() else {
            panic!("the traffic switch does not run")
        };
        // Neither is to see that the other has gone.
        signal("STOP", daemon);
        if let Some(keeper) = self.keeper() {
            signal("KILL", keeper);
        }
        signal("KILL", daemon);
        wait_until("the traffic switch's death", crate::PATIENCE, || {
            (self.daemon() != Some(daemon)).then_some(())
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL to all, again and again: one may be starting another.
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for process in left {
                signal("KILL", process);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        crate::docker::remove_all(self.engine.as_deref(), &self.root);
    }
}

fn signal(name: &str, process: u32) {
    // It may be gone already.
    Output::of(Command::new("kill").args(["-s", name, &process.to_string()]));
}
