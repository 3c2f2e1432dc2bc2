//! What is obeyed, and how each wrong thing is told.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;
use crate::app::process_key::ProcessType;
use crate::config::env_file::{EnvFile, EnvKey, EnvValue};
use crate::config::tcp_port::{ProxyProtocol, to_label};

fn parse(text: &str) -> Result<GokkuYml, String> {
    GokkuYml::parse("gokku.yml", text).map_err(|error| error.to_string())
}

fn api(body: &str) -> Result<AppConfig, String> {
    let text = format!("apps:\n  api:\n{body}");
    parse(&text).map(|yml| yml.app(&"api".parse().unwrap()).unwrap().clone())
}

#[test]
fn p33_the_guides_example_works_as_written() {
    let example = "# gokku.yml\napps:\n  api:\n    path: ./cmd/api\n    binary_name: api\n    deployment:\n      keep_images: 5\n      restart_policy: always\n      restart_delay: 5\n";
    let yml = parse(example).unwrap();
    let app = yml.app(&"api".parse().unwrap()).unwrap();
    assert_eq!(app.path, "cmd/api");
    assert_eq!(app.binary_name.as_deref(), Some("api"));
    assert_eq!(app.deployment, Deployment::default());
    assert_eq!(app.dockerfiles(), ["cmd/api/Dockerfile", "Dockerfile"]);
    assert_eq!(app.build_args().len(), 2);
}

#[test]
fn every_key_is_obeyed() {
    let app = api("    dockerfile: docker/Web\n    ports: [\"8080:80\"]\n    environments:\n      - name: production\n      - name: staging\n        branch: next/one\n    deployment:\n      keep_images: 2\n      restart_policy: no\n      restart_delay: 0\n      post_deploy: [./warm --all]\n").unwrap();
    assert_eq!(app.dockerfiles(), ["docker/Web"]);
    assert_eq!(
        app.ports,
        Some(Ports {
            host: 8080,
            container: 80
        })
    );
    let branch = |name: &str| app.branch(&name.parse().unwrap()).map(ToString::to_string);
    assert_eq!(branch("production").as_deref(), Some("main"));
    assert_eq!(branch("staging").as_deref(), Some("next/one"));
    assert_eq!(branch("test"), None);
    assert_eq!(app.deployment.restart_policy, RestartPolicy::No, "P30");
    assert_eq!(app.deployment.restart_delay, Duration::ZERO, "P31");
    assert_eq!(app.deployment.keep_images, 2, "P32");
    assert_eq!(app.deployment.post_deploy, ["./warm --all".parse().unwrap()]);
    let app = api("    processes:\n      worker:\n        command: ./work\n        count: 0\n        overlap: false\n        stay_up: 9\n      web: {}\n      clock: {check: ./ticks}\n").unwrap();
    assert_eq!(app.processes[&ProcessType::web()], ProcessConfig::default());
    assert_eq!(
        app.processes[&"worker".parse().unwrap()],
        ProcessConfig {
            command: Some("./work".parse().unwrap()),
            count: Some(0),
            overlap: Some(false),
            stay_up: Some(Duration::from_secs(9)),
            check: None,
        }
    );
    let check = &app.processes[&"clock".parse().unwrap()].check;
    assert_eq!(*check, Some("./ticks".parse().unwrap()));
}

#[test]
fn p33_wrong_in_each_way() {
    let below_api = [
        "pth: x",
        "deployment: {keep_image: 5}",
        "deployment: {keep_images: many}",
        "deployment: {keep_images: 0}",
        "deployment: {restart_policy: sometimes}",
        "deployment: {restart_delay: 1.5}",
        "deployment: 5",
        "path: ../x",
        "path: /x",
        "binary_name: a b",
        "ports: 80",
        "ports: [80]",
        "ports: ['1:2', '3:4']",
        "ports: []",
        "ports: ['1:2/udp']",
        "ports: ['1:2/sctp', '1:2/TCP', '0:2/tcp', '1/tcp', '1:2/']",
        "ports: ['1:2', '1:3/tcp', '2:3/tcp', '2:4/tcp']",
        "ports: ['1:1/tcp', '2:1/tcp', '3:1/tcp', '4:1/tcp', '5:1/tcp', '6:1/tcp', '7:1/tcp', '8:1/tcp', '9:1/tcp', '10:1/tcp', '11:1/tcp', '12:1/tcp', '13:1/tcp', '14:1/tcp', '15:1/tcp', '16:1/tcp', '17:1/tcp']",
        "proxy_protocol: v2",
        "ports: ['1:2/tcp']\n    proxy_protocol: v3",
        "ports: ['1:2/tcp']\n    environments: [{name: production, domains: [example.com]}]",
        "environments: [{branch: main}]",
        "environments: [{name: production, branch: 'a b'}]",
        "environments: [{name: test}, {name: test, branch: next}]",
        "dockerfile: ./",
        "deployment: {post_deploy: ./warm}",
        "deployment: {post_deploy: [\"it's\"]}",
        "processes: {my.worker: {}}",
        "processes: {worker: {commmand: a}}",
        "processes: {worker: {command: \"a 'b\"}}",
        "processes: {worker: {count: 101}}",
        "processes: {web: {overlap: false}}",
        "processes: {worker: {overlap: maybe}}",
        "processes: {worker: {stay_up: long}}",
        "processes: {worker: {stay_up: 1, check: ./ok}}",
        "processes: {worker: {check: \"it's\"}}",
        "processes: {web: {check: ./ok}}",
        "path: a\n    path: b",
        "command: serve",
        "command: []",
        "resources: {memory: 512}",
        "resources: {cpus: many}",
        "resources: {pids: 0}",
        "resources: {cpu: 1}",
        "lang: nodejs",
        "workdir: ../x",
        "go_version: latest",
        "goos: windows",
        "goarch: x86_64",
        "cgo_enabled: yes",
    ];
    let whole = [
        "",
        "app: {}",
        "apps: [api]",
        "apps: {Api: {}}",
        "apps: {}\n---\napps: {}\n",
        "apps: {api: {path: [}}",
        "apps:\n\tapi: {}",
    ];
    let mut told: Vec<String> = below_api
        .iter()
        .map(|body| api(&format!("    {body}\n")).unwrap_err())
        .collect();
    told.extend(whole.iter().map(|text| parse(text).unwrap_err()));
    insta::assert_snapshot!(told.join("\n"), @r#"
    gokku.yml:3:5: there is no key "pth" here: there is path, binary_name, dockerfile, image, lang, workdir, go_version, goos, goarch, cgo_enabled, entrypoint, command, init, env, ports, protocol, compression, error_pages, proxy_protocol, volumes, network, environments, deployment, health, resources, capabilities, no_new_privileges, processes, build; did you mean "path"?
    gokku.yml:3:18: there is no key "keep_image" here: there is keep_releases, keep_images, restart_policy, restart_delay, post_deploy; did you mean "keep_images"?
    gokku.yml:3:31: deployment.keep_images: "many" cannot be: it is a whole number from 1 to 100
    gokku.yml:3:31: deployment.keep_images: "0" cannot be: it is a whole number from 1 to 100
    gokku.yml:3:34: deployment.restart_policy: "sometimes" cannot be: it is always, on-failure or no
    gokku.yml:3:33: deployment.restart_delay: "1.5" cannot be: it is a whole number from 0 to 3600
    gokku.yml:3:17: expected keys and values (`key: value`)
    gokku.yml:3:11: path: "../x" cannot be: it is a relative path without ..
    gokku.yml:3:11: path: "/x" cannot be: it is a relative path without ..
    gokku.yml:3:18: binary_name: "a b" cannot be: it is letters, digits, ., _ and -
    gokku.yml:3:12: expected a list (`- item`)
    gokku.yml:3:13: ports: "80" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:3:20: ports: an app has one port for HTTP, and this is another one: for TCP it is 3:4/tcp
    gokku.yml:3:12: ports: an empty list cannot be: it names a port, or is left away
    gokku.yml:3:13: ports: 1:2/udp cannot be: the traffic switch passes TCP on, and no UDP
    gokku.yml:3:13: ports: "1:2/sctp" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:3:25: ports: "1:2/TCP" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:3:36: ports: "0:2/tcp" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:3:47: ports: "1/tcp" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:3:56: ports: "1:2/" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:3:20: ports: 1 stands here twice, and a port of the server leads to one of the container
    gokku.yml:3:42: ports: 2 stands here twice, and a port of the server leads to one of the container
    gokku.yml:3:12: ports: 17 TCP ports are too many: at most 16
    gokku.yml:3:21: proxy_protocol is for TCP ports, and ports names none: on its HTTP port the app is told in X-Forwarded-For
    gokku.yml:4:21: proxy_protocol: "v3" cannot be: it is v1 or v2
    gokku.yml:4:49: environments[].domains: example.com would lead nowhere: all ports are for TCP, and domains lead to the one for HTTP, which is written without /tcp
    gokku.yml:3:20: environments[].name is missing: `- name: production`
    gokku.yml:3:47: environments[].branch: "a b" cannot be: it is a branch's name
    gokku.yml:3:41: environments[].name: "test" stands here twice
    gokku.yml:3:17: dockerfile: "./" cannot be: it is a relative path without ..
    gokku.yml:3:31: expected a list (`- item`)
    gokku.yml:3:32: deployment.post_deploy: the command has a quote that is never closed, or ends in a backslash
    gokku.yml:3:17: "my.worker" is not a process type: it is letters, digits, - and _, at most 63 in all, and does not begin with -
    gokku.yml:3:26: there is no key "commmand" here: there is command, count, overlap, stay_up, check; did you mean "command"?
    gokku.yml:3:35: processes.<type>.command: the command has a quote that is never closed, or ends in a backslash
    gokku.yml:3:33: processes.<type>.count: "101" cannot be: it is a whole number from 0 to 100
    gokku.yml:3:32: processes.web: its new one runs beside the old one as ZERO_DOWNTIME says, and is good when it answers
    gokku.yml:3:35: processes.<type>.overlap: "maybe" cannot be: it is true or false
    gokku.yml:3:35: processes.<type>.stay_up: "long" cannot be: it is a whole number from 0 to 600
    gokku.yml:3:45: processes.<type>.check says when it is good, and so does stay_up: keep one of them
    gokku.yml:3:33: processes.<type>.check: the command has a quote that is never closed, or ends in a backslash
    gokku.yml:3:30: processes.web: its new one runs beside the old one as ZERO_DOWNTIME says, and is good when it answers
    gokku.yml:4:5: the key path stands here twice
    gokku.yml:3:14: expected a list (`- item`)
    gokku.yml:3:14: command: an empty list cannot be: it is a list of words, at least one
    gokku.yml:3:25: resources.memory: "512" cannot be: it is a whole number and b, k, m or g, as 512m; at least 6m
    gokku.yml:3:23: resources.cpus: "many" cannot be: it is a number from 0.01 to 1024
    gokku.yml:3:23: resources.pids: "0" cannot be: it is a whole number from 1 to 4194304
    gokku.yml:3:17: there is no key "cpu" here: there is memory, cpus, pids; did you mean "cpus"?
    gokku.yml:3:11: lang: "nodejs" cannot be: it is go, node, python, ruby, rust, php or static
    gokku.yml:3:14: workdir: "../x" cannot be: it is a relative path without ..
    gokku.yml:3:17: go_version: "latest" cannot be: it is a version, 1.22 or 1.22.3
    gokku.yml:3:11: goos: "windows" cannot be: it is linux
    gokku.yml:3:13: goarch: "x86_64" cannot be: it is 386, amd64, arm, arm64, ppc64le, riscv64 or s390x
    gokku.yml:3:18: cgo_enabled: "yes" cannot be: it is true, false, 1 or 0
    gokku.yml:1:1: the file is empty: it begins with `apps:`
    gokku.yml:1:1: there is no key "app" here: there is apps, defaults, docker; did you mean "apps"?
    gokku.yml:1:7: expected keys and values (`key: value`)
    gokku.yml:1:8: "Api" has 'A' in it: a name is lower-case letters, digits and dashes
    gokku.yml:3:1: there is a second document; one file is one document
    gokku.yml:1:20: mismatched bracket '[' closed by '}'
    gokku.yml:2:2: tabs disallowed within this context (block indentation)
    "#);
    let other = parse("apps: {web: {}, worker: {}}")
        .unwrap()
        .app(&"wbe".parse().unwrap())
        .unwrap_err();
    insta::assert_snapshot!(other, @r#"gokku.yml has no app wbe: it has web, worker; did you mean "web"?"#);
}

#[test]
fn domains_stand_under_an_environment() {
    let app = api("    environments:\n      - name: production\n        domains:\n          - Example.com\n          - {name: bücher.example, path: /v1/, strip_path: true}\n          - {name: www.example.org, www: true}\n          - {name: old.example, redirect_to: \"https://example.com/docs\"}\n      - name: staging\n").unwrap();
    let of = |environment: &str| -> Vec<String> {
        let environment = environment.parse().unwrap();
        let domains = app.domains_in(&environment);
        domains
            .map(|domain| serde_json::to_string(&domain.value).unwrap())
            .collect()
    };
    assert_eq!(
        of("production"),
        [
            r#"{"name":"example.com"}"#,
            r#"{"name":"xn--bcher-kva.example","path":"/v1","strip_path":true}"#,
            r#"{"name":"www.example.org"}"#,
            r#"{"name":"example.org","redirect_to":"www.example.org"}"#,
            r#"{"name":"old.example","redirect_to":"https://example.com/docs"}"#,
        ]
    );
    assert_eq!([of("staging"), of("test")], [Vec::<String>::new(), Vec::new()]);
    let first = &app.environments[0].domains[0];
    assert_eq!((first.line, first.column), (6, 13));
}

#[test]
fn domains_that_cannot_be_are_told_with_their_place() {
    let many = vec!["a.example"; 1001].join(", ");
    let many = format!("[{many}]");
    for (domains, told) in [
        ("example.com", "42: expected a list"),
        (
            "[https://example.com]",
            "43: environments[].domains[].name: \"https://example.com\" is a URL",
        ),
        ("[{path: /v1}]", "43: environments[].domains[].name is missing"),
        (
            "[{name: a.example, path: v1}]",
            "67: environments[].domains[].path: the path \"v1\" does not begin",
        ),
        (
            "[{name: a.example, strip_path: true}]",
            "73: environments[].domains[].strip_path takes away",
        ),
        (
            "[{name: a.example, pth: /}]",
            "61: there is no key \"pth\" here: there is name, path, strip_path, redirect_to, www, http, hsts; did you mean \"path\"?",
        ),
        (
            "[a.example, A.example]",
            "54: environments[].domains: a.example stands here twice",
        ),
        (
            "[{name: \"*.a.example\", www: true}]",
            "70: environments[].domains[].www sends another name's",
        ),
        (
            "[{name: a.example, redirect_to: \"*.b.example\"}]",
            "74: environments[].domains[].redirect_to: \"*.b.example\" has a wildcard",
        ),
        (
            "[{name: a.example, redirect_to: b.example, www: true}]",
            "90: environments[].domains[].www sends another name's",
        ),
        (
            "[{name: a.example, http: off}]",
            "67: environments[].domains[].http: \"off\"",
        ),
        (
            "[{name: a.example, hsts: 1y}]",
            "67: environments[].domains[].hsts: \"1y\"",
        ),
        (
            "[{name: a.example, hsts: 4294967296}]",
            "67: environments[].domains[].hsts: \"4294967296\"",
        ),
        (
            "[{name: a.example, www: true}, www.a.example]",
            "73: environments[].domains: www.a.example stands here twice",
        ),
        (
            &many,
            "42: environments[].domains: 1001 domains are too many: at most 1000",
        ),
    ] {
        let error = api(&format!(
            "    environments: [{{name: test, domains: {domains}}}]\n"
        ))
        .unwrap_err();
        let told = format!("gokku.yml:3:{told}");
        assert!(
            error.contains(&told),
            "no {told:?} in {}",
            &error[..error.len().min(400)]
        );
    }
}

fn env(pairs: &[(EnvKey, EnvValue)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.expose()))
        .collect()
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_files_order() {
    let text = "apps:\n  api:\n    pth: x\n    ports: [80]\n    environments: [{branch: main}]\n  Web: {}\n  web:\n    deployment: {keep_images: 9, keep_releases: 2}\n    lang: perl\ndefaults:\n  env: {1 A: x, B: [c]}\n";
    insta::assert_snapshot!(parse(text).unwrap_err(), @r#"
    gokku.yml:3:5: there is no key "pth" here: there is path, binary_name, dockerfile, image, lang, workdir, go_version, goos, goarch, cgo_enabled, entrypoint, command, init, env, ports, protocol, compression, error_pages, proxy_protocol, volumes, network, environments, deployment, health, resources, capabilities, no_new_privileges, processes, build; did you mean "path"?
    gokku.yml:4:13: ports: "80" cannot be: it is a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535
    gokku.yml:5:20: environments[].name is missing: `- name: production`
    gokku.yml:6:3: "Web" has 'W' in it: a name is lower-case letters, digits and dashes
    gokku.yml:8:31: deployment.keep_images: 9 images of 2 releases (keep_releases) cannot be kept
    gokku.yml:9:11: lang: "perl" cannot be: it is go, node, python, ruby, rust, php or static
    gokku.yml:11:9: "1 A" is not a variable's name: it has no white space, quotes, = or control characters, and no # at its beginning
    gokku.yml:11:20: expected one value
    "#);
}

#[test]
fn what_an_app_does_not_say_the_defaults_say() {
    let text = "
apps:
  api:
    env: {A: app}
    deployment: {keep_images: 2}
    command: [serve]
  web:
defaults:
  env: {A: default, B: 1.10}
  deployment: {keep_images: 9, keep_releases: 20, restart_delay: 1}
  command: [other, words]
  resources: {pids: 50}
  processes: {web: {count: 2}}
";
    let yml = parse(text).unwrap();
    let api = yml.app(&"api".parse().unwrap()).unwrap();
    assert_eq!(env(&api.env), [("A", "app"), ("B", "1.10")], "as it is written");
    assert_eq!(api.deployment.keep_images, 2);
    assert_eq!(api.deployment.keep_releases, Some(20));
    assert_eq!(api.deployment.restart_delay, Duration::from_secs(1));
    assert_eq!(api.command.as_deref(), Some(&["serve".to_owned()][..]));
    assert_eq!(api.resources.pids, 50);
    let web = yml.app(&"web".parse().unwrap()).unwrap();
    assert_eq!(env(&web.env), [("A", "default"), ("B", "1.10")]);
    assert_eq!(web.deployment.keep_images, 9);
    assert_eq!(web.deployment.keep_releases, Some(20));
    assert_eq!(web.processes[&ProcessType::web()].count, Some(2));
}

/// Wherever a text is expected: in env, in arguments, in commands, in a version, in a name, behind an alias and a tag.
#[test]
fn a_value_is_what_was_written() {
    for written in [
        "5e324",
        "1e999",
        "-1e999",
        "1e5",
        "1E5",
        ".inf",
        "-.inf",
        "+.INF",
        ".nan",
        ".NaN",
        "0x1F",
        "0o17",
        "0b1",
        "1_000",
        "1_000.5",
        "012",
        "0755",
        "00",
        "1.10",
        "1.0",
        "-0",
        "+1",
        "-1",
        ".5",
        "5.",
        "1.",
        "1e",
        "0x",
        "18446744073709551616",
        "123456789012345678901234567890",
        "0.1e-999",
        "yes",
        "no",
        "on",
        "off",
        "True",
        "FALSE",
        "true",
        "y",
        "n",
        "~",
        "2024-01-15",
        "2024-01-15T10:00:00Z",
        "12:30",
        "1:2:3",
        "190:20:30",
        "=",
        "<<x",
        "1e9d",
        "0x1G",
        "08",
        "._5",
        "Infinity",
        "NaN",
        "nan",
        "é",
    ] {
        let body = format!(
            "    env: {{A: {written}}}\n    build: {{args: {{A: {written}}}}}\n    command: [run, {written}]\n    entrypoint:\n      - {written}\n    environments:\n      - name: test\n        env:\n          B: {written}   # why\n          C: &c {written}\n          D: *c\n          E: !!str {written}\n"
        );
        let app = api(&body).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(env(&app.env), [("A", written)]);
        assert_eq!(app.given.args[0].1.value, written);
        assert_eq!(app.command.unwrap(), ["run", written]);
        assert_eq!(app.entrypoint.unwrap(), [written]);
        let all = [("B", written), ("C", written), ("D", written), ("E", written)];
        assert_eq!(env(&app.environments[0].env), all);
    }
    // As names.
    for written in ["1e999", "0x1F", "1.10", "yes", "null", "~", "true", "012", ".inf"] {
        let app =
            api(&format!("    env: {{{written}: x}}\n")).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(env(&app.env), [(written, "x")]);
    }
    let app = api(
        "    lang: go\n    go_version: 1.20\n    path: 012\n    environments: [{name: 1e5, branch: 1.10}]\n",
    );
    let app = app.unwrap();
    assert_eq!(app.build.go_version.unwrap().value, "1.20");
    assert_eq!(app.path, "012");
    assert_eq!(app.environments[0].name.as_str(), "1e5");
    assert_eq!(app.environments[0].branch.to_string(), "1.10");
    // Tags say what a value is to be; it is a text all the same.
    let app = api(
        "    env: {A: !!int 0x1F, B: !!float '1e999', C: ! 1.10, D: !!str null, E: 'null', F: !x 1.10}\n",
    )
    .unwrap();
    let all = [
        ("A", "0x1F"),
        ("B", "1e999"),
        ("C", "1.10"),
        ("D", "null"),
        ("E", "null"),
        ("F", "1.10"),
    ];
    assert_eq!(env(&app.env), all);
    let told: Vec<String> = [
        "A: null",
        "A: Null",
        "A: ",
        "A: !!null x",
        "[a]: x",
        "{a: b}: x",
        ": x",
    ]
    .iter()
    .map(|pair| api(&format!("    env:\n      {pair}\n")).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    gokku.yml:4:10: null is YAML's word for nothing, and a value is needed: for the text write it in quotes, for nothing leave the key away
    gokku.yml:4:10: Null is YAML's word for nothing, and a value is needed: for the text write it in quotes, for nothing leave the key away
    gokku.yml:4:8: expected one value
    gokku.yml:4:17: x is YAML's word for nothing, and a value is needed: for the text write it in quotes, for nothing leave the key away
    gokku.yml:4:7: a key is one word, and no list and no mapping
    gokku.yml:4:7: a key is one word, and no list and no mapping
    gokku.yml:4:7: "" is not a variable's name: it has no white space, quotes, = or control characters, and no # at its beginning
    "#);
    assert!(parse("apps: {api: ~, web: null, other: }").is_ok());
}

#[test]
fn a_variable_that_no_process_can_be_given_is_refused() {
    let longest = crate::config::env_file::LONGEST - 3;
    let both = |length: usize| {
        let value = "x".repeat(length);
        api(&format!(
            "    env: {{A: {value}}}\n    environments: [{{name: test, env: {{B: {value}}}}}]\n"
        ))
    };
    assert!(both(longest).is_ok());
    insta::assert_snapshot!(both(longest + 1).unwrap_err(), @"
    gokku.yml:3:14: env: A cannot be given to a program: name, = and value have 131072 bytes, and Linux takes at most 131071. Give it as a file, in a volume, and its path as the variable
    gokku.yml:4:42: env: B cannot be given to a program: name, = and value have 131072 bytes, and Linux takes at most 131071. Give it as a file, in a volume, and its path as the variable
    ");
}

#[test]
fn how_an_app_is_run() {
    let app = api("    env: {A: 'x y', ON: true}\n    volumes: [data:/data, /srv/f:/f:ro, /tmp/cache:anonymous]\n    network: back_end\n    health: {path: /up, timeout: 5}\n    environments: [{name: test, env: {A: b}}]\n").unwrap();
    assert_eq!(env(&app.env), [("A", "x y"), ("ON", "true")]);
    assert_eq!(env(&app.environments[0].env), [("A", "b")]);
    let targets: Vec<&str> = app.volumes.iter().map(|volume| volume.target.as_str()).collect();
    assert_eq!(targets, ["/data", "/f", "/tmp/cache"]);
    assert_eq!(app.network.unwrap().as_str(), "back_end");
    assert_eq!(app.health.path.as_deref(), Some("/up"));
    assert_eq!(app.health.timeout, Some(Duration::from_secs(5)));
    let told: Vec<String> = [
        "volumes: [data]",
        "volumes: ['data:/a', '/srv:/a/']",
        "volumes: ['/data:anonymous', 'data:/data']",
        "volumes: [/data]",
        "volumes: ['/:/host']",
        "network: host",
        "network: gokku.shop",
        "network: [shop]",
        "network: {name: none}",
        "network: {apps: shop}",
        "network: {apps: [Shop, shop-blue]}",
        "network: {app: [shop]}",
        "health: {path: up}",
        "env: {A: }",
        "env: [A=b]",
    ]
    .iter()
    .map(|body| api(&format!("    {body}\n")).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    gokku.yml:3:15: volumes: "data" cannot be: it is NAME:/path or /folder:/path, and :ro behind it when it cannot be written to; or /path:anonymous where nothing is kept
    gokku.yml:3:26: volumes: two are mounted at /a
    gokku.yml:3:34: volumes: two are mounted at /data
    gokku.yml:3:15: volumes: "/data" cannot be: it is NAME:/path or /folder:/path, and :ro behind it when it cannot be written to; or /path:anonymous where nothing is kept
    gokku.yml:3:15: volumes: / would give the app the whole server
    gokku.yml:3:14: network.name: "host" cannot be: it is a name: letters, digits, _, . and -; not host, none, bridge or default, and none that begins with gokku.
    gokku.yml:3:14: network.name: "gokku.shop" cannot be: it is a name: letters, digits, _, . and -; not host, none, bridge or default, and none that begins with gokku.
    gokku.yml:3:14: expected one value
    gokku.yml:3:21: network.name: "none" cannot be: it is a name: letters, digits, _, . and -; not host, none, bridge or default, and none that begins with gokku.
    gokku.yml:3:21: expected a list (`- item`)
    gokku.yml:3:22: network.apps: "Shop" has 'S' in it: a name is lower-case letters, digits and dashes
    gokku.yml:3:28: network.apps: "shop-blue" ends like a container's name: choose one that does not end in -blue or -green
    gokku.yml:3:15: there is no key "app" here: there is name, apps; did you mean "apps"?
    gokku.yml:3:20: health.path: "up" cannot be: it is a path that begins with /, as a URL has it, without spaces or #
    gokku.yml:3:12: expected one value
    gokku.yml:3:10: expected keys and values (`key: value`)
    "#);
}

/// What an app asks for of the server: a wrong word is told with what was meant, one that is not given with what to do.
#[test]
fn what_containers_may_do() {
    let app = api("    capabilities: [NET_RAW, cap_sys_ptrace]\n    no_new_privileges: true\n").unwrap();
    let name = "api".parse().unwrap();
    let may = |given: &[&str]| {
        let given = given.iter().map(|name| name.parse().unwrap()).collect();
        app.privileges(&name, &given, "/opt/gokku/config.toml")
    };
    let all = may(&["NET_RAW", "SYS_PTRACE", "MKNOD"]).unwrap();
    let names: Vec<&str> = all.capabilities.iter().map(|one| one.as_str()).collect();
    assert_eq!(
        names,
        ["NET_RAW", "SYS_PTRACE"],
        "what is given and not asked for is not there"
    );
    assert!(all.no_new_privileges);
    insta::assert_snapshot!(may(&[]).unwrap_err(), @r#"
    gokku.yml:3:20: capabilities: NET_RAW is not given to api on this server: leave it away; or its owner gives it, with capabilities = ["NET_RAW"] below [apps.api] in /opt/gokku/config.toml
    gokku.yml:3:29: capabilities: SYS_PTRACE is not given to api on this server: leave it away; or its owner gives it, with capabilities = ["SYS_PTRACE"] below [apps.api] in /opt/gokku/config.toml
    "#);
    insta::assert_snapshot!(may(&["NET_RAW"]).unwrap_err(), @r#"gokku.yml:3:29: capabilities: SYS_PTRACE is not given to api on this server: leave it away; or its owner gives it, with capabilities = ["SYS_PTRACE"] below [apps.api] in /opt/gokku/config.toml"#);
    let nothing = api("    path: .\n").unwrap();
    let may = nothing
        .privileges(&name, &["MKNOD".parse().unwrap()].into(), "")
        .unwrap();
    assert_eq!(may, crate::config::privileges::Privileges::default());
    assert_eq!(nothing.resources.pids, 4096);
    let yml = parse(
        "apps: {api: {}, web: {capabilities: []}}\ndefaults: {capabilities: [mknod], no_new_privileges: true}\n",
    );
    let yml = yml.unwrap();
    let of = |name: &str| {
        let app = yml.app(&name.parse().unwrap()).unwrap();
        (app.capabilities.len(), app.no_new_privileges)
    };
    assert_eq!((of("api"), of("web")), ((1, true), (0, true)));
    let told: Vec<String> = [
        "capabilities: NET_RAW",
        "capabilities: [NET_RWA]",
        "capabilities: [net-raw]",
        "capabilities: [ALL]",
        "capabilities: [CAP_CHOWN]",
        "capabilities: [NET_RAW, cap_net_raw]",
        "capabilities: [{NET_RAW: true}]",
        "capabilites: [NET_RAW]",
        "resources: {capabilities: [NET_RAW]}",
        "no_new_privileges: yes",
    ]
    .iter()
    .map(|body| api(&format!("    {body}\n")).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    gokku.yml:3:19: expected a list (`- item`)
    gokku.yml:3:20: capabilities: there is no capability "NET_RWA"; did you mean "NET_RAW"?
    gokku.yml:3:20: capabilities: there is no capability "net-raw"; did you mean "NET_RAW"?
    gokku.yml:3:20: capabilities: ALL is no capability: name those that are needed
    gokku.yml:3:20: capabilities: every container has CHOWN anyway: leave it away
    gokku.yml:3:29: capabilities: NET_RAW stands here twice
    gokku.yml:3:20: expected one value
    gokku.yml:3:5: there is no key "capabilites" here: there is path, binary_name, dockerfile, image, lang, workdir, go_version, goos, goarch, cgo_enabled, entrypoint, command, init, env, ports, protocol, compression, error_pages, proxy_protocol, volumes, network, environments, deployment, health, resources, capabilities, no_new_privileges, processes, build; did you mean "capabilities"?
    gokku.yml:3:17: there is no key "capabilities" here: there is memory, cpus, pids
    gokku.yml:3:24: no_new_privileges: "yes" cannot be: it is true or false
    "#);
}

/// One port for HTTP or none, and those for TCP, in whatever order.
#[test]
fn ports_for_http_and_tcp() {
    let told = |body: &str| {
        let app = api(body).unwrap();
        let http = app
            .ports
            .map(|ports| format!("{}:{}", ports.host, ports.container));
        let http = http.unwrap_or_else(|| app.has_http().to_string());
        let version = app.proxy_protocol.map(ProxyProtocol::as_str);
        (http, to_label(&app.tcp_ports), version.unwrap_or_default())
    };
    for (body, http, tcp, version) in [
        ("path: .", "true", "", ""),
        ("ports: ['8080:80']", "8080:80", "", ""),
        ("ports: ['5432:5432/tcp']", "false", "5432:5432", ""),
        (
            "ports: ['1883:1/tcp', '8080:80', '5432:1/tcp']\n    proxy_protocol: v2",
            "8080:80",
            "1883:1,5432:1",
            "v2",
        ),
    ] {
        let read = told(&format!("    {body}\n"));
        assert_eq!(read, (http.to_owned(), tcp.to_owned(), version), "{body}");
    }
    // What the defaults say of other apps' TCP ports is no error of one that has none.
    let yml = "apps: {api: {}, db: {ports: ['1:1/tcp']}}\ndefaults: {proxy_protocol: v1}\n";
    let yml = parse(yml).unwrap();
    let db = yml.app(&"db".parse().unwrap()).unwrap();
    assert_eq!(db.proxy_protocol, Some(ProxyProtocol::V1));
}

/// Every port of the server that could come to count when variables are set and unset, each with its place.
#[test]
fn the_servers_ports_that_a_file_names() {
    let told = |body: &str, environment: &str| {
        let app = api(body).unwrap();
        let found: Vec<String> = app
            .host_ports_in(&environment.parse().unwrap())
            .map(|at| format!("{}:{} {} {}", at.line, at.column, at.value.key, at.value.port))
            .collect();
        found.join(", ")
    };
    let environments =
        "    environments: [{name: production, env: {PORT: 81}}, {name: test, env: {PORT: 82, X: 1}}]\n";
    for (body, production, test) in [
        ("    path: .\n".to_owned(), "", ""),
        (
            "    ports: ['80:8080']\n".to_owned(),
            "3:13 ports 80",
            "3:13 ports 80",
        ),
        ("    env: {PORT: 22}\n".to_owned(), "3:17 env 22", "3:17 env 22"),
        (
            format!("    env: {{PORT: '022', PORTS: 1}}\n{environments}"),
            "3:17 env 22, 4:51 environments[].env 81",
            "3:17 env 22, 4:82 environments[].env 82",
        ),
        // What stands there counts before every PORT.
        (
            format!("    ports: ['8080:80']\n    env: {{PORT: 80}}\n{environments}"),
            "3:13 ports 8080",
            "3:13 ports 8080",
        ),
        (
            "    ports: ['5432:1/tcp', '8080:80']\n    env: {PORT: 80}\n".to_owned(),
            "3:13 ports 5432, 3:27 ports 8080",
            "3:13 ports 5432, 3:27 ports 8080",
        ),
        ("    env: {PORT: none}\n".to_owned(), "", ""),
    ] {
        assert_eq!(
            (told(&body, "production"), told(&body, "test")),
            (production.to_owned(), test.to_owned()),
            "{body}"
        );
    }
    let yml = parse("apps: {api: {}}\ndefaults: {env: {PORT: 22}}\n").unwrap();
    let app = yml.app(&"api".parse().unwrap()).unwrap();
    assert_eq!(app.host_ports[0].value.port, 22);
}

/// A name alone, or keys; what the defaults say of a key counts where the app does not say it. An app is never its own
/// neighbour, so that the defaults can say one list for all.
#[test]
fn the_networks_of_an_app() {
    let all = "defaults: {network: {apps: [web, api, db]}}\n";
    let many: Vec<String> = (0..33).map(|number| format!("a{number}")).collect();
    for (said, more, name, apps) in [
        ("", "", None, &[][..]),
        ("network: back_end", "", Some("back_end"), &[]),
        ("network: {name: back_end}", "", Some("back_end"), &[]),
        ("network: {apps: [db, web]}", "", None, &["db", "web"]),
        ("network: {apps: [db, db], name: x1}", "", Some("x1"), &["db"]),
        ("network: back_end", all, Some("back_end"), &["db", "web"]),
        ("network: {apps: []}", all, None, &[]),
        ("", all, None, &["db", "web"]),
    ] {
        let text = format!("apps:\n  api:\n    {said}\n{more}");
        let yml = parse(&text).unwrap();
        let app = yml.app(&"api".parse().unwrap()).unwrap();
        let reaches: Vec<&str> = app.reaches.iter().map(AppName::as_str).collect();
        let network = app
            .network
            .as_ref()
            .map(crate::config::network_name::NetworkName::as_str);
        assert_eq!((network, &reaches[..]), (name, apps), "{text}");
    }
    let told = api(&format!("    network: {{apps: [{}]}}\n", many.join(", "))).unwrap_err();
    assert_eq!(
        told,
        "gokku.yml:3:21: network.apps: 33 apps are too many: at most 32"
    );
}

#[test]
fn what_was_set_counts_before_what_the_code_says() {
    let app = api("    env: {A: app, B: app, C: app, HEALTH_CHECK_TIMEOUT: 7}\n    environments: [{name: test, env: {A: test, B: test}}, {name: other, env: {C: other}}]\n    health: {path: /up, timeout: 9}\n").unwrap();
    let own = EnvFile::parse(b"A=own\n").unwrap();
    let whole = app.whole_env(&"test".parse().unwrap(), &own);
    let whole_of = |key: &str| whole.get(key).map(EnvValue::expose);
    assert_eq!(
        [whole_of("A"), whole_of("B"), whole_of("C")],
        [Some("own"), Some("test"), Some("app")]
    );
    let settings = app.settings(&whole).unwrap();
    assert_eq!(settings.health_path, "/up");
    assert_eq!(settings.health_timeout, Duration::from_secs(7));
}

#[test]
fn an_image_is_built_on_or_run() {
    let base = api("    image: python:3.12-slim\n    lang: python\n").unwrap();
    assert_eq!(base.build.image.unwrap().value.as_str(), "python:3.12-slim");
    assert_eq!(base.image, None);
    let ready = parse("docker: {registry: ['localhost:5000']}\napps: {api: {image: 'localhost:5000/api:1'}}\ndefaults: {lang: go}\n").unwrap();
    let ready = ready.app(&"api".parse().unwrap()).unwrap();
    assert_eq!(ready.image.as_ref().unwrap().as_str(), "localhost:5000/api:1");
    assert_eq!(ready.build, BuildKeys::default(), "nothing is built");
    let told: Vec<String> = [
        "image: Api",
        "image: registry.example.com/api",
        "image: ghcr.io/me/api\n    lang: go\n    dockerfile: D",
    ]
    .iter()
    .map(|body| api(&format!("    {body}\n")).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    gokku.yml:3:12: image: "Api" is not an image: it is [HOST/]NAME[:TAG][@sha256:DIGEST], the name in lower case
    gokku.yml:3:12: image: registry.example.com is no registry that gokku knows: if the image is ready to run, add it to docker.registry at the top of gokku.yml (`docker: {registry: [registry.example.com]}`); to build on an image of it, write a Dockerfile
    gokku.yml:4:11: lang would do nothing: the image of the app is ready, and nothing is built. Leave it away
    gokku.yml:5:17: dockerfile would do nothing: the image of the app is ready, and nothing is built. Leave it away
    "#);
}
