//! A registry on the loopback, which lets one user in.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::ssh_client::{read, write};
use crate::{Output, PATIENCE, WorkingCopy, docker, free_port, wait_until};

/// Its user.
const USER: &str = "me";

/// Debian's own, with a password. With it go its images, also those that an engine has pulled from it.
pub struct Registry {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Registry {
    /// One that runs, empty, for a user with this password.
    #[track_caller]
    pub fn start(password: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gokku-registry-")
            .tempdir()
            .unwrap_or_else(|error| panic!("a temporary folder could not be made: {error}"));
        let at = |name: &str| folder.path().join(name);
        let mut htpasswd = Command::new("htpasswd");
        let line = Output::with_input(htpasswd.args(["-niB", USER]), password.as_bytes()).ok();
        write(&at("htpasswd"), line.stdout.trim());
        let port = free_port();
        write(&at("config.yml"), &config(folder.path(), port));
        // For pushing to it; the engine itself knows no password.
        let login = base64(&format!("{USER}:{password}"));
        std::fs::create_dir(at("client")).unwrap_or_else(|error| panic!("the client's folder: {error}"));
        write(
            &at("client/config.json"),
            &format!("{{\"auths\":{{\"127.0.0.1:{port}\":{{\"auth\":\"{login}\"}}}}}}"),
        );
        let log = std::fs::File::create(at("log")).unwrap_or_else(|error| panic!("its log: {error}"));
        let child = Command::new(program())
            .arg("serve")
            .arg(at("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry could not be run: {error}"));
        let mut registry = Self { folder, port, child };
        wait_until("the registry", PATIENCE, || {
            let ended = registry.child.try_wait().ok().flatten();
            assert!(
                ended.is_none(),
                "it ended at once\n{}",
                read(&registry.folder.path().join("log"))
            );
            std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(1)).ok()
        });
        registry
    }

    /// Its host, as images name it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its user.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Puts what a working copy has to build under a name, `me/app:1`; gives its digest. The engine keeps nothing of it.
    #[track_caller]
    pub fn publish(&self, copy: &WorkingCopy<'_>, name: &str) -> String {
        let image = format!("{}/{name}", self.host());
        let folder = copy.folder().display().to_string();
        // Steps of its own: removing the image takes them away, also from another story's build that would share them.
        docker(["build", "--quiet", "--no-cache", "--tag", &image, &folder]).ok();
        let mut push = Command::new("docker");
        push.arg("--config").arg(self.folder.path().join("client"));
        let pushed = Output::of(push.args(["push", &image])).ok();
        let digest = pushed
            .stdout
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"))
            .unwrap_or_else(|| panic!("the digest is missing\n{pushed}"))
            .to_owned();
        let removed = docker(["rmi", "--force", &image]);
        // What 20.10 says of one that somebody else removes at the same moment.
        let by_another = removed.stderr.contains("unrecognized image ID");
        assert!(removed.code == Some(0) || by_another, "{removed}");
        digest
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let listed = docker(["images", "--digests", "--format", "{{.Repository}} {{.ID}}"]);
        let mine = format!("{}/", self.host());
        let lines = listed.stdout.lines().filter(|line| line.starts_with(&mine));
        let ids: Vec<&str> = lines
            .filter_map(|line| line.split_once(' '))
            .map(|(_, id)| id)
            .collect();
        if !ids.is_empty() {
            docker(["rmi", "--force"].into_iter().chain(ids));
        }
    }
}

fn base64(text: &str) -> String {
    Output::with_input(Command::new("base64").arg("--wrap=0"), text.as_bytes())
        .ok()
        .line()
        .to_owned()
}

fn program() -> PathBuf {
    let place = Path::new("/usr/bin/docker-registry");
    assert!(
        place.exists(),
        "docker-registry is not installed; `cargo xtask test` installs it (Debian: apt-get install docker-registry apache2-utils)"
    );
    place.to_owned()
}

fn config(folder: &Path, port: u16) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
         http: {{addr: \"127.0.0.1:{port}\"}}\nauth: {{htpasswd: {{realm: tests, path: {}}}}}\n",
        at("data"),
        at("htpasswd"),
    )
}
