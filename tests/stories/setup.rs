//! A machine becomes a server by one command from a laptop, and is none any more by another. The machine is a Debian
//! without systemd; what systemd is told is in the plans' own tests.

use std::net::{IpAddr, SocketAddr};

use gokku_tests::{Host, Laptop, Output, containers, docker, free_port, get, unique};

struct Scene {
    host: Host,
    laptop: Laptop,
}

impl Scene {
    fn new() -> Self {
        let host = Host::start();
        let laptop = Laptop::without_server();
        host.install_client(&laptop.programs());
        Self { host, laptop }
    }

    #[track_caller]
    fn remote(&self, what: &str, server: &str, more: &[&str]) -> Output {
        let words = ["--root", self.host.root(), "remote", what, server];
        self.laptop.gokku(words.iter().chain(more))
    }

    /// In a terminal, with these keys typed.
    #[track_caller]
    fn typed(&self, what: &str, server: &str, keys: &str) -> Output {
        let root = self.host.root();
        let words =
            format!("printf '{keys}' | script -qec 'gokku --root {root} remote {what} {server}' /dev/null");
        Output::of(self.laptop.command("sh").args(["-c", &words]))
    }

    #[track_caller]
    fn set_up(&self, server: &str) -> Output {
        self.remote("setup", server, &[])
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let scene = Scene::new();
    let before = scene.host.listing();
    let shown = scene.remote("setup", "ubuntu@server", &["--dry-run"]).ok();
    shown
        .complains("-----> Make the user gokku")
        .complains("useradd --system")
        .complains("Nothing was changed");
    scene
        .remote("teardown", "ubuntu@server", &["--dry-run", "--data"])
        .ok()
        .complains("Nothing to do");
    scene.host.assert_as_in(&before, &[]);
}

#[test]
fn a_machine_is_set_up_once_and_mended_when_half_of_it_is_there() {
    let scene = Scene::new();
    let Scene { host, .. } = &scene;
    scene
        .set_up("ubuntu@server")
        .ok()
        .says("ok       Docker Engine")
        .says("ok       traffic switch: process")
        .complains("gokku remote add api-production ubuntu@server");
    let root = host.root();
    host.sh(&format!("stat -c '%U:%G %a' {root} /usr/local/bin/gokku /etc/sudoers.d/gokku /etc/cron.d/gokku; id -Gn gokku; id -Gn ubuntu"))
        .ok()
        .says("gokku:gokku 2750\nroot:root 755\nroot:root 440\nroot:root 644\ngokku docker\nubuntu gokku");

    // Again: nothing.
    let before = host.listing();
    scene
        .set_up("ubuntu@server")
        .ok()
        .complains("Nothing to do: it is set up.");
    host.assert_as_in(&before, &[]);

    // Half of it: the other half. As another who may.
    host.sh(&format!(
        "rm /etc/sudoers.d/gokku; chmod 700 {root}; cp /usr/local/bin/gokku /tmp/old; echo more >>/tmp/old; mv /tmp/old /usr/local/bin/gokku"
    ))
    .ok();
    scene
        .set_up("root@server")
        .ok()
        .complains("-----> Copy gokku")
        .complains("-----> Give gokku its folder")
        .complains("-----> Let the group gokku run gokku")
        .complains("-----> Renew the traffic switch");
    scene
        .set_up("root@server")
        .ok()
        .complains("Nothing to do: it is set up.");

    // Whoever takes it down is asked for its name.
    let before = host.listing();
    scene
        .typed("teardown", "root@server", "yes\\n")
        .exits(2)
        .says("This is done on server")
        .says("nothing was changed");
    host.assert_as_in(&before, &[]);
    scene
        .typed("teardown", "root@server", "server\\n")
        .ok()
        .says("-----> Remove gokku");
}

#[test]
fn who_may_not_is_refused_with_words() {
    let scene = Scene::new();
    let before = scene.host.listing();
    scene
        .set_up("guest@server")
        .exits(1)
        .complains("guest may not do root's work there without being asked for a password")
        .complains("was left as it is");
    scene
        .remote("teardown", "guest@server", &["--yes"])
        .exits(1)
        .complains("guest may not do root's work there");
    scene.host.assert_as_in(&before, &[]);
    // A folder that is somebody's.
    scene
        .host
        .sh(&format!(
            "mkdir -p {0}/apps/api; chown -R guest {0}",
            scene.host.root()
        ))
        .ok();
    scene
        .set_up("root@server")
        .exits(1)
        .complains("belongs to guest and has 1 apps");
    scene.set_up("root@nowhere.invalid").exits(6);
    scene
        .laptop
        .gokku(["--root", "/srv/$(id)", "remote", "setup", "root@server"])
        .exits(2)
        .complains("only letters, digits");
}

#[test]
fn an_app_lives_there_until_all_is_taken_down() {
    let scene = Scene::new();
    let Scene { host, laptop } = &scene;
    scene.set_up("ubuntu@server").ok();
    let (app, port) = (unique("api"), free_port());
    let dev = laptop.project(&app, port);
    let network = host.network();
    let yml = format!("apps:\n  {app}:\n    ports: [\"{port}:8080\"]\n    network: {network}\n");
    dev.write("gokku.yml", yml);
    let remote = format!("{app}-production");
    dev.gokku(["remote", "add", &remote, "ubuntu@server"]).ok();
    dev.gokku(["config", "set", "-a", &remote, "HEALTH_CHECK_TIMEOUT=20"])
        .ok();
    dev.write_app("v1", &[]);
    dev.commit("v1");
    dev.push_to(&remote, &["main"]).ok();
    let address: IpAddr = host.address().parse().unwrap();
    let version = || {
        let answer = get(SocketAddr::new(address, port), "/").unwrap();
        String::from_utf8_lossy(&answer.body).trim().to_owned()
    };
    assert_eq!(version(), "v1");
    let root = host.root();
    let others = host.sh(&format!("find {root} ! -user gokku"));
    assert_eq!(others.ok().stdout, "");

    // Two keys: gokku's, let in from afar, and somebody's own.
    let public = std::fs::read(host.key().with_extension("pub")).unwrap();
    let add = ["keys", "add", "ada", "--app", &app, "--remote", "ubuntu@server"];
    laptop.gokku_with_input(&public, add).ok();
    host.sh("stat -c '%U %a' /var/lib/gokku/.ssh /var/lib/gokku/.ssh/authorized_keys")
        .ok()
        .says("gokku 700\ngokku 600\n");
    laptop
        .gokku(["status", "-a", &app, "--remote", "gokku@server"])
        .ok()
        .says("running");
    host.ssh("gokku", "id")
        .exits(1)
        .complains("this key cannot run id");
    let events = laptop
        .gokku(["events", "--json", "--remote", "ubuntu@server"])
        .ok()
        .stdout;
    assert!(
        events.contains(r#""by":"ada""#) && events.contains(r#""by":"ubuntu""#),
        "{events}"
    );
    host.sh("echo k2 >>/var/lib/gokku/.ssh/authorized_keys").ok();

    // Not without a word: nobody can be asked here.
    scene
        .remote("teardown", "ubuntu@server", &[])
        .exits(2)
        .complains("--yes");
    scene
        .remote("teardown", "ubuntu@server", &["--yes"])
        .ok()
        .complains("The apps' data stays");
    host.sh("! ls /usr/local/bin/gokku /etc/sudoers.d/gokku /etc/cron.d/gokku")
        .ok();
    let groups = host.sh("id -Gn ubuntu; id -Gn gokku");
    assert_eq!(groups.ok().stdout, "ubuntu\ngokku\n");
    host.sh(&format!("ls {root}/apps/{app}/shared/.env")).ok();
    assert_eq!(
        host.sh("cat /var/lib/gokku/.ssh/authorized_keys").ok().stdout,
        "k2\n"
    );
    let there = containers(std::path::Path::new(root));
    assert!(
        there.iter().all(|container| container.state == "exited"),
        "{there:?}"
    );
    assert_eq!(there.len(), 1);
    scene
        .remote("teardown", "ubuntu@server", &["--yes"])
        .ok()
        .complains("Nothing to do");

    // What stayed is found again, and runs again.
    scene.set_up("ubuntu@server").ok();
    gokku_tests::wait_until("the app", gokku_tests::PATIENCE, || {
        get(SocketAddr::new(address, port), "/")
            .ok()
            .filter(|answer| answer.status == 200)
    });
    assert_eq!(version(), "v1");

    let data = ["--yes", "--data"];
    scene.remote("teardown", "ubuntu@server", &["--yes"]).ok();
    scene
        .remote("teardown", "ubuntu@server", &data)
        .ok()
        .complains("-----> Remove the apps' data");
    host.sh(&format!(
        "! ls -d {root} /var/lib/gokku; ! id gokku; ! getent group gokku"
    ))
    .ok();
    assert_eq!(containers(std::path::Path::new(root)), []);
    let label = format!("label=gokku.root={root}");
    let images = docker(["images", "--quiet", "--filter", &label]);
    assert_eq!(images.ok().stdout, "");
    scene
        .remote("teardown", "ubuntu@server", &data)
        .ok()
        .complains("Nothing to do");
}
