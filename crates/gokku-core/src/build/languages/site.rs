//! A static site: its files, served by Caddy.

use super::dockerfile::{Dockerfile, quoted, shell};
use super::{Folder, Lang, Made, Outcome, incomplete};

/// What is no part of a site, wherever it lies.
const HIDDEN: &str = ".git* .env* .gokku* .dockerignore Dockerfile gokku.yml Procfile";

pub(super) fn is(folder: Folder<'_>) -> bool {
    folder.has("index.html") || folder.has("public/index.html")
}

pub(super) fn make(folder: Folder<'_>) -> Outcome {
    let from = if folder.has("index.html") {
        folder.source()
    } else if folder.has("public/index.html") {
        format!("{}/", folder.full("public"))
    } else {
        return incomplete(Lang::Static, "there is no index.html");
    };
    let mut file = Dockerfile::default();
    file.line("FROM caddy:2");
    file.line("WORKDIR /srv");
    file.copy("", std::slice::from_ref(&from), "./");
    serve(&mut file, false);
    Ok(Made {
        version: None,
        runs: if from == "." { String::new() } else { from },
        dockerfile: file,
    })
}

/// The last lines of an image whose `/srv` is a site. One page for every path, where the pages are made in the browser.
pub(super) fn serve(file: &mut Dockerfile, one_page: bool) {
    let mut lines = vec![
        "{".to_owned(),
        "admin off".to_owned(),
        "}".to_owned(),
        ":{$PORT} {".to_owned(),
        "root * /srv".to_owned(),
        "encode zstd gzip".to_owned(),
    ];
    if one_page {
        lines.push("try_files {path} {path}/index.html /index.html".to_owned());
    }
    lines.push("file_server {".to_owned());
    lines.push(format!("hide {HIDDEN}"));
    lines.push("}".to_owned());
    lines.push("}".to_owned());
    let lines: Vec<String> = lines.iter().map(|line| quoted(line)).collect();
    // gokku asks for /health; a site that has none is healthy when it answers.
    file.run(
        &[],
        format!(
            "printf '%s\\n' {} > /etc/caddy/Caddyfile \\\n    && {{ test -e health || echo healthy > health; }}",
            lines.join(" ")
        ),
    );
    // It keeps nothing, and still wants places to keep things in.
    file.line("ENV XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp");
    file.end(
        "1000:1000",
        &shell("exec caddy run --config /etc/caddy/Caddyfile --adapter caddyfile"),
    );
}
