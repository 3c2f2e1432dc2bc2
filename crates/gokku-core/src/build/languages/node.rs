//! Node: a server, or a site that Node builds and Caddy serves.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dockerfile::{Dockerfile, exec, quoted};
use super::version::{self, Said, Version};
use super::{Folder, Lang, Made, Outcome, incomplete, site, tools};
use crate::config::procfile::Command;
use crate::text::shell::program;

/// What a `package.json` runs.
pub(super) struct Scripts {
    pub(super) build: bool,
    pub(super) start: bool,
    /// Whether there is something to run, with a script or without.
    pub(super) runs: bool,
}

/// The scripts of a folder's `package.json`.
pub(super) fn scripts(folder: Folder<'_>) -> Scripts {
    let package: Value = serde_json::from_str(folder.text("package.json")).unwrap_or_default();
    let start = script(&package, "start").is_some();
    Scripts {
        build: script(&package, "build").is_some(),
        start,
        runs: start || main(folder, &package).is_some(),
    }
}

fn script<'a>(package: &'a Value, name: &str) -> Option<&'a str> {
    package
        .get("scripts")?
        .get(name)?
        .as_str()
        .filter(|script| !script.trim().is_empty())
}

/// What `node` starts where there is no `start` script.
fn main(folder: Folder<'_>, package: &Value) -> Option<String> {
    let named = package.get("main").and_then(Value::as_str);
    let named = named
        .map(|main| main.trim_start_matches("./"))
        .filter(|main| folder.has(main));
    let usual = [
        "server.js",
        "index.js",
        "app.js",
        "server.mjs",
        "index.mjs",
        "main.js",
    ];
    named
        .or_else(|| usual.into_iter().find(|name| folder.has(name)))
        .map(str::to_owned)
}

/// Folders that tools write a site to.
const SITES: [(&str, &str); 6] = [
    ("vite", "dist"),
    ("react-scripts", "build"),
    ("@vue/cli-service", "dist"),
    ("@11ty/eleventy", "_site"),
    ("gatsby", "public"),
    ("astro", "dist"),
];

enum Tool {
    Npm,
    Pnpm(String),
    Yarn,
    /// Yarn 2 and later, which Corepack brings.
    Berry,
}

pub(super) fn make(folder: Folder<'_>) -> Outcome {
    let package: Value = match serde_json::from_str(folder.text("package.json")) {
        Ok(package) => package,
        Err(error) => return incomplete(Lang::Node, format!("its package.json cannot be read: {error}")),
    };
    let engines = package.get("engines").and_then(|engines| engines.get("node"));
    let engines = Said::json(folder, "package.json", engines, &["\"engines\"", "\"node\""]);
    let version = version::node(folder, engines)?;
    let tool = match tool(folder, &package) {
        Ok(tool) => tool,
        Err(what) => return incomplete(Lang::Node, what),
    };
    let build = script(&package, "build").is_some();
    // What these need may be anything of the project's, packages for development included.
    let at_install = ["preinstall", "install", "postinstall", "prepare"]
        .iter()
        .any(|name| script(&package, name).is_some());
    let develops = build || at_install;
    let site = output(&package).filter(|_| build && folder.web().is_none());
    let mut file = Dockerfile::default();
    file.line(format!("FROM node:{}-bookworm AS build", version.number));
    file.line("WORKDIR /app");
    if at_install {
        file.copy("", &[folder.source()], "./");
    }
    install(&mut file, folder, &package, &tool, develops, at_install);
    if !at_install {
        file.copy("", &[folder.source()], "./");
    }
    if build {
        file.run(&[], format!("{} run build", tool.program()));
    }
    if let Some(site) = site {
        file.line("");
        file.line("FROM caddy:2");
        file.line("WORKDIR /srv");
        file.line(format!("COPY --from=build /app/{site}/ ./"));
        site::serve(&mut file, true);
        return Ok(Made {
            version: Some(version),
            runs: format!("{} run build, the site in {site}", tool.program()),
            dockerfile: file,
        });
    }
    let (command, told) = match start(folder, &package) {
        Ok(start) => start,
        Err(what) => return incomplete(Lang::Node, what),
    };
    if develops {
        prune(&mut file, &tool);
    }
    finish(&mut file, &version, &command);
    let before = if build {
        format!("{} run build, ", tool.program())
    } else {
        String::new()
    };
    Ok(Made {
        version: Some(version),
        runs: format!("{}, {before}{told}", tool.program()),
        dockerfile: file,
    })
}

fn finish(file: &mut Dockerfile, version: &Version, command: &str) {
    file.line("");
    file.line(format!("FROM node:{}-bookworm-slim", version.number));
    file.line("ENV HOME=/app NODE_ENV=production PATH=/app/node_modules/.bin:$PATH");
    file.own("--from=build", "/app/", "1000:1000");
    file.end("1000:1000", command);
}

/// Where a site's tool writes it, when there is no server in the project.
fn output(package: &Value) -> Option<&'static str> {
    let has = |name: &str| {
        ["dependencies", "devDependencies"]
            .iter()
            .any(|list| package.get(*list).is_some_and(|list| list.get(name).is_some()))
    };
    let start = script(package, "start").unwrap_or("");
    // These tools' own `start` is a server to develop with.
    let develops = [
        "react-scripts start",
        "vite",
        "vite dev",
        "astro dev",
        "gatsby develop",
        "vue-cli-service serve",
    ];
    let serves = !start.is_empty() && !develops.contains(&start.trim());
    let server_side = [
        "@astrojs/node",
        "@sveltejs/kit",
        "@remix-run/node",
        "nuxt",
        "next",
        "express",
    ];
    if serves || server_side.iter().any(|name| has(name)) {
        return None;
    }
    SITES
        .iter()
        .find(|(tool, _)| has(tool))
        .map(|(_, folder)| *folder)
}

/// The command that starts it, and how it is told.
fn start(folder: Folder<'_>, package: &Value) -> Result<(String, String), String> {
    if let Some(web) = folder.web() {
        return Ok(web);
    }
    if let Some(start) = script(package, "start") {
        let start = start.trim();
        let managers = ["npm", "npx", "yarn", "pnpm"];
        let is_one = program(start).is_some_and(|program| !managers.contains(&program.as_str()));
        // What npm alone knows: its variables, and what goes before.
        let is_npms = start.contains("$npm_") || script(package, "prestart").is_some();
        let command = start.parse::<Command>().ok().filter(|_| is_one && !is_npms);
        // Without npm in between, signals reach the server itself.
        return Ok(match command {
            Some(command) => (exec(command.words()), start.to_owned()),
            None => (exec(&["npm", "start"]), "npm start".to_owned()),
        });
    }
    match main(folder, package) {
        Some(main) => Ok((exec(&["node", &main]), format!("node {main}"))),
        None => Err(
            "nothing says how it is started: add a `start` script to package.json, `web:` to a Procfile, or a Dockerfile".to_owned(),
        ),
    }
}

fn tool(folder: Folder<'_>, package: &Value) -> Result<Tool, String> {
    let manager = package
        .get("packageManager")
        .and_then(Value::as_str)
        .unwrap_or("");
    let (name, number) = manager.split_once('@').unwrap_or((manager, ""));
    // Behind a + is a checksum.
    let number = number.split('+').next().unwrap_or("");
    let berry = || {
        folder.has(".yarnrc.yml")
            || number
                .split('.')
                .next()
                .is_some_and(|major| !matches!(major, "" | "0" | "1"))
    };
    Ok(match name {
        "pnpm" if number.is_empty() => Tool::Pnpm(
            tools::pinned_version(folder, "pnpm").unwrap_or_else(|| tools::version("pnpm").to_owned()),
        ),
        // npm takes what was meant, an exact version or not.
        "pnpm" if number.chars().all(|c| c.is_ascii_graphic()) => Tool::Pnpm(number.to_owned()),
        "pnpm" => {
            return Err(format!(
                "packageManager in its package.json is {manager:?}, which names no version of pnpm: write pnpm@10.4.1"
            ));
        }
        "yarn" if berry() => Tool::Berry,
        "yarn" => Tool::Yarn,
        "npm" => Tool::Npm,
        _ if folder.has("pnpm-lock.yaml") => {
            // Each pnpm writes its own form of lock file, and reads no newer one.
            let lock = folder.text("pnpm-lock.yaml");
            let form = lock
                .lines()
                .find_map(|line| line.strip_prefix("lockfileVersion:"));
            let form = form.unwrap_or("").trim().trim_matches(['\'', '"']);
            let of_lock = match form.split('.').next() {
                Some("5") => "pnpm 7",
                Some("6") => "pnpm 8",
                _ => "pnpm",
            };
            Tool::Pnpm(
                tools::pinned_version(folder, "pnpm").unwrap_or_else(|| tools::version(of_lock).to_owned()),
            )
        }
        _ if folder.has("yarn.lock") && berry() => Tool::Berry,
        _ if folder.has("yarn.lock") => Tool::Yarn,
        _ => Tool::Npm,
    })
}

impl Tool {
    fn program(&self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm(_) => "pnpm",
            Self::Yarn | Self::Berry => "yarn",
        }
    }
}

/// Dependencies before sources, unless these are there already; a build needs those for development too.
fn install(
    file: &mut Dockerfile,
    folder: Folder<'_>,
    package: &Value,
    tool: &Tool,
    develops: bool,
    copied: bool,
) {
    let names: &[&str] = match tool {
        Tool::Npm => &[
            "package.json",
            "package-lock.json",
            "npm-shrinkwrap.json",
            ".npmrc",
        ],
        Tool::Pnpm(_) => &["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"],
        Tool::Yarn | Tool::Berry => &["package.json", "yarn.lock", ".yarnrc", ".yarnrc.yml"],
    };
    let there = folder.those(names);
    match tool {
        Tool::Pnpm(number) => file.run(
            &["/root/.npm"],
            format!("npm install --global {}", quoted(&format!("pnpm@{number}"))),
        ),
        Tool::Berry => file.run(
            &["/root/.npm"],
            format!(
                "npm install --global --force corepack@{} && corepack enable",
                tools::version("corepack")
            ),
        ),
        Tool::Npm | Tool::Yarn => {}
    }
    if !copied {
        manifests(file, folder, package, &there);
    }
    let locked = |lock: &str| there.contains(&lock);
    let all = |development: &str| {
        if develops {
            String::new()
        } else {
            format!(" {development}")
        }
    };
    match tool {
        Tool::Npm if locked("package-lock.json") || locked("npm-shrinkwrap.json") => {
            file.run(&["/root/.npm"], format!("npm ci{}", all("--omit=dev")));
        }
        Tool::Npm => file.run(&["/root/.npm"], format!("npm install{}", all("--omit=dev"))),
        Tool::Pnpm(_) => {
            let frozen = if locked("pnpm-lock.yaml") {
                " --frozen-lockfile"
            } else {
                ""
            };
            file.run(
                &["/root/.local/share/pnpm/store"],
                format!("pnpm install{frozen}{}", all("--prod")),
            );
        }
        Tool::Yarn => {
            let frozen = if locked("yarn.lock") {
                " --frozen-lockfile"
            } else {
                ""
            };
            file.run(
                &["/usr/local/share/.cache/yarn"],
                format!("yarn install{frozen}{}", all("--production")),
            );
        }
        Tool::Berry => {
            let frozen = if locked("yarn.lock") { " --immutable" } else { "" };
            file.run(&["/root/.yarn/berry/cache"], format!("yarn install{frozen}"));
        }
    }
}

/// What an install reads: the files of its tool, and what a lock's install scripts, patches and local packages need.
fn manifests(file: &mut Dockerfile, folder: Folder<'_>, package: &Value, there: &[&str]) {
    folder.copy_files(file, there, "./");
    let mut extras: BTreeSet<&str> = [
        "prisma",
        "patches",
        ".yarn/cache",
        ".yarn/releases",
        ".yarn/patches",
        ".yarn/plugins",
    ]
    .into();
    let workspaces = folder.has("pnpm-workspace.yaml") || package.get("workspaces").is_some();
    if workspaces {
        extras.insert("packages");
    }
    let mut files = BTreeSet::new();
    for local in local_packages(package) {
        // An archive's own dependencies lie beside it.
        match local.rsplit_once('/') {
            _ if folder.has_folder(local) => extras.insert(local),
            Some((beside, _)) if folder.has(local) => extras.insert(beside),
            None if folder.has(local) => files.insert(folder.full(local)),
            _ => false,
        };
    }
    if !files.is_empty() {
        let files: Vec<String> = files.into_iter().collect();
        file.copy("", &files, "./");
    }
    for extra in extras {
        folder.copy_folder(file, extra);
    }
}

/// The packages that the project has itself: `file:vendor/shop-1.0.tgz`, a folder or an archive.
fn local_packages(package: &Value) -> impl Iterator<Item = &str> {
    ["dependencies", "devDependencies", "optionalDependencies"]
        .into_iter()
        .filter_map(|list| package.get(list)?.as_object())
        .flat_map(serde_json::Map::values)
        .filter_map(|asked| {
            let path = asked.as_str()?.strip_prefix("file:")?;
            Some(path.trim_start_matches("./").trim_end_matches('/'))
        })
        .filter(|path| !path.is_empty() && path.split('/').all(|part| part != ".."))
}

/// Takes what only the build needed away.
fn prune(file: &mut Dockerfile, tool: &Tool) {
    match tool {
        Tool::Npm => file.run(&["/root/.npm"], "npm prune --omit=dev --ignore-scripts"),
        Tool::Pnpm(_) => file.run(
            &["/root/.local/share/pnpm/store"],
            "CI=true pnpm prune --prod --ignore-scripts",
        ),
        Tool::Yarn => file.run(
            &["/usr/local/share/.cache/yarn"],
            "yarn install --production --ignore-scripts --prefer-offline",
        ),
        // Its own command for this, `workspaces focus`, is not in every version.
        Tool::Berry => {}
    }
}
