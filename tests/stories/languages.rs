//! Projects without a Dockerfile: the guide's own, several in one repository, and those that are not built. Those with
//! dependencies are in `projects`.

use gokku_tests::{Server, docker, ensure_image};

use crate::gokku_yml::GUIDES_EXAMPLE;

const GO_MOD: &str = "module example.com/api\n\ngo 1.19\n";

/// Answers with what it was started with, and leaves a child behind that only an init takes in.
const GO_MAIN: &str = r#"package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	listener, err := net.Listen("tcp", ":"+os.Getenv("PORT"))
	for err == nil {
		var client net.Conn
		client, err = listener.Accept()
		if err == nil {
			go answer(client)
		}
	}
	panic(err)
}

// Without net/http, which takes half a minute to compile.
func answer(client net.Conn) {
	defer client.Close()
	head := bufio.NewReader(client)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = head.ReadString('\n'); err != nil {
			return
		}
	}
	_, certificates := os.Stat("/etc/ssl/certs/ca-certificates.crt")
	temporary := os.WriteFile("/tmp/x", nil, 0o600)
	_, zone := time.LoadLocation("Europe/Berlin")
	body := fmt.Sprintln("user", os.Getuid(), "parent", os.Getppid() > 0, certificates, temporary, zone)
	fmt.Fprintf(client, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}
"#;

/// P33: the guide's complete `gokku.yml` as written, for a project without a Dockerfile.
#[test]
fn p33_the_guides_complete_example_needs_no_dockerfile() {
    ensure_image("golang:1.19-bookworm");
    let server = Server::new();
    let api = server.create_named("api");
    let dev = api.working_copy();
    dev.write("gokku.yml", GUIDES_EXAMPLE);
    dev.write("go.mod", GO_MOD);
    dev.write("cmd/api/main.go", GO_MAIN);
    dev.write("cmd/worker/main.go", "package main\n\nfunc main() {}\n");
    dev.write("templates/index.html", "<p>\n");
    dev.commit("v1");
    let push = dev.push().ok();
    push.says("Go 1.19 (from go.mod), api from ./cmd/api");
    let status = api.gokku(["status", "--json"]).ok().json();
    let port = u16::try_from(status["port"].as_u64().unwrap()).unwrap();
    let answer = gokku_tests::get(([127, 0, 0, 1], port).into(), "/").unwrap();
    assert_eq!(answer.text(), "user 1000 parent true <nil> <nil> <nil>\n");
    // Nothing but the program, what it needs, and what it reads.
    let format = "{{.HostConfig.Init}} {{.Config.Cmd}}";
    docker(["inspect", "--format", format, &api.blue()])
        .ok()
        .says("true [/app/api]");
    let exported = format!("docker export {} | tar -t", api.blue());
    let files = gokku_tests::Output::of(std::process::Command::new("sh").args(["-c", &exported])).ok();
    let files = files.says("app/templates/index.html");
    assert!(
        !files.stdout.contains("main.go") && !files.stdout.contains("bin/sh"),
        "{files}"
    );
    // The release's tree is the project's alone.
    let printed = api.gokku(["build", "--print"]).ok().stdout;
    assert!(
        printed.contains("FROM golang:1.19-bookworm AS build\n"),
        "{printed}"
    );
    assert!(
        printed.contains("--mount=type=cache,target=/go/pkg/mod"),
        "{printed}"
    );
    let current = server.root().join("apps/api/current");
    assert!(!current.join(".gokku.Dockerfile").exists());
    // Taken over, it is the project's own, and builds the same.
    dev.write("Dockerfile", &printed);
    dev.commit("v2");
    let push = dev.push().ok();
    assert!(!push.output.contains("(from go.mod)"), "{push}");
    let answer = gokku_tests::get(([127, 0, 0, 1], port).into(), "/").unwrap();
    assert_eq!(answer.text(), "user 1000 parent true <nil> <nil> <nil>\n");
    assert_eq!(api.gokku(["build", "--print"]).ok().stdout, printed);
}

const GREETER: &str = "package main

import (
	\"bufio\"
	\"fmt\"
	\"net\"
	\"os\"

	\"example.com/lib\"
)

func main() {
	listener, err := net.Listen(\"tcp\", \":\"+os.Getenv(\"PORT\"))
	for err == nil {
		var client net.Conn
		client, err = listener.Accept()
		if err == nil {
			go answer(client)
		}
	}
	panic(err)
}

func answer(client net.Conn) {
	defer client.Close()
	head := bufio.NewReader(client)
	for line := \"\"; line != \"\\r\\n\"; {
		var err error
		if line, err = head.ReadString('\\n'); err != nil {
			return
		}
	}
	text := lib.Greeting
	fmt.Fprintf(client, \"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s\", len(text), text)
}
";

const COUNTER: &str = "const http = require('http');
http.createServer((request, response) => response.end('counted')).listen(process.env.PORT);
";

/// Three apps of one repository, each an app of its own with its own remote, each built from its part alone: what is
/// changed in another's is nothing to it.
#[test]
fn three_apps_of_one_repository_are_built_from_their_parts() {
    for image in ["golang:1.19-bookworm", "node:22-bookworm", "caddy:2"] {
        ensure_image(image);
    }
    let server = Server::new();
    let [api, jobs, site] = ["api", "jobs", "site"].map(|base| server.create(base));
    let dev = api.working_copy();
    for (remote, app) in [("jobs", &jobs), ("site", &site)] {
        let repository = app.repository();
        dev.git(["remote", "add", remote, repository.to_str().unwrap()])
            .ok();
    }
    let entry = |app: &gokku_tests::App<'_>, of: &str| {
        let (name, port) = (app.name(), app.address().port());
        format!("  {name}:\n    {of}\n    ports: [\"{port}:8080\"]\n")
    };
    let entries = [
        entry(&api, "path: services/api"),
        entry(&jobs, "path: services/jobs"),
        entry(&site, "workdir: web"),
    ];
    dev.write("gokku.yml", format!("apps:\n{}", entries.concat()));
    dev.write("go.work", "go 1.19\n\nuse (\n\t./lib\n\t./services/api\n)\n");
    dev.write("lib/go.mod", "module example.com/lib\n\ngo 1.19\n");
    dev.write("lib/lib.go", "package lib\n\nconst Greeting = \"hello\"\n");
    dev.write("services/api/go.mod", GO_MOD);
    dev.write("services/api/main.go", GREETER);
    dev.write(
        "services/jobs/package.json",
        "{\"name\": \"jobs\", \"engines\": {\"node\": \"22\"}}\n",
    );
    dev.write("services/jobs/index.js", COUNTER);
    dev.write("web/index.html", "<h1>v1</h1>\n");
    dev.commit("v1");
    let push = |remote: &str| dev.push_to(remote, &["main"]).ok();
    push("production").says("Go 1.19 (from go.work), api from ./services/api");
    push("jobs").says("Node 22 (from package.json), npm, node index.js");
    push("site").says("Static site, web/");
    let all = || [&api, &jobs, &site].map(|app| app.get("/").unwrap().text());
    assert_eq!(all(), ["hello", "counted", "<h1>v1</h1>\n"]);

    let layers = |app: &gokku_tests::App<'_>| {
        let image = format!("{}:latest", app.name());
        let format = "{{json .RootFS.Layers}}";
        docker(["image", "inspect", "--format", format, &image])
            .ok()
            .stdout
    };
    let before = [&api, &jobs, &site].map(layers);
    dev.write("web/index.html", "<h1>v2</h1>\n");
    dev.commit("v2");
    for remote in ["production", "jobs", "site"] {
        push(remote);
    }
    let after = [&api, &jobs, &site].map(layers);
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2], after[2]);
    assert_eq!(all(), ["hello", "counted", "<h1>v2</h1>\n"]);
}

/// What fits nothing, what fits twice, and keys that would do nothing: refused before anything is built.
#[test]
fn what_cannot_be_built_is_told_before_anything_is_done() {
    let server = Server::new();
    let app = server.create("api");
    let dev = app.working_copy();
    let name = app.name();
    dev.write("README.md", "x\n");
    dev.commit("nothing");
    let push = dev.push().rejected();
    let push = push
        .says("there is no Dockerfile")
        .says("requirements.txt")
        .says("or a Dockerfile");
    assert!(!push.output.contains("Building"), "{push}");
    app.gokku(["build", "--print"]).exits(3).complains("no push yet");
    dev.write("go.mod", GO_MOD);
    dev.write("requirements.txt", "");
    dev.commit("two");
    dev.push().rejected().says("could be Go").says("lang:");
    dev.write(
        "gokku.yml",
        format!("apps:\n  {name}:\n    lang: python\n    go_version: 1.22\n"),
    );
    dev.commit("a key");
    dev.push()
        .rejected()
        .says("gokku.yml:4:17: go_version would do nothing here");
    dev.write("Dockerfile", "FROM scratch\n");
    dev.commit("beside a Dockerfile");
    dev.push()
        .rejected()
        .says("gokku.yml:3:11: lang would do nothing here")
        .says("own Dockerfile");
    dev.write(
        "gokku.yml",
        format!("apps:\n  {name}:\n    dockerfile: docker/Web\n"),
    );
    dev.commit("a name");
    dev.push().rejected().says("docker/Web");
    app.gokku(["build"]).exits(2).complains("--print");
}
