//! A Docker Engine of a story's own, to stop, kill and start again; the machine's own never notices.
//!
//! It has a network of its own, and so has the thread that makes it: whatever a story starts or asks from then on
//! is where the containers are. The thread goes back when the engine goes.
//!
//! A whole run of the tests can have one, too, whose images stay for the next run and whose network leads outside.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::uplink;
use crate::{Disk, Output, PATIENCE, Server, gokku_program, test_app_program, unique, wait_until};

/// An engine and its containerd, with folders of their own. With it go its processes, containers, mounts and network.
///
/// - `lib` below its folder is its disk, and stays when the power is cut;
/// - `run` is what a machine forgets then: sockets, the containers' mounts.
pub struct Engine {
    /// Its data's own disk. where it has one; it goes before the folder it is mounted in.
    disk: Option<Disk>,
    folder: Folder,
    /// Its control group, below which its containers are.
    group: String,
    containerd: Option<Child>,
    dockerd: Option<Child>,
    /// The network this thread came from.
    outside: File,
    /// A thread's network is its own: an engine stays on the thread that made it.
    on_its_thread: PhantomData<*const ()>,
}

/// Where an engine has its files.
enum Folder {
    /// It goes with the engine.
    Temporary(TempDir),
    /// It stays, for the next run's engine.
    Kept(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}

impl Engine {
    /// One that runs, empty. This thread is in its network from now on.
    #[track_caller]
    pub fn start_new() -> Self {
        Self::start_with(|_| None, "{}")
    }

    /// The same, whose data has a disk of its own of so many bytes.
    #[track_caller]
    pub fn start_on_disk_of(bytes: u64) -> Self {
        Self::start_with(|data| Some(Disk::mount(data, bytes)), "{}")
    }

    /// The same, whose disk is in a file, to be copied. Its layers are plain folders (`vfs`): `overlay2` mounts one in another to
    /// make an image, and the kernel brings all of it to the disk when that mount goes.
    #[track_caller]
    pub fn start_on_file_of(bytes: u64) -> Self {
        let disk = |data: &Path| Some(Disk::mount_file(data, bytes));
        Self::start_with(disk, r#"{"storage-driver": "vfs"}"#)
    }

    #[track_caller]
    fn start_with(disk: impl FnOnce(&Path) -> Option<Disk>, config: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "an engine of a story's own takes root: run these stories as root"
        );
        // What cargo has to fetch for them is not to be had in there.
        let _ = (gokku_program(), test_app_program());
        let folder = tempfile::Builder::new()
            .prefix("gokku-engine-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        Self::start_in(Folder::Temporary(folder), unique("gokku-engine"), config, disk)
    }

    /// One for a whole run of the tests, in a folder that nobody else uses. The images in it are those of the runs before; whatever
    /// else they have left, running or not, goes. So do networks named like it. Its own leads outside through the machine's own
    /// engine, and so does this thread's from now on.
    ///
    /// The name, also of its control group and its networks, is a short one: the kernel's limit for an interface's is 15 bytes.
    #[track_caller]
    pub fn start_for_run(name: &str, folder: &Path) -> Self {
        let left = Self {
            disk: None,
            folder: Folder::Kept(folder.to_owned()),
            group: name.to_owned(),
            containerd: None,
            dockerd: None,
            outside: open(Path::new("/proc/thread-self/ns/net")),
            on_its_thread: PhantomData,
        };
        // As its own end would have done.
        drop(left);
        // Its networks may have addresses that this one's way outside has.
        let _ = fs::remove_dir_all(folder.join("lib/docker/network"));
        let engine = Self::start_in(
            Folder::Kept(folder.to_owned()),
            name.to_owned(),
            "{\"storage-driver\": \"overlay2\"}",
            |_| None,
        );
        let inside = open(Path::new("/proc/thread-self/ns/net"));
        uplink::connect(name, &inside, &engine.outside);
        for (list, remove) in [
            (
                ["container", "ls", "--all"].as_slice(),
                ["container", "rm", "--force"].as_slice(),
            ),
            (&["volume", "ls"], &["volume", "rm", "--force"]),
        ] {
            let all = engine.docker(list.iter().chain(&["--quiet"])).ok();
            if !all.stdout.is_empty() {
                engine
                    .docker(remove.iter().copied().chain(all.stdout.lines()))
                    .ok();
            }
        }
        // All but the stand-ins, which each run begins with.
        engine
            .docker([
                "image",
                "prune",
                "--all",
                "--force",
                "--filter",
                "label!=gokku.stand-in",
            ])
            .ok();
        engine.docker(["builder", "prune", "--all", "--force"]).ok();
        engine
    }

    #[track_caller]
    fn start_in(
        folder: Folder,
        group: String,
        config: &str,
        disk: impl FnOnce(&Path) -> Option<Disk>,
    ) -> Self {
        let outside = open(Path::new("/proc/thread-self/ns/net"));
        let inside = new_network(&group);
        enter(&inside);
        let mut engine = Self {
            disk: None,
            folder,
            group,
            containerd: None,
            dockerd: None,
            outside,
            on_its_thread: PhantomData,
        };
        // From here on its Drop brings the thread back.
        Output::of(Command::new("ip").args(["link", "set", "lo", "up"])).ok();
        let data = engine.path("lib");
        fs::create_dir_all(&data).unwrap_or_else(|error| panic!("{}: {error}", data.display()));
        engine.disk = disk(&data);
        engine.write("daemon.json", config);
        let opt = engine.path("lib/opt");
        engine.write(
            "containerd.toml",
            &format!(
                "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{}\"\n",
                opt.display()
            ),
        );
        engine.start();
        engine
    }

    /// Its address, as `DOCKER_HOST` has it.
    pub fn host(&self) -> OsString {
        let mut host = OsString::from("unix://");
        host.push(self.socket());
        host
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        self.path("lib")
    }

    /// Its data's own disk.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// Runs `docker` on it.
    #[track_caller]
    pub fn docker<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        Output::of(crate::docker::at(Some(&self.host())).args(args))
    }

    /// Starts it, and waits until it answers.
    #[track_caller]
    pub fn start(&mut self) {
        for folder in ["lib", "run"] {
            let path = self.path(folder);
            fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        // Their owner is gone; another process may have its number by now.
        for left in ["run/docker.pid", "run/docker.sock"] {
            let _ = fs::remove_file(self.path(left));
        }
        let containerd = self.path("run/containerd/containerd.sock");
        if self.containerd.is_none() {
            let mut command = Command::new("containerd");
            command.arg("--config").arg(self.path("containerd.toml"));
            command.arg("--root").arg(self.path("lib/containerd"));
            command.arg("--state").arg(self.path("run/containerd"));
            command.arg("--address").arg(&containerd);
            let child = self.spawn(&mut command);
            self.containerd = Some(child);
        }
        self.wait_for("containerd", || UnixStream::connect(&containerd).is_ok());
        let mut command = Command::new("dockerd");
        command.arg("--config-file").arg(self.path("daemon.json"));
        command.arg("--data-root").arg(self.path("lib/docker"));
        command.arg("--exec-root").arg(self.path("run/docker"));
        command.arg("--pidfile").arg(self.path("run/docker.pid"));
        command.arg("--containerd").arg(&containerd);
        command.arg("--host").arg(self.host());
        // Its containers are told from everyone else's by their control group.
        command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
        command.arg("--cgroup-parent").arg(format!("/{}", self.group));
        let child = self.spawn(&mut command);
        self.dockerd = Some(child);
        let socket = self.socket();
        self.wait_for("the engine", || answers(&socket).unwrap_or(false));
    }

    /// Stops it, as `systemctl stop docker` does: it stops its containers and ends.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Kills it alone, as a crash would: its containers go on until it is started again.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    /// Cuts the power: this engine, its containers and a server's every process end at once, and what only memory
    /// held is gone.
    #[track_caller]
    pub fn cut_power(&mut self, server: &Server) {
        kill_all(|| [server.processes(), self.processes()].concat());
        self.reap();
        self.clear();
    }

    /// Everything stands still while something is done: this engine, its containers and a server's every process.
    #[track_caller]
    pub fn while_all_stand_still<T>(&self, server: &Server, act: impl FnOnce() -> T) -> T {
        let all = || [server.processes(), self.processes()].concat();
        // One may be starting another.
        while all().into_iter().any(|process| {
            let moves = !stands(process);
            if moves {
                kill(process, Signal::STOP);
            }
            moves
        }) {}
        let done = act();
        for process in all() {
            kill(process, Signal::CONT);
        }
        done
    }

    /// The engine alone is told to end, and does.
    #[track_caller]
    fn signal(&mut self, signal: Signal) {
        let Some(mut dockerd) = self.dockerd.take() else {
            panic!("the engine does not run")
        };
        kill(dockerd.id(), signal);
        wait_until("the engine's end", PATIENCE, || dockerd.try_wait().ok().flatten());
    }

    /// Its processes and its containers'.
    fn processes(&self) -> Vec<u32> {
        let mut all: Vec<u32> = processes_about(self.folder.path());
        for group in self.groups() {
            let pids = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            all.extend(pids.lines().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Its control groups, in every hierarchy, the innermost first.
    fn groups(&self) -> Vec<PathBuf> {
        let top = Path::new("/sys/fs/cgroup");
        let mut hierarchies = folders_in(top);
        hierarchies.push(top.to_owned());
        let mut found = Vec::new();
        for hierarchy in hierarchies {
            let mut next = vec![hierarchy.join(&self.group)];
            while let Some(group) = next.pop().filter(|group| group.is_dir()) {
                next.extend(folders_in(&group));
                found.push(group);
            }
        }
        found.reverse();
        found
    }

    /// Takes the dead from the list of processes.
    fn reap(&mut self) {
        for mut child in [self.dockerd.take(), self.containerd.take()]
            .into_iter()
            .flatten()
        {
            let _ = child.wait();
        }
    }

    /// Removes what its processes have left behind, all but its disk.
    fn clear(&self) {
        // The shims' sockets are elsewhere; each is named in its container's folder.
        let tasks = self.path("run/containerd/io.containerd.runtime.v2.task/moby");
        for task in folders_in(&tasks) {
            let address = fs::read_to_string(task.join("address")).unwrap_or_default();
            if let Some(socket) = address.strip_prefix("unix://") {
                let _ = fs::remove_file(socket);
            }
        }
        let disk = self.path("lib");
        for mount in mounts_below(self.folder.path()).iter().rev() {
            if *mount == disk {
                continue;
            }
            Output::of(Command::new("umount").arg("--lazy").arg(mount));
        }
        let _ = fs::remove_dir_all(self.path("run"));
        for group in self.groups() {
            let _ = fs::remove_dir(group);
        }
    }

    fn socket(&self) -> PathBuf {
        self.path("run/docker.sock")
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Starts a program that writes to the log.
    #[track_caller]
    fn spawn(&self, command: &mut Command) -> Child {
        let log = File::options().create(true).append(true).open(self.path("log"));
        let log = log.unwrap_or_else(|error| panic!("the engine's log: {error}"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                let program = command.get_program().display();
                panic!("{program} could not be run ({error}); `cargo xtask test` installs it")
            })
    }

    /// Waits until it is there; one that ends instead has its last words shown.
    #[track_caller]
    fn wait_for(&mut self, what: &str, mut is_there: impl FnMut() -> bool) {
        wait_until(what, PATIENCE, || {
            for child in [&mut self.containerd, &mut self.dockerd].into_iter().flatten() {
                if let Ok(Some(status)) = child.try_wait() {
                    let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                    let last: Vec<&str> = log.lines().rev().take(20).collect();
                    let last: Vec<&str> = last.into_iter().rev().collect();
                    panic!("{what} ended at once, {status}:\n{}", last.join("\n"));
                }
            }
            is_there().then_some(())
        });
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        kill_all(|| self.processes());
        self.reap();
        self.clear();
        enter(&self.outside);
        if matches!(self.folder, Folder::Kept(_)) {
            uplink::disconnect(&self.group);
        }
    }
}

/// A network with nothing in it. No name leads to it: it is gone with the last who is in it, whatever happens.
#[track_caller]
fn new_network(name: &str) -> File {
    Output::of(Command::new("ip").args(["netns", "add", name])).ok();
    let network = open(&Path::new("/run/netns").join(name));
    Output::of(Command::new("ip").args(["netns", "del", name])).ok();
    network
}

/// Moves this thread into a network.
#[track_caller]
pub(crate) fn enter(network: &File) {
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .unwrap_or_else(|error| panic!("a network could not be entered: {error}"));
}

#[track_caller]
fn open(path: &Path) -> File {
    File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether an engine answers `GET /_ping`.
fn answers(socket: &Path) -> std::io::Result<bool> {
    let mut socket = UnixStream::connect(socket)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}

/// The processes that are told of this folder.
fn processes_about(folder: &Path) -> Vec<u32> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let all = fs::read_dir("/proc").into_iter().flatten();
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments.windows(folder.len()).any(|part| part == folder)
        })
        .collect()
}

/// Whether a process has been stopped, or ended: proc(5), `stat`.
fn stands(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    matches!(state, None | Some('T' | 't' | 'Z' | 'X'))
}

/// SIGKILL to all, again and again: one may be starting another.
fn kill_all(mut processes: impl FnMut() -> Vec<u32>) {
    for _ in 0..500 {
        let left = processes();
        if left.is_empty() {
            return;
        }
        for process in left {
            kill(process, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may be gone already.
        let _ = kill_process(pid, signal);
    }
}

/// Where something is mounted below a folder, in the order it was.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .map(PathBuf::from)
        .filter(|point| point.starts_with(folder))
        .collect()
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}
