//! A Dockerfile, written line by line.
//!
//! Nothing of the project's reaches a shell unquoted: words go through `quoted`, commands through `exec`.

use std::fmt::Write;

use super::PORT;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Text(String),
    Run {
        caches: Vec<&'static str>,
        command: String,
    },
}

/// A Dockerfile that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    lines: Vec<Line>,
}

impl Dockerfile {
    /// A line as it is; an empty one between stages.
    pub(super) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(Line::Text(line.into()));
    }

    /// `RUN`, in a shell: what is not ours in the command has been [`quoted`].
    pub(super) fn run(&mut self, caches: &[&'static str], command: impl Into<String>) {
        self.lines.push(Line::Run {
            caches: caches.to_vec(),
            command: command.into(),
        });
    }

    /// `COPY` of files into a folder.
    pub(super) fn copy(&mut self, options: &str, from: &[String], to: &str) {
        let words: Vec<&str> = from.iter().map(String::as_str).chain([to]).collect();
        // A `$` is a variable in COPY, and a `*` a pattern.
        let words: Vec<String> = words.iter().map(|word| literal(word)).collect();
        let options = if options.is_empty() {
            String::new()
        } else {
            format!("{options} ")
        };
        self.line(format!("COPY {options}{}", exec(&words)));
    }

    /// Debian's packages, and nothing else of them.
    pub(super) fn install(&mut self, packages: &[&str]) {
        if !packages.is_empty() {
            let packages = packages.join(" ");
            self.run(
                &[],
                format!(
                    "apt-get update && apt-get install -y --no-install-recommends {packages} && rm -rf /var/lib/apt/lists/*"
                ),
            );
        }
    }

    /// The Debian packages that a project's own packages need when they run: `known` has both names of each.
    pub(super) fn install_for(&mut self, known: &[(&str, &'static str)], has: impl Fn(&str) -> bool) {
        let needed = known.iter().filter(|(package, _)| has(package));
        let mut packages: Vec<&str> = needed.map(|(_, package)| *package).collect();
        packages.dedup();
        self.install(&packages);
    }

    /// The app's folder in the last stage, where programs write beside their code: it is made by the copy, so that it is
    /// the user's own, which one of `WORKDIR` is not; and the user's home, which otherwise is `/`.
    pub(super) fn own(&mut self, options: &str, from: &str, user: &str) {
        let options = format!("{options} --chown={user}");
        self.copy(options.trim_start(), &[from.to_owned()], "/app/");
        self.line("WORKDIR /app");
    }

    /// The last lines of every image: who runs it, where it listens, what it runs.
    pub(super) fn end(&mut self, user: &str, command: &str) {
        self.line(format!("ENV PORT={PORT}"));
        self.line(format!("EXPOSE {PORT}"));
        let user = Line::Text(format!("USER {user}"));
        // A step before may be the user's already.
        if !self.lines.contains(&user) {
            self.lines.push(user);
        }
        self.line(format!("CMD {command}"));
    }

    /// Puts another image in the place of one, whatever its tag.
    pub(super) fn build_on(&mut self, one: &str, other: &str) {
        for line in &mut self.lines {
            let Line::Text(text) = line else { continue };
            let from = text.strip_prefix("FROM ").and_then(|rest| rest.strip_prefix(one));
            if let Some(tag) = from.filter(|tag| tag.starts_with(':')) {
                let stage = tag.split_once(' ').map_or("", |(_, stage)| stage);
                format!("FROM {other} {stage}").trim_end().clone_into(text);
            }
        }
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Text(line) => text.push_str(line),
                Line::Run { caches, command } => {
                    text.push_str("RUN ");
                    for cache in caches {
                        text.push_str("--mount=type=cache,target=");
                        text.push_str(cache);
                        text.push_str(" \\\n    ");
                    }
                    text.push_str(command);
                }
            }
            text.push('\n');
        }
        text
    }
}

/// Words in exec form: JSON, no shell.
pub(super) fn exec(words: &[impl AsRef<str>]) -> String {
    let words: Vec<String> = words.iter().map(|word| json(word.as_ref())).collect();
    format!("[{}]", words.join(", "))
}

/// A command that a shell starts, for its variables, and leaves its place to.
pub(super) fn shell(command: &str) -> String {
    exec(&["sh", "-c", command])
}

fn json(word: &str) -> String {
    let mut text = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

/// A word of `COPY` that means itself.
fn literal(word: &str) -> String {
    let mut text = String::new();
    for letter in word.chars() {
        match letter {
            '$' => text.push_str("\\$"),
            '*' | '?' | '[' => {
                text.push('[');
                if letter == '[' {
                    text.push('[');
                } else {
                    text.push(letter);
                }
                text.push(']');
            }
            letter => text.push(letter),
        }
    }
    text
}

/// A word for a shell, and for `ENV` and `FROM` no less plain.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!(
            "'{}'",
            word.replace('\'', r#"'"'"'"#).replace(char::is_control, "")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves() {
        assert_eq!(exec(&["a b", "\"\\", "\n"]), r#"["a b", "\"\\", "\u000a"]"#);
        assert_eq!(quoted("cmd/api"), "cmd/api");
        assert_eq!(quoted("$(rm)'"), r#"'$(rm)'"'"''"#);
        let mut file = Dockerfile::default();
        file.copy("", &["a$b*".to_owned()], "./");
        assert_eq!(file.text(), "COPY [\"a\\\\$b[*]\", \"./\"]\n");
    }

    #[test]
    fn a_step_keeps_its_caches_in_mounts() {
        let mut file = Dockerfile::default();
        file.run(&["/root/.npm", "/tmp/x"], "npm ci");
        assert_eq!(
            file.text(),
            "RUN --mount=type=cache,target=/root/.npm \\\n    --mount=type=cache,target=/tmp/x \\\n    npm ci\n"
        );
    }
}
