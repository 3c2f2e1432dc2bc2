//! Rust: a package's program on a small Debian.

use super::dockerfile::{Dockerfile, exec, quoted};
use super::version;
use super::{Folder, Lang, Made, Outcome, incomplete, is_program_name};
use crate::config::gokku_yml::AppConfig;

pub(super) fn make(folder: Folder<'_>, config: &AppConfig) -> Outcome {
    let manifest = folder.toml("Cargo.toml", Lang::Rust)?;
    let name = name(folder, &manifest, config)?;
    let member = folder;
    let (folder, member) = match workspace_of(folder) {
        Some(top) => (top, Some(member)),
        None => (folder, None),
    };
    let version = version::rust(folder)?;
    let lock = folder.text("Cargo.lock");
    let openssl = lock.contains("name = \"openssl-sys\"");
    let mut file = Dockerfile::default();
    // The full image has OpenSSL's headers; the small one builds everything else.
    let image = if openssl { "bookworm" } else { "slim-bookworm" };
    file.line(format!("FROM rust:{}-{image} AS build", version.number));
    file.line("WORKDIR /src");
    let locked = if lock.is_empty() { "" } else { " --locked" };
    let caches = ["/usr/local/cargo/registry", "/usr/local/cargo/git"];
    // Without sources cargo asks for a target; a workspace or a build of several parts needs all of its manifests. With
    // its packages in the project, there is nothing to fetch.
    let simple = member.is_none()
        && !manifest.contains_key("workspace")
        && !has_path_dependency(&manifest)
        && !folder.has_folder("vendor")
        && !lock.is_empty();
    if simple {
        let manifests = [
            "Cargo.toml",
            "Cargo.lock",
            "rust-toolchain",
            "rust-toolchain.toml",
        ];
        folder.copy_files(&mut file, &manifests, "./");
        folder.copy_folder(&mut file, ".cargo");
        let (targets, folders) = targets(&manifest);
        file.run(
            &caches,
            format!("mkdir -p {folders} && touch {targets} && cargo fetch{locked} && rm {targets}"),
        );
    }
    file.copy("", &[folder.source()], "./");
    let manifest_path = member.map_or_else(String::new, |member| {
        let below = member
            .path
            .strip_prefix(folder.path)
            .unwrap_or("")
            .trim_start_matches('/');
        format!(" --manifest-path {}", quoted(&format!("{below}/Cargo.toml")))
    });
    file.run(
        // One build at a time: a build of the same app that was given up may still run.
        &[caches[0], caches[1], "/src/target,sharing=locked"],
        // Files come into a build without their times, and cargo goes by these.
        format!(
            "find . -path ./target -prune -o -type f -exec touch {{}} + \\\n    && cargo build --release{locked}{manifest_path} --bin {} \\\n    && mkdir -p /out && cp {} /out/",
            quoted(&name),
            quoted(&format!("target/release/{name}"))
        ),
    );
    file.line("");
    file.line("FROM debian:bookworm-slim");
    if openssl {
        file.install(&["libssl3"]);
    }
    file.line("WORKDIR /app");
    file.line("COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/");
    file.line("COPY --from=build /out/ ./");
    member.unwrap_or(folder).copy_read_at_run_time(&mut file);
    file.end("1000:1000", &exec(&[format!("/app/{name}")]));
    Ok(Made {
        version: Some(version),
        runs: name,
        dockerfile: file,
    })
}

/// The folder above whose workspace a package belongs to: its lock, its settings and its other packages are there.
fn workspace_of(member: Folder<'_>) -> Option<Folder<'_>> {
    let mut path = member.path;
    while !path.is_empty() {
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
        let above = Folder { path, ..member };
        let manifest: Option<toml::Table> = above.text("Cargo.toml").parse().ok();
        if manifest.is_some_and(|manifest| manifest.contains_key("workspace")) {
            return Some(above);
        }
    }
    None
}

/// The files that stand for the package's targets, and their folders, as a shell takes them.
fn targets(manifest: &toml::Table) -> (String, String) {
    let mut paths = vec!["src/main.rs".to_owned(), "src/lib.rs".to_owned()];
    let lists = ["bin", "example", "bench", "test"];
    let named = lists.iter().filter_map(|list| manifest.get(*list)?.as_array());
    let tables = named.flatten().chain(manifest.get("lib"));
    for table in tables {
        if let Some(path) = table.get("path").and_then(toml::Value::as_str) {
            paths.push(path.to_owned());
        }
    }
    let bins = manifest.get("bin").and_then(toml::Value::as_array);
    for bin in bins.into_iter().flatten() {
        if let (Some(name), None) = (bin.get("name").and_then(toml::Value::as_str), bin.get("path")) {
            paths.push(format!("src/bin/{name}.rs"));
        }
    }
    if let Some(build) = manifest
        .get("package")
        .and_then(|package| package.get("build")?.as_str())
    {
        paths.push(build.to_owned());
    }
    let inside = |path: &String| !path.starts_with(['/', '-']) && path.split('/').all(|part| part != "..");
    paths.retain(inside);
    paths.sort();
    paths.dedup();
    let mut folders: Vec<&str> = paths
        .iter()
        .map(|path| path.rsplit_once('/').map_or(".", |(folder, _)| folder))
        .collect();
    folders.dedup();
    let folders: Vec<String> = folders.iter().map(|folder| quoted(folder)).collect();
    let targets: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
    (targets.join(" "), folders.join(" "))
}

fn has_path_dependency(manifest: &toml::Table) -> bool {
    [
        "dependencies",
        "build-dependencies",
        "dev-dependencies",
        "patch",
        "target",
    ]
    .iter()
    .filter_map(|table| manifest.get(*table))
    .any(has_path)
}

fn has_path(value: &toml::Value) -> bool {
    value
        .as_table()
        .is_some_and(|table| table.iter().any(|(key, value)| key == "path" || has_path(value)))
}

/// The program: `binary_name`, or the package's only one.
fn name(folder: Folder<'_>, manifest: &toml::Table, config: &AppConfig) -> Result<String, super::Undetected> {
    if let Some(name) = &config.binary_name {
        return Ok(name.clone());
    }
    let Some(package) = manifest.get("package") else {
        return incomplete(
            Lang::Rust,
            "its Cargo.toml is a workspace's: name the program with `binary_name:` in gokku.yml",
        );
    };
    let text =
        |value: &toml::Value, key: &str| value.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let own = text(package, "name").unwrap_or_default();
    let mut programs: Vec<String> = manifest
        .get("bin")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|bin| text(bin, "name"))
        .collect();
    let in_bin = folder.files().filter_map(|file| {
        let rest = file.strip_prefix("src/bin/")?;
        rest.strip_suffix("/main.rs").or_else(|| rest.strip_suffix(".rs"))
    });
    programs.extend(in_bin.filter(|name| !name.contains('/')).map(str::to_owned));
    if folder.has("src/main.rs") && manifest.get("bin").is_none() {
        programs.push(own);
    }
    programs.sort();
    programs.dedup();
    if let Some(name) = text(package, "default-run").or_else(|| match programs.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }) {
        if is_program_name(&name) {
            return Ok(name);
        }
        return incomplete(
            Lang::Rust,
            format!("its program's name, {name:?}, cannot be: it is letters, digits, ., _ and -"),
        );
    }
    if programs.is_empty() {
        return incomplete(
            Lang::Rust,
            "there is no src/main.rs and no other program in it: add one, or a Dockerfile",
        );
    }
    incomplete(
        Lang::Rust,
        format!(
            "it has several programs: {}. Say which with `binary_name:` in gokku.yml",
            programs.join(", ").escape_debug()
        ),
    )
}
