//! `.dockerignore`: which of a folder's files a build gets.
//!
//! Docker's rules (docs.docker.com, "dockerignore file"): patterns are rooted at the folder, `*`, `?` and `[]`
//! do not cross a `/`, `**` does; a pattern that matches a folder takes everything in it; the last pattern that
//! matches decides, and one that begins with `!` brings back.

use globset::{GlobBuilder, GlobMatcher};

/// A parsed `.dockerignore`.
#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
    any_exception: bool,
}

#[derive(Debug)]
struct Pattern {
    itself: GlobMatcher,
    below: GlobMatcher,
    brings_back: bool,
}

impl Ignore {
    /// Reads the text of a `.dockerignore`; the error names the line that is no pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ignore = Self::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (brings_back, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let parts: Vec<&str> = pattern
                .split('/')
                .filter(|part| !matches!(*part, "" | "."))
                .collect();
            if parts.is_empty() {
                continue;
            }
            let pattern = without_braces(&parts.join("/"));
            let glob = |pattern: &str| {
                GlobBuilder::new(pattern)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
                    .map(|glob| glob.compile_matcher())
                    .map_err(|error| format!("line {}: {error}", index + 1))
            };
            let below = glob(&format!("{pattern}/**"))?;
            ignore.patterns.push(Pattern {
                itself: glob(&pattern)?,
                below,
                brings_back,
            });
            ignore.any_exception |= brings_back;
        }
        Ok(ignore)
    }

    /// Whether a file or folder, given relative to the top, is left out.
    pub fn leaves_out(&self, path: &str) -> bool {
        let mut out = false;
        for pattern in &self.patterns {
            if pattern.brings_back == out && (pattern.itself.is_match(path) || pattern.below.is_match(path)) {
                out = !pattern.brings_back;
            }
        }
        out
    }

    /// Whether something in a left-out folder may be brought back, so that one has to look.
    pub fn may_bring_back(&self) -> bool {
        self.any_exception
    }
}

/// Braces are letters to Docker, and alternatives to the matcher.
fn without_braces(pattern: &str) -> String {
    let (mut letters, mut taken) = (String::with_capacity(pattern.len()), false);
    for letter in pattern.chars() {
        if matches!(letter, '{' | '}') && !taken {
            letters.push('\\');
        }
        taken = letter == '\\' && !taken;
        letters.push(letter);
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(text: &str, path: &str) -> bool {
        Ignore::parse(text).expect("patterns").leaves_out(path)
    }

    #[test]
    fn dockers_own_examples() {
        let temp = "# comment\n*/temp*\n*/*/temp*\ntemp?\n";
        for path in [
            "somedir/temporary.txt",
            "somedir/temp",
            "somedir/subdir/temporary.txt",
            "tempa",
        ] {
            assert!(out(temp, path), "{path}");
        }
        for path in ["temporary.txt", "a/b/c/temp", "temp", "temp/a"] {
            assert!(!out(temp, path), "{path}");
        }
        assert!(out("**/*.go", "a/b/c.go") && out("**/*.go", "c.go"));
        let readme = "*.md\n!README*.md\nREADME-secret.md";
        assert!(out(readme, "x.md") && !out(readme, "README.md") && out(readme, "README-secret.md"));
        let all = "*.md\nREADME-secret.md\n!README*.md";
        assert!(!out(all, "README-secret.md"));
    }

    #[test]
    fn folders_take_what_is_in_them() {
        assert!(out("/target/", "target/debug/x") && out("target", "target") && !out("target", "a/target"));
        assert!(out("**/node_modules", "a/b/node_modules/x/y"));
        let but = "docs\n!docs/keep.md";
        assert!(out(but, "docs/a.md") && !out(but, "docs/keep.md"));
        assert!(out("*", "anything/at/all"));
        assert!(!out("", "x") && !out("\n#x\n.\n/\n", "x"));
        assert!(Ignore::parse("a\n[").is_err_and(|error| error.starts_with("line 2")));
    }
}
