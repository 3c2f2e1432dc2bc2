//! Go: a module's program, alone in its image where it needs no C.

use super::dockerfile::{Dockerfile, exec, quoted};
use super::version::{self, Version};
use super::{Folder, Lang, Made, Outcome, incomplete, is_program_name};
use crate::config::gokku_yml::AppConfig;

/// Where a program is built.
struct Place<'a> {
    /// Its module.
    module: Folder<'a>,
    /// The workspace that this is in, and all modules that it uses.
    workspace: Option<(Folder<'a>, Vec<&'a str>)>,
}

impl<'a> Place<'a> {
    /// The folder that all of it is in.
    fn top(&self) -> Folder<'a> {
        self.workspace.as_ref().map_or(self.module, |(top, _)| *top)
    }

    /// A folder of the module, from the top.
    fn below_top(&self, package: &str) -> String {
        let full = self.module.full(package);
        let below = full.strip_prefix(self.top().path).unwrap_or(&full);
        below.trim_matches('/').to_owned()
    }
}

pub(super) fn make(folder: Folder<'_>, config: &AppConfig) -> Outcome {
    let place = place(folder, config)?;
    let folder = place.module;
    let package = package(folder, config)?;
    let module = folder.text("go.mod").lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "module").then(|| words.next()).flatten()
    });
    let below = place.below_top(&package);
    let name = config
        .binary_name
        .clone()
        .or_else(|| name_in(&package))
        .or_else(|| name_in(module.unwrap_or("").trim_matches('"')))
        .or_else(|| name_in(&below))
        .unwrap_or_else(|| "app".to_owned());
    let keys = &config.build;
    let version = match &keys.go_version {
        Some(given) => Version {
            number: given.value.clone(),
            from: Some(given.file.clone()),
            channel: None,
        },
        None => version::go(folder, place.workspace.as_ref().map(|(top, _)| *top))?,
    };
    let target = if below.is_empty() {
        ".".to_owned()
    } else {
        format!("./{below}")
    };
    let mut file = Dockerfile::default();
    file.line(format!("FROM golang:{}-bookworm AS build", version.number));
    file.line("WORKDIR /src");
    let fetched = !place.top().has("vendor/modules.txt") && !has_replaced_by_folder(folder);
    if fetched {
        manifests(&mut file, &place);
        file.run(&["/go/pkg/mod"], "go mod download");
    }
    match &place.workspace {
        // What else is in the repository is none of the build's.
        Some((top, modules)) if fetched && !modules.contains(&"") => {
            for module in modules {
                file.copy("", &[format!("{}/", top.full(module))], &format!("./{module}/"));
            }
        }
        _ => file.copy("", &[place.top().source()], "./"),
    }
    let cgo = keys.cgo_enabled.as_ref().is_some_and(|given| given.value);
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
    folder.copy_read_at_run_time(&mut file);
    file.end("1000:1000", &exec(&[format!("/app/{name}")]));
    Ok(Made {
        version: Some(version),
        runs: if below.is_empty() {
            name
        } else {
            format!("{name} from {target}")
        },
        dockerfile: file,
    })
}

/// The module that is built: the folder's own, or that of the workspace which has a program.
fn place<'a>(folder: Folder<'a>, config: &AppConfig) -> Result<Place<'a>, super::Undetected> {
    if folder.has("go.mod") {
        let mut path = folder.path;
        loop {
            let top = Folder { path, ..folder };
            let modules = used(top);
            if modules.iter().any(|module| top.full(module) == folder.path) {
                return Ok(Place {
                    module: folder,
                    workspace: Some((top, modules)),
                });
            }
            if path.is_empty() {
                return Ok(Place {
                    module: folder,
                    workspace: None,
                });
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    let modules = used(folder);
    if config.path != folder.path && !config.path.is_empty() {
        return incomplete(
            Lang::Go,
            format!(
                "`path:` in gokku.yml is {:?}, but go.work uses no module there: it uses {}",
                config.path,
                modules.join(", ")
            ),
        );
    }
    let programs: Vec<&str> = modules
        .iter()
        .copied()
        .filter(|module| {
            folder.has(&format!("{module}/main.go")) || folder.has_folder(&format!("{module}/cmd"))
        })
        .collect();
    let [program] = programs.as_slice() else {
        return incomplete(
            Lang::Go,
            format!(
                "its go.work uses {}, of which {} have a program: say which with `path:` in gokku.yml, as `path: ./{}`",
                modules.join(", "),
                programs.len(),
                programs.first().unwrap_or(&"api")
            ),
        );
    };
    let manifest = folder.full(&format!("{program}/go.mod"));
    let manifest = folder.project.files.get(&manifest).map(String::as_str);
    let path = manifest.and_then(|path| path.strip_suffix("/go.mod"));
    Ok(Place {
        module: Folder {
            path: path.unwrap_or(folder.path),
            ..folder
        },
        workspace: Some((folder, modules)),
    })
}

/// The modules that a folder's `go.work` uses, those that are there: `.` is empty.
fn used(top: Folder<'_>) -> Vec<&str> {
    let text = top.text("go.work");
    let mut modules = Vec::new();
    let mut in_list = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or("").trim();
        let named = if in_list {
            in_list = line != ")";
            Some(line).filter(|_| in_list)
        } else {
            let rest = line.strip_prefix("use").unwrap_or("").trim_start();
            in_list = rest.starts_with('(');
            Some(rest).filter(|_| !in_list)
        };
        let module = named.unwrap_or("").trim_matches('"').trim_end_matches('/');
        if !module.is_empty() {
            modules.push(if module == "." {
                ""
            } else {
                module.trim_start_matches("./")
            });
        }
    }
    modules.retain(|module| {
        let manifest = if module.is_empty() {
            "go.mod".to_owned()
        } else {
            format!("{module}/go.mod")
        };
        top.has(&manifest)
    });
    modules.dedup();
    modules
}

/// Whether a module stands in for another that lies in a folder: then there is more to read than its manifests.
fn has_replaced_by_folder(module: Folder<'_>) -> bool {
    let text = module.text("go.mod");
    text.lines().any(|line| {
        line.split_once("=>")
            .is_some_and(|(_, folder)| folder.trim_start().starts_with('.'))
    })
}

/// What says which modules are needed, each file in its place.
fn manifests(file: &mut Dockerfile, place: &Place<'_>) {
    let Some((top, modules)) = &place.workspace else {
        place.module.copy_files(file, &["go.mod", "go.sum"], "./");
        return;
    };
    top.copy_files(file, &["go.work", "go.work.sum"], "./");
    for module in modules {
        let path = top.full(module);
        let path = path.trim_end_matches('/');
        let to = if module.is_empty() {
            "./".to_owned()
        } else {
            format!("./{module}/")
        };
        Folder { path, ..*top }.copy_files(file, &["go.mod", "go.sum"], &to);
    }
}

/// A program's name from the last part of a path; `/v2` is a version and no name.
fn name_in(path: &str) -> Option<String> {
    let version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let name = path.rsplit('/').find(|part| !version(part))?;
    is_program_name(name).then(|| name.to_owned())
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
