//! The tools that generated Dockerfiles install, each in one version: a build is not another one because somebody has
//! published something. What the project's own files say comes first.

use super::Folder;

/// A tool, and its version, as of November 2026. They run on every version of their languages that is known here: newer ones
/// of some of them do not.
const TOOLS: [(&str, &str); 10] = [
    ("composer", "2.10.2"),
    ("corepack", "0.32.0"),
    ("gunicorn", "23.0.0"),
    ("pipenv", "2025.0.4"),
    ("pnpm", "10.18.3"),
    // For the lock files of older ones.
    ("pnpm 7", "7.33.7"),
    ("pnpm 8", "8.15.9"),
    ("poetry", "2.2.1"),
    ("uv", "0.13.9"),
    ("uvicorn", "0.38.0"),
];

/// Yarn of the first kind, which is no longer changed.
pub(super) const YARN: &str = "1.22.22";

/// The version of a tool.
pub(super) fn version(tool: &str) -> &'static str {
    let found = TOOLS.iter().find(|(name, _)| *name == tool);
    found.map_or("", |(_, version)| version)
}

/// What a project's `.tool-versions` says of a tool, where that is one version.
pub(super) fn said(folder: Folder<'_>, tool: &str) -> Option<String> {
    let top = Folder { path: "", ..folder };
    [folder, top].iter().find_map(|folder| {
        folder.text(".tool-versions").lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let number = words
                .next()
                .filter(|name| *name == tool)
                .and_then(|_| words.next())?;
            is_version(number).then(|| number.to_owned())
        })
    })
}

/// Whether a text is a version and nothing else.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
}

/// What pip installs of a tool: `spec` is what the project asks for, `>=2.0`; `python` is the version it runs on.
pub(super) fn pip(folder: Folder<'_>, tool: &str, spec: Option<&str>, python: &str) -> String {
    if let Some(number) = said(folder, tool) {
        return format!("{tool}=={number}");
    }
    let good = |c: char| c.is_ascii_alphanumeric() || ".,<>=!~* ".contains(c);
    let spec = spec
        .map(str::trim)
        .filter(|spec| !spec.is_empty() && spec.chars().all(good));
    if let Some(spec) = spec {
        let exact = if is_version(spec) { "==" } else { "" };
        return format!("'{tool}{exact}{spec}'");
    }
    // Versions of Python that these do not run on any more have older ones.
    let minor = python.strip_prefix("3.").and_then(|rest| rest.split('.').next());
    let is_old = minor
        .and_then(|minor| minor.parse().ok())
        .is_some_and(|minor: u32| minor < 9);
    if is_old {
        format!("'{tool}<={}'", version(tool))
    } else {
        format!("{tool}=={}", version(tool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_one_version() {
        for (tool, number) in TOOLS {
            assert_eq!(version(tool), number);
            assert!(is_version(number) && number.split('.').count() == 3, "{tool}");
        }
    }
}
