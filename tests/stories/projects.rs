//! Projects without a Dockerfile and with real dependencies (`tests/projects`): pushed, built by the generated
//! Dockerfile, answering as whom they should; and changed while requests go on.
//!
//! Base images are stand-ins (`ensure_image`), as no registry can be reached. What comes from a package index is
//! fetched by the build where that can be reached (`PyPI`, crates.io), and otherwise lies in the project as its tools
//! put it there (archives for npm, `vendor/cache`, Go's `vendor`).

use std::process::Command;

use gokku_tests::{App, Load, LoadPlan, Output, Server, Timeline, WorkingCopy, docker, ensure_image, vendor};

/// A project, and what must be true of it. What came of it is printed, as `cargo xtask projects` writes it down.
struct Project {
    /// Its folder in `tests/projects`.
    name: &'static str,
    /// What its Dockerfile begins with.
    images: &'static [&'static str],
    /// What puts its dependencies into it, when the index cannot be reached.
    vendor: &'static [&'static str],
    /// What a deploy says that was found.
    found: &'static str,
    /// What a build says that installs the dependencies, and one does not say that has only other sources.
    installs: &'static str,
    /// The file whose `v1` is its version.
    source: &'static str,
    /// Whether its folder is for it to write to.
    writes: bool,
}

impl Project {
    /// It answers, and goes on answering while it is changed.
    #[expect(clippy::print_stdout, reason = "what came of it is the result")]
    fn lives(&self, check: impl Fn(&App<'_>)) {
        let server = self.server();
        let (app, dev) = self.starts(&server);
        check(&app);
        let requests = self.is_changed(&app, &dev);
        let (name, found) = (self.name, self.found);
        println!("project {name}: lives ({found}); of {requests} requests during its change none failed");
    }

    fn server(&self) -> Server {
        for image in self.images {
            ensure_image(image);
        }
        Server::new()
    }

    /// Its first push.
    fn starts<'server>(&self, server: &'server Server) -> (App<'server>, WorkingCopy<'server>) {
        let app = server.create(self.name);
        let dev = app.working_copy();
        dev.write_project(self.name);
        if !self.vendor.is_empty() {
            vendor(dev.folder(), self.vendor);
        }
        dev.write(".env", "SECRET=1\n");
        app.gokku(["config", "set", "ZERO_DOWNTIME=true", "SECRET_KEY=kept"])
            .ok();
        dev.commit("v1");
        dev.push().ok().says(self.found);
        self.runs_as_it_should(&app);
        (app, dev)
    }

    /// Another push, while requests go on: so many.
    fn is_changed(&self, app: &App<'_>, dev: &WorkingCopy<'_>) -> u64 {
        let mut timeline = Timeline::new("v1");
        let load = Load::start(LoadPlan {
            files: self.name == "site",
            keep_alive: 2,
            fresh: 2,
            ..LoadPlan::none(app.address())
        });
        dev.edit(self.source, "v1", "v2");
        dev.commit("v2");
        let push = timeline.change("v2", || dev.push().ok());
        let report = load.stop();
        report.assert_clean(&timeline);
        assert_eq!(app.version(), "v2");
        // Dependencies come before sources: these are as they were.
        assert!(
            self.installs.is_empty() || !push.output.contains(self.installs),
            "{push}"
        );

        // The signal to end reaches the server itself: nobody has to kill it.
        app.gokku(["stop"]).ok();
        let ended = docker(["inspect", "--format", "{{.State.ExitCode}}", &app.blue()]).ok();
        assert_ne!(ended.line(), "137", "{}: killed", self.name);
        report.total().requests()
    }

    /// Not as root, under an init, with a folder of its own where it may write, and without what no image should have.
    fn runs_as_it_should(&self, app: &App<'_>) {
        let processes = docker(["top", &app.blue(), "-eo", "pid,uid,comm"]).ok();
        let rows: Vec<Vec<&str>> = processes
            .stdout
            .lines()
            .skip(1)
            .map(|row| row.split_whitespace().skip(1).collect())
            .collect();
        assert!(
            rows.len() > 1 && rows[0] == ["1000", "docker-init"],
            "{processes}"
        );
        assert!(rows.iter().all(|row| row[0] == "1000"), "{processes}");
        if self.writes {
            docker(["exec", &app.blue(), "sh", "-c", "touch /app/written ~/written"]).ok();
        }
        let export = format!("docker export {} | tar -t", app.blue());
        let files = Output::of(Command::new("sh").args(["-c", &export])).ok();
        let secret = files.stdout.lines().find(|file| file.ends_with("/.env"));
        assert_eq!(secret, None);
    }
}

fn text(app: &App<'_>, path: &str) -> String {
    app.get(path).unwrap().text()
}

/// Express, installed by npm from archives in the project.
#[test]
fn an_express_project_lives() {
    Project {
        name: "express",
        images: &["node:22-bookworm"],
        vendor: &["node", "/vendor/npm.js", "express"],
        found: "Node 22 (from package.json), npm, node server.js",
        installs: "added ",
        source: "server.js",
        writes: true,
    }
    .lives(|_| {});
}

/// Sinatra under Puma, installed by Bundler from `vendor/cache`.
#[test]
fn a_sinatra_project_lives() {
    Project {
        name: "sinatra",
        images: &["ruby:3.1-bookworm"],
        vendor: &["ruby", "/vendor/gems.rb", "puma", "sinatra"],
        found: "Ruby 3.1 (from .ruby-version), Rack, puma",
        installs: "Installing sinatra",
        source: "app.rb",
        writes: true,
    }
    .lives(|_| {});
}

/// A Rust program with a crate from crates.io.
#[test]
fn a_rust_project_lives() {
    Project {
        name: "rust",
        images: &["rust:1-slim-bookworm", "debian:bookworm-slim"],
        vendor: &[],
        found: "Rust 1 (gokku's default), greetings",
        installs: "Downloaded",
        source: "src/main.rs",
        writes: false,
    }
    .lives(|app| assert_eq!(app.get("/other").unwrap().status, 404));
}

/// A Go program with a module in `vendor`.
#[test]
fn a_go_project_lives() {
    Project {
        name: "go",
        images: &["golang:1.19-bookworm"],
        vendor: &["sh", "/vendor/go.sh", "github.com/gorilla/mux@v1.8.0"],
        found: "Go 1.19 (from go.mod), greetings",
        installs: "",
        source: "main.go",
        writes: false,
    }
    .lives(|app| assert_eq!(app.get("/other").unwrap().status, 404));
}

/// Flask and Django from the package index, under gunicorn. One after the other: BuildKit of Docker 20.10 builds anew what it
/// has in its cache when two builds that begin alike run at once.
#[test]
fn python_projects_live() {
    a_flask_project_lives();
    a_django_project_starts();
}

/// Its factory is found.
fn a_flask_project_lives() {
    Project {
        name: "flask",
        images: &["python:3.11-bookworm"],
        vendor: &[],
        found: "Python 3.11 (from .python-version), gunicorn greetings:create_app()",
        installs: "Successfully installed",
        source: "greetings/__init__.py",
        writes: true,
    }
    .lives(|_| {});
}

/// Its static files are collected by the build, and its settings want a secret that no build has.
#[expect(clippy::print_stdout, reason = "what came of it is the result")]
fn a_django_project_starts() {
    let project = Project {
        name: "django",
        images: &["python:3.11-bookworm"],
        vendor: &[],
        found: "Python 3.11 (from .python-version), gunicorn shop.wsgi:application",
        installs: "Successfully installed",
        source: "shop/urls.py",
        writes: true,
    };
    let server = project.server();
    let (app, _dev) = project.starts(&server);
    let style = text(&app, "/style");
    assert!(
        style.starts_with("/static/pages.") && style != "/static/pages.css",
        "{style}"
    );
    assert_eq!(text(&app, &style), "h1 { color: green }\n");
    println!("project django: starts ({})", project.found);
}

/// Files as they are, and an answer for the health check that they lack.
#[test]
fn a_static_site_lives() {
    Project {
        name: "site",
        images: &["caddy:2"],
        vendor: &[],
        found: "Static site",
        installs: "",
        source: "version",
        writes: false,
    }
    .lives(|app| {
        assert_eq!(text(app, "/"), "<h1>Hello</h1>\n");
        assert_eq!(text(app, "/about/"), "<h1>About</h1>\n");
        for hidden in ["/gokku.yml", "/.gokku.Dockerfile", "/missing"] {
            assert_eq!(app.get(hidden).unwrap().status, 404, "{hidden}");
        }
    });
}
