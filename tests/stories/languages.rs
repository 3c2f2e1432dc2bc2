//! Projects without a Dockerfile: found, built, deployed; and those that are not.
//!
//! Go, Python and static sites are built for real, on stand-ins for their base images (`ensure_languages`). For the
//! other languages no base image can be had without a registry: the Dockerfiles in gokku-core's tests are all there is.

use gokku_tests::{Server, docker, ensure_languages};

use crate::gokku_yml::GUIDES_EXAMPLE;

const GO_MOD: &str = "module example.com/api\n\ngo 1.19\n";

/// Answers with what it was started with, and leaves a child behind that only an init takes in.
const GO_MAIN: &str = r#"package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, certificates := os.Stat("/etc/ssl/certs/ca-certificates.crt")
		temporary := os.WriteFile("/tmp/x", nil, 0o600)
		_, zone := time.LoadLocation("Europe/Berlin")
		fmt.Fprintln(w, "user", os.Getuid(), "parent", os.Getppid() > 0, certificates, temporary, zone)
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
"#;

/// P33: the guide's complete `gokku.yml` as written, for a project without a Dockerfile.
#[test]
fn p33_the_guides_complete_example_needs_no_dockerfile() {
    ensure_languages();
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

/// Flask from the package index, under gunicorn, which is found; as a user that is not root.
#[test]
fn a_flask_project_is_built_and_answers() {
    ensure_languages();
    let server = Server::new();
    let app = server.create("flask");
    let dev = app.working_copy();
    dev.write(".python-version", "3.11.2\n");
    dev.write("requirements.txt", "Flask==3.0.3\ngunicorn==22.0.0\n");
    dev.write(
        "shop/__init__.py",
        "import os\nfrom flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n\n    @app.get('/health')\n    def health():\n        return 'healthy'\n\n    @app.get('/')\n    def home():\n        return f'{os.getuid()} {os.path.exists(\".env\")} {os.path.exists(\"data.txt\")}'\n\n    return app\n",
    );
    dev.write("data.txt", "x\n");
    dev.write(".env", "SECRET=1\n");
    dev.commit("v1");
    let push = dev.push().ok();
    push.says("Python 3.11 (from .python-version), gunicorn shop:create_app()");
    assert_eq!(app.get("/").unwrap().text(), "1000 False True");
    // A change of the code alone installs nothing again.
    dev.write("data.txt", "y\n");
    dev.commit("v2");
    let push = dev.push().ok();
    assert!(!push.output.contains("Successfully installed"), "{push}");
}

/// Files as they are, and an answer for the health check that they lack.
#[test]
fn a_static_site_is_served() {
    ensure_languages();
    let server = Server::new();
    let app = server.create("site");
    let dev = app.working_copy();
    dev.write("index.html", "<h1>Hello</h1>\n");
    dev.write("about/index.html", "<h1>About</h1>\n");
    dev.commit("v1");
    dev.push().ok().says("Static site");
    assert_eq!(app.get("/").unwrap().text(), "<h1>Hello</h1>\n");
    assert_eq!(app.get("/about/").unwrap().text(), "<h1>About</h1>\n");
    for hidden in ["/gokku.yml", "/.gokku.Dockerfile", "/missing"] {
        assert_eq!(app.get(hidden).unwrap().status, 404, "{hidden}");
    }
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
