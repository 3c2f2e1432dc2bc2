//! A machine of a story's own, to make a server of: Debian in a container, with sshd, sudo, and the real Docker Engine's
//! socket. Without systemd.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::docker::socket;
use crate::ssh_client::{self, read, write};
use crate::{Output, PATIENCE, docker, ensure_machine, unique, wait_until};

/// Where it has the engine's socket.
const SOCKET: &str = "/var/run/docker.sock";

/// A machine. Its users `root`, `ubuntu` (who may use sudo without a password) and `guest` (who may not) let the laptop
/// in. It goes with its handle, and with it whatever the engine has of the server that it became.
pub struct Host {
    name: String,
    address: String,
    root: String,
    folder: TempDir,
}

impl Host {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        let image = ensure_machine();
        let folder = tempfile::Builder::new()
            .prefix("gokku-host-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        let name = unique("gokku-host");
        docker(["network", "create", &name]).ok();
        let mount = format!("{}:{SOCKET}", socket().display());
        // A root that no other server on this engine has: it is in the labels of all that is made there.
        let root = format!("/srv/{name}");
        let environment = format!("SetEnv=GOKKU_ROOT={root}");
        let run = [
            "run",
            "--detach",
            "--init",
            "--name",
            &name,
            "--hostname",
            &name,
            "--network",
            &name,
            "--volume",
            &mount,
            image,
            "sh",
            "-c",
            "mkdir -p /run/sshd && ssh-keygen -A -q && exec /usr/sbin/sshd -D -e -o \"$0\"",
            &environment,
        ];
        docker(run).ok();
        let mut host = Self {
            name,
            address: String::new(),
            root,
            folder,
        };
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let inspected = docker(["inspect", "--format", format, &host.name]).ok();
        inspected.line().clone_into(&mut host.address);
        host.let_in();
        wait_until("the machine's sshd", PATIENCE, || {
            std::net::TcpStream::connect((host.address.as_str(), 22)).ok()
        });
        host.write_client();
        host
    }

    /// The folder it is to serve from. Whoever comes by ssh has it as `GOKKU_ROOT`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The network it is on. Its switch, which is inside of a container, reaches the apps that are on it, too.
    pub fn network(&self) -> &str {
        &self.name
    }

    /// The private key that lets in.
    pub fn key(&self) -> std::path::PathBuf {
        self.folder.path().join("key")
    }

    /// Runs a script on it as root, not over ssh.
    #[track_caller]
    pub fn sh(&self, script: &str) -> Output {
        docker(["exec", &self.name, "sh", "-euc", script])
    }

    /// Puts an `ssh` into a folder of programs that knows it as `server`, for any of its users.
    pub fn install_client(&self, programs: &Path) {
        ssh_client::install(programs, &self.folder.path().join("ssh_config"), "");
    }

    /// Every file, with its owner, mode, size and digest, and every user and group; but for the kernel's folders and
    /// what each login writes.
    #[track_caller]
    pub fn listing(&self) -> String {
        let script = "
            cd /
            all() {
                find . -xdev \\( -path ./proc -o -path ./sys -o -path ./var/log/lastlog -o -path ./var/log/wtmp \\
                    -o -path ./var/log/btmp -o -path ./run/utmp -o -path ./run/motd.dynamic -o -path ./run/sudo -o -path ./var/lib/sudo \\) \\
                    -prune -o \"$@\"
            }
            all -printf '%p %u:%g %m %l\\n' | sort
            all -type f -exec sha256sum {} + | sort -k 2
            getent passwd; getent group; cat /etc/shadow";
        self.sh(script).ok().stdout
    }

    /// Nothing may be other than in this listing, but for what has these words in its line.
    #[track_caller]
    pub fn assert_as_in(&self, before: &str, but_for: &[&str]) {
        let after = self.listing();
        let of = |text: &str| -> BTreeSet<String> {
            let lines = text
                .lines()
                .filter(|line| !but_for.iter().any(|words| line.contains(words)));
            lines.map(str::to_owned).collect()
        };
        let (before, after) = (of(before), of(&after));
        let changed: Vec<&String> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "these changed: {changed:#?}");
    }

    fn let_in(&self) {
        let key = self.key();
        ssh_client::make_key(&key, "laptop");
        let public = read(&key.with_extension("pub"));
        let path = socket();
        let socket = std::fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let script = format!(
            "getent group {gid} >/dev/null || groupadd --gid {gid} docker
             useradd --create-home --shell /bin/bash --password '*' ubuntu
             useradd --create-home --shell /bin/bash --password '*' guest
             echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ubuntu
             chmod 440 /etc/sudoers.d/ubuntu
             for home in /root /home/ubuntu /home/guest; do
                 mkdir -p -m 700 $home/.ssh
                 echo '{public}' >$home/.ssh/authorized_keys
                 chown -R --reference=$home $home/.ssh
             done",
            gid = socket.gid(),
            public = public.trim(),
        );
        self.sh(&script).ok();
    }

    fn write_client(&self) {
        let at = |name: &str| self.folder.path().join(name);
        let known = self.sh("cat /etc/ssh/ssh_host_ed25519_key.pub").ok();
        write(&at("known_hosts"), &format!("{} {}", self.address, known.stdout));
        let config = ssh_client::config(&self.key(), &at("known_hosts"));
        let server = format!("Host server\n  HostName {}\n{config}", self.address);
        write(&at("ssh_config"), &server);
    }

    /// Runs a command line on it, as one of its users, over ssh.
    #[track_caller]
    pub fn ssh(&self, user: &str, line: impl AsRef<OsStr>) -> Output {
        let mut ssh = Command::new("/usr/bin/ssh");
        ssh.arg("-F").arg(self.folder.path().join("ssh_config"));
        ssh.args(["-l", user, "server"]).arg(line);
        Output::of(ssh.stdin(Stdio::null()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        docker(["rm", "--force", "--volumes", &self.name]);
        crate::docker::remove_all(None, Path::new(&self.root));
        docker(["network", "rm", &self.name]);
    }
}
