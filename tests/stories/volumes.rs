//! What of `gokku.yml` the engine shows: volumes, networks, resources, ports, words. What stays, and what is refused.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use gokku_tests::{App, Load, LoadPlan, Server, Timeline, unique};
use serde_json::{Value, json};

/// An image whose user is not root, with a folder that is this user's.
const DOCKERFILE: &str = "\
FROM scratch
COPY app /app
COPY version behaviour /
COPY --chown=1000:1000 data /data
LABEL gokku.init=true
USER 1000
EXPOSE 8080
";

/// What a container is made with, as `docker inspect` shows it.
fn shown(api: &App<'_>, container: &str) -> Value {
    let all = api.docker(["inspect", container]).ok().json();
    let (one, host) = (&all[0], &all[0]["HostConfig"]);
    let mut mounts: Vec<Value> = one["Mounts"].as_array().unwrap().iter().map(mount).collect();
    mounts.sort_by_key(ToString::to_string);
    let networks = one["NetworkSettings"]["Networks"].as_object().unwrap();
    let published = one["NetworkSettings"]["Ports"].as_object().unwrap();
    let labels = &one["Config"]["Labels"];
    json!({
        "mounts": mounts,
        "networks": networks.keys().collect::<BTreeSet<_>>(),
        "network mode": host["NetworkMode"],
        "published": published.values().filter(|port| !port.is_null()).count(),
        "bindings": host["PortBindings"].as_object().map_or(0, serde_json::Map::len),
        "memory": host["Memory"],
        "cpus": host["NanoCpus"],
        "pids": host["PidsLimit"],
        "init": host["Init"],
        "docker restarts": host["RestartPolicy"]["Name"],
        "restart": [labels["gokku.restart"], labels["gokku.restart-delay"]],
        // Engines show none in two ways.
        "entrypoint": one["Config"]["Entrypoint"].as_array().cloned().unwrap_or_default(),
        "command": one["Config"]["Cmd"],
        "env": one["Config"]["Env"].as_array().unwrap().contains(&json!("GREETING=good day")),
    })
}

fn mount(one: &Value) -> Value {
    let source = if one["Type"] == "volume" {
        &one["Name"]
    } else {
        &one["Source"]
    };
    json!([one["Type"], source, one["Destination"], one["RW"]])
}

fn with_value(mut shown: Value, key: &str, value: Value) -> Value {
    shown[key] = value;
    shown
}

fn text(api: &App<'_>, path: &str) -> String {
    let answer = api.get(path).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// P33: whatever the file says is what `docker inspect` shows: of the web container, of a worker, of `gokku run`, after a
/// deploy and after a rollback. A volume is one for all of them, for a migration, too, and for every release; it outlives
/// the app, and another app of that name finds it again. Networks change without a request being lost.
#[test]
fn p33_containers_have_exactly_what_the_file_says() {
    let server = Server::new();
    let api = server.create("shop");
    let name = api.name().to_owned();
    let (net, other_net) = (unique("gokku-story-net"), unique("gokku-story-other"));
    let volume = format!("{name}_data");
    let folders = tempfile::tempdir().unwrap();
    let allowed = folders.path().canonicalize().unwrap().join("allowed");
    let files = allowed.join("files");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("hello"), "from the server").unwrap();
    // Whatever this process's mask is, another user could write there.
    for (path, mode) in [(&files, 0o777), (&files.join("hello"), 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("/etc", allowed.join("out")).unwrap();
    let config = |more: &str| server.write("config.toml", format!("[proxy]\nbind = \"127.0.0.1\"\n{more}"));
    let yml = |net: &str, folder: &str| {
        format!(
            "apps:\n  {name}:\n    ports: [\"{}:8080\"]\n    volumes: [\"data:/data\", \"{folder}:/files:ro\"]\n    \
             network: {net}\n    resources: {{memory: 256m, cpus: 0.5, pids: 100}}\n    env: {{GREETING: good day}}\n    \
             entrypoint: [/app]\n    command: [serve, two words]\n    \
             deployment: {{restart_policy: on-failure, restart_delay: 1}}\n    \
             processes:\n      jobs: {{command: /app serve, stay_up: 1}}\n",
            api.port()
        )
    };
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.write("Dockerfile", DOCKERFILE);
    dev.write("data/from-image", "from the image");
    api.gokku([
        "config",
        "set",
        "ZERO_DOWNTIME=true",
        "MIGRATION_COMMAND=/app append /data/log migrated",
    ])
    .ok();

    // What may not be mounted is told before anything is built.
    let refuse = |folder: &str, why: &str| {
        dev.write("gokku.yml", yml(&net, folder));
        dev.commit("refused");
        let push = dev.push().rejected().says("volumes: ").says(why);
        assert!(!push.output.contains("Building"), "{push}");
        assert!(api.containers().is_empty());
    };
    let path = |folder: &std::path::Path| folder.to_str().unwrap().to_owned();
    refuse(&path(&files), &format!("folders = [{files:?}] below [volumes]"));
    config(&format!("[volumes]\nfolders = [{allowed:?}]\n"));
    refuse(&path(&allowed.join("missing")), "there is no folder");
    refuse(&path(&allowed.join("out")), "is a link out of the folders");
    refuse(&path(&allowed.join("out/ssh")), "is a link out of the folders");
    assert!(!allowed.join("missing").exists());
    api.docker(["volume", "create", &volume]).ok();
    refuse(&path(&files), &format!("adopt = [\"{volume}\"]"));
    api.docker(["volume", "rm", &volume]).ok();

    dev.write("gokku.yml", yml(&net, &path(&files)));
    dev.commit("v1");
    dev.push().ok();
    let web = json!({
        "mounts": [
            ["bind", files, "/files", false],
            ["volume", volume, "/data", true],
        ],
        "networks": [net],
        "network mode": net,
        "published": 0,
        "bindings": 0,
        "memory": 256 * 1024 * 1024,
        "cpus": 500_000_000,
        "pids": 100,
        "init": true,
        "docker restarts": "",
        "restart": ["on-failure", "1"],
        "entrypoint": ["/app"],
        "command": ["serve", "two words"],
        "env": true,
    });
    let entrypoint = with_value(web.clone(), "entrypoint", json!([]));
    let worker = with_value(entrypoint.clone(), "command", json!(["/app", "serve"]));
    let names = api.container_names();
    let jobs = names.iter().find(|there| there.contains("jobs")).unwrap();
    let same = || {
        assert_eq!(shown(&api, &api.blue()), web);
        assert_eq!(shown(&api, jobs), worker);
    };
    same();
    let labels = api
        .docker(["volume", "inspect", "--format", "{{json .Labels}}", &volume])
        .ok()
        .json();
    assert_eq!(
        labels,
        json!({"gokku.root": server.root(), "gokku.app": name}),
        "gokku knows its own"
    );
    let run = server.start_gokku(api.named(["run", "--", "/app", "wait"]));
    run.wait_for("waiting");
    let all = api.container_names();
    let once = all.iter().find(|there| there.contains("-run-")).unwrap();
    let once_shown = with_value(entrypoint, "command", json!(["/app", "wait"]));
    let once_shown = with_value(once_shown, "restart", json!(["", ""]));
    assert_eq!(shown(&api, once), once_shown);
    run.signal("INT");
    run.wait().exits(130);

    // One volume for all of them, which is the user's of the image.
    api.gokku(["run", "--", "/app", "append", "/data/log", "run"])
        .ok();
    text(&api, "/append?file=/data/log&line=web");
    assert_eq!(text(&api, "/read?file=/data/log"), "migrated\nrun\nweb\n");
    assert_eq!(text(&api, "/read?file=/data/from-image"), "from the image");
    assert_eq!(text(&api, "/read?file=/files/hello"), "from the server");
    let refused = api.get("/append?file=/files/hello&line=x").unwrap();
    assert!(refused.text().contains("Read-only"), "{}", refused.text());

    // A crash, and a traffic switch that was killed: the container is found on its own network again.
    let _ = api.get("/exit?code=1");
    api.await_version("v1");
    server.kill_daemon();
    api.gokku(["config", "set", "UNUSED=1"]).ok();
    assert_eq!(api.version(), "v1");

    // Another network, and back: both releases beside each other, and nobody notices.
    let load = Load::start(LoadPlan {
        fresh: 2,
        ..LoadPlan::none(api.address())
    });
    let mut timeline = Timeline::new("v1");
    api.docker(["network", "create", &other_net]).ok();
    timeline.change("v2", || {
        dev.write("gokku.yml", yml(&other_net, &path(&files)));
        dev.write("version", "v2\n");
        dev.commit("v2");
        dev.push().ok();
    });
    let elsewhere = with_value(web.clone(), "networks", json!([other_net]));
    let elsewhere = with_value(elsewhere, "network mode", json!(other_net));
    assert_eq!(shown(&api, &api.blue()), elsewhere);
    timeline.change("v1", || api.gokku(["rollback"]).ok());
    load.stop().assert_clean(&timeline);
    same();
    assert_eq!(
        text(&api, "/read?file=/data/log"),
        "migrated\nrun\nweb\nmigrated\n"
    );

    // A network that was made for an app is no other's, until the server says so.
    let neighbour = server.create("neighbour");
    let theirs = neighbour.working_copy_with(&format!("    network: {net}\n"));
    let push = theirs.release("n1").rejected().says("network: ");
    let push = push.says(&format!("shared = [\"{net}\"] below [networks]"));
    assert!(!push.output.contains("Building"), "{push}");
    config(&format!(
        "[volumes]\nfolders = [{allowed:?}]\n[networks]\nshared = [{net:?}]\n"
    ));
    theirs.push().ok();

    // The app goes; what others have, or may want again, stays.
    server
        .gokku(["apps", "destroy", &name, "--yes"])
        .ok()
        .complains(&format!("docker volume rm {volume}"))
        .complains(&format!("The network {net} stays"));
    assert!(api.containers().is_empty());
    assert_eq!(neighbour.version(), "n1");
    api.docker(["volume", "inspect", &volume]).ok();
    server.gokku(["apps", "create", &name]).ok();
    dev.push_to("production", &["main"]).ok();
    assert_eq!(
        text(&api, "/read?file=/data/log"),
        "migrated\nrun\nweb\nmigrated\n"
    );
    server.gokku(["apps", "destroy", neighbour.name(), "--yes"]).ok();
    server
        .gokku(["apps", "destroy", &name, "--yes", "--volumes"])
        .ok()
        .complains(&format!("The volume {volume} is removed"));
    api.docker(["volume", "inspect", &volume]).exits(1);
    api.docker(["network", "inspect", &net]).exits(1);
    api.docker(["network", "rm", &other_net]).ok();
}

/// P08: a volume that no two may have at once, a database's file. By default the old release has gone before the new one
/// comes, and requests wait; with `ZERO_DOWNTIME` the app itself says that it cannot be.
#[test]
fn p08_a_volume_is_never_had_by_two_releases_at_once() {
    let server = Server::new();
    let api = server.create("db");
    let dev = api.working_copy_with("    volumes: [\"data:/data\"]\n");
    let release = |version: &str| dev.release_with(version, &["lock=/data/lock"]);
    release("v1").ok();
    let load = Load::start(LoadPlan {
        fresh: 2,
        ..LoadPlan::none(api.address())
    });
    let mut timeline = Timeline::new("v1");
    timeline.change("v2", || release("v2").ok());
    timeline.change("v1", || api.gokku(["rollback"]).ok());
    load.stop().assert_clean(&timeline);
    api.gokku(["config", "set", "ZERO_DOWNTIME=true", "--no-restart"])
        .ok();
    release("v3").rejected().says("/data/lock is not to be had");
    assert_eq!(api.version(), "v1");
    api.gokku(["config", "set", "ZERO_DOWNTIME=false", "--no-restart"])
        .ok();
    release("v4").ok();
    assert_eq!(api.version(), "v4");
    server
        .gokku(["apps", "destroy", api.name(), "--yes", "--volumes"])
        .ok();
}

/// P54: what an image declares as a volume is the app's: each release finds it, however it comes to run, `gokku run` and a
/// new app of that name, too. It is said when it begins and with every deploy, and `status` lists it. A container from
/// before that, with an anonymous volume, loses nothing. What `gokku.yml` says of a place counts before it.
#[test]
fn p54_what_an_image_declares_as_a_volume_is_carried_from_release_to_release() {
    let server = Server::new();
    let api = server.create("blog");
    let (name, volume) = (api.name(), format!("{}__data", api.name()));
    let dev = api.working_copy_with("    volumes: [\"/cache:anonymous\"]\n");
    let declares = "COPY --chown=1000:1000 data /cache\nVOLUME [\"/data/\", \"/cache\"]\nENTRYPOINT [\"/app\", \"serve\"]\n";
    dev.write_app("v1", &[]);
    let push = |version: &str, more: &str| {
        dev.write("Dockerfile", format!("{DOCKERFILE}{more}"));
        dev.write("version", format!("{version}\n"));
        dev.write("data/from-image", format!("of {version}"));
        dev.commit(version);
        dev.push()
    };
    let volumes = || {
        let status = api.gokku(["status", "--json"]).ok().json();
        let volumes = status["volumes"].as_array().unwrap().iter();
        let shown = volumes.map(|one| json!([one["name"], one["path"], one["of_image"]]));
        shown.collect::<Vec<_>>()
    };
    // What is somebody else's is not taken.
    api.docker(["volume", "create", &volume]).ok();
    push("v1", declares)
        .rejected()
        .says(&format!("adopt = [\"{volume}\"]"))
        .says("volumes: [\"NAME:/data\"] in gokku.yml");
    assert!(api.containers().is_empty());
    api.docker(["volume", "rm", &volume]).ok();
    push("v1", declares)
        .ok()
        .says("The image declares a volume at /data: from now on it is kept")
        .says(&format!("the volume {volume}, made now"))
        .says("What a newer image has in /data is hidden by it. Something else can be mounted there");
    assert_eq!(volumes(), [json!([volume, "/data", true])]);
    let shown = format!("{volume} at /data, which the image declares");
    api.gokku(["status"]).ok().says(&shown);
    text(&api, "/append?file=/data/log&line=web");
    text(&api, "/append?file=/cache/log&line=web");
    api.gokku(["run", "--", "/app", "append", "/data/log", "run"])
        .ok();
    let is_there = |version: &str| {
        assert_eq!(api.version(), version);
        assert_eq!(text(&api, "/read?file=/data/log"), "web\nrun\n");
        assert_ne!(api.get("/read?file=/cache/log").unwrap().status, 200);
    };
    api.gokku(["restart"]).ok();
    is_there("v1");
    push("v2", declares)
        .ok()
        .says(&format!("/data is kept, in the volume {volume}"));
    is_there("v2");
    assert_eq!(text(&api, "/read?file=/data/from-image"), "of v1");
    api.gokku(["rollback"]).ok();
    is_there("v1");

    // Without it in the image it stays, and without the app.
    push("v3", "ENTRYPOINT [\"/app\", \"serve\"]\n").ok();
    assert_eq!(volumes(), [json!([volume, null, true])]);
    api.gokku(["status"])
        .ok()
        .says(&format!("{volume} in no container"));
    let stays = format!("The volume {volume} stays: a new app {name} finds it again");
    server
        .gokku(["apps", "destroy", name, "--yes"])
        .ok()
        .complains(&stays);
    server.gokku(["apps", "create", name]).ok();
    push("v4", declares).ok();
    is_there("v4");

    // What gokku made before it carried any: a container with volumes of its own.
    api.gokku(["stop"]).ok();
    let blue = api.blue();
    let old = api.containers().remove(0);
    api.docker(["rm", "--volumes", &blue]).ok();
    let labels = old
        .labels
        .iter()
        .map(|(key, value)| format!("--label={key}={value}"));
    let create = ["create", "--name", &blue].map(str::to_owned).into_iter();
    api.docker(create.chain(labels).chain([old.image])).ok();
    let file = dev.folder().join("log");
    fs::write(&file, "from before").unwrap();
    for folder in ["data", "cache"] {
        let to = format!("{blue}:/{folder}/log");
        api.docker(["cp", file.to_str().unwrap(), &to]).ok();
    }
    let of = |path: &str| {
        let mounts = api
            .docker(["inspect", "--format", "{{json .Mounts}}", &blue])
            .ok()
            .json();
        let mut mounts = mounts.as_array().unwrap().iter();
        let found = mounts.find(|mount| mount["Destination"] == path).unwrap();
        found["Name"].as_str().unwrap().to_owned()
    };
    let (before, cache) = (of("/data"), of("/cache"));
    let (known, left) = (json!([volume, null, true]), json!([before, "/data", true]));
    assert!(volumes().contains(&known) && volumes().contains(&left));
    api.gokku(["start"])
        .ok()
        .complains(&format!(
            "the volume {before}, which the running release has there"
        ))
        .complains(&format!(
            "{blue} had a volume of its own at /cache, {cache}. It stays"
        ));
    api.docker(["volume", "rm", &cache]).ok();
    api.gokku(["restart"]).ok();
    assert_eq!(of("/data"), before);
    assert_eq!(text(&api, "/read?file=/data/log"), "from before");
    assert_eq!(volumes(), [known, left]);
    server
        .gokku(["apps", "destroy", name, "--yes", "--volumes"])
        .ok()
        .complains(&format!("The volume {volume} is removed"))
        .complains(&format!("The volume {before} is removed"));
    for volume in [&volume, &before] {
        api.docker(["volume", "inspect", volume]).exits(1);
    }
}
