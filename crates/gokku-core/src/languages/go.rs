//! Go: a module's program, alone in its image where it needs no C.

use super::dockerfile::{Dockerfile, exec, quoted};
use super::version::{self, Version};
use super::{Folder, Lang, Made, Outcome, incomplete};
use crate::gokku_yml::AppConfig;

/// Folders that programs read while they run: they go into the image beside the program.
pub(super) const READ_AT_RUN_TIME: [&str; 8] = [
    "assets",
    "config",
    "locales",
    "migrations",
    "public",
    "static",
    "templates",
    "views",
];

pub(super) fn make(folder: Folder<'_>, config: &AppConfig) -> Outcome {
    let package = package(folder, config)?;
    let module = folder.text("go.mod").lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "module").then(|| words.next()).flatten()
    });
    let name = config
        .binary_name
        .clone()
        .or_else(|| name_in(&package))
        .or_else(|| name_in(module.unwrap_or("").trim_matches('"')))
        .unwrap_or_else(|| "app".to_owned());
    let keys = &config.build;
    let version = keys.go_version.as_ref().map_or_else(
        || version::go(folder),
        |given| Version {
            number: given.value.clone(),
            from: Some(given.file.clone()),
        },
    );
    let cgo = keys.cgo_enabled.as_ref().is_some_and(|given| given.value);
    let target = if package.is_empty() {
        ".".to_owned()
    } else {
        format!("./{package}")
    };
    let mut file = Dockerfile::default();
    file.line(format!("FROM golang:{}-bookworm AS build", version.number));
    file.line("WORKDIR /src");
    let vendored = folder.has("vendor/modules.txt");
    if !vendored {
        let manifests = folder.those(&["go.mod", "go.sum"]);
        let manifests: Vec<String> = manifests.iter().map(|name| folder.full(name)).collect();
        file.copy("", &manifests, "./");
        file.run(&["/go/pkg/mod"], "go mod download");
    }
    file.copy("", &[source(folder)], "./");
    let mut environment = vec![format!("CGO_ENABLED={}", u8::from(cgo))];
    for (name, given) in [("GOOS", &keys.goos), ("GOARCH", &keys.goarch)] {
        if let Some(given) = given {
            environment.push(format!("{name}={}", quoted(&given.value)));
        }
    }
    let environment = environment.join(" ");
    // Time zones are in the program, certificates beside it: FROM scratch has neither.
    let tags = if cgo { "" } else { " -tags timetzdata" };
    let program = quoted(&format!("/out/app/{name}"));
    file.run(
        &["/go/pkg/mod", "/root/.cache/go-build"],
        format!(
            "{environment} go build -trimpath -ldflags=\"-s -w\"{tags} -o {program} {} \\\n    && mkdir -p /out/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \\\n    && mkdir -p -m 1777 /out/tmp",
            quoted(&target)
        ),
    );
    file.line("");
    file.line(if cgo {
        "FROM debian:bookworm-slim"
    } else {
        "FROM scratch"
    });
    file.line("WORKDIR /app");
    file.line("COPY --from=build /out/ /");
    copy_read_at_run_time(&mut file, folder);
    file.end("1000:1000", &exec(&[format!("/app/{name}")]));
    Ok(Made {
        version: Some(version),
        about: if package.is_empty() {
            name
        } else {
            format!("{name} from {target}")
        },
        dockerfile: file,
    })
}

/// What `COPY` calls the folder.
pub(super) fn source(folder: Folder<'_>) -> String {
    if folder.path.is_empty() {
        ".".to_owned()
    } else {
        format!("{}/", folder.path)
    }
}

pub(super) fn copy_read_at_run_time(file: &mut Dockerfile, folder: Folder<'_>) {
    for name in READ_AT_RUN_TIME {
        if folder.has_folder(name) {
            file.copy("", &[format!("{}/", folder.full(name))], &format!("./{name}/"));
        }
    }
}

/// A program's name from the last part of a path; `/v2` is a version and no name.
fn name_in(path: &str) -> Option<String> {
    let version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let name = path.rsplit('/').find(|part| !version(part))?;
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good)).then(|| name.to_owned())
}

/// The folder of the program's package in the module, empty for its top.
fn package(folder: Folder<'_>, config: &AppConfig) -> Result<String, super::Undetected> {
    let path = config.path.as_str();
    let below = if folder.path.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(folder.path)
            .and_then(|rest| rest.strip_prefix('/'))
    };
    if let Some(below) = below.filter(|below| !below.is_empty()) {
        let prefix = format!("{below}/");
        if !folder.files().any(|file| is_go(file.strip_prefix(&prefix))) {
            return incomplete(
                Lang::Go,
                format!(
                    "`path:` in gokku.yml is {path:?}, but there is no .go file in it: name the folder of the program's main package"
                ),
            );
        }
        return Ok(below.to_owned());
    }
    if folder.has("main.go") {
        return Ok(String::new());
    }
    let mut commands: Vec<&str> = folder
        .files()
        .filter_map(|file| {
            let (command, file) = file.strip_prefix("cmd/")?.split_once('/')?;
            is_go(Some(file)).then_some(command)
        })
        .collect();
    commands.dedup();
    match commands.as_slice() {
        [] if folder.files().any(|file| is_go(Some(file))) => Ok(String::new()),
        [] => incomplete(
            Lang::Go,
            "there is no main.go, no .go file beside go.mod, and no cmd/<name>: name the program's folder with `path:` in gokku.yml",
        ),
        [command] => Ok(format!("cmd/{command}")),
        several => incomplete(
            Lang::Go,
            format!(
                "it has several programs: {}. Say which with `path:` in gokku.yml, as `path: ./cmd/{}`",
                several.join(", "),
                several.first().unwrap_or(&"")
            ),
        ),
    }
}

/// Whether it is a Go file in the folder itself, and no test.
fn is_go(file: Option<&str>) -> bool {
    let name = file
        .filter(|file| !file.contains('/'))
        .and_then(|file| file.strip_suffix(".go"));
    name.is_some_and(|name| !name.ends_with("_test"))
}
