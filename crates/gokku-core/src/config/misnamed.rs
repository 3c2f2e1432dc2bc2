//! Files that are nearly called what is looked for: whoever wrote them means them, and nothing of them would count. So they
//! are never passed over in silence.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an app's image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A Dockerfile of its own.
    Dockerfile,
    /// A language that was found.
    Language,
    /// A registry: nothing is built.
    Image,
    /// Nothing that was found.
    Nothing,
}

/// What a file was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Intended {
    GokkuYml,
    Procfile,
    Dockerfile,
    Dockerignore,
    Compose,
}

/// The names that are looked at, in small letters, and what each was to be. Windows' Notepad adds `.txt`; Podman's names are
/// those with `container`.
const NAMES: [(&str, Intended); 20] = [
    ("gokku.yml", Intended::GokkuYml),
    ("gokku.yaml", Intended::GokkuYml),
    (".gokku.yml", Intended::GokkuYml),
    (".gokku.yaml", Intended::GokkuYml),
    ("gokku.yml.txt", Intended::GokkuYml),
    ("procfile", Intended::Procfile),
    ("procfile.txt", Intended::Procfile),
    ("dockerfile", Intended::Dockerfile),
    ("dockerfile.txt", Intended::Dockerfile),
    ("containerfile", Intended::Dockerfile),
    (".dockerfile", Intended::Dockerfile),
    (".dockerignore", Intended::Dockerignore),
    ("dockerignore", Intended::Dockerignore),
    (".dockerignore.txt", Intended::Dockerignore),
    (".containerignore", Intended::Dockerignore),
    ("docker-compose.yml", Intended::Compose),
    ("docker-compose.yaml", Intended::Compose),
    ("compose.yml", Intended::Compose),
    ("compose.yaml", Intended::Compose),
    ("container-compose.yml", Intended::Compose),
];

impl Intended {
    /// What is read.
    fn right(self) -> &'static str {
        match self {
            Self::GokkuYml => "gokku.yml",
            Self::Procfile => "Procfile",
            Self::Dockerfile | Self::Compose => "Dockerfile",
            Self::Dockerignore => ".dockerignore",
        }
    }

    /// Whether it counts only at the repository's top.
    fn at_top(self) -> bool {
        matches!(self, Self::GokkuYml | Self::Dockerignore)
    }
}

/// A file that is not what it was to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Misnamed {
    /// Its path.
    pub path: String,
    /// Whether nothing may be deployed with it: what runs would be another thing than what it says.
    pub refused: bool,
    intended: Intended,
    beside: bool,
}

impl fmt::Display for Misnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, right) = (&self.path, self.intended.right());
        write!(f, "{path} is not read")?;
        match self.intended {
            Intended::Compose => f.write_str(
                ", because Docker Compose's services are not run here: add a Dockerfile for the app, or `image:` to gokku.yml",
            ),
            _ if self.beside => write!(f, ", because there is {right}, too: remove one of the two"),
            Intended::Dockerfile => write!(
                f,
                ": call it Dockerfile, or name it in gokku.yml, `dockerfile: {path}`"
            ),
            Intended::Dockerignore => write!(
                f,
                ", and what it lists is sent to the builder: call it {right}"
            ),
            Intended::GokkuYml | Intended::Procfile => write!(f, ": call it {right}"),
        }
    }
}

/// Returns the misnamed files of a folder, given the names of all files in it; its path is empty for the repository's
/// top.
pub fn misnamed(folder: &str, names: &[String], origin: Origin) -> Vec<Misnamed> {
    let has = |right: &str| names.iter().any(|name| name == right);
    let mut found = Vec::new();
    for name in names {
        let small = name.to_lowercase();
        let Some((_, intended)) = NAMES.iter().find(|(known, _)| *known == small) else {
            continue;
        };
        let (intended, right) = (*intended, intended.right());
        let beside = has(right);
        let told = name != right
            && (folder.is_empty() || !intended.at_top())
            && match intended {
                Intended::GokkuYml | Intended::Procfile => true,
                Intended::Dockerfile => matches!(origin, Origin::Language | Origin::Nothing) && !beside,
                Intended::Dockerignore => matches!(origin, Origin::Language | Origin::Dockerfile) && !beside,
                Intended::Compose => origin == Origin::Nothing,
            };
        if told {
            let refused = match intended {
                Intended::GokkuYml | Intended::Procfile => !beside,
                Intended::Dockerfile | Intended::Compose => origin == Origin::Nothing,
                Intended::Dockerignore => false,
            };
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            found.push(Misnamed {
                path,
                refused,
                intended,
                beside,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(folder: &str, names: &[&str], origin: Origin) -> String {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let lines = misnamed(folder, &names, origin);
        let lines = lines.iter().map(|found| {
            let word = if found.refused { "refused" } else { "noted" };
            format!("{word}: {found}\n")
        });
        lines.collect()
    }

    /// Every name that is nearly right, where the right one is not there and where it is, by what the image comes from.
    #[test]
    fn files_that_are_nearly_called_what_is_looked_for() {
        use Origin::{Dockerfile, Image, Language, Nothing};
        for (names, origins, lines) in [
            (
                &["gokku.yaml"][..],
                &[Dockerfile, Language, Image, Nothing][..],
                "refused: gokku.yaml is not read: call it gokku.yml\n",
            ),
            (
                &["Gokku.YML"],
                &[Dockerfile],
                "refused: Gokku.YML is not read: call it gokku.yml\n",
            ),
            (
                &[".gokku.yml"],
                &[Dockerfile],
                "refused: .gokku.yml is not read: call it gokku.yml\n",
            ),
            (
                &["gokku.yaml", "gokku.yml"],
                &[Dockerfile, Language, Image, Nothing],
                "noted: gokku.yaml is not read, because there is gokku.yml, too: remove one of the two\n",
            ),
            (&["gokku.yml"], &[Dockerfile, Language, Image, Nothing], ""),
            (
                &["procfile"],
                &[Dockerfile, Language, Image, Nothing],
                "refused: procfile is not read: call it Procfile\n",
            ),
            (
                &["PROCFILE"],
                &[Dockerfile],
                "refused: PROCFILE is not read: call it Procfile\n",
            ),
            (
                &["Procfile.txt"],
                &[Dockerfile],
                "refused: Procfile.txt is not read: call it Procfile\n",
            ),
            (
                &["Procfile", "procfile"],
                &[Dockerfile],
                "noted: procfile is not read, because there is Procfile, too: remove one of the two\n",
            ),
            (&["Procfile", "Procfile.dev"], &[Dockerfile, Nothing], ""),
            (
                &["dockerfile"],
                &[Nothing],
                "refused: dockerfile is not read: call it Dockerfile, or name it in gokku.yml, `dockerfile: dockerfile`\n",
            ),
            (
                &["dockerfile", "package.json"],
                &[Language],
                "noted: dockerfile is not read: call it Dockerfile, or name it in gokku.yml, `dockerfile: dockerfile`\n",
            ),
            (
                &["Containerfile"],
                &[Nothing],
                "refused: Containerfile is not read: call it Dockerfile, or name it in gokku.yml, `dockerfile: Containerfile`\n",
            ),
            (
                &["Containerfile", "go.mod"],
                &[Language],
                "noted: Containerfile is not read: call it Dockerfile, or name it in gokku.yml, `dockerfile: Containerfile`\n",
            ),
            // What was built by is what was named.
            (&["Containerfile", "Dockerfile", "dockerfile"], &[Dockerfile], ""),
            (&["Containerfile"], &[Dockerfile, Image], ""),
            (
                &["docker-compose.yml"],
                &[Nothing],
                "refused: docker-compose.yml is not read, because Docker Compose's services are not run here: add a Dockerfile for the app, or `image:` to gokku.yml\n",
            ),
            (
                &["compose.yaml"],
                &[Nothing],
                "refused: compose.yaml is not read, because Docker Compose's services are not run here: add a Dockerfile for the app, or `image:` to gokku.yml\n",
            ),
            // Beside something that is built, a compose file is for developers.
            (
                &["Dockerfile", "compose.yaml", "docker-compose.yml"],
                &[Dockerfile, Language, Image],
                "",
            ),
            (
                &[".containerignore"],
                &[Dockerfile, Language],
                "noted: .containerignore is not read, and what it lists is sent to the builder: call it .dockerignore\n",
            ),
            (
                &["dockerignore"],
                &[Dockerfile],
                "noted: dockerignore is not read, and what it lists is sent to the builder: call it .dockerignore\n",
            ),
            (&[".containerignore", ".dockerignore"], &[Dockerfile], ""),
            (&[".containerignore"], &[Image, Nothing], ""),
            (
                &["README.md", "src", "Makefile"],
                &[Dockerfile, Language, Image, Nothing],
                "",
            ),
            (&[], &[Nothing], ""),
        ] {
            for origin in origins {
                assert_eq!(told("", names, *origin), lines, "{names:?}, {origin:?}");
            }
        }
        // Below the top, where some apps are, only what is looked for there.
        assert_eq!(
            told(
                "apps/api",
                &["procfile", "gokku.yaml", ".containerignore"],
                Dockerfile
            ),
            "refused: apps/api/procfile is not read: call it Procfile\n"
        );
        assert_eq!(
            told("apps/api", &["dockerfile"], Nothing),
            "refused: apps/api/dockerfile is not read: call it Dockerfile, or name it in gokku.yml, `dockerfile: apps/api/dockerfile`\n"
        );
    }
}
