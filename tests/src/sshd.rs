//! A real sshd on the loopback, for pushes and commands over ssh.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::ssh_client::{self, read, write};
use crate::{Output, PATIENCE, Server, free_port, wait_until};

/// An sshd whose sessions run on a story's server, as the user who runs the tests. It lets in its own key, and those in
/// the `.ssh/authorized_keys` of the server's home. Ends with its handle.
pub struct Sshd {
    folder: TempDir,
    port: u16,
    user: String,
    child: Child,
}

impl Sshd {
    /// Starts one for a server. From then on `ssh` in that server's programs is one that finds it: host `server`,
    /// with its own key and known hosts, and nothing of the machine's configuration.
    #[track_caller]
    pub fn start(server: &Server) -> Self {
        let program = program();
        let folder = tempfile::Builder::new()
            .prefix("gokku-sshd-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        let at = |name: &str| folder.path().join(name);
        for key in ["host_key", "user_key"] {
            ssh_client::make_key(&at(key), key);
        }
        let user = Output::of(Command::new("id").arg("-un")).ok().line().to_owned();
        if user == "root" {
            // A root sshd insists on its folder; Debian's service makes it at each start.
            let _ = fs::create_dir_all("/run/sshd");
        }
        let port = free_port();
        write(&at("sshd_config"), &config(server, folder.path(), port));
        let public = read(&at("user_key.pub"));
        write(&at("authorized_keys"), &public);
        let host = read(&at("host_key.pub"));
        write(&at("known_hosts"), &format!("[127.0.0.1]:{port} {host}"));
        let log = fs::File::create(at("log")).unwrap_or_else(|error| panic!("sshd's log: {error}"));
        let child = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("sshd could not be run: {error}"));
        let mut sshd = Self {
            folder,
            port,
            user,
            child,
        };
        write(
            &sshd.folder.path().join("ssh_config"),
            &sshd.host("server 127.0.0.1", "user_key"),
        );
        sshd.install_client(&server.programs());
        wait_until("sshd", PATIENCE, || {
            let ended = sshd.child.try_wait().ok().flatten();
            assert!(ended.is_none(), "sshd ended at once\n{}", sshd.log());
            std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(1)).ok()
        });
        sshd
    }

    /// The address of a repository on the server, as `git remote add` takes it.
    pub fn url(&self, path: &Path) -> String {
        format!("ssh://{}@server:{}{}", self.user, self.port, path.display())
    }

    /// What a person writes before the path in `git remote add`: `USER@server`.
    pub fn destination(&self) -> String {
        format!("{}@server", self.user)
    }

    /// Makes a key that nobody is let in with yet; gives the public one. From then on `ssh NAME` goes to the server with
    /// this key and no other.
    #[track_caller]
    pub fn make_key(&self, name: &str) -> String {
        let at = |file: &str| self.folder.path().join(file);
        ssh_client::make_key(&at(name), name);
        let config = format!("{}{}", self.host(name, name), read(&at("ssh_config")));
        write(&at("ssh_config"), &config);
        read(&at(&format!("{name}.pub")))
    }

    /// What ssh is told of the server under a name, and the key that goes with it.
    fn host(&self, name: &str, key: &str) -> String {
        let Self { port, user, .. } = self;
        let at = |file: &str| self.folder.path().join(file);
        let how = ssh_client::config(&at(key), &at("known_hosts"));
        format!("Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n{how}")
    }

    /// Its log.
    pub fn log(&self) -> String {
        read(&self.folder.path().join("log"))
    }

    /// The user whose sessions it opens.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Its port on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts an `ssh` into a folder of programs that finds this one. ssh finds its user's configuration by the user's
    /// entry in the system, not by `HOME`, so it is named to it.
    pub fn install_client(&self, programs: &Path) {
        self.install_client_with(programs, "");
    }

    /// The same, with more words of ssh's own in front of what it is given.
    pub fn install_client_with(&self, programs: &Path, options: &str) {
        ssh_client::install(programs, &self.folder.path().join("ssh_config"), options);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// sshd wants to be called by its full name.
fn program() -> PathBuf {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].map(PathBuf::from);
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| {
        panic!("sshd is not installed; `cargo xtask test` installs it (Debian: apt-get install openssh-server)")
    })
}

fn config(server: &Server, folder: &Path, port: u16) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    let machine = std::env::var("PATH").unwrap_or_default();
    let engine = server
        .engine()
        .map(|host| format!(" \"DOCKER_HOST={}\"", host.display()));
    let engine = engine.unwrap_or_default();
    // All that a session can be given is on, so that it is a key's own limits that keep it from one.
    // One SetEnv: of several, sshd takes the first only. In a shell within a shell bash reads no ~/.bashrc: the sessions are
    // a server's, and who tests has whatever in that file.
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {} {}\nPidFile none\nUsePAM no\n\
         StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
         Subsystem sftp internal-sftp\nX11Forwarding yes\nXAuthLocation /bin/true\n\
         SetEnv \"GOKKU_ROOT={}\" \"PATH={}:{machine}\" SHLVL=1{engine}\n",
        at("host_key"),
        at("authorized_keys"),
        server.home().join(".ssh/authorized_keys").display(),
        server.root().display(),
        server.programs().display(),
    )
}
