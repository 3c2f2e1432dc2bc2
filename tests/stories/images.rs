//! Images that are there already: pulled from a registry, and not built.

use std::io::Write;
use std::process::{Command, Stdio};

use gokku_tests::{App, Laptop, Output, Registry, Server, Sshd, WorkingCopy, docker, free_port, unique};
use serde_json::Value;

/// One that base64 writes differently for URLs, and no shell takes as it is.
fn secret() -> String {
    format!("p?>~'{}\u{fe}?>~", unique("word"))
}

#[track_caller]
fn releases(app: &App<'_>) -> Vec<Value> {
    let all = app.gokku(["releases", "--json"]).ok().json();
    all.as_array().unwrap().clone()
}

/// The id of an image; none when there is none.
fn image(name: &str) -> Option<String> {
    let found = docker(["image", "inspect", "--format", "{{.Id}}", name]);
    (found.code == Some(0)).then(|| found.line().to_owned())
}

/// The processes that have this in their arguments or their environment.
fn processes_with(mark: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.flat_map(|entry| ["cmdline", "environ"].map(|name| entry.path().join(name)))
        .filter_map(|path| std::fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .filter(|text| text.contains(mark))
        .collect()
}

/// The files below a folder that have this in them.
fn files_with(folder: &std::path::Path, mark: &str) -> Vec<String> {
    let found = Output::of(Command::new("grep").args(["-rlF", "--", mark]).arg(folder));
    found.stdout.lines().map(str::to_owned).collect()
}

/// Stores a login, with the password on standard input for as long as it takes to look for it elsewhere.
#[track_caller]
fn log_in(mut login: Command, password: &str) {
    let mut child = login
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{password}").unwrap();
    assert_eq!(processes_with(password), [""; 0]);
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && !said.contains(password), "{said}");
}

/// A repository whose app is an image of a private registry.
fn of_image<'server>(app: &App<'server>, registry: &Registry) -> WorkingCopy<'server> {
    let copy = app.working_copy();
    let (host, name, port) = (registry.host(), app.name(), app.port());
    copy.write(
        "gokku.yml",
        format!(
            "docker:\n  registry: [\"{host}\"]\napps:\n  {name}:\n    image: {host}/me/app:1\n    ports: [\"{port}:8080\"]\n    deployment: {{keep_images: 1}}\n"
        ),
    );
    copy.commit("an image");
    copy
}

/// `image:` in gokku.yml is pulled from a private registry, by the digest that its tag had then.
#[test]
fn an_image_is_pulled_and_its_digest_is_what_the_release_is() {
    let password = secret();
    let registry = Registry::start(&password);
    let server = Server::new();
    let api = server.create("api");
    let dev = of_image(&api, &registry);
    let maker = WorkingCopy::new(&server);
    maker.write_app("v1", &[]);
    let first = registry.publish(&maker, "me/app:1");
    let host = registry.host();
    let login = ["registry", "login", &host, "--username", registry.user()];

    // Without a login, with a wrong one, with the right one.
    dev.push()
        .rejected()
        .says(&format!("{host} gives it to nobody without a login"))
        .says(&format!("gokku registry login {host}"));
    server
        .gokku_with_input(b"wrong\n", login)
        .exits(1)
        .complains("does not let me in")
        .complains("Nothing was stored");
    assert!(!server.path("registries.toml").exists());
    server.gokku_with_input(b"", login).exits(2).complains("is empty");
    server
        .gokku(["registry", "login", &host])
        .exits(2)
        .complains("--username");
    server
        .gokku_with_input(b"x", ["registry", "login", "https://ghcr.io/me", "-u", "me"])
        .exits(2)
        .complains("without https://");
    let mut command = server.command("gokku");
    command.args(login);
    log_in(command, &password);
    let listed = server.gokku(["registry", "list", "--json"]).ok().json();
    assert_eq!(listed, serde_json::json!([{"host": host, "username": "me"}]));

    // Nothing is built; thousands of lines of progress are a few.
    let push = dev.push().ok();
    let push = push
        .says(&format!("-----> Pulling {host}/me/app:1"))
        .says(&format!("digest {first}"));
    assert!(!push.output.contains("Building"), "{push}");
    assert!(push.remote_lines().len() < 40, "{push}");
    assert_eq!(api.version(), "v1");
    let all = releases(&api);
    assert_eq!(all[0]["digest"], format!("{host}/me/app@{first}"));
    assert_eq!(all[0]["image"], format!("{host}/me/app:1"));
    let one = all[0]["id"].as_str().unwrap().to_owned();
    let tag = |release: &str| format!("{}:release-{release}", api.name());
    let by_digest = |digest: &str| format!("{host}/me/app@{digest}");
    assert_eq!(image(&tag(&one)), Some(api.containers()[0].image.clone()));
    assert_eq!(
        image(&format!("{host}/me/app:1")),
        None,
        "no name that gokku did not need"
    );

    // The tag moves: what runs does not, also in a new container.
    maker.write_app("v2", &[]);
    let second = registry.publish(&maker, "me/app:1");
    assert_ne!(first, second);
    api.gokku(["restart"]).ok();
    assert_eq!(api.version(), "v1");
    api.gokku(["deploy"]).ok().complains(&format!("digest {second}"));
    assert_eq!(api.version(), "v2");
    api.gokku(["status"])
        .ok()
        .says(&format!("{host}/me/app:1 ({}", &second[..19]));

    // Back to the digest, also when somebody has removed the image.
    docker(["rmi", "--force", &tag(&one), &by_digest(&first)]).ok();
    assert_eq!(image(&by_digest(&first)), None);
    api.gokku(["rollback"]).ok().complains(&format!("digest {first}"));
    assert_eq!(api.version(), "v1");
    assert!(image(&tag(&one)).is_some());

    // The password is in one file, its owner's only; and gone from there with the login.
    let places = files_with(server.root(), &password);
    assert_eq!(places, [server.path("registries.toml").display().to_string()]);
    let mode = Output::of(Command::new("stat").args(["-c", "%a"]).arg(&places[0])).ok();
    assert_eq!(mode.line(), "600");
    assert_eq!(processes_with(&password), [""; 0]);
    server.gokku(["registry", "logout", &host]).ok();
    assert_eq!(files_with(server.root(), &password), [""; 0]);
    server.gokku(["registry", "logout", &host]).exits(3);
    maker.write_app("v3", &[]);
    registry.publish(&maker, "me/app:1");
    api.gokku(["deploy"]).exits(1).complains("without a login");
    assert_eq!(api.version(), "v1");
    let told = server.gokku(["events"]).ok();
    let told = told.says(&format!("the login of me to {host} was stored"));
    assert!(!told.stdout.contains(&password), "{told}");

    // Nothing of it stays but what is somebody else's.
    let mine = format!("{}-mine:1", api.name());
    docker(["tag", &tag(&one), &mine]).ok();
    server.gokku(["apps", "destroy", api.name(), "--yes"]).ok();
    assert_eq!(image(&by_digest(&second)), None);
    assert_eq!(
        (image(&tag(&one)), image(&format!("{}:latest", api.name()))),
        (None, None)
    );
    assert!(image(&mine).is_some(), "it has another name");
    docker(["rmi", &mine]).ok();
}

/// `deploy --image`: for an app that has had no push, from a laptop and with a key; then with what is pushed.
#[test]
fn an_image_is_deployed_without_a_commit() {
    let password = secret();
    let registry = Registry::start(&password);
    let server = Server::new();
    let sshd = Sshd::start(&server);
    let laptop = Laptop::new(&sshd);
    let app = server.create("solo");
    let maker = WorkingCopy::new(&server);
    maker.write_app("v1", &[]);
    let digest = registry.publish(&maker, "me/app:1");
    maker.write_app("v2", &[]);
    let second = registry.publish(&maker, "me/app:2");
    let (host, to) = (registry.host(), sshd.destination());

    // The login from the laptop, and by nobody's key.
    let mut command = laptop.command("gokku");
    command.args(["registry", "login", &host, "-u", registry.user(), "--remote", &to]);
    log_in(command, &password);
    laptop
        .gokku(["registry", "list", "--remote", &to])
        .ok()
        .says(&host);
    let key = sshd.make_key("ci");
    server
        .gokku_with_input(key.as_bytes(), ["keys", "add", "ci", "-a", app.name()])
        .ok();
    let with_key = |line: String| Output::of(server.command("ssh").args(["ci", &line]).stdin(Stdio::null()));
    with_key("gokku registry list".to_owned())
        .exits(1)
        .complains("not for this key");

    // No commit, no gokku.yml: settings alone.
    app.gokku(["config", "set", &format!("PORT={}", app.port())]).ok();
    let one = format!("{host}/me/app:1");
    let deploy = ["deploy", "--image", &one, "--remote", &to, "-a", app.name()];
    laptop.gokku(deploy).ok().complains(&format!("digest {digest}"));
    assert_eq!(app.version(), "v1");
    with_key(format!(
        "gokku deploy --image {host}/me/app@{second} -a {}",
        app.name()
    ))
    .ok();
    assert_eq!(app.version(), "v2");
    let all = releases(&app);
    assert_eq!(
        (&all[0]["commit"], &all[1]["commit"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(all[1]["image"], one);
    app.gokku(["releases"]).ok().says(&format!("{one} (sha256:"));
    let status = app.gokku(["status", "--json"]).ok().json();
    assert_eq!(status["digest"], format!("{host}/me/app@{second}"));
    app.gokku(["status"])
        .ok()
        .says(&format!("{host}/me/app@{second}"));
    app.gokku(["events"]).ok().says(&format!("began, image {one}"));
    app.gokku(["rollback"]).ok();
    assert_eq!(app.version(), "v1");

    // What cannot be: nothing changes, and nothing stays.
    app.gokku(["deploy", "--image", "Not/An:image:"])
        .exits(2)
        .complains("is not an image");
    app.gokku(["deploy", "--image", &format!("{host}/me/app:3")])
        .exits(1)
        .complains("no such tag");
    let nobody = format!("127.0.0.1:{}/me/app:1", free_port());
    app.gokku(["deploy", "--image", &nobody])
        .exits(1)
        .complains("connection refused");
    app.gokku(["deploy"]).exits(3).complains("no push yet");
    assert_eq!(app.version(), "v1");
    assert_eq!(app.images().len(), 2);

    // What is pushed later says how it is run; the image is still the one that is named.
    app.gokku(["config", "unset", "PORT", "--no-restart"]).ok();
    let dev = app.working_copy_with("    command: [\"/app\"]\n");
    dev.release("pushed").ok();
    assert_eq!(app.version(), "pushed");
    app.gokku(["deploy", "--image", &one]).ok();
    assert_eq!(app.version(), "v1");
    let newest = &releases(&app)[0];
    assert!(newest["commit"].is_string() && newest["image"] == one, "{newest}");
}

/// A `FROM` of a private registry, in a Dockerfile of the project's own.
#[test]
fn a_base_image_is_pulled_with_the_stored_login() {
    let password = secret();
    let registry = Registry::start(&password);
    let server = Server::new();
    let api = server.create("api");
    let maker = WorkingCopy::new(&server);
    maker.write_app("base", &[]);
    let digest = registry.publish(&maker, "me/base:1");
    let host = registry.host();
    let dev = api.working_copy();
    dev.write(
        "Dockerfile",
        format!("FROM {host}/me/base@{digest}\nCOPY version /version\n"),
    );
    dev.write("version", "v1\n");
    dev.commit("on a private base");

    dev.push()
        .rejected()
        .says("A base image is private, or its name is not right")
        .says("gokku registry login");
    let mut login = server.command("gokku");
    login.args(["registry", "login", &host, "--username", registry.user()]);
    log_in(login, &password);
    let push = dev.push().ok();
    assert!(!push.output.contains(&password), "{push}");
    assert_eq!(api.version(), "v1");
    let image = &api.containers()[0].image;
    let history = docker(["history", "--no-trunc", image]).ok();
    let facts = docker(["image", "inspect", image]).ok();
    assert!(!format!("{history}{facts}").contains(&password));
    assert_eq!(
        files_with(server.root(), &password),
        [server.path("registries.toml").display().to_string()]
    );
}
