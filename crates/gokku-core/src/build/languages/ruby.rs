//! Ruby: Rails, and whatever else has a `config.ru`.

use super::dockerfile::{Dockerfile, shell};
use super::{Folder, Lang, Made, Outcome, incomplete};
use super::{tools, version};

/// Libraries that gems need when they run, and small images lack.
const LIBRARIES: [(&str, &str); 4] = [
    ("pg", "libpq5"),
    ("mysql2", "libmariadb3"),
    ("ruby-vips", "libvips42"),
    ("image_processing", "libvips42"),
];

pub(super) fn make(folder: Folder<'_>) -> Outcome {
    let rails = has_gem(folder, "rails") && folder.has("config/application.rb");
    let version = version::ruby(folder)?;
    let (command, told) = if let Some(web) = folder.web() {
        web
    } else if !folder.has("config.ru") {
        return incomplete(
            Lang::Ruby,
            "there is no config.ru: add one, `web:` to a Procfile, or a Dockerfile",
        );
    } else if has_gem(folder, "puma") {
        (
            shell("exec bundle exec puma -b \"tcp://0.0.0.0:$PORT\""),
            "puma".to_owned(),
        )
    } else {
        (
            shell("exec bundle exec rackup --host 0.0.0.0 --port \"$PORT\" config.ru"),
            "rackup".to_owned(),
        )
    };
    let locked = folder.has("Gemfile.lock");
    let javascript = rails && folder.has("package.json");
    let mut file = Dockerfile::default();
    if javascript {
        let node = version::node(folder, None)?;
        file.line(format!("FROM node:{}-bookworm-slim AS node", node.number));
        file.line("");
    }
    file.line(format!("FROM ruby:{}-bookworm AS build", version.number));
    file.line("WORKDIR /app");
    let environment = environment(rails, locked);
    file.line(&environment);
    if javascript {
        file.line("COPY --from=node /usr/local/bin/node /usr/local/bin/");
        file.line("COPY --from=node /usr/local/lib/node_modules/ /usr/local/lib/node_modules/");
        file.line("RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx");
    }
    let copied = has_own_gems(folder);
    if copied {
        file.copy("", &[folder.source()], "./");
    } else {
        let manifests = ["Gemfile", "Gemfile.lock", ".ruby-version", ".tool-versions"];
        folder.copy_files(&mut file, &manifests, "./");
        // Where Bundler finds gems, it asks nobody else.
        folder.copy_folder(&mut file, "vendor/cache");
    }
    file.line("ENV BUNDLE_GLOBAL_GEM_CACHE=true");
    file.run(
        &["/root/.bundle/cache"],
        "bundle install && rm -rf /bundle/ruby/*/cache",
    );
    if javascript {
        packages(&mut file, folder);
    }
    if !copied {
        file.copy("", &[folder.source()], "./");
    }
    if rails && (folder.has_folder("app/assets") || folder.has_folder("app/javascript")) {
        // Rails asks for a secret; what it is does not matter to assets, and it stays out of the image.
        file.run(
            &[],
            "SECRET_KEY_BASE_DUMMY=1 SECRET_KEY_BASE=for-the-build-only bundle exec rails assets:precompile && rm -rf node_modules tmp/cache",
        );
    }
    file.line("");
    file.line(format!("FROM ruby:{}-slim-bookworm", version.number));
    file.install_for(&LIBRARIES, |gem| has_gem(folder, gem));
    file.line(format!("{environment} HOME=/app"));
    file.line("COPY --from=build /bundle/ /bundle/");
    file.own("--from=build", "/app/", "1000:1000");
    file.end("1000:1000", &command);
    let kind = if rails { "Rails" } else { "Rack" };
    Ok(Made {
        version: Some(version),
        runs: format!("{kind}, {told}"),
        dockerfile: file,
    })
}

fn environment(rails: bool, locked: bool) -> String {
    let mut environment =
        "ENV BUNDLE_PATH=/bundle BUNDLE_WITHOUT=development:test RACK_ENV=production".to_owned();
    if locked {
        environment.push_str(" BUNDLE_DEPLOYMENT=1");
    }
    if rails {
        environment.push_str(" RAILS_ENV=production RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1");
    }
    environment
}

/// What jsbundling, cssbundling and Webpacker need of npm or Yarn.
fn packages(file: &mut Dockerfile, folder: Folder<'_>) {
    folder.copy_files(file, &["package.json", "package-lock.json", "yarn.lock"], "./");
    if folder.has("yarn.lock") {
        file.run(
            &["/root/.npm", "/usr/local/share/.cache/yarn"],
            format!(
                "npm install --global yarn@{} && yarn install --frozen-lockfile",
                yarn(folder)
            ),
        );
    } else if folder.has("package-lock.json") {
        file.run(&["/root/.npm"], "npm ci");
    } else {
        file.run(&["/root/.npm"], "npm install");
    }
}

/// The version of Yarn that `packageManager` or `.tool-versions` says, of the first kind.
fn yarn(folder: Folder<'_>) -> String {
    let package: serde_json::Value = serde_json::from_str(folder.text("package.json")).unwrap_or_default();
    let manager = package.get("packageManager").and_then(serde_json::Value::as_str);
    let said = manager.and_then(|manager| manager.strip_prefix("yarn@"));
    let said = said.and_then(|said| said.split('+').next()).map(str::to_owned);
    let said = said
        .or_else(|| tools::pinned_version(folder, "yarn"))
        .filter(|said| {
            let numbers = said
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
            said.starts_with("1.") && numbers
        });
    said.unwrap_or_else(|| tools::YARN.to_owned())
}

/// Whether gems of the bundle lie in the project itself: they are read when it is installed.
fn has_own_gems(folder: Folder<'_>) -> bool {
    folder.text("Gemfile").lines().map(str::trim_start).any(|line| {
        line == "gemspec"
            || line.starts_with("gemspec ")
            || line.starts_with("path ")
            || line.starts_with("gem") && (line.contains(" path:") || line.contains(":path "))
    })
}

/// Whether the lock, or else the Gemfile, has a gem.
fn has_gem(folder: Folder<'_>, name: &str) -> bool {
    let locked = folder.text("Gemfile.lock").lines().any(|line| {
        let line = line.trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" ("))
    });
    let asked = folder.text("Gemfile").lines().any(|line| {
        let rest = line
            .trim_start()
            .strip_prefix("gem")
            .unwrap_or("")
            .trim_start_matches([' ', '(']);
        let rest = rest
            .strip_prefix(['"', '\''])
            .and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['"', '\'']))
    });
    locked || asked
}
