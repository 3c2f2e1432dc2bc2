//! `gokku.yml`: P33.

use gokku_tests::Server;

/// The guide's complete example.
pub(crate) const GUIDES_EXAMPLE: &str = "\
# gokku.yml
apps:
  api:
    path: ./cmd/api
    binary_name: api
    deployment:
      keep_images: 5
      restart_policy: always
      restart_delay: 5
";

/// P33: the guide's complete example, as written, for an app of that name: its Dockerfile lies in `path`, and the
/// build is told of `path` and `binary_name`. Without ports, the image's one exposed port inside, and a free one
/// of the server's from 8000 on outside.
#[test]
fn p33_the_guides_complete_example_works_as_written() {
    let server = Server::new();
    let api = server.create_named("api");
    let dev = api.working_copy();
    dev.write_app("v1", &[]);
    dev.write("gokku.yml", GUIDES_EXAMPLE);
    dev.remove("Dockerfile");
    dev.write(
        "cmd/api/Dockerfile",
        "FROM scratch\nARG APP_PATH\nARG BINARY_NAME\nCOPY app /app\nCOPY version /version\n\
         LABEL path=$APP_PATH binary=$BINARY_NAME\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n",
    );
    dev.commit("v1");
    let push = dev.push().ok();
    let status = api.gokku(["status", "--json"]).ok().json();
    let port = u16::try_from(status["port"].as_u64().unwrap()).unwrap();
    assert!(port >= 8000, "{port}");
    push.says(&format!("http://localhost:{port}"));
    let answer = gokku_tests::get(([127, 0, 0, 1], port).into(), "/version").unwrap();
    assert_eq!(answer.text(), "v1");
    let labels = &api.containers()[0].labels;
    assert_eq!(labels["path"], "cmd/api");
    assert_eq!(labels["binary"], "api");
    // It is kept from then on.
    dev.write("version", "v2\n");
    dev.commit("v2");
    dev.push().ok();
    let status = api.gokku(["status", "--json"]).ok().json();
    assert_eq!(status["port"], port);
}

/// P33: what a container may use, and what it runs, is what the file says: of the app, its migration and `gokku run`.
#[test]
fn p33_resources_and_words_are_applied_exactly() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with(
        "    entrypoint: [/app]\n    command: [serve, \"two words\", \"$HOME\"]\n    \
         resources:\n      memory: 256m\n      cpus: 0.5\n      pids: 100\n",
    );
    dev.release("v1").ok();
    let inspect = |container: &str, what: &str| {
        let found = api.docker(["inspect", "--format", what, container]).ok();
        found.line().to_owned()
    };
    let limits = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{json .HostConfig.PidsLimit}}";
    assert_eq!(inspect(&api.blue(), limits), "268435456 500000000 100");
    assert_eq!(
        inspect(&api.blue(), "{{json .Config.Entrypoint}} {{json .Config.Cmd}}"),
        r#"["/app"] ["serve","two words","$HOME"]"#
    );
    let run = server.start_gokku(api.named(["run", "--", "/app", "wait"]));
    run.wait_for("waiting");
    let all = server.containers();
    let once = all
        .iter()
        .find(|container| container.name.contains("-run-"))
        .unwrap();
    assert_eq!(inspect(&once.name, limits), "268435456 500000000 100");
    run.signal("INT");
    run.wait().exits(130);
    // Without them, nothing but the number of processes is limited, and the image says what runs. A rollback has the release's own again.
    dev.write(
        "gokku.yml",
        format!("apps:\n  {}:\n    ports: [\"{}:8080\"]\n", api.name(), api.port()),
    );
    dev.release("v2").ok();
    assert_eq!(inspect(&api.blue(), limits), "0 0 4096");
    assert_eq!(inspect(&api.blue(), "{{json .Config.Cmd}}"), "null");
    api.gokku(["rollback"]).ok();
    assert_eq!(inspect(&api.blue(), limits), "268435456 500000000 100");
}

/// What the code says of an app's environment and health counts under what was set; defaults count for every app. What
/// is wrong is told before a push, all at once, where there is no server.
#[test]
fn p33_what_the_code_says_counts_under_what_was_set() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy_with(
        "    env: {A: code, B: code, ON: true}\n    environments: [{name: production, env: {B: production}}]\n    \
         health: {path: /health, timeout: 7}\n",
    );
    let yml = std::fs::read_to_string(dev.folder().join("gokku.yml")).unwrap();
    dev.write(
        "gokku.yml",
        format!("{yml}defaults:\n  env: {{A: default, D: 1.10}}\n"),
    );
    let check = dev.gokku(["config", "check"]).ok();
    check.says(&format!("gokku.yml is good; its apps: {}", api.name()));
    api.gokku(["config", "set", "A=set"]).ok();
    dev.release("v1").ok();
    let value = |name: &str| {
        let answer = api.get(&format!("/env?name={name}")).unwrap();
        (answer.status == 200).then(|| answer.text().clone())
    };
    assert_eq!(value("A").as_deref(), Some("set"));
    assert_eq!(value("B").as_deref(), Some("production"));
    assert_eq!(value("ON").as_deref(), Some("true"));
    assert_eq!(value("D").as_deref(), Some("1.10"));
    api.gokku(["config", "unset", "A"]).ok();
    assert_eq!(value("A").as_deref(), Some("code"));

    dev.write(
        "gokku.yml",
        "apps:\n  api:\n    prots: []\n  web: {ports: [80]}\n",
    );
    dev.write("Procfile", "web\n");
    dev.gokku(["config", "check", "gokku.yml"])
        .exits(2)
        .complains("gokku.yml:3:5: there is no key \"prots\" here")
        .complains("gokku.yml:4:17: ports: \"80\" cannot be");
    dev.write("gokku.yml", "apps: {api: {}}\n");
    dev.gokku(["config", "check"]).exits(2).complains("Procfile:1:1:");
}

/// P33: every mistake is an error with file, line, column and what was probably meant, before anything is built.
#[test]
fn p33_a_mistake_is_told_with_its_place() {
    let server = Server::new();
    let api = server.create("api");
    let dev = api.working_copy();
    dev.release("v1").ok();
    let before = api.containers();
    let name = api.name();
    let cases: &[(String, &str, &str)] = &[
        (format!("aps:\n  {name}: {{}}\n"), "gokku.yml:1:1", "apps"),
        (
            format!("apps:\n  {name}:\n    bianry_name: x\n"),
            "gokku.yml:3:5",
            "binary_name",
        ),
        (
            format!("apps:\n  {name}:\n    deployment:\n      keep_imges: 3\n"),
            "gokku.yml:4:7",
            "keep_images",
        ),
        (
            format!("apps:\n  {name}:\n    deployment:\n      keep_images: many\n"),
            "gokku.yml:4:20",
            "from 1 to 100",
        ),
        (
            format!("apps:\n  {name}:\n    deployment:\n      restart_policy: sometimes\n"),
            "gokku.yml:4:23",
            "always, on-failure or no",
        ),
        (
            format!("apps:\n  {name}:\n    deployment:\n      restart_delay: -1\n"),
            "gokku.yml:4:22",
            "from 0 to 3600",
        ),
        (
            format!("apps:\n  {name}:\n    ports: [\"99999:80\"]\n"),
            "gokku.yml:3:13",
            "1 to 65535",
        ),
        (
            format!("apps:\n  {name}:\n    ports: 8080\n"),
            "gokku.yml:3:12",
            "expected a list",
        ),
        (
            format!("apps:\n  {name}:\n    path: ../up\n"),
            "gokku.yml:3:11",
            "without ..",
        ),
        (
            format!("apps:\n  {name}:\n    path: /etc\n"),
            "gokku.yml:3:11",
            "relative",
        ),
        (
            format!("apps:\n  {name}: {{}}\n  {name}: {{}}\n"),
            "gokku.yml:3:3",
            name,
        ),
        ("apps: [\n".to_owned(), "gokku.yml:", ""),
        ("apps:\n\tx: 1\n".to_owned(), "gokku.yml:2:", ""),
        ("apps:\n  other: {}\n".to_owned(), "gokku.yml", "other"),
    ];
    for (yml, place, meant) in cases {
        dev.write("gokku.yml", yml);
        dev.commit("a mistake");
        let push = dev.push().rejected().says(place).says(meant);
        assert!(!push.output.contains("Building"), "{push}");
    }
    dev.write("gokku.yml", b"apps:\n  x\xff: {}\n");
    dev.commit("no text");
    dev.push().rejected().says("gokku.yml").says("UTF-8");
    assert_eq!(api.containers(), before);
}
