//! Whether what the pages point at is there: files, and headings in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{below_root, root};

fn pages() -> Vec<PathBuf> {
    let of = |folder: PathBuf| {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect::<Vec<_>>()
    };
    let mut all = of(root().to_owned());
    all.extend(of(root().join("docs")));
    all
}

/// What stands between `](` and `)`, outside of code blocks.
fn targets(text: &str) -> Vec<String> {
    let mut code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if !code {
            found.extend(
                line.split("](")
                    .skip(1)
                    .filter_map(|rest| rest.split_once(')'))
                    .map(|(target, _)| target.to_owned()),
            );
        }
    }
    found
}

/// The anchors that headings get: lower case, a dash for each space, other signs left out.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        }
        if let Some(heading) = line.strip_prefix('#').filter(|_| !code) {
            let anchor = heading.trim_start_matches('#').trim().to_lowercase();
            found.insert(
                anchor
                    .chars()
                    .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                    .map(|c| if c == ' ' { '-' } else { c })
                    .collect(),
            );
        }
    }
    found
}

fn problem(page: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        page.to_owned()
    } else {
        page.parent().unwrap_or(root()).join(file)
    };
    if !path.exists() {
        return Some(format!("{}: {target} is not there", below_root(page)));
    }
    let heads = if file.is_empty() {
        anchors(text)
    } else {
        anchors(&fs::read_to_string(&path).unwrap_or_default())
    };
    (!anchor.is_empty() && !heads.contains(anchor))
        .then(|| format!("{}: there is no heading for {target}", below_root(page)))
}

#[test]
fn what_the_pages_point_at_is_there() {
    let mut problems = Vec::new();
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let targets = targets(&text);
        links += targets.len();
        problems.extend(targets.iter().filter_map(|target| problem(&page, &text, target)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(links > 50, "only {links} links were found: are they looked for?");
}
